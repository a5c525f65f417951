/* SPDX-License-Identifier: Apache-2.0
 *
 * database.h - the results in SQLite. */
#ifndef TREESUM_DATABASE_H
#define TREESUM_DATABASE_H

#include "job.h"
#include "path.h"

struct database;

/* How a run went, for its row. */
struct totals {
    int64_t files, bytes;
    int64_t failed, given_up, dropped, left;
};

/* Open the database, make its tables if it has none, and begin a run. A file that is something else, or a database of
 * another program, is left as it is. Adds the files that belong to it to own.
 * Blocks: up to 10 s while another program writes to it. Returns NULL on failure, and says why. */
struct database *database_open(const char *file, struct own_files *own);

/* Put a digested file in, or bring its row up to date. It is safe from a SIGKILL once its batch has been committed: after
 * DATABASE_BATCH_ROWS rows, or DATABASE_BATCH_TIME ns after the batch's first row if database_commit_if_due is called.
 * Returns: false on failure, said; no other function but database_close may be called then. */
#define DATABASE_BATCH_ROWS 1000
#define DATABASE_BATCH_TIME (1 * WEFT_SECOND)
bool database_add(struct database *database, const struct job *job);

/* When the open batch has to be committed: a time of weft_now, or INT64_MAX. */
int64_t database_due(const struct database *database);
bool database_commit_if_due(struct database *database, int64_t now);

/* Commit what is open and complete the run's row with its totals and exit code. */
bool database_finish(struct database *database, const struct totals *totals, int exit_code);

/* NULL is ignored. */
void database_close(struct database *database);

#endif
