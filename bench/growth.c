/* SPDX-License-Identifier: Apache-2.0
 *
 * growth.c - how the cost of an operation grows with what is there beside it: goroutines, slots of a channel, cases of a
 * select, timers. go/growth_test.go has the same loops in Go, growth.py what theory says of each.
 *
 * A case has its size in its name and a fixed number of operations (a multiple of the size), since to set up a million
 * goroutines takes longer than what is measured. Each begins with one unmeasured round, so that nothing is new. */
#include "bench.h"

#include <stdlib.h>

/* --- goroutines: spawn and join in batches of size; an operation is one goroutine --- */

static void nothing(void)
{
}

static void spawn_batch(int64_t size)
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int64_t i = 0; i < size; i++)
        weft_waitgroup_go(&wg, nothing);
    weft_waitgroup_wait(&wg);
}

static void grow_spawn(struct bench *b)
{
    spawn_batch(b->size);
    bench_reset_timer(b);
    for (int64_t left = b->n; left > 0; left -= b->size)
        spawn_batch(b->size);
}

/* --- yield among size; an operation is one switch --- */

struct crowd {
    struct bench *b;
    int64_t turns; /* of each */
    _Atomic int64_t arrived;
    atomic_bool open;
};

/* All yield until the last has come, which starts the timer: by then each has run at least once. */
static void crowd_main(struct crowd *crowd)
{
    if (atomic_fetch_add(&crowd->arrived, 1) + 1 == crowd->b->size) {
        bench_reset_timer(crowd->b);
        atomic_store(&crowd->open, true);
    }
    while (!atomic_load(&crowd->open))
        weft_yield();
    for (int64_t i = 0; i < crowd->turns; i++)
        weft_yield();
}

static void grow_yield(struct bench *b)
{
    struct crowd crowd = {.b = b, .turns = b->n / b->size};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int64_t i = 0; i < b->size; i++)
        weft_waitgroup_go(&wg, crowd_main, &crowd);
    weft_waitgroup_wait(&wg);
}

/* --- a ring of size; an operation is one hop --- */

static void hop(weft_chan(int64_t) in, weft_chan(int64_t) out)
{
    int64_t token;
    while (weft_chan_recv(in, &token))
        weft_chan_send(out, token);
    weft_chan_free(in);
    weft_chan_close(out);
}

static void grow_ring(struct bench *b)
{
    weft_chan(int64_t) first = weft_chan_make(int64_t, 0), last = first;
    for (int64_t i = 1; i < b->size; i++) {
        weft_chan(int64_t) next = weft_chan_make(int64_t, 0);
        if (weft_go(hop, last, next) != 0)
            abort();
        last = next;
    }
    weft_chan_send(first, 0);
    weft_chan_recv(last, NULL);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i += b->size) {
        weft_chan_send(first, i);
        weft_chan_recv(last, NULL);
    }
    bench_stop_timer(b);
    weft_chan_close(first);
    weft_chan_recv(last, NULL);
    weft_chan_free(last);
}

/* --- size senders wait at one channel; an operation is one message --- */

static void send_some(weft_chan(int64_t) c, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        weft_chan_send(c, i);
}

static void grow_senders(struct bench *b)
{
    weft_chan(int64_t) c = weft_chan_make(int64_t, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int64_t i = 0; i < b->size; i++)
        weft_waitgroup_go(&wg, send_some, c, b->n / b->size + 1);
    for (int64_t i = 0; i < b->size; i++)
        weft_chan_recv(c, NULL);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        weft_chan_recv(c, NULL);
    bench_stop_timer(b);
    weft_waitgroup_wait(&wg);
    weft_chan_free(c);
}

/* --- close with size receivers waiting; an operation is one of them woken and ended --- */

static void wait_for_close(weft_waitgroup *parked, weft_chan(bool) gate, weft_waitgroup *ended)
{
    weft_waitgroup_done(parked);
    weft_chan_recv(gate, NULL);
    weft_waitgroup_done(ended);
}

static void close_once(struct bench *b)
{
    weft_chan(bool) gate = weft_chan_make(bool, 0);
    weft_waitgroup parked = WEFT_WAITGROUP_INIT, ended = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&parked, (int)b->size);
    weft_waitgroup_add(&ended, (int)b->size);
    for (int64_t i = 0; i < b->size; i++)
        if (weft_go(wait_for_close, &parked, gate, &ended) != 0)
            abort();
    weft_waitgroup_wait(&parked);
    bench_start_timer(b);
    weft_chan_close(gate);
    weft_waitgroup_wait(&ended);
    bench_stop_timer(b);
    weft_chan_free(gate);
}

static void grow_close(struct bench *b)
{
    close_once(b);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i += b->size)
        close_once(b);
}

/* --- a channel of size slots; an operation is one message, one to one --- */

static void grow_capacity(struct bench *b)
{
    weft_chan(int64_t) c = weft_chan_make(int64_t, (size_t)b->size);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, send_some, c, b->n + b->size);
    for (int64_t i = 0; i < b->size; i++)
        weft_chan_recv(c, NULL);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        weft_chan_recv(c, NULL);
    bench_stop_timer(b);
    weft_waitgroup_wait(&wg);
    weft_chan_free(c);
}

