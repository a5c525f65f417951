/* SPDX-License-Identifier: Apache-2.0
 *
 * chan.c - channels; each loop as in Go's runtime/chan_test.go. Go's int has 8 bytes, so int64_t stands for it.
 *
 * What Go leaves to its collector is freed here, inside the measured time. */
#include "bench.h"

#include <stdlib.h>

enum { CALLS_PER_SCHED = 1000 };

static void make_int(struct bench *b)
{
    weft_chan(int64_t) x = NULL;
    for (int64_t i = 0; i < b->n; i++) {
        weft_chan_free(x); /* the one before: Go's collector does this */
        x = weft_chan_make(int64_t, 8);
    }
    weft_chan_close(x);
    weft_chan_free(x);
}

static void nonblocking_body(struct bench_share *share, void *arg)
{
    weft_chan(int64_t) myc = arg;
    while (bench_next(share))
        weft_chan_try_recv(myc, NULL);
}

static void nonblocking(struct bench *b)
{
    weft_chan(int64_t) myc = weft_chan_make(int64_t, 0);
    bench_run_parallel(b, nonblocking_body, (void *)myc);
    weft_chan_free(myc);
}

struct empty {
};

static void closed_body(struct bench_share *share, void *arg)
{
    weft_chan(struct empty) c = arg;
    while (bench_next(share))
        if (!weft_chan_try_recv(c, NULL))
            abort();
}

static void closed(struct bench *b)
{
    weft_chan(struct empty) c = weft_chan_make(struct empty, 0);
    weft_chan_close(c);
    bench_run_parallel(b, closed_body, (void *)c);
    weft_chan_free(c);
}

/* A hundred sends and a hundred receives are one operation of Uncontended and Contended. */
static void fill_and_drain(struct bench_share *share, weft_chan(int64_t) myc)
{
    while (bench_next(share)) {
        for (int i = 0; i < 100; i++)
            weft_chan_send(myc, 0);
        for (int i = 0; i < 100; i++)
            weft_chan_recv(myc, NULL);
    }
}

static void uncontended_body(struct bench_share *share, void *arg)
{
    (void)arg;
    weft_chan(int64_t) myc = weft_chan_make(int64_t, 100);
    fill_and_drain(share, myc);
    weft_chan_free(myc);
}

static void uncontended(struct bench *b)
{
    bench_run_parallel(b, uncontended_body, NULL);
}

static void contended_body(struct bench_share *share, void *arg)
{
    fill_and_drain(share, (weft_chan(int64_t))arg);
}

static void contended(struct bench *b)
{
    weft_chan(int64_t) myc = weft_chan_make(int64_t, 100 * b->procs);
    bench_run_parallel(b, contended_body, (void *)myc);
    weft_chan_free(myc);
}

/* --- rendezvous --- */

static void sync_worker(_Atomic int32_t *n, weft_chan(bool) c, weft_chan(int64_t) myc, int work)
{
    for (;;) {
        int32_t i = atomic_fetch_add(n, -1) - 1;
        if (i < 0)
            break;
        for (int g = 0; g < CALLS_PER_SCHED; g++) {
            if (i % 2 == 0) {
                weft_chan_recv(myc, NULL);
                bench_work(work);
                weft_chan_send(myc, 0);
                bench_work(work);
            } else {
                weft_chan_send(myc, 0);
                bench_work(work);
                weft_chan_recv(myc, NULL);
                bench_work(work);
            }
        }
    }
    weft_chan_send(c, true);
}

static void synchronous(struct bench *b, int work)
{
    enum { PROCS = 2 };
    _Atomic int32_t n = (int32_t)(b->n / CALLS_PER_SCHED / PROCS * PROCS);
    weft_chan(bool) c = weft_chan_make(bool, PROCS);
    weft_chan(int64_t) myc = weft_chan_make(int64_t, 0);
    for (int p = 0; p < PROCS; p++)
        weft_go(sync_worker, &n, c, myc, work);
    for (int p = 0; p < PROCS; p++)
        weft_chan_recv(c, NULL);
    weft_chan_free(myc);
    weft_chan_free(c);
}

static void sync_0(struct bench *b)
{
    synchronous(b, 0);
}

static void sync_work(struct bench *b)
{
    synchronous(b, 1000);
}

/* --- producers and consumers --- */

static void producer(_Atomic int32_t *n, weft_chan(bool) c, weft_chan(int64_t) myc, int work)
{
    while (atomic_fetch_add(n, -1) - 1 >= 0) {
        for (int g = 0; g < CALLS_PER_SCHED; g++) {
            bench_work(work);
            weft_chan_send(myc, 1);
        }
    }
    weft_chan_send(myc, 0);
    weft_chan_send(c, false);
}

