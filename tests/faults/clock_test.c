/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_test.c - a clock that misbehaves. One that stands still wakes nobody early and nobody late for good; one that leaps by hours
 * between two readings has everything that is due fire, and tickers drop what they have missed; one that cannot be read ends the
 * program with a word. The time of day is never asked for.
 *
 * The futex waits by the wrapped clock (FAULTS_FUTEX_OUR_CLOCK), as the kernel's would.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "mixed.h"

#include <weft/context.h>

#define SLEEPERS 20

static atomic_int awake, early, called;

static void count_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&called, 1);
}

static void sleep_for(weft_waitgroup *wg, int64_t duration)
{
    int64_t begin = weft_now();
    weft_sleep(duration);
    atomic_fetch_add(&early, weft_now() - begin < duration);
    atomic_fetch_add(&awake, 1);
    weft_waitgroup_done(wg);
}

struct sleeping_thread {
    pthread_t thread;
    int64_t duration;
};

static void *sleep_in_a_thread(void *arg)
{
    const struct sleeping_thread *self = arg;
    int64_t begin = weft_now();
    weft_sleep(self->duration);
    atomic_fetch_add(&early, weft_now() - begin < self->duration);
    atomic_fetch_add(&awake, 1);
    return NULL;
}

/* ---- it stands still ---- */

static void pause_really(long microseconds)
{
    const struct timespec pause = {0, microseconds * 1000};
    (void)nanosleep(&pause, NULL);
}

/* By a thread that is none of the library's: who waits for an internal lock sleeps by the same clock, main included. */
static void *let_it_go_on(void *arg)
{
    (void)arg;
    pause_really(30000); /* all have gone to sleep by then, or do later */
    require(atomic_load(&awake) == 0 && atomic_load(&called) == 0);
    faults_stop_clock(false);
    return NULL;
}

static int still_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    struct sleeping_thread thread = {.duration = 3 * WEFT_MILLISECOND};
    pthread_t restarter;
    atomic_store(&awake, 0);
    atomic_store(&called, 0);
    faults_stop_clock(true);
    require(__real_pthread_create(&restarter, NULL, let_it_go_on, NULL) == 0);
    for (int i = 1; i <= SLEEPERS; i++) {
        weft_waitgroup_add(&wg, 1);
        require(weft_go(sleep_for, &wg, i * 100 * WEFT_MICROSECOND) == 0);
    }
    require(pthread_create(&thread.thread, NULL, sleep_in_a_thread, &thread) == 0);
    weft_timer *timer = weft_after_func(WEFT_MICROSECOND, count_call, NULL);
    require(timer != NULL);
    weft_waitgroup_wait(&wg);
    require(pthread_join(thread.thread, NULL) == 0);
    require(pthread_join(restarter, NULL) == 0);
    while (atomic_load(&called) == 0)
        weft_sleep(WEFT_MILLISECOND);
    require(atomic_load(&awake) == SLEEPERS + 1 && atomic_load(&early) == 0);
    weft_timer_free(timer);
    return 0;
}

/* ---- it leaps ---- */

