/* SPDX-License-Identifier: Apache-2.0
 *
 * timer.h - what weft_timer is inside: one of two things that share their first member, the kind.
 *
 *   channel timers (timer.c)       once or ticker; also inside weft_after's block (after.c)
 *   function timers (after_func.c)
 */
#ifndef WEFT_TIME_TIMER_H
#define WEFT_TIME_TIMER_H

#include <weft/time.h>

#include "chan/chan.h"

enum weft__timer_kind { WEFT__TIMER_ONCE, WEFT__TIMER_TICKER, WEFT__TIMER_FUNC };

struct weft_timer {
    enum weft__timer_kind kind; /* immutable */
};

#define WEFT__TIME_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A timer with a channel; see timer.c. */
struct weft__chan_timer {
    struct weft_timer timer;
    bool armed;                      /* neither stopped nor (once) done; protected by the channel's lock */
    int64_t when;                    /* the next due time, INT64_MAX: never; protected by the channel's lock */
    int64_t period;                  /* of a ticker, else 0; protected by the channel's lock */
    struct weft__chan_source source; /* immutable */
    int64_t element;                 /* the channel's storage; protected by the channel's lock */
    struct weft__chan chan;
};

/* Give *timer its first due time, duration from now. The memory is the caller's; weft__chan_retire ends it. */
void weft__chan_timer_init(struct weft__chan_timer *timer, enum weft__timer_kind kind, int64_t duration,
                           const struct weft_site *site);

/* The function timers' halves of the public operations. */
bool weft__func_timer_stop(struct weft_timer *timer);
bool weft__func_timer_reset(struct weft_timer *timer, int64_t duration);
void weft__func_timer_free(struct weft_timer *timer);

#endif
