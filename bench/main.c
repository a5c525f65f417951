/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - weft-bench: lists the cases, runs some of them, or parks goroutines. `run` calls it for the table; by hand:
 *
 *   weft-bench ChanSync                      one case at 1 and 2 processors
 *   weft-bench --procs 2 --benchtime 1000 --count 5 ChanSync SelectNonblock
 *   weft-bench --procs 1 --iterations 20000 ChanSync    one call of so many operations, whatever it takes
 *   weft-bench --list                        every case: name, package of Go's benchmark (or -)
 *   weft-bench --procs 2 --parked 100000     memory.c
 *
 * A result is one line in the form that Go's testing prints: BenchmarkName-PROCS, iterations, ns/op, and further
 * figures with their units; or, where a case
 * cannot be measured, "--- SKIP: BenchmarkName: why". Each measurement is a run of its own (weft_run). */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_case *const groups[] = {bench_chan,    bench_select,   bench_spawn, bench_sync,  bench_time,
                                                  bench_context, bench_workload, bench_jobs,  bench_growth};
enum { GROUPS = sizeof groups / sizeof groups[0] };

/* What one weft_run is to do. */
static struct {
    const struct bench_case *c;
    int procs;
    int64_t benchtime, iterations;
    int64_t parked;
} job = {.benchtime = 100 * WEFT_MILLISECOND};

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (job.parked)
        return bench_parked(job.parked);
    struct bench_result result = bench_measure(job.c, job.procs, job.benchtime, job.iterations);
    if (result.skipped) {
        printf("--- SKIP: Benchmark%s: %s\n", job.c->name, result.skipped);
        return 0;
    }
    if (job.procs == 1)
        printf("Benchmark%s", job.c->name);
    else
        printf("Benchmark%s-%d", job.c->name, job.procs);
    printf("\t%lld\t%.4g ns/op", (long long)result.n, result.ns);
    for (int i = 0; i < 2 && result.metrics[i].unit; i++)
        printf("\t%.4g %s", result.metrics[i].value, result.metrics[i].unit);
    printf("\n");
    return 0;
}

static int run_at(int procs)
{
    weft_procs(procs);
    job.procs = procs;
    int result = weft_run(app, 0, NULL);
    if (result != 0)
        fprintf(stderr, "weft-bench: the run ended with %d\n", result);
    return result;
}

static const struct bench_case *find(const char *name)
{
    for (int g = 0; g < GROUPS; g++)
        for (const struct bench_case *c = groups[g]; c->name; c++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

static void list(void)
{
    for (int g = 0; g < GROUPS; g++)
        for (const struct bench_case *c = groups[g]; c->name; c++)
            printf("%s %s\n", c->name, c->go_package ? c->go_package : "-");
}

static long long number(const char *text)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end || n < 1) {
        fprintf(stderr, "weft-bench: %s is not a number above 0\n", text);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"list", no_argument, NULL, 'l'},
                                            {"procs", required_argument, NULL, 'p'},
                                            {"benchtime", required_argument, NULL, 't'},
                                            {"iterations", required_argument, NULL, 'i'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"parked", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    int procs = 0, count = 1, option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            list();
            return 0;
        case 'p':
            procs = (int)number(optarg);
            break;
        case 't':
            job.benchtime = number(optarg) * WEFT_MILLISECOND;
            break;
        case 'i':
            job.iterations = number(optarg);
            break;
        case 'c':
            count = (int)number(optarg);
            break;
        case 'm':
            job.parked = number(optarg);
            break;
        default:
            fprintf(stderr,
                    "usage: weft-bench [--procs N] [--benchtime MS | --iterations N] [--count N] CASE... | --list | "
                    "--parked N\n");
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (job.parked)
        return run_at(procs ? procs : 1);

    for (int i = optind; i < argc; i++) {
        job.c = find(argv[i]);
        if (!job.c) {
            fprintf(stderr, "weft-bench: no case %s; --list shows them\n", argv[i]);
            return 2;
        }
        for (int p = procs ? procs : 1; p <= (procs ? procs : 2); p++)
            for (int k = 0; k < count; k++)
                if (run_at(p) != 0)
                    return 1;
    }
    return 0;
}
