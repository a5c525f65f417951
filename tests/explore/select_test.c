/* SPDX-License-Identifier: Apache-2.0
 *
 * select_test.c - selects in many schedules, against each other, closes and time-outs.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "linear.h"
#include "support.h"

static int received[4];
static int receipts;

static void begin_unbuffered(void)
{
    linear_begin(0, 0);
    receipts = 0;
}
static void begin_buffered(void)
{
    linear_begin(1, 1);
    receipts = 0;
}
static void begin_mixed(void)
{
    linear_begin(0, 1);
}

static void receipt(int value)
{
    for (int i = 0; i < receipts; i++)
        explore_check(received[i] != value); /* each value once */
    explore_check(receipts < 4);
    received[receipts++] = value;
}

static int waits(int channel_a, bool send_a, int channel_b, bool send_b, int value)
{
    struct linear_case cases[] = {{channel_a, send_a, value}, {channel_b, send_b, value + 1}};
    bool ok;
    int chosen = linear_select(cases, 2, LINEAR_WAITS, &ok);
    if (!cases[chosen].is_send && ok)
        receipt(cases[chosen].value);
    return chosen;
}

/* ---- select against select: S-05 ---- */

static void sends_either(void)
{
    (void)waits(0, true, 1, true, 10);
}
static void sends_either_reversed(void)
{
    (void)waits(1, true, 0, true, 20);
}
static void receives_either(void)
{
    (void)waits(0, false, 1, false, 0);
}
static void begin_double(void)
{
    linear_begin(0, 0);
    receipts = 0;
}
static void end_double(void)
{
    explore_check(receipts == 2);
    linear_end();
}

START_TEST(s05_select_against_select)
{
    explore(&(struct explore_scenario){
        .name = "select_select",
        .goroutines = {sends_either, sends_either_reversed, receives_either, receives_either},
        .begin = begin_double,
        .end = end_double});
}
END_TEST

/* One sends on a and receives from b, or the other way round, which only the other one can serve. */
static void sends_a_receives_b(void)
{
    (void)waits(0, true, 1, false, 30);
}
static void receives_a_sends_b(void)
{
    (void)waits(0, false, 1, true, 40);
}

static void end_one(void)
{
    explore_check(receipts == 1);
    linear_end();
}

START_TEST(s05_crossed)
{
    explore(&(struct explore_scenario){.name = "select_crossed",
                                       .goroutines = {sends_a_receives_b, receives_a_sends_b},
                                       .begin = begin_double,
                                       .end = end_one});
}
END_TEST

/* ---- one select, plain partners on both channels: the loser must be left alone ---- */

static void sends_a(void)
{
    linear_send(0, 1);
}
static void sends_a_too(void)
{
    linear_send(0, 4);
}
static void sends_b(void)
{
    linear_send(1, 2);
}
static void receives_twice(void)
{
    (void)waits(0, false, 1, false, 0);
    (void)waits(0, false, 1, false, 0);
}

static void begin_mixed_double(void)
{
    linear_begin(0, 1);
    receipts = 0;
}

START_TEST(s05_plain_partners)
{
    explore(&(struct explore_scenario){.name = "select_plain",
                                       .goroutines = {sends_a, sends_b, receives_twice},
                                       .begin = begin_double,
                                       .end = end_double});
    explore(&(struct explore_scenario){.name = "select_plain_mixed",
                                       .goroutines = {sends_a, sends_b, receives_either, receives_either},
                                       .begin = begin_mixed_double,
                                       .end = end_double});
}
END_TEST

/* ---- the same channel twice, and both directions of it: S-06 ---- */

static void receives_twice_listed(void)
{
    (void)waits(0, false, 0, false, 0);
}
static void sends_and_receives_itself(void)
{
    (void)waits(0, true, 0, false, 50);
}

START_TEST(s06_the_same_channel)
{
    explore(
        &(struct explore_scenario){.name = "select_twice",
                                   .goroutines = {receives_twice_listed, sends_a, receives_twice_listed, sends_a_too},
                                   .begin = begin_unbuffered,
                                   .end = linear_end});
    explore(&(struct explore_scenario){.name = "select_itself",
                                       .goroutines = {sends_and_receives_itself, sends_and_receives_itself},
                                       .begin = begin_unbuffered,
                                       .end = linear_end});
}
END_TEST

/* ---- default, at one instant: S-03, S-04 ---- */

static void begin_one_of_two(void)
{
    linear_begin(1, 1);
    chan_send(linear_chan[0], 61);
}
static void must_find_one(void)
{
    int a = 0, b = 0;
    int chosen = chan_select(on_recv(linear_chan[0], &a), on_recv(linear_chan[1], &b), otherwise());
    explore_check(chosen != 2); /* one of them has a value at each instant */
    explore_check(chosen == 0 ? a == 61 : b == 60);
    if (chosen == 1)
        chan_send(linear_chan[1], b);
    else
        chan_send(linear_chan[0], a);
}
static void moves_plainly(void)
{
    chan_send(linear_chan[1], 60);
    explore_check(chan_recv(linear_chan[0]) == 61);
}
static void end_emptied(void)
{
    explore_check(chan_len(linear_chan[1]) == 1 && chan_len(linear_chan[0]) == 0);
    linear_end();
}

