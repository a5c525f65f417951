/* SPDX-License-Identifier: Apache-2.0
 *
 * waiters.h - the list of those who are parked on one side of a channel.
 *
 * A ring of waiters in order of arrival, doubly linked so that a select leaves in constant time however many wait (S-10);
 * the channel keeps a pointer to the oldest, whose prev is the newest. All of it is protected by the channel's lock. The pointer
 * to the oldest alone is also read without the lock, by operations that would not wait: they compare it with NULL, and if they find
 * that, look whether the channel is closed. A close empties the lists, so they must see it then: NULL is stored with release where
 * a list is emptied from its front. The other stores are relaxed: a list whose last waiter leaves by itself is that of an open channel. */
#ifndef WEFT_CHAN_WAITERS_H
#define WEFT_CHAN_WAITERS_H

#include "chan/chan.h"

typedef WEFT__ATOMIC(struct weft__waiter *) weft__waiters;

/* Under the lock. */
static inline struct weft__waiter *weft__waiters_oldest(const weft__waiters *list)
{
    return weft__load_relaxed((weft__waiters *)list); /* the lock orders it */
}

/* Under the lock: last in the list. */
static inline void weft__waiters_add(weft__waiters *list, struct weft__waiter *waiter)
{
    struct weft__waiter *oldest = weft__waiters_oldest(list);
    if (!oldest) {
        waiter->next = waiter->prev = waiter;
        weft__store_relaxed(list, waiter);
    } else {
        struct weft__waiter *newest = oldest->prev;
        waiter->next = oldest;
        waiter->prev = newest;
        newest->next = waiter;
        oldest->prev = waiter;
    }
    waiter->listed = true;
}

/* Under the lock: out of the list, from wherever it stands. */
static inline void weft__waiters_remove(weft__waiters *list, struct weft__waiter *waiter)
{
    struct weft__waiter *next = waiter->next;
    if (next == waiter) {
        weft__store_relaxed(list, NULL);
    } else {
        next->prev = waiter->prev;
        waiter->prev->next = next;
        if (weft__waiters_oldest(list) == waiter)
            weft__store_relaxed(list, next);
    }
    waiter->listed = false;
}

/* select.c. Under the lock: the winner's select leaves this channel with all its other cases as well. */
void weft__waiters_drop_repeated(const struct weft__waiter *winner);

/* Under the lock: take out the oldest one that is still to be had, or NULL. A waiter whose claim somebody else has won
 * is dropped from the list on the way; its frame cannot be gone, because its owner has to take this lock to leave.
 * waiter: the oldest one, or NULL. quick: it has no claim. */
static inline struct weft__waiter *weft__waiters_take(weft__waiters *list, struct weft__waiter *waiter, bool quick)
{
    for (; waiter != NULL; waiter = weft__waiters_oldest(list)) {
        struct weft__waiter *next = waiter->next, *newest = waiter->prev;
        next->prev = newest; /* its own, if it is alone: no branch is worth two stores */
        newest->next = next;
        /* release: pairs with weft__chan_seems_full and _empty: who finds NULL after a close sees closed */
        weft__store_release(list, next != waiter ? next : NULL);
        waiter->listed = false;
        if (quick || WEFT__LIKELY(!waiter->claim))
            return waiter;
        if (weft__claim_try(waiter->claim, waiter->index + 1u)) {
            if (WEFT__UNLIKELY(waiter->repeated))
                weft__waiters_drop_repeated(waiter);
            return waiter;
        }
    }
    return NULL;
}

#endif
