/* SPDX-License-Identifier: Apache-2.0
 *
 * defer.c - the list of deferred calls of a goroutine (or thread): newest first, linked through the frames that deferred.
 *
 * Who makes a call: the end of its scope (weft_defer_run, by the cleanup attribute), or weft_exit and the panic, which take
 * calls off the list first; owner tells which: it is NULL once the call was taken off. */
#include <weft/defer.h>

#include "sched/sched.h"

void weft_defer_push(struct weft_deferred *deferred)
{
    struct weft__task *self = weft__self();
    deferred->owner = self;
    deferred->next = self->deferred;
    self->deferred = deferred;
}

void weft_defer_run(struct weft_deferred *deferred)
{
    struct weft__task *owner = deferred->owner;
    if (owner == NULL)
        return;
    deferred->owner = NULL;
    /* Scopes nest, so it is the newest; a scope that was left by longjmp may have newer ones behind it: they are dropped. */
    owner->deferred = deferred->next;
    weft__race_enter(WEFT__RACE_CALLER);
    deferred->fn(deferred->arg);
    weft__race_leave();
}
