/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.h - the library's internal lock: one word, an exchange to take it and a store to give it back.
 *
 * Critical sections are a few dozen instructions and never park, so a waiter spins, then yields its time slice to a
 * holder that was preempted, then sleeps in growing steps. Locks have ranks; debug builds assert that a thread takes
 * them in rising rank (CHAN < SYNC < CONTEXT < TIMER < SCHED < STACK); several CHAN locks only in address order (select).
 *
 * Ordering: the exchange (acquire) pairs with weft__lock_leave's store (release). */
#ifndef WEFT_LOCK_H
#define WEFT_LOCK_H

#include "base/atomic.h"

enum weft__lock_rank {
    WEFT__RANK_CHAN,
    WEFT__RANK_SYNC,
    WEFT__RANK_CONTEXT,
    WEFT__RANK_TIMER,
    WEFT__RANK_SCHED,
    WEFT__RANK_STACK
};

struct weft__lock {
    WEFT__ATOMIC(uint32_t) word; /* 0 free, 1 taken */
};

void weft__lock_wait(struct weft__lock *lock); /* slow path: returns with the lock taken */

#ifdef WEFT_LOCK_RANKS
void weft__lock_rank_taken(const struct weft__lock *lock, enum weft__lock_rank rank);
void weft__lock_rank_left(const struct weft__lock *lock, enum weft__lock_rank rank);
#else
#define weft__lock_rank_taken(lock, rank) ((void)(lock), (void)(rank))
#define weft__lock_rank_left(lock, rank) ((void)(lock), (void)(rank))
#endif

/* The two halves of take, for functions that are to have no frame: true if that was all; else the other half has to follow. */
static inline bool weft__lock_at_once(struct weft__lock *lock, enum weft__lock_rank rank)
{
    if (__builtin_expect(weft__exchange_acquire(&lock->word, 1u) != 0, 0))
        return false;
    weft__lock_rank_taken(lock, rank);
    return true;
}
static inline void weft__lock_after_all(struct weft__lock *lock, enum weft__lock_rank rank)
{
    weft__lock_wait(lock);
    weft__lock_rank_taken(lock, rank);
}

static inline void weft__lock_take(struct weft__lock *lock, enum weft__lock_rank rank)
{
    if (!weft__lock_at_once(lock, rank))
        weft__lock_after_all(lock, rank);
}

static inline bool weft__lock_try(struct weft__lock *lock, enum weft__lock_rank rank)
{
    if (weft__load_relaxed(&lock->word) != 0 || weft__exchange_acquire(&lock->word, 1u) != 0)
        return false;
    weft__lock_rank_taken(lock, rank);
    return true;
}

static inline void weft__lock_leave(struct weft__lock *lock, enum weft__lock_rank rank)
{
    weft__lock_rank_left(lock, rank);
    weft__store_release(&lock->word, 0u);
}

static inline bool weft__lock_is_taken(const struct weft__lock *lock)
{
    return weft__load_relaxed(&((struct weft__lock *)lock)->word) != 0;
}

#endif
