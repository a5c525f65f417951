/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - weft_run: brings the rooms together. The top room: it alone knows of all the others. */
#include <stdio.h>

#include <weft/run.h>

#include "sched/runtime.h"

/* What is buffered goes out before the caller goes on; a stream that a cut-off goroutine holds locked is left to exit(3). */
static void flush(FILE *stream)
{
    if (ftrylockfile(stream) == 0) {
        fflush_unlocked(stream);
        funlockfile(stream);
    }
}

int weft_run(int (*app)(int argc, char **argv), int argc, char **argv)
{
    int result = weft__sched_run(app, argc, argv);
    flush(stdout);
    flush(stderr);
    return result;
}
