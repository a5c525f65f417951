/* SPDX-License-Identifier: Apache-2.0
 *
 * explorer_test.c - the explorer itself: it sees every schedule, and once; it finds planted bugs of each kind; what it finds can be
 * replayed; and the judge of histories rejects wrong ones.
 * test-library: explore
 * test-timeout: 120 */
#include <weft/words.h>

#include "engine.h"
#include "linear.h"
#include "support.h"

static struct explore_finding finding;

static void search(const struct explore_scenario *scenario)
{
    explore_search(scenario, true, &finding);
}

#define found(regex)                                                                                                   \
    ck_assert_msg(finding.found &&test_matches(finding.message, regex), "found: %s",                                   \
                  finding.found ? finding.message : "nothing")

/* ---- every schedule, once ---- */

static int points;
static void passes_points(void)
{
    for (int i = 0; i < points; i++)
        explore_point();
}

/* How many ways there are to run what is left, when the current one is in the middle (inside) or somebody is to be chosen. */
static uint64_t ways(int goroutines, int *left, int current, bool inside, int preemptions)
{
    uint64_t count = 0;
    bool any = false;
    for (int i = 0; i < goroutines; i++) {
        if (left[i] == 0)
            continue;
        any = true;
        int cost = inside && i != current;
        if (cost > preemptions)
            continue;
        left[i]--;
        count += ways(goroutines, left, i, left[i] > 0, preemptions - cost);
        left[i]++;
    }
    return any ? count : 1;
}

START_TEST(all_schedules)
{
    for (int goroutines = 2; goroutines <= 3; goroutines++)
        for (int bound = 1; bound <= 4; bound++)
            for (points = 1; points <= (goroutines == 2 ? 5 : 2); points++) {
                struct explore_scenario scenario = {.name = "points", .bound = bound, .most = 10000000};
                uint64_t expected = 0;
                for (int i = 0; i < goroutines; i++)
                    scenario.goroutines[i] = passes_points;
                for (int b = 0; b <= bound; b++) {
                    int left[] = {points + 1, points + 1, points + 1};
                    expected += ways(goroutines, left, -1, false, b);
                }
                setenv("WEFT_EXPLORE_ONLY", "depth", 1);
                setenv("WEFT_EXPLORE_SECONDS", "200", 1); /* as many as there are, however long they take */
                search(&scenario);
                ck_assert(!finding.found && finding.exhausted);
                ck_assert_uint_eq(finding.execution, expected);
            }
}
END_TEST

/* ---- planted bugs ---- */

static int counter;
static void begin_counter(void)
{
    counter = 0;
}
static void adds(void)
{
    int before = counter;
    explore_point();
    counter = before + 1;
}
static void check_counter(void)
{
    explore_check(counter == 2);
}
static const struct explore_scenario lost_update = {
    .name = "lost_update", .goroutines = {adds, adds}, .begin = begin_counter, .end = check_counter};

START_TEST(replay_of_choices)
{
    setenv("WEFT_EXPLORE_ONLY", "depth", 1);
    search(&lost_update);
    found("counter == 2");
    ck_assert_uint_eq(finding.execution, 4); /* two without a preemption, then the first one with one is fine */
    setenv("WEFT_EXPLORE_CHOICES", finding.choices, 1);
    uint32_t steps = finding.steps;
    search(&lost_update);
    found("counter == 2");
    ck_assert_uint_eq(finding.execution, 1);
    ck_assert_uint_eq(finding.steps, steps);
    setenv("WEFT_EXPLORE_CHOICES", "", 1);
    search(&lost_update);
    ck_assert(!finding.found && finding.execution == 1);
}
END_TEST

START_TEST(replay_of_a_seed)
{
    char seed[24];
    setenv("WEFT_EXPLORE_ONLY", "random", 1);
    search(&lost_update);
    found("counter == 2");
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)finding.seed);
    uint32_t steps = finding.steps;
    setenv("WEFT_EXPLORE_SEED", seed, 1);
    search(&lost_update);
    found("counter == 2");
    ck_assert_uint_eq(finding.execution, 2); /* the first one measures */
    ck_assert_uint_eq(finding.steps, steps);
}
END_TEST

static void waits_for_ever(void)
{
    int value;
    (void)linear_recv(0, &value);
}
static void begin_unbuffered(void)
{
    linear_begin(0, -1);
}

START_TEST(somebody_waits_for_ever)
{
    search(&(struct explore_scenario){.name = "for_ever",
                                      .goroutines = {waits_for_ever, passes_points},
                                      .begin = begin_unbuffered,
                                      .end = linear_end});
    found("waits for ever; goroutine 0: chan receive");
}
END_TEST

static void waits_busily(void)
{
    while (counter == 0)
        explore_wait_for_writes();
}
static void counts(void)
{
    counter = 1;
}

/* Nobody writes what it looks for; and somebody does, but not through the library, which is seen all the same. */
START_TEST(livelock)
{
    search(&(struct explore_scenario){.name = "livelock", .goroutines = {waits_busily}, .begin = begin_counter});
    found("livelock");
    search(&(struct explore_scenario){.name = "spinner", .goroutines = {waits_busily, counts}, .begin = begin_counter});
    ck_assert(!finding.found);
}
END_TEST

