/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.c - guards below stacks. MADV_GUARD_INSTALL splits no mapping and is done for a batch in one call. Where the kernel lacks
 * it, mprotect, which costs two mappings each: as many as vm.max_map_count leaves, then none, said once.
 *
 * Locks: the stack pool's, which callers hold. */
#include "sched/guard.h"

#include "base/check.h"
#include "port/port.h"

#define MAPPINGS_LEFT_ALONE 2048

static struct {
    enum weft__guard wanted, in_use;
    long budget; /* mappings that mprotect may still take, halved; -1: not read yet */
    bool said_not_there, said_used_up;
} guards = {.budget = -1};

void weft__guard_set(enum weft__guard wanted)
{
    if (guards.wanted == wanted) /* what was found out about the kernel still holds */
        return;
    guards.wanted = wanted;
    guards.in_use = WEFT__GUARD_AUTO;
}

bool weft__guard_may_install(void)
{
    if (guards.in_use == WEFT__GUARD_AUTO)
        guards.in_use = guards.wanted == WEFT__GUARD_AUTO ? WEFT__GUARD_INSTALL : guards.wanted;
    return guards.in_use == WEFT__GUARD_INSTALL;
}

enum weft__guard weft__guard_in_use(void)
{
    return guards.in_use;
}

void weft__guard_count_anew(void)
{
    guards.budget = -1;
}

/* False: there are none to be had any more. */
static bool protect(void *base, size_t size)
{
    if (guards.budget < 0) {
        long budget = (weft__port_map_limit() - weft__port_map_count() - MAPPINGS_LEFT_ALONE) / 2;
        guards.budget = budget > 0 ? budget : 0;
    }
    if (guards.budget == 0 || weft__port_protect(base, size) != 0)
        return false;
    guards.budget--;
    return true;
}

void weft__guard(void *const *bases, uint32_t count, size_t size)
{
    if (weft__guard_may_install()) {
        if (weft__port_guard_install(bases, count, size) == 0)
            return;
        if (guards.wanted == WEFT__GUARD_INSTALL && !guards.said_not_there) {
            guards.said_not_there = true;
            weft__warn("this kernel has no MADV_GUARD_INSTALL (Linux 6.13): stacks are guarded by mprotect");
        }
        guards.in_use = WEFT__GUARD_PROTECT;
    }
    for (uint32_t i = 0; i < count && guards.in_use == WEFT__GUARD_PROTECT; i++) {
        if (protect(bases[i], size))
            continue;
        guards.in_use = WEFT__GUARD_NONE;
        if (guards.said_used_up) /* in an earlier run */
            break;
        guards.said_used_up = true;
        weft__warn(
            "the mappings that vm.max_map_count (%ld) allows are used up: further goroutine stacks have no guard "
            "against overflow; raise it with sysctl vm.max_map_count=N",
            weft__port_map_limit());
    }
}
