/* SPDX-License-Identifier: Apache-2.0
 *
 * timer.c - the timers of a processor: arming, removing, firing, and who is told of it. timer_queue.c keeps them in order.
 *
 * Invariants: (under heap->lock) no timer of heap->queue is before heap->next; without timers that is NEVER.
 * Locks:      heap->lock (rank TIMER). timer->heap changes only under the lock of the heap it names or names next; a
 *             remover reads it, takes that lock and looks again. A heap whose run has ended is closed, and its memory stays one
 *             (struct processor is type-stable), so a remover that comes late finds a lock, and an armer a closed heap.
 * Firing:     under the lock; timer->heap becomes NULL last (release), after that the timer is its owner's again. */
#include <errno.h>

#include "port/port.h"
#include "sched/sim.h"

static void lock(struct timer_heap *heap)
{
    weft__lock_take(&heap->lock, WEFT__RANK_TIMER);
}
static void unlock(struct timer_heap *heap)
{
    weft__lock_leave(&heap->lock, WEFT__RANK_TIMER);
}

static void next_changed(struct timer_heap *heap)
{
    weft__store_relaxed(&heap->next, weft__timer_queue_next(&heap->queue)); /* readers take it as a hint */
}

static void count_alive(struct timer_heap *heap, const struct weft__timer *timer, uint32_t more)
{
    if (timer->keeps_alive)
        weft__store_relaxed(&heap->alive, weft__load_relaxed(&heap->alive) + more); /* written under the lock */
}

static void insert(struct timer_heap *heap, struct weft__timer *timer)
{
    weft__timer_queue_put(&heap->queue, timer);
    count_alive(heap, timer, 1);
    if (timer->when < weft__load_relaxed(&heap->next)) /* under the lock */
        weft__store_relaxed(&heap->next, timer->when);
}

/* A machine may sleep longer than until when: have one look again. */
static void hurry(int64_t when)
{
    struct machine *m = weft__machine();
    if (m != NULL && m->p != NULL)
        return; /* the adder's own machine looks at all timers before it sleeps */
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool late = when < weft__rt.timekeeper_until;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (late)
        weft__wake_processor();
}

/* For one who has no processor: a plain thread, a goroutine in a weft_blocking section. NULL: no run of theirs is going on. */
static __attribute__((noinline)) struct timer_heap *heap_of_run(const struct machine *m)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    struct processor *p = NULL;
    if (weft__load_relaxed(&weft__rt.running) != 0 && !weft__machine_is_lost(m)) /* both written under the lock */
        p = weft__rt.processors[0];
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return p != NULL ? &p->timers : NULL;
}

/* The run is over: a thread is told so, a goroutine (of a lost machine) goes on as if it had waited for ever. */
static int arm_nothing(const struct machine *m, weft__commit then, void *arg)
{
    if (m == NULL)
        return -EPERM;
    if (then != NULL)
        then(arg);
    return 0;
}

int weft__timer_arm_and(struct weft__timer *timer, int64_t when, weft__commit then, void *arg)
{
    struct machine *m = weft__machine();
    if (m == NULL && weft__sim_is_on())
        return -EBUSY;
    struct timer_heap *heap = WEFT__LIKELY(m != NULL && m->p != NULL) ? &m->p->timers : heap_of_run(m);
    if (heap == NULL)
        return arm_nothing(m, then, arg);
    lock(heap);
    if (WEFT__UNLIKELY(
            weft__load_relaxed(&heap->closed))) { /* under the lock, or of a new run of which nothing is owed */
        unlock(heap);
        return arm_nothing(m, then, arg);
    }
    timer->when = when;
    insert(heap, timer);
    weft__store_release(&timer->heap, heap); /* pairs with the remover's load */
    if (then != NULL)
        then(arg);
    unlock(heap);
    hurry(when);
    return 0;
}

int weft__timer_add(struct weft__timer *timer, int64_t when)
{
    return weft__timer_arm_and(timer, when, NULL, NULL);
}

void weft__timer_refused(int error)
{
    if (error == -EBUSY)
        weft__panic("timer armed by a plain thread during a simulated run, whose clock it does not know");
    weft__panic("timer armed while no run is going on: call it between the start and the end of weft_run's function");
}

bool weft__timer_remove(struct weft__timer *timer)
{
    for (;;) {
        struct timer_heap *heap = weft__load_acquire(&timer->heap); /* pairs with the stores of heap */
        if (heap == NULL)
            return false;
        lock(heap);
        if (weft__load_relaxed(&timer->heap) == heap) { /* under its lock */
            weft__timer_queue_remove(&heap->queue, timer);
            count_alive(heap, timer, -1u);
            if (timer->when <= weft__load_relaxed(&heap->next)) /* under the lock */
                next_changed(heap);
            weft__store_release(&timer->heap, NULL); /* the timer is the caller's */
            unlock(heap);
            return true;
        }
        unlock(heap);
    }
}

void weft__timers_run(struct timer_heap *heap, int64_t now)
{
    lock(heap);
    for (struct weft__timer *timer; (timer = weft__timer_queue_due(&heap->queue, now)) != NULL;) {
        count_alive(heap, timer, -1u);
        next_changed(heap);
        if (timer->fire(timer, now))
            insert(heap, timer);
        else
            weft__store_release(&timer->heap, NULL); /* pairs with the remover's load; not ours any more */
    }
    next_changed(heap); /* it may have been earlier than any */
    unlock(heap);
}

void weft__timers_clear(struct timer_heap *heap)
{
    lock(heap);
    for (struct weft__timer *timer; (timer = weft__timer_queue_any(&heap->queue)) != NULL;) {
        count_alive(heap, timer, -1u);
        weft__store_release(&timer->heap, NULL); /* as above */
    }
    next_changed(heap);
    weft__store_relaxed(&heap->closed, true); /* under the lock */
    unlock(heap);
}

int64_t weft__timers_earliest(void)
{
    int64_t earliest = NEVER;
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++) {
        int64_t next = weft__load_relaxed(&weft__rt.processors[i]->timers.next); /* a hint; idle ones do not change */
        if (next < earliest)
            earliest = next;
    }
    return earliest;
}

uint32_t weft__timers_alive(void)
{
    uint32_t alive = 0;
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count); /* under runtime.lock, or a simulation's only one */
    for (uint32_t i = 0; i < count; i++)
        alive += weft__load_relaxed(&weft__rt.processors[i]->timers.alive); /* the world is idle, or it is a hint */
    return alive;
}
