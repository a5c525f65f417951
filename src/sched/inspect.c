/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect.c - what reports may ask about goroutines. */
#include "sched/runtime.h"

struct each {
    bool (*fn)(const struct weft__goroutine_report *report, void *arg);
    void *arg;
};

static const char *state_text(uint32_t state)
{
    return state == WEFT__RUNNABLE  ? "runnable"
           : state == WEFT__WAITING ? "waiting"
           : state == WEFT__BLOCKED ? "blocking call"
                                    : "running";
}

static bool report_one(struct goroutine *g, void *arg)
{
    const struct each *each = arg;
    if (g->lost)
        return true;
    uint32_t state = weft__load_acquire(&g->task.state); /* pairs with its owner's release */
    struct weft__goroutine_report report = {.task = &g->task,
                                            .state = state_text(state),
                                            .waiting = g->held && state == WEFT__WAITING,
                                            .suspended = g->held ? g->task.sp : NULL,
                                            .room = g->held ? (size_t)((char *)g->task.sp - g->stack_low) : 0,
                                            .is_main = g->is_main,
                                            .is_locked = weft__load_relaxed(&g->task.is_locked)}; /* for a text */
    return each->fn(&report, each->arg);
}

void weft__goroutines_each(bool (*fn)(const struct weft__goroutine_report *report, void *arg), void *arg)
{
    struct each each = {fn, arg};
    weft__stack_each(report_one, &each);
}

const struct weft__task *weft__overflowed(const void *address, size_t *size)
{
    struct goroutine *g = weft__stack_overflowed(address);
    if (g == NULL)
        return NULL;
    *size = g->stack_size;
    return &g->task;
}
