/* SPDX-License-Identifier: Apache-2.0
 *
 * deadlock.c - the report of a program that can never go on: every goroutine, what it waits on, where it was spawned, its
 * frames; with very many of them, the first ones in full and the rest counted. Runs in the thread that called weft_run, while
 * all machines are idle. Exit code 2. */
#include <stdio.h>
#include <string.h>

#include "debug/debug.h"

#define IN_FULL 100

struct census {
    size_t seen, receivers;
    bool main_has_ended;
    struct weft__symbols *symbols;
};

static bool print_one(const struct weft__goroutine_report *report, void *arg)
{
    struct census *census = arg;
    const struct weft__wait_reason *reason = report->waiting ? report->task->reason : NULL;
    census->seen++;
    if (reason != NULL && strncmp(reason->text, "chan receive", 12) == 0)
        census->receivers++;
    if (census->seen > IN_FULL)
        return true;
    char what[512], more[400] = "";
    if (reason != NULL && reason->describe != NULL)
        reason->describe(report->task->object, more, sizeof more);
    snprintf(what, sizeof what, "%s%s%s", reason != NULL ? reason->text : report->state, more[0] != 0 ? " " : "", more);
    weft__out(WEFT__STDERR, "\n");
    weft__out_task(WEFT__STDERR, report->task, what);
    if (report->suspended != NULL) {
        struct weft__trace trace;
        weft__trace_take_of(&trace, report->suspended);
        weft__trace_print(WEFT__STDERR, census->symbols, trace.frames, trace.count);
    }
    weft__out_created(WEFT__STDERR, report->task, report->is_main);
    return true;
}

static void print_all(void *arg)
{
    struct census *census = arg;
    weft__out(WEFT__STDERR, "fatal error: %s\n",
              census->main_has_ended ? "no goroutines (main called weft_exit) - deadlock!"
                                     : "all goroutines are asleep - deadlock!");
    weft__out_simulated(WEFT__STDERR);
    weft__goroutines_each(print_one, census);
    if (census->seen > IN_FULL)
        weft__out(WEFT__STDERR, "\n... and %zu more goroutines\n", census->seen - IN_FULL);
    if (census->receivers > 0)
        weft__out(WEFT__STDERR, "\nhint: a goroutine receives from a channel that nobody can send to any more. "
                                "Is a weft_chan_close missing after the last send?\n");
}

static void print_with_symbols(void *arg)
{
    struct census *census = arg;
    census->symbols = weft__symbols_open();
    print_all(census);
    weft__symbols_close(census->symbols);
}

void weft__report_deadlock(bool main_has_ended)
{
    struct census census = {.main_has_ended = main_has_ended};
    weft__report_begin();
    if (!weft__on_big_stack(print_with_symbols, &census))
        print_all(&census);
    weft__report_end();
}
