/* SPDX-License-Identifier: Apache-2.0
 *
 * workers.c - from a job to its result. See workers.h.
 *
 * Without a time limit a worker calls digest_file itself. With one, the file must not take the worker with it when a read
 * hangs (a network mount whose server is gone): so each reader has a goroutine of its own, and the worker waits for its
 * answer or for the time to pass, whichever comes first:
 *
 *      worker                                 reader's goroutine
 *      path, then todo   ------------------>  digest_file(path)
 *      select: done      <------------------  outcome
 *              time-out: cancel, close todo   ... notices at the end of its next read, frees everything, ends
 *              (and takes a new reader)
 *
 * Ownership: a reader belongs to the worker until something is sent on todo, and again after something was received from
 * done. A worker that gives up never touches the reader after it has closed todo, so the goroutine frees it.
 * There is no lock and no shared flag: all news travels in channels, done has room for one, so that sending the answer
 * that nobody wants any more does not block. */
#define _GNU_SOURCE
#include "workers.h"
#include "digest.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct hasher hasher;
    /* The rest is for a time limit only. */
    chan(char) todo;           /* a value: digest path; closed: end */
    chan(struct outcome) done; /* the answer; closed: ended */
    flag_chan cancel;          /* closed: nobody waits any more */
    bool follow;
    char *path; /* a copy: the job goes on to the collector when the reader is given up */
    size_t path_room;
};

static void reader_free(struct reader *reader)
{
    hasher_close(&reader->hasher);
    chan_free(reader->todo);
    chan_free(reader->done);
    chan_free(reader->cancel);
    free(reader->path);
    free(reader);
}

static void serve(struct reader *reader)
{
    chan_range(char, turn, reader->todo) {
        (void)turn;
        chan_send(reader->done, digest_file(&reader->hasher, reader->path, reader->follow));
    }
    if (is_closed(recv_only(reader->cancel)))
        reader_free(reader);
    else
        chan_close(reader->done); /* the one who closed todo waits for that, and frees */
}

static struct reader *reader_new(const struct workers *workers)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        die_out_of_memory();
    if (workers->timeout > 0) {
        reader->todo = chan_make(char, 0);
        reader->done = chan_make(struct outcome, 1);
        reader->cancel = chan_make(char, 0);
        if (!reader->todo || !reader->done || !reader->cancel)
            die_out_of_memory();
    }
    if (!hasher_open(&reader->hasher, workers->progress, recv_only(workers->halt->abort), recv_only(reader->cancel)))
        die_out_of_memory();
    if (workers->timeout > 0 && go(serve, reader) < 0)
        die_out_of_memory();
    return reader;
}

void workers_open(struct workers *workers, int count, int64_t timeout, const struct halt *halt,
                  struct progress *progress)
{
    *workers = (struct workers){.idle = chan_make(struct reader *, count),
                                .count = count,
                                .timeout = timeout,
                                .halt = halt,
                                .progress = progress};
    if (!workers->idle)
        die_out_of_memory();
    for (int i = 0; i < count; i++)
        chan_send(workers->idle, reader_new(workers));
}

void workers_close(struct workers *workers)
{
    for (int i = 0; i < workers->count; i++) {
        struct reader *reader = chan_recv(workers->idle);
        if (reader->todo) {
            chan_close(reader->todo);
            chan_recv(reader->done, NULL);
        }
        reader_free(reader);
    }
    chan_free(workers->idle);
}

static void set_path(struct reader *reader, const char *path)
{
    size_t size = strlen(path) + 1;
    if (size > reader->path_room) {
        free(reader->path);
        reader->path = malloc(size);
        if (!reader->path)
            die_out_of_memory();
        reader->path_room = size;
    }
    memcpy(reader->path, path, size);
}

/* Have *reader digest the job within the time limit. If it takes longer *reader is a new one afterwards. */
static struct outcome digest_in_time(struct workers *workers, struct reader **reader, const struct job *job)
{
    struct reader *asked = *reader;
    struct outcome outcome;

    set_path(asked, job->path);
    asked->follow = job->follow;
    chan_send(asked->todo, (char)1);
    if (chan_select(on_recv(asked->done, &outcome), on_timeout(workers->timeout)) == 0)
        return outcome;
    chan_close(asked->cancel);
    chan_close(asked->todo); /* from here on it is not ours */
    *reader = reader_new(workers);
    return (struct outcome){.state = JOB_GIVEN_UP};
}

void digest_job(const void *in, void *out, void *arg)
{
    struct workers *workers = arg;
    struct job *job = *(struct job *const *)in;

    if (is_closed(recv_only(workers->halt->stop))) {
        job->outcome.state = JOB_LEFT;
    } else {
        struct reader *reader = chan_recv(workers->idle);
        if (workers->timeout > 0)
            job->outcome = digest_in_time(workers, &reader, job);
        else
            job->outcome = digest_file(&reader->hasher, job->path, job->follow);
        chan_send(workers->idle, reader);
    }
    *(struct job **)out = job;
}
