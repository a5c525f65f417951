/* SPDX-License-Identifier: Apache-2.0
 *
 * random.c - bits to seed generators with. Not for secrets: early at boot, or where the system call is forbidden, the
 * address-space layout and the clock have to do.
 *
 * Callers: any thread. */
#include "port/port.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

/* A bijective mixer: every bit of the input changes about half of the output (the finaliser of MurmurHash3, with
 * D. Stafford's 13th set of constants). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t weft__port_random(void)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) == (ssize_t)sizeof bits)
        return bits;
    uint64_t start[2] = {0, 0};
    const void *from_kernel = (const void *)getauxval(AT_RANDOM);
    if (from_kernel)
        memcpy(start, from_kernel, sizeof start);
    return mix(start[0] ^ mix(start[1] ^ mix((uint64_t)weft__port_now() ^ (uint64_t)(uintptr_t)&bits)));
}
