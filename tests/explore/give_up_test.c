/* SPDX-License-Identifier: Apache-2.0
 *
 * give_up_test.c - locks and conditions whose waiters give up, in many schedules: nobody waits for one that has gone, and a
 * wake-up that finds one gone reaches the next (whoever then waits for ever is a bug that the explorer sees).
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include <errno.h>

#include "explore.h"
#include "support.h"

static struct {
    weft_mutex mutex;
    weft_rwmutex rwmutex;
    weft_cond cond;
} * shared;
static weft_context *context;
static int readers, writers, items, entries, given_up, left;

static void begin(void)
{
    shared = calloc(1, sizeof *shared);
    context = weft_context_with_cancel(weft_context_background());
    explore_check(shared != NULL && context != NULL);
    readers = writers = items = entries = given_up = 0;
}

/* As good as new. What is left of the rwmutex's counter of those who leave means nothing. */
static void check_unused(void)
{
    explore_check(readers == 0 && writers == 0);
    explore_check(__atomic_load_n(&shared->mutex.opaque[0], __ATOMIC_RELAXED) == 0);
    explore_check((__atomic_load_n(&shared->rwmutex.opaque[0], __ATOMIC_RELAXED) & ((UINT64_C(1) << 36) - 1)) == 0);
}
static void end(void)
{
    check_unused();
    explore_check(entries + given_up == 3);
    weft_context_free(context);
    free(shared);
}

static void cancels(void)
{
    weft_context_cancel(context);
}
static void cancels_later(void)
{
    weft_sleep(3 * WEFT_MILLISECOND); /* somebody has waited for too long by then */
    weft_context_cancel(context);
}

/* ---- mutex ---- */

static void is_inside(void)
{
    explore_check(++writers == 1);
    explore_point();
    explore_check(--writers == 0);
    entries++;
}
static void locks(void)
{
    weft_mutex_lock(&shared->mutex);
    is_inside();
    weft_mutex_unlock(&shared->mutex);
}
static void locks_for_long(void)
{
    weft_mutex_lock(&shared->mutex);
    explore_check(++writers == 1);
    weft_sleep(2 * WEFT_MILLISECOND);
    explore_check(--writers == 0);
    entries++;
    weft_mutex_unlock(&shared->mutex);
}
static void locks_or_gives_up(void)
{
    int error = weft_mutex_lock_ctx(context, &shared->mutex);
    explore_check(error == 0 || error == -ECANCELED);
    if (error != 0) {
        given_up++;
        return;
    }
    is_inside();
    weft_mutex_unlock(&shared->mutex);
}

START_TEST(m01_mutex)
{
    explore(&(struct explore_scenario){
        .name = "give_up_mutex", .goroutines = {locks, locks_or_gives_up, locks, cancels}, .begin = begin, .end = end});
    explore(&(struct explore_scenario){.name = "give_up_mutex_both",
                                       .goroutines = {locks, locks_or_gives_up, locks_or_gives_up, cancels},
                                       .begin = begin,
                                       .end = end});
}
END_TEST

START_TEST(m03_mutex)
{
    explore(&(struct explore_scenario){.name = "give_up_starving",
                                       .goroutines = {locks_for_long, locks_or_gives_up, locks_for_long, cancels_later},
                                       .begin = begin,
                                       .end = end});
    explore(
        &(struct explore_scenario){.name = "give_up_starving_both",
                                   .goroutines = {locks_for_long, locks_or_gives_up, locks_or_gives_up, cancels_later},
                                   .begin = begin,
                                   .end = end});
}
END_TEST

/* ---- rwmutex ---- */

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
    weft_rwmutex_rlock(&shared->rwmutex);
    is_inside_reading();
    weft_rwmutex_runlock(&shared->rwmutex);
}
static void writes(void)
{
    weft_rwmutex_lock(&shared->rwmutex);
    is_inside_writing();
    weft_rwmutex_unlock(&shared->rwmutex);
}
static void reads_or_gives_up(void)
{
    int error = weft_rwmutex_rlock_ctx(context, &shared->rwmutex);
    explore_check(error == 0 || error == -ECANCELED);
    if (error != 0) {
        given_up++;
        return;
    }
    is_inside_reading();
    weft_rwmutex_runlock(&shared->rwmutex);
}
static void writes_or_gives_up(void)
{
    int error = weft_rwmutex_lock_ctx(context, &shared->rwmutex);
    explore_check(error == 0 || error == -ECANCELED);
    if (error != 0) {
        given_up++;
        return;
    }
    is_inside_writing();
    weft_rwmutex_unlock(&shared->rwmutex);
}
/* With a writer behind it the lock is not opened wide, but handed on. */
static void reads_for_long(void)
{
    weft_rwmutex_rlock(&shared->rwmutex);
    readers++;
    weft_sleep(WEFT_MILLISECOND);
    explore_check(writers == 0);
    readers--;
    entries++;
    weft_rwmutex_runlock(&shared->rwmutex);
}

START_TEST(m05_writers)
{
    explore(&(struct explore_scenario){.name = "give_up_pending",
                                       .goroutines = {reads, writes_or_gives_up, reads, cancels},
                                       .begin = begin,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "give_up_pending_writer",
                                       .goroutines = {reads_for_long, writes_or_gives_up, writes, cancels},
                                       .begin = begin,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "give_up_pending_both",
                                       .goroutines = {reads_for_long, writes_or_gives_up, writes_or_gives_up, cancels},
                                       .begin = begin,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "give_up_writer",
                                       .goroutines = {writes, writes_or_gives_up, writes, cancels},
                                       .begin = begin,
                                       .end = end});
}
END_TEST

