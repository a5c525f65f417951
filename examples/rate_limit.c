/* SPDX-License-Identifier: Apache-2.0
 *
 * rate_limit.c - so many calls a second, and a few at once after a quiet time: a bucket of tokens is a buffered channel that a
 * ticker fills. */
#include <stdio.h>

#include <weft/words.h>

struct token {
};

/* One token per period, at most the capacity of tokens waiting; until stop is closed. */
static void fill(send_chan(struct token) tokens, int64_t period, recv_chan(bool) stop)
{
    weft_timer *ticker = weft_ticker_new(period);
    while (chan_select(on_recv(weft_timer_chan(ticker), NULL), on_recv(stop, NULL)) == 0)
        (void)chan_try_send(tokens, (struct token){}); /* a full bucket takes no more */
    weft_timer_free(ticker);
    chan_close(tokens);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(struct token) tokens = chan_make(struct token, 3);
    chan(bool) stop = chan_make(bool, 0);
    for (int i = 0; i < 3; i++)
        chan_send(tokens, (struct token){}); /* the bucket is full at first */
    go(fill, send_only(tokens), 50 * WEFT_MILLISECOND, recv_only(stop));

    int64_t start = weft_now();
    for (int call = 1; call <= 7; call++) {
        (void)chan_recv(tokens); /* waits until the next call is allowed */
        if (call == 3)
            printf("the first 3 calls came at once: %s\n", weft_now() - start < 50 * WEFT_MILLISECOND ? "yes" : "no");
    }
    printf("7 calls took at least 4 periods: %s\n", weft_now() - start >= 200 * WEFT_MILLISECOND ? "yes" : "no");
    chan_close(stop);
    chan_range(struct token, rest, tokens)
        (void)rest; /* until the ticker has ended */
    chan_free(tokens);
    chan_free(stop);
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the figures are exact; weft_run(app, argc, argv) runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
