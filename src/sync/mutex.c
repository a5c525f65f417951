/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex.c - mutual exclusion: newcomers may barge in, until somebody has waited too long.
 *
 * Data:       state, the bits below; row, those who wait (row.h).
 *               HELD      somebody owns the mutex
 *               WOKEN     a former waiter (or one that spins) is awake and will compete: unlock need not wake another. Not set
 *                         when nobody else waits
 *               STARVING  unlock hands over to the oldest waiter; everybody else queues, trylock fails
 *               QUEUED    the row is not empty, or LISTED is held by the one who is about to be in it
 *               LISTED    spin bit that protects the row
 *               KEPT      HELD is gone or soon will be, but nobody may take the mutex yet: unlock is still to look who waits
 * Unlock:     takes HELD off by a subtraction, which needs not know the other bits. When nothing is left, that was all; else
 *             KEPT is among the rest, so the mutex is still the unlocker's until it takes that off, too.
 * Normal:     unlock drops KEPT and wakes the oldest waiter, who competes with whoever comes along; losing, it goes back to
 *             the front. Throughput is best so: the one who runs takes the mutex many times in a row.
 * Starving:   a waiter that loses and has waited for more than STARVE sets STARVING. From then on unlock makes the oldest
 *             waiter the owner without letting go between, and lets it run at once. The mode ends with the last waiter, or
 *             with one that has waited for less (M-03).
 * Invariants: HELD is alone, or KEPT is set, too: by who takes the mutex and leaves other bits set, and by who sets the first
 *             of them. STARVING => the mutex is taken (HELD or KEPT): it is set by an exchange that finds it so, and goes
 *             before they do.
 *             A waiter gets into the row only by an exchange that finds the mutex taken; so an exchange of unlock comes
 *             after it, which sees QUEUED, and wakes a waiter unless WOKEN says that somebody is awake who will lock and
 *             unlock (or queue anew, for which the mutex must be taken again). WOKEN is cleared by the one it stands for, when
 *             it gets the mutex or queues. (If a second one is awake beside it, one of them may clear it early: that costs a
 *             wake, no waiter.)
 * Cancelled:  a waiter whose context is cancelled takes itself off the row. While it is in the row it has no wake-up to pass on:
 *             unlock goes on to the next one when it loses the claim. One that was woken and comes too late queues like any
 *             other, and leaves from there.
 * Life:       the next owner may free the mutex as soon as it has it (W-04). So unlock takes the waiter off the row
 *             while KEPT is still set, and its last touch is the exchange that drops KEPT - or, handing over, the one that
 *             drops LISTED: the new owner is readied after that. (Between looking and dropping, nobody else can get the
 *             mutex, so nobody can free it.) When nothing is left, the subtraction is the last touch. A
 *             waiter's last touch before it has the mutex is the exchange that drops LISTED, without which it cannot be taken
 *             off the row.
 * Cost:       lock is an exchange and unlock a subtraction when nobody waits, which <weft/sync.h> makes in the caller. A wait
 *             allocates nothing.
 * Callers:    goroutines and threads, the owner or not; not signal handlers.
 * Source:     the modes and the 1 ms are those of Go's sync.Mutex; the row in the object is this file's. */
#define WEFT_OUT_OF_LINE /* the functions themselves are defined here */
#include "sync/mutex.h"

#include <stdio.h>

#include <weft/context.h>

#include "port/port.h"
#include "sync/cancel.h"
#include "sync/row.h"
#include "sync/spin.h"

#define HELD UINT64_C(1)
#define WOKEN UINT64_C(2)
#define STARVING UINT64_C(4)
#define QUEUED UINT64_C(8)
#define LISTED UINT64_C(16)
#define KEPT UINT64_C(32)

#define TAKEN (HELD | KEPT)

#define STARVE WEFT_MILLISECOND

struct waiter {
    struct weft__row_waiter in_row; /* first, so that the one is the other */
    bool has_waited;                /* owner only: goes to the front */
    bool is_owner;                  /* written by the one who hands over, before ready */
};

/* may_alias: the public type is an array of words. */
struct __attribute__((may_alias)) mutex {
    WEFT__ATOMIC(uint64_t) state;
    struct weft__row row; /* protected by LISTED */
};
_Static_assert(sizeof(struct mutex) <= sizeof(weft_mutex), "the public words hold the mutex");
_Static_assert(_Alignof(struct mutex) <= _Alignof(weft_mutex), "the public words hold the mutex");
_Static_assert(offsetof(struct mutex, state) == 0 && HELD == WEFT__MUTEX_HELD, "callers lock a free mutex themselves");

/* The object may be gone with the frame that it was in, so reports get its address alone; and nothing is unlinked at the end
 * of a run. */
