/* SPDX-License-Identifier: Apache-2.0
 *
 * rwmutex.c - many readers or one writer.
 *
 * Data:       state, one word; two rows of those who wait (row.h); pending, the writer whom the last reader is to hand over to;
 *             granted, how many readers have been let in that have not looked yet.
 *
 *                  63         36 35          8 7                                                       0
 *                 +-------------+-------------+---------------------------------------------------------+
 *                 | leaving     | readers     | STARVING WOKEN QUEUED PARKED PENDING WRITER LISTED      |
 *                 +-------------+-------------+---------------------------------------------------------+
 *
 *               LISTED    spin bit that protects the rows, pending and granted
 *               WRITER    a writer owns the lock
 *               PENDING   a writer waits for the readers inside to leave; PARKED: it has parked, and stands in pending
 *               QUEUED    the row of writers is not empty, or LISTED is held by the one who is about to be in it
 *               WOKEN, STARVING   among writers, as in mutex.c
 *             Every rlock adds one to readers, every runlock takes one from readers and from leaving. While the lock is closed
 *             to readers (WRITER or PENDING) leaving counts those who are inside, so readers - leaving wait or are about
 *             to; while it is open all readers are inside, and leaving means nothing: it wraps, and who closes sets it.
 *             So each rlock and runlock is one addition, whoever else is at it, and tells by the value before what it was.
 * Turns:      readers who come while it is closed wait until the one who closed it is through, and then enter all together
 *             (M-05): let_go opens it for them, or gives the oldest writer that waits the next turn (closing it again for
 *             newcomers) with all of them as those to leave. If no reader waits, writers compete as in mutex.c.
 *             So it is settled how many enter. Those in the row do; of those who are still on their way there one may lose its
 *             place to a newcomer, in whose stead it then waits (as in Go).
 * Invariants: WRITER => leaving is 0, PENDING is clear. PARKED => PENDING. STARVING => closed. QUEUED => closed, or WOKEN.
 *             The runlock that brings leaving to 0 with PARKED set, and nobody else, hands over to pending.
 * Cancelled:  a reader in the row takes itself off, and out of the count; one that let_go has taken off was let in, and leaves by
 *             runlock. A writer in the row takes itself off. One in pending closes the lock for nobody any more: it does what an
 *             owner does who is through. If the last reader has left before, that one hands over, finds the claim taken, and
 *             does it. So nobody waits for one that has given up.
 * Life:       whoever has the lock (or was the last reader) may free it (W-04). The last touch is the addition, in runlock; the
 *             exchange that drops WRITER, or hands it over, or drops LISTED; those it lets go are readied after that.
 * Callers:    goroutines and threads, the owner or not; not signal handlers.
 * Source:     the rules are those of Go's sync.RWMutex; the counters in one word, and competing writers, are this file's. */
#include <stdio.h>

#include <weft/rwmutex.h>

#include "port/port.h"
#include "sync/cancel.h"
#include "sync/row.h"
#include "sync/spin.h"

#define LISTED UINT64_C(1)
#define WRITER UINT64_C(2)
#define PENDING UINT64_C(4)
#define PARKED UINT64_C(8)
#define QUEUED UINT64_C(16)
#define WOKEN UINT64_C(32)
#define STARVING UINT64_C(64)
#define CLOSED (WRITER | PENDING)

#define READER (UINT64_C(1) << 8)
#define TOO_MANY (UINT64_C(1) << 35) /* the highest bit of readers */
#define LEAVING (UINT64_C(1) << 36)
#define FLAGS (READER - 1)
#define NOT_LEAVING (LEAVING - 1)

#define STARVE WEFT_MILLISECOND

struct writer {
    struct weft__row_waiter in_row; /* first, so that the one is the other */
    bool has_waited;                /* owner only: goes to the front */
    bool is_owner;                  /* written by the one who hands over, before ready */
    weft__claim claim;              /* used if it has a context */
};

