/* SPDX-License-Identifier: Apache-2.0
 *
 * timer_queue.h - timers in order of their instants; the nodes are the timers themselves, so nothing is allocated. See timer_queue.c.
 *
 * Locks: the caller's (timer.c). */
#ifndef WEFT_SCHED_TIMER_QUEUE_H
#define WEFT_SCHED_TIMER_QUEUE_H

#include "sched/sched.h"

#define TIMER_SLOT_BITS 6
#define TIMER_SLOTS (1u << TIMER_SLOT_BITS)
#define TIMER_TICK_BITS 20 /* a tick is 2^20 ns: 1.05 ms */
#define TIMER_LEVELS 8     /* 6 bits each: all that there is above a tick */
#define TIMER_HEAP_FEW 32u /* as many go to the heap whatever their instants */

struct timer_slot {
    struct weft__timer *first;
    int64_t earliest; /* no timer of the slot is before */
};

/* All zeros: empty. */
struct timer_queue {
    struct weft__timer *root; /* of the heap */
    uint32_t in_heap, in_wheel;
    uint64_t tick;                 /* what is not later than this tick is in the heap */
    uint64_t filled[TIMER_LEVELS]; /* a bit for each slot that is not empty */
    struct timer_slot slots[TIMER_LEVELS][TIMER_SLOTS];
};

void weft__timer_queue_put(struct timer_queue *queue, struct weft__timer *timer);
/* timer is in the queue. */
void weft__timer_queue_remove(struct timer_queue *queue, struct weft__timer *timer);
/* Take out one that is due, the earliest first; NULL: there is none. */
struct weft__timer *weft__timer_queue_due(struct timer_queue *queue, int64_t now);
/* Take out any; NULL: empty. */
struct weft__timer *weft__timer_queue_any(struct timer_queue *queue);
/* No timer is before this instant, which is the earliest one's if the queue has few; INT64_MAX: empty. */
int64_t weft__timer_queue_next(const struct timer_queue *queue);

#endif
