/* SPDX-License-Identifier: Apache-2.0
 *
 * tools.h - what the sanitizers and Valgrind are told: every stack and every switch.
 *
 * The library need not be built with a sanitizer for that: the interfaces are weak references, which the program's own
 * sanitizer runtime fills in. In a program without one they are null, and a switch pays one test of weft__extras. */
#ifndef WEFT_SCHED_TOOLS_H
#define WEFT_SCHED_TOOLS_H

#include "sched/goroutine.h"

/* What one machine's own stack (where the scheduler loop runs) needs. */
struct tools_machine {
    void *fiber;
    void *fake_stack;
    const void *stack_low;
    size_t stack_size;
};

/* What makes a switch more than a switch: 0, or EXTRA_ bits, which are only ever added. Those of tools are there before the
 * first run's first switch, so that the two halves of a switch agree about them. */
extern WEFT__ATOMIC(uint32_t) weft__extras;
#define EXTRA_TOOLS 1u
#define EXTRA_LOCKED 2u     /* some goroutine has locked its thread */
#define EXTRA_MIGRATE 4u    /* WEFT_DEBUG=migrate, in this run or an earlier one */
#define EXTRA_EXCEPTIONS 8u /* there is a C++ runtime (exceptions.h) */

extern bool weft__tools_active;  /* immutable after the first run's start */
extern bool weft__tools_threads; /* TSan is there: it has a thread of its own */

/* Find out which tools are there. */
void weft__tools_init(void);
/* A machine's thread has started. */
void weft__tools_machine_init(struct tools_machine *machine);

/* A new goroutine starts on g's stack; the last one on it has ended. */
void weft__tools_goroutine_start(struct goroutine *g);
void weft__tools_goroutine_end(struct goroutine *g);
/* Around a switch: leave runs on the old stack (dying: it will not come back), arrive on the new one. NULL: the machine. */
void weft__tools_leave(struct tools_machine *machine, struct goroutine *from, struct goroutine *to, bool dying);
void weft__tools_arrive(struct tools_machine *machine, struct goroutine *self);

/* Stacks. */
void weft__tools_stack_register(char *low, struct goroutine *g);
void weft__tools_stack_forget(struct goroutine *g); /* its memory is about to be discarded */

#endif
