/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.h - the harness that the benchmark groups are written against; Go's testing.B in C.
 *
 * A case is a name and a function that does its operation b->n times. The harness calls it with growing n until one
 * call takes long enough, so the earlier calls are the warm-up, and reports the last call's time per operation. How n
 * grows, how a parallel case shares its iterations and how large the shares are follow Go's testing package (predictN,
 * RunParallel, PB.Next): the same loop then costs the same on both sides, and the difference is the library's.
 *
 * A group is one file with a table of cases, ended by a case without a name, and one line in main.c. A case that exists
 * in Go names the package of the benchmark; `run` finds it there under the same name. */
#ifndef WEFT_BENCH_H
#define WEFT_BENCH_H

#include <stdatomic.h>
#include <weft.h>

/* A figure beside the time per operation; Go's b.ReportMetric. */
struct bench_metric {
    const char *unit;
    double value;
};

struct bench {
    int64_t n;           /* how often to do the operation */
    int procs;           /* weft_procs of this run */
    int parallelism;     /* goroutines per processor of bench_run_parallel; a case may raise it before */
    int64_t size;        /* the case's, where it has one: goroutines, slots, cases of a select (growth.c) */
    const char *skipped; /* by bench_skip: why */
    /* --- the harness's own --- */
    int64_t started; /* weft_now when the timer was last started, or -1 while it stands */
    int64_t elapsed; /* ns up to then */
    int64_t previous_n, previous_elapsed;
    struct bench_metric metrics[2];
};

/* Most cases have neither size nor iterations. A pragma, as an option would come before -Wextra. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
struct bench_case {
    const char *name; /* Go's, without "Benchmark"; a sub-benchmark after a slash */
    void (*run)(struct bench *b);
    const char *go_package; /* where Go has it: "runtime", ..., "workload" (go/workload_test.go); NULL: only ours */
    int64_t size;           /* for struct bench */
    int64_t iterations;     /* above 0: one call of so many operations, since what has to be set up for it is large */
};

/* The groups: each table ends with a case without a name. */
extern const struct bench_case bench_chan[];
extern const struct bench_case bench_context[];
extern const struct bench_case bench_growth[];
extern const struct bench_case bench_jobs[];
extern const struct bench_case bench_select[];
extern const struct bench_case bench_spawn[];
extern const struct bench_case bench_sync[];
extern const struct bench_case bench_time[];
extern const struct bench_case bench_workload[];

/* What a measurement gives: ns per operation of the last call and how many operations that was; or why there is none. */
struct bench_result {
    double ns;
    int64_t n;
    const char *skipped;
    struct bench_metric metrics[2];
};

/* Run a case until one call takes at least benchtime ns, or, if iterations is above 0, one call of so many operations;
 * inside a goroutine. */
struct bench_result bench_measure(const struct bench_case *c, int procs, int64_t benchtime, int64_t iterations);

/* memory.c: park count goroutines, wake them, and print one line of figures; the body of a run. */
int bench_parked(int64_t count);

/* One more figure for the result; the last call's counts. */
void bench_report(struct bench *b, const char *unit, double value);

/* Processor time of all threads so far, ns. */
int64_t bench_cpu(void);

/* The case cannot be measured here, for the given reason; the caller returns at once. Go's b.Skip. */
void bench_skip(struct bench *b, const char *reason);

void bench_stop_timer(struct bench *b);
void bench_start_timer(struct bench *b);
void bench_reset_timer(struct bench *b);

/* What a goroutine of bench_run_parallel holds: its share of the iterations that are left. */
struct bench_share {
    _Atomic uint64_t *taken; /* by all together */
    uint64_t grain, n;
    uint64_t left; /* of the batch that was taken last */
};

/* Call body(share, arg) in procs * parallelism goroutines and wait for all of them. */
void bench_run_parallel(struct bench *b, void (*body)(struct bench_share *share, void *arg), void *arg);

bool bench_next_batch(struct bench_share *share);

/* One more iteration? */
static inline bool bench_next(struct bench_share *share)
{
    if (share->left == 0 && !bench_next_batch(share))
        return false;
    share->left--;
    return true;
}

/* The compiler must believe that memory behind the pointer is read and written here. */
static inline void bench_keep(const void *pointer)
{
    __asm__("" ::"r"(pointer) : "memory");
}

/* Local work: Go's compiler leaves of its loops (foo *= 2; foo /= 2, or localWork) the counting alone, three
 * instructions a turn (seen in the disassembly of 1.26); so this counts, too. */
static inline void bench_work(int64_t turns)
{
    for (int64_t i = 0; i < turns; i++)
        __asm__("" : "+r"(i));
}

/* Out of memory ends a benchmark. */
void *bench_allocate(size_t count, size_t size);

#endif
