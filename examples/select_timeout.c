/* SPDX-License-Identifier: Apache-2.0
 *
 * select_timeout.c - the first of two channels, or a second. */
#include <stdio.h>

#include <weft/words.h>

static void send_later(send_chan(const char *) out, int milliseconds, const char *what)
{
    weft_sleep(milliseconds * WEFT_MILLISECOND);
    chan_send(out, what);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(const char *) fast = chan_make(const char *, 1);
    chan(const char *) slow = chan_make(const char *, 1);
    go(send_later, send_only(fast), 50, "fast");
    go(send_later, send_only(slow), 5000, "slow");
    for (int i = 0; i < 2; i++) {
        const char *message;
        switch (chan_select(on_recv(fast, &message), on_recv(slow, &message), on_timeout(1 * WEFT_SECOND))) {
        case 0:
        case 1:
            printf("received %s\n", message);
            break;
        case 2:
            printf("nothing for a second\n");
            break;
        }
    }
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the fast one is in time however busy the machine is;
 * weft_run(app, argc, argv) runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
