/* SPDX-License-Identifier: Apache-2.0
 *
 * timer_test.c - the making of timers, with each allocation refused in turn: NULL, or a timer that fires. A function whose goroutine
 * cannot be started when it is due is called later, once.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "loop.h"

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/select.h>
#include <weft/sync.h>
#include <weft/time.h>

#define TIMERS 5
#define SHORT (100 * WEFT_MICROSECOND)

/* ---- weft_after ---- */

static int after_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    faults_now();
    for (int i = 0; i < TIMERS; i++) {
        int64_t begin = weft_now(), due = 0;
        weft_recv_chan(int64_t) c = weft_after(SHORT);
        if (!faults_made(c))
            continue;
        require(weft_chan_recv(c, &due));
        require(due >= begin + SHORT && weft_now() >= due);
        require(weft_chan_select(weft_on_recv(c, &due), weft_otherwise()) == 1); /* once */
    }
    return 0;
}

/* In goroutines that end: what they own is given back there. */
static void own_some(atomic_int *ended)
{
    int64_t due;
    for (int i = 0; i < TIMERS; i++) {
        weft_recv_chan(int64_t) c = weft_after(i % 2 == 0 ? 0 : WEFT_HOUR);
        if (faults_made(c) && i % 2 == 0)
            require(weft_chan_recv(c, &due));
    }
    atomic_fetch_add(ended, 1);
}

static int owned_after_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    atomic_int ended = 0;
    int started = 0;
    faults_now();
    for (int i = 0; i < TIMERS; i++)
        started += faults_done(weft_go(own_some, &ended));
    while (atomic_load(&ended) < started)
        weft_yield();
    return 0;
}

/* ---- weft_timer_new, weft_ticker_new ---- */

static int timer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *timers[TIMERS];
    int64_t begin = weft_now(), due;
    faults_now();
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = weft_timer_new(i == TIMERS - 1 ? WEFT_HOUR : SHORT * (i + 1));
        (void)faults_made(timers[i]);
    }
    for (int i = 0; i < TIMERS - 1; i++) {
        if (timers[i] == NULL)
            continue;
        weft_chan_recv(weft_timer_chan(timers[i]), &due);
        require(due >= begin + SHORT * (i + 1));
        require(!weft_timer_reset(timers[i], 0)); /* needs no memory */
        weft_chan_recv(weft_timer_chan(timers[i]), &due);
    }
    if (timers[TIMERS - 1] != NULL)
        require(weft_timer_stop(timers[TIMERS - 1]));
    for (int i = 0; i < TIMERS; i++)
        weft_timer_free(timers[i]);
    return 0;
}

static int ticker_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    faults_now();
    for (int i = 0; i < TIMERS; i++) {
        int64_t before = weft_now(), due = 0;
        weft_timer *ticker = weft_ticker_new(SHORT);
        if (!faults_made(ticker))
            continue;
        for (int k = 0; k < 3; k++) {
            weft_chan_recv(weft_timer_chan(ticker), &due);
            require(due >= before + SHORT && weft_now() >= due);
            before = due;
        }
        weft_timer_free(ticker);
    }
    return 0;
}

/* ---- weft_after_func ---- */

static atomic_int calls[TIMERS];

static void call(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void wait_for_calls(weft_timer *const *timers)
{
    for (int i = 0; i < TIMERS; i++) {
        while (timers[i] != NULL && atomic_load(&calls[i]) == 0)
            weft_sleep(SHORT);
        require(atomic_load(&calls[i]) == (timers[i] != NULL));
    }
}

/* The timer or, when it is due, its goroutine. The fault passes, so each that was made is called. */
static int func_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *timers[TIMERS];
    memset(calls, 0, sizeof calls);
    faults_now();
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = weft_after_func(SHORT * i, call, &calls[i]);
        (void)faults_made(timers[i]);
    }
    weft_sleep(5 * WEFT_MILLISECOND); /* they are due, and try */
    faults_disarm();
    wait_for_calls(timers);
    for (int i = 0; i < TIMERS; i++)
        weft_timer_free(timers[i]);
    return 0;
}

