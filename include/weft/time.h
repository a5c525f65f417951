/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/time.h - the monotonic clock, sleeping, timers and tickers. Times are int64_t nanoseconds of CLOCK_MONOTONIC;
 * a duration that would overflow the clock means for ever. Nothing fires early. */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include <weft/base.h>
#include <weft/chan.h>

/* A timer with a channel, or with a function (weft_after_func), or a ticker. */
typedef struct weft_timer weft_timer;

WEFT_BEGIN_DECLS

/** weft_now - nanoseconds on the monotonic clock.
 *  Blocks: never. Callable from: anywhere. Returns: the time since an arbitrary start.
 *  Source: clock_gettime(2), CLOCK_MONOTONIC. */
WEFT_API int64_t weft_now(void);

/** weft_sleep - pause for at least duration nanoseconds; zero or less returns at once.
 *  Blocks: a goroutine parks, a thread sleeps. Callable from: goroutines and threads. Ordering: none.
 *  Source: Go's time.Sleep. */
WEFT_API void weft_sleep(int64_t duration);

/** weft_timer_new - a timer that sends its due time on its channel once, duration nanoseconds from now.
 *  Parameters: duration, zero or less means now. Blocks: never. Callable from: goroutines, and threads during a run.
 *  Note: The channel is unbuffered to the eye (length and capacity 0) and holds no value that a stop or reset has overtaken.
 *  Returns: the timer, to be given back with weft_timer_free; NULL without memory.
 *  Source: Go 1.23's time.NewTimer. */
WEFT_API weft_timer *weft_timer_new(int64_t duration);

/** weft_ticker_new - a timer that sends the due time every period; ticks that nobody takes are dropped, the phase is kept.
 *  Parameters: period in ns, above zero. Blocks: never. Callable from: as weft_timer_new.
 *  Returns: the ticker, to be given back with weft_timer_free; NULL without memory or for a period of zero or less.
 *  Source: Go 1.23's time.NewTicker. */
WEFT_API weft_timer *weft_ticker_new(int64_t period);

/** weft_after_func - call fn(arg) in a goroutine of its own, duration nanoseconds from now.
 *  Blocks: never. Callable from: as weft_timer_new. Ordering: the call happens before fn.
 *  Returns: a timer without a channel, to be given back with weft_timer_free (which does not cancel a call that is
 *  due or running; stop first to cancel); NULL without memory. Source: Go's time.AfterFunc. */
WEFT_API weft_timer *weft_after_func(int64_t duration, void (*fn)(void *arg), void *arg);

/** weft_timer_stop - keep the timer from firing.
 *  Blocks: never; it does not wait for an after_func that has started. Callable from: goroutines and threads.
 *  Returns: true if the call stopped it (its value was not received, its function not started); false if it had
 *  been stopped or had done its work. Note: After it the channel holds no value. Source: Go 1.23's Timer.Stop. */
WEFT_API bool weft_timer_stop(weft_timer *timer);

/** weft_timer_reset - let it fire duration nanoseconds from now (a ticker: that is its new period, above zero).
 *  Blocks: never. Callable from: goroutines and threads.
 *  Returns: true if it was active. Note: No value from before the reset can be received. Source: Go 1.23's Timer.Reset. */
WEFT_API bool weft_timer_reset(weft_timer *timer, int64_t duration);

/** weft_timer_free - stop the timer and give it back. Nobody may wait on its channel. NULL is ignored.
 *  An after_func that is not yet due is cancelled; one that runs goes on. Blocks: never.
 *  Callable from: the owner. Source: who makes it frees it. */
WEFT_API void weft_timer_free(weft_timer *timer);

/** weft_timer_chan_untyped - the timer's channel of int64_t (the due time); weft_timer_chan is the typed form.
 *  Blocks: never. Callable from: the owner. Returns: the channel, owned by the timer; NULL for weft_after_func's.
 *  Source: Go's Timer.C. */
WEFT_API void *weft_timer_chan_untyped(weft_timer *timer);

/** weft_after_untyped - a channel of int64_t that gets the due time once; weft_after is the typed form.
 *  Owner: the calling goroutine. The channel is gone when that goroutine ends, so waiting for it in other goroutines
 *  is not allowed past that; in a loop use weft_on_timeout, which needs no channel. Weft's, not to be freed.
 *  Blocks: never. Callable from: goroutines; elsewhere it panics. Returns: the channel; NULL without memory.
 *  Source: Go's time.After. */
WEFT_API void *weft_after_untyped(int64_t duration);

WEFT_END_DECLS

#ifndef __cplusplus
#define weft_timer_chan(timer) ((weft_recv_chan(int64_t))weft_timer_chan_untyped(timer))
#define weft_after(duration) ((weft_recv_chan(int64_t))weft_after_untyped(duration))
#endif

#endif