static void describe(const void *object, char *buffer, size_t size)
{
    snprintf(buffer, size, "on mutex %p", object);
}

static const struct weft__wait_reason locking = {.text = "mutex lock", .describe = describe};

/* ---- lock ---- */

static inline bool lock_fast(struct mutex *mutex)
{
    uint64_t expected = 0;
    /* acquire: pairs with unlock's release (M-01). */
    return weft__cas_acquire(&mutex->state, &expected, HELD);
}

/* The state once somebody holds the mutex, beside the bits of others. */
static inline uint64_t held(uint64_t others)
{
    return others == 0 ? HELD : others | HELD | KEPT;
}

/* Take it if it is free, though others wait: in one exchange. */
static inline bool barge(struct mutex *mutex)
{
    uint64_t state = weft__load_relaxed(&mutex->state); /* a try that fails synchronises nothing (M-04) */
    while ((state & TAKEN) == 0)
        if (weft__cas_acquire(&mutex->state, &state, held(state))) /* as in lock_fast */
            return true;
    return false;
}

bool weft_mutex_trylock(weft_mutex *mutex)
{
    bool taken = barge((struct mutex *)mutex);
    if (taken)
        weft__race_acquire(mutex);
    return taken;
}

/* Wait a moment for an owner that is at work on another processor. On the way tell unlock that it need not wake a waiter:
 * *awake. Returns the state. */
static uint64_t spin(struct mutex *mutex, uint64_t state, bool *awake)
{
    if (!*awake && (state & (QUEUED | WOKEN)) == QUEUED && weft__cas_relaxed(&mutex->state, &state, state | WOKEN))
        *awake = true; /* relaxed: a hint to unlock, which orders nothing */
    weft__spin_moment();
    return weft__load_relaxed(&mutex->state); /* an exchange checks it */
}

/* Set LISTED and other bits, if the state is still what the caller has seen; else see anew. */
static bool list(struct mutex *mutex, uint64_t *state, uint64_t wanted, unsigned *turns)
{
    if ((*state & LISTED) != 0) {
        weft__spin_turn(turns);
        *state = weft__load_relaxed(&mutex->state); /* the exchange checks it */
        return false;
    }
    return weft__cas_acquire(&mutex->state, state, wanted | LISTED); /* acquire: the row as the last one left it */
}

/* The waiter's context is saved. */
static void leave_row(void *arg)
{
    struct mutex *mutex = arg;
    weft__and_release(&mutex->state, ~LISTED); /* pairs with the exchange in list */
}

/* The waiter has been cancelled; it may still be in the row. */
static void give_up(struct mutex *mutex, struct waiter *waiter)
{
    uint64_t state = weft__load_relaxed(&mutex->state); /* the exchange checks it */
    unsigned turns = 0;
    while (!list(mutex, &state, state | ((state & HELD) != 0 ? KEPT : 0), &turns))
        ;
    if (waiter->in_row.is_listed)
        weft__row_remove(&mutex->row, &waiter->in_row);
    /* As in leave_row. The starving mode ends with the last waiter. */
    weft__and_release(&mutex->state, ~(LISTED | (mutex->row.oldest == NULL ? QUEUED | STARVING : 0)));
}

/* 0, or the context's error; without a context always 0. */
static __attribute__((noinline)) int lock_slow(struct mutex *mutex, const struct weft__wait_reason *reason,
                                               void *object, struct weft_context *context)
{
    weft__claim claim;
    struct waiter waiter = {.in_row.task = weft__self(), .in_row.claim = context != NULL ? &claim : NULL};
    int64_t since = 0;
    bool awake = false, starving = false;
    unsigned turns = 0;
    int spins = 0;
    uint64_t state = weft__load_relaxed(&mutex->state); /* the exchanges below check it */
    for (;;) {
        uint64_t mine = awake ? WOKEN : 0;
        if ((state & TAKEN) == 0) {
            if (weft__cas_acquire(&mutex->state, &state, held(state & ~mine))) /* as in lock_fast */
                return 0;
            continue;
        }
        if ((state & STARVING) == 0 && spins < WEFT__SPINS && weft__may_spin()) {
            spins++;
            state = spin(mutex, state, &awake);
            continue;
        }
        if (!list(mutex, &state, (state & ~mine) | KEPT | QUEUED | (starving ? STARVING : 0), &turns))
            continue;
        if (waiter.has_waited) {
            weft__row_put_front(&mutex->row, &waiter.in_row);
        } else {
            since = weft__now();
            weft__row_put(&mutex->row, &waiter.in_row);
        }
        weft__store_relaxed(&claim, WEFT__UNCLAIMED); /* ordered by LISTED */
        weft__park_cancellable(waiter.in_row.task, reason, object, leave_row, mutex, context, &claim);
        if (WEFT__UNLIKELY(weft__row_cancelled(&claim))) {
            give_up(mutex, &waiter);
            return weft__context_error(context);
        }
        /* Awake: as the owner, or to compete. From here on the mutex is alive because this goroutine is still to have it. */
        bool long_wait = weft__now() - since > STARVE;
        if (waiter.is_owner) {
            /* The mode ends; in vain if the last waiter ended it, or another one sets it anew, which does so again. relaxed: what
             * this owner does is for unlock to release, and what others have released stays so, as this is an exchange. */
            if (!long_wait)
                weft__and_relaxed(&mutex->state, ~STARVING);
            return 0;
        }
        waiter.has_waited = awake = true;
        starving = starving || long_wait;
        spins = 0;
        state = weft__load_relaxed(&mutex->state); /* as above */
    }
}

