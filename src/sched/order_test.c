/* SPDX-License-Identifier: Apache-2.0
 *
 * order_test.c - who comes first: the catalogue's P-01 (overflow), P-02 (PingPongHog), P-03 (the global queue in time), P-10
 * (no promised order) and T-02 (deadlines in order). Counted in turns, not in time: where a busy machine may disturb a try, the
 * best of many tries counts.
 * test-link: -Wl,--wrap=weft__port_now
 * test-label: order
 * test-skip: thread (the goroutines share plain data on one processor; the watchdog may let two of them at work) */
#include <limits.h>
#include <pthread.h>

#include <weft/words.h>

#include "port/port.h"
#include "sched/runtime.h"
#include "support.h"

/* ---- the clock, which a test may advance ---- */

static WEFT__ATOMIC(int64_t) ahead;

int64_t __real_weft__port_now(void);
int64_t __wrap_weft__port_now(void);

int64_t __wrap_weft__port_now(void)
{
    return __real_weft__port_now() + weft__load_relaxed(&ahead); /* a clock orders nothing */
}

/* ---- P-01: what does not fit into the ring goes to the global queue in batches ---- */

static void counts(int *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); /* the watchdog may let two at work at once */
}

/* One try: spawn without parking. The watchdog may have let somebody else at the queue: then it says so by a false. */
static bool overflow_try(int *counter)
{
    enum { SPAWNED = RUNQ_SIZE + 2 * RUNQ_BATCH };
    __atomic_store_n(counter, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < SPAWNED; i++)
        test_check(go(counts, counter) == 0);
    struct runq *q = &weft__machine()->p->queue;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    uint32_t ring = runq_length(q), global = weft__load_relaxed(&weft__rt.global_count); /* under the lock */
    bool next = weft__load_relaxed(&q->next) != RUNNABLE_NONE;                           /* own slot */
    bool alone = weft__rt.stuck == 0 && weft__rt.busy == 1 && ring + global + next == SPAWNED;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    test_check(ring <= RUNQ_SIZE);
    if (alone) {
        test_check(next);
        test_check(global % (RUNQ_BATCH + 1) == 0 && global > 0); /* a batch, and the one that did not fit */
    }
    while (weft_goroutines() > 1)
        weft_yield();
    test_check(__atomic_load_n(counter, __ATOMIC_RELAXED) == SPAWNED);
    return alone;
}

static int overflow_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int counter, seen = 0;
    for (int i = 0; i < 1000 && seen < 5; i++)
        seen += overflow_try(&counter);
    test_check(seen > 0);
    return 0;
}

START_TEST(p01_overflow_goes_to_the_global_queue)
{
    test_run_at(1, overflow_app);
}
END_TEST

/* ---- P-02: two pairs that wake each other: run-next inherits the slice, so neither pair keeps the processor ---- */

struct player {
    chan(int) wake;
    int work;
    WEFT__ATOMIC(long) count;
};

static void play(struct player *player)
{
    for (;;) {
        (void)chan_recv(player->wake);
        for (int i = 0; i < player->work; i++)
            __asm__ __volatile__("" ::: "memory");
        weft__add_relaxed(&player->count, player->work); /* a count */
        chan_send(player->wake, 1);
    }
}

static int hog_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct player heavy, light; /* both pairs are cut off at the end; what they wait on stays */
    heavy.work = 1000000;
    light.work = 1000;
    heavy.wake = chan_make(int, 0);
    light.wake = chan_make(int, 0);
    for (int i = 0; i < 2; i++) {
        go(play, &heavy);
        go(play, &light);
    }
    chan_send(heavy.wake, 1);
    chan_send(light.wake, 1);
    long enough = test_quick() ? 200000000 : 500000000, heavy_count, light_count; /* of work, whatever its time */
    do {
        weft_sleep(10 * WEFT_MILLISECOND);
        heavy_count = weft__load_relaxed(&heavy.count), light_count = weft__load_relaxed(&light.count); /* counts */
    } while (heavy_count < enough && light_count < enough);
    test_check(heavy_count / 20 < light_count && light_count / 20 < heavy_count);
    return 0;
}

