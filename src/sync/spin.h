/* SPDX-License-Identifier: Apache-2.0
 *
 * spin.h - the two kinds of busy waiting in this room: for a spin bit, whose holder needs a few instructions, and for the
 * owner of a lock, who may be at work on another processor.
 * Callers: goroutines and threads. */
#ifndef WEFT_SYNC_SPIN_H
#define WEFT_SYNC_SPIN_H

#include "arch/arch.h"
#include "sched/sched.h"

/* One turn of waiting for a spin bit: unless its thread was preempted, the holder is about to let go. */
void weft__spin_turn(unsigned *turns);

/* For how many moments to wait for an owner, if the scheduler thinks each worthwhile (M-06). */
#define WEFT__SPINS 4

static inline void weft__spin_moment(void)
{
    enum { PAUSES = 30 };
    for (int i = 0; i < PAUSES; i++)
        weft__arch_pause();
}

#endif
