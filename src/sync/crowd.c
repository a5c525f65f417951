/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd.c - joining and releasing a crowd; crowd.h has the data, the invariants and the life. */
#include "sync/crowd.h"

#include "sync/spin.h"

/* The waiter's context is saved. */
static void let_others_in(void *arg)
{
    struct weft__crowd *crowd = arg;
    /* release: pairs with the exchange that takes BUSY next, here or in release. */
    weft__and_release(&crowd->word, ~WEFT__CROWD_BUSY);
}

enum weft__crowd_result weft__crowd_join(struct weft__crowd *crowd, uint64_t seen,
                                         const struct weft__wait_reason *reason, void *object)
{
    ASSERT((seen & WEFT__CROWD_BUSY) == 0);
    /* acquire: newest as the one who had BUSY before has left it (let_others_in). */
    if (!weft__cas_acquire(&crowd->word, &seen, seen | WEFT__CROWD_BITS))
        return WEFT__CROWD_CHANGED;
    struct weft__crowd_waiter waiter = {.next = crowd->newest, .task = weft__self()};
    crowd->newest = &waiter;
    weft__park(waiter.task, reason, object, let_others_in, crowd);
    return waiter.alone ? WEFT__CROWD_ALONE : WEFT__CROWD_LET_GO;
}

/* In order of arrival. */
static struct weft__crowd_waiter *turn_around(struct weft__crowd_waiter *newest)
{
    struct weft__crowd_waiter *oldest = NULL;
    while (newest != NULL) {
        struct weft__crowd_waiter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void weft__crowd_release(struct weft__crowd *crowd)
{
    uint64_t word = weft__load_relaxed(&crowd->word); /* the exchange checks it */
    for (unsigned turns = 0;;) {
        if ((word & WEFT__CROWD_BUSY) != 0) { /* somebody is parking */
            weft__spin_turn(&turns);
            word = weft__load_relaxed(&crowd->word); /* as above */
        } else if (weft__cas_acquire(&crowd->word, &word, word | WEFT__CROWD_BUSY)) {
            break; /* acquire: pairs with let_others_in */
        }
    }
    struct weft__crowd_waiter *waiter = turn_around(crowd->newest);
    ASSERT(waiter != NULL);
    crowd->newest = NULL;
    /* The last touch. release: pairs with the acquire load of one who finds that the event has come and does not wait. An
     * exchange, not a store: the user's bits may have moved on. */
    weft__and_release(&crowd->word, ~WEFT__CROWD_BITS);
    waiter->alone = waiter->next == NULL;
    while (waiter != NULL) {
        struct weft__crowd_waiter *next = waiter->next;
        weft__ready(waiter->task); /* its frame may be gone now */
        waiter = next;
    }
}
