/* SPDX-License-Identifier: Apache-2.0
 *
 * sync_test.c - mutex, wait group, once and map in many schedules.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "support.h"

/* What lies in memory that is gone when the test says so: a late touch is seen. */
static void *made(size_t size)
{
    void *memory = calloc(1, size);
    explore_check(memory != NULL);
    return memory;
}

/* ---- mutex ---- */

static weft_mutex *mutex;
static int inside, entries, tried;

static void begin_mutex(void)
{
    mutex = made(sizeof *mutex);
    inside = entries = tried = 0;
}

/* Alone in there, though others may run meanwhile. */
static void pass(void)
{
    explore_check(++inside == 1);
    explore_point();
    entries++;
    explore_check(--inside == 0);
}

static void locks(void)
{
    weft_mutex_lock(mutex);
    pass();
    weft_mutex_unlock(mutex);
}
static void locks_twice(void)
{
    locks();
    locks();
}
static void locks_for_long(void)
{
    weft_mutex_lock(mutex);
    explore_check(++inside == 1);
    weft_sleep(2 * WEFT_MILLISECOND);
    entries++;
    explore_check(--inside == 0);
    weft_mutex_unlock(mutex);
}
static void tries(void)
{
    if (!weft_mutex_trylock(mutex))
        return;
    tried++;
    pass();
    weft_mutex_unlock(mutex);
}
static void check_unlocked_and_free(void)
{
    static const weft_mutex fresh = WEFT_MUTEX_INIT;
    explore_check(inside == 0);
    explore_check(((const uint64_t *)mutex)[0] == ((const uint64_t *)&fresh)[0]); /* no bit is left */
    free(mutex);
}
static void end_three(void)
{
    explore_check(entries == 3);
    check_unlocked_and_free();
}
static void end_four(void)
{
    explore_check(entries == 4);
    check_unlocked_and_free();
}
static void end_tried(void)
{
    explore_check(entries == 3 + tried);
    check_unlocked_and_free();
}

START_TEST(m01_exclusion)
{
    explore(&(struct explore_scenario){
        .name = "mutex_three", .goroutines = {locks, locks, locks}, .begin = begin_mutex, .end = end_three});
    explore(&(struct explore_scenario){
        .name = "mutex_twice", .goroutines = {locks_twice, locks_twice}, .begin = begin_mutex, .end = end_four});
    explore(&(struct explore_scenario){
        .name = "mutex_try", .goroutines = {locks, locks, locks, tries}, .begin = begin_mutex, .end = end_tried});
}
END_TEST

START_TEST(m06_spinning)
{
    explore(&(struct explore_scenario){.name = "mutex_spin_two",
                                       .goroutines = {locks_twice, locks_for_long},
                                       .begin = begin_mutex,
                                       .end = end_three,
                                       .may_spin = true});
    explore(&(struct explore_scenario){.name = "mutex_spin",
                                       .goroutines = {locks, locks, locks},
                                       .begin = begin_mutex,
                                       .end = end_three,
                                       .may_spin = true});
}
END_TEST

/* Has its second lock before the one that it has woken, who then sets the mode; and comes to its third while that one unlocks. */
static void locks_for_long_thrice(void)
{
    for (int i = 0; i < 3; i++)
        locks_for_long();
}
static void end_five(void)
{
    explore_check(entries == 5);
    check_unlocked_and_free();
}

/* M-03: who waits for more than a millisecond brings starvation mode about, which ends again. */
START_TEST(m03_starvation)
{
    explore(&(struct explore_scenario){.name = "mutex_starving",
                                       .goroutines = {locks_for_long, locks_for_long, locks_twice},
                                       .begin = begin_mutex,
                                       .end = end_four});
    explore(&(struct explore_scenario){.name = "mutex_starving_try",
                                       .goroutines = {locks_for_long, locks, locks, tries},
                                       .begin = begin_mutex,
                                       .end = end_tried});
    explore(&(struct explore_scenario){.name = "mutex_starving_thrice",
                                       .goroutines = {locks_for_long_thrice, locks, locks},
                                       .begin = begin_mutex,
                                       .end = end_five});
}
END_TEST

