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
    weft__out("\n");
    weft__out_task(report->task, what);
    if (report->suspended != NULL)
        weft__out_backtrace_of(report->suspended);
    weft__out_created(report->task, report->is_main);
    return true;
}

void weft__report_deadlock(bool main_has_ended)
{
    struct census census = {0, 0};
    weft__report_begin();
    weft__out("fatal error: %s\n", main_has_ended ? "no goroutines (main called weft_exit) - deadlock!"
                                                  : "all goroutines are asleep - deadlock!");
    weft__goroutines_each(print_one, &census);
    if (census.seen > IN_FULL)
        weft__out("\n... and %zu more goroutines\n", census.seen - IN_FULL);
    if (census.receivers > 0)
        weft__out("\nhint: a goroutine receives from a channel that nobody can send to any more. "
                  "Is a weft_chan_close missing after the last send?\n");
    weft__report_end();
}
