/* SPDX-License-Identifier: Apache-2.0
 *
 * fan_out_fan_in.c - ten jobs of half a second, three workers: about two seconds. */
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

static void close_when_done(weft_waitgroup *wg, chan(struct result) results)
{
    weft_waitgroup_wait(wg);
    chan_close(results);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int64_t start = weft_now();
    chan(int) jobs = chan_make(int, 10);
    chan(struct result) results = chan_make(struct result, 10);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;

    for (int id = 1; id <= 3; id++)
        weft_waitgroup_go(&wg, worker, id, recv_only(jobs), send_only(results));
    for (int job = 0; job < 10; job++)
        chan_send(jobs, job);
    chan_close(jobs);
    go(close_when_done, &wg, results);

    chan_range(struct result, result, results)
        printf("Worker %d finished job %d\n", result.worker, result.job);
    printf("10 jobs of 0.5 s with 3 workers took %.1f s\n", (double)(weft_now() - start) / WEFT_SECOND);
    chan_free(jobs);
    chan_free(results);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
