/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.c - the harness: the timer, how n grows, parallel cases. See bench.h.
 *
 * Callers: goroutines of one run; a struct bench is used by one goroutine at a time, a share by its own. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_MAX = 1000000000, GRAIN_NS = 100000, GRAIN_MAX = 10000 };

void *bench_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    return memory;
}

void bench_start_timer(struct bench *b)
{
    if (b->started < 0)
        b->started = weft_now();
}

void bench_stop_timer(struct bench *b)
{
    if (b->started >= 0) {
        b->elapsed += weft_now() - b->started;
        b->started = -1;
    }
}

void bench_reset_timer(struct bench *b)
{
    b->elapsed = 0;
    if (b->started >= 0)
        b->started = weft_now();
}

void bench_skip(struct bench *b, const char *reason)
{
    b->skipped = reason;
}

void bench_report(struct bench *b, const char *unit, double value)
{
    b->metrics[b->metrics[0].unit ? 1 : 0] = (struct bench_metric){unit, value};
}

int64_t bench_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * WEFT_SECOND + now.tv_nsec;
}

/* --- parallel cases --- */

bool bench_next_batch(struct bench_share *share)
{
    /* relaxed: the counter shares out numbers, nothing else is published through it */
    uint64_t taken = atomic_fetch_add_explicit(share->taken, share->grain, memory_order_relaxed);
    if (taken >= share->n)
        return false;
    uint64_t rest = share->n - taken;
    share->left = rest < share->grain ? rest : share->grain;
    return true;
}

struct parallel {
    _Atomic uint64_t taken;
    uint64_t grain, n;
    void (*body)(struct bench_share *, void *);
    void *arg;
};

static void parallel_main(struct parallel *p)
{
    struct bench_share share = {.taken = &p->taken, .grain = p->grain, .n = p->n};
    p->body(&share, p->arg);
}

void bench_run_parallel(struct bench *b, void (*body)(struct bench_share *share, void *arg), void *arg)
{
    struct parallel p = {.n = (uint64_t)b->n, .body = body, .arg = arg};
    if (b->previous_n > 0 && b->previous_elapsed > 0)
        p.grain = (uint64_t)(GRAIN_NS * b->previous_n / b->previous_elapsed);
    if (p.grain < 1)
        p.grain = 1;
    if (p.grain > GRAIN_MAX)
        p.grain = GRAIN_MAX;

    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < b->procs * b->parallelism; i++)
        weft_waitgroup_go(&wg, parallel_main, &p);
    weft_waitgroup_wait(&wg);
    if (atomic_load(&p.taken) < p.n) {
        fprintf(stderr, "bench: a parallel body ended before its iterations did\n");
        exit(1);
    }
}

/* --- measuring --- */

static void run_n(const struct bench_case *c, struct bench *b, int64_t n)
{
    b->n = n;
    b->parallelism = 1;
    b->metrics[0].unit = b->metrics[1].unit = NULL;
    b->elapsed = 0;
    b->started = weft_now();
    c->run(b);
    bench_stop_timer(b);
    b->previous_n = n;
    b->previous_elapsed = b->elapsed;
}

/* Enough for goal ns by the last run's speed and a fifth more, but not over a hundred times as many as last. */
static int64_t predict(int64_t goal, const struct bench *b)
{
    int64_t elapsed = b->elapsed > 0 ? b->elapsed : 1;
    double wanted = 1.2 * (double)goal * (double)b->n / (double)elapsed;
    int64_t n = wanted > (double)(100 * b->n) ? 100 * b->n : (int64_t)wanted;
    if (n <= b->n)
        n = b->n + 1;
    return n < N_MAX ? n : N_MAX;
}

static void measure_main(const struct bench_case *c, struct bench *b, int64_t benchtime, int64_t iterations)
{
    if (iterations == 0)
        iterations = c->iterations;
    run_n(c, b, iterations > 0 ? iterations : 1);
    if (iterations > 0)
        return;
    while (!b->skipped && b->elapsed < benchtime && b->n < N_MAX)
        run_n(c, b, predict(benchtime, b));
}

struct bench_result bench_measure(const struct bench_case *c, int procs, int64_t benchtime, int64_t iterations)
{
    struct bench b = {.procs = procs, .size = c->size, .started = -1};
    /* As in Go, the benchmark has a goroutine of its own, and the main one waits. */
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, measure_main, c, &b, benchtime, iterations);
    weft_waitgroup_wait(&wg);
    return (struct bench_result){
        .ns = (double)b.elapsed / (double)b.n, .n = b.n, .skipped = b.skipped, .metrics = {b.metrics[0], b.metrics[1]}};
}
