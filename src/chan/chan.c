/* SPDX-License-Identifier: Apache-2.0
 *
 * chan.c - bounded and rendezvous channels: send, receive, close, and the channel's life.
 *
 * Data:       see chan.h; what happens under the lock is in operation.h.
 * Invariants: (under the lock) a receiver waits => count is 0; a sender waits => count is the capacity; closed => nobody
 *             waits.
 * Locks:      the channel's own, rank CHAN, one at a time here. Tasks are readied after it is let go.
 * Callers:    goroutines park, plain threads wait in their task; signal handlers may not call.
 *
 * An operation that need not wait is one exchange, a copy and one store; the caller's task is looked up only when it
 * parks. The waiter of a parked operation is in the parker's frame.
 *
 * Send and receive are functions without a frame as long as they go the quick way (operation.h): whatever else they do they end with,
 * in a function of its own. */
#include <stdint.h>

#include "chan/operation.h"
#include "chan/reports.h"
#include "port/port.h"

/* Let the lock go and wake whom the operation has served. After the unlock the channel may be gone, after weft__ready the
 * waiter; neither is touched. Always true, as weft__ready. */
static inline bool finish(struct weft__chan *chan, struct weft__task *wake)
{
    weft__chan_unlock(chan);
    return !wake || weft__ready(wake);
}

static void commit_unlock(void *chan)
{
    weft__chan_unlock(chan);
}

static void commit_nothing(void *unused)
{
    (void)unused;
}

/* An operation on the nil channel. */
_Noreturn static __attribute__((noinline, cold)) void wait_for_ever(const struct weft__wait_reason *reason)
{
    for (;;)
        weft__park(weft__self(), reason, NULL, commit_nothing, NULL);
}

_Noreturn static __attribute__((noinline, cold)) void panic_unlocked(struct weft__chan *chan, const char *message)
{
    weft__chan_unlock(chan);
    weft__panic("%s", message);
}

/* Under the lock. What only selects use of a waiter stays as it is: without a claim nobody looks at it. */
static inline void wait_in(struct weft__parked *parked, struct weft__task *self, void *value, struct weft__chan *chan,
                           weft__waiters *list)
{
    parked->waiter.task = self;
    parked->waiter.value = value;
    parked->waiter.claim = NULL;
    parked->chan = chan;
    parked->list = list;
    weft__waiters_add(list, &parked->waiter);
}

/* --- send ------------------------------------------------------------------------------------------------------------ */

static bool send_parked(void *channel, void *value)
{
    struct weft__chan *chan = channel;
    struct weft__task *self = weft__self();
    struct weft__parked parked;

    wait_in(&parked, self, value, chan, &chan->senders);
    weft__race_publish(&self->race.out);
    weft__park(self, &weft__reason_send, &parked, commit_unlock, chan);
    weft__race_acquire(&self->race.in);
    if (WEFT__UNLIKELY(parked.waiter.result == WEFT__WAITER_CLOSED))
        weft__panic("send on closed channel");
    return true;
}

static void send_held(struct weft__chan *chan, const void *value);

/* Under the lock. */
static inline __attribute__((always_inline)) void send_locked(struct weft__chan *chan, const void *value, bool quick)
{
    struct weft__task *wake;
    enum weft__outcome outcome = weft__chan_put(chan, value, &wake, quick);
    if (WEFT__LIKELY(outcome == WEFT__DONE))
        finish(chan, wake);
    else if (outcome == WEFT__WOULD_WAIT)
        weft__arch_wait(chan, (void *)value, send_parked);
    else if (quick)
        send_held(chan, value); /* which panics, if the channel is closed */
    else
        panic_unlocked(chan, "send on closed channel");
}

static __attribute__((noinline)) void send_held(struct weft__chan *chan, const void *value)
{
    send_locked(chan, value, !WEFT__QUICK);
}

/* Somebody else has the lock. */
static __attribute__((noinline)) void send_after_all(struct weft__chan *chan, const void *value)
{
    weft__chan_lock_after_all(chan);
    send_held(chan, value);
}

static __attribute__((noinline)) void send_slowly(struct weft__chan *chan, const void *value)
{
    weft__chan_lock(chan);
    send_held(chan, value);
}

