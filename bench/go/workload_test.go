// SPDX-License-Identifier: Apache-2.0

// The loops of ../workload.c in Go; the benchmarks have the cases' names.
package main

import (
	"runtime"
	"sync"
	"testing"
)

const (
	batchSize = 10000
	ringSize  = 503
	leaves    = 1000000
	primes    = 2000
	primeMax  = 17389
)

func nothing() {}

func BenchmarkWorkSpawnJoin(b *testing.B) {
	for i := 0; i < b.N; i++ {
		var wg sync.WaitGroup
		wg.Go(nothing)
		wg.Wait()
	}
}

func BenchmarkWorkBatch10000(b *testing.B) {
	for left := b.N; left > 0; left -= batchSize {
		var wg sync.WaitGroup
		for i := 0; i < batchSize && i < left; i++ {
			wg.Go(nothing)
		}
		wg.Wait()
	}
}

func yieldAmong(b *testing.B, tasks int) {
	var wg sync.WaitGroup
	for range tasks {
		wg.Go(func() {
			for i := 0; i < b.N/tasks+1; i++ {
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
}

func BenchmarkWorkYield2(b *testing.B)    { yieldAmong(b, 2) }
func BenchmarkWorkYield1000(b *testing.B) { yieldAmong(b, 1000) }

func BenchmarkWorkPingPong(b *testing.B) {
	ping, pong := make(chan int), make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; i < b.N; i++ {
			pong <- <-ping
		}
	})
	for i := 0; i < b.N; i++ {
		ping <- i
		<-pong
	}
	wg.Wait()
}

func sendAll(n int, c chan int) {
	for i := 0; i < n; i++ {
		c <- i
	}
}

func buffered(b *testing.B, pairs int) {
	c := make(chan int, 128)
	var senders, receivers sync.WaitGroup
	for range pairs {
		senders.Go(func() { sendAll(b.N/pairs+1, c) })
		receivers.Go(func() {
			for range c {
			}
		})
	}
	senders.Wait()
	close(c)
	receivers.Wait()
}

func BenchmarkWorkBuffered1to1(b *testing.B) { buffered(b, 1) }
func BenchmarkWorkBuffered4to4(b *testing.B) { buffered(b, 4) }

func BenchmarkWorkSelect2(b *testing.B) {
	c0, c1 := make(chan int), make(chan int)
	n := b.N/2 + 1
	var wg sync.WaitGroup
	wg.Go(func() { sendAll(n, c0) })
	wg.Go(func() { sendAll(n, c1) })
	for i := 0; i < 2*n; i++ {
		select {
		case <-c0:
		case <-c1:
		}
	}
	wg.Wait()
}

func BenchmarkWorkSelect8(b *testing.B) {
	const width = 8
	var c [width]chan int
	n := b.N/width + 1
	var wg sync.WaitGroup
	for i := range c {
		c[i] = make(chan int)
		wg.Go(func() { sendAll(n, c[i]) })
	}
	for i := 0; i < width*n; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
	wg.Wait()
}

func BenchmarkWorkRing503(b *testing.B) {
	var c [ringSize]chan int
	for i := range c {
		c[i] = make(chan int)
	}
	var wg sync.WaitGroup
	for i := range c {
		in, out := c[i], c[(i+1)%ringSize]
		wg.Go(func() {
			for token := 1; token > 0; {
				token = <-in
				if token > 1-ringSize {
					out <- token - 1
				}
			}
		})
	}
	c[0] <- b.N
	wg.Wait()
}

func sky(parent chan int, number, size int) {
	if size == 1 {
		parent <- number
		return
	}
	c := make(chan int)
	for i := range 10 {
		go sky(c, number+i*(size/10), size/10)
	}
	sum := 0
	for range 10 {
		sum += <-c
	}
	parent <- sum
}

func BenchmarkWorkSkynet1000000(b *testing.B) {
	c := make(chan int)
	for i := 0; i < b.N; i++ {
		go sky(c, 0, leaves)
		if <-c != leaves*(leaves-1)/2 {
			b.Fatal("wrong sum")
		}
	}
}

func filter(prime int, in, out chan int) {
	for number := range in {
		if number%prime != 0 {
			out <- number
		}
	}
	close(out)
}

func BenchmarkWorkSieve2000(b *testing.B) {
	for turn := 0; turn < b.N; turn++ {
		c := make(chan int)
		var wg sync.WaitGroup
		first := c
		wg.Go(func() {
			for i := 2; i <= primeMax; i++ {
				first <- i
			}
			close(first)
		})
		count := 0
		for ; ; count++ {
			prime, ok := <-c
			if !ok {
				break
			}
			in, out := c, make(chan int)
			wg.Go(func() { filter(prime, in, out) })
			c = out
		}
		wg.Wait()
		if count != primes {
			b.Fatal("wrong number of primes: ", count)
		}
	}
}

func BenchmarkWorkMutex8(b *testing.B) {
	const tasks = 8
	var mutex sync.Mutex
	count := 0
	var wg sync.WaitGroup
	for range tasks {
		wg.Go(func() {
			for i := 0; i < b.N/tasks+1; i++ {
				mutex.Lock()
				count++
				mutex.Unlock()
			}
		})
	}
	wg.Wait()
}