START_TEST(p02_ping_pong_hog)
{
    test_run_at(1, hog_app);
}
END_TEST

/* ---- P-03: a pair that keeps the own queue busy; somebody comes to the global queue ---- */

static WEFT__ATOMIC(uint64_t) turns, turns_then;
static WEFT__ATOMIC(bool) arrived, pair_stops;

static void hits(chan(int) ball)
{
    while (!weft__load_relaxed(&pair_stops)) { /* only a sign to stop */
        weft__add_relaxed(&turns, 1u);         /* a count */
        chan_send(ball, 1);
        (void)chan_recv(ball);
    }
    chan_close(ball);
}

static void hits_back(recv_chan(int) in, send_chan(int) out)
{
    while (chan_recv(in, NULL))
        chan_send(out, 1);
}

static void arrives(void)
{
    weft__store_relaxed(&turns_then, weft__load_relaxed(&turns)); /* published by arrived */
    weft__store_release(&arrived, true);                          /* pairs with the thread's load */
}

/* From a plain thread a spawn goes to the global queue. The fewest turns that it took to arrive. */
static void *sends_somebody(void *fewest)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 50; i++) {
        weft__store_relaxed(&arrived, false);         /* nobody is on his way */
        uint64_t before = weft__load_relaxed(&turns); /* a count */
        test_check(go(arrives) == 0);
        while (!weft__load_acquire(&arrived)) /* pairs with arrives */
            usleep(50);
        uint64_t taken = weft__load_relaxed(&turns_then) - before; /* as above */
        best = taken < best ? taken : best;
    }
    *(uint64_t *)fewest = best;
    weft__store_relaxed(&pair_stops, true); /* only a sign */
    return NULL;
}

static int global_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static uint64_t fewest;
    static chan(int) ball; /* the other one may still be on its way out at the end */
    pthread_t thread;
    ball = chan_make(int, 0);
    weft__store_relaxed(&pair_stops, false); /* nobody else is there yet */
    go(hits_back, recv_only(ball), send_only(ball));
    test_check(pthread_create(&thread, NULL, sends_somebody, &fewest) == 0);
    hits(ball);
    weft_blocking pthread_join(thread, NULL);
    test_check(fewest < 500); /* and not the end of a time slice, which is some hundred thousand */
    return 0;
}

START_TEST(p03_the_global_queue_is_looked_at_in_time)
{
    test_run_at(1, global_app);
}
END_TEST

/* ---- P-03: more than fit into the ring take turns ---- */

enum { CROWD = 3 * RUNQ_SIZE, ROUNDS = 12 };
#define AHEAD_AT_MOST                                                                                                  \
    (ROUNDS / 2) /* two if nobody disturbs; more where the watchdog hands queues on. All, if some never get a turn */

static int turns_of[CROWD]; /* the watchdog may let two at work at once: atomic */

static void takes_turns(int *mine)
{
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(mine, 1, __ATOMIC_RELAXED);
        weft_yield();
    }
}

/* By how many turns the first are ahead of the last, at most. */
static int crowd_try(void)
{
    int widest = 0, fewest = 0;
    memset(turns_of, 0, sizeof turns_of);
    for (int i = 0; i < CROWD; i++)
        test_check(go(takes_turns, &turns_of[i]) == 0);
    while (fewest < ROUNDS) {
        int most = 0;
        fewest = ROUNDS;
        for (int i = 0; i < CROWD; i++) {
            int turns_now = __atomic_load_n(&turns_of[i], __ATOMIC_RELAXED);
            most = turns_now > most ? turns_now : most;
            fewest = turns_now < fewest ? turns_now : fewest;
        }
        widest = most - fewest > widest ? most - fewest : widest;
        weft_yield();
    }
    while (weft_goroutines() > 1)
        weft_yield();
    return widest;
}

static int crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int widest = INT_MAX;
    for (int try = 0; try < 20 && widest > AHEAD_AT_MOST; try++)
        widest = crowd_try();
    ck_assert_int_le(widest, AHEAD_AT_MOST);
    return 0;
}

START_TEST(p03_a_crowd_takes_turns)
{
    test_run_at(1, crowd_app);
}
END_TEST

