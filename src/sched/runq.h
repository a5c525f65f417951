/* SPDX-License-Identifier: Apache-2.0
 *
 * runq.h - a processor's run queue: a ring of 1,024 with one owner and any number of thieves, and the run-next slot.
 *
 * Data:       ring[head .. tail), indices grow without bound and wrap by mask; next, the slot that runs first.
 * Size:       a thousand goroutines that take turns stay where their frames are in the cache; more of them pass through the global
 *             queue, in batches.
 * Invariants: tail - head <= RUNQ_SIZE. Only the owner stores tail and puts something into next; head moves forward by
 *             compare-and-swap, by owner and thieves; next is emptied by an exchange, by owner and thieves.
 * Exactly once: an element is taken by the one whose CAS moves head past it. The ring slot is read before the CAS;
 *             if the owner has overwritten the slot since, head has moved and the CAS fails (indices are 32 bits wide: a
 *             thief would have to sleep through 2^32 takes to be fooled).
 * Orders:     what an element refers to is published by tail or next (release) and seen by the thief that reads it there
 *             (acquire). A thief's CAS of head is a release, for runq_put, which overwrites the slots that the thief has read.
 *             What the owner takes are its own stores, or what it has acquired as a thief, and it overwrites what itself has
 *             read: so its own CAS is relaxed. (A processor changes its owner under runtime.lock.)
 * Source:     the protocol of Go's runqput, runqget and runqgrab. */
#ifndef WEFT_SCHED_RUNQ_H
#define WEFT_SCHED_RUNQ_H

#include "sched/goroutine.h"

#ifndef RUNQ_SIZE /* tests/orders fills a smaller one */
#define RUNQ_SIZE 1024u
#define RUNQ_BATCH 128u /* go to the global queue, or come from there, at once */
#endif

#define RUNQ_AHEAD WEFT__WOKEN_AHEAD /* of a chain: how far in front of a walk its elements are prefetched */

struct runq {
    WEFT__ATOMIC(uint32_t) head;
    WEFT__ATOMIC(uint32_t) tail;
    WEFT__ATOMIC(runnable) next;
    WEFT__ATOMIC(runnable) ring[RUNQ_SIZE];
};

/* Elements in the ring. Exact for the owner when no thief is at work, and under a lock that orders all who have changed it; a hint
 * for anyone else, hence relaxed. */
static inline uint32_t runq_length(struct runq *q)
{
    uint32_t head = weft__load_relaxed(&q->head);
    uint32_t tail = weft__load_relaxed(&q->tail);
    return tail - head > RUNQ_SIZE ? 0 : tail - head;
}

static inline bool runq_is_empty(struct runq *q)
{
    return runq_length(q) == 0 && weft__load_relaxed(&q->next) == RUNNABLE_NONE;
}

/* Owner: append; false if the ring is full. */
static inline bool runq_put(struct runq *q, runnable r)
{
    uint32_t head = weft__load_acquire(&q->head); /* pairs with the takers' CAS: their reads of the slot are over */
    uint32_t tail = weft__load_relaxed(&q->tail); /* own variable */
    if (tail - head >= RUNQ_SIZE)
        return false;
    weft__store_relaxed(&q->ring[tail % RUNQ_SIZE], r); /* published by tail */
    weft__store_release(&q->tail, tail + 1);            /* pairs with runq_steal's load of tail */
    return true;
}

/* Owner: take the oldest. */
static inline runnable runq_get(struct runq *q)
{
    uint32_t head = weft__load_relaxed(&q->head); /* the CAS checks it */
    for (;;) {
        uint32_t tail = weft__load_relaxed(&q->tail); /* own variable */
        if (tail == head)
            return RUNNABLE_NONE;
        runnable r = weft__load_relaxed(&q->ring[head % RUNQ_SIZE]); /* own store, or the CAS fails */
        if (weft__cas_relaxed(&q->head, &head, head + 1))            /* the owner's: see the head */
            return r;
    }
}

/* Owner: put r into the run-next slot; what was there, or RUNNABLE_NONE. */
static inline runnable runq_put_next(struct runq *q, runnable r)
{
    runnable old = weft__load_relaxed(&q->next);
    /* release, here and below: pairs with the thief's CAS. What was there is an own store. */
    if (old != RUNNABLE_NONE && weft__cas_release(&q->next, &old, r))
        return old;
    weft__store_release(&q->next, r); /* it is empty, or a thief has emptied it meanwhile; only the owner fills it */
    return RUNNABLE_NONE;
}

