/* SPDX-License-Identifier: Apache-2.0
 *
 * race.h - what channels order, for ThreadSanitizer in weft_race (port/race.h). Nothing in every other build.
 *
 * Buffered: each slot has two words, sent and taken, so that nothing but the memory model's edges comes of it (C-02): the k-th
 *           send publishes in sent what the k-th receive acquires, which publishes in taken what send k+C acquires. Each publishes
 *           before it acquires: what it has learnt by the operation is not what happens before it. The words forget what
 *           an earlier turn published, as that is not ordered before a later partner. Both happen under the channel's
 *           lock, so a word has the partner's clock and nobody else's.
 *           A partner that is parked is spoken for, as if its value had gone through the slot.
 * Unbuffered: each gets what the other had done when it began. The one that is parked published that before; what it gets waits
 *           in its own words (struct weft__race_words), because the channel may be gone when it runs.
 * Close:    closed is published by close, and acquired by a receive that it ends. A timer's channel has it for the call that
 *           set the timer.
 * Use:      a send reads the byte used, close writes it, so that a send beside a close is reported, as in Go.
 * Room:     channels of more than SLOTS elements (which may have none at all to hold: C-10) share words among slots, which then
 *           keep what earlier ones released: more order than there is, never less. */
#ifndef WEFT_CHAN_RACE_H
#define WEFT_CHAN_RACE_H

#include "chan/chan.h"
#include "sched/race.h"

#ifdef WEFT_RACE_REPORTS

#define WEFT__RACE_SLOTS 4096u

static inline uint64_t weft__race_slots(uint64_t capacity)
{
    return capacity < WEFT__RACE_SLOTS ? capacity : WEFT__RACE_SLOTS;
}

static inline unsigned char *weft__race_sent(const struct weft__chan *chan, uint64_t index)
{
    return &chan->race_words[index % weft__race_slots(chan->capacity)];
}

static inline unsigned char *weft__race_taken(const struct weft__chan *chan, uint64_t index)
{
    return weft__race_sent(chan, index) + weft__race_slots(chan->capacity);
}

static inline void weft__race_tell(const struct weft__chan *chan, unsigned char *word)
{
    if (chan->capacity <= WEFT__RACE_SLOTS)
        weft__race_publish(word);
    else
        weft__race_release(word);
}

/* Under the lock, as all that follow: the caller sends into a slot. */
static inline void weft__race_put(const struct weft__chan *chan, uint64_t index)
{
    weft__race_tell(chan, weft__race_sent(chan, index));
    weft__race_acquire(weft__race_taken(chan, index));
}

/* The caller has received from the slot before head; sender, who was parked, sends into it next (NULL: nobody). */
static inline void weft__race_get(const struct weft__chan *chan, struct weft__task *sender)
{
    uint64_t index = chan->head == 0 ? chan->capacity - 1 : chan->head - 1;
    if (chan->timed) {
        weft__race_acquire(&chan->race_closed);
        return;
    }
    weft__race_tell(chan, weft__race_taken(chan, index));
    if (sender != NULL)
        weft__race_publish(&sender->race.in);
    weft__race_acquire(weft__race_sent(chan, index));
    if (sender != NULL)
        weft__race_publish_as(sender, weft__race_sent(chan, index));
}

/* The caller sends to a parked receiver: without a buffer, or as if through the next slot. */
static inline void weft__race_hand_over(struct weft__chan *chan, struct weft__task *receiver)
{
    weft__race_publish(&receiver->race.in);
    if (chan->capacity == 0) {
        weft__race_acquire(&receiver->race.out);
        return;
    }
    weft__race_put(chan, chan->head);
    weft__race_publish_as(receiver, weft__race_taken(chan, chan->head));
    chan->head = chan->head + 1 == chan->capacity ? 0 : chan->head + 1;
}

/* The caller receives from a parked sender, without a buffer. */
static inline void weft__race_take_over(struct weft__task *sender)
{
    weft__race_publish(&sender->race.in);
    weft__race_acquire(&sender->race.out);
}

#else

#define weft__race_put(chan, index) ((void)0)
#define weft__race_get(chan, sender) ((void)0)
#define weft__race_hand_over(chan, receiver) ((void)0)
#define weft__race_take_over(sender) ((void)0)

#endif

#endif
