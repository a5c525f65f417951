/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - the monotonic clock. The only place where the library reads it.
 *
 * Without it nothing here can go on; that is fatal (a sandbox that forbids the call is the one known reason).
 *
 * Callers: anywhere, signal handlers included. */
#include "port/port.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Noreturn __attribute__((cold, noinline)) void no_clock(void)
{
    static const char text[] = "fatal error: the monotonic clock cannot be read (clock_gettime fails): does a sandbox "
                               "forbid it?\n";
    weft__port_write_error(text, sizeof text - 1);
    for (;;)
        (void)syscall(SYS_exit_group, 2);
}

int64_t weft__port_now(void)
{
    struct timespec now;
    if (__builtin_expect(clock_gettime(CLOCK_MONOTONIC, &now) != 0, 0))
        no_clock();
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
