/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_test.c - simulated runs: the same seed gives the same run, the clock jumps, deadlocks and panics tell the seed. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <weft/words.h>

#include "support.h"

#define MS WEFT_MILLISECOND
#define HOUR WEFT_HOUR

static int sim(uint64_t seed, int (*fn)(void *arg))
{
    return weft_sim(seed, fn, NULL);
}

/* ---- what happened, as text ---- */

static char trace[8192];
static size_t length;

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    length += (size_t)vsnprintf(trace + length, sizeof trace - length, format, arguments);
    va_end(arguments);
    test_check(length < sizeof trace);
}

/* ---- the same seed, the same run ---- */

static void mixes(int number, chan(int) a, chan(int) b, weft_mutex *mutex)
{
    for (int turn = 0; turn < 5; turn++) {
        int value = 0;
        switch (chan_select(on_send(a, number), on_recv(a, &value), on_send(b, -number), on_recv(b, &value),
                            on_timeout(3 * MS))) {
        case 4:
            note("%d times out at %lld; ", number, (long long)(weft_now() % WEFT_SECOND));
            break;
        default:
            note("%d has %d; ", number, value);
        }
        weft_mutex_lock(mutex);
        if (turn % 2 == 0)
            weft_yield();
        note("%d; ", number);
        weft_mutex_unlock(mutex);
        if (turn == 3)
            weft_sleep(number * MS);
    }
}

static int mixed_app(void *unused)
{
    (void)unused;
    chan(int) a = chan_make(int, 0), b = chan_make(int, 2);
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    length = 0;
    for (int i = 1; i <= 6; i++)
        weft_waitgroup_go(&wg, mixes, i, a, b, &mutex);
    weft_waitgroup_wait(&wg);
    note("%lld", (long long)weft_now());
    chan_free(a);
    chan_free(b);
    return 7;
}

START_TEST(a_seed_repeats_a_run)
{
    int different = 0;
    static char first[sizeof trace], other[sizeof trace];
    for (uint64_t seed = 0; seed < 20; seed++) {
        ck_assert_int_eq(sim(seed, mixed_app), 7);
        if (seed > 0)
            different += strcmp(other, trace) != 0;
        strcpy(other, trace);
        strcpy(first, trace);
        for (int again = 0; again < 3; again++) {
            ck_assert_int_eq(sim(seed, mixed_app), 7);
            ck_assert_str_eq(first, trace);
        }
    }
    ck_assert_int_eq(different, 19);
}
END_TEST

static void notes(int number)
{
    note("%d", number);
}

static int order_app(void *unused)
{
    (void)unused;
    length = 0;
    for (int i = 1; i <= 3; i++)
        go(notes, i);
    weft_sim_wait();
    return 0;
}

START_TEST(seeds_give_every_order)
{
    static const char *const orders[] = {"123", "132", "213", "231", "312", "321"};
    int seen[6] = {0};
    for (uint64_t seed = 0; seed < 600; seed++) {
        ck_assert_int_eq(sim(seed, order_app), 0);
        for (int i = 0; i < 6; i++)
            seen[i] += strcmp(trace, orders[i]) == 0;
    }
    int sum = 0;
    for (int i = 0; i < 6; i++) {
        ck_assert_int_gt(seen[i], 50); /* 100 expected; the seeds are fixed, so this is no matter of luck */
        sum += seen[i];
    }
    ck_assert_int_eq(sum, 600);
}
END_TEST

static int lost_updates;

static void updates(int *balance)
{
    int read = *balance;
    weft_yield();
    *balance = read + 1;
}

static int race_app(void *unused)
{
    (void)unused;
    int balance = 0;
    go(updates, &balance);
    go(updates, &balance);
    weft_sim_wait();
    lost_updates += balance != 2;
    return balance;
}

START_TEST(some_seed_finds_a_race)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        int balance = sim(seed, race_app);
        ck_assert_int_eq(sim(seed, race_app), balance);
    }
    ck_assert_int_gt(lost_updates, 0);
    ck_assert_int_lt(lost_updates, 200);
}
END_TEST

/* ---- the clock ---- */

static int64_t started_at;

