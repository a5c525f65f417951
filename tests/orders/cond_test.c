/* SPDX-License-Identifier: Apache-2.0
 *
 * cond_test.c - condition under the memory model of C11: a wait ends with what was done before it was told, nothing of its frame is
 * touched then, and who was told may free the condition (W-04, W-06).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "sync.h"

#include <weft/cond.h>

static weft_cond cond;
static weft_mutex mutex;
static weft_rwmutex rwmutex;
static bool is_set; /* protected by the lock: read and written together with data[0] */

static void set_up(void)
{
    cond = (weft_cond)WEFT_COND_INIT;
    mutex = (weft_mutex)WEFT_MUTEX_INIT;
    rwmutex = (weft_rwmutex)WEFT_RWMUTEX_INIT;
    is_set = false;
    register_word(&cond.opaque[0]);
    register_word(&cond.opaque[3]); /* self */
    register_word(&mutex.opaque[0]);
    register_word(&rwmutex.opaque[0]);
    register_word(&rwmutex.opaque[6]); /* granted */
}

static void without_a_context(void)
{
    begin();
    set_up();
}

static void with_a_context(void)
{
    begin_with_context();
    set_up();
}

static bool look(void)
{
    ORDERS_READ(data[0]);
    return is_set;
}

static void set(void)
{
    ORDERS_WRITE(data[0]);
    is_set = true;
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

static void wait_until_set(void)
{
    lock();
    while (!look()) {
        weft_cond_wait(&cond, &mutex);
        orders_frames_gone();
    }
    unlock();
}

static void signal_one(void)
{
    weft_cond_signal(&cond);
    orders_frames_gone();
}

static void tell_all(void)
{
    weft_cond_broadcast(&cond);
    orders_frames_gone();
}

static void signal_with_the_lock(int self)
{
    orders_delay(STEPS);
    if (self == 1) {
        wait_until_set();
    } else {
        lock();
        set();
        signal_one();
        unlock();
    }
}

static void signal_without_the_lock(int self)
{
    orders_delay(STEPS);
    if (self == 1) {
        wait_until_set();
    } else {
        lock();
        set();
        unlock();
        signal_one();
    }
}

/* Told by one who has not had the lock since; what it did before is seen because it has told. */
static void what_was_done_before_telling(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        ORDERS_WRITE(data[1]);
        while (passed == 0) {
            signal_one();
            orders_pause();
        }
    } else {
        lock();
        weft_cond_wait(&cond, &mutex);
        passed++;
        orders_frames_gone();
        ORDERS_READ(data[1]);
        unlock();
    }
}

static void broadcast(int self)
{
    orders_delay(STEPS);
    if (self > 0) {
        wait_until_set();
    } else {
        lock();
        set();
        unlock();
        tell_all();
    }
}

/* As many signals as waiters, from two. */
static void signals_from_two(int self)
{
    orders_delay(STEPS);
    if (self > 1) {
        wait_until_set();
    } else {
        lock();
        set();
        unlock();
        signal_one();
        signal_one();
    }
}

/* Who has been told frees the condition; the mutex stays. */
static void who_is_told_frees(int self)
{
    orders_delay(STEPS);
    lock();
    if (self == 0) {
        set();
        signal_one();
    } else if (!look()) {
        weft_cond_wait(&cond, &mutex);
        orders_frames_gone();
        orders_gone(&cond, sizeof cond);
    }
    unlock();
}

static void who_is_told_by_a_broadcast_frees(int self)
{
    orders_delay(STEPS);
    lock();
    if (self == 0) {
        set();
        tell_all();
    } else if (!look()) {
        weft_cond_wait(&cond, &mutex);
        orders_frames_gone();
        ORDERS_REQUIRE(look());
        if (++passed == 2)
            orders_gone(&cond, sizeof cond);
    } else {
        passed++;
    }
    unlock();
}

/* Waiters that have a writer's and a reader's lock. */
static void with_an_rwmutex(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_rwmutex_lock(&rwmutex);
        set();
        weft_rwmutex_unlock(&rwmutex);
        tell_all();
    } else if (self == 1) {
        weft_rwmutex_lock(&rwmutex);
        while (!look()) {
            weft_cond_wait_write(&cond, &rwmutex);
            orders_frames_gone();
        }
        weft_rwmutex_unlock(&rwmutex);
        orders_frames_gone();
    } else {
        weft_rwmutex_rlock(&rwmutex);
        while (!look()) {
            weft_cond_wait_read(&cond, &rwmutex);
            orders_frames_gone();
        }
        weft_rwmutex_runlock(&rwmutex);
        orders_frames_gone();
    }
}

/* ---- cancelled ---- */

static void one_is_cancelled(int self)
{
    orders_delay(STEPS);
    if (self == 0) {
        weft_context_cancel(context);
    } else if (self == 1) {
        int error = 0;
        lock();
        while (error == 0 && !look()) {
            error = weft_cond_wait_ctx(context, &cond, &mutex);
            orders_frames_gone();
        }
        unlock();
    } else if (self == 2) {
        wait_until_set();
    } else {
        lock();
        set();
        unlock();
        signal_one();
        signal_one();
    }
}

static const struct orders_test tests[] = {
    {2, without_a_context, signal_with_the_lock, NULL, NULL, NULL},
    {2, without_a_context, signal_without_the_lock, NULL, NULL, NULL},
    {2, without_a_context, what_was_done_before_telling, NULL, NULL, NULL},
    {3, without_a_context, broadcast, NULL, NULL, NULL},
    {4, without_a_context, broadcast, NULL, NULL, NULL},
    {4, without_a_context, signals_from_two, NULL, NULL, NULL},
    {2, without_a_context, who_is_told_frees, NULL, NULL, NULL},
    {3, without_a_context, who_is_told_by_a_broadcast_frees, NULL, NULL, NULL},
    {3, without_a_context, with_an_rwmutex, NULL, NULL, NULL},
    {4, without_a_context, with_an_rwmutex, NULL, NULL, NULL},
    {4, with_a_context, one_is_cancelled, end_with_context, NULL, NULL},
};

SUITE(w06_w04, tests, 15000)

int main(void)
{
    RUN("orders/cond", w06_w04, tests);
}
