/* SPDX-License-Identifier: Apache-2.0
 *
 * spin.c - waiting for a spin bit; spin.h. */
#include "sync/spin.h"

#include "port/port.h"

#define TURNS_SPINNING 64u
#define TURNS_YIELDING 256u
#define SLEEP (50 * WEFT_MICROSECOND)

void weft__spin_turn(unsigned *turns)
{
    if (++*turns < TURNS_SPINNING)
        weft__arch_pause();
    else if (*turns < TURNS_YIELDING)
        weft__port_thread_yield();
    else
        weft__port_thread_sleep(SLEEP); /* a holder of low priority gets no turn from a yield */
}