/* may_alias: the public type is an array of words. */
struct __attribute__((may_alias)) rwmutex {
    WEFT__ATOMIC(uint64_t) state;
    struct weft__row readers, writers; /* protected by LISTED */
    struct weft__row_waiter *pending;  /* protected by LISTED */
    WEFT__ATOMIC(uint64_t) granted;    /* written under LISTED; read without it as a hint */
};
_Static_assert(sizeof(struct rwmutex) <= sizeof(weft_rwmutex), "the public words hold the rwmutex");
_Static_assert(_Alignof(struct rwmutex) <= _Alignof(weft_rwmutex), "the public words hold the rwmutex");

/* The object may be gone with the frame that it was in, so reports get its address alone; and nothing is unlinked at the end
 * of a run. */
static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on rwmutex %p", object);
}

/* What ThreadSanitizer is told: unlock releases the one for readers and writers to come, runlock the other for writers alone. */
#define WRITERS(rwmutex) ((char *)(rwmutex))
#define READERS(rwmutex) ((char *)(rwmutex) + 8)

static const struct weft__wait_reason reading = {.text = "rwmutex read lock", .describe = describe};
static const struct weft__wait_reason writing = {.text = "rwmutex lock", .describe = describe};

static inline uint64_t readers_of(uint64_t state)
{
    return (state & NOT_LEAVING) / READER;
}

static inline uint64_t leaving_of(uint64_t state)
{
    return state / LEAVING;
}

/* ---- LISTED ---- */

/* Set LISTED and other bits, if the state is still what the caller has seen; else see anew. */
static bool list(struct rwmutex *rwmutex, uint64_t *state, uint64_t wanted, unsigned *turns)
{
    if ((*state & LISTED) != 0) {
        weft__spin_turn(turns);
        *state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
        return false;
    }
    /* acquire: the rows as the last one left them. Its partners are the releases that drop LISTED, and runlock's. */
    return weft__cas_acquire(&rwmutex->state, state, wanted | LISTED);
}

/* The waiter's context is saved. */
static void leave_row(void *arg)
{
    struct rwmutex *rwmutex = arg;
    weft__and_release(&rwmutex->state, ~LISTED); /* pairs with the exchange in list */
}

/* ---- whose turn is next ---- */

/* The state that follows when the one who has closed the lock is through with it; the writer who closes it next is put into
 * pending. */
static uint64_t after(struct rwmutex *rwmutex, uint64_t state, struct writer *chosen, uint64_t granted, uint64_t listed)
{
    uint64_t readers = readers_of(state), keep = state & (WOKEN | STARVING);
    struct weft__row *writers = &rwmutex->writers;
    if (chosen != NULL && (chosen->is_owner = (state & STARVING) != 0)) {
        /* readers who come now wait for the one after it */
        keep |= WRITER | (readers * READER);
    } else if (readers > 0) {
        /* Those inside were not listed; those who are neither inside nor listed are still to look. */
        granted += readers - leaving_of(state) - listed;
        keep |= readers * READER;
        if (chosen != NULL) {
            keep |= WOKEN;
        } else if (writers->oldest != NULL && rwmutex->pending == NULL) {
            rwmutex->pending = writers->oldest;
            weft__row_remove(writers, rwmutex->pending);
            rwmutex->pending->is_listed = true; /* there */
        }
        if (rwmutex->pending != NULL)
            keep |= PENDING | PARKED | (readers * LEAVING);
    } else if (chosen != NULL) {
        keep |= WOKEN;
    }
    weft__store_relaxed(&rwmutex->granted, granted); /* ordered by LISTED */
    if (writers->oldest != NULL)
        return keep | QUEUED;
    return (keep & CLOSED) != 0 ? keep : keep & ~STARVING;
}

/* With LISTED, and pending empty: the writer who owns the lock is through with it, or the one for whom it was closed has given
 * up. Nobody else opens or closes it now, or sets STARVING; but readers come, and (in the second case) go. */
