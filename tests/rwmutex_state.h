/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex_state.h - for tests of the rwmutex: what its words say, and waiting until somebody has queued, so that a test needs no clock.
 * The constants mirror the state of src/sync/rwmutex.c. */
#ifndef WEFT_TESTS_RWMUTEX_STATE_H
#define WEFT_TESTS_RWMUTEX_STATE_H

#include <weft.h>

#include "sync/row.h"

#include "support.h"

#define LISTED UINT64_C(1)
#define WRITER UINT64_C(2)
#define PENDING UINT64_C(4)
#define PARKED UINT64_C(8)
#define QUEUED UINT64_C(16)

TEST_HELPER uint64_t state_of(weft_rwmutex *rwmutex)
{
    return __atomic_load_n(&rwmutex->opaque[0], __ATOMIC_ACQUIRE);
}

TEST_HELPER uint64_t readers_of(weft_rwmutex *rwmutex)
{
    return (state_of(rwmutex) >> 8) & ((UINT64_C(1) << 28) - 1);
}

TEST_HELPER void wait_for_bits(weft_rwmutex *rwmutex, uint64_t bits)
{
    while ((state_of(rwmutex) & bits) != bits)
        weft_yield();
}

TEST_HELPER void wait_for_readers(weft_rwmutex *rwmutex, uint64_t readers)
{
    while (readers_of(rwmutex) != readers)
        weft_yield();
}

/* How many have parked in the row that begins in that word. */
enum row { READERS = 1, WRITERS = 3 };

TEST_HELPER int waiters_in(weft_rwmutex *rwmutex, enum row row)
{
    uint64_t state = state_of(rwmutex) & ~LISTED;
    if (!__atomic_compare_exchange_n(&rwmutex->opaque[0], &state, state | LISTED, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return -1;
    int count = 0;
    struct weft__row *waiters = (struct weft__row *)&rwmutex->opaque[row];
    for (struct weft__row_waiter *waiter = waiters->oldest; waiter != NULL; waiter = waiter->next)
        count++;
    __atomic_fetch_and(&rwmutex->opaque[0], ~LISTED, __ATOMIC_RELEASE);
    return count;
}

TEST_HELPER void wait_for_waiters(weft_rwmutex *rwmutex, enum row row, int count)
{
    while (waiters_in(rwmutex, row) != count)
        weft_yield();
}

/* Unused: nobody has it, nobody waits. What is left of the counter of those who leave means nothing then. */
TEST_HELPER bool is_unused(weft_rwmutex *rwmutex)
{
    return (state_of(rwmutex) & ((UINT64_C(1) << 36) - 1)) == 0;
}

#endif
