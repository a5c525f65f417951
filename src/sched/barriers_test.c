/* SPDX-License-Identifier: Apache-2.0
 *
 * barriers_test.c - what orders the plain data of timers, processors and machines: the lock of a heap and of the runtime, and where
 * there is none an acquire and its release. And the end of a run beside those who are there (G-02).
 *
 * The others here are plain threads that were there before the run. They and the run know of each other by flags that order
 * nothing, and do nothing else meanwhile. So the library's own order is the only one, and ThreadSanitizer reports a missing one.
 *
 * test-wrap: weft__work_somewhere weft__timers_earliest weft__watchdog_wake pthread_create
 * test-skip: lto */
#include <pthread.h>

#include <weft/time.h>
#include <weft/words.h>

#include "port/port.h"
#include "sched/runtime.h"

#include "support.h"

static WEFT__ATOMIC(int) step; /* relaxed throughout, as all flags here: to be told must not order anything else */
static struct weft__timer shared;

static void reach(int number)
{
    weft__store_relaxed(&step, number);
}

static void await(int number)
{
    while (weft__load_relaxed(&step) < number)
        weft__port_thread_yield();
}

static bool fires(struct weft__timer *timer, int64_t now)
{
    return timer->when > now; /* once */
}

/* A run with threads beside it, which begin at step 1 and end the run by step 2. */
static void beside(int processors, int (*app)(int, char **), void *(*first)(void *), void *(*second)(void *))
{
    pthread_t threads[2];
    shared = (struct weft__timer){.fire = fires};
    reach(0);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, first, NULL), 0);
    if (second != NULL)
        ck_assert_int_eq(pthread_create(&threads[1], NULL, second, NULL), 0);
    test_run_at(processors, app);
    pthread_join(threads[0], NULL);
    if (second != NULL)
        pthread_join(threads[1], NULL);
}

static int app_that_touches_no_timer(int argc, char **argv)
{
    (void)argc, (void)argv;
    reach(1);
    await(2);
    return 0;
}

/* Its machine is idle again and again, and looks after its timers. */
static int app_that_sleeps(int argc, char **argv)
{
    (void)argc, (void)argv;
    reach(1);
    while (weft__load_relaxed(&step) < 2)
        weft_sleep(200 * WEFT_MICROSECOND);
    for (int i = 0; i < 3; i++)
        weft_sleep(10 * WEFT_MICROSECOND);
    return 0;
}

/* ---- timers of threads ---- */

static void arm(struct weft__timer *timer, int64_t duration)
{
    test_check(weft__timer_add(timer, weft__port_now() + duration) == 0);
}

/* The timer is in no heap any more, which is all that the caller knows: then it is his. */
static void use_again(struct weft__timer *timer)
{
    while (weft__load_relaxed(&timer->heap) != NULL)
        weft__port_thread_yield();
    test_check(!weft__timer_remove(timer));
    memset(timer, 0, sizeof *timer);
}

/* The last that it does is to arm a timer for later than the one that is looked after. */
static void *arms_for_later(void *unused)
{
    await(1);
    usleep(300);
    arm(&shared, WEFT_HOUR);
    reach(2);
    return unused;
}

START_TEST(a_thread_that_arms_a_timer_beside_those_who_look_after_others)
{
    for (int i = 0; i < 20; i++)
        beside(1, app_that_sleeps, arms_for_later, NULL);
}
END_TEST

/* The last that it does is to take a timer out. */
static void *arms_and_removes(void *unused)
{
    await(1);
    arm(&shared, WEFT_HOUR);
    test_check(weft__timer_remove(&shared));
    reach(2);
    return unused;
}

START_TEST(a_thread_that_removes_a_timer_beside_sleepers)
{
    for (int i = 0; i < 5; i++)
        beside(1, app_that_sleeps, arms_and_removes, NULL);
}
END_TEST

START_TEST(g02_a_thread_that_removes_a_timer_before_the_end)
{
    for (int i = 0; i < 5; i++)
        beside(1, app_that_touches_no_timer, arms_and_removes, NULL);
}
END_TEST

static void *uses_one_that_has_fired(void *unused)
{
    await(1);
    arm(&shared, 100 * WEFT_MICROSECOND);
    use_again(&shared);
    reach(2);
    return unused;
}

START_TEST(a_timer_that_has_fired_is_its_owners)
{
    for (int i = 0; i < 5; i++)
        beside(2, app_that_sleeps, uses_one_that_has_fired, NULL);
}
END_TEST

static void *uses_one_that_the_end_has_taken(void *unused)
{
    await(1);
    arm(&shared, WEFT_HOUR);
    reach(2);
    use_again(&shared);
    return unused;
}