static void let_go(struct rwmutex *rwmutex)
{
    uint64_t listed, granted = weft__load_relaxed(&rwmutex->granted); /* under LISTED */
    struct weft__row_waiter *readers = weft__row_choose_all(&rwmutex->readers, &listed);
    struct writer *chosen = NULL;
    uint64_t state = weft__load_relaxed(&rwmutex->state), wanted; /* the exchange checks it */
    do {
        if (readers_of(state) == 0) {
            if (rwmutex->pending != NULL) /* the last reader has left since the last turn of this loop */
                weft__row_put_front(&rwmutex->writers, rwmutex->pending);
            rwmutex->pending = NULL;
            if (chosen == NULL && (state & (WOKEN | STARVING)) != WOKEN)
                chosen = (struct writer *)weft__row_choose(&rwmutex->writers);
        }
        wanted = after(rwmutex, state, chosen, granted, listed);
        /* The last touch. release: pairs with rlock's addition, with the exchange by which a writer takes the lock, and with
         * list. */
    } while (!weft__cas_release(&rwmutex->state, &state, wanted));
    weft__row_ready_all(readers);
    if (chosen == NULL)
        return;
    /* A newcomer can do nothing before the new owner has run: the sooner the better. */
    bool let_it_run = (wanted & WRITER) != 0 && !chosen->in_row.task->is_thread;
    weft__ready(chosen->in_row.task);
    if (let_it_run)
        weft__yield_to_ready();
}

/* ---- reading ---- */

static __attribute__((cold, noinline)) void too_many(void)
{
    weft__fatal("sync: too many readers of rwmutex");
}

static inline void runlock(struct rwmutex *rwmutex);

/* The reader has been cancelled. It may still be in the row; if not, it was let in with the others, and leaves as they do. */
static void stop_reading(struct rwmutex *rwmutex, struct weft__row_waiter *waiter)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    unsigned turns = 0;
    while (!list(rwmutex, &state, state, &turns))
        ;
    if (waiter->is_listed) {
        weft__row_remove(&rwmutex->readers, waiter);
        /* It is closed, so this one was not inside. release: as in leave_row. */
        weft__add_release(&rwmutex->state, -(READER + LISTED));
    } else {
        leave_row(rwmutex);
        runlock(rwmutex);
    }
}

/* 0, or the context's error; without a context always 0. */
static __attribute__((noinline)) int rlock_slow(struct rwmutex *rwmutex, uint64_t before, struct weft_context *context)
{
    if ((before & TOO_MANY) != 0)
        too_many();
    weft__claim claim = WEFT__UNCLAIMED;
    struct weft__row_waiter waiter = {.task = weft__self(), .claim = context != NULL ? &claim : NULL};
    uint64_t state = before + READER;
    unsigned turns = 0;
    /* relaxed: a hint; it is taken under LISTED. */
    for (int spins = 0; spins < WEFT__SPINS && weft__load_relaxed(&rwmutex->granted) == 0 && weft__may_spin(); spins++)
        weft__spin_moment();
    while (!list(rwmutex, &state, state, &turns))
        ;
    uint64_t granted = weft__load_relaxed(&rwmutex->granted); /* under LISTED */
    if (granted > 0) {
        weft__store_relaxed(&rwmutex->granted, granted - 1);
        leave_row(rwmutex);
        return 0;
    }
    weft__row_put(&rwmutex->readers, &waiter);
    weft__park_cancellable(waiter.task, &reading, rwmutex, leave_row, rwmutex, context, &claim);
    if (WEFT__LIKELY(!weft__row_cancelled(&claim)))
        return 0;
    stop_reading(rwmutex, &waiter);
    return weft__context_error(context);
}

void weft_rwmutex_rlock(weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    uint64_t before = weft__add_acquire(&rwmutex->state, READER); /* pairs with the exchange in unlock and let_go */
    if (WEFT__UNLIKELY((before & (CLOSED | TOO_MANY)) != 0))
        (void)rlock_slow(rwmutex, before, NULL);
    weft__race_acquire(WRITERS(rwmutex));
}

