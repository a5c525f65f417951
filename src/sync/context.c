/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - contexts: how they are made, asked and given back. How they are cancelled is in cancel.c.
 *
 * Data, locks: context.h. A context is one block of memory, its done channel and its timer included.
 * Deadline: a timer of the scheduler's heap, whose fire may not take a context's lock (rank). So it starts a goroutine that
 *           cancels, as Go's does; without memory for that it tries again a little later. The timer has no reference: fire
 *           takes one for the goroutine, unless the count is zero already.
 * Asking:   no locks. What is asked is immutable, or published by the done channel's closed.
 * Callers:  goroutines and threads; not signal handlers. Nothing here parks.
 * Source:   the rules of Go's context. */
#include "sync/context.h"

#include <errno.h>

#include "port/port.h"
#include "sched/race.h"

/* How long a deadline that found no memory for its goroutine is put off. */
#define SPAWN_RETRY WEFT_MILLISECOND

static struct weft_context background = {.is_immortal = true};

/* Nothing gets into its lists, since it is closed. */
static struct weft__canceller without_memory = {
    .context = {.is_immortal = true, .parent = &background, .canceller = &without_memory},
    .done = {.closed = 1, .done = 1, .element_size = sizeof(bool), .references = 1},
    .err = -ECANCELED,
    .cause = -ENOMEM,
    .listeners = {&without_memory.listeners, &without_memory.listeners},
    .children = {&without_memory.children, &without_memory.children},
    .functions = {&without_memory.functions, &without_memory.functions},
    .sibling = {&without_memory.sibling, &without_memory.sibling},
    .deadline = INT64_MAX,
};

static const struct weft_site deadline_site = {"src/sync/context.c", "weft_context_with_deadline", 0, 0};

_Noreturn static __attribute__((cold, noinline)) void refuse_null(const char *what)
{
    weft__panic("context: %s is NULL", what);
}

static inline void check_context(const struct weft_context *context)
{
    if (WEFT__UNLIKELY(context == NULL))
        refuse_null("the context");
}

/* ---- life ---- */

weft_context *weft_context_retain(weft_context *context)
{
    check_context(context);
    if (!context->is_immortal) /* relaxed: the caller has a reference, so the count cannot be on its way to zero */
        weft__add_relaxed(&context->references, 1u);
    return context;
}

void weft__canceller_unlink(struct weft__canceller *canceller)
{
    struct weft__canceller *above = canceller->context.parent->canceller;
    if (above == NULL)
        return;
    weft__context_lock(above);
    weft__link_remove(&canceller->sibling); /* harmless if it is off already */
    weft__context_unlock(above);
}

/* The last reference has gone. */
static void destroy(struct weft_context *context)
{
    struct weft__canceller *canceller = context->canceller;
    if (canceller == NULL || &canceller->context != context) {
        weft__port_free(context);
        return;
    }
    /* Its timer's fire, and a cancel of its parent, which take references: over, or they have found none to take. */
    weft__timer_remove(&canceller->timer);
    weft__canceller_unlink(canceller);
    if (WEFT__UNLIKELY(!weft__link_is_alone(&canceller->listeners)))
        weft__panic("release of a context that goroutines wait on");
    weft__chan_retire(&canceller->done);
    weft__port_free(canceller);
}

/* Ancestors that go with it one after the other: a chain may be long. */
void weft_context_release(weft_context *context)
{
    while (context != NULL && !context->is_immortal) {
        /* acq_rel: the last owner sees what the others did; pairs with itself in the other owners. */
        if (weft__add_acq_rel(&context->references, -1u) != 1)
            return;
        struct weft_context *parent = context->parent;
        destroy(context);
        context = parent;
    }
}

static bool is_canceller(const struct weft_context *context)
{
    return context->canceller != NULL && &context->canceller->context == context;
}

void weft_context_free(weft_context *context)
{
    if (context == NULL)
        return;
    if (is_canceller(context))
        weft__cancel(context->canceller, -ECANCELED, -ECANCELED);
    weft_context_release(context);
}

