/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h - the line that shows how far the run is. */
#ifndef TREESUM_PROGRESS_H
#define TREESUM_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The workers count bytes; the rest belongs to the collector. */
struct progress {
    _Atomic(int64_t) bytes; /* atomic: read so far, of unfinished files, too */
    bool terminal;          /* overwrite the line; else write one after the other, less often */
    size_t width;           /* of the line that stands there, 0: none */
    int64_t due;            /* when to draw next */
    int64_t last_time, last_bytes;
    double rate; /* bytes per second, smoothed */
};

void progress_open(struct progress *progress, int64_t now);

/* relaxed: a mere count for the eye. NULL: there is no progress to show. */
static inline void progress_add_bytes(struct progress *progress, int64_t count)
{
    if (progress)
        atomic_fetch_add_explicit(&progress->bytes, count, memory_order_relaxed);
}

/* Draw the line if it is time. */
void progress_update(struct progress *progress, int64_t files, int64_t now);

/* Make room for other text. */
void progress_hide(struct progress *progress);

/* A number of bytes for people: "512 B", "1.3 MB". Returns text. */
#define AMOUNT_SIZE 16
char *format_amount(char text[AMOUNT_SIZE], double bytes);

#endif
