/* SPDX-License-Identifier: Apache-2.0
 *
 * A C++ program of somebody else, built against the installed library: lambdas, a mutex, a channel without types. */
#include <atomic>
#include <chrono>
#include <cstdio>
#include <weft/words.h>

static void produce(void *channel, int from, int to)
{
    for (int i = from; i < to; i++)
        weft_chan_send_untyped(channel, &i);
}

static int app(int, char **)
{
    void *channel = weft_chan_make_untyped(sizeof(int), alignof(int), 4, nullptr);
    weft_waitgroup producers = {};
    std::atomic<int> greetings{0};
    int value, sum = 0;

    weft_waitgroup_go(&producers, produce, channel, 0, 50);
    weft_waitgroup_go(&producers, produce, channel, 50, 100);
    weft_waitgroup_go(&producers, [&greetings] { greetings++; });
    go([&producers, channel] {
        weft_waitgroup_wait(&producers);
        weft_chan_close_untyped(channel);
    });
    while (weft_chan_recv_untyped(channel, &value))
        sum += value;
    weft_chan_release_untyped(channel);
    std::printf("weft %s: sum %d, greetings %d\n", weft_version(), sum, greetings.load());
    return sum == 4950 && greetings == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
