/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_test.c - readers and writers in many schedules.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "support.h"

static weft_rwmutex *lock;
static int readers, writers, entries, tried, left;
static bool reader_waits[EXPLORE_GOROUTINES], writer_entered;
static uint32_t reader_called[EXPLORE_GOROUTINES], last_unlock;

static void begin(void)
{
    lock = calloc(1, sizeof *lock);
    explore_check(lock != NULL);
    readers = writers = entries = tried = left = 0;
    writer_entered = false;
    last_unlock = 0;
    memset(reader_waits, 0, sizeof reader_waits);
}

static void is_inside_reading(void)
{
    readers++;
    explore_check(writers == 0);
    explore_point();
    explore_check(writers == 0);
    readers--;
    entries++;
}
static void is_inside_writing(void)
{
    explore_check(++writers == 1 && readers == 0);
    explore_point();
    explore_check(--writers == 0 && readers == 0);
    entries++;
}
static void reads(void)
{
    weft_rwmutex_rlock(lock);
    is_inside_reading();
    weft_rwmutex_runlock(lock);
}
static void writes(void)
{
    weft_rwmutex_lock(lock);
    is_inside_writing();
    weft_rwmutex_unlock(lock);
}
static void reads_twice(void)
{
    reads();
    reads();
}
static void writes_twice(void)
{
    writes();
    writes();
}
static void tries_to_read(void)
{
    if (!weft_rwmutex_try_rlock(lock))
        return;
    tried++;
    is_inside_reading();
    weft_rwmutex_runlock(lock);
}
static void tries_to_write(void)
{
    if (!weft_rwmutex_trylock(lock))
        return;
    tried++;
    is_inside_writing();
    weft_rwmutex_unlock(lock);
}

/* Nothing is left in it: it is as good as new. */
static void end(void)
{
    explore_check(readers == 0 && writers == 0);
    explore_check(weft_rwmutex_trylock(lock));
    explore_check(!weft_rwmutex_try_rlock(lock) && !weft_rwmutex_trylock(lock));
    weft_rwmutex_unlock(lock);
    explore_check(weft_rwmutex_try_rlock(lock) && weft_rwmutex_try_rlock(lock));
    explore_check(!weft_rwmutex_trylock(lock));
    weft_rwmutex_runlock(lock);
    weft_rwmutex_runlock(lock);
    free(lock);
}
static void end_four(void)
{
    explore_check(entries == 4);
    end();
}
static void end_five(void)
{
    explore_check(entries == 5);
    end();
}
static void end_tried(void)
{
    explore_check(entries == 2 + tried);
    end();
}

START_TEST(m01_exclusion)
{
    explore(&(struct explore_scenario){
        .name = "rw_both", .goroutines = {reads, reads, writes, writes}, .begin = begin, .end = end_four});
    explore(&(struct explore_scenario){
        .name = "rw_twice", .goroutines = {reads_twice, writes_twice, reads}, .begin = begin, .end = end_five});
    explore(&(struct explore_scenario){
        .name = "rw_writers", .goroutines = {writes_twice, reads, writes_twice}, .begin = begin, .end = end_five});
    explore(&(struct explore_scenario){.name = "rw_try",
                                       .goroutines = {reads, writes, tries_to_read, tries_to_write},
                                       .begin = begin,
                                       .end = end_tried});
}
END_TEST

START_TEST(m06_spinning)
{
    explore(&(struct explore_scenario){.name = "rw_spin",
                                       .goroutines = {reads, writes, writes, reads},
                                       .begin = begin,
                                       .end = end_four,
                                       .may_spin = true});
}
END_TEST

static void writes_for_long(void)
{
    weft_rwmutex_lock(lock);
    explore_check(++writers == 1 && readers == 0);
    weft_sleep(2 * WEFT_MILLISECOND);
    explore_check(--writers == 0 && readers == 0);
    entries++;
    weft_rwmutex_unlock(lock);
}