/* A call that cannot start its goroutine is still to come: it can be stopped, reset and freed. */
static int put_off_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_timer *timers[TIMERS];
    memset(calls, 0, sizeof calls);
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = weft_after_func(WEFT_HOUR, call, &calls[i]);
        require(timers[i] != NULL);
    }
    faults_now();
    for (int i = 0; i < TIMERS; i++) /* not before: on a busy machine they might all have been called by now */
        require(weft_timer_reset(timers[i], SHORT));
    weft_sleep(5 * WEFT_MILLISECOND);
    bool stopped = weft_timer_stop(timers[0]), pending = weft_timer_reset(timers[1], WEFT_HOUR);
    weft_timer_free(timers[2]);
    faults_disarm();
    for (int i = 3; i < TIMERS; i++)
        while (atomic_load(&calls[i]) == 0)
            weft_sleep(SHORT);
    weft_sleep(5 * WEFT_MILLISECOND); /* what has been stopped would be due again */
    require(!stopped || atomic_load(&calls[0]) == 0);
    require(!pending || atomic_load(&calls[1]) == 0);
    for (int i = 2; i < TIMERS; i++)
        require(atomic_load(&calls[i]) <= 1);
    for (int i = 0; i < TIMERS; i++)
        if (i != 2)
            weft_timer_free(timers[i]);
    return 0;
}

static const struct faults_case cases[] = {
    {.name = "after, memory", .app = after_app, .kinds = FAULTS_MEMORY, .processors = 1, .silent = true},
    {.name = "after, anything", .app = after_app, .kinds = FAULTS_ANY, .processors = 2, .silent = true},
    {.name = "after in goroutines", .app = owned_after_app, .kinds = FAULTS_MEMORY, .processors = 2, .silent = true},
    {.name = "after, simulated", .app = after_app, .kinds = FAULTS_MEMORY, .simulated = true, .silent = true},
    {.name = "timer, memory", .app = timer_app, .kinds = FAULTS_MEMORY, .processors = 1, .silent = true},
    {.name = "timer, anything", .app = timer_app, .kinds = FAULTS_ANY, .processors = 2, .silent = true},
    {.name = "ticker, memory", .app = ticker_app, .kinds = FAULTS_MEMORY, .processors = 1, .silent = true},
    {.name = "ticker, anything", .app = ticker_app, .kinds = FAULTS_ANY, .processors = 2, .silent = true},
    {.name = "func, memory", .app = func_app, .kinds = FAULTS_MEMORY, .processors = 1, .silent = true},
    {.name = "func, anything", .app = func_app, .kinds = FAULTS_ANY, .processors = 2, .silent = true},
    {.name = "func, simulated", .app = func_app, .kinds = FAULTS_MEMORY, .simulated = true, .silent = true},
    {.name = "func put off", .app = put_off_app, .kinds = FAULTS_MEMORY, .processors = 1},
    {.name = "func put off, anything", .app = put_off_app, .kinds = FAULTS_ANY, .processors = 2},
};

START_TEST(every_call_of_a_timer_fails)
{
    faults_loop(&cases[_i]);
}
END_TEST

/* ---- due while there is no memory, by name ---- */

/* No goroutine has been started yet but main, so there is no spawn record to spare. */
static int due_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    memset(calls, 0, sizeof calls);
    weft_timer *timer = weft_after_func(WEFT_HOUR, call, &calls[0]);
    require(timer != NULL);
    faults_arm((struct faults_plan){.kinds = FAULTS_MEMORY, .first = 1, .for_ever = true});
    require(weft_timer_reset(timer, 0)); /* not before: on a busy machine it might have been called by now */
    while (atomic_load(&faults.met) < 5) /* it tries again, but not all the time */
        weft_sleep(SHORT);
    require(atomic_load(&calls[0]) == 0);
    faults_disarm();
    while (atomic_load(&calls[0]) == 0)
        weft_sleep(SHORT);
    weft_sleep(5 * WEFT_MILLISECOND);
    require(atomic_load(&calls[0]) == 1);
    weft_timer_free(timer);
    return 0;
}

static int due_child(void *arg)
{
    const struct faults_case c = {.app = due_app};
    (void)arg;
    atomic_store(&faults.watching, true);
    weft_procs(1);
    require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(a_due_function_waits_for_memory)
{
    struct test_child child = test_child(due_child, NULL, 100);
    /* A machine that is held up has another one wanted at any time, for which there is no memory either. */
#define NO_THREAD "(weft: cannot start another thread [^\n]*\n)?"
    test_child_check(child, 0,
                     "^" NO_THREAD
                     "weft: (cannot start a goroutine: no memory|no address space for another) [^\n]*\n" NO_THREAD "$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/timer");
    TCase *loops = tcase_create("loops");
    tcase_set_timeout(loops, 280);
    tcase_add_loop_test(loops, every_call_of_a_timer_fails, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, loops);
    TCase *due = tcase_create("due");
    tcase_add_test(due, a_due_function_waits_for_memory);
    suite_add_tcase(s, due);
    return s;
}

int main(void)
{
    return test_main(suite());
}