/* Owner or thief: empty the run-next slot. */
static inline runnable runq_take_next(struct runq *q)
{
    runnable r = weft__load_relaxed(&q->next);
    /* acquire: pairs with runq_put_next. No release: nothing of the taker's is published by an empty slot. */
    if (r != RUNNABLE_NONE)
        r = weft__exchange_acquire(&q->next, RUNNABLE_NONE);
    return r;
}

/* Owner: take the oldest off as a chain (linked by runnable_set_next), for the global queue: a batch, or all that there are.
 * Returns how many; 0 if there are none, or thieves were at work meanwhile. */
static inline uint32_t runq_shed(struct runq *q, runnable *first, runnable *last)
{
    uint32_t head = weft__load_relaxed(&q->head); /* the CAS checks it */
    uint32_t tail = weft__load_relaxed(&q->tail); /* own variable */
    uint32_t count = tail - head < RUNQ_BATCH ? tail - head : RUNQ_BATCH;
    if (count == 0)
        return 0;
    runnable chain[RUNQ_BATCH];
    for (uint32_t i = 0; i < count; i++)
        chain[i] = weft__load_relaxed(&q->ring[(head + i) % RUNQ_SIZE]); /* own stores, or the CAS fails */
    if (!weft__cas_relaxed(&q->head, &head, head + count))               /* the owner's: see the head */
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        runnable_set_next(chain[i], i + 1 < count ? chain[i + 1] : RUNNABLE_NONE);
        runnable_set_ahead(chain[i], i + RUNQ_AHEAD < count ? chain[i + RUNQ_AHEAD] : RUNNABLE_NONE);
    }
    *first = chain[0];
    *last = chain[count - 1];
    return count;
}

/* Anyone: take one, run-next first. */
static inline runnable runq_take(struct runq *q)
{
    runnable r = runq_take_next(q);
    while (r == RUNNABLE_NONE) {
        uint32_t head = weft__load_relaxed(&q->head); /* the CAS checks it */
        uint32_t tail = weft__load_acquire(&q->tail); /* pairs with runq_put: the slot is filled */
        if (tail == head)
            return RUNNABLE_NONE;
        if (tail - head > RUNQ_SIZE)
            continue; /* as in runq_steal: the owner's CAS may be seen before its store of tail */
        r = weft__load_relaxed(&q->ring[head % RUNQ_SIZE]);
        if (!weft__cas_release(&q->head, &head, head + 1)) /* pairs with runq_put: the slot has been read */
            r = RUNNABLE_NONE;
    }
    return r;
}

/* Thief, owner of the empty queue to: move half of from's ring over and return one of them. */
static inline runnable runq_steal(struct runq *from, struct runq *to)
{
    uint32_t to_tail = weft__load_relaxed(&to->tail); /* own variable */
    for (;;) {
        uint32_t head = weft__load_relaxed(&from->head); /* the CAS checks it */
        uint32_t tail = weft__load_acquire(&from->tail); /* pairs with runq_put: the slots are filled */
        uint32_t count = tail - head;
        count -= count / 2;
        if (count == 0)
            return RUNNABLE_NONE;
        if (count > RUNQ_SIZE / 2)
            continue; /* head and tail were read at different times, or tail is older than head */
        for (uint32_t i = 0; i < count; i++) {
            runnable r = weft__load_relaxed(&from->ring[(head + i) % RUNQ_SIZE]);
            weft__store_relaxed(&to->ring[(to_tail + i) % RUNQ_SIZE], r); /* not published yet */
            runnable_prefetch_first(r);                                   /* the other processor has written it */
        }
        if (!weft__cas_release(&from->head, &head, head + count)) /* pairs with runq_put: the slots have been read */
            continue;
        count--;
        runnable last = weft__load_relaxed(&to->ring[(to_tail + count) % RUNQ_SIZE]); /* own store */
        if (count > 0)
            weft__store_release(&to->tail, to_tail + count); /* pairs with thieves of ours */
        return last;
    }
}

#endif
