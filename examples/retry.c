/* SPDX-License-Identifier: Apache-2.0
 *
 * retry.c - a call that may fail is made again, after a wait that doubles each time and varies at random, until it succeeds
 * or its context's deadline has come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/words.h>

/* 0, the context's error, or the last attempt's if attempts are used up. */
static int retry(weft_context *ctx, int attempts, int64_t wait, int (*call)(void *arg), void *arg)
{
    for (;; wait *= 2) {
        int error = call(arg);
        if (error == 0 || --attempts == 0)
            return error;
        int64_t jitter = wait / 2 + rand() % (wait / 2); /* so that many callers do not come back all at once */
        if ((error = weft_sleep_ctx(ctx, jitter)) != 0)
            return error;
    }
}

static int fails_for_a_while(void *left)
{
    return --*(int *)left > 0 ? -EAGAIN : 0;
}

static void demonstrate(const char *what, int failures, int64_t timeout)
{
    weft_context *ctx = weft_context_with_timeout(weft_context_background(), timeout);
    int left = failures + 1;
    int error = retry(ctx, 20, 10 * WEFT_MILLISECOND, fails_for_a_while, &left);
    printf("%s: %s\n", what, error == 0 ? "done" : error == -ETIMEDOUT ? "out of time" : "failed");
    weft_context_free(ctx);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    demonstrate("3 failures, then success", 3, 10 * WEFT_SECOND);
    demonstrate("for ever, with a deadline", 1000, 200 * WEFT_MILLISECOND);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
