/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.c - values are put together: a batch goes out when it is full, or when its first value has waited long enough. So a
 * database gets one transaction for many rows, and no row waits longer than that. */
#include <stdio.h>

#include <weft/words.h>

#define FULL 8

struct batch {
    int count;
    int values[FULL];
};

static void batch(recv_chan(int) in, send_chan(struct batch) out, int64_t patience)
{
    struct batch batch = {0};
    int64_t due = WEFT_FOREVER; /* nothing waits yet */
    bool more = true;
    while (more) {
        int value;
        int64_t left = due == WEFT_FOREVER ? WEFT_FOREVER : due - weft_now();
        if (chan_select(on_recv(in, &value, &more), on_timeout(left)) == 0 && more) {
            if (batch.count == 0)
                due = weft_now() + patience;
            batch.values[batch.count++] = value;
            if (batch.count < FULL)
                continue;
        }
        if (batch.count > 0) /* full, or late, or the last one */
            chan_send(out, batch);
        batch.count = 0;
        due = WEFT_FOREVER;
    }
    chan_close(out);
}

static void produce(send_chan(int) out)
{
    for (int i = 0; i < 20; i++)
        chan_send(out, i); /* in a hurry: full batches */
    weft_sleep(500 * WEFT_MILLISECOND);
    chan_send(out, 20); /* a late one */
    chan_close(out);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) values = chan_make(int, 0);
    chan(struct batch) batches = chan_make(struct batch, 0);
    go(produce, send_only(values));
    go(batch, recv_only(values), send_only(batches), 100 * WEFT_MILLISECOND);
    chan_range(struct batch, each, batches)
        printf("a batch of %d: %d to %d\n", each.count, each.values[0], each.values[each.count - 1]);
    chan_free(values);
    chan_free(batches);
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the batches are the same however busy the machine is; weft_run runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