int weft_rwmutex_rlock_ctx(weft_context *context, weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    int error = weft__context_error(context);
    if (error != 0)
        return error;
    uint64_t before = weft__add_acquire(&rwmutex->state, READER); /* as above */
    if (WEFT__UNLIKELY((before & (CLOSED | TOO_MANY)) != 0))
        error = rlock_slow(rwmutex, before, weft__context_is_cancellable(context) ? context : NULL);
    if (error == 0)
        weft__race_acquire(WRITERS(rwmutex));
    return error;
}

bool weft_rwmutex_try_rlock(weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* a try that fails synchronises nothing (M-04) */
    while ((state & CLOSED) == 0) {
        if ((state & TOO_MANY) != 0)
            too_many();
        if (weft__cas_acquire(&rwmutex->state, &state, state + READER)) { /* as in rlock */
            weft__race_acquire(WRITERS(rwmutex));
            return true;
        }
    }
    return false;
}

/* The last reader has left, and pending has parked. It cannot go on, or anybody else free the lock, before it is handed it. */
static void hand_over(struct rwmutex *rwmutex)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    unsigned turns = 0;
    while (!list(rwmutex, &state, state, &turns))
        ;
    struct writer *writer = (struct writer *)rwmutex->pending;
    CHECK(writer != NULL);
    rwmutex->pending = NULL;
    writer->in_row.is_listed = false;
    if (!weft__row_win(&writer->in_row)) {
        let_go(rwmutex);
        return;
    }
    writer->is_owner = true;
    /* The last touch: PENDING becomes WRITER, PARKED and LISTED go, and readers come meanwhile. release: pairs with list. */
    weft__add_release(&rwmutex->state, WRITER - PENDING - PARKED - LISTED);
    weft__ready(writer->in_row.task);
}

static __attribute__((noinline)) void runlock_slow(struct rwmutex *rwmutex, uint64_t before)
{
    if (readers_of(before) == 0 || ((before & CLOSED) != 0 && leaving_of(before) == 0))
        weft__fatal("sync: runlock of unlocked rwmutex");
    if (leaving_of(before) == 1 && (before & PARKED) != 0)
        hand_over(rwmutex);
}

static inline void runlock(struct rwmutex *rwmutex)
{
    /* The last touch, or else hand_over's. release: pairs with the exchange by which a writer takes the lock. */
    uint64_t before = weft__add_release(&rwmutex->state, -(READER + LEAVING));
    if (WEFT__UNLIKELY((before & CLOSED) != 0 || readers_of(before) == 0))
        runlock_slow(rwmutex, before);
}

void weft_rwmutex_runlock(weft_rwmutex *public)
{
    weft__race_release(READERS(public));
    runlock((struct rwmutex *)public);
}

/* ---- writing ---- */

/* Take the lock if it is free, whoever waits. The state without bits is dropped by the way. */
static inline bool take(struct rwmutex *rwmutex, uint64_t *state, uint64_t bits)
{
    /* acquire: pairs with runlock's addition and with the exchange in unlock and let_go. */
    while ((*state & (CLOSED | (NOT_LEAVING & ~FLAGS))) == 0)
        if (weft__cas_acquire(&rwmutex->state, state, ((*state & FLAGS) | WRITER) & ~bits))
            return true;
    return false;
}

static inline void race_locked(weft_rwmutex *rwmutex)
{
    (void)rwmutex;
    weft__race_acquire(WRITERS(rwmutex));
    weft__race_acquire(READERS(rwmutex));
}

bool weft_rwmutex_trylock(weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* a try that fails synchronises nothing (M-04) */
    bool taken = take(rwmutex, &state, 0);
    if (taken)
        race_locked(public);
    return taken;
}

/* With LISTED, and the writer in pending: it gives up the lock that is closed for it, and LISTED. False: the last reader has left
 * and is about to hand over, for which it has to find the writer. */
