package main

import (
	"slices"
	"sync"
	"syscall"
	"time"
)

// meter measures from its start on.
type meter struct {
	start        time.Time
	user, system time.Duration
}

// used is what a stretch of work took.
type used struct{ time, user, system time.Duration }

func startMeter() meter {
	user, system := processorTime()
	return meter{start: time.Now(), user: user, system: system}
}

func (m meter) stop() used {
	elapsed := time.Since(m.start)
	user, system := processorTime()
	return used{elapsed, user - m.user, system - m.system}
}

func processorTime() (user, system time.Duration) {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
}

// latencies keeps all of them: there are some hundred thousand at most.
type latencies struct {
	lock sync.Mutex
	all  []time.Duration
}

func (l *latencies) record(latency time.Duration) {
	l.lock.Lock()
	l.all = append(l.all, latency)
	l.lock.Unlock()
}

func (l *latencies) reset() { l.all = l.all[:0] }

// quantiles are in microseconds; nil where nothing was recorded.
func (l *latencies) quantiles() map[string]float64 {
	if len(l.all) == 0 {
		return nil
	}
	slices.Sort(l.all)
	micros := func(quantile float64) float64 {
		at := min(int(quantile*float64(len(l.all))), len(l.all)-1)
		return float64(l.all[at].Nanoseconds()) / 1000
	}
	return map[string]float64{"p50": micros(0.5), "p99": micros(0.99), "p999": micros(0.999)}
}
