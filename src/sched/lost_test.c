/* SPDX-License-Identifier: Apache-2.0
 *
 * lost_test.c - machines that do not come back when their run ends, and do so during a later one: what they leave behind does
 * the later run no harm. Catalogue: G-02, P-07. */
#include <stdatomic.h>
#include <unistd.h>

#include <weft/words.h>

#include "sched/runtime.h"

#include "support.h"

#define HOGS 8

static atomic_int ready, released;

static void nothing(void)
{
}

static void nothing_with(void *arg)
{
    (void)arg;
}

/* Its processor has taken credits for stacks, more than it uses, and keeps them. When it is back, it has nothing to hand on in a
 * section, and no timers. */
static void hog(void)
{
    test_check(go(nothing) == 0);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&released))
        usleep(100);
    weft_blocking
    {
        usleep(100);
    }
    for (int i = 0; i < 2; i++) {
        weft_timer *timer = weft_after_func(WEFT_HOUR, nothing_with, NULL);
        weft_timer_free(timer);
    }
}

static int leaves_hogs(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < HOGS; i++)
        test_check(go(hog) == 0);
    while (atomic_load(&ready) < HOGS)
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static int spawns_when_they_are_back(int argc, char **argv)
{
    (void)argc, (void)argv;
    atomic_store(&released, 1);
    while (weft__load_acquire(&weft__rt.lost_machines) > 0) /* pairs with its decrement */
        weft_sleep(WEFT_MILLISECOND);
    weft_waitgroup wg = {0};
    for (int i = 0; i < 1000; i++)
        test_check(weft_waitgroup_go(&wg, nothing) == 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(g02_p07_lost_machines_come_back_in_a_later_run)
{
    for (int i = 0; i < 3; i++) {
        atomic_store(&ready, 0);
        atomic_store(&released, 0);
        test_run_at(HOGS, leaves_hogs);
        test_run_at(1, spawns_when_they_are_back);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lost");
    TCase *tests = tcase_create("lost");
    tcase_add_test(tests, g02_p07_lost_machines_come_back_in_a_later_run);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