/* W-04: the next owner frees it; unlock has done with it by then. */
static int left;
static void locks_and_last_frees(void)
{
    weft_mutex_lock(mutex);
    bool last = --left == 0;
    weft_mutex_unlock(mutex);
    if (last) {
        explore_free_watched(mutex, sizeof *mutex);
    }
}
static void begin_two(void)
{
    begin_mutex();
    left = 2;
}
static void locks_for_long_and_last_frees(void)
{
    weft_mutex_lock(mutex);
    weft_sleep(1); /* the others queue */
    bool last = --left == 0;
    weft_mutex_unlock(mutex);
    if (last)
        explore_free_watched(mutex, sizeof *mutex);
}
static void begin_three(void)
{
    begin_mutex();
    left = 3;
}
static void locks_for_long_and_again(void)
{
    locks_for_long();
    locks();
}
/* The last owner does not even unlock it. */
static void locks_or_frees(void)
{
    weft_mutex_lock(mutex);
    if (entries == 2) {
        explore_free_watched(mutex, sizeof *mutex);
        mutex = NULL;
        return;
    }
    pass();
    weft_mutex_unlock(mutex);
}
static void end_freed(void)
{
    if (mutex == NULL)
        return;
    explore_check(entries == 3);
    check_unlocked_and_free();
}

START_TEST(w04_mutex_freed_by_the_next_owner)
{
    explore(&(struct explore_scenario){
        .name = "mutex_free_2", .goroutines = {locks_and_last_frees, locks_and_last_frees}, .begin = begin_two});
    explore(&(struct explore_scenario){.name = "mutex_free_3",
                                       .goroutines = {locks_and_last_frees, locks_and_last_frees, locks_and_last_frees},
                                       .begin = begin_three});
    explore(&(struct explore_scenario){
        .name = "mutex_free_queue",
        .goroutines = {locks_for_long_and_last_frees, locks_for_long_and_last_frees, locks_and_last_frees},
        .begin = begin_three});
    explore(&(struct explore_scenario){.name = "mutex_free_handed_over",
                                       .goroutines = {locks_for_long_and_again, locks_or_frees},
                                       .begin = begin_mutex,
                                       .end = end_freed});
}
END_TEST

/* ---- wait group ---- */

static weft_waitgroup *group;
static int done, waited;

static void begin_group(void)
{
    group = made(sizeof *group);
    done = waited = 0;
    weft_waitgroup_add(group, 2);
}
static void finishes(void)
{
    done++;
    weft_waitgroup_done(group);
}
static void waits(void)
{
    weft_waitgroup_wait(group);
    explore_check(done == 2);
    waited++;
}
static void waits_and_frees(void)
{
    weft_waitgroup_wait(group);
    explore_check(done == 2);
    explore_free_watched(group, sizeof *group);
}
static void free_group(void)
{
    explore_check(waited == 2 && ((uint64_t *)group)[0] == 0);
    free(group);
}

START_TEST(w01_wait_group)
{
    explore(&(struct explore_scenario){.name = "waitgroup",
                                       .goroutines = {finishes, finishes, waits, waits},
                                       .begin = begin_group,
                                       .end = free_group});
}
END_TEST

START_TEST(w04_wait_group_freed_by_the_waiter)
{
    explore(&(struct explore_scenario){
        .name = "waitgroup_free", .goroutines = {finishes, finishes, waits_and_frees}, .begin = begin_group});
}
END_TEST

