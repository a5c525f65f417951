/* SPDX-License-Identifier: Apache-2.0
 *
 * semaphore_test.c - semaphores in many schedules.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include <errno.h>

#include "explore.h"
#include "support.h"

#define TOKENS 2

static weft_semaphore *semaphore;
static weft_context *context;
static int64_t taken;
static int entries, given_up, left;
static bool waits[EXPLORE_GOROUTINES];
static uint32_t called[EXPLORE_GOROUTINES];

static void begin(void)
{
    semaphore = calloc(1, sizeof *semaphore);
    explore_check(semaphore != NULL);
    *semaphore = (weft_semaphore)WEFT_SEMAPHORE_INIT(TOKENS);
    context = weft_context_with_cancel(weft_context_background());
    explore_check(context != NULL);
    taken = entries = given_up = 0;
    memset(waits, 0, sizeof waits);
}
static void end(void)
{
    explore_check(taken == 0 && __atomic_load_n(&semaphore->opaque[1], __ATOMIC_RELAXED) == 0);
    weft_context_free(context);
    free(semaphore);
}
static void end_three(void)
{
    explore_check(entries + given_up == 3);
    end();
}
static void end_four(void)
{
    explore_check(entries + given_up == 4);
    end();
}

static void have(int64_t n)
{
    taken += n;
    explore_check(taken <= TOKENS);
    explore_point();
    explore_check(taken <= TOKENS);
    taken -= n;
    entries++;
    weft_semaphore_release(semaphore, n);
}
static void takes_one(void)
{
    weft_semaphore_acquire(semaphore, 1);
    have(1);
}
static void takes_all(void)
{
    weft_semaphore_acquire(semaphore, TOKENS);
    have(TOKENS);
}
static void takes_or_gives_up(int64_t n)
{
    int error = weft_semaphore_acquire_ctx(context, semaphore, n);
    explore_check(error == 0 || error == -ECANCELED);
    if (error == 0)
        have(n);
    else
        given_up++;
}
static void takes_one_or_gives_up(void)
{
    takes_or_gives_up(1);
}
static void takes_all_or_gives_up(void)
{
    takes_or_gives_up(TOKENS);
}
static void takes_too_many_or_gives_up(void)
{
    takes_or_gives_up(TOKENS + 1);
}
static void cancels(void)
{
    weft_context_cancel(context);
}

START_TEST(w07_never_more_than_there_are)
{
    explore(&(struct explore_scenario){.name = "semaphore_all",
                                       .goroutines = {takes_one, takes_all, takes_one, takes_all},
                                       .begin = begin,
                                       .end = end_four});
    explore(&(struct explore_scenario){.name = "semaphore_ones",
                                       .goroutines = {takes_one, takes_one, takes_one, takes_one},
                                       .begin = begin,
                                       .end = end_four});
}
END_TEST

START_TEST(w07_who_gives_up_lets_the_next_have_it)
{
    explore(&(struct explore_scenario){.name = "semaphore_front",
                                       .goroutines = {takes_one, takes_all_or_gives_up, takes_one, cancels},
                                       .begin = begin,
                                       .end = end_three});
    explore(&(struct explore_scenario){.name = "semaphore_grant",
                                       .goroutines = {takes_all, takes_one_or_gives_up, takes_all, cancels},
                                       .begin = begin,
                                       .end = end_three});
    explore(&(struct explore_scenario){.name = "semaphore_give_up_both",
                                       .goroutines = {takes_one, takes_all_or_gives_up, takes_all_or_gives_up, cancels},
                                       .begin = begin,
                                       .end = end_three});
    explore(&(struct explore_scenario){.name = "semaphore_doomed",
                                       .goroutines = {takes_all, takes_too_many_or_gives_up, takes_one, cancels},
                                       .begin = begin,
                                       .end = end_three});
}
END_TEST

/* ---- who comes first ---- */

/* All want everything, so that they have it one after the other. */
static void takes_in_turn(void)
{
    int self = explore_self();
    called[self] = explore_time();
    waits[self] = true;
    weft_semaphore_acquire(semaphore, TOKENS);
    waits[self] = false;
    uint32_t parked = explore_parked_at(self) > called[self] ? explore_parked_at(self) : explore_time();
    for (int i = 0; i < EXPLORE_GOROUTINES; i++) /* nobody who had parked before still waits */
        explore_check(!waits[i] || explore_parked_at(i) < called[i] || explore_parked_at(i) > parked);
    have(TOKENS);
}

START_TEST(w07_first_come_first_served)
{
    explore(&(struct explore_scenario){.name = "semaphore_turns",
                                       .goroutines = {takes_in_turn, takes_in_turn, takes_in_turn, takes_in_turn},
                                       .begin = begin,
                                       .end = end_four});
}
END_TEST

/* The large one is goroutine 0; has it parked, nobody who comes later has anything before it. */
static void takes_all_at_last(void)
{
    weft_semaphore_acquire(semaphore, TOKENS);
    left = 1; /* it has been here */
    have(TOKENS);
}
static void tries(void)
{
    uint32_t now = explore_time();
    if (!weft_semaphore_try_acquire(semaphore, 1)) {
        given_up++;
        return;
    }
    explore_check(explore_parked_at(0) == 0 || explore_parked_at(0) > now || left == 1);
    have(1);
}
static void begin_large(void)
{
    begin();
    left = 0;
}

START_TEST(w07_a_large_one_holds_up_small_ones)
{
    explore(&(struct explore_scenario){.name = "semaphore_large",
                                       .goroutines = {takes_all_at_last, takes_one, tries, tries},
                                       .begin = begin_large,
                                       .end = end_four});
}
END_TEST

/* ---- W-04: the last one that has tokens frees it ---- */

static void begin_leaving(void)
{
    begin();
    left = 3;
}
static void takes_and_leaves(void)
{
    weft_semaphore_acquire(semaphore, TOKENS);
    weft_sleep(1); /* the others queue */
    if (--left > 0)
        weft_semaphore_release(semaphore, TOKENS);
    else
        explore_free_watched(semaphore, sizeof *semaphore);
}
static void end_leaving(void)
{
    weft_context_free(context);
}

START_TEST(w04_freed_by_the_last)
{
    explore(&(struct explore_scenario){.name = "semaphore_free",
                                       .goroutines = {takes_and_leaves, takes_and_leaves, takes_and_leaves},
                                       .begin = begin_leaving,
                                       .end = end_leaving});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore semaphore");
    TCase *tests = tcase_create("semaphore");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, w07_never_more_than_there_are);
    tcase_add_test(tests, w07_who_gives_up_lets_the_next_have_it);
    tcase_add_test(tests, w07_first_come_first_served);
    tcase_add_test(tests, w07_a_large_one_holds_up_small_ones);
    tcase_add_test(tests, w04_freed_by_the_last);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
