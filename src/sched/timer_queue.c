/* SPDX-License-Identifier: Apache-2.0
 *
 * timer_queue.c - a pairing heap of the timers that are near, and a timing wheel of those that are far.
 *
 * The heap alone would do, and does as long as there are few. With many, each delete-min reads a dozen nodes that lie
 * in as many stacks, none of which is in any cache: with 100,000 sleepers that was 40 % of all processor time. So a far timer is put into
 * a slot of the wheel, a list, and touched again only when the time of its slot has come: once per level, and in the heap,
 * where it is among the few of its tick.
 *
 * Data:       the wheel's level l has a slot for each value of the 6 bits of a tick above the lowest 6 l. A timer is in the level
 *             of the highest bits in which its tick differs from queue->tick, and in the slot of its own bits there.
 *             In the heap a timer's child is its first child, sibling the next child of the same parent, previous the
 *             sibling before it or, for a first child, the parent; in a slot sibling and previous are its neighbours.
 *             timer->place is 0 in the heap, else 1 + the number of the slot.
 * Invariants: parent->when <= child->when in the heap; a timer of the wheel has a later tick than queue->tick.
 *             So all of a level come before all of the next, and the lowest slot of the lowest level before all others. When the
 *             tick moves to the beginning of that slot, only its timers have to move, and no other slot means
 *             something else than before: in the bits above its level it agrees with the tick, old and new.
 * Cost:       put and remove O(1); in the heap remove is O(log n) amortised. A timer moves down at most 8 levels; one of seconds, 2.
 * Source:     Varghese, Lauck: Hashed and hierarchical timing wheels, 1987; Fredman, Sedgewick, Sleator, Tarjan: The pairing
 *             heap, 1986. */
#include "sched/timer_queue.h"

/* ---- the heap ---- */

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

static void heap_put(struct timer_queue *queue, struct weft__timer *timer)
{
    timer->place = 0;
    timer->child = timer->sibling = timer->previous = NULL;
    queue->root = meld(queue->root, timer);
    queue->in_heap++;
}

static void heap_remove(struct timer_queue *queue, struct weft__timer *timer)
{
    struct weft__timer *rest = meld_list(timer->child);
    if (timer == queue->root) {
        queue->root = rest;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->sibling;
        else
            timer->previous->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->previous = timer->previous;
        queue->root = meld(queue->root, rest);
    }
    queue->in_heap--;
}

/* ---- the wheel ---- */

static uint64_t tick_of(int64_t when)
{
    return when > 0 ? (uint64_t)when >> TIMER_TICK_BITS : 0;
}

static struct timer_slot *slot_of(struct timer_queue *queue, uint32_t number)
{
    return &queue->slots[number / TIMER_SLOTS][number % TIMER_SLOTS];
}

static void wheel_put(struct timer_queue *queue, struct weft__timer *timer, uint64_t tick)
{
    unsigned level = (63u - (unsigned)__builtin_clzll(tick ^ queue->tick)) / TIMER_SLOT_BITS;
    unsigned index = tick >> (level * TIMER_SLOT_BITS) & (TIMER_SLOTS - 1);
    struct timer_slot *slot = &queue->slots[level][index];
    if (slot->first == NULL || timer->when < slot->earliest)
        slot->earliest = timer->when;
    timer->place = (uint16_t)(1 + level * TIMER_SLOTS + index);
    timer->child = timer->previous = NULL;
    timer->sibling = slot->first;
    if (timer->sibling != NULL)
        timer->sibling->previous = timer;
    slot->first = timer;
    queue->filled[level] |= UINT64_C(1) << index;
    queue->in_wheel++;
}

static void slot_is_empty(struct timer_queue *queue, uint32_t number)
{
    queue->filled[number / TIMER_SLOTS] &= ~(UINT64_C(1) << number % TIMER_SLOTS);
}

