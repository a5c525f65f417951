/* SPDX-License-Identifier: Apache-2.0
 *
 * cond.c - wait for what others will tell.
 *
 * Data:       state, the bits LISTED (a spin bit that protects the row) and QUEUED (the row is not empty); row, those who wait
 *             (row.h); self, the address at which the condition was first used.
 * Waiting:    a waiter lists itself while it still has the user's lock, gives that back, and then parks. So the order of the
 *             row is the order in which the waits began, and a signal goes to the first of them even if it has not got as far
 *             as to park: never to one that came later (W-06). Waiter and waker agree by progress, one word in the waiter:
 *
 *                  LISTED_ONLY --commit--> PARKED            the waker readies it
 *                       \--waker---------> TOLD              it does not park, or its commit step readies it
 *
 * Invariants: QUEUED <=> the row is not empty, or LISTED is held by the one who is about to be in it. A signal that finds
 *             QUEUED clear comes before every wait that it could have ended: with the lock held there is no doubt, and
 *             without it none is promised.
 * Cancelled:  whoever tells wins the waiter's claim as it takes it off the row, or goes on to the next one: a signal is never
 *             spent on one that has given up. (A cancellation before the waiter has parked is found by the commit step.) The
 *             waiter takes itself off and takes the user's lock again, context or not.
 * Life:       who was told may free the condition (W-04): signal and broadcast take the waiters off, drop LISTED as their last
 *             touch, and only then tell them.
 * Copies:     one that was used before it was copied finds another's address in self.
 * Callers:    goroutines and threads; not signal handlers.
 * Source:     the rules are those of Go's sync.Cond; it hands out tickets, for which listing early stands here. */
#include <stdio.h>

#include <weft/cond.h>

#include "sync/cancel.h"
#include "sync/row.h"
#include "sync/spin.h"

#define LISTED UINT64_C(1)
#define QUEUED UINT64_C(2)

enum progress { LISTED_ONLY, PARKED, TOLD };

struct waiter {
    struct weft__row_waiter in_row; /* first, so that the one is the other */
    WEFT__ATOMIC(uint32_t) progress;
    weft__claim claim; /* used if it has a context */
};

/* may_alias: the public type is an array of words. */
struct __attribute__((may_alias)) cond {
    WEFT__ATOMIC(uint64_t) state;
    struct weft__row row; /* protected by LISTED */
    WEFT__ATOMIC(struct cond *) self;
};
_Static_assert(sizeof(struct cond) <= sizeof(weft_cond), "the public words hold the condition");
_Static_assert(_Alignof(struct cond) <= _Alignof(weft_cond), "the public words hold the condition");

static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on cond %p", object);
}

static const struct weft__wait_reason waiting = {.text = "cond wait", .describe = describe};

static __attribute__((cold, noinline)) void first_use_or_copy(struct cond *cond)
{
    struct cond *self = NULL;
    /* relaxed: an address is compared, nothing else is read by it. */
    if (!weft__cas_relaxed(&cond->self, &self, cond) && self != cond)
        weft__panic("sync: cond is copied");
}

static inline struct cond *used(weft_cond *public)
{
    struct cond *cond = (struct cond *)public;
    if (WEFT__UNLIKELY(weft__load_relaxed(&cond->self) != cond)) /* relaxed: as above */
        first_use_or_copy(cond);
    return cond;
}

/* ---- LISTED ---- */

static void list(struct cond *cond, uint64_t bits)
{
    uint64_t state = weft__load_relaxed(&cond->state); /* the exchange checks it */
    for (unsigned turns = 0;;) {
        if ((state & LISTED) != 0) {
            weft__spin_turn(&turns);
            state = weft__load_relaxed(&cond->state); /* as above */
        } else if (weft__cas_acquire(&cond->state, &state, state | LISTED | bits)) {
            return; /* acquire: pairs with leave_row */
        }
    }
}

static void leave_row(struct cond *cond)
{
    /* relaxed would not do for the row: pairs with list. A store, because only the holder writes to the state. */
    weft__store_release(&cond->state, cond->row.oldest != NULL ? QUEUED : 0);
}

/* ---- wait ---- */

/* The waiter's context is saved. */
static void commit(void *arg)
{
    struct waiter *waiter = arg;
    uint32_t progress = LISTED_ONLY;
    /* acq_rel: the waker readies it after this; or it has told before this, and what it did must be seen after the wait. */
    if (!weft__cas_acq_rel(&waiter->progress, &progress, PARKED))
        weft__ready(waiter->in_row.task);
}

/* Told, whether it has parked or not. Its frame may be gone then. */
static void tell(struct waiter *waiter)
{
    struct weft__task *task = waiter->in_row.task;
    weft__race_publish(&task->race.in); /* the waiter waits in nothing else meanwhile */
    /* acq_rel: pairs with commit's exchange and with wait's load. */
    if (weft__exchange_acq_rel(&waiter->progress, TOLD) == PARKED)
        weft__ready(task);
}

