/* SPDX-License-Identifier: Apache-2.0
 *
 * scope.h - what a scope looks like inside: for scope.c (its life) and scope_go.c (its goroutines).
 *
 * Data:    the scope lies in the opener's frame, its context is a block of its own, because whoever has retained it may keep it
 *          beyond the scope.
 *
 *               word   63                                   1        0
 *                     +-------------------------------------+---------+
 *                     | goroutines that have not ended, and | WAITING |
 *                     | calls that are starting one         |         |
 *                     +-------------------------------------+---------+
 *
 * Life:    the exchange that takes one off the count is a goroutine's last touch of the scope, unless it was the last and
 *          the opener is WAITING: then it readies the opener, whom it has looked up before. So the opener may leave its frame
 *          as soon as it has found the count to be zero (W-04).
 * WAITING: set by the opener's commit step, when its context is saved (C-13). If the count is zero by then, nobody else
 *          readies the opener: the commit step does. Once the count is zero beside it, nothing is counted any more.
 * Limit:   taken counts the goroutines that have started under a limit, and is protected by lock, as is the row of those
 *          who wait to start one. An ending goroutine hands its place to the oldest in the row. A call counts in word
 *          before it waits, so the scope stays open around it.
 * Locks:   lock (rank SYNC) alone, let go by a waiter's commit step. The context is cancelled, tasks are readied and goroutines
 *          are started without it.
 * Order:   what a goroutine did happens before its exchange, those are one release sequence, and the opener acquires it. */
#ifndef WEFT_SYNC_SCOPE_H
#define WEFT_SYNC_SCOPE_H

#include <weft/scope.h>

#include "base/lock.h"
#include "sched/sched.h"
#include "sync/context.h"
#include "sync/row.h"

#define WEFT__SCOPE_WAITING UINT64_C(1)
#define WEFT__SCOPE_ONE UINT64_C(2)

/* may_alias: the public type is an array of words. */
struct __attribute__((may_alias)) weft__scope {
    struct weft_deferred deferred;      /* opener only: the call that closes the scope */
    WEFT__ATOMIC(uint64_t) word;        /* see above */
    struct weft__task *opener;          /* immutable while it is open; NULL: it is not */
    struct weft_context *context;       /* immutable: a reference */
    void *context_before;               /* opener only: its task's */
    const struct weft_site *site;       /* immutable: where it was opened */
    WEFT__ATOMIC(int32_t) error;        /* the first one; never goes back to 0 */
    WEFT__ATOMIC(uint32_t) is_unneeded; /* weft_scope_cancel was called */
    struct weft__lock lock;
    int32_t limit;        /* the opener writes while no goroutine exists; negative: none */
    uint32_t taken;       /* protected by lock */
    struct weft__row row; /* protected by lock */
};

static inline struct weft__scope *weft__scope_of(weft_scope *public)
{
    struct weft__scope *scope = (struct weft__scope *)public;
    if (WEFT__UNLIKELY(scope == NULL || scope->opener == NULL))
        weft__panic("scope is not open");
    return scope;
}

/* scope_go.c. Where a report says which scope it is. */
void weft__scope_describe(const struct weft__scope *scope, char *buffer, size_t size);

#endif
