/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel.h - how the cancellation of a context ends a wait; for everything in this room that has a form with a context.
 *
 * weft__park_cancellable is weft__park with a context beside it. The wait has a claim (sched.h): whoever wakes the task has
 * won it before. If the context is cancelled, or already was, while the claim is open, it is claimed with
 * WEFT__CLAIMED_BY_CANCEL and the task goes on; it then takes its waiter off the object (which may have been dropped from
 * there, as one whose claim is taken) and returns weft__context_error(context).
 *
 *   parker:  claim = open; waiter into the object, under the object's lock; weft__park_cancellable
 *            commit step, context saved: lock context; listener into its list; commit(arg): unlock object; unlock context
 *   waker:   lock object; take the waiter; win the claim; unlock object; weft__ready
 *   cancel:  lock context; take listeners, win their claims; unlock context; weft__ready
 *   awake:   claimed by a waker: lock context; take the listener off; unlock context
 *
 * Who may touch the listener, which is in the parker's frame, and when:
 *   - Before the commit step it is the parker's alone. The commit step puts it into the list only when the context is saved
 *     (C-13), and keeps the context's lock until commit(arg) has let wakers at the task. A waker that wins readies the
 *     task, and the task passes the context's lock before weft__park_cancellable returns: so the commit step is over by then, and
 *     the listener in no list. Unlocking is the commit step's last touch of the frame.
 *   - cancel takes a listener off under the lock. If it loses the claim it does not touch it again, and the task, which has
 *     to take the lock, finds it off. If it wins, nobody else readies the task, so that the frame is there until
 *     cancel does so; the link to the next one is read before. The task then need not take the lock: cancel took it after the
 *     commit step had left it, and has done with the listener.
 *   - Already cancelled: the commit step itself claims (nobody else can: the object's lock is still held), lists nothing,
 *     lets both locks go and readies the task; it keeps the task's address, and touches the frame no more.
 *   - The run ends and the task is forgotten: the task's attachment takes the listener out of a context that lives on.
 *
 * Locks:   the context's (rank CONTEXT) is taken with the object's held (rank SYNC or CHAN, or a spin bit), and held
 *          while commit(arg) runs: commit only lets go, it takes no lock of rank CONTEXT or below.
 * Context: kept alive by the caller, until the call has returned. Nothing is allocated.
 * Order:   what happens before the cancellation happens before the return that it brings about. */
#ifndef WEFT_SYNC_CANCEL_H
#define WEFT_SYNC_CANCEL_H

#include <weft/context.h>

#include "sched/sched.h"

/* See above. A context of NULL, or one that can never be cancelled: weft__park. Otherwise the claim must be open, and every
 * waker must win it before weft__ready. */
void weft__park_cancellable(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                            weft__commit commit, void *arg, struct weft_context *context, weft__claim *claim);

/* 0, -ECANCELED or -ETIMEDOUT. Panics for NULL: a constructor's result that was not looked at. */
int weft__context_error(const struct weft_context *context);

/* Whether it can ever be cancelled. */
bool weft__context_is_cancellable(const struct weft_context *context);

#endif
