/* SPDX-License-Identifier: Apache-2.0
 *
 * run_end_test.c - the end of a run meets machines that the kernel does not let go on, wherever they are. Catalogue: G-02.
 * test-skip: lto
 * test-link: -Wl,--wrap=weft__port_now */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <weft/words.h>

#include "sched/runtime.h"

#include "support.h"

enum { NOWHERE, IN_ITS_LOOP, AMID_A_SWITCH };
static atomic_int slow;  /* where */
static atomic_int slept; /* while a run ended */
static atomic_int runs;  /* that have begun */

int64_t __real_weft__port_now(void);
int64_t __wrap_weft__port_now(void);

static int where_is(struct machine *m)
{
    if (m == NULL || weft__machine_is_lost(m)) /* an earlier run's: nobody waits for it */
        return NOWHERE;
    if (m->g == NULL)
        return IN_ITS_LOOP;
    return weft__load_relaxed(&m->commit) != NULL ? AMID_A_SWITCH : NOWHERE; /* own variable */
}

/* A machine looks at the clock for each processor that it would steal from, and now and then while it suspends a goroutine: it is
 * held up there, longer than the end of a run has patience. */
int64_t __wrap_weft__port_now(void)
{
    if (slow != NOWHERE && where_is(weft__machine()) == slow) {
        int run = runs;
        usleep(25000);
        test_check(runs == run);
        slept += weft__load_relaxed(&weft__rt.stopping) != 0; /* a hint */
    }
    return __real_weft__port_now();
}

static void has_a_timer(void)
{
    weft_sleep(WEFT_HOUR);
}

static void comes_and_goes(void)
{
    for (;;) {
        weft_sleep(10 * WEFT_MICROSECOND);
        weft_yield();
    }
}

static void stays(void)
{
    for (;;)
        weft_yield();
}

static int held_up(int where, void (*fn)(void))
{
    slow = NOWHERE;
    runs++; /* the one before is over */
    for (int i = 0; i < 64; i++)
        test_check(go(has_a_timer) == 0);
    for (int i = 0; i < 8; i++)
        test_check(go(fn) == 0);
    weft_sleep(2 * WEFT_MILLISECOND);
    slow = where;
    int64_t until = weft_now() + 2 * WEFT_MILLISECOND;
    while (weft_now() < until)
        weft_yield();
    return 0;
}

static int loop_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return held_up(IN_ITS_LOOP, comes_and_goes);
}

static int switch_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return held_up(AMID_A_SWITCH, stays);
}

START_TEST(g02_a_machine_that_looks_for_work_is_waited_for)
{
    int n = test_iterations(10);
    for (int i = 0; i < n || slept == 0; i++)
        test_run(loop_app);
}
END_TEST

START_TEST(g02_a_machine_that_switches_is_waited_for)
{
    int n = test_iterations(10);
    for (int i = 0; i < n || (slept == 0 && !weft__rt.migrate); i++) /* there every switch goes to the loop at once */
        test_run(switch_app);
}
END_TEST

/* ---- threads that ask ---- */

static atomic_bool done;

static void *asks(void *unused)
{
    while (!done)
        test_check(weft_goroutines() <= 100 && weft_procs(0) > 0);
    return unused;
}

static int short_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 8; i++)
        test_check(go(has_a_timer) == 0);
    weft_sleep(100 * WEFT_MICROSECOND);
    return 0;
}

START_TEST(g02_questions_beside_the_end)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, asks, NULL), 0);
    int n = test_iterations(200);
    for (int i = 0; i < n; i++)
        test_run(short_app);
    done = true;
    pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run's end");
    TCase *tests = tcase_create("run's end");
    tcase_add_test(tests, g02_a_machine_that_looks_for_work_is_waited_for);
    tcase_add_test(tests, g02_a_machine_that_switches_is_waited_for);
    tcase_add_test(tests, g02_questions_beside_the_end);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
