/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.c - the line that shows how far the run is. See progress.h.
 * It needs no terminal's escape sequences: a carriage return, and blanks over what the last line had more. */
#define _GNU_SOURCE
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft/words.h>

#define TERMINAL_PERIOD (100 * WEFT_MILLISECOND)
#define LINES_PERIOD WEFT_SECOND

void progress_open(struct progress *progress, int64_t now)
{
    *progress = (struct progress){.terminal = isatty(STDERR_FILENO), .last_time = now};
    progress->due = now + (progress->terminal ? TERMINAL_PERIOD : LINES_PERIOD);
}

char *format_amount(char text[AMOUNT_SIZE], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, AMOUNT_SIZE, "%.*f %s", unit > 0 && bytes < 99.95, bytes, units[unit]);
    return text;
}

/* The rate now, and a little of what it was, so that the number can be read. */
static void measure_rate(struct progress *progress, int64_t bytes, int64_t now)
{
    double seconds = (double)(now - progress->last_time) / 1e9;
    double rate = seconds > 0 ? (double)(bytes - progress->last_bytes) / seconds : 0;
    double keep = progress->rate > 0 ? 0.8 : 0;
    progress->rate = keep * progress->rate + (1 - keep) * rate;
    progress->last_time = now;
    progress->last_bytes = bytes;
}

void progress_update(struct progress *progress, int64_t files, int64_t now)
{
    if (now < progress->due)
        return;
    char line[128], amount[AMOUNT_SIZE], rate[AMOUNT_SIZE];
    int64_t bytes = atomic_load_explicit(&progress->bytes, memory_order_relaxed); /* a mere count for the eye */

    measure_rate(progress, bytes, now);
    int length = snprintf(line, sizeof line, "%lld files  %s  %s/s", (long long)files,
                          format_amount(amount, (double)bytes), format_amount(rate, progress->rate));
    size_t width = (size_t)length;
    if (progress->terminal) {
        int blanks = progress->width > width ? (int)(progress->width - width) : 0;
        fprintf(stderr, "\r%s%*s", line, blanks, "");
        progress->width = width;
        progress->due = now + TERMINAL_PERIOD;
    } else {
        fprintf(stderr, "treesum: %s\n", line);
        progress->due = now + LINES_PERIOD;
    }
}

void progress_hide(struct progress *progress)
{
    if (progress->width > 0)
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
    progress->width = 0;
}