static bool give_up_pending(struct rwmutex *rwmutex, struct writer *writer)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    while (leaving_of(state) > 0) {
        /* Without PARKED the last reader hands over to nobody. relaxed: LISTED has ordered what is read here, and what the readers
         * did stays ordered for the next writer, since this continues the release sequence of their additions. */
        if (weft__cas_relaxed(&rwmutex->state, &state, state & ~PARKED)) {
            rwmutex->pending = NULL;
            writer->in_row.is_listed = false;
            let_go(rwmutex);
            return true;
        }
    }
    return false;
}

/* The writer has been cancelled. It may be in the row, or in pending, or have been taken from there by somebody who lost the
 * claim and has done what is to be done. */
static void stop_writing(struct rwmutex *rwmutex, struct writer *writer)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    for (unsigned turns = 0;;) {
        if (!list(rwmutex, &state, state, &turns))
            continue;
        bool is_pending = writer->in_row.is_listed && rwmutex->pending == &writer->in_row;
        if (!is_pending)
            break;
        if (give_up_pending(rwmutex, writer))
            return;
        leave_row(rwmutex);
        weft__spin_turn(&turns);
        state = weft__load_relaxed(&rwmutex->state); /* as above */
    }
    if (writer->in_row.is_listed)
        weft__row_remove(&rwmutex->writers, &writer->in_row);
    /* As in leave_row. The starving mode ends with the last waiter. */
    weft__and_release(&rwmutex->state, ~(LISTED | (rwmutex->writers.oldest == NULL ? QUEUED | STARVING : 0)));
}

/* The writer stands in the row or in pending, with LISTED. 0: it was chosen; or the context's error. */
static int park_writer(struct rwmutex *rwmutex, struct writer *writer, struct weft_context *context)
{
    weft__store_relaxed(&writer->claim, WEFT__UNCLAIMED); /* ordered by LISTED */
    weft__park_cancellable(writer->in_row.task, &writing, rwmutex, leave_row, rwmutex, context, &writer->claim);
    if (WEFT__LIKELY(!weft__row_cancelled(&writer->claim)))
        return 0;
    stop_writing(rwmutex, writer);
    return weft__context_error(context);
}

/* The lock is closed, for this writer; wait until the readers that were inside have left. 0: it is the owner; or the context's
 * error. */
static int wait_for_readers(struct rwmutex *rwmutex, struct writer *writer, struct weft_context *context)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchanges check it */
    unsigned turns = 0;
    int spins = 0;
    for (;;) {
        if (leaving_of(state) == 0) {
            /* acquire: pairs with runlock's additions. */
            if (weft__cas_acquire(&rwmutex->state, &state, state + WRITER - PENDING))
                return 0;
        } else if (spins < WEFT__SPINS && weft__may_spin()) {
            spins++;
            weft__spin_moment();
            state = weft__load_relaxed(&rwmutex->state); /* as above */
        } else if (list(rwmutex, &state, state | PARKED, &turns)) {
            writer->in_row.is_listed = true;
            rwmutex->pending = &writer->in_row;
            return park_writer(rwmutex, writer, context);
        }
    }
}

/* Wait a moment for an owner that is at work on another processor. On the way tell unlock that it need not wake a waiter:
 * *awake. Returns the state. */
static uint64_t spin(struct rwmutex *rwmutex, uint64_t state, bool *awake)
{
    if (!*awake && (state & (QUEUED | WOKEN)) == QUEUED && weft__cas_relaxed(&rwmutex->state, &state, state | WOKEN))
        *awake = true; /* relaxed: a hint to unlock, which orders nothing */
    weft__spin_moment();
    return weft__load_relaxed(&rwmutex->state); /* an exchange checks it */
}

