/* SPDX-License-Identifier: Apache-2.0
 *
 * operation.h - the heart of send and receive: what happens under the channel's lock. Inline, because chan.c's fast
 * paths are little else; select.c uses the same.
 *
 * There are two ways through an operation, of the same code. The quick one is for most channels, and calls nothing that comes
 * back, so that its function has no frame: elements of the sizes that are moved, nobody else at the lock, no select at the head of the
 * other side. What it is not made for it leaves as it was, with the lock held, to the other one.
 *
 * An operation that finds its partner parked copies from stack to stack and leaves nothing for the partner to check (C-04):
 * the result is written, and the caller lets the lock go and then readies the task that *wake names. */
#ifndef WEFT_CHAN_OPERATION_H
#define WEFT_CHAN_OPERATION_H

#include <string.h>

#include "chan/race.h"
#include "chan/waiters.h"

enum weft__outcome {
    WEFT__WOULD_WAIT,
    WEFT__DONE,
    WEFT__CLOSED,   /* receive: closed and drained; send: closed */
    WEFT__NOT_QUICK /* nothing was done: the quick way is not for this */
};

#define WEFT__QUICK true

/* Whether elements of that size are moved. */
static inline bool weft__element_is_moved(size_t size)
{
    return size == 0 || size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
}

/* One element. The sizes that programs use most are moves; the rest is memcpy. quick: it is one of those. */
static inline void weft__element_copy(void *to, const void *from, uint32_t size, bool quick)
{
    __asm__(""
            : "+r"(to)); /* link-time optimisation, which sees the object, would warn of the sizes that are not taken */
    if (WEFT__LIKELY(size == 8))
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else if (size == 16)
        memcpy(to, from, 16);
    else if (size == 1)
        memcpy(to, from, 1);
    else if (size == 2)
        memcpy(to, from, 2);
    else if (!quick && size != 0)
        memcpy(to, from, size);
}

static inline uint64_t weft__chan_count(const struct weft__chan *chan)
{
    return weft__load_relaxed(&((struct weft__chan *)chan)->count); /* under the lock, which orders it */
}

static inline bool weft__chan_is_closed(const struct weft__chan *chan)
{
    return weft__load_relaxed(&((struct weft__chan *)chan)->closed); /* under the lock, which orders it */
}

static inline unsigned char *weft__chan_slot(const struct weft__chan *chan, uint64_t index)
{
    return chan->ring + index * chan->element_size;
}

/* Under the lock: hand the value to a parked receiver. */
static inline struct weft__task *weft__waiter_fill(struct weft__waiter *receiver, const void *value, uint32_t size,
                                                   bool quick)
{
    if (WEFT__LIKELY(receiver->value != NULL))
        weft__element_copy(receiver->value, value, size, quick);
    receiver->result = WEFT__WAITER_SERVED;
    return receiver->task;
}

/* Under the lock: send *value if that needs no waiting. */
static inline __attribute__((always_inline)) enum weft__outcome
weft__chan_put(struct weft__chan *chan, const void *value, struct weft__task **wake, bool quick)
{
    ASSERT(weft__lock_is_taken(&chan->lock));
    *wake = NULL;
    if (WEFT__UNLIKELY(weft__chan_is_closed(chan)))
        return WEFT__CLOSED;
    struct weft__waiter *receiver = weft__waiters_oldest(&chan->receivers);
    if (quick && receiver && WEFT__UNLIKELY(receiver->claim))
        return WEFT__NOT_QUICK;
    receiver = weft__waiters_take(&chan->receivers, receiver, quick);
    if (receiver != NULL) {
        *wake = weft__waiter_fill(receiver, value, chan->element_size, quick);
        weft__race_hand_over(chan, receiver->task);
        return WEFT__DONE;
    }
    uint64_t count = weft__chan_count(chan);
    if (WEFT__LIKELY(count < chan->capacity)) {
        uint64_t tail = chan->head + count;
        if (tail >= chan->capacity)
            tail -= chan->capacity;
        weft__element_copy(weft__chan_slot(chan, tail), value, chan->element_size, quick);
        weft__race_put(chan, tail);
        weft__store_relaxed(&chan->count, count + 1); /* ordered by the lock; readers without it take it for a hint */
        return WEFT__DONE;
    }
    return WEFT__WOULD_WAIT;
}

