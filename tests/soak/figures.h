/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.h - what the process holds, and whether that grows.
 *
 * How growth is told from noise. The time after the warm-up has a first and a last fifth. Of memory, the least that was seen in
 * each fifth counts: noise (caches that are full for a moment) only adds, a leak never goes away. Of what is counted
 * in pieces, the most that was seen counts. */
#ifndef WEFT_TESTS_SOAK_FIGURES_H
#define WEFT_TESTS_SOAK_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

enum figure { RESIDENT, HEAP, MAPPINGS, THREADS, DESCRIPTORS, FIGURES };

struct figures {
    int64_t now[FIGURES];
};

/* Look at the process: /proc/self/statm, the allocator, /proc/self/maps, task and fd. */
void figures_take(struct figures *figures);

struct growth {
    struct figures first, last; /* of the two fifths, folded as the head says */
    bool has_first, has_last;
};

/* Fold figures of an instant into growth; share is how much of the time after the warm-up has passed, 0 to 1. */
void growth_add(struct growth *growth, const struct figures *figures, double share);

/* Print a table of first, last, growth and bound; false if one is beyond its bound or a fifth has no figures. */
bool growth_is_bounded(const struct growth *growth, int64_t operations);

#endif
