/* SPDX-License-Identifier: Apache-2.0
 *
 * scope_go.c - the goroutines of a scope: starting them, under a limit or not, and what their ends set off.
 *
 * Start:   count it, wait for a place if there is a limit, spawn. If the spawn fails, all of that is undone, and the error is
 *          the scope's (but not of the try forms, whose callers look at it).
 * End:     an exit hook, which gets what the function returned: the first error is kept, and cancels the context; the place is
 *          handed on; the count goes down, which is the last touch (scope.h).
 * Errors:  the first one is whoever's exchange finds 0. It is kept before it cancels, so a goroutine that returns -ECANCELED
 *          because of that comes later. After weft_scope_cancel -ECANCELED is what was asked for, and no error.
 * Misuse:  a start by somebody outside may come when the scope's frame is gone already. It is seen, and refused, where the
 *          opener waits and all have ended.
 * Callers: the opener and the scope's goroutines. */
#include <errno.h>
#include <stdio.h>

#include "sync/scope.h"

/* In the frame of a call that waits for a place. */
struct waiter {
    struct weft__row_waiter in_row; /* first, so that the one is the other */
    struct weft__scope *scope;
    bool outlives_run; /* the scope is in a plain thread's frame */
};

void weft__scope_describe(const struct weft__scope *scope, char *buffer, size_t size)
{
    /* relaxed: the world stands still. */
    uint64_t count = weft__load_relaxed(&((struct weft__scope *)scope)->word) / WEFT__SCOPE_ONE;
    snprintf(buffer, size, "on scope %p (%llu not ended) opened at %s:%d", (const void *)scope,
             (unsigned long long)count, scope->site->file, scope->site->line);
}

static void describe(const void *object, char *buffer, size_t size)
{
    const struct waiter *waiter = object;
    char text[200];
    weft__scope_describe(waiter->scope, text, sizeof text);
    snprintf(buffer, size, "%s, limit %d", text, (int)waiter->scope->limit);
}

/* The run has ended. A scope of a goroutine has ended with it. */
static void abandon(void *object)
{
    struct waiter *waiter = object;
    if (!waiter->outlives_run)
        return;
    weft__lock_take(&waiter->scope->lock, WEFT__RANK_SYNC);
    if (waiter->in_row.is_listed)
        weft__row_remove(&waiter->scope->row, &waiter->in_row);
    weft__lock_leave(&waiter->scope->lock, WEFT__RANK_SYNC);
}

static const struct weft__wait_reason limited = {.text = "scope go", .describe = describe, .abandon = abandon};

/* ---- the count ---- */

static void count_down(struct weft__scope *scope)
{
    struct weft__task *opener = scope->opener;
    weft__race_release(scope);
    /* acq_rel: what the goroutine did happens before the return of the opener's wait; pairs with join and commit_wait. */
    uint64_t before = weft__add_acq_rel(&scope->word, -WEFT__SCOPE_ONE);
    ASSERT(before >= WEFT__SCOPE_ONE);
    if (before == (WEFT__SCOPE_ONE | WEFT__SCOPE_WAITING))
        weft__ready(opener);
}

static void count_up(struct weft__scope *scope)
{
    uint64_t word = weft__load_relaxed(&scope->word); /* the exchange checks it */
    do {
        if (WEFT__UNLIKELY(word == WEFT__SCOPE_WAITING)) /* the opener has been readied: it reckons with zero */
            weft__panic("goroutine started in a scope that has ended: only its opener and its goroutines may do that");
    } while (!weft__cas_relaxed(&scope->word, &word, word + WEFT__SCOPE_ONE)); /* relaxed: the spawn orders the rest */
}

/* ---- the limit ---- */

static void commit_unlock(void *arg)
{
    weft__lock_leave(arg, WEFT__RANK_SYNC);
}

static void wait_for_place(struct weft__scope *scope)
{
    struct waiter waiter = {.in_row = {.task = weft__self()}, .scope = scope, .outlives_run = scope->opener->is_thread};
    weft__row_put(&scope->row, &waiter.in_row);
    weft__park(waiter.in_row.task, &limited, &waiter, commit_unlock, &scope->lock);
}

/* False: there is none, and the caller does not wait. */
static bool take_place(struct weft__scope *scope, bool may_wait)
{
    weft__lock_take(&scope->lock, WEFT__RANK_SYNC);
    bool is_free = scope->taken < (uint32_t)scope->limit; /* so nobody is in the row: places are handed on to those */
    if (is_free)
        scope->taken++;
    else if (may_wait) {
        wait_for_place(scope); /* lets the lock go; whoever ends its wait has left it its place */
        return true;
    }
    weft__lock_leave(&scope->lock, WEFT__RANK_SYNC);
    return is_free;
}