void weft_mutex_lock(weft_mutex *mutex)
{
    if (!barge((struct mutex *)mutex)) /* most callers have made the attempt of lock_fast themselves */
        (void)lock_slow((struct mutex *)mutex, &locking, mutex, NULL);
    weft__race_acquire(mutex);
}

int weft_mutex_lock_ctx(weft_context *context, weft_mutex *mutex)
{
    int error = weft__context_error(context);
    if (error == 0 && !lock_fast((struct mutex *)mutex))
        error =
            lock_slow((struct mutex *)mutex, &locking, mutex, weft__context_is_cancellable(context) ? context : NULL);
    if (error == 0)
        weft__race_acquire(mutex);
    return error;
}

void weft__mutex_lock_for(weft_mutex *mutex, const struct weft__wait_reason *reason, void *object)
{
    if (WEFT__UNLIKELY(!lock_fast((struct mutex *)mutex)))
        (void)lock_slow((struct mutex *)mutex, reason, object, NULL);
}

/* ---- unlock ---- */

/* With KEPT and LISTED: take the oldest waiter, let the mutex go, or hand it over. WOKEN is for the others in the row; without
 * any, the mutex is left as if nobody had waited: the one that is awake may be long in coming, and each lock and unlock until
 * then should cost no more than usual. */
static __attribute__((noinline)) void pass_on(struct mutex *mutex, uint64_t state)
{
    struct waiter *waiter = (struct waiter *)weft__row_choose(&mutex->row); /* NULL: all have been cancelled */
    bool is_last = mutex->row.oldest == NULL, hand_over;
    uint64_t wanted;
    do {
        hand_over = waiter != NULL && (state & STARVING) != 0;
        wanted = state & ~(KEPT | LISTED | (is_last ? QUEUED | STARVING : 0));
        if (hand_over)
            wanted = held(wanted);
        else if (waiter != NULL && !is_last)
            wanted |= WOKEN;
        if (waiter != NULL)
            waiter->is_owner = hand_over;
        /* The last touch. release: pairs with the lock that follows (M-01), and with who takes LISTED next. */
    } while (!weft__cas_release(&mutex->state, &state, wanted));
    if (waiter == NULL)
        return;
    struct weft__task *task = waiter->in_row.task;
    bool let_it_run = hand_over && !task->is_thread;
    weft__ready(task);
    /* A newcomer can do nothing before the new owner has run: the sooner the better. */
    if (let_it_run)
        weft__yield_to_ready();
}

/* After the subtraction, which has left something: KEPT, so that the mutex is this caller's until it says otherwise. */
static void let_go(struct mutex *mutex)
{
    uint64_t state = weft__load_relaxed(&mutex->state); /* the exchanges below check it */
    for (unsigned turns = 0;;) {
        /* Nobody takes it while it is kept; so there was nothing to subtract, and a bit of others has gone for it. */
        if (WEFT__UNLIKELY((state & HELD) != 0))
            weft__fatal("sync: unlock of unlocked mutex");
        if ((state & QUEUED) == 0 || (state & (WOKEN | STARVING)) == WOKEN) {
            if (weft__cas_release(&mutex->state, &state, state & ~KEPT)) /* release: pairs with lock's acquire (M-01) */
                return;
        } else if (list(mutex, &state, state, &turns)) {
            pass_on(mutex, state | LISTED);
            return;
        }
    }
}

static inline void unlock(struct mutex *mutex)
{
    /* release: pairs with lock's acquire (M-01). */
    if (weft__add_release(&mutex->state, -HELD) != HELD)
        let_go(mutex);
}

void weft_mutex_unlock(weft_mutex *mutex)
{
    weft__race_release(mutex);
    unlock((struct mutex *)mutex);
}

void weft_mutex_let_go(weft_mutex *mutex)
{
    let_go((struct mutex *)mutex);
}

void weft__mutex_unlock_for(weft_mutex *mutex)
{
    unlock((struct mutex *)mutex);
}
