// SPDX-License-Identifier: Apache-2.0

// The loops of ../growth.c in Go. Run with as many operations as weft-bench does: -test.benchtime=NUMBERx.
package main

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// grow runs body for each size, as a benchmark of its own. Called with b.N below the size, as testing does to find the
// sub-benchmarks and to warm up, body is left out: to set up a million goroutines takes long.
func grow(b *testing.B, least int, body func(b *testing.B, size int)) {
	for size := least; size <= 1000000; size *= 10 {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			if b.N > 1 {
				body(b, size)
			}
		})
	}
}

func BenchmarkGrowSpawn(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		batch := func() {
			var wg sync.WaitGroup
			for range size {
				wg.Go(nothing)
			}
			wg.Wait()
		}
		batch()
		b.ResetTimer()
		for left := b.N; left > 0; left -= size {
			batch()
		}
	})
}

func BenchmarkGrowYield(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		var arrived atomic.Int64
		var open atomic.Bool
		var wg sync.WaitGroup
		turns := b.N / size
		for range size {
			wg.Go(func() {
				if arrived.Add(1) == int64(size) {
					b.ResetTimer()
					open.Store(true)
				}
				for !open.Load() {
					runtime.Gosched()
				}
				for range turns {
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
	})
}

func BenchmarkGrowRing(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		first := make(chan int)
		last := first
		for i := 1; i < size; i++ {
			in, out := last, make(chan int)
			go func() {
				for token := range in {
					out <- token
				}
				close(out)
			}()
			last = out
		}
		first <- 0
		<-last
		b.ResetTimer()
		for i := 0; i < b.N; i += size {
			first <- i
			<-last
		}
		b.StopTimer()
		close(first)
		<-last
	})
}

func BenchmarkGrowSenders(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		c := make(chan int)
		var wg sync.WaitGroup
		each := b.N/size + 1
		for range size {
			wg.Go(func() { sendAll(each, c) })
		}
		for range size {
			<-c
		}
		b.ResetTimer()
		for i := 0; i < b.N; i++ {
			<-c
		}
		b.StopTimer()
		wg.Wait()
	})
}

func closeOnce(b *testing.B, size int) {
	gate := make(chan bool)
	var parked, ended sync.WaitGroup
	parked.Add(size)
	ended.Add(size)
	for range size {
		go func() {
			parked.Done()
			<-gate
			ended.Done()
		}()
	}
	parked.Wait()
	b.StartTimer()
	close(gate)
	ended.Wait()
	b.StopTimer()
}

func BenchmarkGrowClose(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		b.StopTimer()
		closeOnce(b, size)
		b.ResetTimer()
		for i := 0; i < b.N; i += size {
			closeOnce(b, size)
		}
	})
}

func BenchmarkGrowCapacity(b *testing.B) {
	grow(b, 1, func(b *testing.B, size int) {
		c := make(chan int, size)
		var wg sync.WaitGroup
		wg.Go(func() { sendAll(b.N+size, c) })
		for range size {
			<-c
		}
		b.ResetTimer()
		for i := 0; i < b.N; i++ {
			<-c
		}
		b.StopTimer()
		wg.Wait()
	})
}

func never() {}

func makeTimers(count int) []*time.Timer {
	timers := make([]*time.Timer, count)
	for i := range timers {
		timers[i] = time.AfterFunc(time.Hour+time.Duration(i*7919%count)*time.Microsecond, never)
	}
	return timers
}

func stopTimers(timers []*time.Timer) {
	for _, timer := range timers {
		timer.Stop()
	}
}

func startStop(turns, count int) {
	for i := range turns {
		time.AfterFunc(time.Hour+time.Duration(i*7919%count)*time.Microsecond, never).Stop()
	}
}

func BenchmarkGrowTimers(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		timers := makeTimers(size)
		startStop(b.N/10, size)
		b.ResetTimer()
		startStop(b.N, size)
		b.StopTimer()
		stopTimers(timers)
	})
}

func BenchmarkGrowIdle(b *testing.B) {
	grow(b, 100, func(b *testing.B, size int) {
		gate := make(chan bool)
		var parked, ended sync.WaitGroup
		parked.Add(size)
		ended.Add(size)
		for range size {
			go func() {
				parked.Done()
				<-gate
				ended.Done()
			}()
		}
		parked.Wait()
		timers := makeTimers(size)
		time.Sleep(50 * time.Millisecond)

		start, before := time.Now(), cpu()
		time.Sleep(250 * time.Millisecond)
		b.ReportMetric((cpu()-before)/time.Since(start).Seconds(), "cpu-ns/op")

		stopTimers(timers)
		close(gate)
		ended.Wait()
	})
}