static void tries_both(void)
{
    struct linear_case cases[] = {{0, false, 0}, {1, true, 70}};
    bool ok;
    (void)linear_select(cases, 2, LINEAR_OTHERWISE, &ok);
}
static void relieves(void)
{
    int value;
    for (int i = 0; i < 2; i++) {
        while (linear_try_recv(i, &value) == 1)
            ;
        linear_close(i);
    }
}
static void may_receive_b(void)
{
    int value;
    (void)linear_recv(1, &value);
}

START_TEST(s03_s04_default)
{
    explore(&(struct explore_scenario){.name = "select_default",
                                       .goroutines = {moves_plainly, must_find_one},
                                       .begin = begin_one_of_two,
                                       .end = end_emptied});
    explore(&(struct explore_scenario){.name = "select_refused",
                                       .goroutines = {sends_a, may_receive_b, tries_both, tries_both},
                                       .begin = begin_mixed,
                                       .end = linear_end,
                                       .stuck = relieves});
}
END_TEST

/* ---- close ---- */

static void closes_a(void)
{
    linear_close(0);
}

static void sends_b_once(void)
{
    linear_send(1, 3);
}

START_TEST(s08_close)
{
    explore(&(struct explore_scenario){.name = "select_close",
                                       .goroutines = {closes_a, sends_b_once, receives_either, receives_either},
                                       .begin = begin_mixed_double,
                                       .end = linear_end,
                                       .stuck = relieves});
}
END_TEST

/* ---- time-outs: the claim goes to the clock or to a partner ---- */

/* What was sent and not received. */
static void end_with_leftovers(void)
{
    int value;
    bool ok;
    while (chan_try_recv(linear_chan[1], &value, &ok) && ok)
        ;
    linear_end();
}

static void waits_with_timeout(void)
{
    struct linear_case cases[] = {{0, false, 0}, {1, false, 0}};
    bool ok;
    int chosen = linear_select(cases, 2, 10, &ok);
    if (chosen >= 0 && ok)
        receipt(cases[chosen].value);
}
static void sends_with_timeout(void)
{
    struct linear_case cases[] = {{0, true, 80}};
    bool ok;
    (void)linear_select(cases, 1, 10, &ok);
}

START_TEST(s05_timeout)
{
    explore(&(struct explore_scenario){.name = "select_timeout",
                                       .goroutines = {waits_with_timeout, sends_with_timeout, waits_with_timeout},
                                       .begin = begin_double,
                                       .end = linear_end});
    explore(&(struct explore_scenario){.name = "select_timeout_buffered",
                                       .goroutines = {waits_with_timeout, sends_b_once, waits_with_timeout},
                                       .begin = begin_buffered,
                                       .end = end_with_leftovers,
                                       .stuck = relieves});
}
END_TEST

/* ---- life: S-09 ---- */

static chan(int) one, other;

static void begin_life(void)
{
    one = chan_make(int, 0);
    other = chan_make(int, 0);
}
static void sends_one(void)
{
    chan_send(one, 90);
}
/* The frame, and the channel that was served, are gone as soon as the select is over. */
static void selects_and_frees(void)
{
    int a, b;
    struct weft_select_case *cases = calloc(2, sizeof *cases);
    cases[0] = (struct weft_select_case){.operation = WEFT_SELECT_RECV, .channel = (void *)one, .value = &a};
    cases[1] = (struct weft_select_case){.operation = WEFT_SELECT_RECV, .channel = (void *)other, .value = &b};
    explore_check(weft_select(cases, 2) == 0 && a == 90);
    memset(cases, 0xdb, 2 * sizeof *cases);
    free(cases);
    chan_free(one);
}
static void end_life(void)
{
    chan_free(other);
}
static void closes_one(void)
{
    chan_close(one);
}
static void selects_closed_and_frees(void)
{
    int a;
    bool ok = true;
    explore_check(chan_select(on_recv(one, &a, &ok), on_send(other, 3)) == 0 && !ok);
    chan_free(one);
}

/* The partner has done with the channel, and so has the select that it has served. */
static void sends_one_and_frees(void)
{
    chan_send(one, 90);
    chan_free(one);
}
static void selects_beside_the_free(void)
{
    int a, b;
    explore_check(chan_select(on_recv(one, &a), on_recv(other, &b)) == 0 && a == 90);
}

START_TEST(s09_freed_when_the_select_is_over)
{
    explore(&(struct explore_scenario){.name = "select_partner_frees",
                                       .goroutines = {sends_one_and_frees, selects_beside_the_free},
                                       .begin = begin_life,
                                       .end = end_life});
    explore(&(struct explore_scenario){
        .name = "select_free", .goroutines = {sends_one, selects_and_frees}, .begin = begin_life, .end = end_life});
    explore(&(struct explore_scenario){.name = "select_free_closed",
                                       .goroutines = {closes_one, selects_closed_and_frees},
                                       .begin = begin_life,
                                       .end = end_life});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore select");
    TCase *tests = tcase_create("select");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, s05_select_against_select);
    tcase_add_test(tests, s05_crossed);
    tcase_add_test(tests, s05_plain_partners);
    tcase_add_test(tests, s06_the_same_channel);
    tcase_add_test(tests, s03_s04_default);
    tcase_add_test(tests, s08_close);
    tcase_add_test(tests, s05_timeout);
    tcase_add_test(tests, s09_freed_when_the_select_is_over);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
