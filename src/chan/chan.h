/* SPDX-License-Identifier: Apache-2.0
 *
 * chan.h - what a channel looks like inside: for chan.c and select.c, and for the time room, whose timers have channels.
 *
 *      struct weft__chan        one block of memory
 *     +---------------------+
 *     | lock closed count   |   first cache line: everything that an operation touches when nobody waits
 *     | capacity head ring -+-----------+
 *     | receivers senders   |-> waiters of parked operations, oldest first, on the parkers' stacks
 *     +---------------------+           |
 *     | source block site   |           |
 *     +---------------------+           |
 *     | elements ...        |<----------+
 *     +---------------------+
 *
 * Invariants: (under the lock, waiters of selects that lost a race apart) a receiver waits => count is 0 and no sender waits;
 *             a sender waits => count equals capacity; closed => nobody waits.
 * Locks:      lock has rank CHAN; several at once only in address order (select). Tasks are readied after it is let go. The
 *             store that lets it go is the last thing an operation does to a channel, and whoever frees a channel takes
 *             the lock first: so a channel may be freed as soon as the last operation on it has returned.
 * Waiters:    whoever takes a waiter off a list (under the lock) fills in its result, lets the lock go and then readies its
 *             task, or knows by the claim that somebody else does. After that the waiter's frame may be gone. */
#ifndef WEFT_CHAN_CHAN_H
#define WEFT_CHAN_CHAN_H

#include <weft/chan.h>
#include <weft/select.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "sched/sched.h"

struct weft__chan;
struct weft__chan_source;

/* What happened to a waiter: written by the one who takes it off its list, before the task is readied. */
enum weft__waiter_result {
    WEFT__WAITER_CLOSED, /* the channel was closed */
    WEFT__WAITER_SERVED, /* the value was handed over */
    WEFT__WAITER_RETRY   /* look again: the channel's source has changed its mind */
};

/* A parked operation in the list of its channel. In the parker's frame, or in the case of its select (which the caller
 * declared as plain words: hence may_alias). */
struct weft__waiter {
    struct weft__waiter *next, *prev; /* ring in order of arrival; protected by the channel's lock */
    struct weft__task *task;          /* immutable while listed */
    void *value;                      /* immutable while listed: what is sent, or where to receive to (NULL: drop it) */
    weft__claim *claim;    /* immutable while listed: shared by all who may end the wait; NULL: one list only */
    uint32_t element_size; /* owner only: select, which may not look at the channel when it is closed */
    uint16_t index;        /* immutable while listed: the case of a select; the winner claims with index + 1 */
    uint16_t order;        /* owner only: select's lock order */
    uint8_t listed;        /* protected by the channel's lock */
    uint8_t repeated;      /* immutable while listed: other cases of its select are in this channel, too */
    uint8_t result;        /* enum weft__waiter_result; the winner's, then (after the wake) the owner's */
} __attribute__((may_alias));

_Static_assert(sizeof(struct weft__waiter) == sizeof(((struct weft_select_case *)NULL)->waiter),
               "a select keeps its waiters in its cases");

struct weft__chan {
    struct weft__lock lock;
    WEFT__ATOMIC(uint8_t) closed; /* written under the lock, read without it too; never goes back */
    uint8_t timed;                /* immutable: has a source */
    uint8_t done;                 /* immutable: a context's, that closes it by weft__chan_close_unlock alone */
    uint8_t quick;                /* immutable: no source, and elements that are moved, not copied: see operation.h */
    WEFT__ATOMIC(uint64_t) count; /* elements in the ring; written under the lock, read without it too */
    uint64_t capacity;            /* immutable */
    uint64_t head;                /* index of the oldest element; protected by the lock */
    unsigned char *ring;          /* immutable; the elements are protected by the lock */
    WEFT__ATOMIC(struct weft__waiter *)
    receivers; /* the oldest; written under the lock, compared with NULL without it too */
    WEFT__ATOMIC(struct weft__waiter *) senders; /* as receivers */
    uint32_t element_size;                       /* immutable */
    WEFT__ATOMIC(uint32_t) references;           /* owners */
    struct weft__chan_source *source;            /* immutable: where a timer's values come from; NULL */
    void *block;                  /* immutable: what to give back; NULL: part of something else (timer, context) */
    const struct weft_site *site; /* immutable: where it was made */
#ifdef WEFT_RACE_REPORTS          /* race.h */
    unsigned char *race_words;    /* immutable; two per slot */
    unsigned char race_closed, race_used;
#endif
};

