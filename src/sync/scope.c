/* SPDX-License-Identifier: Apache-2.0
 *
 * scope.c - a scope's life: opening, waiting, closing. scope.h has the data; scope_go.c what starts and ends in it.
 *
 * Closing: a deferred call, so that weft_exit and panics close it, too; the statement's cleanup attribute takes that call off the
 *          list and makes it where the block is left in other ways.
 * Current: while it is open the scope's context is the opener's task's. Scopes nest, so each puts back what it found.
 * Callers: goroutines and threads; the opener alone waits and closes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sync/scope.h"

_Static_assert(sizeof(struct weft__scope) <= sizeof(weft_scope), "the public words hold the scope");
_Static_assert(_Alignof(struct weft__scope) <= _Alignof(weft_scope), "the public words hold the scope");

static void describe(const void *object, char *buffer, size_t size)
{
    weft__scope_describe(object, buffer, size);
}

/* The scope is in the waiter's own frame: nothing is to be unlinked at the end of a run. */
static const struct weft__wait_reason waiting = {.text = "scope wait", .describe = describe};

/* ---- waiting ---- */

/* The opener's context is saved. */
static void commit_wait(void *arg)
{
    struct weft__scope *scope = arg;
    struct weft__task *opener = scope->opener;
    /* acq_rel: pairs with the exchange of whoever ends last: it sees WAITING, or this sees that it was there. */
    if (weft__or_acq_rel(&scope->word, WEFT__SCOPE_WAITING) < WEFT__SCOPE_ONE)
        weft__ready(opener);
}

static void join(struct weft__scope *scope)
{
    if (weft__load_acquire(&scope->word) >= WEFT__SCOPE_ONE) { /* pairs with the exchanges of those who have ended */
        weft__park(scope->opener, &waiting, scope, commit_wait, scope);
        ASSERT(weft__load_relaxed(&scope->word) == WEFT__SCOPE_WAITING);
        weft__store_relaxed(&scope->word, UINT64_C(0)); /* relaxed: nobody is left, and nobody else may start any */
    }
    weft__race_acquire(scope);
}

static struct weft__scope *own(weft_scope *public, const char *what)
{
    struct weft__scope *scope = weft__scope_of(public);
    if (WEFT__UNLIKELY(scope->opener != weft__self()))
        weft__panic("%s by another than the one who has opened the scope", what);
    return scope;
}

int weft_scope_wait(weft_scope *public)
{
    struct weft__scope *scope = own(public, "weft_scope_wait");
    join(scope);
    weft__cancel(scope->context->canceller, -ECANCELED, -ECANCELED);
    return weft__load_relaxed(&scope->error); /* join has ordered it */
}

/* ---- opening and closing ---- */

static void close_scope(void *arg)
{
    struct weft__scope *scope = arg;
    weft__cancel(scope->context->canceller, -ECANCELED, -ECANCELED);
    join(scope);
    scope->opener->context = scope->context_before;
    scope->opener = NULL;
    weft_context_release(scope->context);
}

static int64_t deadline_of(const struct weft_scope_options *options)
{
    int64_t until = INT64_MAX;
    if (options->deadline != 0)
        until = options->deadline;
    if (options->timeout != 0) {
        int64_t when = weft__deadline(options->timeout);
        until = when < until ? when : until;
    }
    return until;
}

weft_scope *weft_scope_open(weft_scope *public, const struct weft_scope_options *options, const struct weft_site *site)
{
    static const struct weft_scope_options none;
    struct weft__scope *scope = (struct weft__scope *)public;
    struct weft__task *self = weft__self();
    if (options == NULL)
        options = &none;
    if (WEFT__UNLIKELY(scope->opener != NULL))
        weft__panic("scope is open already");
    weft_context *parent = options->parent != NULL ? options->parent : weft_context_current();
    weft_context *context = weft_context_with_deadline(parent, deadline_of(options));
    memset(scope, 0, sizeof *scope);
    scope->opener = self;
    scope->site = site;
    scope->context_before = self->context;
    scope->limit = options->limit > 0 ? options->limit : -1;
    if (WEFT__LIKELY(context != NULL)) {
        scope->context = self->context = context;
    } else {
        scope->context = weft__context_without_memory();
        weft__store_relaxed(&scope->error, -ENOMEM); /* nobody else knows of it */
    }
    scope->deferred = (struct weft_deferred){.fn = close_scope, .arg = scope};
    weft_defer_push(&scope->deferred);
    return public;
}

void weft_scope_close(weft_scope *public)
{
    struct weft__scope *scope = (struct weft__scope *)public;
    if (scope->opener == NULL)
        return;
    own(public, "weft_scope_close");
    weft_defer_run(&scope->deferred);
}

/* ---- what its users ask of it ---- */

weft_context *weft_scope_context(weft_scope *public)
{
    return weft__scope_of(public)->context;
}

void weft_scope_cancel(weft_scope *public)
{
    struct weft__scope *scope = weft__scope_of(public);
    /* release: pairs with the look of a goroutine that has been cancelled by what follows. */
    weft__store_release(&scope->is_unneeded, 1u);
    weft__cancel(scope->context->canceller, -ECANCELED, -ECANCELED);
}

void weft_scope_set_limit(weft_scope *public, int n)
{
    struct weft__scope *scope = own(public, "weft_scope_set_limit");
    uint64_t count = weft__load_acquire(&scope->word) / WEFT__SCOPE_ONE; /* as join */
    if (WEFT__UNLIKELY(count != 0))
        weft__panic("limit of a scope changed while %llu of its goroutines have not ended", (unsigned long long)count);
    scope->limit = n < 0 ? -1 : n;
}