static void wheel_remove(struct timer_queue *queue, struct weft__timer *timer)
{
    uint32_t number = timer->place - 1u;
    if (timer->sibling != NULL)
        timer->sibling->previous = timer->previous;
    if (timer->previous != NULL)
        timer->previous->sibling = timer->sibling;
    else if ((slot_of(queue, number)->first = timer->sibling) == NULL)
        slot_is_empty(queue, number);
    queue->in_wheel--;
}

/* The earliest slot's number; the wheel is not empty. */
static uint32_t earliest_slot(const struct timer_queue *queue)
{
    uint32_t level = 0;
    while (queue->filled[level] == 0)
        level++;
    return level * TIMER_SLOTS + (uint32_t)__builtin_ctzll(queue->filled[level]);
}

/* The tick at which a slot begins, seen from queue->tick, which is before. */
static uint64_t begin_of(const struct timer_queue *queue, uint32_t number)
{
    unsigned level = number / TIMER_SLOTS, bits = level * TIMER_SLOT_BITS;
    uint64_t above = queue->tick >> bits >> TIMER_SLOT_BITS << TIMER_SLOT_BITS;
    return (above | number % TIMER_SLOTS) << bits;
}

static void put(struct timer_queue *queue, struct weft__timer *timer)
{
    uint64_t tick = tick_of(timer->when);
    if (tick <= queue->tick || queue->in_heap < TIMER_HEAP_FEW)
        heap_put(queue, timer);
    else
        wheel_put(queue, timer, tick);
}

/* Bring everything that is not later than now's tick to the heap. */
static void advance(struct timer_queue *queue, int64_t now)
{
    uint64_t tick = tick_of(now);
    while (queue->in_wheel > 0) {
        uint32_t number = earliest_slot(queue);
        uint64_t begin = begin_of(queue, number);
        if (begin > tick)
            break;
        struct timer_slot *slot = slot_of(queue, number);
        struct weft__timer *timer = slot->first;
        slot->first = NULL;
        slot_is_empty(queue, number);
        queue->tick = begin;
        for (struct weft__timer *next; timer != NULL; timer = next) {
            next = timer->sibling;
            queue->in_wheel--;
            put(queue, timer);
        }
    }
    if (queue->tick < tick)
        queue->tick = tick;
}

/* ---- the queue ---- */

void weft__timer_queue_put(struct timer_queue *queue, struct weft__timer *timer)
{
    if (queue->in_wheel == 0 && queue->in_heap >= TIMER_HEAP_FEW)
        advance(queue, weft__now()); /* the wheel begins to turn from here */
    put(queue, timer);
}

void weft__timer_queue_remove(struct timer_queue *queue, struct weft__timer *timer)
{
    if (timer->place == 0)
        heap_remove(queue, timer);
    else
        wheel_remove(queue, timer);
}

struct weft__timer *weft__timer_queue_due(struct timer_queue *queue, int64_t now)
{
    if (queue->in_wheel > 0)
        advance(queue, now);
    struct weft__timer *timer = queue->root;
    if (timer == NULL || timer->when > now)
        return NULL;
    heap_remove(queue, timer);
    return timer;
}

struct weft__timer *weft__timer_queue_any(struct timer_queue *queue)
{
    struct weft__timer *timer = queue->root;
    if (timer == NULL && queue->in_wheel > 0)
        timer = slot_of(queue, earliest_slot(queue))->first;
    if (timer != NULL)
        weft__timer_queue_remove(queue, timer);
    else
        queue->tick = 0; /* the clock of the next run may be another one */
    return timer;
}

int64_t weft__timer_queue_next(const struct timer_queue *queue)
{
    int64_t next = queue->root != NULL ? queue->root->when : INT64_MAX;
    if (queue->in_wheel > 0) {
        uint32_t number = earliest_slot(queue);
        int64_t earliest = queue->slots[number / TIMER_SLOTS][number % TIMER_SLOTS].earliest;
        if (earliest < next)
            next = earliest;
    }
    return next;
}
