/* SPDX-License-Identifier: Apache-2.0
 *
 * peer.c - the harness of the peers: options and results as weft-bench has them, n grows as in ../bench.c. */
#define _GNU_SOURCE
#include "peer.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_MAX = 1000000000 };

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t peer_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t peer_cpu(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void peer_fail_if(bool condition, const char *message)
{
    if (!condition)
        return;
    fprintf(stderr, "%s\n", message);
    exit(1);
}

void *peer_allocate(size_t count, size_t size)
{
    void *memory = malloc(count * size);
    peer_fail_if(!memory, "out of memory");
    memset(memory, 0, count * size); /* resident from now on */
    return memory;
}

void peer_memory(long *rss, long *tables)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    peer_fail_if(!file, "no /proc/self/status");
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "VmRSS: %ld", rss);
        sscanf(line, "VmPTE: %ld", tables);
    }
    fclose(file);
}

void peer_keep_to(int procs)
{
    cpu_set_t allowed, kept;
    CPU_ZERO(&kept);
    peer_fail_if(sched_getaffinity(0, sizeof allowed, &allowed) != 0, "sched_getaffinity failed");
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&kept) < procs; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &kept);
    peer_fail_if(sched_setaffinity(0, sizeof kept, &kept) != 0, "sched_setaffinity failed");
}

struct job {
    const struct peer *peer;
    const struct peer_case *c;
    int procs;
    int64_t benchtime, iterations, parked;
};

static int64_t timed(const struct job *job, struct peer_run *r)
{
    r->cpu = r->early = -1;
    r->operations = r->n;
    int64_t start = peer_now();
    job->c->run(r);
    return peer_now() - start;
}

static void measure(const struct job *job)
{
    struct peer_run r = {.n = job->iterations > 0 ? job->iterations : 1, .procs = job->procs};
    int64_t elapsed = timed(job, &r);
    while (job->iterations == 0 && elapsed < job->benchtime && r.n < N_MAX) {
        /* a fifth more than the last call's speed asks for, but not over a hundred times as many */
        double wanted = 1.2 * (double)job->benchtime * (double)r.n / (double)(elapsed > 0 ? elapsed : 1);
        int64_t n = wanted > 100.0 * (double)r.n ? 100 * r.n : (int64_t)wanted;
        r.n = n <= r.n ? r.n + 1 : n < N_MAX ? n : N_MAX;
        elapsed = timed(job, &r);
    }
    printf("Benchmark%s", job->c->name);
    if (job->procs > 1)
        printf("-%d", job->procs);
    printf("\t%lld\t%.4g ns/op", (long long)r.operations, (double)elapsed / (double)r.operations);
    if (r.cpu >= 0)
        printf("\t%.4g cpu-ns/op\t%.4g early-ns", r.cpu, r.early);
    printf("\n");
}

static void measure_parked(const struct job *job)
{
    struct peer_parked p = {0};
    double n = (double)job->parked;
    job->peer->parked(job->parked, &p);
    printf("parked %lld rss %.1f pte %.1f create %.1f end %.1f\n", (long long)job->parked, 1024 * (double)p.rss / n,
           1024 * (double)p.tables / n, (double)p.create / n, (double)p.end / n);
}

static void body(void *arg)
{
    const struct job *job = arg;
    if (job->parked)
        measure_parked(job);
    else
        measure(job);
}

static int64_t number(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    peer_fail_if(*end || n < 1, "an option's number must be above 0");
    return n;
}

int peer_main(int argc, char **argv, const struct peer *peer)
{
    static const struct option options[] = {{"list", no_argument, NULL, 'l'},
                                            {"procs", required_argument, NULL, 'p'},
                                            {"benchtime", required_argument, NULL, 't'},
                                            {"iterations", required_argument, NULL, 'i'},
                                            {"parked", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    struct job job = {.peer = peer, .procs = 1, .benchtime = 100 * 1000000};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l': /* the most processors, then every case */
            printf("procs %d\n", peer->procs_max);
            for (const struct peer_case *c = peer->cases; c->name; c++)
                printf("%s\n", c->name);
            return 0;
        case 'p':
            job.procs = (int)number(optarg);
            break;
        case 't':
            job.benchtime = number(optarg) * 1000000;
            break;
        case 'i':
            job.iterations = number(optarg);
            break;
        case 'm':
            job.parked = number(optarg);
            break;
        default:
            return 2;
        }
    }
    peer_fail_if(job.parked && !peer->parked, "it cannot hold so many tasks");
    peer_fail_if(job.procs > peer->procs_max, "so many processors it cannot use");
    if (!job.parked) {
        peer_fail_if(optind + 1 != argc, "usage: [--procs N] [--benchtime MS | --iterations N] CASE | --list | "
                                         "[--procs N] --parked N");
        for (job.c = peer->cases; job.c->name && strcmp(job.c->name, argv[optind]) != 0; job.c++)
            ;
        peer_fail_if(!job.c->name, "no such case; --list shows them");
    }
    peer->enter(job.procs, body, &job);
    return 0;
}
