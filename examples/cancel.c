/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel.c - a goroutine that is told to stop, and a wait that a deadline ends: contexts. */
#include <errno.h>
#include <stdio.h>

#include <weft/words.h>

/* Counts until nobody wants to know any more. */
static void count(weft_context *ctx, send_chan(int) numbers)
{
    for (int i = 1; chan_send_ctx(ctx, numbers, i) == 0; i++)
        ;
    printf("the counter was told to stop\n");
}

static void three_numbers(void)
{
    weft_context *ctx = weft_context_with_cancel(weft_context_background());
    chan(int) numbers = chan_make(int, 0);
    weft_waitgroup counter = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&counter, count, ctx, send_only(numbers));
    for (int i = 0; i < 3; i++)
        printf("%d\n", chan_recv(numbers));
    weft_context_cancel(ctx);
    weft_waitgroup_wait(&counter); /* it may not use what is freed now */
    chan_free(numbers);
    weft_context_free(ctx);
}

static void no_answer(void)
{
    weft_context *ctx = weft_context_with_timeout(weft_context_background(), 100 * WEFT_MILLISECOND);
    chan(int) answers = chan_make(int, 0);
    int answer, error = chan_recv_ctx(ctx, answers, &answer);
    printf("%s\n", error == -ETIMEDOUT ? "no answer in time" : "an answer");
    chan_free(answers);
    weft_context_free(ctx);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    three_numbers();
    no_answer();
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
