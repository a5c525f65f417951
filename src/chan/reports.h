/* SPDX-License-Identifier: Apache-2.0
 *
 * reports.h - why tasks wait in channel operations: for reports, and for the end of a run. */
#ifndef WEFT_CHAN_REPORTS_H
#define WEFT_CHAN_REPORTS_H

#include "chan/waiters.h"

/* A parked send or receive, in the parker's frame; the object of its wait reason. */
struct weft__parked {
    struct weft__waiter waiter;
    struct weft__chan *chan;
    weft__waiters *list; /* which of the channel's lists the waiter is in */
};

/* A parked select; likewise. */
struct weft__select {
    weft__claim claim;              /* one winner: the index of its case + 1, or WEFT__CLAIMED_BY_TIME */
    uint32_t active;                /* cases that have a channel */
    struct weft_select_case *cases; /* in the caller's order; see select.c */
    size_t count;
};

static inline struct weft__waiter *weft__case_waiter(struct weft_select_case *one)
{
    return (struct weft__waiter *)(void *)one->waiter;
}

static inline bool weft__case_is_active(const struct weft_select_case *one)
{
    return one->channel && (one->operation == WEFT_SELECT_RECV || one->operation == WEFT_SELECT_SEND);
}

static inline weft__waiters *weft__case_list(const struct weft_select_case *one)
{
    struct weft__chan *chan = one->channel;
    return one->operation == WEFT_SELECT_SEND ? &chan->senders : &chan->receivers;
}

extern const struct weft__wait_reason weft__reason_send;         /* object: struct weft__parked */
extern const struct weft__wait_reason weft__reason_recv;         /* object: struct weft__parked */
extern const struct weft__wait_reason weft__reason_send_nil;     /* no object */
extern const struct weft__wait_reason weft__reason_recv_nil;     /* no object */
extern const struct weft__wait_reason weft__reason_select;       /* object: struct weft__select */
extern const struct weft__wait_reason weft__reason_select_never; /* object: struct weft__select without active cases */

#endif
