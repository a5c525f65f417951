/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.h - the end of the pipeline. */
#ifndef TREESUM_COLLECT_H
#define TREESUM_COLLECT_H

#include "database.h"
#include "halt.h"
#include "job.h"
#include "options.h"
#include "progress.h"

/* Receive results until the channel is closed: print them, put them into the database (or NULL), count, report what went
 * wrong, show progress (or NULL), and free the jobs. If the output fails, or the database, it aborts the run.
 * Blocks: until then. Returns: the process's exit code. */
int collect(const struct options *options, struct halt *halt, struct database *database, struct progress *progress,
            job_recv_chan results);

#endif