static void consumer(weft_chan(bool) c, weft_chan(int64_t) myc, int work)
{
    for (;;) {
        int64_t v = weft_chan_recv(myc);
        if (v == 0)
            break;
        bench_work(work);
    }
    weft_chan_send(c, false);
}

static void prod_cons(struct bench *b, int chan_size, int work)
{
    _Atomic int32_t n = (int32_t)(b->n / CALLS_PER_SCHED);
    weft_chan(bool) c = weft_chan_make(bool, 2 * b->procs);
    weft_chan(int64_t) myc = weft_chan_make(int64_t, chan_size);
    for (int p = 0; p < b->procs; p++) {
        weft_go(producer, &n, c, myc, work);
        weft_go(consumer, c, myc, work);
    }
    for (int p = 0; p < b->procs; p++) {
        weft_chan_recv(c, NULL);
        weft_chan_recv(c, NULL);
    }
    weft_chan_free(myc);
    weft_chan_free(c);
}

static void prod_cons_0(struct bench *b)
{
    prod_cons(b, 0, 0);
}

static void prod_cons_10(struct bench *b)
{
    prod_cons(b, 10, 0);
}

static void prod_cons_100(struct bench *b)
{
    prod_cons(b, 100, 0);
}

static void prod_cons_work_0(struct bench *b)
{
    prod_cons(b, 0, 100);
}

static void prod_cons_work_10(struct bench *b)
{
    prod_cons(b, 10, 100);
}

static void prod_cons_work_100(struct bench *b)
{
    prod_cons(b, 100, 100);
}

/* --- the rest --- */

static void creation_body(struct bench_share *share, void *arg)
{
    (void)arg;
    while (bench_next(share)) {
        weft_chan(int64_t) myc = weft_chan_make(int64_t, 1);
        weft_chan_send(myc, 0);
        weft_chan_recv(myc, NULL);
        weft_chan_free(myc);
    }
}

static void creation(struct bench *b)
{
    bench_run_parallel(b, creation_body, NULL);
}

static void semaphore_body(struct bench_share *share, void *arg)
{
    weft_chan(struct empty) myc = arg;
    while (bench_next(share)) {
        weft_chan_send(myc, ((struct empty){}));
        weft_chan_recv(myc, NULL);
    }
}

static void semaphore(struct bench *b)
{
    weft_chan(struct empty) myc = weft_chan_make(struct empty, b->procs);
    bench_run_parallel(b, semaphore_body, (void *)myc);
    weft_chan_free(myc);
}

static void popular_reader(int64_t n, weft_chan(bool) c, weft_chan(bool) d)
{
    for (int64_t i = 0; i < n; i++)
        weft_chan_select(weft_on_recv(c, NULL), weft_on_recv(d, NULL));
}

static void popular(struct bench *b)
{
    enum { READERS = 1000 };
    weft_chan(bool) c = weft_chan_make(bool, 0);
    weft_chan(bool) a[READERS];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int j = 0; j < READERS; j++) {
        a[j] = weft_chan_make(bool, 0);
        weft_waitgroup_go(&wg, popular_reader, b->n, c, a[j]);
    }
    for (int64_t i = 0; i < b->n; i++)
        for (int j = 0; j < READERS; j++)
            weft_chan_send(a[j], true);
    weft_waitgroup_wait(&wg);
    for (int j = 0; j < READERS; j++)
        weft_chan_free(a[j]);
    weft_chan_free(c);
}

const struct bench_case bench_chan[] = {
    {"MakeChan/Int", make_int, "runtime"},
    {"ChanNonblocking", nonblocking, "runtime"},
    {"ChanClosed", closed, "runtime"},
    {"ChanUncontended", uncontended, "runtime"},
    {"ChanContended", contended, "runtime"},
    {"ChanSync", sync_0, "runtime"},
    {"ChanSyncWork", sync_work, "runtime"},
    {"ChanProdCons0", prod_cons_0, "runtime"},
    {"ChanProdCons10", prod_cons_10, "runtime"},
    {"ChanProdCons100", prod_cons_100, "runtime"},
    {"ChanProdConsWork0", prod_cons_work_0, "runtime"},
    {"ChanProdConsWork10", prod_cons_work_10, "runtime"},
    {"ChanProdConsWork100", prod_cons_work_100, "runtime"},
    {"ChanSem", semaphore, "runtime"},
    {"ChanCreation", creation, "runtime"},
    {"ChanPopular", popular, "runtime"},
    {0},
};
