/* SPDX-License-Identifier: Apache-2.0
 *
 * reports.c - what a report says about a task that waits in a channel operation, and how such a task is forgotten when
 * the run ends: its waiters leave their channels, which may then be used again or freed.
 *
 * Locks:   describe takes none, and reads channels by way of the kernel: they may change, or be gone. abandon takes each
 *          channel's, because plain threads may go on using it.
 * Callers: the reporters of the debug room; the scheduler at the end of a run. */
#include <stdarg.h>
#include <stdio.h>

#include "chan/operation.h"
#include "chan/reports.h"
#include "port/port.h"

/* Text that is added up in a buffer; what does not fit is cut off. */
struct text {
    char *buffer;
    size_t size, length;
};

static __attribute__((format(printf, 2, 3))) void add(struct text *text, const char *format, ...)
{
    if (text->length >= text->size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(text->buffer + text->length, text->size - text->length, format, arguments);
    va_end(arguments);
    text->length += added > 0 ? (size_t)added : 0;
}

static void add_site(struct text *text, const struct weft_site *at)
{
    struct weft_site site;
    char file[200];
    if (at && weft__port_peek(&site, at, sizeof site) && weft__port_peek_text(file, site.file, sizeof file))
        add(text, " made at %s:%d", file, site.line);
}

/* chan is one that a goroutine was seen to wait on: another one may have woken it and freed the channel since. */
static void add_chan(struct text *text, const struct weft__chan *chan)
{
    struct weft__chan copy;
    if (!weft__port_peek(&copy, chan, sizeof copy)) {
        add(text, "chan %p", (const void *)chan);
        return;
    }
    if (copy.timed)
        add(text, "timer chan %p", (const void *)chan);
    else if (copy.done)
        add(text, "context's done chan %p", (const void *)chan);
    else
        add(text, "chan %p (%lu-byte elements, %llu of %llu buffered%s)", (const void *)chan,
            (unsigned long)copy.element_size, (unsigned long long)weft__chan_count(&copy),
            (unsigned long long)copy.capacity, weft__chan_is_closed(&copy) ? ", closed" : "");
    add_site(text, copy.site);
}

static void describe_parked(const void *object, char *buffer, size_t size)
{
    const struct weft__parked *parked = object;
    struct text text = {buffer, size, 0};
    add(&text, "on ");
    add_chan(&text, parked->chan);
}

static void describe_select(const void *object, char *buffer, size_t size)
{
    const struct weft__select *select = object;
    struct text text = {buffer, size, 0};
    add(&text, "on");
    for (size_t i = 0; i < select->count; i++) {
        const struct weft_select_case *one = &select->cases[i];
        if (one->operation == WEFT_SELECT_TIMEOUT) {
            add(&text, "%s case %zu: a time-out", i ? "," : "", i);
        } else if (one->operation != WEFT_SELECT_DEFAULT) {
            add(&text, "%s case %zu: %s ", i ? "," : "", i,
                one->operation == WEFT_SELECT_SEND ? "send to" : "receive from");
            if (one->channel)
                add_chan(&text, one->channel);
            else
                add(&text, "a nil chan");
        }
    }
    if (select->count == 0)
        add(&text, " nothing");
}

static void leave(struct weft__chan *chan, weft__waiters *list, struct weft__waiter *waiter)
{
    weft__chan_lock(chan);
    if (waiter->listed)
        weft__waiters_remove(list, waiter);
    weft__chan_unlock(chan);
}

static void abandon_parked(void *object)
{
    struct weft__parked *parked = object;
    leave(parked->chan, parked->list, &parked->waiter);
}

static void abandon_select(void *object)
{
    struct weft__select *select = object;
    for (size_t i = 0; i < select->count; i++) {
        struct weft_select_case *one = &select->cases[i];
        if (weft__case_is_active(one))
            leave(one->channel, weft__case_list(one), weft__case_waiter(one));
    }
}

const struct weft__wait_reason weft__reason_send = {"chan send", describe_parked, abandon_parked};
const struct weft__wait_reason weft__reason_recv = {"chan receive", describe_parked, abandon_parked};
const struct weft__wait_reason weft__reason_send_nil = {"chan send (nil chan)", NULL, NULL};
const struct weft__wait_reason weft__reason_recv_nil = {"chan receive (nil chan)", NULL, NULL};
const struct weft__wait_reason weft__reason_select = {"select", describe_select, abandon_select};
const struct weft__wait_reason weft__reason_select_never = {"select (no cases)", describe_select, NULL};
