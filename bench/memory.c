/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - what a parked goroutine costs: memory (resident pages and page tables), time to create and park, time to
 * wake and end. go/parked.go is the same program in Go. One run per process, so that nothing is warm.
 *
 * Each goroutine counts itself down and waits for a channel that is closed in the end. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* Kilobytes of a line of /proc/self/status. */
static long status_kb(const char *name)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kb = -1;
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), " %ld", &kb);
    if (file)
        fclose(file);
    return kb;
}

static void waiter(weft_waitgroup *parked, weft_chan(bool) gate, weft_waitgroup *ended)
{
    weft_waitgroup_done(parked);
    weft_chan_recv(gate, NULL);
    weft_waitgroup_done(ended);
}

int bench_parked(int64_t count)
{
    weft_chan(bool) gate = weft_chan_make(bool, 0);
    weft_waitgroup parked = WEFT_WAITGROUP_INIT, ended = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&parked, (int)count);
    weft_waitgroup_add(&ended, (int)count);
    long rss = status_kb("VmRSS:"), pte = status_kb("VmPTE:");

    int64_t start = weft_now();
    for (int64_t i = 0; i < count; i++)
        if (weft_go(waiter, &parked, gate, &ended) != 0)
            return 1;
    weft_waitgroup_wait(&parked);
    int64_t create = weft_now() - start;

    rss = status_kb("VmRSS:") - rss;
    pte = status_kb("VmPTE:") - pte;

    start = weft_now();
    weft_chan_close(gate);
    weft_waitgroup_wait(&ended);
    int64_t end = weft_now() - start;

    double n = (double)count;
    printf("parked %lld rss %.1f pte %.1f create %.1f end %.1f\n", (long long)count, 1024.0 * (double)rss / n,
           1024.0 * (double)pte / n, (double)create / n, (double)end / n);
    return 0;
}
