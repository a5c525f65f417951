/* SPDX-License-Identifier: Apache-2.0
 *
 * walk.h - the goroutine that finds the files. */
#ifndef TREESUM_WALK_H
#define TREESUM_WALK_H

#include "halt.h"
#include "job.h"
#include "options.h"
#include "path.h"

/* Walk options->paths and send a job for every regular file to jobs, then close jobs. What needs no worker (a directory
 * that cannot be read, a dropped file, an own file) goes to results at once.
 * A directory or file that is named in options->paths may be a symbolic link; below, links are not followed and, like
 * everything else that is neither directory nor regular file, passed over.
 * Blocks: while jobs is full (or drops the file); ends early when halt says stop. */
void walk(const struct options *options, const struct own_files *own, const struct halt *halt, job_send_chan jobs,
          job_send_chan results);

#endif