void weft_chan_send_untyped(void *channel, const void *value)
{
    struct weft__chan *chan = channel;
    if (WEFT__UNLIKELY(!chan))
        wait_for_ever(&weft__reason_send_nil);
    weft__race_read(&chan->race_used, 1, WEFT__RACE_CALLER);
    weft__race_read(value, chan->element_size, WEFT__RACE_CALLER);

    if (WEFT__UNLIKELY(!chan->quick))
        send_slowly(chan, value);
    else if (WEFT__LIKELY(weft__chan_lock_at_once(chan)))
        send_locked(chan, value, WEFT__QUICK);
    else
        send_after_all(chan, value);
}

bool weft_chan_try_send_untyped(void *channel, const void *value)
{
    struct weft__chan *chan = channel;
    if (!chan || weft__chan_cannot_send(chan))
        return false;
    weft__race_read(&chan->race_used, 1, WEFT__RACE_CALLER);
    weft__race_read(value, chan->element_size, WEFT__RACE_CALLER);

    struct weft__task *wake;
    weft__chan_lock(chan);
    enum weft__outcome outcome = weft__chan_put(chan, value, &wake, !WEFT__QUICK);
    if (WEFT__UNLIKELY(outcome == WEFT__CLOSED))
        panic_unlocked(chan, "send on closed channel");
    finish(chan, wake);
    return outcome == WEFT__DONE;
}

/* --- receive --------------------------------------------------------------------------------------------------------- */

static bool recv_parked(void *channel, void *value)
{
    struct weft__chan *chan = channel;
    struct weft__task *self = weft__self();
    struct weft__parked parked;

    wait_in(&parked, self, value, chan, &chan->receivers);
    parked.waiter.element_size = chan->element_size;
    weft__race_publish(&self->race.out);
    weft__park(self, &weft__reason_recv, &parked, commit_unlock, chan);
    weft__race_acquire(&self->race.in);
    if (WEFT__LIKELY(parked.waiter.result == WEFT__WAITER_SERVED))
        return true;
    weft__element_clear(parked.waiter.value, parked.waiter.element_size); /* closed; the channel itself may be gone */
    return false;
}

/* Receive from a timer's channel: ask the source, and sleep until it says that asking again makes sense. */
static __attribute__((noinline)) bool recv_timed(struct weft__chan *chan, void *value)
{
    for (;;) {
        struct weft__task *wake;
        weft__chan_lock(chan);
        int64_t next = chan->source->poll(chan->source, chan);
        if (weft__chan_get(chan, value, &wake, !WEFT__QUICK) == WEFT__DONE) {
            finish(chan, wake);
            return true;
        }
        struct weft__task *self = weft__self();
        weft__claim claim = WEFT__UNCLAIMED;
        struct weft__parked parked = {
            .waiter = {.task = self, .value = value, .claim = &claim}, .chan = chan, .list = &chan->receivers};
        weft__waiters_add(&chan->receivers, &parked.waiter);
        weft__park_until(self, &weft__reason_recv, &parked, commit_unlock, chan, next, &claim);
        /* relaxed: whoever has won the claim readied this task afterwards, which orders it. */
        if (weft__load_relaxed(&claim) != WEFT__CLAIMED_BY_TIME) {
            if (parked.waiter.result == WEFT__WAITER_SERVED)
                return true;
            continue;
        }
        weft__chan_lock(chan);
        if (parked.waiter.listed)
            weft__waiters_remove(&chan->receivers, &parked.waiter);
        weft__chan_unlock(chan);
    }
}

/* Without the lock. */
static __attribute__((noinline)) bool recv_finished(struct weft__chan *chan, void *value)
{
    weft__race_acquire(&chan->race_closed);
    weft__element_clear(value, chan->element_size);
    return false;
}

/* Under the lock. */
static __attribute__((noinline)) bool recv_closed(struct weft__chan *chan, void *value)
{
    uint32_t element_size = chan->element_size;
    weft__chan_unlock(chan);
    weft__element_clear(value, element_size);
    return false;
}

static bool recv_held(struct weft__chan *chan, void *value);

