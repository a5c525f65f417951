/* SPDX-License-Identifier: Apache-2.0
 *
 * producer_consumer.c - an unbuffered channel, close and range. */
#include <stdio.h>

#include <weft/words.h>

static void produce(send_chan(int) numbers)
{
    for (int i = 1; i <= 5; i++) {
        printf("sending %d\n", i);
        chan_send(numbers, i);
    }
    chan_close(numbers); /* or the range below waits for ever */
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) numbers = chan_make(int, 0);
    go(produce, send_only(numbers));
    int sum = 0;
    chan_range(int, number, numbers)
        sum += number;
    printf("the sum is %d\n", sum);
    chan_free(numbers);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
