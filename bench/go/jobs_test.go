// SPDX-License-Identifier: Apache-2.0

// The loops of ../jobs.c in Go; the benchmarks have the cases' names.
package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpu returns the processor time of the process so far, in nanoseconds.
func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkWorkSleepers100000(b *testing.B) {
	const sleepers = 100000
	var worst atomic.Int64
	start := cpu()
	for turn := 0; turn < b.N; turn++ {
		var wg sync.WaitGroup
		wg.Add(sleepers)
		for i := range sleepers {
			duration := time.Duration(1+i*7919%1000) * time.Millisecond
			go func() {
				start := time.Now()
				time.Sleep(duration)
				early := int64(duration - time.Since(start))
				for old := worst.Load(); early > old && !worst.CompareAndSwap(old, early); old = worst.Load() {
				}
				wg.Done()
			}()
		}
		wg.Wait()
	}
	b.ReportMetric((cpu()-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(worst.Load()), "early-ns")
}

func BenchmarkWorkCompute(b *testing.B) {
	const turns = 4000000
	var result atomic.Uint64
	procs := runtime.GOMAXPROCS(0)
	for turn := 0; turn < b.N; turn++ {
		var wg sync.WaitGroup
		for range procs {
			wg.Go(func() {
				x := uint64(88172645463325252)
				for i := 0; i < turns/procs; i++ {
					x ^= x << 13
					x ^= x >> 7
					x ^= x << 17
				}
				result.Add(x)
			})
		}
		wg.Wait()
	}
}

func fanOut(b *testing.B, count int, duration time.Duration) {
	const workers, slots = 3, 10
	jobs, results := make(chan int, slots), make(chan int, slots)
	var wg, closed sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for job := range jobs {
				if duration > 0 {
					time.Sleep(duration)
				}
				results <- job
			}
		})
	}
	closed.Go(func() {
		for job := 1; job <= count; job++ {
			jobs <- job
		}
		close(jobs)
	})
	closed.Go(func() {
		wg.Wait()
		close(results)
	})
	sum := 0
	for job := range results {
		sum += job
	}
	closed.Wait()
	if sum != count*(count+1)/2 {
		b.Fatal("wrong sum")
	}
}

func BenchmarkWorkFanOut1000000(b *testing.B) {
	const jobs = 1000000
	for left := b.N; left > 0; left -= jobs {
		fanOut(b, min(left, jobs), 0)
	}
}

func BenchmarkWorkFanOut10Sleep(b *testing.B) {
	for turn := 0; turn < b.N; turn++ {
		fanOut(b, 10, 500*time.Millisecond)
	}
}
