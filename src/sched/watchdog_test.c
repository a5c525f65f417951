/* SPDX-License-Identifier: Apache-2.0
 *
 * watchdog_test.c - what the watchdog and the idle machines see to when nobody else does. */
#include "sched/runtime.h"

#include "support.h"

#include <weft/run.h>

/* ---- who has just been given a processor is not stuck ---- */

static int machines_seen;

static int count_machines_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    machines_seen = (int)weft__rt.machine_count;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return 0;
}

/* A thread that takes 10 ms to get going counts as stuck, which may be on a busy machine, but not nearly always. */
START_TEST(one_processor_starts_one_machine)
{
    int runs = test_iterations(200), alone = 0;
    for (int i = 0; i < runs; i++) {
        test_run_at(1, count_machines_app);
        alone += machines_seen == 1;
    }
    ck_assert_msg(2 * alone >= runs, "%d of %d runs began with one machine", alone, runs);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("sched/watchdog");
    TCase *tests = tcase_create("watchdog");
    tcase_add_test(tests, one_processor_starts_one_machine);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}
