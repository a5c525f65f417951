/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - select; each loop as in Go's runtime/chan_test.go. A select of one case and a default is a try operation
 * in both languages (Go's compiler makes it one). */
#include "bench.h"

enum { CALLS_PER_SCHED = 1000 };

/* Two channels with one value between them; take it from where it is and put it into the other. */
static void move_value(struct bench_share *share, weft_chan(int64_t) myc1, weft_chan(int64_t) myc2)
{
    while (bench_next(share)) {
        switch (weft_chan_select(weft_on_recv(myc1, NULL), weft_on_recv(myc2, NULL))) {
        case 0:
            weft_chan_send(myc2, 0);
            break;
        case 1:
            weft_chan_send(myc1, 0);
            break;
        }
    }
}

static void uncontended_body(struct bench_share *share, void *arg)
{
    (void)arg;
    weft_chan(int64_t) myc1 = weft_chan_make(int64_t, 1);
    weft_chan(int64_t) myc2 = weft_chan_make(int64_t, 1);
    weft_chan_send(myc1, 0);
    move_value(share, myc1, myc2);
    weft_chan_free(myc1);
    weft_chan_free(myc2);
}

static void uncontended(struct bench *b)
{
    bench_run_parallel(b, uncontended_body, NULL);
}

struct shared {
    weft_chan(int64_t) myc1, myc2, myc3, myc4;
    weft_chan(int64_t) done;
    weft_waitgroup senders;
};

static void async_body(struct bench_share *share, void *arg)
{
    struct shared *s = arg;
    weft_chan_send(s->myc1, 0);
    move_value(share, s->myc1, s->myc2);
}

static void async_contended(struct bench *b)
{
    struct shared s = {.myc1 = weft_chan_make(int64_t, b->procs), .myc2 = weft_chan_make(int64_t, b->procs)};
    bench_run_parallel(b, async_body, &s);
    weft_chan_free(s.myc1);
    weft_chan_free(s.myc2);
}

static void sync_sender(struct shared *s)
{
    while (weft_chan_select(weft_on_send(s->myc1, 0), weft_on_send(s->myc2, 0), weft_on_send(s->myc3, 0),
                            weft_on_recv(s->done, NULL)) != 3)
        ;
}

static void sync_body(struct bench_share *share, void *arg)
{
    struct shared *s = arg;
    weft_waitgroup_go(&s->senders, sync_sender, s);
    while (bench_next(share))
        weft_chan_select(weft_on_recv(s->myc1, NULL), weft_on_recv(s->myc2, NULL), weft_on_recv(s->myc3, NULL));
}

static void sync_contended(struct bench *b)
{
    struct shared s = {.myc1 = weft_chan_make(int64_t, 0),
                       .myc2 = weft_chan_make(int64_t, 0),
                       .myc3 = weft_chan_make(int64_t, 0),
                       .done = weft_chan_make(int64_t, 0)};
    bench_run_parallel(b, sync_body, &s);
    weft_chan_close(s.done);
    weft_waitgroup_wait(&s.senders); /* C: before the channels go */
    weft_chan_free(s.myc1);
    weft_chan_free(s.myc2);
    weft_chan_free(s.myc3);
    weft_chan_free(s.done);
}

static void nonblock_body(struct bench_share *share, void *arg)
{
    struct shared *s = arg;
    while (bench_next(share)) {
        weft_chan_try_recv(s->myc1, NULL);
        weft_chan_try_send(s->myc2, 0);
        weft_chan_try_recv(s->myc3, NULL);
        weft_chan_try_send(s->myc4, 0);
    }
}

static void nonblock(struct bench *b)
{
    struct shared s = {.myc1 = weft_chan_make(int64_t, 0),
                       .myc2 = weft_chan_make(int64_t, 0),
                       .myc3 = weft_chan_make(int64_t, 1),
                       .myc4 = weft_chan_make(int64_t, 1)};
    bench_run_parallel(b, nonblock_body, &s);
    weft_chan_free(s.myc1);
    weft_chan_free(s.myc2);
    weft_chan_free(s.myc3);
    weft_chan_free(s.myc4);
}

/* --- producers and consumers; the timer and myclose are there to be waited for, not to fire --- */

static void producer(_Atomic int32_t *n, weft_chan(bool) c, weft_chan(int64_t) myc, weft_chan(bool) myclose)
{
    weft_recv_chan(int64_t) mytimer = weft_after(WEFT_HOUR);
    while (atomic_fetch_add(n, -1) - 1 >= 0) {
        for (int g = 0; g < CALLS_PER_SCHED; g++) {
            bench_work(100);
            weft_chan_select(weft_on_send(myc, 1), weft_on_recv(mytimer, NULL), weft_on_recv(myclose, NULL));
        }
    }
    weft_chan_send(myc, 0);
    weft_chan_send(c, false);
}

static void consumer(weft_chan(bool) c, weft_chan(int64_t) myc, weft_chan(bool) myclose)
{
    weft_recv_chan(int64_t) mytimer = weft_after(WEFT_HOUR);
    for (;;) {
        int64_t v = -1;
        int chosen = weft_chan_select(weft_on_recv(myc, &v), weft_on_recv(mytimer, NULL), weft_on_recv(myclose, NULL));
        if (chosen == 0 && v == 0)
            break;
        bench_work(100);
    }
    weft_chan_send(c, false);
}

static void prod_cons(struct bench *b)
{
    _Atomic int32_t n = (int32_t)(b->n / CALLS_PER_SCHED);
    weft_chan(bool) c = weft_chan_make(bool, 2 * b->procs);
    weft_chan(int64_t) myc = weft_chan_make(int64_t, 128);
    weft_chan(bool) myclose = weft_chan_make(bool, 0);
    for (int p = 0; p < b->procs; p++) {
        weft_go(producer, &n, c, myc, myclose);
        weft_go(consumer, c, myc, myclose);
    }
    for (int p = 0; p < b->procs; p++) {
        weft_chan_recv(c, NULL);
        weft_chan_recv(c, NULL);
    }
    weft_chan_free(myclose);
    weft_chan_free(myc);
    weft_chan_free(c);
}

const struct bench_case bench_select[] = {
    {"SelectUncontended", uncontended, "runtime"},
    {"SelectSyncContended", sync_contended, "runtime"},
    {"SelectAsyncContended", async_contended, "runtime"},
    {"SelectNonblock", nonblock, "runtime"},
    {"SelectProdCons", prod_cons, "runtime"},
    {0},
};
