/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.c - workloads of many jobs: sleepers, pure work, and the fan-out of jobs to workers that the guide begins with.
 * go/jobs_test.go has the same loops in Go, peers/ in other systems.
 *
 * An operation of WorkSleepers100000 and of WorkFanOut10Sleep is all of it, of WorkFanOut1000000 one job, of WorkCompute
 * a fixed amount of work that as many goroutines as processors share: the time at one processor divided by that at two
 * is the speed-up. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

/* --- sleepers of 1 to 1,000 ms, started in no order of their ends --- */

enum { SLEEPERS = 100000 };

struct sleepers {
    weft_waitgroup wg;
    _Atomic int64_t early; /* by how much the worst woke before its time, ns */
};

static void sleeper(struct sleepers *s, int64_t duration)
{
    int64_t start = weft_now();
    weft_sleep(duration);
    int64_t early = start + duration - weft_now();
    int64_t worst = atomic_load(&s->early);
    while (early > worst && !atomic_compare_exchange_weak(&s->early, &worst, early))
        ;
    weft_waitgroup_done(&s->wg);
}

static void sleepers(struct bench *b)
{
    struct sleepers s = {.wg = WEFT_WAITGROUP_INIT};
    int64_t cpu = bench_cpu();
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_waitgroup_add(&s.wg, SLEEPERS);
        for (int64_t i = 0; i < SLEEPERS; i++)
            if (weft_go(sleeper, &s, (1 + i * 7919 % 1000) * WEFT_MILLISECOND) != 0)
                abort();
        weft_waitgroup_wait(&s.wg);
    }
    bench_report(b, "cpu-ns/op", (double)(bench_cpu() - cpu) / (double)b->n);
    bench_report(b, "early-ns", (double)atomic_load(&s.early));
}

/* --- pure work --- */

enum { TURNS = 4000000 };

static void compute_share(int64_t turns, _Atomic uint64_t *result)
{
    uint64_t x = 88172645463325252u;
    for (int64_t i = 0; i < turns; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    atomic_fetch_xor(result, x);
}

static void compute(struct bench *b)
{
    _Atomic uint64_t result = 0;
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int i = 0; i < b->procs; i++)
            weft_waitgroup_go(&wg, compute_share, (int64_t)(TURNS / b->procs), &result);
        weft_waitgroup_wait(&wg);
    }
}

/* --- jobs to workers, and their results back --- */

enum { WORKERS = 3, SLOTS = 10, JOBS = 1000000 };

static void worker(weft_chan(int64_t) jobs, weft_chan(int64_t) results, int64_t duration)
{
    int64_t job;
    while (weft_chan_recv(jobs, &job)) {
        if (duration > 0)
            weft_sleep(duration);
        weft_chan_send(results, job);
    }
}

static void feed(weft_chan(int64_t) jobs, int64_t count)
{
    for (int64_t job = 1; job <= count; job++)
        weft_chan_send(jobs, job);
    weft_chan_close(jobs);
}

static void close_when_done(weft_waitgroup *wg, weft_chan(int64_t) results)
{
    weft_waitgroup_wait(wg);
    weft_chan_close(results);
}

static void fan_out(int64_t count, int64_t duration)
{
    weft_chan(int64_t) jobs = weft_chan_make(int64_t, SLOTS), results = weft_chan_make(int64_t, SLOTS);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT, closed = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < WORKERS; i++)
        weft_waitgroup_go(&wg, worker, jobs, results, duration);
    weft_waitgroup_go(&closed, feed, jobs, count);
    weft_waitgroup_go(&closed, close_when_done, &wg, results);
    int64_t job, sum = 0;
    while (weft_chan_recv(results, &job))
        sum += job;
    weft_waitgroup_wait(&closed);
    if (sum != count * (count + 1) / 2) {
        fprintf(stderr, "bench: the results of the fan-out are not those of its jobs\n");
        exit(1);
    }
    weft_chan_free(jobs);
    weft_chan_free(results);
}

static void fan_out_empty(struct bench *b)
{
    for (int64_t left = b->n; left > 0; left -= JOBS)
        fan_out(left < JOBS ? left : JOBS, 0);
}

static void fan_out_sleep(struct bench *b)
{
    for (int64_t turn = 0; turn < b->n; turn++)
        fan_out(10, 500 * WEFT_MILLISECOND);
}

const struct bench_case bench_jobs[] = {
    {"WorkSleepers100000", sleepers, "workload"},
    {"WorkCompute", compute, "workload"},
    {"WorkFanOut1000000", fan_out_empty, "workload"},
    {"WorkFanOut10Sleep", fan_out_sleep, "workload"},
    {0},
};