START_TEST(g02_a_timer_that_the_end_has_taken_is_its_owners)
{
    for (int i = 0; i < 5; i++)
        beside(1, app_that_touches_no_timer, uses_one_that_the_end_has_taken, NULL);
}
END_TEST

static void *uses_one_that_another_has_taken(void *unused)
{
    await(1);
    arm(&shared, WEFT_HOUR);
    use_again(&shared);
    reach(2);
    return unused;
}

/* It does not know of the run, nor of the heap, but by the timer. */
static void *takes_it(void *unused)
{
    await(1);
    while (weft__load_relaxed(&shared.heap) == NULL)
        weft__port_thread_yield();
    test_check(weft__timer_remove(&shared));
    return unused;
}

START_TEST(a_timer_that_another_thread_has_removed_is_its_owners)
{
    for (int i = 0; i < 5; i++)
        beside(1, app_that_touches_no_timer, uses_one_that_another_has_taken, takes_it);
}
END_TEST

static bool has_fired;

/* Slowly: the other one has found the timer in its heap meanwhile, and waits for the lock. */
static bool fires_slowly(struct weft__timer *timer, int64_t now)
{
    reach(2);
    await(3);
    weft__port_thread_sleep(2 * WEFT_MILLISECOND);
    has_fired = true;
    return fires(timer, now);
}

static void *removes_what_fires(void *unused)
{
    await(1);
    has_fired = false;
    shared.fire = fires_slowly;
    arm(&shared, 100 * WEFT_MICROSECOND);
    await(2);
    reach(3);
    test_check(!weft__timer_remove(&shared) && has_fired);
    return unused;
}

static int app_that_sleeps_until_it_has_fired(int argc, char **argv)
{
    (void)argc, (void)argv;
    reach(1);
    while (weft__load_relaxed(&step) < 3)
        weft_sleep(200 * WEFT_MICROSECOND);
    weft_sleep(WEFT_MILLISECOND);
    return 0;
}

START_TEST(a_thread_that_removes_a_timer_that_fires_waits_for_it)
{
    for (int i = 0; i < 5; i++)
        beside(2, app_that_sleeps_until_it_has_fired, removes_what_fires, NULL);
}
END_TEST

/* ---- a processor that was made a moment ago ---- */

enum holding { NOBODY, WHO_LOOKS_FOR_WORK, WATCHDOG };
static WEFT__ATOMIC(int) holding; /* whom to hold until there are three processors */
static WEFT__ATOMIC(int) seen;    /* how often there were */

/* In vain where the third processor is not needed, as the one who is held has given up its own. */
static bool hold(enum holding who)
{
    int expected = (int)who;
    if (!weft__cas_relaxed(&holding, &expected, NOBODY))
        return false;
    reach(1);
    int64_t until = weft__port_now() + 20 * WEFT_MILLISECOND;
    while (weft__load_relaxed(&weft__rt.processor_count) < 3 && weft__port_now() < until)
        weft__port_thread_yield();
    if (weft__load_relaxed(&weft__rt.processor_count) >= 3)
        weft__add_relaxed(&seen, 1);
    return true;
}

static void until_it_was_seen(int processors, int (*app)(int, char **))
{
    weft__store_relaxed(&seen, 0);
    while (weft__load_relaxed(&seen) < 3)
        test_run_at(processors, app);
}

bool __real_weft__work_somewhere(void);
bool __wrap_weft__work_somewhere(void);
bool __wrap_weft__work_somewhere(void)
{
    bool is_it = hold(WHO_LOOKS_FOR_WORK), found = __real_weft__work_somewhere();
    if (is_it)
        reach(2);
    return found;
}

int64_t __real_weft__timers_earliest(void);
int64_t __wrap_weft__timers_earliest(void);
int64_t __wrap_weft__timers_earliest(void)
{
    if (weft__machine() != NULL)
        return __real_weft__timers_earliest();
    bool is_it = hold(WATCHDOG);
    int64_t earliest = __real_weft__timers_earliest();
    if (is_it)
        reach(2);
    return earliest;
}

static void nothing(void)
{
}

static void needs_a_machine(void)
{
    await(2);
}

/* One that has found work looks whether there is more, for others. The third processor is made for nobody, so that no queue
 * tells of it. */
static int app_with_a_processor_more(int argc, char **argv)
{
    (void)argc, (void)argv;
    reach(0);
    weft__store_relaxed(&holding, WHO_LOOKS_FOR_WORK);
    for (int i = 0; i < 2; i++)
        test_check(go(nothing) == 0); /* somebody comes for the first of them */
    await(1);
    (void)weft_procs(4);
    await(2);
    return 0;
}

START_TEST(who_looks_for_work_sees_what_is_in_a_new_processor)
{
    until_it_was_seen(3, app_with_a_processor_more);
}
END_TEST