static void begin(struct cond *cond, struct waiter *waiter, struct weft_context *context)
{
    waiter->in_row.task = weft__self();
    waiter->in_row.claim = context != NULL ? &waiter->claim : NULL;
    weft__store_relaxed(&waiter->claim, WEFT__UNCLAIMED); /* published by leave_row, as the next one */
    weft__store_relaxed(&waiter->progress, LISTED_ONLY);
    list(cond, QUEUED);
    weft__row_put(&cond->row, &waiter->in_row);
    leave_row(cond);
}

/* 0: it was told; or the context's error. */
static int park(struct cond *cond, struct waiter *waiter, struct weft_context *context)
{
    /* acquire: pairs with tell's exchange. */
    if (weft__load_acquire(&waiter->progress) != TOLD)
        weft__park_cancellable(waiter->in_row.task, &waiting, cond, commit, waiter, context, &waiter->claim);
    if (WEFT__LIKELY(!weft__row_cancelled(&waiter->claim))) {
        weft__race_acquire(&waiter->in_row.task->race.in);
        return 0;
    }
    list(cond, 0);
    if (waiter->in_row.is_listed)
        weft__row_remove(&cond->row, &waiter->in_row);
    leave_row(cond);
    return weft__context_error(context);
}

static inline int wait(struct cond *cond, weft_mutex *mutex, struct weft_context *context)
{
    struct waiter waiter;
    begin(cond, &waiter, context);
    weft_mutex_unlock(mutex);
    int error = park(cond, &waiter, context);
    weft_mutex_lock(mutex);
    return error;
}

static inline int wait_write(struct cond *cond, weft_rwmutex *rwmutex, struct weft_context *context)
{
    struct waiter waiter;
    begin(cond, &waiter, context);
    weft_rwmutex_unlock(rwmutex);
    int error = park(cond, &waiter, context);
    weft_rwmutex_lock(rwmutex);
    return error;
}

static inline int wait_read(struct cond *cond, weft_rwmutex *rwmutex, struct weft_context *context)
{
    struct waiter waiter;
    begin(cond, &waiter, context);
    weft_rwmutex_runlock(rwmutex);
    int error = park(cond, &waiter, context);
    weft_rwmutex_rlock(rwmutex);
    return error;
}

void weft_cond_wait(weft_cond *public, weft_mutex *mutex)
{
    (void)wait(used(public), mutex, NULL);
}

void weft_cond_wait_write(weft_cond *public, weft_rwmutex *rwmutex)
{
    (void)wait_write(used(public), rwmutex, NULL);
}

void weft_cond_wait_read(weft_cond *public, weft_rwmutex *rwmutex)
{
    (void)wait_read(used(public), rwmutex, NULL);
}

/* NULL for one that can never be cancelled. */
static inline struct weft_context *cancellable(weft_context *context)
{
    return weft__context_is_cancellable(context) ? context : NULL;
}

int weft_cond_wait_ctx(weft_context *context, weft_cond *public, weft_mutex *mutex)
{
    int error = weft__context_error(context);
    return error != 0 ? error : wait(used(public), mutex, cancellable(context));
}

int weft_cond_wait_write_ctx(weft_context *context, weft_cond *public, weft_rwmutex *rwmutex)
{
    int error = weft__context_error(context);
    return error != 0 ? error : wait_write(used(public), rwmutex, cancellable(context));
}

int weft_cond_wait_read_ctx(weft_context *context, weft_cond *public, weft_rwmutex *rwmutex)
{
    int error = weft__context_error(context);
    return error != 0 ? error : wait_read(used(public), rwmutex, cancellable(context));
}

/* ---- signal and broadcast ---- */

void weft_cond_signal(weft_cond *public)
{
    struct cond *cond = used(public);
    if (weft__load_relaxed(&cond->state) ==
        0) /* a wait that is to be seen is ordered by the user's lock, or by the user */
        return;
    list(cond, 0);
    struct waiter *waiter = (struct waiter *)weft__row_choose(&cond->row);
    leave_row(cond);
    if (waiter != NULL)
        tell(waiter);
}

void weft_cond_broadcast(weft_cond *public)
{
    struct cond *cond = used(public);
    if (weft__load_relaxed(&cond->state) == 0) /* as in signal */
        return;
    uint64_t count;
    list(cond, 0);
    struct weft__row_waiter *chosen = weft__row_choose_all(&cond->row, &count);
    leave_row(cond);
    while (chosen != NULL) {
        struct waiter *waiter = (struct waiter *)chosen;
        chosen = chosen->next;
        tell(waiter);
    }
}