/* 0, or the context's error; without a context always 0. */
static __attribute__((noinline)) int lock_slow(struct rwmutex *rwmutex, struct weft_context *context)
{
    struct writer writer = {.in_row.task = weft__self()};
    if (context != NULL)
        writer.in_row.claim = &writer.claim;
    int64_t since = 0;
    bool awake = false, starving = false;
    unsigned turns = 0;
    int spins = 0;
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchanges below check it */
    for (;;) {
        uint64_t mine = awake ? WOKEN : 0;
        if (take(rwmutex, &state, mine))
            return 0;
        if ((state & CLOSED) == 0) {
            uint64_t closed = (state & NOT_LEAVING & ~mine) | PENDING | (readers_of(state) * LEAVING);
            /* relaxed: nothing is read before the readers have left. */
            if (weft__cas_relaxed(&rwmutex->state, &state, closed))
                return wait_for_readers(rwmutex, &writer, context);
            continue;
        }
        if ((state & STARVING) == 0 && spins < WEFT__SPINS && weft__may_spin()) {
            spins++;
            state = spin(rwmutex, state, &awake);
            continue;
        }
        if (!list(rwmutex, &state, (state & ~mine) | QUEUED | (starving ? STARVING : 0), &turns))
            continue;
        if (writer.has_waited) {
            weft__row_put_front(&rwmutex->writers, &writer.in_row);
        } else {
            since = weft__now();
            weft__row_put(&rwmutex->writers, &writer.in_row);
        }
        int error = park_writer(rwmutex, &writer, context);
        if (WEFT__UNLIKELY(error != 0))
            return error;
        /* Awake: as the owner, or to compete. From here on the lock is alive because this goroutine is still to have it. */
        bool long_wait = weft__now() - since > STARVE;
        if (writer.is_owner) {
            if (!long_wait) /* the mode ends, as in mutex.c */
                weft__and_relaxed(&rwmutex->state, ~STARVING);
            return 0;
        }
        writer.has_waited = awake = true;
        starving = starving || long_wait;
        spins = 0;
        state = weft__load_relaxed(&rwmutex->state); /* as above */
    }
}

void weft_rwmutex_lock(weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    /* acquire: as in take. */
    if (WEFT__UNLIKELY((state & NOT_LEAVING) != 0 || !weft__cas_acquire(&rwmutex->state, &state, WRITER)))
        (void)lock_slow(rwmutex, NULL);
    race_locked(public);
}

int weft_rwmutex_lock_ctx(weft_context *context, weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    int error = weft__context_error(context);
    if (error != 0)
        return error;
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchange checks it */
    if (WEFT__UNLIKELY((state & NOT_LEAVING) != 0 ||
                       !weft__cas_acquire(&rwmutex->state, &state, WRITER))) /* as above */
        error = lock_slow(rwmutex, weft__context_is_cancellable(context) ? context : NULL);
    if (error == 0)
        race_locked(public);
    return error;
}

static __attribute__((noinline)) void unlock_slow(struct rwmutex *rwmutex)
{
    uint64_t state = weft__load_relaxed(&rwmutex->state); /* the exchanges below check it */
    for (unsigned turns = 0;;) {
        if (WEFT__UNLIKELY((state & WRITER) == 0))
            weft__fatal("sync: unlock of unlocked rwmutex");
        if (readers_of(state) == 0 && ((state & QUEUED) == 0 || (state & (WOKEN | STARVING)) == WOKEN)) {
            uint64_t wanted = state & ~(WRITER | ((state & QUEUED) == 0 ? STARVING : 0));
            if (weft__cas_release(&rwmutex->state, &state, wanted)) /* as in weft_rwmutex_unlock */
                return;
        } else if (list(rwmutex, &state, state, &turns)) {
            let_go(rwmutex);
            return;
        }
    }
}

void weft_rwmutex_unlock(weft_rwmutex *public)
{
    struct rwmutex *rwmutex = (struct rwmutex *)public;
    uint64_t expected = WRITER;
    weft__race_release(WRITERS(rwmutex));
    /* release: pairs with rlock's addition and take's exchange. */
    if (WEFT__UNLIKELY(!weft__cas_release(&rwmutex->state, &expected, 0)))
        unlock_slow(rwmutex);
}