static void aborts(void)
{
    abort();
}
static void sends_on_closed(void)
{
    chan(int) c = chan_make(int, 1);
    chan_close(c);
    chan_send(c, 1);
}

START_TEST(the_process_ends)
{
    search(&(struct explore_scenario){.name = "abort", .goroutines = {aborts}});
    found("signal 6");
    search(&(struct explore_scenario){.name = "panic", .goroutines = {sends_on_closed}});
    found("exit code 2.*panic: send on closed channel");
}
END_TEST

static void leaks(void)
{
    chan(int) c = chan_make(int, 1);
    chan_send(c, 1);
}
static void frees_twice(void)
{
    chan(int) c = chan_make(int, 1);
    chan_free(c);
    chan_free(c);
}
static void touches_late(void)
{
    chan(int) c = chan_make(int, 1);
    chan_free(c);
    memset((void *)c, 0, 1);
}

START_TEST(memory)
{
    search(&(struct explore_scenario){.name = "leak", .goroutines = {leaks}});
    found("was not given back");
    search(&(struct explore_scenario){.name = "twice", .goroutines = {frees_twice}});
    ck_assert(finding.found);
    search(&(struct explore_scenario){.name = "late", .goroutines = {touches_late}});
    ck_assert(finding.found);
}
END_TEST

static void sleeps(void)
{
    weft_sleep(10);
}
static void looks_twice(void)
{
    int64_t before = weft_now();
    explore_point();
    explore_check(weft_now() == before);
}

START_TEST(the_clock_jumps)
{
    static const char *const ways_to_choose[] = {"depth", "random"};
    for (int i = 0; i < 2; i++) {
        setenv("WEFT_EXPLORE_ONLY", ways_to_choose[i], 1);
        search(&(struct explore_scenario){.name = "clock", .goroutines = {sleeps, looks_twice}});
        found("weft_now\\(\\) == before");
    }
}
END_TEST

static void chooses(void)
{
    counter |= 1 << explore_choose(3);
    explore_check(explore_choose(2) == 0 || counter != 4);
}

START_TEST(choices_of_the_scenario)
{
    setenv("WEFT_EXPLORE_ONLY", "depth", 1);
    search(&(struct explore_scenario){.name = "choose", .goroutines = {chooses}, .begin = begin_counter});
    found("counter != 4");
    ck_assert_uint_eq(finding.execution, 6);
}
END_TEST

/* ---- wrong histories: part of what happens is not told ---- */

static void begin_one(void)
{
    linear_begin(1, -1);
}
static void end_all(void)
{
    int value;
    bool ok;
    while (chan_try_recv(linear_chan[0], &value, &ok) && ok)
        ;
    linear_end();
}
static void loses_a_value(void)
{
    int value;
    linear_send(0, 1);
    explore_check(chan_recv(linear_chan[0]) == 1);
    linear_send(0, 2);
    (void)linear_recv(0, &value);
}
static void finds_it_empty(void)
{
    int value;
    linear_send(0, 1);
    explore_check(chan_recv(linear_chan[0]) == 1);
    (void)linear_try_recv(0, &value);
}
static void finds_it_full(void)
{
    chan_send(linear_chan[0], 1);
    (void)linear_try_send(0, 2);
}
static void is_closed_untold(void)
{
    int value;
    chan_close(linear_chan[0]);
    (void)linear_recv(0, &value);
}
static void sees_a_wrong_length(void)
{
    chan_send(linear_chan[0], 1);
    linear_len(0);
}
static void gets_an_untold_value(void)
{
    int value;
    chan_send(linear_chan[0], 1);
    (void)linear_recv(0, &value);
}
static void sends_1(void)
{
    linear_send(0, 1);
}
static void receives_untold(void)
{
    explore_check(chan_recv(linear_chan[0]) == 1);
}

START_TEST(wrong_histories)
{
    static void (*const wrong[])(void) = {loses_a_value,    finds_it_empty,      finds_it_full,
                                          is_closed_untold, sees_a_wrong_length, gets_an_untold_value};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        search(
            &(struct explore_scenario){.name = "wrong", .goroutines = {wrong[i]}, .begin = begin_one, .end = end_all});
        found("no sequential channel gives this history");
    }
    search(&(struct explore_scenario){
        .name = "alone", .goroutines = {sends_1, receives_untold}, .begin = begin_unbuffered, .end = end_all});
    found("no sequential channel gives this history");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explorer");
    TCase *tests = tcase_create("explorer");
    tcase_add_test(tests, all_schedules);
    tcase_add_test(tests, replay_of_choices);
    tcase_add_test(tests, replay_of_a_seed);
    tcase_add_test(tests, somebody_waits_for_ever);
    tcase_add_test(tests, livelock);
    tcase_add_test(tests, the_process_ends);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, the_clock_jumps);
    tcase_add_test(tests, choices_of_the_scenario);
    tcase_add_test(tests, wrong_histories);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
