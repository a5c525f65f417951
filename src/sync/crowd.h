/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd.h - everybody who waits for one event, and is let go at once when it comes. Wait group and once are built on it.
 *
 * Data:       word, of which the low two bits are the crowd's and the rest its user's; newest, the waiters as a stack that
 *             is linked through their own frames.
 *
 *                  63                                   2        1      0
 *                 +--------------------------------------+--------+------+
 *                 | the user's: whether the event came   | WAITED | BUSY |
 *                 +--------------------------------------+--------+------+
 *
 * Invariants: newest != NULL => WAITED; the other way round, too, unless BUSY is held by the first waiter, who is about to be
 *             newest, or those who waited have been cancelled.
 *             BUSY => WAITED. WAITED is set only by an exchange that finds the event still to come or WAITED set already, so
 *             the exchange that brings the event sees WAITED or nobody will ever wait.
 * Locks:      BUSY is a spin bit that protects newest. A waiter holds it until its context is saved (C-13), the one who
 *             releases the crowd for a few instructions.
 * Life:       the exchange that brings the event is the last touch if it finds nobody waiting; else it is the one that
 *             clears both bits, which comes before the waiters are readied. So whoever is let go may free the object at once
 *             (W-04). And who asks whether the event has come must look at the whole word: as long as WAITED is there the
 *             releaser has not done with the object, and the way out is to join the crowd.
 * Cancelled:  a waiter whose context is cancelled has to take itself off, under BUSY, while a release may be on the way
 *             after which the object may be gone. They agree by the waiter's stage: from LISTED either the releaser takes it
 *             to DROPPED, and the waiter goes without touching the object; or the waiter takes it to LEAVING, and the
 *             releaser lets BUSY go and keeps WAITED until the waiter is off.
 * Races:      the user's operations release the crowd's address (port/race.h), those who find that the event has come acquire it.
 * Callers:    goroutines and threads. Nothing is allocated. */
#ifndef WEFT_SYNC_CROWD_H
#define WEFT_SYNC_CROWD_H

#include "sched/sched.h"

struct weft_context;

#define WEFT__CROWD_BUSY UINT64_C(1)
#define WEFT__CROWD_WAITED UINT64_C(2)
#define WEFT__CROWD_BITS (WEFT__CROWD_BUSY | WEFT__CROWD_WAITED)

enum weft__crowd_stage { WEFT__CROWD_LISTED, WEFT__CROWD_LEAVING, WEFT__CROWD_DROPPED };

/* In the waiter's frame. */
struct weft__crowd_waiter {
    struct weft__crowd_waiter *next, *previous; /* protected by BUSY; then next is the releaser's */
    struct weft__task *task;
    weft__claim *claim;           /* immutable while listed; NULL: nobody but the releaser ends the wait */
    WEFT__ATOMIC(uint32_t) stage; /* enum weft__crowd_stage, of one that is cancelled */
    bool alone;                   /* the releaser writes */
};

/* may_alias: the public types are arrays of words. */
struct __attribute__((may_alias)) weft__crowd {
    WEFT__ATOMIC(uint64_t) word;
    struct weft__crowd_waiter *newest; /* protected by BUSY */
};

enum weft__crowd_result {
    WEFT__CROWD_CHANGED,  /* the word is not what the caller has seen: look again */
    WEFT__CROWD_LET_GO,   /* has waited; the object may be gone */
    WEFT__CROWD_ALONE,    /* has waited, and nobody else did: the object is still there */
    WEFT__CROWD_CANCELLED /* has waited until the context was cancelled */
};

/* Wait, if word is still what the caller has seen (the event to come, or WAITED set) and BUSY is free. object is what
 * reports show; context ends the wait, too, unless it is NULL. */
enum weft__crowd_result weft__crowd_join(struct weft__crowd *crowd, uint64_t seen,
                                         const struct weft__wait_reason *reason, void *object,
                                         struct weft_context *context);

/* The event has come and WAITED was set then: let everybody go. Exactly one call for each time that WAITED gets set. */
void weft__crowd_release(struct weft__crowd *crowd);

#endif
