/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_test.c - rwmutex under the memory model of C11: readers see what writers have done, a writer that all readers before it are
 * through (M-01, M-05), and who has it last may free it (W-04).
 *
 * test-library: orders
 * test-timeout: 300 */
#include "sync.h"

#include <weft/rwmutex.h>

static weft_rwmutex rwmutex;

static void set_up(void)
{
    rwmutex = (weft_rwmutex)WEFT_RWMUTEX_INIT;
    register_word(&rwmutex.opaque[0]);
    register_word(&rwmutex.opaque[6]); /* granted */
}

static void free_at_first(void)
{
    begin();
    set_up();
}

static void with_a_context(void)
{
    begin_with_context();
    set_up();
}

static void read_unlock(void)
{
    weft_rwmutex_runlock(&rwmutex);
    orders_frames_gone();
}

static void unlock(void)
{
    weft_rwmutex_unlock(&rwmutex);
    orders_frames_gone();
}

static void read_once(void)
{
    orders_delay(STEPS);
    weft_rwmutex_rlock(&rwmutex);
    orders_frames_gone();
    ORDERS_READ(data[0]);
    read_unlock();
}

static void write_once(void)
{
    orders_delay(STEPS);
    weft_rwmutex_lock(&rwmutex);
    orders_frames_gone();
    alone();
    unlock();
}

static void writers(int self)
{
    (void)self;
    write_once();
    write_once();
}

static void a_writer_and_readers(int self)
{
    for (int i = 0; i < 2; i++)
        if (self == 0)
            write_once();
        else
            read_once();
}

static void writers_and_readers(int self)
{
    for (int i = 0; i < 2; i++)
        if (self < 2)
            write_once();
        else
            read_once();
}

static void by_turns(int self)
{
    for (int i = 0; i < 2; i++)
        if ((self + i) % 2 == 0)
            write_once();
        else
            read_once();
}

static void some_try(int self)
{
    for (int i = 0; i < 2; i++) {
        orders_delay(STEPS);
        if (self == 0 && weft_rwmutex_try_rlock(&rwmutex)) {
            ORDERS_READ(data[0]);
            read_unlock();
        } else if (self == 1 && weft_rwmutex_trylock(&rwmutex)) {
            alone();
            unlock();
        } else if (self == 2) {
            write_once();
        } else if (self == 3) {
            read_once();
        }
    }
}

/* The last one, a writer, frees it as soon as it has it. Readers count when they are about to leave. */
static void the_last_writer_frees(int self, int writers, int all)
{
    orders_delay(STEPS);
    if (self >= writers) {
        weft_rwmutex_rlock(&rwmutex);
        orders_frames_gone();
        ORDERS_READ(data[0]);
        passed++;
        read_unlock();
        return;
    }
    weft_rwmutex_lock(&rwmutex);
    orders_frames_gone();
    alone();
    if (passed == all)
        orders_gone(&rwmutex, sizeof rwmutex);
    else
        unlock();
}

static void a_writer_frees(int self)
{
    the_last_writer_frees(self, 1, 2);
}

static void a_writer_frees_after_readers(int self)
{
    the_last_writer_frees(self, 1, 3);
}

static void one_of_two_writers_frees(int self)
{
    the_last_writer_frees(self, 2, 3);
}

static void one_of_two_writers_frees_after_readers(int self)
{
    the_last_writer_frees(self, 2, 4);
}

/* The only reader frees it, if it comes after the writers. */
static void the_reader_frees(int self, int all)
{
    orders_delay(STEPS);
    if (self > 0) {
        write_once();
        return;
    }
    weft_rwmutex_rlock(&rwmutex);
    orders_frames_gone();
    ORDERS_READ(data[0]);
    if (passed == all)
        orders_gone(&rwmutex, sizeof rwmutex);
    else
        read_unlock();
}

static void the_reader_frees_after_one(int self)
{
    the_reader_frees(self, 1);
}

static void the_reader_frees_after_two(int self)
{
    the_reader_frees(self, 2);
}

/* ---- cancelled ---- */

static void read_until_cancelled(void)
{
    orders_delay(STEPS);
    int error = weft_rwmutex_rlock_ctx(context, &rwmutex);
    orders_frames_gone();
    if (error == 0) {
        ORDERS_READ(data[0]);
        read_unlock();
    }
}

static void write_until_cancelled(void)
{
    orders_delay(STEPS);
    int error = weft_rwmutex_lock_ctx(context, &rwmutex);
    orders_frames_gone();
    if (error == 0) {
        alone();
        unlock();
    }
}

