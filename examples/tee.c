/* SPDX-License-Identifier: Apache-2.0
 *
 * tee.c - each value goes to two readers. Whoever is ready first gets it first; neither can be more than one value ahead. */
#include <stdio.h>

#include <weft/words.h>

static void tee(recv_chan(int) in, chan(int) one, chan(int) other)
{
    chan_range(int, value, in) {
        chan(int) first = one, second = other;
        while (first || second) /* a nil channel is never ready: each gets the value once */
            switch (chan_select(on_send(first, value), on_send(second, value))) {
            case 0:
                first = NULL;
                break;
            case 1:
                second = NULL;
                break;
            }
    }
    chan_close(one);
    chan_close(other);
}

static void sum(recv_chan(int) in, send_chan(int) result)
{
    int total = 0;
    chan_range(int, value, in)
        total += value;
    chan_send(result, total);
}

static void largest(recv_chan(int) in, send_chan(int) result)
{
    int most = 0;
    chan_range(int, value, in)
        most = value > most ? value : most;
    chan_send(result, most);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) values = chan_make(int, 0), one = chan_make(int, 0), other = chan_make(int, 0);
    chan(int) total = chan_make(int, 0), most = chan_make(int, 0);
    go(tee, recv_only(values), one, other);
    go(sum, recv_only(one), send_only(total));
    go(largest, recv_only(other), send_only(most));
    for (int i = 1; i <= 100; i++)
        chan_send(values, i * 7 % 101);
    chan_close(values);
    printf("the sum is %d\n", chan_recv(total));
    printf("the largest is %d\n", chan_recv(most));
    chan_free(values), chan_free(one), chan_free(other), chan_free(total), chan_free(most);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
