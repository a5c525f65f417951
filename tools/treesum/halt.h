/* SPDX-License-Identifier: Apache-2.0
 *
 * halt.h - ending a run early: because of a signal, or because its output has failed.
 *
 * Two channels on which nothing is ever sent: that one is closed is the news, and any number of goroutines can look at
 * it, or wait for it in a select. */
#ifndef TREESUM_HALT_H
#define TREESUM_HALT_H

#include <stdbool.h>
#include <weft/words.h>

typedef chan(char) flag_chan;
typedef recv_chan(char) flag_recv_chan;

struct halt {
    flag_chan stop;  /* closed: begin no new file */
    flag_chan abort; /* closed: leave the files in hand, too */
    weft_once stop_once, abort_once;
    int signal; /* what asked for the stop, 0: no signal; written before stop is closed, read after */
};

/* Make the channels. Exits the process without memory. They are there until the end of the process, as halt must be:
 * a signal may come at any time. */
void halt_open(struct halt *halt);

/* Block the signals that halt_watch waits for; from main, before there is any other thread. */
void halt_block_signals(void);

/* The goroutine that waits for SIGINT, SIGTERM and SIGHUP. The first one stops the run, the second ends the process. */
void halt_watch(struct halt *halt);

/* Stop, and abort as well. Callable from: any goroutine, any number of times. */
void halt_abort(struct halt *halt);

/* The signal that has stopped the run, or 0. */
int halt_signal(const struct halt *halt);

/* Whether one of the channels has been closed. */
static inline bool is_closed(flag_recv_chan flag)
{
    return chan_try_recv(flag, NULL);
}

#endif