static int clock_app(void *unused)
{
    (void)unused;
    int64_t start = weft_now();
    if (started_at != 0)
        test_check(start == started_at); /* a fixed instant */
    started_at = start;
    for (int i = 0; i < 1000; i++)
        weft_yield();
    test_check(weft_now() == start); /* it stands still while anything can run */
    weft_sleep(HOUR);
    test_check(weft_now() == start + HOUR);
    test_check(chan_recv(weft_after(24 * HOUR)) == start + 25 * HOUR);
    test_check(weft_now() == start + 25 * HOUR);
    chan(int) never = chan_make(int, 0);
    test_check(chan_select(on_recv(never, NULL), on_timeout(HOUR)) == 1 && weft_now() == start + 26 * HOUR);
    chan_free(never);
    return 0;
}

START_TEST(t01_the_clock_jumps)
{
    ck_assert_int_eq(sim(1, clock_app), 0);
    ck_assert_int_eq(sim(2, clock_app), 0);
}
END_TEST

static void sleeps(int minutes)
{
    weft_sleep(minutes * WEFT_MINUTE);
    note("%d ", minutes);
}

static int ascending_app(void *unused)
{
    (void)unused;
    length = 0;
    for (int i = 0; i < 7; i++)
        go(sleeps, i * 3 % 7 + 1);
    weft_sleep(HOUR);
    test_check(strcmp(trace, "1 2 3 4 5 6 7 ") == 0);
    return 0;
}

START_TEST(t02_sleepers_wake_in_order)
{
    for (uint64_t seed = 0; seed < 50; seed++)
        ck_assert_int_eq(sim(seed, ascending_app), 0);
}
END_TEST

static void count_up(void *counter)
{
    ++*(int *)counter;
}

static int timers_app(void *unused)
{
    (void)unused;
    int64_t start = weft_now();
    int counter = 0;
    weft_timer *ticker = weft_ticker_new(WEFT_MINUTE), *func = weft_after_func(2 * HOUR, count_up, &counter);
    for (int i = 1; i <= 100; i++)
        test_check(chan_recv(weft_timer_chan(ticker)) == start + i * WEFT_MINUTE);
    weft_sleep(WEFT_MINUTE * 19 + 30 * WEFT_SECOND);
    test_check(counter == 0);
    weft_sleep(30 * WEFT_SECOND);
    weft_sim_wait();
    test_check(counter == 1 && weft_now() == start + 2 * HOUR);
    test_check(!weft_timer_reset(func, HOUR) && weft_timer_stop(func));
    test_check(!weft_timer_reset(func, 0)); /* due at once, and yet in its turn */
    weft_sim_wait();
    test_check(counter == 2 && weft_now() == start + 2 * HOUR);
    weft_timer_free(func);
    weft_timer_free(ticker);
    return 0;
}

START_TEST(t03_t05_t06_timers_and_tickers)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        ck_assert_int_eq(sim(seed, timers_app), 0);
}
END_TEST

/* M-03 by the virtual clock: the mutex is handed over to who has waited for more than a millisecond. */
static void holds(weft_mutex *mutex)
{
    weft_mutex_lock(mutex);
    weft_sleep(2 * MS);
    weft_mutex_unlock(mutex);
}

static void waits(weft_mutex *mutex, int *got)
{
    weft_mutex_lock(mutex);
    ++*got;
    weft_mutex_unlock(mutex);
}

static int starving_app(void *unused)
{
    (void)unused;
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    int got = 0;
    for (int i = 0; i < 5; i++)
        weft_waitgroup_go(&wg, holds, &mutex);
    weft_waitgroup_go(&wg, waits, &mutex, &got);
    weft_waitgroup_wait(&wg);
    test_check(got == 1);
    return (int)(weft_now() - started_at);
}

START_TEST(m03_starving_by_the_virtual_clock)
{
    ck_assert_int_eq(sim(0, clock_app), 0);
    for (uint64_t seed = 0; seed < 100; seed++)
        ck_assert_int_eq(sim(seed, starving_app), 10 * MS);
}
END_TEST

/* ---- weft_sim_wait ---- */

static void relays(recv_chan(int) from, send_chan(int) to)
{
    chan_send(to, chan_recv(from) + 1);
}

static void sleeps_and_sets(int *set)
{
    weft_sleep(1);
    *set = 1;
}

