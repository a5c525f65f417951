/* SPDX-License-Identifier: Apache-2.0
 *
 * treesum - SHA-256 of every file below some directories, on every core.
 *
 *      walk --jobs--> digest_job (N workers) --results--> collect --> standard output, database
 *
 * The goroutines share nothing but channels: a file travels as a struct job that has one owner at a time. */
#define _GNU_SOURCE
#include "collect.h"
#include "database.h"
#include "digest.h"
#include "halt.h"
#include "job.h"
#include "options.h"
#include "path.h"
#include "progress.h"
#include "report.h"
#include "walk.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RESULTS_CAPACITY 256

/* Static, because goroutines that are not waited for use them until the process ends: the one that waits for signals, readers
 * that were given up, and after an abort any other. */
static struct halt halt;
static struct options options;
static struct own_files own;
static struct progress progress;
static struct workers workers;

/* The pipeline. Returns the exit code. */
static int digest_trees(struct database *database, struct progress *shown)
{
    job_chan jobs = chan_make(struct job *, options.queue);
    job_chan results = chan_make(struct job *, RESULTS_CAPACITY);
    enum weft_map_order order = options.ordered ? WEFT_MAP_ORDERED : WEFT_MAP_AS_COMPLETED;

    if (!jobs || !results)
        die_out_of_memory();
    workers_open(&workers, options.workers, options.timeout, &halt, shown);

    if (weft_map_stream(order, options.workers, recv_only(jobs), send_only(results), digest_job, &workers) < 0 ||
        go(walk, (const struct options *)&options, (const struct own_files *)&own, &halt, send_only(jobs),
           send_only(results)) < 0)
        die_out_of_memory();
    int exit_code = collect(&options, &halt, database, shown, recv_only(results));

    /* An aborted run may not have waited for all workers; then everything is left to the end of the process. */
    bool open = true;
    chan_try_recv(results, NULL, &open);
    if (!open) {
        workers_close(&workers);
        chan_free(jobs);
        chan_free(results);
    }
    return exit_code;
}

static bool shows_progress(void)
{
    return options.progress == PROGRESS_ALWAYS || (options.progress == PROGRESS_ON_TERMINAL && isatty(STDERR_FILENO));
}

static int app(int argc, char **argv)
{
    struct database *database = NULL;

    int exit_code = options_parse(&options, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    halt_open(&halt);
    if (go(halt_watch, &halt) < 0)
        die_out_of_memory();
    own_files_add_descriptor(&own, STDOUT_FILENO);
    own_files_add_descriptor(&own, STDERR_FILENO);
    if (options.database) {
        database = database_open(options.database, &own);
        if (!database)
            return EXIT_FAILURE;
    }
    digest_open();
    progress_open(&progress, weft_now());
    exit_code = digest_trees(database, shows_progress() ? &progress : NULL);
    database_close(database);
    return exit_code;
}

/* If the program was started with one of the standard descriptors closed, a file would get its number. Standard output
 * must be there. */
static bool have_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) {
            if (fd == STDOUT_FILENO) {
                report("standard output: %s", strerror(errno));
                return false;
            }
            if (open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
                return false;
        }
    return true;
}

/* Each worker has a file open; the soft limit is low for the sake of select(2), which is not used here. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    if (!have_standard_descriptors())
        return EXIT_FAILURE;
    raise_descriptor_limit();
    halt_block_signals();
    int exit_code = weft_run(app, argc, argv);
    return exit_code < 0 ? EXIT_FAILURE : exit_code;
}