/* ---- P-03, P-10: what runs when, with one processor and nobody disturbing ---- */

struct lane {
    int order[8], length;
};

static void takes_place(struct lane *lane, int number)
{
    lane->order[__atomic_fetch_add(&lane->length, 1, __ATOMIC_RELAXED)] = number; /* as in counts */
}

static void takes_two_places(struct lane *lane, int number)
{
    takes_place(lane, number);
    weft_yield(); /* to the tail: behind those that have not run yet */
    takes_place(lane, number + 100);
}

static int lane_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int spawned[6] = {5, 0, 1, 2, 3, 4}, yielded[8] = {3, 0, 1, 2, 103, 100, 101, 102};
    int as_usual = 0, tails = 0;
    for (int try = 0; try < 200; try++) {
        struct lane lane = {.length = 0};
        for (int i = 0; i < 6; i++)
            go(takes_place, &lane, i);
        while (weft_goroutines() > 1)
            weft_yield();
        int seen = 0;
        test_check(lane.length == 6);
        for (int i = 0; i < 6; i++)
            seen |= 1 << lane.order[i];
        test_check(seen == 63); /* in whatever order, but all of them */
        as_usual += memcmp(lane.order, spawned, sizeof spawned) == 0;

        lane.length = 0;
        for (int i = 0; i < 4; i++)
            go(takes_two_places, &lane, i);
        while (weft_goroutines() > 1)
            weft_yield();
        test_check(lane.length == 8);
        tails += memcmp(lane.order, yielded, sizeof yielded) == 0;
    }
    test_check(as_usual > 0 && tails > 0);
    return 0;
}

START_TEST(p03_p10_newest_first_then_in_order)
{
    test_run_at(1, lane_app);
}
END_TEST

/* ---- T-02 ---- */

enum { TIMERS = 2000 };

static struct weft__timer timers[TIMERS];
static int64_t fired_at[TIMERS];
static WEFT__ATOMIC(uint32_t) fired;

static bool note_fire(struct weft__timer *timer, int64_t now)
{
    test_check(timer->when <= now);
    uint32_t i = weft__load_relaxed(&fired); /* written under the heap's lock alone */
    test_check(i < TIMERS);
    fired_at[i] = timer->when;
    weft__store_release(&fired, i + 1); /* pairs with the load of the one who waits */
    return false;
}

static int deadlines_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    uint32_t removed = 0;
    int64_t start = weft__port_now();
    weft__store_relaxed(&fired, 0u); /* no timer is armed */
    for (uint32_t i = 0; i < TIMERS; i++) {
        timers[i] = (struct weft__timer){.fire = note_fire, .keeps_alive = true};
        weft__timer_add(&timers[i], start + WEFT_HOUR + (int64_t)(weft__random() % 500) * WEFT_MILLISECOND);
    }
    for (uint32_t i = 0; i < TIMERS; i += 3) /* out of the middle, too */
        removed += weft__timer_remove(&timers[i]);
    test_check(removed == (TIMERS + 2) / 3);
    weft__add_relaxed(&ahead, 2 * WEFT_HOUR);             /* a clock orders nothing */
    while (weft__load_acquire(&fired) < TIMERS - removed) /* pairs with note_fire */
        weft_sleep(WEFT_MILLISECOND);
    for (uint32_t i = 1; i < TIMERS - removed; i++)
        test_check(fired_at[i - 1] <= fired_at[i]);
    test_check(fired_at[0] < fired_at[TIMERS - removed - 1]);
    return 0;
}

START_TEST(t02_in_order_of_deadlines)
{
    int rounds = TEST_LTO ? 0 : test_iterations(40);
    for (int i = 0; i < rounds; i++)
        test_run_at(1, deadlines_app); /* one processor: one heap */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    tcase_add_test(tests, p01_overflow_goes_to_the_global_queue);
    tcase_add_test(tests, p02_ping_pong_hog);
    tcase_add_test(tests, p03_the_global_queue_is_looked_at_in_time);
    tcase_add_test(tests, p03_a_crowd_takes_turns);
    tcase_add_test(tests, p03_p10_newest_first_then_in_order);
    tcase_add_test(tests, t02_in_order_of_deadlines);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