START_TEST(m05_readers)
{
    explore(&(struct explore_scenario){.name = "give_up_reader",
                                       .goroutines = {writes, reads_or_gives_up, writes, cancels},
                                       .begin = begin,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "give_up_readers",
                                       .goroutines = {writes, reads_or_gives_up, reads_or_gives_up, cancels},
                                       .begin = begin,
                                       .end = end});
    explore(&(struct explore_scenario){.name = "give_up_reader_or_writer",
                                       .goroutines = {reads, writes_or_gives_up, reads_or_gives_up, cancels},
                                       .begin = begin,
                                       .end = end});
}
END_TEST

/* ---- cond ---- */

static void puts_an_item(void)
{
    weft_mutex_lock(&shared->mutex);
    items++;
    weft_mutex_unlock(&shared->mutex);
    weft_cond_signal(&shared->cond);
}
static void takes_an_item(void)
{
    weft_mutex_lock(&shared->mutex);
    while (items == 0)
        weft_cond_wait(&shared->cond, &shared->mutex);
    items--;
    entries++;
    weft_mutex_unlock(&shared->mutex);
}
/* Passes on what it was told: the other one gets the item in any case. */
static void looks_or_gives_up(void)
{
    int error = 0;
    weft_mutex_lock(&shared->mutex);
    while (items == 0 && error == 0)
        error = weft_cond_wait_ctx(context, &shared->cond, &shared->mutex);
    explore_check(++writers == 1); /* the mutex is had in any case */
    explore_point();
    explore_check(--writers == 0);
    given_up++;
    if (error == 0)
        weft_cond_signal(&shared->cond);
    explore_check(error == 0 || error == -ECANCELED);
    weft_mutex_unlock(&shared->mutex);
}
static void cancels_and_locks(void)
{
    weft_context_cancel(context);
    locks();
}
static void end_cond(void)
{
    explore_check(items == 0);
    end();
}

/* The looker would not see an item that was taken before; then it is cancelled, or waits until it is. */
START_TEST(w06_signals)
{
    explore(
        &(struct explore_scenario){.name = "give_up_cond",
                                   .goroutines = {looks_or_gives_up, takes_an_item, puts_an_item, cancels_and_locks},
                                   .begin = begin,
                                   .end = end_cond});
}
END_TEST

/* ---- W-04: the last one frees it ---- */

static void begin_leaving(void)
{
    begin();
    left = 2;
}
static void leave(void)
{
    if (--left > 0)
        return;
    check_unused();
    explore_free_watched(shared, sizeof *shared);
}
static void locks_and_leaves(void)
{
    locks();
    leave();
}
static void gives_up_and_leaves(void)
{
    locks_or_gives_up();
    leave();
}
static void reads_and_leaves(void)
{
    reads();
    leave();
}
static void gives_up_writing_and_leaves(void)
{
    writes_or_gives_up();
    leave();
}

/* Who gives up finds that unlock has taken it off the row, and that somebody has the mutex anew. */
static void locks_cancels_and_locks(void)
{
    weft_mutex_lock(&shared->mutex);
    weft_sleep(1); /* the other one parks */
    weft_context_cancel(context);
    entries++;
    weft_mutex_unlock(&shared->mutex);
    weft_mutex_lock(&shared->mutex);
    explore_check(++writers == 1);
    weft_yield(); /* the other one gives up */
    explore_check(--writers == 0);
    entries++;
    weft_mutex_unlock(&shared->mutex);
}
static void comes_late_and_frees(void)
{
    weft_sleep(1);
    weft_mutex_lock(&shared->mutex);
    if (entries + given_up == 3) {
        explore_free_watched(shared, sizeof *shared);
        shared = NULL;
        return;
    }
    explore_check(++writers == 1);
    weft_sleep(1);
    explore_check(--writers == 0);
    entries++;
    weft_mutex_unlock(&shared->mutex);
}
static void end_late(void)
{
    if (shared != NULL) {
        check_unused();
        explore_check(entries + given_up == 4);
        free(shared);
    }
    weft_context_free(context);
}
static void end_leaving(void)
{
    weft_context_free(context);
}

START_TEST(w04_freed_by_the_last)
{
    explore(&(struct explore_scenario){.name = "give_up_free",
                                       .goroutines = {locks_and_leaves, gives_up_and_leaves, cancels},
                                       .begin = begin_leaving,
                                       .end = end_leaving});
    explore(&(struct explore_scenario){.name = "give_up_late",
                                       .goroutines = {locks_cancels_and_locks, locks_or_gives_up, comes_late_and_frees},
                                       .begin = begin,
                                       .end = end_late});
    explore(&(struct explore_scenario){.name = "give_up_free_rwmutex",
                                       .goroutines = {reads_and_leaves, gives_up_writing_and_leaves, cancels},
                                       .begin = begin_leaving,
                                       .end = end_leaving});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore give_up");
    TCase *tests = tcase_create("give_up");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, m01_mutex);
    tcase_add_test(tests, m03_mutex);
    tcase_add_test(tests, m05_writers);
    tcase_add_test(tests, m05_readers);
    tcase_add_test(tests, w06_signals);
    tcase_add_test(tests, w04_freed_by_the_last);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
