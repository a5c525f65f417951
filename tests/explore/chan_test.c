/* SPDX-License-Identifier: Apache-2.0
 *
 * chan_test.c - channels in many schedules: each history must be one of a sequential channel (linear.h).
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "linear.h"
#include "support.h"

static void begin_unbuffered(void)
{
    linear_begin(0, -1);
}
static void begin_one(void)
{
    linear_begin(1, -1);
}
static void begin_two(void)
{
    linear_begin(2, -1);
}

static void sends_1_2(void)
{
    linear_send(0, 1);
    linear_send(0, 2);
}
static void sends_3_4(void)
{
    linear_send(0, 3);
    linear_send(0, 4);
}
static void sends_5(void)
{
    linear_send(0, 5);
}
static void receives_one(void)
{
    int value;
    explore_check(linear_recv(0, &value));
}
static void may_receive_one(void)
{
    int value;
    (void)linear_recv(0, &value);
}
static void receives_two(void)
{
    receives_one();
    receives_one();
}

/* ---- send and receive ---- */

#define TWO_AND_TWO                                                                                                    \
    {                                                                                                                  \
        sends_1_2, sends_3_4, receives_two, receives_two                                                               \
    }
#define ONE_AND_THREE                                                                                                  \
    {                                                                                                                  \
        sends_1_2, sends_5, receives_two, receives_one                                                                 \
    }

START_TEST(c03_c04_unbuffered)
{
    explore(&(struct explore_scenario){
        .name = "unbuffered", .goroutines = TWO_AND_TWO, .begin = begin_unbuffered, .end = linear_end});
}
END_TEST

START_TEST(c03_c04_buffered)
{
    explore(&(struct explore_scenario){
        .name = "buffered_1", .goroutines = TWO_AND_TWO, .begin = begin_one, .end = linear_end});
    explore(&(struct explore_scenario){
        .name = "buffered_2", .goroutines = ONE_AND_THREE, .begin = begin_two, .end = linear_end});
}
END_TEST

/* ---- try ---- */

static void tries_to_send(void)
{
    for (int i = 0; i < 2; i++)
        if (!linear_try_send(0, 7 + i))
            linear_len(0);
}

static void tries_to_receive(void)
{
    int value;
    for (int i = 0; i < 2; i++)
        (void)linear_try_recv(0, &value);
}

/* Who waits in vain, because a try was faster. */
static void relieves(void)
{
    int value;
    while (linear_try_recv(0, &value) == 1)
        ;
    linear_close(0);
}

/* What the tries left. */
static void end_with_leftovers(void)
{
    int value;
    bool ok;
    while (chan_try_recv(linear_chan[0], &value, &ok) && ok)
        ;
    linear_end();
}

static void receives_until_closed(void)
{
    int value;
    while (linear_recv(0, &value))
        ;
}

static void sends_and_closes(void)
{
    linear_send(0, 1);
    linear_send(0, 2);
    linear_close(0);
}

START_TEST(c12_tries)
{
    static void (*const begins[])(void) = {begin_unbuffered, begin_one, begin_two};
    static const char *const names[] = {"tries_unbuffered", "tries_1", "tries_2"};
    for (int i = 0; i < 3; i++)
        explore(&(struct explore_scenario){.name = names[i],
                                           .goroutines = {sends_5, may_receive_one, tries_to_send, tries_to_receive},
                                           .begin = begins[i],
                                           .end = end_with_leftovers,
                                           .stuck = relieves});
}
END_TEST

/* C-12: an element in the buffer, a close, and a try that must not find the channel empty. */
static void begin_filled(void)
{
    linear_begin(1, -1);
    chan_send(linear_chan[0], 6);
}
static void closes(void)
{
    linear_close(0);
}
static void tries_twice(void)
{
    int value;
    (void)linear_try_recv(0, &value);
    (void)linear_try_recv(0, &value);
}

static void takes_6(void)
{
    int value;
    bool ok = true;
    explore_check(chan_try_recv(linear_chan[0], &value, &ok) && (!ok || value == 6));
}

static void looks_at_length(void)
{
    size_t length = chan_len(linear_chan[0]);
    explore_check(length <= 1);
}

/* It is never open and empty at once. */
static void begin_filled_and_told(void)
{
    linear_begin(1, -1);
    linear_send(0, 6);
}
static void closes_and_receives(void)
{
    int value;
    linear_close(0);
    (void)linear_recv(0, &value);
}
static void looks_in_vain(void)
{
    int value;
    explore_check(linear_try_recv(0, &value) >= 0);
}