static int leaping_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    struct sleeping_thread thread = {.duration = 2 * WEFT_HOUR};
    const int leaps = 12;
    int64_t last = weft_now(); /* of the ticks: they are due one after the other, however late they are received */
    int64_t due;
    bool none;
    atomic_store(&awake, 0);
    atomic_store(&called, 0);
    for (int i = 1; i <= SLEEPERS; i++) {
        weft_waitgroup_add(&wg, 1);
        require(weft_go(sleep_for, &wg, i * 30 * WEFT_MINUTE) == 0);
    }
    require(pthread_create(&thread.thread, NULL, sleep_in_a_thread, &thread) == 0);
    weft_timer *timers[3], *ticker = weft_ticker_new(10 * WEFT_MILLISECOND);
    weft_context *context = weft_context_with_timeout(weft_context_background(), 5 * WEFT_HOUR);
    require(ticker != NULL && context != NULL);
    for (int i = 0; i < 3; i++)
        require((timers[i] = weft_after_func((i + 1) * 3 * WEFT_HOUR, count_call, NULL)) != NULL);
    weft_recv_chan(int64_t) ticks = weft_timer_chan(ticker);
    for (int i = 0; i < leaps; i++) {
        atomic_fetch_add(&faults.clock_by, WEFT_HOUR);
        do { /* the tick that was due before the leap, then the one behind it */
            require(weft_chan_recv(ticks, &due) && due > last && due <= weft_now());
            last = due;
        } while (weft_now() - due > WEFT_MINUTE);
        require(weft_chan_len(ticks) <= 1); /* 360,000 are missed, and dropped */
    }
    /* Where a tick was always there (gcc's ThreadSanitizer is so slow) nobody else has run yet, and they only go to sleep now. */
    while (atomic_load(&awake) < SLEEPERS + 1) {
        atomic_fetch_add(&faults.clock_by, WEFT_HOUR);
        weft_sleep(WEFT_MILLISECOND);
    }
    weft_waitgroup_wait(&wg);
    require(pthread_join(thread.thread, NULL) == 0);
    (void)weft_chan_recv(weft_context_done(context), &none);
    require(weft_context_err(context) == -ETIMEDOUT);
    while (atomic_load(&called) < 3)
        weft_sleep(WEFT_MILLISECOND);
    require(atomic_load(&awake) == SLEEPERS + 1 && atomic_load(&early) == 0);
    for (int i = 0; i < 3; i++)
        weft_timer_free(timers[i]);
    weft_timer_free(ticker);
    weft_context_free(context);
    while (weft_goroutines() > 1)
        weft_yield();
    return 0;
}

/* The mixed load, while a thread has the clock leap and stand still in turn. */
static atomic_bool disturb_is_over;

static void *disturb(void *arg)
{
    (void)arg;
    for (int i = 0; !atomic_load(&disturb_is_over); i++) {
        pause_really(700);
        if (i % 3 == 0)
            faults_stop_clock(true);
        else if (i % 3 == 1)
            faults_stop_clock(false);
        else
            atomic_fetch_add(&faults.clock_by, WEFT_HOUR * (i % 5));
    }
    faults_stop_clock(false);
    return NULL;
}

static int disturbed_app(int argc, char **argv)
{
    pthread_t thread;
    atomic_store(&disturb_is_over, false);
    require(__real_pthread_create(&thread, NULL, disturb, NULL) == 0);
    int result = mixed_app(argc, argv);
    atomic_store(&disturb_is_over, true);
    require(pthread_join(thread, NULL) == 0);
    return result;
}

struct clock_case {
    int (*app)(int argc, char **argv);
    int processors;
};

static int clock_child(void *arg)
{
    const struct clock_case *job = arg;
    const struct faults_case c = {.app = job->app};
    atomic_store(&faults.watching, true);
    mixed_has_threads();
    atomic_store(&faults.own_clock, true);
    atomic_store(&faults.futex, FAULTS_FUTEX_OUR_CLOCK);
    weft_procs(job->processors);
    for (int i = 0; i < 2; i++)
        require(faults_run_once(&c) == 0);
    require(atomic_load(&faults.wall) == 0);
    faults_balance();
    return 0;
}

START_TEST(nothing_is_early_and_nothing_is_lost)
{
    static int (*const apps[])(int, char **) = {still_app, leaping_app, disturbed_app};
    struct clock_case job = {apps[_i], 1};
    for (; job.processors <= 4; job.processors *= 2) {
        struct test_child child = test_child(clock_child, &job, 100);
        ck_assert_msg(!child.timed_out && child.code == 0, "case %d, %d processors: exit code %d, signal %d%s:\n%s%s",
                      _i, job.processors, child.code, child.signal, child.timed_out ? ", hangs" : "", child.out,
                      child.err);
        test_child_free(&child);
    }
}
END_TEST

/* ---- it cannot be read ---- */

static int no_clock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    atomic_store(&faults.no_clock, true);
    weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static int no_clock_child(void *arg)
{
    const struct faults_case c = {.app = no_clock_app};
    (void)arg;
    return faults_run_once(&c);
}

START_TEST(a_clock_that_cannot_be_read_is_fatal)
{
    struct test_child child = test_child(no_clock_child, NULL, 60);
    test_child_check(child, 2, "^(fatal error: the monotonic clock cannot be read [^\n]*\n)+$"); /* a line a thread */
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/clock");
    TCase *tests = tcase_create("clock");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, nothing_is_early_and_nothing_is_lost, 0, 3);
    tcase_add_test(tests, a_clock_that_cannot_be_read_is_fatal);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}
