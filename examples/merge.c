/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c - fan-in: what several channels bring comes out of one, which is closed when all of them are. */
#include <stdio.h>

#include <weft/words.h>

static void count(send_chan(int) out, int from, int to)
{
    for (int i = from; i < to; i++)
        chan_send(out, i);
    chan_close(out);
}

static void forward(recv_chan(int) in, send_chan(int) out)
{
    chan_range(int, value, in)
        chan_send(out, value);
}

/* Closes out when every channel of in is closed and drained. */
static void merge(int n, chan(int) * in, send_chan(int) out)
{
    weft_waitgroup forwarders = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++)
        weft_waitgroup_go(&forwarders, forward, recv_only(in[i]), out);
    weft_waitgroup_wait(&forwarders);
    chan_close(out);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) sources[3], merged = chan_make(int, 0);
    for (int i = 0; i < 3; i++) {
        sources[i] = chan_make(int, 0);
        go(count, send_only(sources[i]), 100 * i, 100 * i + 100);
    }
    go(merge, 3, sources, send_only(merged));
    int values = 0, sum = 0;
    chan_range(int, value, merged)
        values++, sum += value;
    printf("%d values from 3 channels, their sum is %d\n", values, sum);
    for (int i = 0; i < 3; i++)
        chan_free(sources[i]);
    chan_free(merged);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
