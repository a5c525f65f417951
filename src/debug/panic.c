/* SPDX-License-Identifier: Apache-2.0
 *
 * panic.c - the end of a program that misused the library, or said so itself; or, where weft_recover contains it, of a function.
 *
 * A panic runs the goroutine's deferred calls first, newest first, each taken off the list before it is made; a panic in one
 * of them goes on with the rest. Then the message (with those that it came on top of), the goroutine, its trace, and exit 2. A
 * fatal error runs no deferred call. Reports of several threads at once: weft__report_begin lets one through (G-03).
 *
 * Contained (recover.c): only the deferred calls that were pushed since run, then the stack is cut back. Nobody waits for the
 * report of such a panic, so it is not announced by weft__panic_begin (G-02, D-05). */
#include <stdarg.h>
#include <stdio.h>

#include <weft/run.h>

#include "debug/recover.h"

/* Down to last, which stays. */
static void run_deferred(struct weft__task *task, const struct weft_deferred *last)
{
    while (task->deferred != last && task->deferred != NULL) {
        struct weft_deferred *deferred = task->deferred;
        task->deferred = deferred->next;
        deferred->owner = NULL;
        deferred->fn(deferred->arg);
    }
}

/* Oldest first, each nested one further in. */
static int print_panics(const struct weft__panic_entry *entry)
{
    if (entry == NULL)
        return 0;
    int depth = print_panics(entry->next);
    weft__out_panic(WEFT__STDERR, depth, entry->message);
    return depth < 8 ? depth + 1 : depth;
}

static _Noreturn void report(struct weft__task *task, const char *message, const struct weft__trace *trace)
{
    weft__report_begin();
    if (message == NULL)
        (void)print_panics(task->panics);
    else
        weft__out(WEFT__STDERR, "fatal error: %s\n", message);
    weft__out_simulated(WEFT__STDERR);
    weft__out(WEFT__STDERR, "\n");
    weft__out_task(WEFT__STDERR, task, "running");
    weft__trace_print_alone(WEFT__STDERR, trace->frames, trace->count);
    weft__out_created(WEFT__STDERR, task, !task->is_thread && weft__task_id(task) == 1);
    weft__report_end();
}

void weft__report_fault(bool panic, const char *message)
{
    struct weft__task *task = weft__self();
    struct weft__trace trace;
    weft__trace_take(&trace); /* before the deferred calls, while the frames are those of the fault */
    if (!panic)
        report(task, message, &trace);
    struct weft__recovery *recovery = task->recoveries;
    struct weft__panic_entry entry = {.next = task->panics, .message = message, .counted = recovery == NULL};
    if (entry.counted)
        weft__panic_begin();
    task->panics = &entry;
    if (recovery != NULL)
        weft__recover_sections(recovery);
    run_deferred(task, recovery != NULL ? recovery->deferred : NULL);
    if (recovery != NULL)
        weft__recover_land(recovery, &trace);
    report(task, NULL, &trace);
}

void weft_panic(const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    weft__panic("%s", message);
}
