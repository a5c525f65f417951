/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h - what a context looks like inside: for the files of this room that make, cancel and ask contexts.
 *
 * Kinds:   the background, a static one; cancellers (with_cancel, with_deadline), the only ones that have a state; values;
 *          and detached ones (without_cancel). Each holds a reference of its parent. What it asks of its ancestors it asks
 *          directly: canceller is the nearest canceller, values the nearest value, itself included.
 *
 *            background <-- canceller A <-- value <-- canceller B        parent, with a reference
 *                                ^---------------------'                 in A's list of children, without one
 *
 * State:   a canceller is cancelled when its done channel is closed. So no error without a closed channel and no
 *          closed channel without an error: err and cause are written under the channel's lock by the one who closes
 *          it (cancel.c), before that, and never change again.
 * Lists:   listeners (cancel.h), children and functions, protected by lock, each doubly linked: leaving is O(1). Only an
 *          open canceller takes anything into its lists: who adds looks at closed under the lock, and cancel takes the
 *          lock after it has closed; so what was added before is found by cancel, and what comes later finds closed.
 * Locks:   lock (rank CONTEXT), one at a time: cancel walks down a tree of any depth without nesting, by references.
 * Life:    references count owners, children, functions and a deadline that is being carried out. Cancel finds children
 *          through their parent's list, which holds no reference: it takes one unless their count is zero; then they
 *          are about to go, for which they need the parent's lock. In the same way the timer's fire takes one under the
 *          heap's lock, which the one who frees passes (weft__timer_remove). */
#ifndef WEFT_SYNC_CONTEXT_H
#define WEFT_SYNC_CONTEXT_H

#include <weft/context.h>

#include "base/lock.h"
#include "chan/chan.h"
#include "sched/sched.h"
#include "sync/cancel.h"

/* A doubly linked ring whose head is a link too. Empty or in no list: it points to itself. */
struct weft__link {
    struct weft__link *next, *previous;
};

static inline void weft__link_init(struct weft__link *link)
{
    link->next = link->previous = link;
}
static inline bool weft__link_is_alone(const struct weft__link *link)
{
    return link->next == link;
}
static inline void weft__link_add(struct weft__link *head, struct weft__link *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}
static inline void weft__link_remove(struct weft__link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    weft__link_init(link);
}

#define WEFT__CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct weft__canceller;
struct weft__valued;

struct weft_context {
    WEFT__ATOMIC(uint32_t) references;
    bool is_immortal;                  /* immutable, as the rest: static, references do not count */
    struct weft_context *parent;       /* a reference; NULL: none */
    struct weft__canceller *canceller; /* nearest; NULL: it can never be cancelled */
    const struct weft__valued *values; /* nearest; NULL: it has none */
};

struct weft__valued {
    struct weft_context context;
    const void *key; /* immutable, as value */
    void *value;
};

struct weft__canceller {
    struct weft_context context;
    struct weft__chan done;
    int err, cause;                     /* written under done's lock before it is closed, then immutable */
    struct weft__lock lock;             /* rank CONTEXT */
    struct weft__link listeners;        /* protected by lock, as children and functions */
    struct weft__link children;         /* weft__canceller.sibling */
    struct weft__link functions;        /* weft_context_function.link */
    struct weft__link sibling;          /* protected by the lock of the parent's canceller */
    struct weft__canceller *batch_next; /* owner only: who has taken it off the parent's list while cancelling that */
    struct weft__canceller *work_next;  /* owner only: whoever has closed it */
    int64_t deadline;                   /* immutable: the earliest of its own and its ancestors'; INT64_MAX: none */
    int timeout_cause;                  /* immutable */
    bool is_expiring;                   /* protected by the timer heap's lock: fire has taken a reference */
    struct weft__timer timer;           /* added under lock, while it is open; removed by whoever has closed it */
#ifdef WEFT_RACE_REPORTS
    unsigned char race_armed; /* before the timer is added: what happens before it fires */
#endif
};

/* What weft_context_after_func makes. */
struct weft_context_function {
    struct weft__link link;                   /* protected by the context's lock */
    struct weft_context_function *batch_next; /* owner only: who has taken it off the list while cancelling */
    WEFT__ATOMIC(uint32_t) references;        /* the handle's, and that of the list, retry timer or goroutine */
    struct weft_context *context;             /* immutable; a reference */
    WEFT__ATOMIC(uint32_t) stopped;           /* where the context can never be cancelled, and has no list */
    void (*fn)(void *arg);                    /* immutable */
    void *arg;                                /* immutable */
    struct weft__timer retry;                 /* a start that found no memory is tried again */
#ifdef WEFT_RACE_REPORTS
    unsigned char race_made; /* what happens before fn, beside the cancellation */
#endif
};

static inline void weft__context_lock(struct weft__canceller *canceller)
{
    weft__lock_take(&canceller->lock, WEFT__RANK_CONTEXT);
}
static inline void weft__context_unlock(struct weft__canceller *canceller)
{
    weft__lock_leave(&canceller->lock, WEFT__RANK_CONTEXT);
}
static inline bool weft__canceller_is_closed(const struct weft__canceller *canceller)
{
    /* acquire: pairs with weft__chan_close_unlock; err and cause are there. */
    return weft__load_acquire(&((struct weft__canceller *)canceller)->done.closed);
}

/* A reference, unless the last one has gone. Only under a lock that keeps the memory from being freed. */
static inline bool weft__context_try_retain(struct weft_context *context)
{
    uint32_t count = weft__load_relaxed(&context->references); /* the exchange checks it */
    while (count != 0)
        if (weft__cas_relaxed(&context->references, &count, count + 1)) /* relaxed: nothing is read through it yet */
            return true;
    return false;
}

/* context.c. A context that is cancelled (cause -ENOMEM) and lives for ever: for whoever found no memory for one. */
struct weft_context *weft__context_without_memory(void);

/* cancel.c. Cancel, with everything below; false: it was cancelled already. The caller has a reference. */
bool weft__cancel(struct weft__canceller *canceller, int err, int cause);
/* Take it off its parent's list. */
void weft__canceller_unlink(struct weft__canceller *canceller);

/* context_function.c. The function's context is cancelled, and the function off its list: start it. */
void weft__context_function_start(struct weft_context_function *function);

#endif
