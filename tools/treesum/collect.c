/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c - the end of the pipeline. See collect.h.
 *
 * One goroutine does everything that must happen one after the other: standard output, the database, messages, progress
 * and the counts. So none of them needs a lock. */
#define _GNU_SOURCE
#include "collect.h"
#include "output.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Under load the clock is read once for so many results. */
#define RESULTS_PER_LOOK 64
/* How long an aborted run waits for its workers: one of them may hang. */
#define ABORT_PATIENCE (1 * WEFT_SECOND)

struct collector {
    const struct options *options;
    struct halt *halt;
    struct database *database; /* NULL: none, or it has failed */
    struct progress *progress; /* NULL: none */
    struct output output;
    bool terminal;    /* standard output is one: progress must make room for lines */
    bool failed;      /* an output has failed: the run is aborted */
    int64_t deadline; /* when to wait no longer for an aborted run */
    struct totals totals;
    int64_t started;
};

/* An output has failed, and that was said: end the run. */
static void abort_run(struct collector *collector)
{
    if (collector->failed)
        return;
    collector->failed = true;
    collector->deadline = weft_now() + ABORT_PATIENCE;
    halt_abort(collector->halt);
}

static void check_database(struct collector *collector, bool good)
{
    if (good)
        return;
    collector->database = NULL;
    abort_run(collector);
}

static void check_output(struct collector *collector, bool good)
{
    if (good || collector->failed)
        return;
    if (collector->progress)
        progress_hide(collector->progress);
    report("standard output: %s", strerror(collector->output.error));
    abort_run(collector);
}

static void flush(struct collector *collector)
{
    if (collector->output.used == 0)
        return;
    if (collector->progress && collector->terminal)
        progress_hide(collector->progress);
    check_output(collector, output_flush(&collector->output));
}

/* Messages and lines appear in the order of what happened. */
static void prepare_message(struct collector *collector)
{
    if (collector->terminal)
        flush(collector);
    if (collector->progress)
        progress_hide(collector->progress);
}

static void report_failure(struct collector *collector, const struct job *job)
{
    prepare_message(collector);
    report_path(job->path, "%s", job->outcome.reason ? job->outcome.reason : strerror(job->outcome.error));
}

static void take_digest(struct collector *collector, const struct job *job)
{
    if (collector->failed) {
        collector->totals.left++;
        return;
    }
    collector->totals.files++;
    collector->totals.bytes += job->outcome.size;
    check_output(collector, output_add(&collector->output, job));
    if (collector->database)
        check_database(collector, database_add(collector->database, job));
}

static void take(struct collector *collector, struct job *job)
{
    switch (job->outcome.state) {
    case JOB_DIGESTED:
        take_digest(collector, job);
        break;
    case JOB_FAILED:
        collector->totals.failed++;
        report_failure(collector, job);
        break;
    case JOB_GIVEN_UP:
        collector->totals.given_up++;
        prepare_message(collector);
        report_path(job->path, "given up after %g s", (double)collector->options->timeout / 1e9);
        break;
    case JOB_DROPPED:
        collector->totals.dropped++;
        break;
    case JOB_LEFT:
        collector->totals.left++;
        break;
    case JOB_OUTPUT:
        prepare_message(collector);
        report_path(job->path, "not digested: this run writes to it");
    }
    free(job);
}

/* What is due by the clock. */
static void look_at_clock(struct collector *collector)
{
    int64_t now = weft_now();
    if (collector->progress)
        progress_update(collector->progress, collector->totals.files, now);
    if (collector->database)
        check_database(collector, database_commit_if_due(collector->database, now));
}

/* How long it may be until look_at_clock has something to do. */
static int64_t time_to_wait(const struct collector *collector)
{
    int64_t due = collector->deadline;
    if (collector->progress && collector->progress->due < due)
        due = collector->progress->due;
    if (collector->database && database_due(collector->database) < due)
        due = database_due(collector->database);
    return due == INT64_MAX ? WEFT_FOREVER : due - weft_now();
}

