/* SPDX-License-Identifier: Apache-2.0
 *
 * mutex_counter.c - a counter that goroutines on all cores share. */
#include <stdio.h>

#include <weft/words.h>

struct counter {
    weft_mutex mutex;
    long value;
};

static void count(struct counter *counter)
{
    for (int i = 0; i < 10000; i++) {
        weft_mutex_lock(&counter->mutex);
        counter->value++;
        weft_mutex_unlock(&counter->mutex);
    }
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct counter counter = {WEFT_MUTEX_INIT, 0};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 100; i++)
        weft_waitgroup_go(&wg, count, &counter);
    weft_waitgroup_wait(&wg);
    printf("100 goroutines counted to %ld on %d processors\n", counter.value, weft_procs(0));
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
