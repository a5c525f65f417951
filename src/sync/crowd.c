/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd.c - joining and releasing a crowd; crowd.h has the data, the invariants and the life. */
#include "sync/crowd.h"

#include "sched/race.h"
#include "sync/cancel.h"
#include "sync/spin.h"

/* The waiter's context is saved. */
static void let_others_in(void *arg)
{
    struct weft__crowd *crowd = arg;
    /* release: pairs with the exchange that takes BUSY next, here or in release. */
    weft__and_release(&crowd->word, ~WEFT__CROWD_BUSY);
}

/* BUSY, which somebody who parks or leaves may hold for a few instructions. WAITED is set, and will be. */
static void take_busy(struct weft__crowd *crowd)
{
    uint64_t word = weft__load_relaxed(&crowd->word); /* the exchange checks it */
    for (unsigned turns = 0;;) {
        if ((word & WEFT__CROWD_BUSY) != 0) {
            weft__spin_turn(&turns);
            word = weft__load_relaxed(&crowd->word); /* as above */
        } else if (weft__cas_acquire(&crowd->word, &word, word | WEFT__CROWD_BUSY)) {
            return; /* acquire: pairs with let_others_in */
        }
    }
}

/* Under BUSY: take a waiter out from between its neighbours, without touching it. */
static void close_gap(struct weft__crowd *crowd, struct weft__crowd_waiter *previous, struct weft__crowd_waiter *next)
{
    if (next != NULL)
        next->previous = previous;
    if (previous != NULL)
        previous->next = next;
    else
        crowd->newest = next;
}

/* The waiter has been cancelled. */
static void leave(struct weft__crowd *crowd, struct weft__crowd_waiter *waiter)
{
    /* acquire: pairs with the releaser's exchange; one that has dropped the waiter has done with it. The releaser takes nothing from
     * here: BUSY is what orders the rest. */
    if (weft__exchange_acquire(&waiter->stage, WEFT__CROWD_LEAVING) == WEFT__CROWD_DROPPED)
        return;
    take_busy(crowd);
    close_gap(crowd, waiter->previous, waiter->next);
    let_others_in(crowd);
}

enum weft__crowd_result weft__crowd_join(struct weft__crowd *crowd, uint64_t seen,
                                         const struct weft__wait_reason *reason, void *object,
                                         struct weft_context *context)
{
    ASSERT((seen & WEFT__CROWD_BUSY) == 0);
    /* acquire: newest as the one who had BUSY before has left it (let_others_in). */
    if (!weft__cas_acquire(&crowd->word, &seen, seen | WEFT__CROWD_BITS))
        return WEFT__CROWD_CHANGED;
    weft__claim claim = WEFT__UNCLAIMED;
    struct weft__crowd_waiter waiter = {.next = crowd->newest, .task = weft__self()};
    if (context != NULL)
        waiter.claim = &claim;
    if (waiter.next != NULL)
        waiter.next->previous = &waiter;
    crowd->newest = &waiter;
    weft__park_cancellable(waiter.task, reason, object, let_others_in, crowd, context, &claim);
    /* relaxed: whoever has won the claim readied this task afterwards, which orders it. */
    if (WEFT__UNLIKELY(weft__load_relaxed(&claim) == WEFT__CLAIMED_BY_CANCEL)) {
        leave(crowd, &waiter);
        return WEFT__CROWD_CANCELLED;
    }
    weft__race_acquire(&waiter.task->race.in);
    return waiter.alone ? WEFT__CROWD_ALONE : WEFT__CROWD_LET_GO;
}

/* Under BUSY: take off everybody and chain those who are to be had, oldest first. False: some are cancelled and still on
 * their way out. */
static bool take_all(struct weft__crowd *crowd, struct weft__crowd_waiter **chain)
{
    bool all = true;
    for (struct weft__crowd_waiter *waiter = crowd->newest, *next, *previous; waiter != NULL; waiter = next) {
        uint32_t stage = WEFT__CROWD_LISTED;
        next = waiter->next;
        previous = waiter->previous;
        if (WEFT__LIKELY(waiter->claim == NULL) || weft__claim_try(waiter->claim, 1)) {
            waiter->next = *chain;
            *chain = waiter;
        } else if (!weft__cas_release(&waiter->stage, &stage, WEFT__CROWD_DROPPED)) {
            all = false; /* it takes itself off, under BUSY */
            continue;
        } /* else it is gone. release: pairs with leave's exchange */
        close_gap(crowd, previous, next);
    }
    return all;
}

void weft__crowd_release(struct weft__crowd *crowd)
{
    struct weft__crowd_waiter *waiter = NULL;
    for (unsigned turns = 0;;) {
        take_busy(crowd);
        if (take_all(crowd, &waiter))
            break;
        let_others_in(crowd);
        weft__spin_turn(&turns);
    }
#ifdef WEFT_RACE_REPORTS /* now, as one of them may free the object before another one goes on */
    for (struct weft__crowd_waiter *one = waiter; one != NULL; one = one->next)
        weft__race_wake(one->task, crowd);
#endif
    /* The last touch. release: pairs with the acquire load of one who finds that the event has come and does not wait. An
     * exchange, not a store: the user's bits may have moved on. */
    weft__and_release(&crowd->word, ~WEFT__CROWD_BITS);
    if (waiter != NULL) /* else all have been cancelled */
        waiter->alone = waiter->next == NULL;
    while (waiter != NULL) {
        struct weft__crowd_waiter *next = waiter->next;
        weft__ready(waiter->task); /* its frame may be gone now */
        waiter = next;
    }
}
