/* SPDX-License-Identifier: Apache-2.0
 *
 * recover.c - a function whose panics end it alone (weft_recover).
 *
 * Data:       one struct recovery in the frame of each call under way, in a list of the task, newest first. The newest one
 *             contains; its mark in the list of deferred calls says which of those are of the function.
 * Invariants: the list's frames are alive, since weft_exit leaves them behind only when the goroutine ends.
 * The way out: setjmp and longjmp of libc, as the sanitizers know them: ThreadSanitizer cuts back its own stack of calls at
 *             longjmp, AddressSanitizer takes its marks off the frames that are left. A hand-written jump would need both
 *             told. Unwinding (_Unwind_ForcedUnwind) would run C++ destructors, but only through code that is compiled with
 *             unwind tables for that (-fexceptions), and past a frame without them it ends the process. A goroutine may
 *             have changed its thread between the two: neither keeps anything of the thread (no signal mask is saved).
 * weft_exit:  passes through. A panic in a deferred call that it makes is contained like any other, and then the exit
 *             goes on: exits tells that one began inside.
 * Locks:      none. No call of the library panics with a lock of its own taken.
 * Callers:    goroutines and threads. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <weft/recover.h>
#include <weft/run.h>

#include "debug/recover.h"
#include "sched/exceptions.h"

struct recovery {
    struct weft__recovery link;
    struct weft__task *task;
    struct weft__panic_entry *panics; /* those under way at the call: not ours */
    struct weft_panic_info *info;
    uint32_t exits, sections;           /* as they were at the call, as is the next */
    struct weft__exceptions exceptions; /* without those whose catch blocks are in the frames that are left */
    jmp_buf context;
};

static struct recovery *of(const struct weft__recovery *link)
{
    return (struct recovery *)link;
}

/* ---- the panicking side ---- */

void weft__recover_sections(const struct weft__recovery *recovery)
{
    weft__sections_leave(of(recovery)->sections);
}

/* The messages between last (the newest) and end, oldest first, as far as the zeroed buffer has room; how much that is. */
static size_t write_earlier(char *buffer, size_t size, const struct weft__panic_entry *last,
                            const struct weft__panic_entry *end)
{
    if (last == end)
        return 0;
    size_t used = write_earlier(buffer, size, last->next, end);
    if (used > 0 && used + 1 < size)
        buffer[used++] = '\n';
    size_t length = strnlen(last->message, size - 1 - used);
    memcpy(buffer + used, last->message, length);
    return used + length;
}

static void fill(struct weft_panic_info *info, const struct recovery *recovery, const struct weft__trace *trace)
{
    const struct weft__task *task = recovery->task;
    memset(info, 0, sizeof *info);
    snprintf(info->message, sizeof info->message, "%s", task->panics->message);
    (void)write_earlier(info->earlier, sizeof info->earlier, task->panics->next, recovery->panics);
    info->goroutine = weft__task_id(task);
    info->name = weft__task_name(task);
    info->site = weft__task_site(task);
    info->frame_count = trace->count < WEFT_PANIC_FRAMES ? trace->count : WEFT_PANIC_FRAMES;
    memcpy(info->frames, trace->frames, (size_t)info->frame_count * sizeof info->frames[0]);
}

void weft__recover_land(struct weft__recovery *link, const struct weft__trace *trace)
{
    struct recovery *recovery = of(link);
    if (recovery->info != NULL)
        fill(recovery->info, recovery, trace); /* while the messages are there: they are in the frames to be left */
    longjmp(recovery->context, 1);
}

/* ---- the calling side ---- */

static __attribute__((noinline)) void enter(struct recovery *recovery, struct weft_panic_info *info)
{
    struct weft__task *task = weft__self();
    recovery->link.next = task->recoveries;
    recovery->link.deferred = task->deferred;
    recovery->task = task;
    recovery->panics = task->panics;
    recovery->info = info;
    recovery->exits = task->exits;
    recovery->sections = weft__sections();
    struct weft__exceptions *here = weft__exceptions_here();
    if (here != NULL)
        recovery->exceptions = *here;
    weft__set_reporter(weft__report_fault); /* threads may come here before the first run */
    task->recoveries = &recovery->link;
}

static __attribute__((noinline)) void leave(struct recovery *recovery)
{
    recovery->task->recoveries = recovery->link.next;
}

static __attribute__((noinline)) void landed(struct recovery *recovery)
{
    struct weft__task *task = recovery->task;
    struct weft__exceptions *here = weft__exceptions_here();
    if (here != NULL)
        *here = recovery->exceptions;
    leave(recovery);
    task->panics = recovery->panics;
    if (task->exits > recovery->exits) {
        task->panics = NULL; /* the exit has ended the older ones */
        weft_exit();
    }
}

bool weft_recover(void (*fn)(void *arg), void *arg, struct weft_panic_info *info)
{
    struct recovery recovery;
    enter(&recovery, info);
    if (setjmp(recovery.context) != 0) {
        landed(&recovery);
        return true;
    }
    weft__race_enter(WEFT__RACE_CALLER);
    fn(arg);
    weft__race_leave();
    leave(&recovery);
    return false;
}

/* ---- printing ---- */

/* Returns how many there are. */
static int print_lines(int fd, const char *text)
{
    int depth = 0;
    for (; *text != 0; depth++) {
        char line[sizeof((struct weft_panic_info *)NULL)->earlier];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        weft__out_panic(fd, depth, line);
        text += length + (text[length] == '\n');
    }
    return depth;
}

void weft_panic_info_print(const struct weft_panic_info *info, int fd)
{
    int depth = print_lines(fd, info->earlier);
    weft__out_panic(fd, depth, info->message);
    weft__out(fd, "\n");
    weft__out_header(fd, info->goroutine, info->name, "running");
    weft__trace_print_alone(fd, info->frames, info->frame_count);
    weft__out_site(fd, info->site, info->goroutine == 1);
}
