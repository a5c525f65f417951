/* SPDX-License-Identifier: Apache-2.0
 *
 * waitgroup.c - wait until a number of things are done.
 *
 * Data:       state = counter (high 32 bits, signed) | LOCKED | number of parked waiters (low 31 bits); waiters, a
 *             stack of them on their own frames, protected by LOCKED.
 * Invariants: waiters > 0 => counter > 0, or the call that brought it to zero is about to wake them.
 * Locks:      LOCKED is a spin bit in state, held for a few instructions and by a parker until its context is saved.
 * Life:       a waiter may free the object as soon as its wait returns (W-04). add's last touch is the one exchange that
 *             brings the counter to zero with nobody waiting, or the store that lets LOCKED go, after the list was
 *             taken off: the waiters are readied afterwards from their own frames. A wait that finds the counter at
 *             zero while LOCKED is held waits for that store. */
#include <weft/sync.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "port/port.h"
#include "sched/sched.h"

#define ONE ((uint64_t)1 << 32)
#define LOCKED ((uint64_t)1 << 31)
#define WAITERS (LOCKED - 1)

struct waiter {
    struct waiter *next;
    struct weft__task *task;
};

struct waitgroup {
    WEFT__ATOMIC(uint64_t) state;
    struct waiter *waiters; /* protected by LOCKED */
    uint64_t unused;
};
_Static_assert(sizeof(struct waitgroup) == sizeof(weft_waitgroup), "the public words hold the wait group");

static int32_t counter_of(uint64_t state)
{
    return (int32_t)(state >> 32);
}

static void pause_briefly(int *turn)
{
    if (++*turn < 100)
        weft__arch_pause();
    else
        weft__port_thread_yield(); /* the holder was preempted */
}

static const struct weft__wait_reason waiting = {.text = "wait group wait"};

/* The counter has come to zero with waiters there: take them off, let the object go, ready them. */
static void wake_all(struct waitgroup *group)
{
    uint64_t state = weft__load_relaxed(&group->state); /* the CAS below checks it */
    for (int turn = 0;; pause_briefly(&turn)) {
        if ((state & LOCKED) == 0 && weft__cas_acq_rel(&group->state, &state, state | LOCKED))
            break;
        state = weft__load_relaxed(&group->state); /* as above */
    }
    struct waiter *first = group->waiters;
    group->waiters = NULL;
    /* release: pairs with wait's loads; the last touch. Nobody changes the rest of state while waiters are there and the
     * counter is zero, except misuse, which is looked for here. */
    if (counter_of(weft__exchange_acq_rel(&group->state, 0u)) != 0)
        weft__panic("wait group misuse: add called concurrently with wait");
    while (first != NULL) {
        struct waiter *next = first->next;
        weft__ready(first->task); /* its frame may be gone now */
        first = next;
    }
}

void weft_waitgroup_add(weft_waitgroup *wg, int delta)
{
    struct waitgroup *group = (struct waitgroup *)wg;
    /* acq_rel: what each done did happens before the wait that the last of them ends (W-01). */
    uint64_t before = weft__add_acq_rel(&group->state, (uint64_t)(int64_t)delta * ONE);
    int32_t counter = counter_of(before) + delta;
    if (WEFT__UNLIKELY(counter < 0))
        weft__panic("negative wait group counter: more done than added");
    uint64_t waiters = before & WAITERS;
    if (WEFT__UNLIKELY(waiters > 0 && delta > 0 && counter_of(before) == 0))
        weft__panic("wait group misuse: add called concurrently with wait");
    if (counter == 0 && WEFT__UNLIKELY((before & (WAITERS | LOCKED)) != 0))
        wake_all(group);
}

void weft_waitgroup_done(weft_waitgroup *wg)
{
    weft_waitgroup_add(wg, -1);
}

/* Let LOCKED go and count the waiter that was put in; it is parked now. If the counter is zero by then, wake. */
static void commit_wait(void *arg)
{
    struct waitgroup *group = arg;
    (void)weft__add_acq_rel(&group->state, (uint64_t)0 - LOCKED); /* pairs with the next one who takes LOCKED */
}

void weft_waitgroup_wait(weft_waitgroup *wg)
{
    struct waitgroup *group = (struct waitgroup *)wg;
    int turn = 0;
    uint64_t state = weft__load_acquire(&group->state); /* pairs with add */
    for (;;) {
        if ((state & LOCKED) != 0) { /* somebody parks, or wakes the waiters: also when the counter is zero */
            pause_briefly(&turn);
            state = weft__load_acquire(&group->state);
            continue;
        }
        if (counter_of(state) == 0)
            return;
        /* Counted in the same exchange that finds the counter above zero: the add that ends it sees this waiter. */
        if (weft__cas_acq_rel(&group->state, &state, (state | LOCKED) + 1))
            break;
    }
    struct waiter waiter = {.next = group->waiters, .task = weft__self()};
    group->waiters = &waiter;
    weft__park(waiter.task, &waiting, wg, commit_wait, group);
}

static void done(void *arg)
{
    weft_waitgroup_done(arg);
}

weft__function weft_waitgroup_go_begin(weft__function fn, const struct weft_site *site, weft_waitgroup *wg,
                                       unsigned shape)
{
    const struct weft__pending_hook hook = {.on_exit = done, .arg = wg};
    weft_waitgroup_add(wg, 1);
    weft__function capture = weft__spawn_begin(fn, site, NULL, &hook, shape);
    if (capture == NULL)
        weft_waitgroup_done(wg);
    return capture;
}

int weft_waitgroup_go_copy_at(const struct weft_site *site, weft_waitgroup *wg, void (*fn)(void *copy),
                              const void *value, size_t size)
{
    const struct weft__pending_hook hook = {.on_exit = done, .arg = wg};
    weft_waitgroup_add(wg, 1);
    int error = weft__spawn_copy(site, NULL, &hook, fn, value, size);
    if (error != 0)
        weft_waitgroup_done(wg);
    return error;
}