static void receive_all(struct collector *collector, job_recv_chan results)
{
    struct job *job = NULL;
    bool open = true;
    for (unsigned count = 1;; count++) {
        if (chan_try_recv(results, &job, &open)) {
            if (count % RESULTS_PER_LOOK == 0)
                look_at_clock(collector);
        } else {
            flush(collector); /* nothing to do: now is the time to show what there is */
            bool received = chan_select(on_recv(results, &job, &open), on_timeout(time_to_wait(collector))) == 0;
            look_at_clock(collector);
            if (!received) {
                if (weft_now() >= collector->deadline)
                    return;
                continue;
            }
        }
        if (!open)
            return;
        take(collector, job);
    }
}

/* "1 file", "2 files": a number with its noun. */
static void print_count(FILE *stream, const char *before, int64_t count, const char *noun)
{
    fprintf(stream, "%s%" PRId64 " %s%s", before, count, noun, count == 1 ? "" : "s");
}

static void print_summary(const struct collector *collector, double seconds, int signal)
{
    const struct totals *totals = &collector->totals;
    char *text = NULL, amount[AMOUNT_SIZE], rate[AMOUNT_SIZE];
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return;
    print_count(stream, "", totals->files, "file");
    fprintf(stream, ", %s in %.2f s (%s/s)", format_amount(amount, (double)totals->bytes), seconds,
            format_amount(rate, (double)totals->bytes / seconds));
    if (totals->failed > 0)
        print_count(stream, ", ", totals->failed, "error");
    if (totals->given_up > 0)
        fprintf(stream, ", %" PRId64 " given up", totals->given_up);
    if (totals->dropped > 0)
        fprintf(stream, ", %" PRId64 " dropped", totals->dropped);
    if (totals->left > 0)
        fprintf(stream, ", %" PRId64 " not begun or not finished", totals->left);
    if (signal)
        fprintf(stream, "; interrupted");
    if (fclose(stream) == 0)
        report("%s", text);
    free(text);
}

static void print_stats(const struct collector *collector, double seconds)
{
    fprintf(stderr, "files=%" PRId64 " bytes=%" PRId64 " seconds=%.6f workers=%d\n", collector->totals.files,
            collector->totals.bytes, seconds, collector->options->workers);
}

static bool all_is_well(const struct collector *collector)
{
    const struct totals *totals = &collector->totals;
    return !collector->failed && totals->failed + totals->given_up + totals->dropped + totals->left == 0;
}

/* The last lines, the last batch, the totals. Returns the exit code. */
static int finish(struct collector *collector)
{
    int signal = halt_signal(collector->halt);

    flush(collector);
    if (collector->output.error == 0)
        check_output(collector, output_finish(&collector->output));
    int exit_code = signal ? 128 + signal : all_is_well(collector) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (collector->database && !database_finish(collector->database, &collector->totals, exit_code)) {
        collector->failed = true;
        exit_code = signal ? exit_code : EXIT_FAILURE;
    }
    if (collector->progress)
        progress_hide(collector->progress);

    double seconds = (double)(weft_now() - collector->started) / 1e9;
    if (collector->options->summary || collector->progress || signal || !all_is_well(collector))
        print_summary(collector, seconds, signal);
    if (collector->options->stats)
        print_stats(collector, seconds);
    return exit_code;
}

int collect(const struct options *options, struct halt *halt, struct database *database, struct progress *progress,
            job_recv_chan results)
{
    struct collector collector = {.options = options,
                                  .halt = halt,
                                  .database = database,
                                  .progress = progress,
                                  .terminal = isatty(STDOUT_FILENO),
                                  .deadline = INT64_MAX,
                                  .started = weft_now()};
    if (!output_open(&collector.output))
        die_out_of_memory();
    receive_all(&collector, results);
    int exit_code = finish(&collector);
    output_close(&collector.output);
    return exit_code;
}
