/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h - the guards below stacks, in whichever way the kernel has. All of it under the stack pool's lock. See guard.c. */
#ifndef WEFT_SCHED_GUARD_H
#define WEFT_SCHED_GUARD_H

#include "sched/stack.h"

/* The way that is wanted from now on. */
void weft__guard_set(enum weft__guard wanted);
/* Whether weft__port_guard_install is the way, which needs no lock. If that fails, weft__guard finds another one. */
bool weft__guard_may_install(void);
/* Guard count stacks whose lowest bytes are at bases. Never fails: that stacks have no guard is said, once. */
void weft__guard(void *const *bases, uint32_t count, size_t size);
enum weft__guard weft__guard_in_use(void); /* AUTO: not known yet */
/* All stacks so far are gone, and with them the mappings that they took. */
void weft__guard_count_anew(void);

#endif
