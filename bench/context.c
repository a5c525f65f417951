/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - contexts; each loop as in Go's context/benchmark_test.go.
 *
 * Go's cancel function cancels, and the collector takes the context; weft_context_free does both here, inside the
 * measured time. A select over Done and a default is a try operation in both languages. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char key; /* its address is the key */

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench: %s\n", what);
        exit(1);
    }
}

/* --- children of one parent that all processors share --- */

static void common_parent_body(struct bench_share *share, void *arg)
{
    weft_context *shared = arg;
    while (bench_next(share)) {
        weft_context *context = weft_context_with_cancel(shared);
        const char *value = weft_context_value(context, &key);
        must(value && strcmp(value, "value") == 0, "a context has lost its value");
        bench_work(100); /* all that Go's compiler leaves of 100 divisions */
        weft_context_free(context);
        bench_work(100);
    }
}

static void common_parent_cancel(struct bench *b)
{
    weft_context *root = weft_context_with_value(weft_context_background(), &key, "value");
    weft_context *shared = weft_context_with_cancel(root);
    bench_reset_timer(b);
    bench_run_parallel(b, common_parent_body, shared);
    weft_context_free(shared);
    weft_context_free(root);
}

/* --- deadlines, beside others that are pending --- */

static void make_pending(weft_context **contexts, int count)
{
    for (int i = 0; i < count; i++)
        contexts[i] = weft_context_with_timeout(weft_context_background(), WEFT_HOUR);
}

static void with_timeout_body(struct bench_share *share, void *arg)
{
    enum { AT_A_TIME = 10 };
    (void)arg;
    while (bench_next(share)) {
        weft_context *contexts[AT_A_TIME];
        make_pending(contexts, AT_A_TIME);
        for (int i = 0; i < AT_A_TIME; i++)
            weft_context_free(contexts[i]);
    }
}

static void with_timeout(struct bench *b, int concurrency)
{
    int each = concurrency / b->procs;
    weft_context **contexts = bench_allocate((size_t)(each * b->procs), sizeof *contexts);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int p = 0; p < b->procs; p++)
        weft_waitgroup_go(&wg, make_pending, contexts + p * each, each);
    weft_waitgroup_wait(&wg);

    bench_reset_timer(b);
    bench_run_parallel(b, with_timeout_body, NULL);
    bench_stop_timer(b);

    for (int i = 0; i < each * b->procs; i++)
        weft_context_free(contexts[i]);
    free(contexts);
}

static void with_timeout_40(struct bench *b)
{
    with_timeout(b, 40);
}

static void with_timeout_4000(struct bench *b)
{
    with_timeout(b, 4000);
}

/* --- a chain of children below one that is cancelled in the end --- */

enum { DEPTH = 10 };

/* In Go the cancellation takes those below it off their parents; what is left of them is the collector's. */
static void cancel_tree(struct bench *b)
{
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_context *chain[DEPTH + 1];
        chain[0] = weft_context_with_cancel(weft_context_background());
        for (int i = 0; i < DEPTH; i++)
            chain[i + 1] = weft_context_with_cancel(chain[i]);
        for (int i = 0; i <= DEPTH; i++)
            weft_context_free(chain[i]);
    }
}

/* --- asking --- */

static void check_err(struct bench *b)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_context_cancel(context);
    for (int64_t i = 0; i < b->n; i++)
        weft_context_err(context);
    weft_context_free(context);
}

static void check_done(struct bench *b)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    weft_context_cancel(context);
    for (int64_t i = 0; i < b->n; i++)
        weft_chan_try_recv(weft_context_done(context), NULL);
    weft_context_free(context);
}

static void not_done_body(struct bench_share *share, void *arg)
{
    weft_context *context = arg;
    while (bench_next(share))
        weft_chan_try_recv(weft_context_done(context), NULL);
}

static void context_cancel_done(struct bench *b)
{
    weft_context *context = weft_context_with_cancel(weft_context_background());
    bench_run_parallel(b, not_done_body, context);
    weft_context_free(context);
}

static void deep_value(struct bench *b)
{
    static const char keys[DEPTH];
    weft_context *chain[DEPTH + 1];
    chain[0] = weft_context_background();
    for (int i = 0; i < DEPTH; i++)
        chain[i + 1] = weft_context_with_value(chain[i], &keys[i], chain);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        must(!weft_context_value(chain[DEPTH], &key), "a value that nobody gave");
    bench_stop_timer(b);
    for (int i = DEPTH; i > 0; i--)
        weft_context_free(chain[i]);
}

const struct bench_case bench_context[] = {
    {"CommonParentCancel", common_parent_cancel, "context"},
    {"WithTimeout/concurrency=40", with_timeout_40, "context"},
    {"WithTimeout/concurrency=4000", with_timeout_4000, "context"},
    {"CancelTree/depth=10/Root=OpenCanceler", cancel_tree, "context"},
    {"CheckCanceled/Err", check_err, "context"},
    {"CheckCanceled/Done", check_done, "context"},
    {"ContextCancelDone", context_cancel_done, "context"},
    {"DeepValueSameGoRoutine/depth=10", deep_value, "context"},
    {0},
};
