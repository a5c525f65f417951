/* SPDX-License-Identifier: Apache-2.0
 *
 * prime_sieve.c - a goroutine for each prime, in a chain. */
#include <stdio.h>

#include <weft/words.h>

static void generate(send_chan(int) out)
{
    for (int i = 2;; i++)
        chan_send(out, i);
}

static void filter(recv_chan(int) in, send_chan(int) out, int prime)
{
    for (;;) {
        int i = chan_recv(in);
        if (i % prime != 0)
            chan_send(out, i);
    }
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) numbers = chan_make(int, 0);
    go(generate, send_only(numbers));
    for (int i = 0; i < 100; i++) {
        int prime = chan_recv(numbers);
        printf("%d%c", prime, i % 10 == 9 ? '\n' : ' ');
        chan(int) filtered = chan_make(int, 0);
        go(filter, recv_only(numbers), send_only(filtered), prime);
        numbers = filtered;
    }
    return 0; /* the goroutines of the chain are cut off */
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
