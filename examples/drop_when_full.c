/* SPDX-License-Identifier: Apache-2.0
 *
 * drop_when_full.c - a producer that does not wait: what finds the queue full is dropped and counted. */
#include <stdio.h>

#include <weft/words.h>

static void slow_worker(recv_chan(int) jobs, send_chan(int) done)
{
    int count = 0;
    chan_range(int, job, jobs) {
        (void)job;
        weft_sleep(5 * WEFT_MILLISECOND);
        count++;
    }
    chan_send(done, count);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) jobs = chan_make(int, 4);
    chan(int) done = chan_make(int, 0);
    go(slow_worker, recv_only(jobs), send_only(done));
    int dropped = 0;
    for (int job = 0; job < 100; job++) {
        if (!chan_try_send(jobs, job))
            dropped++;
        weft_sleep(WEFT_MILLISECOND);
    }
    chan_close(jobs);
    int worked = chan_recv(done);
    printf("worked on %s, dropped %s, together %d\n", worked > 0 ? "some" : "none", dropped > 0 ? "some" : "none",
           worked + dropped);
    chan_free(jobs);
    chan_free(done);
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the worker is the slower one however busy the machine is;
 * weft_run(app, argc, argv) runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