/* ---- making ---- */

weft_context *weft_context_background(void)
{
    return &background;
}

struct weft_context *weft__context_without_memory(void)
{
    return &without_memory.context;
}

weft_context *weft_context_current(void)
{
    struct weft_context *context = weft__self()->context;
    return context != NULL ? context : &background;
}

/* What every kind has; without what it takes over from its parent unless told otherwise. */
static void set_up(struct weft_context *context, struct weft_context *parent)
{
    weft__store_relaxed(&context->references, 1u); /* nobody else knows of it */
    context->parent = weft_context_retain(parent);
    context->canceller = parent->canceller;
    context->values = parent->values;
}

static void expire(void *arg)
{
    struct weft__canceller *canceller = arg;
    weft__cancel(canceller, -ETIMEDOUT, canceller->timeout_cause);
    weft_context_release(&canceller->context);
}

/* Runs under the heap's lock. */
static bool deadline_passed(struct weft__timer *timer, int64_t now)
{
    struct weft__canceller *canceller = WEFT__CONTAINER(timer, struct weft__canceller, timer);
    if (!canceller->is_expiring && !weft__context_try_retain(&canceller->context))
        return false; /* it is about to be freed */
    canceller->is_expiring = true;
    weft__race_origin(&canceller->race_armed);
    int error = weft__spawn_call(expire, canceller, &deadline_site);
    if (error != -ENOMEM && error != -EAGAIN)
        return false; /* started, or the run is over */
    timer->when = now + SPAWN_RETRY;
    return true;
}

/* Into the list of the canceller above, or cancelled as that is. */
static void link_to(struct weft__canceller *above, struct weft__canceller *canceller)
{
    weft__context_lock(above);
    bool closed = weft__canceller_is_closed(above);
    if (!closed)
        weft__link_add(&above->children, &canceller->sibling);
    weft__context_unlock(above);
    if (closed) {
        weft__race_acquire(&above->done.race_closed); /* for those who see this one's end */
        weft__cancel(canceller, above->err, above->cause);
    }
}

/* The timer is added under the lock, unless it is cancelled: whoever cancels takes the lock, and removes it then. Where
 * there are no timers (outside a run) the context does not come to be: a deadline that never passes would be a trap. */
static void arm(struct weft__canceller *canceller, int64_t when)
{
    if (when <= weft__deadline(0)) {
        weft__cancel(canceller, -ETIMEDOUT, canceller->timeout_cause);
        return;
    }
    int error = 0;
    weft__context_lock(canceller);
    weft__race_publish(&canceller->race_armed);
    if (!weft__canceller_is_closed(canceller))
        error = weft__timer_add(&canceller->timer, when);
    weft__context_unlock(canceller);
    if (WEFT__LIKELY(error == 0))
        return;
    weft_context_free(&canceller->context);
    weft__timer_refused(error);
}

static weft_context *make_canceller(weft_context *parent, int64_t when, int timeout_cause)
{
    if (WEFT__UNLIKELY(parent == NULL))
        refuse_null("the parent");
    struct weft__canceller *canceller = weft__port_alloc(sizeof *canceller, _Alignof(struct weft__canceller));
    if (canceller == NULL)
        return NULL;
    *canceller = (struct weft__canceller){
        .timeout_cause = timeout_cause != 0 ? timeout_cause : -ETIMEDOUT,
        .timer = {.fire = deadline_passed, .keeps_alive = true},
    };
    set_up(&canceller->context, parent);
    canceller->context.canceller = canceller;
    weft__chan_init_done(&canceller->done);
    weft__link_init(&canceller->listeners);
    weft__link_init(&canceller->children);
    weft__link_init(&canceller->functions);
    weft__link_init(&canceller->sibling);

    struct weft__canceller *above = parent->canceller;
    int64_t until = above != NULL ? above->deadline : INT64_MAX;
    canceller->deadline = when < until ? when : until;
    if (above != NULL)
        link_to(above, canceller);
    if (when < until) /* else the parent's deadline takes care of this one */
        arm(canceller, when);
    return &canceller->context;
}