START_TEST(m03_starvation)
{
    explore(&(struct explore_scenario){.name = "rw_starving",
                                       .goroutines = {writes_for_long, writes_for_long, writes, reads},
                                       .begin = begin,
                                       .end = end_four});
}
END_TEST

/* ---- M-05: who comes first ---- */

static void reads_in_turn(void)
{
    int self = explore_self();
    reader_called[self] = explore_time();
    reader_waits[self] = true;
    weft_rwmutex_rlock(lock);
    reader_waits[self] = false;
    is_inside_reading();
    weft_rwmutex_runlock(lock);
}

/* The only writer, goroutine 0, had parked before the call: then it is through already. */
static void reads_behind_the_writer(void)
{
    uint32_t called = explore_time();
    weft_rwmutex_rlock(lock);
    explore_check(explore_parked_at(0) == 0 || explore_parked_at(0) > called || writer_entered);
    is_inside_reading();
    weft_rwmutex_runlock(lock);
}
static void writes_once(void)
{
    weft_rwmutex_lock(lock);
    writer_entered = true;
    is_inside_writing();
    weft_rwmutex_unlock(lock);
}

START_TEST(m05_a_writer_that_waits_keeps_new_readers_out)
{
    explore(&(struct explore_scenario){
        .name = "rw_pending",
        .goroutines = {writes_once, reads_behind_the_writer, reads_behind_the_writer, reads_behind_the_writer},
        .begin = begin,
        .end = end_four});
}
END_TEST

/* Readers who had parked before the last writer's unlock are through before the next writer. */
static void writes_in_turn(void)
{
    weft_rwmutex_lock(lock);
    for (int i = 0; i < EXPLORE_GOROUTINES; i++)
        explore_check(!reader_waits[i] || explore_parked_at(i) < reader_called[i] ||
                      explore_parked_at(i) > last_unlock);
    is_inside_writing();
    last_unlock = explore_time();
    weft_rwmutex_unlock(lock);
}

START_TEST(m05_readers_that_wait_come_before_the_next_writer)
{
    explore(&(struct explore_scenario){.name = "rw_turns",
                                       .goroutines = {writes_in_turn, writes_in_turn, reads_in_turn, reads_in_turn},
                                       .begin = begin,
                                       .end = end_four});
}
END_TEST

/* ---- W-04: the last one frees it ---- */

static void begin_leaving(void)
{
    begin();
    left = 3;
}
static void begin_leaving_two(void)
{
    begin();
    left = 2;
}
/* Who is the last one knows it inside, and frees the lock when it has unlocked it: the others may still be about to return from
 * their unlock. There is one reader, so it is alone in there, too. */
static void writes_and_leaves(void)
{
    weft_rwmutex_lock(lock);
    weft_sleep(1); /* the others queue */
    bool last = left == 1;
    if (!last)
        left--;
    weft_rwmutex_unlock(lock);
    if (last)
        explore_free_watched(lock, sizeof *lock);
}
static void reads_and_leaves(void)
{
    weft_rwmutex_rlock(lock);
    weft_sleep(1);
    bool last = left == 1;
    if (!last)
        left--;
    weft_rwmutex_runlock(lock);
    if (last)
        explore_free_watched(lock, sizeof *lock);
}

START_TEST(w04_freed_by_the_last_owner)
{
    explore(&(struct explore_scenario){.name = "rw_free",
                                       .goroutines = {writes_and_leaves, reads_and_leaves, writes_and_leaves},
                                       .begin = begin_leaving});
    explore(&(struct explore_scenario){
        .name = "rw_free_two", .goroutines = {writes_and_leaves, reads_and_leaves}, .begin = begin_leaving_two});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore rwmutex");
    TCase *tests = tcase_create("rwmutex");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, m01_exclusion);
    tcase_add_test(tests, m06_spinning);
    tcase_add_test(tests, m03_starvation);
    tcase_add_test(tests, m05_a_writer_that_waits_keeps_new_readers_out);
    tcase_add_test(tests, m05_readers_that_wait_come_before_the_next_writer);
    tcase_add_test(tests, w04_freed_by_the_last_owner);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
