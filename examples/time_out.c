/* SPDX-License-Identifier: Apache-2.0
 *
 * time_out.c - a job that takes too long is given up. */
#include <stdio.h>

#include <weft/words.h>

static void job(send_chan(int) answer, int milliseconds)
{
    weft_sleep(milliseconds * WEFT_MILLISECOND);
    chan_send(answer, milliseconds);
    chan_release(answer);
}

static void ask(int milliseconds)
{
    chan(int) answer = chan_make(int, 1); /* room for an answer that nobody waits for any more */
    go(job, send_only(chan_retain(answer)), milliseconds);
    int value;
    if (chan_select(on_recv(answer, &value), on_timeout(300 * WEFT_MILLISECOND)) == 0)
        printf("the job of %d ms answered\n", value);
    else
        printf("the job of %d ms was given up\n", milliseconds);
    chan_release(answer);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    ask(10);
    ask(10000);
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the job of 10 ms is in time however busy the machine is;
 * weft_run(app, argc, argv) runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