/* Under the lock. */
static inline __attribute__((always_inline)) bool recv_locked(struct weft__chan *chan, void *value, bool quick)
{
    struct weft__task *wake;
    enum weft__outcome outcome = weft__chan_get(chan, value, &wake, quick);
    if (WEFT__LIKELY(outcome == WEFT__DONE))
        return finish(chan, wake);
    if (outcome == WEFT__WOULD_WAIT)
        return weft__arch_wait(chan, value, recv_parked);
    return quick && outcome == WEFT__NOT_QUICK ? recv_held(chan, value) : recv_closed(chan, value);
}

static __attribute__((noinline)) bool recv_held(struct weft__chan *chan, void *value)
{
    return recv_locked(chan, value, !WEFT__QUICK);
}

/* Somebody else has the lock. */
static __attribute__((noinline)) bool recv_after_all(struct weft__chan *chan, void *value)
{
    weft__chan_lock_after_all(chan);
    return recv_held(chan, value);
}

static __attribute__((noinline)) bool recv_slowly(struct weft__chan *chan, void *value)
{
    if (chan->timed)
        return recv_timed(chan, value);
    weft__chan_lock(chan);
    return recv_held(chan, value);
}

static inline bool receive(struct weft__chan *chan, void *value)
{
    if (WEFT__UNLIKELY(weft__chan_is_finished(chan))) /* a timed one never is */
        return recv_finished(chan, value);
    if (WEFT__UNLIKELY(!chan->quick))
        return recv_slowly(chan, value);
    return WEFT__LIKELY(weft__chan_lock_at_once(chan)) ? recv_locked(chan, value, WEFT__QUICK)
                                                       : recv_after_all(chan, value);
}

bool weft_chan_recv_untyped(void *channel, void *value)
{
    struct weft__chan *chan = channel;
    if (WEFT__UNLIKELY(!chan))
        wait_for_ever(&weft__reason_recv_nil);
    weft__race_remember(uint32_t size = chan->element_size);
    bool received = receive(chan, value);
    weft__race_write(value, size, WEFT__RACE_CALLER);
    return received;
}

/* Not parked: 1 with a value, 0 closed and drained, -1 it would wait. */
static inline int try_recv(struct weft__chan *chan, void *value)
{
    uint32_t element_size = chan->element_size;
    if (WEFT__LIKELY(!chan->timed)) {
        if (weft__chan_cannot_recv(chan))
            return -1;
        if (weft__chan_is_finished(chan)) {
            weft__race_acquire(&chan->race_closed);
            weft__element_clear(value, element_size);
            return 0;
        }
    }
    struct weft__task *wake;
    weft__chan_lock(chan);
    if (WEFT__UNLIKELY(chan->timed))
        chan->source->poll(chan->source, chan);
    enum weft__outcome outcome = weft__chan_get(chan, value, &wake, !WEFT__QUICK);
    finish(chan, wake);
    if (outcome == WEFT__CLOSED)
        weft__element_clear(value, element_size);
    return outcome == WEFT__DONE ? 1 : outcome == WEFT__CLOSED ? 0 : -1;
}

bool weft_chan_try_recv_untyped(void *channel, void *value, bool *ok)
{
    weft__race_remember(uint32_t size = channel ? ((struct weft__chan *)channel)->element_size : 0);
    int result = channel ? try_recv(channel, value) : -1;
    if (result >= 0)
        weft__race_write(value, size, WEFT__RACE_CALLER);
    weft__race_write(ok, sizeof *ok, WEFT__RACE_CALLER);
    if (ok)
        *ok = result > 0;
    return result >= 0;
}

/* --- close ----------------------------------------------------------------------------------------------------------- */

/* Under the lock: take everybody off a list. A waiter's frame may be gone once its task is ready. */
static void dismiss(weft__waiters *list, enum weft__waiter_result result, struct weft__woken *woken)
{
    struct weft__waiter *waiter;
    while ((waiter = weft__waiters_take(list, weft__waiters_oldest(list), !WEFT__QUICK)) != NULL) {
        waiter->result = (uint8_t)result;
        if (result == WEFT__WAITER_CLOSED)
            weft__race_publish(&waiter->task->race.in);
        weft__woken_add(woken, waiter->task);
    }
}

