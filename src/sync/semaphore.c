/* SPDX-License-Identifier: Apache-2.0
 *
 * semaphore.c - tokens, first come first served.
 *
 * Data:       tokens, how many there are in all (immutable); state; row, those who wait (row.h), each with the number it wants.
 *
 *                  63                                        2        1        0
 *                 +-------------------------------------------+--------+--------+
 *                 | taken                                     | QUEUED | LISTED |
 *                 +-------------------------------------------+--------+--------+
 *
 *               QUEUED    the row is not empty, or LISTED is held by the one who is about to be in it
 *               LISTED    spin bit that protects the row; only its holder changes a state that has it
 * Turns:      with QUEUED nobody takes tokens but who is given them: whoever gives some back, or leaves the front of the row,
 *             grants the oldest waiters theirs, up to the first whose number is not there (W-07). So a large one at the
 *             front holds up small ones, and cannot be starved.
 * Doomed:     one that wants more than there are waits outside the row, where it holds up nobody.
 * Invariants: taken <= tokens. LISTED => QUEUED. When LISTED is dropped the row is empty, or its oldest waiter has to wait, or
 *             has given up and will leave (and grant then).
 * Cancelled:  who has got tokens and finds its context cancelled meanwhile gives them back: a semaphore bounds work, and
 *             none is to begin after the end.
 * Life:       whoever has got tokens may free it, if nobody else uses it (W-04): the last touch of release is the exchange
 *             that gives back, or the store that drops LISTED; those who are granted theirs are readied after that.
 * Cost:       one exchange for acquire, try and release when nobody waits. A wait allocates nothing.
 * Callers:    goroutines and threads, those who acquired or not; not signal handlers.
 * Source:     the rules of Go's golang.org/x/sync/semaphore. */
#include <stdio.h>

#include <weft/semaphore.h>

#include "sched/race.h"
#include "sync/cancel.h"
#include "sync/row.h"
#include "sync/spin.h"

#define LISTED UINT64_C(1)
#define QUEUED UINT64_C(2)
#define BITS (LISTED | QUEUED)
#define ONE UINT64_C(4)

#define MOST (INT64_C(1) << 60)

struct waiter {
    struct weft__row_waiter in_row; /* first, so that the one is the other */
    int64_t n;                      /* immutable */
};

/* may_alias: the public type is an array of words. */
struct __attribute__((may_alias)) semaphore {
    int64_t tokens; /* immutable */
    WEFT__ATOMIC(uint64_t) state;
    struct weft__row row; /* protected by LISTED */
};
_Static_assert(sizeof(struct semaphore) <= sizeof(weft_semaphore), "the public words hold the semaphore");
_Static_assert(_Alignof(struct semaphore) <= _Alignof(weft_semaphore), "the public words hold the semaphore");
_Static_assert(offsetof(struct semaphore, tokens) == 0, "the initialiser puts tokens into the first word");

static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on semaphore %p", object);
}

static const struct weft__wait_reason acquiring = {.text = "semaphore acquire", .describe = describe};
static const struct weft__wait_reason doomed = {.text = "semaphore acquire of more than there are",
                                                .describe = describe};

static inline int64_t tokens_of(const struct semaphore *semaphore)
{
    return semaphore->tokens < MOST ? semaphore->tokens : MOST;
}

/* Whether n are left. */
static inline bool fits(const struct semaphore *semaphore, uint64_t state, int64_t n)
{
    return n <= tokens_of(semaphore) - (int64_t)(state / ONE);
}

static inline void must_be_a_number(int64_t n)
{
    if (WEFT__UNLIKELY(n < 0))
        weft__panic("sync: negative number of semaphore tokens");
}

/* ---- with LISTED ---- */

/* LISTED and QUEUED, if the state is still what the caller has seen; else see anew. */
static bool list(struct semaphore *semaphore, uint64_t *state, uint64_t wanted, unsigned *turns)
{
    if ((*state & LISTED) != 0) {
        weft__spin_turn(turns);
        *state = weft__load_relaxed(&semaphore->state); /* the exchange checks it */
        return false;
    }
    /* acquire: the row as the last one left it, and what came before the releases so far, for those who are granted tokens
     * now. Pairs with leave_row, with grant, and with the exchange in release. */
    return weft__cas_acquire(&semaphore->state, state, wanted | BITS);
}

/* The waiter's context is saved. */
static void leave_row(void *arg)
{
    struct semaphore *semaphore = arg;
    weft__and_release(&semaphore->state, ~LISTED); /* pairs with list */
}

/* Give the oldest waiters what they want, as long as it is there, and drop LISTED. */
static void grant(struct semaphore *semaphore, uint64_t state)
{
    struct weft__row *row = &semaphore->row;
    struct weft__row_waiter *granted = NULL, **end = &granted;
    while (row->oldest != NULL && fits(semaphore, state, ((struct waiter *)row->oldest)->n)) {
        struct weft__row_waiter *waiter = row->oldest;
        weft__row_remove(row, waiter);
        if (!weft__row_win(waiter))
            continue;
        state += (uint64_t)((struct waiter *)waiter)->n * ONE;
        weft__race_wake(waiter->task, semaphore);
        *end = waiter;
        end = &waiter->next;
    }
    *end = NULL;
    /* The last touch. A store, because nobody else writes to a state with LISTED. release: pairs with list, and with the
     * exchange in take. */
    weft__store_release(&semaphore->state, (state & ~BITS) | (row->oldest != NULL ? QUEUED : 0));
    weft__row_ready_all(granted);
}

