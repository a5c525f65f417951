/* SPDX-License-Identifier: Apache-2.0
 *
 * after.c - weft_after: a timer's channel that belongs to the calling goroutine.
 *
 * Data:       one block: a channel timer and the link by which its goroutine releases it.
 * Locks:      none of its own; the goroutine's list of what it owns is touched by the goroutine alone.
 * Callers:    goroutines only: a thread has no end that the library would see.
 *
 * The block stays until the goroutine ends, even when the value has been received: the program may go on using the channel's
 * address (a loop around a select that keeps the spent time-out among its cases is ordinary Go), so nobody but the
 * goroutine's end can know that it is out of use. That is also why a spent one is not used again for the next call. */
#include "time/timer.h"

#include "port/port.h"
#include "sched/sched.h"

struct after {
    struct weft__owned owned; /* owner only */
    struct weft__chan_timer timer;
};

static const struct weft_site after_site = {"src/time/after.c", "weft_after", 0, 0};

static void release(struct weft__owned *owned)
{
    struct after *after = WEFT__TIME_CONTAINER(owned, struct after, owned);
    weft__chan_retire(&after->timer.chan);
    weft__port_free(after);
}

void *weft_after_untyped(int64_t duration)
{
    struct weft__task *self = weft__self();
    if (self->is_thread)
        weft__panic("weft_after outside a goroutine: nothing would give its channel back; use weft_timer_new");
    struct after *after = weft__port_alloc(sizeof *after, _Alignof(struct after));
    if (!after)
        return NULL;
    weft__chan_timer_init(&after->timer, WEFT__TIMER_ONCE, duration, &after_site);
    after->owned.release = release;
    after->owned.next = self->owned;
    self->owned = &after->owned;
    return &after->timer.chan;
}