void weft_chan_close_untyped(void *channel)
{
    struct weft__chan *chan = channel;
    if (WEFT__UNLIKELY(!chan))
        weft__panic("close of nil channel");

    weft__chan_lock(chan);
    if (WEFT__UNLIKELY(weft__chan_is_closed(chan)))
        panic_unlocked(chan, "close of closed channel");
    if (WEFT__UNLIKELY(!chan->block))
        panic_unlocked(chan, chan->timed ? "close of a timer's channel" : "close of a context's channel");
    weft__race_write(&chan->race_used, 1, WEFT__RACE_CALLER);
    weft__chan_close_unlock(chan);
}

void weft__chan_close_unlock(struct weft__chan *chan)
{
    ASSERT(weft__lock_is_taken(&chan->lock));
    weft__race_publish(&chan->race_closed);
    /* release: pairs with the load of weft__chan_is_finished, which takes no lock. */
    weft__store_release(&chan->closed, true);
    struct weft__woken woken = {.count = 0};
    dismiss(&chan->receivers, WEFT__WAITER_CLOSED, &woken);
    dismiss(&chan->senders, WEFT__WAITER_CLOSED, &woken);
    weft__chan_unlock(chan);
    weft__woken_ready(&woken);
}

/* --- length, capacity ------------------------------------------------------------------------------------------------ */

size_t weft_chan_len_untyped(const void *channel)
{
    const struct weft__chan *chan = channel;
    if (!chan || chan->timed)
        return 0;
    /* relaxed: the number promises nothing about anything else (C-09). */
    return weft__load_relaxed(&((struct weft__chan *)chan)->count);
}

