/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - the monotonic clock. The only place where the library reads it.
 *
 * Callers: anywhere, signal handlers included. */
#include "port/port.h"

#include <time.h>

int64_t weft__port_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
