/* SPDX-License-Identifier: Apache-2.0
 *
 * job.h - one file on its way through the pipeline: from the walk by way of a worker to the collector.
 *
 * Ownership: the walk makes the job, and sending it hands it over; so exactly one goroutine has it at any time and none
 * needs a lock. The collector frees it.
 * Invariant: every file that the walk finds reaches the collector exactly once, whatever has become of it: its counts
 * add up. */
#ifndef TREESUM_JOB_H
#define TREESUM_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/words.h>

#define DIGEST_SIZE 32

enum job_state {
    JOB_DIGESTED,
    JOB_FAILED,   /* it (or the directory) could not be read: outcome.error or outcome.reason tells why */
    JOB_GIVEN_UP, /* it took longer than --timeout */
    JOB_DROPPED,  /* the queue was full, with --when-full drop */
    JOB_LEFT,     /* the run was ended before it was done */
    JOB_OUTPUT    /* it is what this run writes to */
};

/* What has become of a file. A value: workers return it, channels carry it. */
struct outcome {
    enum job_state state;
    int error;          /* JOB_FAILED: an errno value, or 0 */
    const char *reason; /* JOB_FAILED without an errno value: a literal */
    int64_t size;       /* bytes that were digested */
    int64_t mtime;      /* ns since 1970 */
    unsigned char digest[DIGEST_SIZE];
};

struct job {
    struct outcome outcome;
    bool follow; /* it was named on the command line: a symbolic link is followed */
    char path[]; /* as it is printed */
};

/* Names for what the pipeline's functions exchange. */
typedef chan(struct job *) job_chan;
typedef send_chan(struct job *) job_send_chan;
typedef recv_chan(struct job *) job_recv_chan;

#endif
