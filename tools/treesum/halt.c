/* SPDX-License-Identifier: Apache-2.0
 *
 * halt.c - ending a run early. See halt.h.
 *
 * A signal handler could not close a channel, so there is none: the signals are blocked in every thread, and one
 * goroutine waits for them with sigwaitinfo(2), which blocks its thread but no other goroutine. */
#define _GNU_SOURCE
#include "halt.h"
#include "report.h"

#include <signal.h>
#include <unistd.h>

struct request {
    struct halt *halt;
    int signal;
};

static void close_stop(void *arg)
{
    struct request *request = arg;
    request->halt->signal = request->signal;
    chan_close(request->halt->stop);
}

static void close_abort(void *arg)
{
    struct halt *halt = arg;
    chan_close(halt->abort);
}

static void stop(struct halt *halt, int signal)
{
    weft_once_do(&halt->stop_once, close_stop, &(struct request){halt, signal});
}

void halt_abort(struct halt *halt)
{
    stop(halt, 0);
    weft_once_do(&halt->abort_once, close_abort, halt);
}

int halt_signal(const struct halt *halt)
{
    return is_closed(recv_only(halt->stop)) ? halt->signal : 0;
}

void halt_open(struct halt *halt)
{
    *halt = (struct halt){.stop = chan_make(char, 0), .abort = chan_make(char, 0)};
    if (!halt->stop || !halt->abort)
        die_out_of_memory();
}

static sigset_t watched(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    /* nohup(1) ignores SIGHUP for a program that is to outlive its terminal. A shell ignores SIGINT for every job that a
     * script starts with "&", which says nothing about what its sender wants: that one is always taken. */
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    return set;
}

void halt_block_signals(void)
{
    sigset_t set = watched();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2), and reported like any other */
}

static int next_signal(const sigset_t *set)
{
    int signal = -1;
    while (signal < 0)
        weft_blocking
        {
            signal = sigwaitinfo(set, NULL);
        }
    return signal;
}

void halt_watch(struct halt *halt)
{
    sigset_t set = watched();
    stop(halt, next_signal(&set));
    _exit(128 + next_signal(&set));
}
