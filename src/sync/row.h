/* SPDX-License-Identifier: Apache-2.0
 *
 * row.h - waiters in order of arrival, of whom a waker chooses the oldest. Mutex, rwmutex, cond and semaphore have one.
 *
 * Data:       oldest to newest, linked both ways through the waiters' own frames, so that waiting allocates nothing and one
 *             that gives up leaves from the middle at once.
 * Locks:      a spin bit of the user's, which a waiter holds until its context is saved (C-13) and others for a few
 *             instructions. All functions here are called under it.
 * Ends:       a waiter's wait ends once: a waker chooses it, or its context is cancelled. Both try its claim; a waiter
 *             without a claim can only be chosen. A waker that loses the claim takes the waiter off and goes on to the next
 *             one: so a wake-up never goes to somebody who has given up. The loser is awake, and takes the spin bit before
 *             its frame goes: it finds is_listed and takes itself off, or finds that it was taken off.
 * Invariants: is_listed <=> it is in the row. oldest == NULL => newest means nothing. */
#ifndef WEFT_SYNC_ROW_H
#define WEFT_SYNC_ROW_H

#include "sched/sched.h"

struct weft__row_waiter {
    struct weft__row_waiter *next, *previous; /* protected by the spin bit; previous of the oldest means nothing */
    struct weft__task *task;                  /* immutable while listed */
    weft__claim *claim;                       /* immutable while listed; NULL: it waits until it is chosen */
    bool is_listed;                           /* protected by the spin bit */
};

/* may_alias: it lies in the words of public types. */
struct __attribute__((may_alias)) weft__row {
    struct weft__row_waiter *oldest, *newest;
};

/* Who won the claim: whoever is in a row waits in nothing else. */
#define WEFT__ROW_CHOSEN 1u

static inline void weft__row_put_front(struct weft__row *row, struct weft__row_waiter *waiter)
{
    waiter->is_listed = true;
    waiter->next = row->oldest;
    if (row->oldest == NULL)
        row->newest = waiter;
    else
        row->oldest->previous = waiter;
    row->oldest = waiter;
}

static inline void weft__row_put(struct weft__row *row, struct weft__row_waiter *waiter)
{
    if (row->oldest == NULL) {
        weft__row_put_front(row, waiter);
        return;
    }
    waiter->is_listed = true;
    waiter->next = NULL;
    waiter->previous = row->newest;
    row->newest->next = waiter;
    row->newest = waiter;
}

static inline void weft__row_remove(struct weft__row *row, struct weft__row_waiter *waiter)
{
    ASSERT(waiter->is_listed);
    waiter->is_listed = false;
    if (waiter == row->oldest)
        row->oldest = waiter->next;
    else
        waiter->previous->next = waiter->next;
    if (waiter == row->newest)
        row->newest = waiter->previous;
    else
        waiter->next->previous = waiter->previous;
}

/* After its park: whether it ended because the context was cancelled. */
static inline bool weft__row_cancelled(const weft__claim *claim)
{
    /* relaxed: whoever has won the claim readied this task afterwards, which orders it. */
    return weft__load_relaxed((weft__claim *)claim) == WEFT__CLAIMED_BY_CANCEL;
}

/* Whether the wait ends by the caller, who is then to ready the waiter. */
static inline bool weft__row_win(struct weft__row_waiter *waiter)
{
    return waiter->claim == NULL || weft__claim_try(waiter->claim, WEFT__ROW_CHOSEN);
}

/* Take the oldest waiter off that has not given up; NULL: the row is empty now. The caller is to ready it. */
static inline struct weft__row_waiter *weft__row_choose(struct weft__row *row)
{
    while (row->oldest != NULL) {
        struct weft__row_waiter *waiter = row->oldest;
        weft__row_remove(row, waiter);
        if (weft__row_win(waiter))
            return waiter;
    }
    return NULL;
}

/* Take all off; those that have not given up are returned, oldest first, linked by next, and the caller is to ready them.
 * *count: how many were taken off, the others included. */
static inline struct weft__row_waiter *weft__row_choose_all(struct weft__row *row, uint64_t *count)
{
    struct weft__row_waiter *chosen = NULL, **end = &chosen, *next;
    uint64_t n = 0;
    for (struct weft__row_waiter *waiter = row->oldest; waiter != NULL; waiter = next, n++) {
        next = waiter->next;
        waiter->is_listed = false;
        if (weft__row_win(waiter)) {
            *end = waiter;
            end = &waiter->next;
        }
    }
    *end = NULL;
    row->oldest = NULL;
    *count = n;
    return chosen;
}

/* Without the spin bit: the chosen ones, whose frames go as they are readied. */
static inline void weft__row_ready_all(struct weft__row_waiter *chosen)
{
    while (chosen != NULL) {
        struct weft__row_waiter *next = chosen->next;
        weft__ready(chosen->task);
        chosen = next;
    }
}

#endif
