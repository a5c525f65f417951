/* SPDX-License-Identifier: Apache-2.0
 *
 * debug.h - reports: panic, deadlock, stack overflow, dumps. The rooms below tell this one through hooks that install sets. */
#ifndef WEFT_DEBUG_DEBUG_H
#define WEFT_DEBUG_DEBUG_H

#include "debug/symbols.h"
#include "sched/sched.h"

/* Before the first machine starts: reporter, hooks, signal handler. Any number of times. */
void weft__debug_install(void);

/* output.c: a piece at a time to a descriptor; no memory is allocated. */
#define WEFT__STDERR 2
void weft__out(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "panic: message", depth steps further in. */
void weft__out_panic(int fd, int depth, const char *message);
/* "goroutine N "name" [what]:", or "thread [what]:" for 0; where it was spawned. */
void weft__out_header(int fd, uint64_t goroutine, const char *name, const char *what);
void weft__out_site(int fd, const struct weft_site *site, bool is_main);
/* Of a task: "goroutine N [what]:" or "thread TID [what]:". */
void weft__out_task(int fd, const struct weft__task *task, const char *what);
/* "created at file:line in function". */
void weft__out_created(int fd, const struct weft__task *task, bool is_main);

/* In a simulated run: how to have it again. */
void weft__out_simulated(int fd);

/* backtrace.c: return addresses, innermost first. */
#define WEFT__FRAMES 64
struct weft__trace {
    int count;
    void *frames[WEFT__FRAMES];
};
/* The calling context's frames, or those of a suspended one. */
void weft__trace_take(struct weft__trace *trace);
void weft__trace_take_of(struct weft__trace *trace, void *suspended);
/* Without the library's own frames at both ends. symbols may be NULL; if it is not, the stack must be big. */
void weft__trace_print(int fd, struct weft__symbols *symbols, void *const *frames, int count);
/* The same for one trace: looks for symbols, on a big stack. */
void weft__trace_print_alone(int fd, void *const *frames, int count);

/* Call fn(arg) on a stack of 1 MiB that is made for it; fn does not park. False: there is no memory, fn was not called. */
bool weft__on_big_stack(void (*fn)(void *arg), void *arg);

/* panic.c, deadlock.c, overflow.c, dump.c */
void weft__report_fault(bool panic, const char *message);
void weft__report_deadlock(bool main_has_ended);
void weft__report_quit(void);
void weft__quit_watch_start(void);
void weft__quit_watch_stop(void);
void weft__overflow_install(void);
void weft__overflow_thread_start(void);
void weft__overflow_thread_stop(void);

#endif