weft_context *weft_context_with_cancel(weft_context *parent)
{
    return make_canceller(parent, INT64_MAX, 0);
}

weft_context *weft_context_with_deadline_cause(weft_context *parent, int64_t when, int cause)
{
    return make_canceller(parent, when, cause);
}

weft_context *weft_context_with_deadline(weft_context *parent, int64_t when)
{
    return make_canceller(parent, when, 0);
}

weft_context *weft_context_with_timeout_cause(weft_context *parent, int64_t duration, int cause)
{
    return make_canceller(parent, weft__deadline(duration), cause);
}

weft_context *weft_context_with_timeout(weft_context *parent, int64_t duration)
{
    return make_canceller(parent, weft__deadline(duration), 0);
}

weft_context *weft_context_with_value(weft_context *parent, const void *key, void *value)
{
    if (WEFT__UNLIKELY(parent == NULL))
        refuse_null("the parent");
    if (WEFT__UNLIKELY(key == NULL))
        refuse_null("the key");
    struct weft__valued *valued = weft__port_alloc(sizeof *valued, _Alignof(struct weft__valued));
    if (valued == NULL)
        return NULL;
    *valued = (struct weft__valued){.key = key, .value = value};
    set_up(&valued->context, parent);
    valued->context.values = valued;
    return &valued->context;
}

weft_context *weft_context_without_cancel(weft_context *parent)
{
    if (WEFT__UNLIKELY(parent == NULL))
        refuse_null("the parent");
    struct weft_context *context = weft__port_alloc(sizeof *context, _Alignof(struct weft_context));
    if (context == NULL)
        return NULL;
    *context = (struct weft_context){.is_immortal = false};
    set_up(context, parent);
    context->canceller = NULL;
    return context;
}

/* ---- cancelling ---- */

void weft_context_cancel_cause(weft_context *context, int cause)
{
    check_context(context);
    if (WEFT__UNLIKELY(!is_canceller(context)))
        weft__panic("cancel of a context that weft_context_with_cancel, _deadline or _timeout has not made");
    weft__cancel(context->canceller, -ECANCELED, cause != 0 ? cause : -ECANCELED);
}

void weft_context_cancel(weft_context *context)
{
    weft_context_cancel_cause(context, 0);
}

/* ---- asking ---- */

static inline const struct weft__canceller *closed_canceller(const struct weft_context *context)
{
    check_context(context);
    const struct weft__canceller *canceller = context->canceller;
    if (canceller == NULL || !weft__canceller_is_closed(canceller))
        return NULL;
    weft__race_acquire(&canceller->done.race_closed);
    return canceller;
}

int weft__context_error(const struct weft_context *context)
{
    const struct weft__canceller *canceller = closed_canceller(context);
    return canceller != NULL ? canceller->err : 0;
}

bool weft__context_is_cancellable(const struct weft_context *context)
{
    return context->canceller != NULL;
}

int weft_context_err(const weft_context *context)
{
    return weft__context_error(context);
}

int weft_context_cause(const weft_context *context)
{
    const struct weft__canceller *canceller = closed_canceller(context);
    return canceller != NULL ? canceller->cause : 0;
}

bool weft_context_deadline(const weft_context *context, int64_t *when)
{
    check_context(context);
    if (context->canceller == NULL || context->canceller->deadline == INT64_MAX)
        return false;
    if (when != NULL)
        *when = context->canceller->deadline;
    return true;
}

void *weft_context_value(const weft_context *context, const void *key)
{
    check_context(context);
    const struct weft__valued *valued = context->values;
    while (valued != NULL && valued->key != key)
        valued = valued->context.parent->values;
    return valued != NULL ? valued->value : NULL;
}

void *weft_context_done_untyped(weft_context *context)
{
    check_context(context);
    return context->canceller != NULL ? &context->canceller->done : NULL;
}
