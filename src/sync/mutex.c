/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex.c - mutual exclusion with barging in normal mode and hand-over in starvation mode.
 *
 * Data:       state: HELD, STARVING, LIST (the spin bit of the list), WAITERS (somebody waits); a FIFO list of waiters on their
 *             own frames, protected by LIST.
 * Normal:     unlock drops HELD and wakes the oldest waiter, which competes with newcomers; a loser goes back to the front.
 * Starving:   a waiter that has waited more than STARVE sets STARVING when it loses: from then on unlock keeps HELD and
 *             gives the mutex to the oldest waiter, newcomers queue at the end and trylock fails. The mode ends
 *             with the last waiter or one that waited less (M-03).
 * Fast paths: lock and unlock are one compare-and-swap each.
 * Life:       the next owner may free the mutex at once (W-04). unlock's last touch is the exchange that drops HELD, or the one
 *             that drops LIST while HELD is still set for the waiter whom it then readies.
 * Source:     the modes of Go's sync.Mutex. */
#include <weft/sync.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "port/port.h"
#include "sched/sched.h"

#define HELD 1u
#define WAITERS 2u
#define STARVING 4u
#define LIST 8u
#define STARVE WEFT_MILLISECOND
#define SPINS 4
#define PAUSES_PER_SPIN 30

struct waiter {
    struct waiter *next;
    struct weft__task *task;
    bool owner; /* the waker writes: the mutex was handed over */
};

struct mutex {
    WEFT__ATOMIC(uint32_t) state;
    uint32_t unused;
    struct waiter *first, *last; /* protected by LIST */
};
_Static_assert(sizeof(struct mutex) == sizeof(weft_mutex), "the public words hold the mutex");

static const struct weft__wait_reason locking = {.text = "mutex lock"};

/* Take the LIST bit. Returns the state as it is then, LIST included. */
static uint32_t list_take(struct mutex *mutex)
{
    for (int turn = 0;;) {
        uint32_t state = weft__load_relaxed(&mutex->state); /* the CAS checks it */
        if ((state & LIST) == 0 && weft__cas_acquire(&mutex->state, &state, state | LIST)) /* pairs with list_leave */
            return state | LIST;
        if (++turn < 100)
            weft__arch_pause();
        else
            weft__port_thread_yield(); /* the holder was preempted */
    }
}

static bool try_fast(struct mutex *mutex)
{
    uint32_t expected = 0;
    return weft__cas_acquire(&mutex->state, &expected, HELD); /* pairs with unlock's release */
}

bool weft_mutex_trylock(weft_mutex *public)
{
    struct mutex *mutex = (struct mutex *)public;
    uint32_t state = weft__load_relaxed(&mutex->state); /* a failed try synchronises nothing (M-04) */
    while ((state & (HELD | STARVING)) == 0)
        if (weft__cas_acquire(&mutex->state, &state, state | HELD)) /* pairs with unlock's release */
            return true;
    return false;
}

/* Wait a moment for an owner that is at work on another processor (M-06). */
static bool spin(weft_mutex *public)
{
    for (int i = 0; i < SPINS && weft__may_spin(); i++) {
        for (int j = 0; j < PAUSES_PER_SPIN; j++)
            weft__arch_pause();
        if (weft_mutex_trylock(public))
            return true;
    }
    return false;
}

static void commit_list(void *arg)
{
    struct mutex *mutex = arg;
    weft__and_release(&mutex->state, ~LIST); /* pairs with list_take */
}

/* Put the waiter in and park, unless the mutex turns out to be free: then take it and return true. */
static bool wait_in_line(struct mutex *mutex, struct waiter *waiter, bool in_front, bool starved)
{
    uint32_t state = list_take(mutex);
    /* WAITERS before the last look at HELD: an unlock sees it, or this sees HELD dropped. */
    uint32_t wanted;
    do {
        wanted = state | WAITERS;
        if ((state & HELD) != 0 && starved)
            wanted |= STARVING;
        if ((state & (HELD | STARVING)) == 0)
            wanted = (state | HELD) & ~LIST;
    } while (!weft__cas_acq_rel(&mutex->state, &state, wanted));
    if ((wanted & LIST) == 0)
        return true;
    if (in_front) {
        waiter->next = mutex->first;
        mutex->first = waiter;
        if (waiter->next == NULL)
            mutex->last = waiter;
    } else {
        waiter->next = NULL;
        if (mutex->first == NULL)
            mutex->first = waiter;
        else
            mutex->last->next = waiter;
        mutex->last = waiter;
    }
    waiter->owner = false;
    weft__park(waiter->task, &locking, mutex, commit_list, mutex);
    return false;
}

static __attribute__((noinline)) void lock_slow(weft_mutex *public)
{
    struct mutex *mutex = (struct mutex *)public;
    if (weft_mutex_trylock(public) || spin(public))
        return;
    struct waiter waiter = {.task = weft__self()};
    int64_t since = weft__port_now();
    bool again = false, starved = false;
    for (;;) {
        if (wait_in_line(mutex, &waiter, again, starved))
            return;
        starved = weft__port_now() - since > STARVE;
        if (waiter.owner) {
            /* Handed over in starvation mode. The mode ends with one who has not waited long, or with the last one. */
            (void)list_take(mutex);
            bool over = !starved || mutex->first == NULL;
            weft__and_release(&mutex->state, over ? ~(LIST | STARVING) : ~LIST); /* pairs with list_take */
            return;
        }
        if (weft_mutex_trylock(public))
            return;
        again = true;
    }
}

void weft_mutex_lock(weft_mutex *public)
{
    if (WEFT__LIKELY(try_fast((struct mutex *)public)))
        return;
    lock_slow(public);
}

/* Under LIST: take the oldest waiter off. */
static struct waiter *pop(struct mutex *mutex, bool *more)
{
    struct waiter *waiter = mutex->first;
    if (waiter != NULL)
        mutex->first = waiter->next;
    *more = mutex->first != NULL;
    return waiter;
}

static __attribute__((noinline)) void unlock_slow(weft_mutex *public)
{
    struct mutex *mutex = (struct mutex *)public;
    if ((weft__load_relaxed(&mutex->state) & HELD) == 0) /* misuse: any value that shows it will do */
        weft__fatal("unlock of an unlocked mutex");
    uint32_t state = list_take(mutex);
    bool more;
    struct waiter *waiter = pop(mutex, &more);
    bool hand_over = waiter != NULL && (state & STARVING) != 0;
    if (hand_over)
        waiter->owner = true;
    uint32_t drop = LIST | (hand_over ? 0 : HELD) | (more ? 0 : WAITERS);
    struct weft__task *task = waiter != NULL ? waiter->task : NULL;
    weft__and_release(&mutex->state, ~drop); /* pairs with the lock that follows; the last touch */
    if (task == NULL)
        return;
    weft__ready(task);
    if (hand_over)
        weft__yield_to_ready();
}

void weft_mutex_unlock(weft_mutex *public)
{
    struct mutex *mutex = (struct mutex *)public;
    uint32_t expected = HELD;
    if (WEFT__LIKELY(weft__cas_release(&mutex->state, &expected, 0u))) /* pairs with lock's acquire */
        return;
    unlock_slow(public);
}
