/* SPDX-License-Identifier: Apache-2.0
 *
 * cond_test.c - conditions in many schedules.
 * test-library: explore
 * test-timeout: 300 */
#include <weft/words.h>

#include "explore.h"
#include "support.h"

static weft_mutex mutex;
static weft_rwmutex rwmutex;
static weft_cond *cond;
static int items, tickets, signals, woken;
static bool flag;

static void begin(void)
{
    mutex = (weft_mutex)WEFT_MUTEX_INIT;
    rwmutex = (weft_rwmutex)WEFT_RWMUTEX_INIT;
    cond = calloc(1, sizeof *cond);
    explore_check(cond != NULL);
    items = tickets = signals = woken = 0;
    flag = false;
}

/* ---- a queue: each item is taken, none is waited for in vain ---- */

static void puts_an_item(void)
{
    weft_mutex_lock(&mutex);
    items++;
    weft_cond_signal(cond);
    weft_mutex_unlock(&mutex);
}
static void puts_an_item_and_signals_outside(void)
{
    weft_mutex_lock(&mutex);
    items++;
    weft_mutex_unlock(&mutex);
    weft_cond_signal(cond);
}
static void takes_an_item(void)
{
    weft_mutex_lock(&mutex);
    while (items == 0)
        weft_cond_wait(cond, &mutex);
    items--;
    weft_mutex_unlock(&mutex);
}
static void end_empty(void)
{
    explore_check(items == 0);
    free(cond);
}

START_TEST(no_signal_is_lost)
{
    explore(&(struct explore_scenario){
        .name = "cond_queue",
        .goroutines = {takes_an_item, takes_an_item, puts_an_item, puts_an_item_and_signals_outside},
        .begin = begin,
        .end = end_empty});
}
END_TEST

/* ---- W-06: in order, never to one that came later, never without a signal ---- */

static void waits_with_a_ticket(void)
{
    weft_mutex_lock(&mutex);
    int ticket = tickets++;
    weft_cond_wait(cond, &mutex);
    explore_check(ticket < signals);
    woken++;
    weft_mutex_unlock(&mutex);
}
static void signals_inside(void)
{
    weft_mutex_lock(&mutex);
    if (tickets > signals) {
        signals++;
        weft_cond_signal(cond);
    }
    weft_mutex_unlock(&mutex);
}
static void signals_outside(void)
{
    weft_mutex_lock(&mutex);
    bool somebody_waits = tickets > signals;
    signals += somebody_waits;
    weft_mutex_unlock(&mutex);
    if (somebody_waits)
        weft_cond_signal(cond);
}
/* Nobody can go on: each signal has woken one. The others are let go. */
static void broadcasts(void)
{
    explore_check(woken == signals);
    signals = tickets;
    weft_cond_broadcast(cond);
}
static void end_woken(void)
{
    explore_check(woken == tickets);
    free(cond);
}

START_TEST(w06_tickets)
{
    explore(&(struct explore_scenario){
        .name = "cond_tickets",
        .goroutines = {waits_with_a_ticket, waits_with_a_ticket, signals_inside, signals_outside},
        .begin = begin,
        .end = end_woken,
        .stuck = broadcasts});
    explore(&(struct explore_scenario){
        .name = "cond_tickets_3",
        .goroutines = {waits_with_a_ticket, waits_with_a_ticket, waits_with_a_ticket, signals_outside},
        .begin = begin,
        .end = end_woken,
        .stuck = broadcasts});
}
END_TEST

/* ---- broadcast ---- */

static void waits_for_flag(void)
{
    weft_mutex_lock(&mutex);
    while (!flag)
        weft_cond_wait(cond, &mutex);
    woken++;
    weft_mutex_unlock(&mutex);
}
static void sets_flag(void)
{
    weft_mutex_lock(&mutex);
    flag = true;
    weft_mutex_unlock(&mutex);
    weft_cond_broadcast(cond);
}
static void waits_for_flag_reading(void)
{
    weft_rwmutex_rlock(&rwmutex);
    while (!flag)
        weft_cond_wait_read(cond, &rwmutex);
    explore_point();
    explore_check(flag);
    woken++;
    weft_rwmutex_runlock(&rwmutex);
}
static void waits_for_flag_writing(void)
{
    weft_rwmutex_lock(&rwmutex);
    while (!flag)
        weft_cond_wait_write(cond, &rwmutex);
    woken++;
    weft_rwmutex_unlock(&rwmutex);
}
static void sets_flag_writing(void)
{
    weft_rwmutex_lock(&rwmutex);
    flag = true;
    weft_cond_broadcast(cond);
    weft_rwmutex_unlock(&rwmutex);
}
static void end_three(void)
{
    explore_check(woken == 3);
    free(cond);
}

START_TEST(broadcast)
{
    explore(&(struct explore_scenario){.name = "cond_broadcast",
                                       .goroutines = {waits_for_flag, waits_for_flag, waits_for_flag, sets_flag},
                                       .begin = begin,
                                       .end = end_three});
    explore(&(struct explore_scenario){
        .name = "cond_rwmutex",
        .goroutines = {waits_for_flag_reading, waits_for_flag_writing, waits_for_flag_reading, sets_flag_writing},
        .begin = begin,
        .end = end_three});
}
END_TEST

/* ---- W-04: who was told frees it ---- */

static void waits_and_frees(void)
{
    weft_mutex_lock(&mutex);
    tickets++;
    weft_cond_wait(cond, &mutex);
    weft_mutex_unlock(&mutex);
    explore_free_watched(cond, sizeof *cond);
}
static void wait_for_the_waiter(void)
{
    for (;;) {
        weft_mutex_lock(&mutex);
        bool waits = tickets > 0;
        weft_mutex_unlock(&mutex);
        if (waits)
            return;
        explore_wait_for_writes();
    }
}
static void signals_the_waiter(void)
{
    wait_for_the_waiter();
    weft_cond_signal(cond);
}
static void broadcasts_to_the_waiter(void)
{
    wait_for_the_waiter();
    weft_cond_broadcast(cond);
}

START_TEST(w04_freed_by_who_was_told)
{
    explore(&(struct explore_scenario){
        .name = "cond_free_signal", .goroutines = {waits_and_frees, signals_the_waiter}, .begin = begin});
    explore(&(struct explore_scenario){
        .name = "cond_free_broadcast", .goroutines = {waits_and_frees, broadcasts_to_the_waiter}, .begin = begin});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explore cond");
    TCase *tests = tcase_create("cond");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, no_signal_is_lost);
    tcase_add_test(tests, w06_tickets);
    tcase_add_test(tests, broadcast);
    tcase_add_test(tests, w04_freed_by_who_was_told);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
