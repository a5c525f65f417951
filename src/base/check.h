/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - three levels of assertion, and the way a room below debug reports a fault.
 *
 *   CHECK(x)        always on: a fault in the runtime ends the process with its place
 *   ASSERT(x)       debug builds
 *   ASSERT_SLOW(x)  debug builds; may walk a data structure
 *
 * The functions weft__panic and weft__fatal hand over to the reporter that the debug room installs; before that (or in
 * a program that never starts the runtime) they print the message alone and exit with 2. */
#ifndef WEFT_CHECK_H
#define WEFT_CHECK_H

#include <stdarg.h>
#include <stdbool.h>

#define WEFT__LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT__UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Misuse by the caller: "panic: message", the goroutine's deferred calls run first; exit 2. */
_Noreturn void weft__panic(const char *format, ...) __attribute__((format(printf, 1, 2), cold));
/* A condition that nothing can recover from: "fatal error: message"; no deferred call runs; exit 2. */
_Noreturn void weft__fatal(const char *format, ...) __attribute__((format(printf, 1, 2), cold));
/* A fault in the runtime itself. */
_Noreturn void weft__bug(const char *file, int line, const char *what) __attribute__((cold));
/* One line on standard error, "weft: ...". */
void weft__warn(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

/* Installed by the debug room; does not return. panic: the goroutine's deferred calls run first, and the report starts
 * with "panic: "; else with "fatal error: ". */
typedef void (*weft__reporter)(bool panic, const char *message);
void weft__set_reporter(weft__reporter reporter);

/* The one report of a process. begin: the first caller goes on, with the right to write; other threads wait for ever; a
 * second call by the same thread (its report has failed) ends the process with 2. end: flush standard output if that
 * needs no waiting, and exit with 2. */
void weft__report_begin(void);
_Noreturn void weft__report_end(void);

bool weft__report_has_begun(void);

/* A panic has begun: its deferred calls run, and it will be reported. A run whose main goroutine returns meanwhile gives
 * it a moment (a deferred call may wait for ever), and waits for ever once the report itself has begun (G-02). */
void weft__panic_begin(void);
void weft__panic_end(void); /* it will not be reported after all: weft_exit in a deferred call has ended it */
bool weft__panic_has_begun(void);

#define WEFT__BUG(what) weft__bug(__FILE__, __LINE__, what)
#define CHECK(x) (WEFT__LIKELY(x) ? (void)0 : weft__bug(__FILE__, __LINE__, #x))
#ifdef WEFT_DEBUG_BUILD
#define ASSERT(x) CHECK(x)
#define ASSERT_SLOW(x) CHECK(x)
#else
#define ASSERT(x) ((void)sizeof(!(x)))
#define ASSERT_SLOW(x) ((void)sizeof(!(x)))
#endif

#endif
