/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel.c - cancelling a context and everything that hangs on it; waits that a context may end.
 *
 * Data:    context.h. cancel.h has the argument for listeners.
 * Cancel:  1. close the done channel: the one who does so is the one who cancels; err and cause are what it says
 *          2. off the parent's list; no timer any more
 *          3. empty the lists: wake the listeners, start the functions, and for each child from 1 on
 *          Nobody else adds to the lists after 1 or takes the whole of them, so 3 goes in batches: the lock is held for
 *          a bounded time, however many there are. The children that are still to be gone through form a stack that is
 *          linked through themselves: a tree of any depth needs neither recursion nor memory.
 * Locks:   a done channel's (rank CHAN) alone, then a context's (rank CONTEXT) alone; tasks are readied with none.
 * Callers: goroutines, threads, exit hooks; not signal handlers. Does not park. */
#include "sync/context.h"

#define BATCH 64 /* of each list, under one hold of the lock */

/* ---- waits that a context may end ---- */

struct listener {
    struct weft__link link; /* protected by the context's lock */
    struct weft__attachment attachment;
    struct weft__canceller *canceller; /* the rest: immutable while it is listed */
    struct weft__task *task;
    weft__claim *claim;
    weft__commit commit;
    void *commit_arg;
};

static void take_off(struct listener *listener)
{
    weft__context_lock(listener->canceller);
    weft__link_remove(&listener->link); /* harmless if it is off already */
    weft__context_unlock(listener->canceller);
}

static void abandon(struct weft__attachment *attachment)
{
    take_off(WEFT__CONTAINER(attachment, struct listener, attachment));
}

/* The commit step; see cancel.h. After the unlock the frame may be gone, unless this step has won the claim. */
static void commit_listener(void *arg)
{
    struct listener *listener = arg;
    struct weft__canceller *canceller = listener->canceller;
    struct weft__task *task = NULL;
    weft__context_lock(canceller);
    if (!weft__canceller_is_closed(canceller))
        weft__link_add(&canceller->listeners, &listener->link);
    else if (weft__claim_try(listener->claim, WEFT__CLAIMED_BY_CANCEL))
        task = listener->task;
    listener->commit(listener->commit_arg);
    weft__context_unlock(canceller);
    if (task != NULL)
        weft__ready(task);
}

void weft__park_cancellable(struct weft__task *self, const struct weft__wait_reason *reason, void *object,
                            weft__commit commit, void *arg, struct weft_context *context, weft__claim *claim)
{
    if (context == NULL || context->canceller == NULL) {
        weft__park(self, reason, object, commit, arg);
        return;
    }
    struct listener listener = {
        .attachment = {abandon},
        .canceller = context->canceller,
        .task = self,
        .claim = claim,
        .commit = commit,
        .commit_arg = arg,
    };
    weft__link_init(&listener.link);
    self->attached = &listener.attachment;
    weft__park(self, reason, object, commit_listener, &listener);
    self->attached = NULL;
    /* relaxed: whoever has won the claim readied this task afterwards, which orders it. */
    if (weft__load_relaxed(claim) != WEFT__CLAIMED_BY_CANCEL)
        take_off(&listener);
}

/* ---- cancel ---- */

/* What one hold of the lock takes off the lists of a closed canceller. */
struct batch {
    struct weft__link listeners;      /* whose claim was won, by their links: nobody else uses those any more */
    struct weft__canceller *children; /* with a reference each, by batch_next: their sibling says that they are off */
    struct weft_context_function *functions; /* by batch_next, likewise */
    unsigned count;                          /* of what was taken off, those that were of no use included */
};

/* Under the lock. */
static void take_batch(struct weft__canceller *canceller, struct batch *batch)
{
    struct weft__link *link;
    for (unsigned i = 0; i < BATCH && (link = canceller->listeners.next) != &canceller->listeners; i++) {
        weft__link_remove(link);
        if (weft__claim_try(WEFT__CONTAINER(link, struct listener, link)->claim, WEFT__CLAIMED_BY_CANCEL))
            weft__link_add(&batch->listeners, link);
        batch->count++;
    }
    for (unsigned i = 0; i < BATCH && (link = canceller->functions.next) != &canceller->functions; i++) {
        struct weft_context_function *function = WEFT__CONTAINER(link, struct weft_context_function, link);
        weft__link_remove(link);
        function->batch_next = batch->functions;
        batch->functions = function;
        batch->count++;
    }
    for (unsigned i = 0; i < BATCH && (link = canceller->children.next) != &canceller->children; i++) {
        struct weft__canceller *child = WEFT__CONTAINER(link, struct weft__canceller, sibling);
        weft__link_remove(link);
        if (weft__context_try_retain(&child->context)) {
            child->batch_next = batch->children;
            batch->children = child;
        }
        batch->count++;
    }
}

/* The first to come decides what err and cause are. */
static bool close_done(struct weft__canceller *canceller, int err, int cause)
{
    weft__chan_lock(&canceller->done);
    if (weft__canceller_is_closed(canceller)) {
        weft__chan_unlock(&canceller->done);
        return false;
    }
    canceller->err = err;
    canceller->cause = cause;
    weft__chan_close_unlock(&canceller->done);
    return true;
}

/* The context is closed, and the lock has been passed since: no timer is added any more. */
static void remove_timer(struct weft__canceller *canceller)
{
    if (weft__timer_remove(&canceller->timer) && canceller->is_expiring)
        weft_context_release(&canceller->context); /* fire's, which was waiting for memory */
}

/* One batch of what hangs on the canceller; its children, when closed, are put on the stack *work. False: nothing was left. */
static bool empty_lists(struct weft__canceller *canceller, struct weft__canceller **work)
{
    struct batch batch = {.count = 0};
    weft__link_init(&batch.listeners);
    weft__context_lock(canceller);
    take_batch(canceller, &batch);
    weft__context_unlock(canceller);
    while (!weft__link_is_alone(&batch.listeners)) {
        struct listener *listener = WEFT__CONTAINER(batch.listeners.next, struct listener, link);
        weft__link_remove(&listener->link);
        weft__ready(listener->task); /* its frame may be gone now */
    }
    for (struct weft_context_function *function = batch.functions, *next; function != NULL; function = next) {
        next = function->batch_next;
        weft__context_function_start(function);
    }
    for (struct weft__canceller *child = batch.children, *next; child != NULL; child = next) {
        next = child->batch_next;
        if (close_done(child, canceller->err, canceller->cause)) {
            child->work_next = *work;
            *work = child;
        } else {
            weft_context_release(&child->context); /* somebody else is at it */
        }
    }
    return batch.count > 0;
}

bool weft__cancel(struct weft__canceller *canceller, int err, int cause)
{
    if (!close_done(canceller, err, cause))
        return false;
    weft_context_retain(&canceller->context);
    weft__canceller_unlink(canceller);
    canceller->work_next = NULL;
    struct weft__canceller *work = canceller;
    while (work != NULL) {
        struct weft__canceller *top = work;
        if (empty_lists(top, &work))
            continue; /* with its children first, if there were any */
        work = top->work_next;
        remove_timer(top);
        weft_context_release(&top->context);
    }
    return true;
}
