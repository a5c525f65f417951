/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of somebody else, built against the installed library: the pipeline, a select, a timer. */
#include <stdio.h>
#include <string.h>
#include <weft/words.h>

struct result {
    int worker, job;
};

static void worker(int id, recv_chan(int) jobs, send_chan(struct result) results)
{
    chan_range(int, job, jobs) {
        weft_sleep(WEFT_MILLISECOND);
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
    chan(int) jobs = chan_make(int, 10);
    chan(struct result) results = chan_make(struct result, 10);
    weft_waitgroup wg = {0};
    int sum = 0, count = 0;

    (void)argc;
    (void)argv;
    for (int w = 1; w <= 3; w++)
        weft_waitgroup_go(&wg, worker, w, recv_only(jobs), send_only(results));
    for (int j = 0; j < 10; j++)
        chan_send(jobs, j);
    chan_close(jobs);
    go(close_when_done, &wg, results);
    chan_range(struct result, result, results) {
        sum += result.job;
        count++;
    }
    int nothing;
    int chosen = chan_select(on_recv((chan(int))NULL, &nothing), on_timeout(WEFT_MILLISECOND));
    chan_free(jobs);
    chan_free(results);
    printf("weft %s: %d results, sum %d, case %d\n", weft_version(), count, sum, chosen);
    return count == 10 && sum == 45 && chosen == 1 && strcmp(weft_version(), WEFT_VERSION) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
