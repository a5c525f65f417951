/* SPDX-License-Identifier: Apache-2.0
 *
 * soak.h - what the loads of the soak test share: the die, the check, and the list of loads.
 *
 * A load is a function that does a mix of operations of one kind with everything it starts ended, freed and counted when it
 * returns. It runs in a goroutine of its own beside the other loads, so whatever it leaves behind is a leak. */
#ifndef WEFT_TESTS_SOAK_H
#define WEFT_TESTS_SOAK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

/* splitmix64: one per load, from the seed, the round and the load's place. */
struct die {
    uint64_t state;
};

static inline uint32_t throw_die(struct die *die, uint32_t sides)
{
    uint64_t x = die->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((x ^ (x >> 31)) >> 32) * sides >> 32);
}

/* An invariant of a load. Its failure ends the program (exit code 1) with the place. */
#define SOAK_CHECK(x) ((x) ? (void)0 : soak_failed(__FILE__, __LINE__, #x))
_Noreturn void soak_failed(const char *file, int line, const char *what);

struct load {
    const char *name;
    int64_t (*run)(struct die *die); /* returns how many operations it has done */
};

/* Each ends with an entry without a name. */
extern const struct load soak_channel_loads[];
extern const struct load soak_lock_loads[];
extern const struct load soak_life_loads[];

#endif
