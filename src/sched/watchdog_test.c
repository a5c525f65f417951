/* SPDX-License-Identifier: Apache-2.0
 *
 * watchdog_test.c - what the watchdog and the idle machines see to when nobody else does. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>

#include "sched/runtime.h"

#include "support.h"

#include <weft/go.h>
#include <weft/run.h>
#include <weft/time.h>

/* ---- who has just been given a processor is not stuck ---- */

#define STUCK_AFTER (10 * WEFT_MILLISECOND) /* watchdog.c's */

static int machines_seen;
static int64_t seen_at;

static int count_machines_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    machines_seen = (int)weft__rt.machine_count;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    seen_at = weft_now();
    return 0;
}

/* A thread that takes longer than that to get going counts as stuck, which may be on a busy machine. */
START_TEST(one_processor_starts_one_machine)
{
    int runs = test_iterations(200), in_time = 0;
    for (int i = 0; i < runs || in_time == 0; i++) {
        int64_t begin = weft_now();
        test_run_at(1, count_machines_app);
        if (seen_at - begin >= STUCK_AFTER)
            continue;
        ck_assert_int_eq(machines_seen, 1);
        in_time++;
    }
}
END_TEST

/* ---- an idle machine that could not come back for a timer is not the timekeeper any more ---- */

static void sleep_and_write(int64_t duration, int fd)
{
    weft_sleep(duration);
    test_check(write(fd, "x", 1) == 1);
}

static void read_blocking(int fd)
{
    char byte;
    weft_blocking
    {
        test_check(read(fd, &byte, 1) == 1);
    }
}

/* One processor. While main is in its blocking section another machine runs the sleeper, goes idle, and looks after its
 * timer. When that is due, main is at work again on the only processor, and runs the timer. Then main blocks for good, and
 * the other machine is the only one for the next timer. */
static int timekeeper_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int fds[2];
    test_check(pipe(fds) == 0);
    for (int i = 0; i < test_iterations(10); i++) {
        weft_go(sleep_and_write, 20 * WEFT_MILLISECOND, fds[1]);
        weft_blocking
        {
            usleep(5000);
        }
        for (int64_t until = weft_now() + 40 * WEFT_MILLISECOND; weft_now() < until;)
            weft_yield();
        read_blocking(fds[0]);
        weft_go(sleep_and_write, 200 * WEFT_MILLISECOND, fds[1]);
        weft_yield();
        read_blocking(fds[0]);
    }
    close(fds[0]);
    close(fds[1]);
    return 0;
}

START_TEST(timers_have_a_keeper_again)
{
    test_run_at(1, timekeeper_app);
}
END_TEST

/* ---- what a stuck processor holds is found by those who never run out of work ---- */

#define CHILDREN 10
static atomic_int children_run;

static void count_child(void)
{
    atomic_fetch_add(&children_run, 1);
}

/* Its children stay in its processor's queue. A machine that comes in its place takes half of them, or main alone. */
static void spawn_and_compute(void)
{
    for (int i = 0; i < CHILDREN; i++)
        test_check(weft_go(count_child) == 0);
    while (atomic_load(&children_run) < CHILDREN)
        usleep(100);
}

/* One processor; main yields, and so is always its processor's next. */
static int yields_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(20); i++) {
        atomic_store(&children_run, 0);
        test_check(weft_go(spawn_and_compute) == 0);
        while (atomic_load(&children_run) < CHILDREN)
            weft_yield();
    }
    return 0;
}

START_TEST(p07_a_stuck_processor_keeps_nothing_back)
{
    test_run_at(1, yields_app);
}
END_TEST

static void count_after(int64_t duration)
{
    weft_sleep(duration);
    atomic_fetch_add(&children_run, 1);
}

/* Its timer is in the heap of a processor that is stuck then. */
static void arm_and_compute(void)
{
    test_check(weft_go(count_after, 30 * WEFT_MILLISECOND) == 0);
    weft_yield();
    while (atomic_load(&children_run) == 0)
        usleep(100);
}

static int yields_for_a_timer_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(20); i++) {
        atomic_store(&children_run, 0);
        test_check(weft_go(arm_and_compute) == 0);
        while (atomic_load(&children_run) == 0)
            weft_yield();
    }
    return 0;
}

START_TEST(p07_t08_nor_do_its_timers_wait)
{
    test_run_at(1, yields_for_a_timer_app);
}
END_TEST

/* ---- who waits for a core is not stuck ---- */

#define CROWD 8
static atomic_bool crowd_goes_home;
static int processors_seen;

static void yield_for_ever(void)
{
    while (!atomic_load(&crowd_goes_home))
        weft_yield();
}

/* Its machines take turns on one core, each of them waits there for longer than the watchdog's patience. */
static int crowd_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    atomic_store(&crowd_goes_home, false);
    for (int i = 0; i < 50 * CROWD; i++)
        test_check(weft_go(yield_for_ever) == 0);
    for (int64_t until = weft_now() + 50 * CROWD * WEFT_MILLISECOND; weft_now() < until;)
        weft_yield();
    processors_seen = (int)weft__load_relaxed(&weft__rt.processor_count); /* it only grows */
    atomic_store(&crowd_goes_home, true);
    return 0;
}

/* A stand-in would come for each. That one of them sleeps at a lock for so long, and counts as stuck, may happen. */
START_TEST(who_waits_for_a_core_has_no_stand_in)
{
    cpu_set_t all, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    int tries = 0;
    do
        test_run_at(CROWD, crowd_app);
    while (processors_seen > CROWD && ++tries < 20);
    ck_assert_int_le(processors_seen, CROWD);
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sched/watchdog");
    TCase *tests = tcase_create("watchdog");
    tcase_add_test(tests, one_processor_starts_one_machine);
    tcase_add_test(tests, timers_have_a_keeper_again);
    tcase_add_test(tests, p07_a_stuck_processor_keeps_nothing_back);
    tcase_add_test(tests, p07_t08_nor_do_its_timers_wait);
    if (!TEST_TSAN && !test_emulated()) /* which sleep at locks of their own */
        tcase_add_test(tests, who_waits_for_a_core_has_no_stand_in);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}