size_t weft_chan_cap_untyped(const void *channel)
{
    const struct weft__chan *chan = channel;
    return !chan || chan->timed ? 0 : chan->capacity;
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

enum {
    LINE = 64,            /* a cache line: where a channel starts, so that its first 64 bytes are one */
    MALLOC_ALIGNMENT = 16 /* what malloc gives without being asked */
};

static void set_up(struct weft__chan *chan, void *ring, uint32_t element_size, uint64_t capacity,
                   const struct weft_site *site)
{
    memset(chan, 0, sizeof *chan);
    chan->capacity = capacity;
    chan->ring = ring;
    chan->element_size = element_size;
    chan->site = site;
    weft__store_relaxed(&chan->references, 1u); /* nobody else knows of it */
}

static __attribute__((cold, noinline)) void *refuse(const struct weft_site *site, const char *what, long long number)
{
    weft__warn("%s:%d: no channel: %s (%lld)", site ? site->file : "?", site ? site->line : 0, what, number);
    return NULL;
}

/* Said once: a program that comes to its memory's end gets NULL again and again, and the line would tell nothing new. */
static __attribute__((cold, noinline)) void *refuse_memory(const struct weft_site *site, long long capacity)
{
    static WEFT__ATOMIC(uint32_t) said;
    uint32_t no = 0; /* relaxed: who says it matters, nothing else */
    return weft__cas_relaxed(&said, &no, 1u) ? refuse(site, "there is no memory for its capacity", capacity) : NULL;
}

void *weft_chan_make_untyped(size_t element_size, size_t alignment, int64_t capacity, const struct weft_site *site)
{
    if (element_size > WEFT_CHAN_ELEMENT_MAX)
        return refuse(site, "its elements are larger than 65536 bytes", (long long)element_size);
    if (alignment == 0 || alignment > 4096 || (alignment & (alignment - 1)) != 0)
        return refuse(site, "its elements' alignment is not a power of two up to 4096", (long long)alignment);
    if (capacity < 0)
        return refuse(site, "its capacity is negative", capacity);

    /* The block: up to the next line | channel | up to the alignment | elements. malloc and the rounding by hand cost a
     * third of an aligned allocation; only what is aligned to more than a line pays for that. */
    size_t ring_at = (sizeof(struct weft__chan) + alignment - 1) & ~(alignment - 1);
    size_t slack = alignment > LINE ? 0 : LINE - MALLOC_ALIGNMENT;
    size_t size;
    if (__builtin_mul_overflow((size_t)capacity, element_size, &size) ||
        __builtin_add_overflow(size, ring_at + slack, &size) || size > PTRDIFF_MAX)
        return refuse(site, "its capacity is more than memory can be addressed for", capacity);
    weft__race_remember(size_t words_at = size - slack);
    weft__race_remember(size += 2 * weft__race_slots((uint64_t)capacity));
    weft__race_enter(WEFT__RACE_CALLER); /* a report about the channel says where it was made */
    void *block = weft__port_alloc(size, alignment > LINE ? alignment : MALLOC_ALIGNMENT);
    weft__race_leave();
    if (!block)
        return refuse_memory(site, capacity);

    struct weft__chan *chan = (void *)(((uintptr_t)block + slack) & ~(uintptr_t)(slack ? LINE - 1 : 0));
    set_up(chan, (unsigned char *)chan + ring_at, (uint32_t)element_size, (uint64_t)capacity, site);
    chan->block = block;
    chan->quick = weft__element_is_moved(element_size);
    weft__race_remember(chan->race_words = (unsigned char *)chan + words_at);
    return chan;
}

/* The last owner has gone. Taking the lock waits for an operation that has told somebody else of its success but not yet
 * left (C-14); nobody can come after it. If somebody waits the caller owns the channel still, in case that the panic is
 * contained. */
static void take_for_good(struct weft__chan *chan)
{
    weft__chan_lock(chan);
    if (WEFT__UNLIKELY(weft__waiters_oldest(&chan->receivers) || weft__waiters_oldest(&chan->senders))) {
        weft__store_relaxed(&chan->references, 1u); /* nobody else has a reference */
        panic_unlocked(chan, "free of a channel that goroutines wait on");
    }
    weft__lock_rank_left(&chan->lock, WEFT__RANK_CHAN);
}

void *weft_chan_retain_untyped(void *channel)
{
    struct weft__chan *chan = channel;
    if (chan) /* relaxed: the caller is an owner, so the count cannot be on its way to zero */
        weft__add_relaxed(&chan->references, 1u);
    return chan;
}

void weft_chan_release_untyped(void *channel)
{
    struct weft__chan *chan = channel;
    if (!chan)
        return;
    if (WEFT__UNLIKELY(!chan->block))
        weft__panic(chan->timed ? "free of a timer's channel" : "free of a context's channel");
    /* acq_rel: the last owner sees what the others did; pairs with itself in the other owners. */
    if (weft__add_acq_rel(&chan->references, -1u) != 1)
        return;
    void *block = chan->block;
    take_for_good(chan);
    weft__port_free(block);
}

/* --- for the time room ----------------------------------------------------------------------------------------------- */

void weft__chan_init_timed(struct weft__chan *chan, void *storage, uint32_t element_size,
                           struct weft__chan_source *source, const struct weft_site *site)
{
    set_up(chan, storage, element_size, 1, site);
    chan->source = source;
    chan->timed = true;
}

bool weft__chan_offer(struct weft__chan *chan, const void *value)
{
    ASSERT(weft__lock_is_taken(&chan->lock));
    if (weft__chan_count(chan) != 0)
        return false;
    weft__element_copy(weft__chan_slot(chan, chan->head), value, chan->element_size, !WEFT__QUICK);
    weft__store_relaxed(&chan->count, 1u); /* ordered by the lock: nobody looks at a timed channel without it */
    return true;
}

bool weft__chan_withdraw(struct weft__chan *chan)
{
    ASSERT(weft__lock_is_taken(&chan->lock));
    if (weft__chan_count(chan) == 0)
        return false;
    weft__store_relaxed(&chan->count, 0u); /* as in weft__chan_offer */
    return true;
}

static __attribute__((noinline)) void unlock_and_wake(struct weft__chan *chan)
{
    struct weft__woken woken = {.count = 0};
    dismiss(&chan->receivers, WEFT__WAITER_RETRY, &woken);
    weft__chan_unlock(chan);
    weft__woken_ready(&woken);
}

/* Mostly nobody waits: a timer is reset much more often than it is waited for. */
void weft__chan_unlock_retry(struct weft__chan *chan)
{
    if (WEFT__LIKELY(weft__waiters_oldest(&chan->receivers) == NULL))
        weft__chan_unlock(chan);
    else
        unlock_and_wake(chan);
}

void weft__chan_retire(struct weft__chan *chan)
{
    take_for_good(chan);
}

/* --- for the sync room ----------------------------------------------------------------------------------------------- */

void weft__chan_init_done(struct weft__chan *chan)
{
    set_up(chan, NULL, sizeof(bool), 0, NULL);
    chan->done = true;
}