static int wait_app(void *unused)
{
    (void)unused;
    chan(int) first = chan_make(int, 1), from = first;
    chan(int) all[21] = {first};
    for (int i = 1; i <= 20; i++) {
        all[i] = chan_make(int, 1);
        go(relays, recv_only(from), send_only(all[i]));
        from = all[i];
    }
    int set = 0;
    go(sleeps_and_sets, &set);
    weft_sim_wait();
    test_check(chan_len(from) == 0);
    chan_send(first, 0);
    weft_sim_wait();
    test_check(chan_len(from) == 1 && chan_recv(from) == 20);
    test_check(set == 0);
    weft_sim_wait(); /* nobody to wait for */
    weft_sleep(1);
    weft_sim_wait();
    test_check(set == 1);
    for (int i = 0; i <= 20; i++)
        chan_free(all[i]);
    return 0;
}

START_TEST(wait_for_what_can_be_done_now)
{
    for (uint64_t seed = 0; seed < 50; seed++)
        ck_assert_int_eq(sim(seed, wait_app), 0);
}
END_TEST

static int wait_outside_child(void *unused)
{
    (void)unused;
    weft_sim_wait();
    return 0;
}

START_TEST(wait_outside_a_simulation)
{
    struct test_child child = test_child(wait_outside_child, NULL, 60);
    test_child_check(child, 2, "panic: weft_sim_wait outside a simulated run");
    test_child_free(&child);
}
END_TEST

/* ---- many goroutines ---- */

static void adds(int *sum, weft_waitgroup *wg)
{
    weft_yield();
    ++*sum;
    weft_waitgroup_done(wg);
}

static int many_app(void *unused)
{
    (void)unused;
    int sum = 0, n = test_goroutines(20000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, n);
    for (int i = 0; i < n; i++)
        test_check(go(adds, &sum, &wg) == 0);
    weft_waitgroup_wait(&wg);
    test_check(sum == n);
    for (int i = 0; i < 1000; i++)
        go(adds, &sum, &wg); /* cut off before they have run */
    return 0;
}

START_TEST(many_goroutines)
{
    ck_assert_int_eq(sim(3, many_app), 0);
    ck_assert_int_eq(sim(4, many_app), 0);
}
END_TEST

/* ---- procs, blocking, threads ---- */

static int procs_app(void *unused)
{
    (void)unused;
    test_check(weft_procs(0) == 1);
    test_check(weft_procs(3) == 1 && weft_procs(0) == 1);
    int busy = weft_sim(0, procs_app, NULL);
    test_check(busy == -EDEADLK);
    return 0;
}

static int real_app(int argc, char **argv)
{
    (void)argv;
    int64_t start = weft_now();
    test_check(weft_procs(0) == argc);
    weft_sleep(5 * MS);
    test_check(weft_now() - start >= 5 * MS);
    return 3;
}

START_TEST(real_and_simulated_runs_take_turns)
{
    for (int i = 0; i < 10; i++) {
        weft_procs(2);
        ck_assert_int_eq(weft_run(real_app, 2, NULL), 3);
        ck_assert_int_eq(sim(5, procs_app), 0);
        ck_assert_int_eq(weft_run(real_app, 3, NULL), 3);
    }
}
END_TEST

static void counts_turns(int *turns)
{
    for (int i = 0; i < 10; i++) {
        ++*turns;
        weft_yield();
    }
}

static int blocking_app(void *unused)
{
    (void)unused;
    int turns = 0;
    int64_t start = weft_now();
    go(counts_turns, &turns);
    weft_blocking
    {
        usleep(20000);
    }
    test_check(turns == 0 && weft_now() == start); /* the simulation stood still */
    weft_sim_wait();
    test_check(turns == 10);
    return 0;
}

START_TEST(blocking_sections_block_all)
{
    ck_assert_int_eq(sim(5, blocking_app), 0);
}
END_TEST

static void *thread_main(void *channel)
{
    int64_t start = weft_now(), virtual = started_at;
    test_check(start < virtual || start > virtual + HOUR); /* its clock is the real one */
    weft_sleep(5 * MS);
    test_check(weft_now() - start >= 5 * MS);
    int value = 8;
    weft_chan_send_untyped(channel, &value);
    return NULL;
}

static int thread_app(void *unused)
{
    (void)unused;
    chan(int) c = chan_make(int, 1);
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, thread_main, (void *)c) == 0);
    int got = 0;
    while (!chan_try_recv(c, &got))
        weft_yield();
    pthread_join(thread, NULL);
    chan_free(c);
    return got;
}

