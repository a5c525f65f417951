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

static atomic_bool slow;
static atomic_int slept;

int64_t __real_weft__port_now(void);
int64_t __wrap_weft__port_now(void);

/* A machine looks at the clock for each processor that it would steal from: it is held up there, longer than the end of a run has
 * patience. */
int64_t __wrap_weft__port_now(void)
{
    const struct machine *m = weft__machine();
    if (m != NULL && m->g == NULL && slow) {
        usleep(25000);
        slept++;
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

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 64; i++)
        test_check(go(has_a_timer) == 0);
    for (int i = 0; i < 8; i++)
        test_check(go(comes_and_goes) == 0);
    weft_sleep(2 * WEFT_MILLISECOND);
    slow = true;
    int64_t until = weft_now() + 2 * WEFT_MILLISECOND;
    while (weft_now() < until)
        weft_yield();
    return 0;
}

START_TEST(g02_a_machine_that_looks_for_work_is_waited_for)
{
    int n = test_iterations(10);
    for (int i = 0; i < n || slept == 0; i++) {
        slow = false;
        test_run(app);
    }
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
    tcase_add_test(tests, g02_questions_beside_the_end);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
