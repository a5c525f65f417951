/* SPDX-License-Identifier: Apache-2.0
 *
 * ordered_map.c - a function over many values, results in order: what Executor.map gives, in one call and as a stream. */
#include <stdio.h>

#include <weft/words.h>

static void square(const void *in, void *out, void *unused)
{
    (void)unused;
    int value = *(const int *)in;
    weft_sleep((10 - value) * 5 * WEFT_MILLISECOND); /* the later ones are ready first */
    *(int *)out = value * value;
}

static void count_up(send_chan(int) numbers)
{
    for (int i = 0; i < 10; i++)
        chan_send(numbers, i);
    chan_close(numbers);
}

static void stream(const char *title, enum weft_map_order order)
{
    chan(int) numbers = chan_make(int, 0);
    chan(int) squares = chan_make(int, 0);
    go(count_up, send_only(numbers));
    if (weft_map_stream(order, 5, numbers, squares, square, NULL) != 0)
        return;
    printf("%s:", title);
    chan_range(int, value, squares)
        printf(" %d", value);
    printf("\n");
    chan_free(numbers);
    chan_free(squares);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int in[10], out[10];
    for (int i = 0; i < 10; i++)
        in[i] = i;
    if (weft_map(5, in, sizeof in[0], out, sizeof out[0], 10, square, NULL) != 0)
        return 1;
    printf("arrays:");
    for (int i = 0; i < 10; i++)
        printf(" %d", out[i]);
    printf("\n");
    stream("stream in order", WEFT_MAP_ORDERED);
    stream("stream as completed", WEFT_MAP_AS_COMPLETED);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
