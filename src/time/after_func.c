/* SPDX-License-Identifier: Apache-2.0
 *
 * after_func.c - timers that call a function in a goroutine of its own.
 *
 * Data:       one block: a timer of the scheduler's heap, the function and its argument.
 * Invariants: in the heap <=> the next call is still to be started. Taking it out is what decides between stop and the
 *             start of the call: both happen under the heap's lock, so one of them wins and the other sees it (T-05).
 * Locks:      lock (rank SYNC) makes reset's two steps, out of the heap and in again, one; the heap's (rank TIMER) is taken
 *             under it, by weft__timer_add and weft__timer_remove, and is held while fire runs, which takes no lock of this file.
 * Callers:    goroutines and threads; the function itself too, since fire is over, or waited for, before the timer can go.
 *
 * A pending call counts against deadlock (D-02): it will make a goroutine. One that is due after the clock's end does not. */
#include "time/timer.h"

#include <errno.h>

#include "port/port.h"
#include "sched/race.h"
#include "sched/sched.h"

/* How long a call that found no memory or no stack for its goroutine is put off. It is late then, but not lost. */
#define SPAWN_RETRY WEFT_MILLISECOND

struct weft__func_timer {
    struct weft_timer timer;
    struct weft__lock lock;
    struct weft__timer pending; /* .keeps_alive and its place in the heap are protected by lock */
    void (*fn)(void *arg);      /* immutable */
    void *arg;                  /* immutable */
#ifdef WEFT_RACE_REPORTS
    unsigned char race_armed; /* what happens before the call */
#endif
};

static const struct weft_site call_site = {"src/time/after_func.c", "weft_after_func", 0, 0};

static struct weft__func_timer *as_func_timer(struct weft_timer *timer)
{
    return WEFT__TIME_CONTAINER(timer, struct weft__func_timer, timer);
}

/* Runs under the heap's lock. */
static bool fire(struct weft__timer *pending, int64_t now)
{
    const struct weft__func_timer *t = WEFT__TIME_CONTAINER(pending, struct weft__func_timer, pending);
    weft__race_origin(&t->race_armed);
    int error = weft__spawn_call(t->fn, t->arg, &call_site);
    if (error != -ENOMEM && error != -EAGAIN)
        return false; /* started, or the run is over */
    pending->when = now + SPAWN_RETRY;
    return true;
}

/* Runs under the timer's lock, with the timer in no heap. An error as of weft__timer_add. */
static int arm(struct weft__func_timer *t, int64_t duration)
{
    int64_t when = weft__deadline(duration);
    t->pending.keeps_alive = when != INT64_MAX;
    weft__race_publish(&t->race_armed);
    return weft__timer_add(&t->pending, when);
}

weft_timer *weft_after_func(int64_t duration, void (*fn)(void *arg), void *arg)
{
    if (!fn)
        weft__panic("weft_after_func: the function is NULL");
    struct weft__func_timer *t = weft__port_alloc(sizeof *t, _Alignof(struct weft__func_timer));
    if (!t)
        return NULL;
    *t =
        (struct weft__func_timer){.timer = {.kind = WEFT__TIMER_FUNC}, .pending = {.fire = fire}, .fn = fn, .arg = arg};
    /* The call may free the timer the moment it is armed, so the lock is not used here: nobody else knows of it yet. */
    int error = arm(t, duration);
    if (error != 0) {
        weft__port_free(t);
        weft__timer_refused(error);
    }
    return &t->timer;
}

bool weft__func_timer_stop(struct weft_timer *timer)
{
    struct weft__func_timer *t = as_func_timer(timer);
    weft__lock_take(&t->lock, WEFT__RANK_SYNC);
    bool stopped = weft__timer_remove(&t->pending);
    weft__lock_leave(&t->lock, WEFT__RANK_SYNC);
    return stopped;
}

bool weft__func_timer_reset(struct weft_timer *timer, int64_t duration)
{
    struct weft__func_timer *t = as_func_timer(timer);
    weft__lock_take(&t->lock, WEFT__RANK_SYNC);
    bool was_pending = weft__timer_remove(&t->pending);
    int error = arm(t, duration);
    weft__lock_leave(&t->lock, WEFT__RANK_SYNC);
    if (error != 0)
        weft__timer_refused(error);
    return was_pending;
}

void weft__func_timer_free(struct weft_timer *timer)
{
    struct weft__func_timer *t = as_func_timer(timer);
    /* Through the lock, for a reset by the call itself that has started the next call, which frees: the reset may still be
     * about to let the lock go. */
    weft__lock_take(&t->lock, WEFT__RANK_SYNC);
    (void)weft__timer_remove(&t->pending);
    weft__lock_leave(&t->lock, WEFT__RANK_SYNC);
    weft__port_free(t);
}
