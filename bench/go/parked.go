// SPDX-License-Identifier: Apache-2.0

// Parked measures what a parked goroutine costs in Go; ../memory.c is the same program in C.
// Usage: parked COUNT PROCS
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// statusKB returns the kilobytes of a line of /proc/self/status.
func statusKB(name string) float64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == name {
			kb, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				panic(err)
			}
			return kb
		}
	}
	return -1
}

func argument(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

func main() {
	count := argument(1)
	runtime.GOMAXPROCS(argument(2))

	gate := make(chan bool)
	var parked, ended sync.WaitGroup
	parked.Add(count)
	ended.Add(count)
	rss, pte := statusKB("VmRSS:"), statusKB("VmPTE:")

	start := time.Now()
	for i := 0; i < count; i++ {
		go func() {
			parked.Done()
			<-gate
			ended.Done()
		}()
	}
	parked.Wait()
	create := time.Since(start)

	rss = statusKB("VmRSS:") - rss
	pte = statusKB("VmPTE:") - pte

	start = time.Now()
	close(gate)
	ended.Wait()
	end := time.Since(start)

	n := float64(count)
	fmt.Printf("parked %d rss %.1f pte %.1f create %.1f end %.1f\n", count, 1024*rss/n, 1024*pte/n,
		float64(create.Nanoseconds())/n, float64(end.Nanoseconds())/n)
}
