/* SPDX-License-Identifier: Apache-2.0
 *
 * debug.h - reports: panic, deadlock, stack overflow. The rooms below tell this one through hooks that install sets. */
#ifndef WEFT_DEBUG_DEBUG_H
#define WEFT_DEBUG_DEBUG_H

#include "sched/sched.h"

/* Before the first machine starts: reporter, hooks, signal handler. Any number of times. */
void weft__debug_install(void);

/* output.c: standard error, a piece at a time; no memory is allocated. */
void weft__out(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "goroutine N [what]:" or "thread TID [what]:". */
void weft__out_task(const struct weft__task *task, const char *what);
/* "created at file:line in function". */
void weft__out_created(const struct weft__task *task, bool is_main);

/* backtrace.c: the calling context's frames, or those of a suspended one. */
void weft__out_backtrace(void);
void weft__out_backtrace_of(void *suspended);

/* panic.c, deadlock.c, overflow.c */
void weft__report_fault(bool panic, const char *message);
void weft__report_deadlock(bool main_has_ended);
void weft__overflow_install(void);
void weft__overflow_thread_start(void);
void weft__overflow_thread_stop(void);

#endif