/* For locking from other files; inline because the fast paths are made of them. */
static inline void weft__chan_lock(struct weft__chan *chan)
{
    weft__lock_take(&chan->lock, WEFT__RANK_CHAN);
}
static inline bool weft__chan_lock_at_once(struct weft__chan *chan)
{
    return weft__lock_at_once(&chan->lock, WEFT__RANK_CHAN);
}
static inline void weft__chan_lock_after_all(struct weft__chan *chan)
{
    weft__lock_after_all(&chan->lock, WEFT__RANK_CHAN);
}
static inline void weft__chan_unlock(struct weft__chan *chan)
{
    weft__lock_leave(&chan->lock, WEFT__RANK_CHAN);
}

/* ---- Timer channels: the contract with the time room ----
 *
 * A timer's channel has room for one value and a source. Nothing fires into it. Instead every receive asks the source first,
 * under the channel's lock, and learns when to ask again; a receiver that finds nothing parks until that instant, asks
 * again, and either has the value or parks anew. So:
 *   - all state of the timer (when, period, active) is protected by the channel's lock, and poll, stop and reset are plain
 *     critical sections: no value can be in flight, none can be stale (T-03), and one tick goes to one receiver (T-10);
 *   - a timer nobody waits for is in no heap, costs nothing and keeps nothing alive (D-03, T-09);
 *   - stop and reset end their section with weft__chan_unlock_retry if what poll would answer has changed: parked receivers
 *     (of selects too) ask again and so sleep until the new instant (T-07).
 * Length and capacity are reported as 0. */
struct weft__chan_source {
    /* Called with the channel's lock held; must not park, ready or take locks of rank CHAN. If a value is due and the ring is
     * empty, put it in (weft__chan_offer). Returns the next instant (weft__now's scale) at which asking again may bring
     * a value if nobody calls weft__chan_unlock_retry before; INT64_MAX: none. */
    int64_t (*poll)(struct weft__chan_source *source, struct weft__chan *chan);
};

/* Make a channel of one element inside something else: storage holds one element and lives as long as chan. Its owner ends
 * its life with weft__chan_retire; weft_chan_release by a user panics. */
void weft__chan_init_timed(struct weft__chan *chan, void *storage, uint32_t element_size,
                           struct weft__chan_source *source, const struct weft_site *site);
/* Under the lock: put the value in if the channel is empty; false if it is not. */
bool weft__chan_offer(struct weft__chan *chan, const void *value);
/* Under the lock: take the value out and forget it; false if there was none. */
bool weft__chan_withdraw(struct weft__chan *chan);
/* Let the lock go and have every parked receiver ask the source again. */
void weft__chan_unlock_retry(struct weft__chan *chan);
/* The end: waits until no operation is inside, panics if somebody is parked on it. Afterwards the memory is the caller's. */
void weft__chan_retire(struct weft__chan *chan);

/* ---- The done channels of contexts: the contract with the sync room ----
 *
 * Part of the context, nothing is ever sent. Its closed flag is the context's state, its lock decides who cancels first: what
 * is stored under it before weft__chan_close_unlock is seen by whoever finds closed set. Ends with weft__chan_retire. */
void weft__chan_init_done(struct weft__chan *chan);
/* Under the lock, not closed yet: close it, let the lock go, wake everybody. */
void weft__chan_close_unlock(struct weft__chan *chan);

#endif