static void cancel(void)
{
    orders_delay(2 * STEPS);
    weft_context_cancel(context);
}

static void readers_are_cancelled(int self)
{
    if (self == 0)
        cancel();
    else if (self == 1)
        write_once();
    else
        read_until_cancelled();
}

static void a_reader_is_cancelled_among_writers(int self)
{
    if (self == 0)
        cancel();
    else if (self == 1)
        read_until_cancelled();
    else
        write_once();
}

static void writers_are_cancelled(int self)
{
    if (self == 0)
        cancel();
    else if (self == 1)
        write_once();
    else
        write_until_cancelled();
}

static void a_writer_is_cancelled_among_readers(int self)
{
    if (self == 0)
        cancel();
    else if (self == 1)
        write_until_cancelled();
    else
        read_once();
}

static void a_writer_is_cancelled_beside_another(int self)
{
    if (self == 0)
        cancel();
    else if (self == 1)
        write_until_cancelled();
    else if (self == 2)
        read_once();
    else
        write_once();
}

/* A writer in the row is cancelled while another one is handed the lock by the last reader, which took its place in pending. */
static void the_next_writer_is_cancelled(int self)
{
    if (self == 0) {
        orders_delay(4 * STEPS);
        weft_context_cancel(context);
    } else if (self == 1) {
        orders_delay(STEPS);
        write_until_cancelled();
    } else if (self == 2) {
        weft_rwmutex_rlock(&rwmutex);
        ORDERS_READ(data[0]);
        orders_delay(2 * STEPS);
        read_unlock();
    } else {
        orders_delay(STEPS);
        weft_rwmutex_lock(&rwmutex);
        alone();
        orders_delay(2 * STEPS);
        unlock();
    }
}

/* One of three writers, which takes itself off the row. */
static void a_writer_is_cancelled_among_writers(int self)
{
    if (self == 0) {
        cancel();
    } else if (self == 1) {
        write_until_cancelled();
    } else {
        orders_delay(STEPS);
        weft_rwmutex_lock(&rwmutex);
        alone();
        orders_delay(STEPS);
        unlock();
    }
}

/* Open: what is above the flags may be anything but readers. */
static void is_free(void)
{
    uint64_t state = orders_load(&rwmutex.opaque[0], sizeof(uint64_t), ORDERS_RELAXED, __FILE__, __LINE__);
    ORDERS_REQUIRE((state & ((UINT64_C(1) << 36) - 1)) == 0);
}

static void is_free_and_context(void)
{
    is_free();
    end_with_context();
}

static const struct orders_test tests[] = {
    {2, free_at_first, writers, is_free, NULL, NULL},
    {4, free_at_first, writers, is_free, NULL, NULL},
    {2, free_at_first, a_writer_and_readers, is_free, NULL, NULL},
    {3, free_at_first, a_writer_and_readers, is_free, NULL, NULL},
    {4, free_at_first, writers_and_readers, is_free, NULL, NULL},
    {4, free_at_first, by_turns, is_free, NULL, NULL},
    {4, free_at_first, some_try, is_free, NULL, NULL},
    {2, free_at_first, a_writer_frees, NULL, NULL, NULL},
    {3, free_at_first, a_writer_frees_after_readers, NULL, NULL, NULL},
    {3, free_at_first, one_of_two_writers_frees, NULL, NULL, NULL},
    {4, free_at_first, one_of_two_writers_frees_after_readers, NULL, NULL, NULL},
    {2, free_at_first, the_reader_frees_after_one, NULL, NULL, NULL},
    {3, free_at_first, the_reader_frees_after_two, NULL, NULL, NULL},
    {4, with_a_context, readers_are_cancelled, is_free_and_context, NULL, NULL},
    {4, with_a_context, a_reader_is_cancelled_among_writers, is_free_and_context, NULL, NULL},
    {4, with_a_context, writers_are_cancelled, is_free_and_context, NULL, NULL},
    {3, with_a_context, a_writer_is_cancelled_among_readers, is_free_and_context, NULL, NULL},
    {4, with_a_context, a_writer_is_cancelled_among_readers, is_free_and_context, NULL, NULL},
    {4, with_a_context, a_writer_is_cancelled_beside_another, is_free_and_context, NULL, NULL},
    {4, with_a_context, the_next_writer_is_cancelled, is_free_and_context, NULL, NULL},
    {4, with_a_context, a_writer_is_cancelled_among_writers, is_free_and_context, NULL, NULL},
};

SUITE(m05_m01_w04, tests, 15000)

int main(void)
{
    RUN("orders/rwmutex", m05_m01_w04, tests);
}
