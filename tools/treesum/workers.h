/* SPDX-License-Identifier: Apache-2.0
 *
 * workers.h - from a job to its result, with or without a time limit. */
#ifndef TREESUM_WORKERS_H
#define TREESUM_WORKERS_H

#include "halt.h"
#include "job.h"
#include "progress.h"

struct reader;
typedef chan(struct reader *) reader_chan;

struct workers {
    reader_chan idle; /* the readers that nobody uses: whoever takes one out owns it until it is put back */
    int count;
    int64_t timeout; /* ns for one file; 0: no limit */
    const struct halt *halt;
    struct progress *progress;
};

/* Make count readers. Exits the process without memory. */
void workers_open(struct workers *workers, int count, int64_t timeout, const struct halt *halt,
                  struct progress *progress);
/* All workers have ended. Readers that were given up are not waited for. */
void workers_close(struct workers *workers);

/* The function for weft_map_stream: in and out point to a struct job *, arg to the struct workers. Up to count goroutines
 * call it at the same time. Blocks: as digest_file, but with a time limit only the goroutine, and no longer than that. */
void digest_job(const void *in, void *out, void *arg);

#endif
