// franz-go under the benchmark's contract.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const version = "1.22.2"

func main() {
	task := readTask()
	client := connect(task)
	defer client.Close()
	tally := newTally(task)
	send(task, client, tally, task.warmup)
	tally.latencies.reset()
	tally.acknowledged.Store(0)
	before := startMeter()
	send(task, client, tally, task.records)
	used := before.stop()
	line, err := json.Marshal(map[string]any{
		"version":           version,
		"acknowledged":      tally.acknowledged.Load(),
		"seconds":           used.time.Seconds(),
		"cpu_user_s":        used.user.Seconds(),
		"cpu_system_s":      used.system.Seconds(),
		"peak_memory_bytes": peakMemory(),
		"latency_us":        tally.latencies.quantiles(),
	})
	check(err)
	fmt.Println(string(line))
}

func connect(task task) *kgo.Client {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(),
		"lz4":  kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression(),
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(task.bootstrap...),
		kgo.DefaultProduceTopic(task.topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(task.linger),
		kgo.ProducerBatchMaxBytes(int32(task.batchBytes)),
		kgo.MaxBufferedBytes(task.bufferBytes),
		kgo.MaxBufferedRecords(1<<30),
		kgo.ProducerBatchCompression(codecs[task.compression]),
	)
	check(err)
	return client
}

// tally counts what promises report.
type tally struct {
	task         task
	acknowledged atomic.Int64
	latencies    latencies
}

func newTally(task task) *tally { return &tally{task: task} }

func (t *tally) known(record *kgo.Record, err error) {
	check(err)
	t.acknowledged.Add(1)
}

// send sends so many from all goroutines and waits until they are acknowledged.
func send(task task, client *kgo.Client, tally *tally, records int) {
	var lanes sync.WaitGroup
	for lane := range task.threads {
		share := records / task.threads
		if lane < records%task.threads {
			share++
		}
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			switch task.mode {
			case "flood":
				flood(task, client, tally, share)
			case "await":
				sendAwaited(task, client, tally, share)
			case "pace":
				sendPaced(task, client, tally, share)
			}
		}()
	}
	lanes.Wait()
	check(client.Flush(context.Background()))
}

func flood(task task, client *kgo.Client, tally *tally, records int) {
	payload := task.payload
	for range records {
		client.Produce(context.Background(), &kgo.Record{Value: payload.next()}, tally.known)
	}
}

func sendAwaited(task task, client *kgo.Client, tally *tally, records int) {
	payload := task.payload
	for range records {
		due := time.Now()
		record := &kgo.Record{Value: payload.next()}
		check(client.ProduceSync(context.Background(), record).FirstErr())
		tally.latencies.record(time.Since(due))
		tally.acknowledged.Add(1)
	}
}

// sendPaced sends what is due within a millisecond together, as the other programs do.
func sendPaced(task task, client *kgo.Client, tally *tally, records int) {
	payload := task.payload
	perTick := task.rate / float64(task.threads) / 1000
	start := time.Now()
	for index := range records {
		due := start.Add(time.Duration(float64(index)/perTick) * time.Millisecond)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		client.Produce(context.Background(), &kgo.Record{Value: payload.next()},
			func(record *kgo.Record, err error) {
				if task.isHealthy(record.Partition) {
					tally.latencies.record(time.Since(due))
				}
				tally.known(record, err)
			})
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
