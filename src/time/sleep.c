/* SPDX-License-Identifier: Apache-2.0
 *
 * sleep.c - the monotonic clock and sleeping.
 *
 * Data:    none. A sleeping goroutine's deadline lies on its own stack, within weft__park_until: sleeping allocates nothing.
 * Locks:   none.
 * Callers: goroutines park; plain threads sleep in the kernel, whether a run is going on or not. A signal handler may
 *          only read the clock.
 *
 * With a context a sleep is a select over a time-out and the context's done channel. Otherwise
 * nobody but the clock ends a sleep, so the claim that weft__park_until asks for has no second taker. A sleep for ever
 * (a deadline past the clock's end) is a wait that nothing ends and is reported as such when all the others are asleep too. */
#include <weft/context.h>
#include <weft/time.h>

#include "port/port.h"
#include "sched/sched.h"

static const struct weft__wait_reason sleeping = {.text = "sleep"};

static void nothing_to_let_go(void *arg)
{
    (void)arg;
}

int64_t weft_now(void)
{
    return weft__now();
}

void weft_sleep(int64_t duration)
{
    if (duration <= 0)
        return;
    struct weft__task *self = weft__self();
    if (self->is_thread) {
        weft__port_thread_sleep(duration);
        return;
    }
    weft__claim claim = WEFT__UNCLAIMED;
    weft__park_until(self, &sleeping, NULL, nothing_to_let_go, NULL, weft__deadline(duration), &claim);
}

int weft_sleep_ctx(weft_context *context, int64_t duration)
{
    int error = weft_context_err(context);
    if (error != 0 || duration <= 0)
        return error;
    void *done = weft_context_done_untyped(context);
    if (done == NULL) {
        weft_sleep(duration);
        return 0;
    }
    struct weft_select_case cases[] = {
        {.operation = WEFT_SELECT_TIMEOUT, .duration = duration},
        {.operation = WEFT_SELECT_RECV, .channel = done},
    };
    return weft_select(cases, 2) == 0 ? 0 : weft_context_err(context);
}