static void closes_plainly(void)
{
    chan_close(linear_chan[0]);
}

START_TEST(c12_nonblocking_receive_race)
{
    explore(&(struct explore_scenario){.name = "try_close",
                                       .goroutines = {closes_plainly, takes_6, looks_at_length},
                                       .begin = begin_filled,
                                       .end = linear_end});
    explore(&(struct explore_scenario){.name = "try_drained",
                                       .goroutines = {closes_and_receives, looks_in_vain},
                                       .begin = begin_filled_and_told,
                                       .end = linear_end});
    explore(&(struct explore_scenario){.name = "try_closing",
                                       .goroutines = {closes, tries_twice, tries_twice},
                                       .begin = begin_one,
                                       .end = linear_end});
}
END_TEST

/* ---- close ---- */

START_TEST(c05_close)
{
    static void (*const begins[])(void) = {begin_unbuffered, begin_one, begin_two};
    static const char *const names[] = {"close_unbuffered", "close_1", "close_2"};
    for (int i = 0; i < 3; i++)
        explore(
            &(struct explore_scenario){.name = names[i],
                                       .goroutines = {sends_and_closes, receives_until_closed, receives_until_closed},
                                       .begin = begins[i],
                                       .end = linear_end});
}
END_TEST

/* ---- life: C-14 ---- */

static chan(int) shared;

static void begin_shared(void)
{
    shared = chan_make(int, 0);
}
static void sends_once(void)
{
    chan_send(shared, 8);
}
static void receives_and_frees(void)
{
    explore_check(chan_recv(shared) == 8);
    chan_free(shared);
}
static void selects_on_both_sides(void)
{
    int value;
    explore_check(chan_select(on_recv(shared, &value), on_send(shared, 8), on_recv(shared, &value)) == 1);
}
static void begin_shared_buffered(void)
{
    shared = chan_make(int, 1);
}
static void closes_shared(void)
{
    chan_close(shared);
}
static void sees_close_and_frees(void)
{
    int value;
    explore_check(!chan_recv(shared, &value));
    chan_free(shared);
}
static void tries_until_it_has_and_frees(void)
{
    int value;
    bool ok;
    for (int i = 0; i < 3; i++)
        if (chan_try_recv(shared, &value, &ok)) {
            explore_check(ok && value == 8);
            chan_free(shared);
            return;
        }
    receives_and_frees();
}
static void begin_owned(void)
{
    shared = chan_make(int, 1);
    (void)chan_retain(shared);
    (void)chan_retain(shared);
}
static void sends_and_releases(void)
{
    chan_send(shared, 8);
    chan_release(shared);
}
static void receives_and_releases(void)
{
    explore_check(chan_recv(shared) == 8);
    chan_release(shared);
}
static void only_releases(void)
{
    chan_release(shared);
}

START_TEST(c14_freed_when_the_operation_has_returned)
{
    explore(&(struct explore_scenario){
        .name = "free_unbuffered", .goroutines = {sends_once, receives_and_frees}, .begin = begin_shared});
    explore(&(struct explore_scenario){
        .name = "free_buffered", .goroutines = {sends_once, receives_and_frees}, .begin = begin_shared_buffered});
    explore(&(struct explore_scenario){
        .name = "free_selected", .goroutines = {selects_on_both_sides, receives_and_frees}, .begin = begin_shared});
    explore(&(struct explore_scenario){.name = "free_tried",
                                       .goroutines = {sends_once, tries_until_it_has_and_frees},
                                       .begin = begin_shared_buffered});
    explore(&(struct explore_scenario){
        .name = "free_closed", .goroutines = {closes_shared, sees_close_and_frees}, .begin = begin_shared_buffered});
    explore(&(struct explore_scenario){.name = "release",
                                       .goroutines = {sends_and_releases, receives_and_releases, only_releases},
                                       .begin = begin_owned});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore channels");
    TCase *tests = tcase_create("channels");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, c03_c04_unbuffered);
    tcase_add_test(tests, c03_c04_buffered);
    tcase_add_test(tests, c12_tries);
    tcase_add_test(tests, c12_nonblocking_receive_race);
    tcase_add_test(tests, c05_close);
    tcase_add_test(tests, c14_freed_when_the_operation_has_returned);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
