/* SPDX-License-Identifier: Apache-2.0
 *
 * forgotten_close.c - fan-out/fan-in without the goroutine that closes results: Weft says what is wrong. */
#include <stdio.h>

#include <weft/words.h>

struct result {
    int worker, job;
};

static void worker(int id, recv_chan(int) jobs, send_chan(struct result) results)
{
    chan_range(int, job, jobs) { /* ends when jobs is closed and drained */
        weft_sleep(500 * WEFT_MILLISECOND);
        chan_send(results, ((struct result){id, job}));
    }
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) jobs = chan_make(int, 10);
    chan(struct result) results = chan_make(struct result, 10);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;

    for (int id = 1; id <= 3; id++)
        weft_waitgroup_go(&wg, worker, id, recv_only(jobs), send_only(results));
    for (int job = 0; job < 10; job++)
        chan_send(jobs, job);
    chan_close(jobs);
    /* Missing: a goroutine that waits for the workers and closes results. So this range never ends. */
    chan_range(struct result, result, results)
        printf("Worker %d finished job %d\n", result.worker, result.job);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