static int app_with_more_and_more_processors(int argc, char **argv)
{
    (void)argc, (void)argv;
    reach(0);
    weft__store_relaxed(&holding, WATCHDOG);
    await(1);
    for (int i = 0; i < 8; i++)
        test_check(go(needs_a_machine) == 0);
    await(2);
    return 0;
}

START_TEST(the_watchdog_sees_the_timers_of_a_new_processor)
{
    until_it_was_seen(4, app_with_more_and_more_processors);
}
END_TEST

/* ---- a machine that is left to the watchdog ---- */

static WEFT__ATOMIC(int) left_to_it, have_run;

void __real_weft__watchdog_wake(void);
void __wrap_weft__watchdog_wake(void);

/* A goroutine that has locked its thread leaves a machine to the watchdog, and wakes it afterwards. It finds the machine before, in
 * one of its rounds. */
void __wrap_weft__watchdog_wake(void)
{
    const struct machine *m = weft__machine();
    if (m != NULL && m->locked != NULL && weft__load_relaxed(&weft__rt.to_start) != NULL) {
        while (weft__load_relaxed(&weft__rt.to_start) != NULL)
            weft__port_thread_yield();
        weft__add_relaxed(&left_to_it, 1);
    }
    __real_weft__watchdog_wake();
}

static void counts(void)
{
    weft__add_relaxed(&have_run, 1);
}

static int locked_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_lock_thread();
    weft__store_relaxed(&have_run, 0);
    for (int i = 0; i < 4; i++)
        test_check(go(counts) == 0);
    while (weft__load_relaxed(&have_run) < 4)
        weft__port_thread_yield();
    return 0;
}

START_TEST(a_machine_that_a_locked_thread_leaves_to_the_watchdog)
{
    weft__store_relaxed(&left_to_it, 0);
    /* Not in a run in which the watchdog was there first, or another machine before. */
    while (weft__load_relaxed(&left_to_it) < 5)
        test_run_at(4, locked_app);
}
END_TEST

/* ---- a thread that is refused ---- */

static __thread bool is_refused;
static WEFT__ATOMIC(bool) has_run;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);

/* Refused when there is nothing left to do for it. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    if (!is_refused)
        return __real_pthread_create(thread, attributes, fn, arg);
    while (!weft__load_relaxed(&has_run))
        weft__port_thread_yield();
    return EAGAIN;
}

static void says_so(void)
{
    weft__store_relaxed(&has_run, true);
}

/* The last that it does is to ask once more for a machine, when one could not be had. */
static void *spawns_without_a_thread(void *unused)
{
    await(1);
    is_refused = true;
    test_check(go(says_so) == 0);
    reach(2);
    return unused;
}

static int app_that_yields(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft__store_relaxed(&has_run, false);
    reach(1);
    while (weft__load_relaxed(&step) < 2)
        weft_yield();
    return 0;
}

START_TEST(g02_a_thread_is_refused_just_before_the_end)
{
    for (int i = 0; i < 5; i++)
        beside(2, app_that_yields, spawns_without_a_thread, NULL);
}
END_TEST

static void *says_that_it_was_refused(void *unused)
{
    weft__add_relaxed(&step, 1);
    await(2);
    weft__say_no_thread(-EAGAIN);
    return unused;
}

static int refused_child(void *unused)
{
    (void)unused;
    pthread_t threads[2];
    reach(0);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, says_that_it_was_refused, NULL) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

START_TEST(two_that_are_refused_at_once_say_it_once)
{
    struct test_child child = test_child(refused_child, NULL, 60);
    test_child_check(child, 0, "^weft: cannot start another thread [^\n]*\n$");
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler barriers");
    TCase *tests = tcase_create("timers");
    tcase_add_test(tests, a_thread_that_arms_a_timer_beside_those_who_look_after_others);
    tcase_add_test(tests, a_thread_that_removes_a_timer_beside_sleepers);
    tcase_add_test(tests, g02_a_thread_that_removes_a_timer_before_the_end);
    tcase_add_test(tests, a_timer_that_has_fired_is_its_owners);
    tcase_add_test(tests, g02_a_timer_that_the_end_has_taken_is_its_owners);
    tcase_add_test(tests, a_timer_that_another_thread_has_removed_is_its_owners);
    tcase_add_test(tests, a_thread_that_removes_a_timer_that_fires_waits_for_it);
    suite_add_tcase(suite, tests);
    tests = tcase_create("machines");
    tcase_add_test(tests, who_looks_for_work_sees_what_is_in_a_new_processor);
    tcase_add_test(tests, the_watchdog_sees_the_timers_of_a_new_processor);
    tcase_add_test(tests, a_machine_that_a_locked_thread_leaves_to_the_watchdog);
    tcase_add_test(tests, g02_a_thread_is_refused_just_before_the_end);
    tcase_add_test(tests, two_that_are_refused_at_once_say_it_once);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