/* Under the lock: receive into *value (NULL: drop) if that needs no waiting. A closed channel leaves *value alone. */
static inline __attribute__((always_inline)) enum weft__outcome weft__chan_get(struct weft__chan *chan, void *value,
                                                                               struct weft__task **wake, bool quick)
{
    ASSERT(weft__lock_is_taken(&chan->lock));
    *wake = NULL;
    uint64_t count = weft__chan_count(chan);
    struct weft__waiter *sender = weft__waiters_oldest(&chan->senders);
    if (count != 0) {
        if (quick && WEFT__UNLIKELY(sender) && sender->claim)
            return WEFT__NOT_QUICK;
        unsigned char *slot = weft__chan_slot(chan, chan->head);
        if (WEFT__LIKELY(value != NULL))
            weft__element_copy(value, slot, chan->element_size, quick);
        chan->head = chan->head + 1 == chan->capacity ? 0 : chan->head + 1;
        sender = weft__waiters_take(&chan->senders, sender, quick);
        if (WEFT__UNLIKELY(sender != NULL)) {
            /* The ring is full: the slot that was freed is the new tail, and the first sender's value goes there in
             * the same critical section, so that nobody can get in front of it (C-03). */
            weft__element_copy(slot, sender->value, chan->element_size, quick);
            sender->result = WEFT__WAITER_SERVED;
            *wake = sender->task;
        } else {
            /* release: pairs with weft__chan_seems_empty; who finds the last element gone sees the close that came before. */
            weft__store_release(&chan->count, count - 1);
        }
        weft__race_get(chan, *wake);
        return WEFT__DONE;
    }
    if (quick && sender && WEFT__UNLIKELY(sender->claim))
        return WEFT__NOT_QUICK;
    sender = weft__waiters_take(&chan->senders, sender, quick);
    if (sender != NULL) {
        if (WEFT__LIKELY(value != NULL))
            weft__element_copy(value, sender->value, chan->element_size, quick);
        sender->result = WEFT__WAITER_SERVED;
        *wake = sender->task;
        weft__race_take_over(sender->task);
        return WEFT__DONE;
    }
    if (WEFT__UNLIKELY(weft__chan_is_closed(chan))) {
        weft__race_acquire(&chan->race_closed);
        return WEFT__CLOSED;
    }
    return WEFT__WOULD_WAIT;
}

/* Looking without the lock (C-12).
 *
 * A "no" must be the truth at some instant of the call. Both look first at whether the operation could go on, then at closed.
 * If the second finds the channel open it was open at the first as well, as a channel never opens again; so at the instant of the
 * first load it was open, and could not go on. That needs an order where what the first load finds may have come about after a
 * close, which must then be seen: an element received, a list emptied. There the stores are releases and the first load is an
 * acquire. A channel does not become full after its close, so that of the count in weft__chan_seems_full is relaxed.
 * A "yes" proves nothing and sends the caller to the lock, or to weft__chan_is_finished, which loads anew. No ordering is promised to an
 * operation that does not take place: so the second load orders nothing, and is relaxed. */
static inline bool weft__chan_seems_open(const struct weft__chan *chan)
{
    return !weft__load_relaxed(&((struct weft__chan *)chan)->closed); /* the last load: see above */
}

static inline bool weft__chan_seems_full(const struct weft__chan *chan)
{
    struct weft__chan *c = (struct weft__chan *)chan;
    return chan->capacity == 0 ? weft__load_acquire(&c->receivers) == NULL
                               : weft__load_relaxed(&c->count) >= chan->capacity;
}

static inline bool weft__chan_seems_empty(const struct weft__chan *chan)
{
    struct weft__chan *c = (struct weft__chan *)chan;
    return chan->capacity == 0 ? weft__load_acquire(&c->senders) == NULL : weft__load_acquire(&c->count) == 0;
}

static inline bool weft__chan_cannot_send(const struct weft__chan *chan)
{
    return weft__chan_seems_full(chan) && weft__chan_seems_open(chan);
}

static inline bool weft__chan_cannot_recv(const struct weft__chan *chan)
{
    return weft__chan_seems_empty(chan) && weft__chan_seems_open(chan);
}

/* Closed and drained, for good: closed is read first (acquire: what went before the close is seen), and after a close the
 * count only falls and no sender waits. Unbuffered channels are drained once they are closed. The count is relaxed: nothing is
 * promised of the receives that have drained it (C-02 is for sends, of which there are none any more). */
static inline bool weft__chan_is_finished(const struct weft__chan *chan)
{
    struct weft__chan *c = (struct weft__chan *)chan;
    return weft__load_acquire(&c->closed) && weft__load_relaxed(&c->count) == 0;
}

/* After the lock has been let go: what a receive from a closed, drained channel gives. */
static inline void weft__element_clear(void *value, uint32_t size)
{
    if (value)
        memset(value, 0, size);
}

#endif