START_TEST(threads_keep_the_real_clock)
{
    ck_assert_int_eq(sim(0, clock_app), 0);
    ck_assert_int_eq(sim(0, thread_app), 8);
}
END_TEST

static void nothing(void *unused)
{
    (void)unused;
}

static void *thread_timer(void *unused)
{
    (void)weft_after_func(MS, nothing, NULL);
    return unused;
}

static int thread_timer_app(void *unused)
{
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, thread_timer, unused) == 0);
    pthread_join(thread, NULL);
    return 0;
}

static int run_sim(void *fn)
{
    return weft_sim(42, (int (*)(void *))fn, NULL);
}

START_TEST(threads_arm_no_timers)
{
    struct test_child child = test_child(run_sim, (void *)thread_timer_app, 60);
    test_child_check(child, 2, "panic: timer armed by a plain thread during a simulated run");
    test_child_free(&child);
}
END_TEST

/* ---- reports ---- */

static int dead_app(void *unused)
{
    (void)unused;
    chan(int) c = chan_make(int, 0);
    go(relays, recv_only(c), send_only(c));
    weft_sleep(HOUR);
    return chan_recv(c);
}

static int panic_app(void *unused)
{
    (void)unused;
    weft_sleep(WEFT_SECOND);
    weft_panic("at last");
}

/* D-03: nobody waits for that timer. */
static int ticker_app(void *unused)
{
    (void)unused;
    (void)weft_ticker_new(MS);
    return chan_recv(chan_make(int, 0));
}

START_TEST(d01_d03_deadlocks_tell_the_seed)
{
    struct test_child child = test_child(run_sim, (void *)dead_app, 60);
    test_child_check(child, 2,
                     "all goroutines are asleep - deadlock!\nsimulated: weft_sim with seed 42, "
                     "3600000000000 ns after its start");
    ck_assert_ptr_nonnull(strstr(child.err, "chan receive"));
    test_child_free(&child);
    child = test_child(run_sim, (void *)ticker_app, 60);
    test_child_check(child, 2, "deadlock!\nsimulated: weft_sim with seed 42");
    test_child_free(&child);
    child = test_child(run_sim, (void *)panic_app, 60);
    test_child_check(child, 2, "panic: at last\nsimulated: weft_sim with seed 42, 1000000000 ns");
    test_child_free(&child);
}
END_TEST

static void *thread_relieves(void *channel)
{
    int value = 9;
    usleep(50000);
    weft_chan_send_untyped(channel, &value);
    return NULL;
}

static int relieved_app(void *unused)
{
    (void)unused;
    chan(int) c = chan_make(int, 0);
    pthread_t thread;
    test_check(pthread_create(&thread, NULL, thread_relieves, (void *)c) == 0);
    int got = chan_recv(c);
    pthread_join(thread, NULL);
    chan_free(c);
    return got;
}

static int relieved_child(void *unused)
{
    (void)unused;
    setenv("WEFT_DEADLOCK", "off", 1);
    return sim(0, relieved_app);
}

START_TEST(d06_without_reports_threads_may_help)
{
    struct test_child child = test_child(relieved_child, NULL, 60);
    test_child_check(child, 9, NULL);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tests = tcase_create("sim");
    tcase_add_test(tests, a_seed_repeats_a_run);
    tcase_add_test(tests, seeds_give_every_order);
    tcase_add_test(tests, some_seed_finds_a_race);
    tcase_add_test(tests, t01_the_clock_jumps);
    tcase_add_test(tests, t02_sleepers_wake_in_order);
    tcase_add_test(tests, t03_t05_t06_timers_and_tickers);
    tcase_add_test(tests, m03_starving_by_the_virtual_clock);
    tcase_add_test(tests, wait_for_what_can_be_done_now);
    tcase_add_test(tests, wait_outside_a_simulation);
    tcase_add_test(tests, many_goroutines);
    tcase_add_test(tests, real_and_simulated_runs_take_turns);
    tcase_add_test(tests, blocking_sections_block_all);
    tcase_add_test(tests, threads_keep_the_real_clock);
    tcase_add_test(tests, threads_arm_no_timers);
    tcase_add_test(tests, d01_d03_deadlocks_tell_the_seed);
    tcase_add_test(tests, d06_without_reports_threads_may_help);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
