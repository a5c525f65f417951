/* SPDX-License-Identifier: Apache-2.0
 *
 * hundred_thousand_goroutines.c - 100,000 goroutines that wait at the same time. */
#include <stdio.h>
#include <stdlib.h>

#include <weft/words.h>

static void wait_for(recv_chan(int) start, weft_waitgroup *waiting)
{
    weft_waitgroup_done(waiting);
    chan_recv(start, NULL);
}

static int app(int argc, char **argv)
{
    /* The sanitizers allow fewer; the first argument is the number. */
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    chan(int) start = chan_make(int, 0);
    weft_waitgroup waiting = WEFT_WAITGROUP_INIT, running = WEFT_WAITGROUP_INIT;
    for (long i = 0; i < count; i++) {
        weft_waitgroup_add(&waiting, 1);
        weft_waitgroup_go(&running, wait_for, recv_only(start), &waiting);
    }
    weft_waitgroup_wait(&waiting);
    printf("%ld goroutines wait\n", count);
    chan_close(start);
    weft_waitgroup_wait(&running);
    printf("all have ended\n");
    chan_free(start);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
