/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex_test.c - mutex under the memory model of C11: what one owner has done is seen by the next (M-01), however it gets the
 * mutex, and the next owner may free it at once (W-04).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "sync.h"

static weft_mutex mutex;

static void set_up_as(uint64_t state)
{
    mutex = (weft_mutex){{state}};
    register_word(&mutex.opaque[0]);
}

static void free_at_first(void)
{
    begin();
    set_up_as(0);
}

static void locked_at_first(void)
{
    begin();
    set_up_as(WEFT__MUTEX_HELD);
}

static void lock(void)
{
    weft_mutex_lock(&mutex);
    orders_frames_gone();
}

static void unlock(void)
{
    weft_mutex_unlock(&mutex);
    orders_frames_gone();
}

static void each_once(int self)
{
    (void)self;
    orders_delay(STEPS);
    lock();
    alone();
    unlock();
}

static void each_twice(int self)
{
    each_once(self);
    each_once(self);
}

/* One that only tries barges in between. */
static void one_tries(int self)
{
    if (self > 0) {
        each_once(self);
        return;
    }
    for (int i = 0; i < 3; i++) {
        orders_delay(STEPS);
        if (!weft_mutex_trylock(&mutex))
            continue;
        alone();
        unlock();
    }
}

/* The last owner frees the mutex as soon as it has it. */
static void the_last_frees(int owners)
{
    orders_delay(STEPS);
    lock();
    alone();
    if (passed == owners)
        orders_gone(&mutex, sizeof mutex);
    else
        unlock();
}

static void the_second_frees(int self)
{
    (void)self;
    the_last_frees(2);
}

static void the_third_frees(int self)
{
    (void)self;
    the_last_frees(3);
}

static void the_fourth_frees(int self)
{
    (void)self;
    the_last_frees(4);
}

/* One that barges in by a try is the next owner, too; if it comes last it frees the mutex. */
static void the_last_frees_by_a_try(int self)
{
    if (self > 0) {
        each_once(self);
        return;
    }
    for (int i = 0; i < 4; i++) {
        orders_delay(2 * STEPS);
        if (!weft_mutex_trylock(&mutex))
            continue;
        alone();
        if (passed == 3) {
            orders_gone(&mutex, sizeof mutex);
            return;
        }
        passed--; /* the others count */
        unlock();
    }
}

static void unlocked_by_another(int self)
{
    if (self == 0) {
        orders_delay(STEPS);
        alone();
        unlock();
    } else {
        each_once(self);
    }
}

/* ---- cancelled ---- */

static void with_a_context(void)
{
    begin_with_context();
    set_up_as(0);
}

static void locks_that_a_context_ends(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        each_once(self);
    } else {
        int error = weft_mutex_lock_ctx(context, &mutex);
        orders_frames_gone();
        if (error == 0) {
            alone();
            unlock();
        }
    }
}

/* One that gives up finds the mutex in any state that the others leave it in. Whoever comes last frees it. That somebody has
 * given up, without the mutex, is not ordered by it. */
static uint32_t has_given_up;

static void with_one_that_gives_up(void)
{
    with_a_context();
    has_given_up = 0;
    orders_atomic(&has_given_up, sizeof has_given_up);
}

static bool is_last_of(int owners)
{
    return passed == owners || (passed == owners - 1 && orders_load(&has_given_up, sizeof has_given_up, ORDERS_ACQUIRE,
                                                                    __FILE__, __LINE__) != 0);
}

static void one_gives_up_and_the_last_frees(int self)
{
    orders_delay(STEPS / 3); /* most get into each other's way */
    if (self == 0) {
        lock();
        alone();
        if (orders_random(2) != 0)
            weft_context_cancel(context);
        unlock();
        each_once(self);
    } else if (self == 1) {
        int error = weft_mutex_lock_ctx(context, &mutex);
        orders_frames_gone();
        if (error != 0) {
            orders_store(&has_given_up, sizeof has_given_up, 1, ORDERS_RELEASE, __FILE__, __LINE__);
            return;
        }
        alone();
        unlock();
    } else {
        lock();
        alone();
        if (is_last_of(5))
            orders_gone(&mutex, sizeof mutex);
        else
            unlock();
    }
}

static void is_free(void)
{
    uint64_t state = orders_load(&mutex.opaque[0], sizeof mutex.opaque[0], ORDERS_RELAXED, __FILE__, __LINE__);
    ORDERS_REQUIRE(state == 0);
}

static void is_free_and_context(void)
{
    is_free();
    end_with_context();
}

static const struct orders_test tests[] = {
    {2, free_at_first, each_twice, is_free, NULL, NULL},
    {3, free_at_first, each_once, is_free, NULL, NULL},
    {4, free_at_first, each_twice, is_free, NULL, NULL},
    {3, free_at_first, one_tries, is_free, NULL, NULL},
    {2, free_at_first, the_second_frees, NULL, NULL, NULL},
    {3, free_at_first, the_third_frees, NULL, NULL, NULL},
    {4, free_at_first, the_fourth_frees, NULL, NULL, NULL},
    {3, locked_at_first, unlocked_by_another, is_free, NULL, NULL},
    {3, with_a_context, locks_that_a_context_ends, is_free_and_context, NULL, NULL},
    {4, with_a_context, locks_that_a_context_ends, is_free_and_context, NULL, NULL},
    {3, free_at_first, the_last_frees_by_a_try, NULL, NULL, NULL},
    {4, with_one_that_gives_up, one_gives_up_and_the_last_frees, end_with_context, NULL, NULL},
};

SUITE(m01_w04, tests, 20000)

int main(void)
{
    RUN("orders/mutex", m01_w04, tests);
}
