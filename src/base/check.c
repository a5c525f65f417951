/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - how a fault is reported before, or without, the debug room; and who may report when there are several.
 *
 * Data:       reporter, the debug room's function, or NULL; holder, the kernel thread that reports, or 0;
 *             panicking, how many panics are under way.
 * Invariants: holder is set once and never given back: a report ends the process. A second fault in the thread that
 *             reports (the report itself has failed) ends the process at once; faults in other threads wait for ever, so
 *             the first report comes out whole (G-03).
 * Locks:      none.
 * Callers:    anywhere. No memory is allocated; vsnprintf is not promised to be async-signal-safe, but allocates nothing
 *             and takes no lock for the conversions that the library's messages use. */
#include "base/check.h"

#include "base/atomic.h"
#include "port/port.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MESSAGE_SIZE 512

static WEFT__ATOMIC(weft__reporter) installed;
static WEFT__ATOMIC(int) holder;
static WEFT__ATOMIC(int) panicking;

void weft__set_reporter(weft__reporter reporter)
{
    /* relaxed: it keeps the line shared; who finds another one stores. */
    if (weft__load_relaxed(&installed) == reporter)
        return;
    /* release: partner report(); what the reporter needs was made before. */
    weft__store_release(&installed, reporter);
}

/* Not by _exit(3): ThreadSanitizer puts a flush of all streams in front of that, which may wait for ever. */
static _Noreturn void end_now(void)
{
    for (;;)
        (void)syscall(SYS_exit_group, 2);
}

void weft__report_begin(void)
{
    int me = (int)syscall(SYS_gettid);
    int nobody = 0;
    /* acq_rel: only its being one atomic step matters; the holder reads nothing that another holder wrote. */
    if (weft__cas_acq_rel(&holder, &nobody, me))
        return;
    if (nobody == me)
        end_now();
    for (;;)
        (void)pause();
}

void weft__report_end(void)
{
    /* What the program printed so far belongs before the end, but a stream that another thread holds, or a pipe that
     * nobody reads, must not keep the process from ending. */
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
    if (poll(&out, 1, 0) > 0 && ftrylockfile(stdout) == 0)
        (void)fflush_unlocked(stdout);
    end_now();
}

void weft__panic_begin(void)
{
    /* relaxed here, in weft__panic_end and in the two questions below: the words carry no data, and who asks too early asks again. */
    (void)weft__add_relaxed(&panicking, 1);
}

void weft__panic_end(void)
{
    (void)weft__add_relaxed(&panicking, -1); /* as above */
}

bool weft__panic_has_begun(void)
{
    return weft__load_relaxed(&panicking) > 0;
}

bool weft__report_has_begun(void)
{
    return weft__load_relaxed(&holder) != 0;
}

static _Noreturn void report(bool panic, const char *message)
{
    weft__reporter reporter = weft__load_acquire(&installed);
    if (reporter)
        reporter(panic, message); /* does not return */
    char line[MESSAGE_SIZE + 16];
    int length = snprintf(line, sizeof line, "%s: %s\n", panic ? "panic" : "fatal error", message);
    weft__report_begin();
    weft__port_write_error(line, (size_t)length);
    weft__report_end();
}

void weft__panic(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    report(true, message);
}

void weft__fatal(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    report(false, message);
}

void weft__bug(const char *file, int line, const char *what)
{
    weft__fatal("fault in the runtime at %s:%d: %s", file, line, what);
}

void weft__warn(const char *format, ...)
{
    static const char prefix[] = "weft: ";
    char line[MESSAGE_SIZE];
    memcpy(line, prefix, sizeof prefix);
    size_t start = sizeof prefix - 1;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + start, sizeof line - start - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    size_t end = start + (size_t)length;
    if (end > sizeof line - 2)
        end = sizeof line - 2;
    line[end] = '\n';
    weft__port_write_error(line, end + 1);
}