/* --- a select of size cases, a sender at each; an operation is one select --- */

static void grow_select(struct bench *b)
{
    size_t width = (size_t)b->size;
    struct weft_select_case *cases = bench_allocate(width, sizeof *cases);
    weft_chan(int64_t) *c = bench_allocate(width, sizeof *c);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    int64_t each = b->n / b->size + 1;
    for (size_t i = 0; i < width; i++) {
        c[i] = weft_chan_make(int64_t, 0);
        cases[i] = weft_on_recv(c[i], NULL);
        weft_waitgroup_go(&wg, send_some, c[i], each);
    }
    for (int64_t i = 0; i < b->size; i++)
        weft_select(cases, width);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        weft_select(cases, width);
    bench_stop_timer(b);
    weft_waitgroup_wait(&wg);
    for (size_t i = 0; i < width; i++)
        weft_chan_free(c[i]);
    free(c);
    free(cases);
}

/* --- timers: start and stop one beside size that are pending; sleepers, size of them --- */

static void never(void *arg)
{
    (void)arg;
}

static weft_timer **make_timers(int64_t count)
{
    weft_timer **timers = bench_allocate((size_t)count, sizeof *timers);
    for (int64_t i = 0; i < count; i++)
        if (!(timers[i] = weft_after_func(WEFT_HOUR + i * 7919 % count * WEFT_MICROSECOND, never, NULL)))
            abort();
    return timers;
}

static void free_timers(weft_timer **timers, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        weft_timer_free(timers[i]);
    free(timers);
}

static void start_stop(int64_t turns, int64_t count)
{
    for (int64_t i = 0; i < turns; i++) {
        weft_timer *timer = weft_after_func(WEFT_HOUR + i * 7919 % count * WEFT_MICROSECOND, never, NULL);
        weft_timer_stop(timer);
        weft_timer_free(timer);
    }
}

static void grow_timers(struct bench *b)
{
    weft_timer **timers = make_timers(b->size);
    start_stop(b->n / 10, b->size);
    bench_reset_timer(b);
    start_stop(b->n, b->size);
    bench_stop_timer(b);
    free_timers(timers, b->size);
}

/* --- size goroutines and as many timers that do nothing; processor time of a second's waiting --- */

static void grow_idle(struct bench *b)
{
    weft_chan(bool) gate = weft_chan_make(bool, 0);
    weft_waitgroup parked = WEFT_WAITGROUP_INIT, ended = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&parked, (int)b->size);
    weft_waitgroup_add(&ended, (int)b->size);
    for (int64_t i = 0; i < b->size; i++)
        if (weft_go(wait_for_close, &parked, gate, &ended) != 0)
            abort();
    weft_waitgroup_wait(&parked);
    weft_timer **timers = make_timers(b->size);
    weft_sleep(50 * WEFT_MILLISECOND); /* what is still to be done after the start is done by then */

    int64_t start = weft_now(), cpu = bench_cpu();
    weft_sleep(250 * WEFT_MILLISECOND);
    double seconds = (double)(weft_now() - start) / (double)WEFT_SECOND;
    bench_report(b, "cpu-ns/op", (double)(bench_cpu() - cpu) / seconds);

    free_timers(timers, b->size);
    weft_chan_close(gate);
    weft_waitgroup_wait(&ended);
    weft_chan_free(gate);
}

#define CASE(name, run, package, size, least)                                                                          \
    {                                                                                                                  \
        "Grow" name "/" #size, run, package, size, (least) > (size) ? (least) : (size)                                 \
    }
/* least: operations of one sample; powers of ten, as the sizes */
#define GOROUTINES(name, run, package, least)                                                                          \
    CASE(name, run, package, 100, least), CASE(name, run, package, 1000, least),                                       \
        CASE(name, run, package, 10000, least), CASE(name, run, package, 100000, least),                               \
        CASE(name, run, package, 1000000, least)

const struct bench_case bench_growth[] = {
    GOROUTINES("Spawn", grow_spawn, "growth", 1000000),
    GOROUTINES("Yield", grow_yield, "growth", 4000000),
    GOROUTINES("Ring", grow_ring, "growth", 1000000),
    GOROUTINES("Senders", grow_senders, "growth", 1000000),
    GOROUTINES("Close", grow_close, "growth", 100000),
    CASE("Capacity", grow_capacity, "growth", 1, 1000000),
    CASE("Capacity", grow_capacity, "growth", 10, 1000000),
    GOROUTINES("Capacity", grow_capacity, "growth", 1000000),
    CASE("Select", grow_select, NULL, 2, 131072),
    CASE("Select", grow_select, NULL, 8, 131072),
    CASE("Select", grow_select, NULL, 32, 65536),
    CASE("Select", grow_select, NULL, 128, 16384),
    CASE("Select", grow_select, NULL, 512, 4096),
    GOROUTINES("Timers", grow_timers, "growth", 100000),
    GOROUTINES("Idle", grow_idle, "growth", 1), /* the operations are not counted */
    {0},
};
