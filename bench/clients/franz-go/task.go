package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// task is what this program was told to do, in key=value words.
type task struct {
	bootstrap              []string
	topic, compression     string
	mode                   string
	records, warmup        int
	threads, brokers, late int
	batchBytes             int
	bufferBytes            int
	rate                   float64
	linger                 time.Duration
	payload                payload
}

func readTask() task {
	words := map[string]string{"late": "-1", "rate": "0"}
	for _, word := range os.Args[1:] {
		if key, value, found := strings.Cut(word, "="); found {
			words[key] = value
		}
	}
	number := func(key string) int {
		value, err := strconv.Atoi(words[key])
		check(err)
		return value
	}
	bytes, err := os.ReadFile(words["payload"])
	check(err)
	return task{
		bootstrap:   strings.Split(words["bootstrap"], ","),
		topic:       words["topic"],
		compression: words["compression"],
		mode:        words["mode"],
		records:     number("records"),
		warmup:      number("warmup"),
		threads:     number("threads"),
		brokers:     number("brokers"),
		late:        number("late"),
		batchBytes:  number("batch-bytes"),
		bufferBytes: number("buffer-bytes"),
		rate:        float64(number("rate")),
		linger:      time.Duration(number("linger-ms")) * time.Millisecond,
		payload:     payload{bytes: bytes, record: number("record-bytes")},
	}
}

// isHealthy tells whether latencies of this partition count: not those of a late broker.
func (t task) isHealthy(partition int32) bool {
	return t.late < 0 || int(partition)%t.brokers != t.late
}

// payload gives the records of a file, over and over.
type payload struct {
	bytes      []byte
	record, at int
}

func (p *payload) next() []byte {
	if p.at+p.record > len(p.bytes) {
		p.at = 0
	}
	start := p.at
	p.at += p.record
	return p.bytes[start:p.at:p.at]
}

func peakMemory() int {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			var kib int
			_, err := fmt.Sscan(rest, &kib)
			check(err)
			return kib * 1024
		}
	}
	return 0
}
