/* SPDX-License-Identifier: Apache-2.0
 *
 * prime_sieve.c - a goroutine for each prime, in a chain. */
#include <stdio.h>

#include <weft/words.h>

#define PRIMES 100

/* The channels between the goroutines of the chain. */
static chan(int) links[PRIMES + 1];

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
    links[0] = chan_make(int, 0);
    go(generate, send_only(links[0]));
    for (int i = 0; i < PRIMES; i++) {
        int prime = chan_recv(links[i]);
        printf("%d%c", prime, i % 10 == 9 ? '\n' : ' ');
        links[i + 1] = chan_make(int, 0);
        go(filter, recv_only(links[i]), send_only(links[i + 1]), prime);
    }
    return 0; /* the goroutines of the chain are cut off */
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