static void release(struct semaphore *semaphore, int64_t n);

/* ---- acquire ---- */

/* Take n if they are there and nobody waits. */
static inline bool take(struct semaphore *semaphore, uint64_t *state, int64_t n)
{
    while ((*state & QUEUED) == 0 && fits(semaphore, *state, n))
        if (weft__cas_acquire(&semaphore->state, state,
                              *state + (uint64_t)n * ONE)) { /* pairs with release, and grant */
            weft__race_acquire(semaphore);
            return true;
        }
    return false;
}

static void lets_nobody_in(void *arg)
{
    (void)arg; /* a commit step: nothing to let go */
}

static int wait_for_the_context(struct semaphore *semaphore, struct weft_context *context)
{
    weft__claim claim = WEFT__UNCLAIMED;
    weft__park_cancellable(weft__self(), &doomed, semaphore, lets_nobody_in, NULL, context, &claim);
    return weft__context_error(context);
}

/* The waiter has been cancelled; it may still be in the row. */
static void give_up(struct semaphore *semaphore, struct waiter *waiter)
{
    uint64_t state = weft__load_relaxed(&semaphore->state); /* the exchange checks it */
    unsigned turns = 0;
    while (!list(semaphore, &state, state, &turns))
        ;
    if (waiter->in_row.is_listed)
        weft__row_remove(&semaphore->row, &waiter->in_row);
    grant(semaphore, state); /* if it was the front, what is there may do for the next */
}

static __attribute__((noinline)) int acquire_slow(struct semaphore *semaphore, int64_t n, struct weft_context *context)
{
    must_be_a_number(n);
    weft__claim claim = WEFT__UNCLAIMED;
    struct waiter waiter = {.in_row.task = weft__self(), .in_row.claim = context != NULL ? &claim : NULL, .n = n};
    uint64_t state = weft__load_relaxed(&semaphore->state); /* the exchanges check it */
    unsigned turns = 0;
    do {
        if (take(semaphore, &state, n))
            return 0;
        if (n > tokens_of(semaphore))
            return wait_for_the_context(semaphore, context);
    } while (!list(semaphore, &state, state, &turns));
    weft__row_put(&semaphore->row, &waiter.in_row);
    weft__park_cancellable(waiter.in_row.task, &acquiring, semaphore, leave_row, semaphore, context, &claim);
    if (context == NULL) {
        weft__race_acquire(&waiter.in_row.task->race.in);
        return 0;
    }
    int error = weft__context_error(context);
    if (weft__row_cancelled(&claim))
        give_up(semaphore, &waiter);
    else if (error != 0)
        release(semaphore, n);
    else
        weft__race_acquire(&waiter.in_row.task->race.in);
    return error;
}

static inline int acquire(weft_semaphore *public, int64_t n, struct weft_context *context)
{
    struct semaphore *semaphore = (struct semaphore *)public;
    uint64_t state = weft__load_relaxed(&semaphore->state); /* the exchange checks it */
    if (WEFT__LIKELY(n >= 0 && take(semaphore, &state, n)))
        return 0;
    return acquire_slow(semaphore, n, context);
}

void weft_semaphore_acquire(weft_semaphore *public, int64_t n)
{
    (void)acquire(public, n, NULL);
}

int weft_semaphore_acquire_ctx(weft_context *context, weft_semaphore *public, int64_t n)
{
    int error = weft__context_error(context);
    return error != 0 ? error : acquire(public, n, weft__context_is_cancellable(context) ? context : NULL);
}

bool weft_semaphore_try_acquire(weft_semaphore *public, int64_t n)
{
    struct semaphore *semaphore = (struct semaphore *)public;
    must_be_a_number(n);
    uint64_t state = weft__load_relaxed(&semaphore->state); /* a try that fails synchronises nothing */
    return take(semaphore, &state, n);
}

/* ---- release ---- */

static void release(struct semaphore *semaphore, int64_t n)
{
    must_be_a_number(n);
    uint64_t state = weft__load_relaxed(&semaphore->state); /* the exchanges below check it */
    for (unsigned turns = 0;;) {
        if (WEFT__UNLIKELY((int64_t)(state / ONE) < n))
            weft__panic("sync: semaphore released more than is taken");
        uint64_t wanted = state - (uint64_t)n * ONE;
        if (WEFT__LIKELY((state & QUEUED) == 0)) {
            /* The last touch. release: pairs with take, and with list. */
            if (weft__cas_release(&semaphore->state, &state, wanted))
                return;
        } else if (list(semaphore, &state, wanted, &turns)) {
            grant(semaphore, wanted);
            return;
        }
    }
}

void weft_semaphore_release(weft_semaphore *public, int64_t n)
{
    weft__race_release(public);
    release((struct semaphore *)public, n);
}
