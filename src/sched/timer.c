/* SPDX-License-Identifier: Apache-2.0
 *
 * timer.c - the timers of a processor: a pairing heap whose nodes are the timers themselves, so arming allocates nothing.
 *
 * Data:       heap->root; a node's child is its first child, sibling the next child of the same parent, previous the
 *             sibling before it or, for a first child, the parent. Insert O(1), delete-min and delete O(log n) amortised.
 * Invariants: (under heap->lock) parent->when <= child->when; heap->next == root->when or NEVER.
 * Locks:      heap->lock (rank TIMER). timer->heap changes only under the lock of the heap it names or names next; a
 *             remover reads it, takes that lock and looks again. A heap whose run has ended is closed, and its memory stays one
 *             (struct processor is type-stable), so a remover that comes late finds a lock, and an armer a closed heap.
 * Firing:     under the lock; timer->heap becomes NULL last (release), after that the timer is its owner's again.
 * Source:     Fredman, Sedgewick, Sleator, Tarjan: The pairing heap, 1986. */
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

static struct weft__timer *meld(struct weft__timer *a, struct weft__timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->when < a->when) {
        struct weft__timer *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a;
    b->sibling = a->child;
    if (b->sibling != NULL)
        b->sibling->previous = b;
    a->child = b;
    a->sibling = a->previous = NULL;
    return a;
}

/* Meld a list of siblings: in pairs from the left, then all from the right. */
static struct weft__timer *meld_list(struct weft__timer *first)
{
    struct weft__timer *pairs = NULL; /* linked by previous */
    while (first != NULL) {
        struct weft__timer *a = first, *b = a->sibling;
        first = b != NULL ? b->sibling : NULL;
        a->sibling = a->previous = NULL;
        if (b != NULL)
            b->sibling = b->previous = NULL;
        a = meld(a, b);
        a->previous = pairs;
        pairs = a;
    }
    struct weft__timer *root = NULL;
    while (pairs != NULL) {
        struct weft__timer *next = pairs->previous;
        pairs->previous = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void root_changed(struct timer_heap *heap)
{
    weft__store_relaxed(&heap->next, heap->root != NULL ? heap->root->when : NEVER); /* readers take it as a hint */
}

static void insert(struct timer_heap *heap, struct weft__timer *timer)
{
    timer->child = timer->sibling = timer->previous = NULL;
    heap->root = meld(heap->root, timer);
    if (timer->keeps_alive)
        weft__store_relaxed(&heap->alive, weft__load_relaxed(&heap->alive) + 1); /* written under the lock */
}

static void delete (struct timer_heap *heap, struct weft__timer *timer)
{
    struct weft__timer *rest = meld_list(timer->child);
    if (timer == heap->root) {
        heap->root = rest;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->sibling;
        else
            timer->previous->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->previous = timer->previous;
        heap->root = meld(heap->root, rest);
    }
    timer->child = timer->sibling = timer->previous = NULL;
    if (timer->keeps_alive)
        weft__store_relaxed(&heap->alive, weft__load_relaxed(&heap->alive) - 1); /* written under the lock */
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
    root_changed(heap);
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
            delete (heap, timer);
            root_changed(heap);
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
    while (heap->root != NULL && heap->root->when <= now) {
        struct weft__timer *timer = heap->root;
        delete (heap, timer);
        root_changed(heap);
        if (timer->fire(timer, now)) {
            insert(heap, timer);
            root_changed(heap);
        } else {
            weft__store_release(&timer->heap, NULL); /* pairs with the remover's load; not ours any more */
        }
    }
    unlock(heap);
}

void weft__timers_clear(struct timer_heap *heap)
{
    lock(heap);
    while (heap->root != NULL) {
        struct weft__timer *timer = heap->root;
        delete (heap, timer);
        weft__store_release(&timer->heap, NULL); /* as above */
    }
    root_changed(heap);
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
    uint32_t count = weft__load_acquire(&weft__rt.processor_count); /* pairs with processor_new */
    for (uint32_t i = 0; i < count; i++)
        alive += weft__load_relaxed(&weft__rt.processors[i]->timers.alive); /* the world is idle, or it is a hint */
    return alive;
}