/* W-02, allowed: used again once all waits have returned. */
static void two_rounds(void)
{
    weft_waitgroup_add(group, 1);
    weft_waitgroup_go(group, finishes);
    weft_waitgroup_wait(group);
    explore_check(done >= 1);
    weft_waitgroup_add(group, 1);
    go(finishes);
    weft_waitgroup_wait(group);
    waited += 2;
}
static void begin_empty(void)
{
    group = made(sizeof *group);
    done = waited = 0;
}

START_TEST(w02_used_again)
{
    explore(&(struct explore_scenario){
        .name = "waitgroup_again", .goroutines = {two_rounds}, .begin = begin_empty, .end = free_group});
}
END_TEST

/* ---- once ---- */

static weft_once *once;
static int runs;
static bool has_run;

static void begin_once(void)
{
    once = made(sizeof *once);
    runs = 0;
    has_run = false;
}
static void run_once(void *unused)
{
    (void)unused;
    explore_check(++runs == 1);
    explore_point();
    explore_point();
    has_run = true;
}
static void does(void)
{
    weft_once_do(once, run_once, NULL);
    explore_check(has_run);
}
static void free_once(void)
{
    explore_check(runs == 1);
    free(once);
}
static int leaving;
static void begin_once_free(void)
{
    begin_once();
    leaving = 3;
}
static void does_and_last_frees(void)
{
    does();
    if (--leaving > 0)
        return;
    explore_free_watched(once, sizeof *once);
}

START_TEST(w05_once)
{
    explore(&(struct explore_scenario){
        .name = "once", .goroutines = {does, does, does, does}, .begin = begin_once, .end = free_once});
    explore(&(struct explore_scenario){.name = "once_free",
                                       .goroutines = {does_and_last_frees, does_and_last_frees, does_and_last_frees},
                                       .begin = begin_once_free});
}
END_TEST

/* ---- map ---- */

static void doubles(const void *in, void *out, void *arg)
{
    (void)arg;
    explore_point();
    *(int *)out = 2 * *(const int *)in;
}
static void maps(void)
{
    int in[3] = {1, 2, 3}, out[3] = {0, 0, 0};
    explore_check(weft_map(2, in, sizeof in[0], out, sizeof out[0], 3, doubles, NULL) == 0);
    explore_check(out[0] == 2 && out[1] == 4 && out[2] == 6);
}

static enum weft_map_order order;
static void streams(void)
{
    chan(int) in = chan_make(int, 1), out = chan_make(int, 0);
    explore_check(weft_map_stream(order, 2, in, out, doubles, NULL) == 0);
    chan_send(in, 1);
    chan_send(in, 2);
    chan_send(in, 3);
    chan_close(in);
    int value, sum = 0, before = 0;
    while (chan_recv(out, &value)) {
        explore_check(order != WEFT_MAP_ORDERED || value == before + 2);
        before = value;
        sum += value;
    }
    explore_check(sum == 12);
    chan_release(in);
    chan_release(out);
}
static void begin_ordered(void)
{
    order = WEFT_MAP_ORDERED;
}
static void begin_as_completed(void)
{
    order = WEFT_MAP_AS_COMPLETED;
}

START_TEST(maps_and_streams)
{
    explore(&(struct explore_scenario){.name = "map", .goroutines = {maps}});
    explore(&(struct explore_scenario){.name = "map_ordered", .goroutines = {streams}, .begin = begin_ordered});
    explore(&(struct explore_scenario){.name = "map_completed", .goroutines = {streams}, .begin = begin_as_completed});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore sync");
    TCase *tests = tcase_create("sync");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, m01_exclusion);
    tcase_add_test(tests, m06_spinning);
    tcase_add_test(tests, m03_starvation);
    tcase_add_test(tests, w04_mutex_freed_by_the_next_owner);
    tcase_add_test(tests, w01_wait_group);
    tcase_add_test(tests, w04_wait_group_freed_by_the_waiter);
    tcase_add_test(tests, w02_used_again);
    tcase_add_test(tests, w05_once);
    tcase_add_test(tests, maps_and_streams);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
