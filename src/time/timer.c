/* SPDX-License-Identifier: Apache-2.0
 *
 * timer.c - timers and tickers with a channel, and the operations that all kinds of timers share.
 *
 * Data:       one block: the channel (room for one value), the next due time, the period. No list, no heap.
 * Invariants: (under the channel's lock) a value in the channel was due after the last stop or reset, and is the due time of its
 *             tick, not the time of the look; not armed => when is INT64_MAX; a ticker is armed until it is stopped.
 * Locks:      the channel's (rank CHAN) protects everything; nothing else is taken under it but the clock's reading.
 * Callers:    goroutines and threads; not signal handlers.
 *
 * Nothing fires into the channel. Whoever wants to receive asks poll first, under the channel's lock: it compares the due
 * time with the clock and puts the value in. Who finds nothing parks with the due time as its own deadline, and asks
 * again (chan.h, timer channels). That gives Go 1.23's rules without a second look:
 *   - a timer that nobody waits for is in no heap, costs nothing, and keeps no deadlock from being seen (D-03, T-09);
 *   - no value is ever on its way, so stop and reset need only empty the channel and change the due time (T-03); those who
 *     are parked are told to ask again, and sleep until the new instant, or for ever (T-07);
 *   - several receivers ask one after the other, the first takes the tick (T-10).
 * The alternative, a timer in the heap while somebody waits, whose firing delivers to the oldest receiver, saves the wakes of
 * the receivers that come too late, which matters when many wait on one ticker. It needs a firing that takes the channel's
 * lock after the heap's (against the rank), a reference that keeps the timer alive between the two, and a generation
 * number to tell an overtaken firing. Not worth it for a channel that nearly always has one receiver.
 *
 * Ticks: the k-th is due at start + k * period for ever. poll puts in the tick that is due and moves on to the first due
 * time after now; the ones between are dropped (T-06). */
#include "time/timer.h"

#include "port/port.h"

static const struct weft_site timer_site = {"src/time/timer.c", "weft_timer_new", 0, 0};
static const struct weft_site ticker_site = {"src/time/timer.c", "weft_ticker_new", 0, 0};

/* The first due + k * period after now, k > 0; INT64_MAX when the clock cannot get there. due <= now, period > 0. */
static int64_t tick_after(int64_t due, int64_t period, int64_t now)
{
    int64_t skip = (now - due) / period + 1;
    return skip > (INT64_MAX - due) / period ? INT64_MAX : due + skip * period;
}

static int64_t poll(struct weft__chan_source *source, struct weft__chan *chan)
{
    struct weft__chan_timer *t = WEFT__TIME_CONTAINER(source, struct weft__chan_timer, source);
    ASSERT(weft__lock_is_taken(&chan->lock));
    if (t->when == INT64_MAX)
        return INT64_MAX;
    int64_t now = weft__now();
    if (now < t->when)
        return t->when;
    int64_t due = t->when;
    if (t->period > 0) {
        t->when = tick_after(due, t->period, now);
    } else {
        t->when = INT64_MAX;
        t->armed = false;
    }
    /* A value that a select found but did not choose may still be there: then this tick is one that nobody takes. */
    (void)weft__chan_offer(chan, &due);
    return t->when;
}

void weft__chan_timer_init(struct weft__chan_timer *t, enum weft__timer_kind kind, int64_t duration,
                           const struct weft_site *site)
{
    t->timer.kind = kind;
    t->armed = true;
    t->when = weft__deadline(duration);
    t->period = kind == WEFT__TIMER_TICKER ? duration : 0;
    t->source.poll = poll;
    weft__chan_init_timed(&t->chan, &t->element, sizeof t->element, &t->source, site);
    weft__race_publish(&t->chan.race_closed); /* happens before the receive of its value, as what sets it anew */
}

static weft_timer *chan_timer_new(enum weft__timer_kind kind, int64_t duration, const struct weft_site *site)
{
    struct weft__chan_timer *t = weft__port_alloc(sizeof *t, _Alignof(struct weft__chan_timer));
    if (!t)
        return NULL;
    weft__chan_timer_init(t, kind, duration, site);
    return &t->timer;
}

/* Give it a new due time, or none, and forget the old one's value. Returns whether there was one to come or to receive.
 * duration is a ticker's new period; it does not count when armed is false. */
static bool chan_timer_set(struct weft__chan_timer *t, bool armed, int64_t when, int64_t duration)
{
    weft__chan_lock(&t->chan);
    bool was_armed = t->armed;
    bool was_full = weft__chan_withdraw(&t->chan);
    t->armed = armed;
    t->when = when;
    if (armed)
        weft__race_publish(&t->chan.race_closed);
    if (armed && t->timer.kind == WEFT__TIMER_TICKER)
        t->period = duration;
    if (was_armed || armed)
        weft__chan_unlock_retry(&t->chan);
    else
        weft__chan_unlock(&t->chan);
    return was_armed || was_full;
}

static struct weft__chan_timer *as_chan_timer(weft_timer *timer)
{
    return WEFT__TIME_CONTAINER(timer, struct weft__chan_timer, timer);
}

weft_timer *weft_timer_new(int64_t duration)
{
    return chan_timer_new(WEFT__TIMER_ONCE, duration, &timer_site);
}

weft_timer *weft_ticker_new(int64_t period)
{
    return period > 0 ? chan_timer_new(WEFT__TIMER_TICKER, period, &ticker_site) : NULL;
}

bool weft_timer_stop(weft_timer *timer)
{
    if (!timer)
        weft__panic("stop of a NULL timer");
    if (timer->kind == WEFT__TIMER_FUNC)
        return weft__func_timer_stop(timer);
    return chan_timer_set(as_chan_timer(timer), false, INT64_MAX, 0);
}

bool weft_timer_reset(weft_timer *timer, int64_t duration)
{
    if (!timer)
        weft__panic("reset of a NULL timer");
    if (timer->kind == WEFT__TIMER_FUNC)
        return weft__func_timer_reset(timer, duration);
    if (timer->kind == WEFT__TIMER_TICKER && duration <= 0)
        weft__panic("reset of a ticker to a period of %lld ns, which is not above zero", (long long)duration);
    return chan_timer_set(as_chan_timer(timer), true, weft__deadline(duration), duration);
}

void weft_timer_free(weft_timer *timer)
{
    if (!timer)
        return;
    if (timer->kind == WEFT__TIMER_FUNC) {
        weft__func_timer_free(timer);
        return;
    }
    struct weft__chan_timer *t = as_chan_timer(timer);
    weft__chan_retire(&t->chan);
    weft__port_free(t);
}

void *weft_timer_chan_untyped(weft_timer *timer)
{
    if (!timer)
        weft__panic("channel of a NULL timer");
    return timer->kind == WEFT__TIMER_FUNC ? NULL : &as_chan_timer(timer)->chan;
}
