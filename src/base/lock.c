/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.c - the slow side of the internal lock, and the check of lock ranks in debug builds.
 *
 * Waiting: with several processors the holder is most likely running and will be done within a few dozen instructions,
 * so a bounded spin comes first; with one it cannot be. Then the time slice is given up, for a holder that was preempted;
 * then the waiter sleeps, a little longer each time, up to a millisecond: a holder of low priority would never run if
 * waiters of high priority only yielded.
 *
 * Ranks: each thread counts the locks that it holds of each rank. A goroutine that parks with a lock held leaves it on
 * the same thread (commit runs there), so that the thread is the right place.
 *
 * Callers: lock.h's inline functions; goroutines and threads, not signal handlers. */
#include "base/lock.h"

#include "arch/arch.h"
#include "base/check.h"
#include "port/port.h"
#include "port/processors.h"

#include <stdio.h>

#define SPIN_ROUNDS 10
#define SPIN_LONGEST 64
#define YIELDS 16
#define SLEEP_FIRST INT64_C(20000)
#define SLEEP_LONGEST INT64_C(1000000)

/* Whether another processor can be running the holder. Asked for once; relaxed: a constant, whoever stores it. */
static bool may_spin(void)
{
    static WEFT__ATOMIC(int) known; /* 0 not asked yet, 1 one processor, 2 several */
    int answer = weft__load_relaxed(&known);
    if (answer == 0) {
        answer = weft__port_affinity() > 1 ? 2 : 1;
        weft__store_relaxed(&known, answer);
    }
    return answer == 2;
}

/* Looks before it exchanges, so that waiters share the cache line while they wait.
 * relaxed: only a hint; the exchange acquires (partner: the release in weft__lock_leave). */
static bool try_take(struct weft__lock *lock)
{
    return weft__load_relaxed(&lock->word) == 0 && weft__exchange_acquire(&lock->word, 1u) == 0;
}

void weft__lock_wait(struct weft__lock *lock)
{
    if (may_spin()) {
        for (int round = 0, turns = 4; round < SPIN_ROUNDS; round++) {
            for (int i = 0; i < turns; i++)
                weft__arch_pause();
            if (try_take(lock))
                return;
            if (turns < SPIN_LONGEST)
                turns *= 2;
        }
    }
    for (int i = 0; i < YIELDS; i++) {
        weft__port_thread_yield();
        if (try_take(lock))
            return;
    }
    for (int64_t pause = SLEEP_FIRST;; pause = pause < SLEEP_LONGEST / 2 ? 2 * pause : SLEEP_LONGEST) {
        weft__port_thread_sleep(pause);
        if (try_take(lock))
            return;
    }
}

#ifdef WEFT_LOCK_RANKS

#define RANKS (WEFT__RANK_STACK + 1)

/* owner only: one per thread */
struct held {
    unsigned count[RANKS];
    const struct weft__lock *highest; /* of the CHAN locks, since the last time that none was held */
};
static __thread struct held held;

static const char *const rank_names[RANKS] = {"CHAN", "SYNC", "CONTEXT", "TIMER", "SCHED", "STACK"};

static void refuse(const char *what, enum weft__lock_rank rank, enum weft__lock_rank other)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s %s while %s is held", what, rank_names[rank], rank_names[other]);
    WEFT__BUG(text);
}

/* Not inlined: a thread-local's address must not be kept by a caller that switches stacks. */
__attribute__((noinline)) void weft__lock_rank_taken(const struct weft__lock *lock, enum weft__lock_rank rank)
{
    struct held *mine = &held;
    for (unsigned above = rank + 1; above < RANKS; above++) {
        if (mine->count[above] > 0)
            refuse("lock rank: took", rank, (enum weft__lock_rank)above);
    }
    if (rank == WEFT__RANK_CHAN) {
        /* Select takes several, in address order. */
        if (mine->count[rank] > 0 && lock <= mine->highest)
            WEFT__BUG("lock rank: took CHAN locks out of address order, or one of them twice");
        mine->highest = lock;
    } else if (mine->count[rank] > 0) {
        refuse("lock rank: took", rank, rank);
    }
    mine->count[rank]++;
}

__attribute__((noinline)) void weft__lock_rank_left(const struct weft__lock *lock, enum weft__lock_rank rank)
{
    struct held *mine = &held;
    if (!weft__lock_is_taken(lock))
        WEFT__BUG("left a lock that nobody holds");
    if (mine->count[rank] == 0)
        WEFT__BUG("left a lock that another thread took, or with another rank");
    mine->count[rank]--;
}

#endif