static void leave_place(struct weft__scope *scope)
{
    weft__lock_take(&scope->lock, WEFT__RANK_SYNC);
    struct weft__row_waiter *next = weft__row_choose(&scope->row);
    if (next == NULL)
        scope->taken--;
    weft__lock_leave(&scope->lock, WEFT__RANK_SYNC);
    if (next != NULL)
        weft__ready(next->task);
}

/* ---- the end of a goroutine ---- */

static void leave(struct weft__scope *scope)
{
    if (scope->limit >= 0)
        leave_place(scope);
    count_down(scope);
}

static void failed(struct weft__scope *scope, int error)
{
    /* acquire: pairs with weft_scope_cancel. */
    if (error == -ECANCELED && weft__load_acquire(&scope->is_unneeded) != 0)
        return;
    int32_t none = 0;
    /* relaxed: the count orders it for the opener. */
    if (weft__cas_relaxed(&scope->error, &none, error))
        weft__cancel(scope->context->canceller, -ECANCELED, error);
}

static void ended_with_result(void *arg, int result)
{
    if (result != 0)
        failed(arg, result);
    leave(arg);
}

static void ended(void *arg, int result)
{
    (void)result;
    leave(arg);
}

/* ---- the start ---- */

/* 0: counted, with a place. */
static int enter(struct weft__scope *scope, bool may_wait)
{
    if (WEFT__UNLIKELY(scope->context == weft__context_without_memory()))
        return -ENOMEM;
    count_up(scope);
    if (scope->limit < 0 || take_place(scope, may_wait))
        return 0;
    count_down(scope);
    return -EBUSY;
}

static struct weft__pending_hook hook_of(struct weft__scope *scope, unsigned shape)
{
    return (struct weft__pending_hook){
        .on_exit = (shape & WEFT__SHAPE_INT) != 0 ? ended_with_result : ended,
        .arg = scope,
        .context = scope->context,
    };
}

/* The spawn has failed. */
static void withdraw(struct weft__scope *scope, int error, bool is_try)
{
    if (!is_try)
        failed(scope, error);
    leave(scope);
}

static inline weft__function begin(weft__function fn, const struct weft_site *site, weft_scope *public,
                                   const struct weft_go_options *options, unsigned shape, bool is_try)
{
    struct weft__scope *scope = weft__scope_of(public);
    int error = enter(scope, !is_try);
    if (error != 0)
        return weft__spawn_refuse(error);
    const struct weft__pending_hook hook = hook_of(scope, shape);
    weft__function capture = weft__spawn_begin(fn, site, options, &hook, shape);
    if (WEFT__LIKELY(capture != NULL))
        return capture;
    error = weft_go_error();
    withdraw(scope, error, is_try);
    return weft__spawn_refuse(error);
}

weft__function weft_scope_go_begin(weft__function fn, const struct weft_site *site, weft_scope *public,
                                   const struct weft_go_options *options, unsigned shape)
{
    return begin(fn, site, public, options, shape, false);
}

weft__function weft_scope_try_go_begin(weft__function fn, const struct weft_site *site, weft_scope *public,
                                       const struct weft_go_options *options, unsigned shape)
{
    return begin(fn, site, public, options, shape, true);
}

static inline int go_copy(const struct weft_site *site, weft_scope *public, const struct weft_go_options *options,
                          void (*fn)(void *copy), const void *value, size_t size, unsigned shape, bool is_try)
{
    struct weft__scope *scope = weft__scope_of(public);
    int error = enter(scope, !is_try);
    if (error != 0)
        return error;
    const struct weft__pending_hook hook = hook_of(scope, shape);
    weft__race_enter(WEFT__RACE_CALLER);
    error = weft__spawn_copy(site, options, &hook, fn, value, size);
    weft__race_leave();
    if (WEFT__UNLIKELY(error != 0))
        withdraw(scope, error, is_try);
    return error;
}

int weft_scope_go_copy_at(const struct weft_site *site, weft_scope *public, const struct weft_go_options *options,
                          void (*fn)(void *copy), const void *value, size_t size, unsigned shape)
{
    return go_copy(site, public, options, fn, value, size, shape, false);
}

int weft_scope_try_go_copy_at(const struct weft_site *site, weft_scope *public, const struct weft_go_options *options,
                              void (*fn)(void *copy), const void *value, size_t size, unsigned shape)
{
    return go_copy(site, public, options, fn, value, size, shape, true);
}
