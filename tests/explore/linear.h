/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.h - channel operations that write down when they were called, parked and returned, and what came of them; at the end
 * of each execution the history must be one that a sequential Go channel could have given. */
#ifndef WEFT_EXPLORE_LINEAR_H
#define WEFT_EXPLORE_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include <weft/chan.h>
#include <weft/select.h>

#define LINEAR_CHANNELS 2

/* The channels of an execution: made with these capacities, freed by linear_end. NULL where none is made. */
extern weft_chan(int) linear_chan[LINEAR_CHANNELS];
void linear_begin(int first_capacity, int second_capacity); /* -1: there is none */
void linear_end(void);

/* By the scenario's goroutines and by its stuck; channel is 0 or 1. */
void linear_send(int channel, int value);
bool linear_recv(int channel, int *value); /* false: closed */
bool linear_try_send(int channel, int value);
int linear_try_recv(int channel, int *value); /* 1 received, 0 closed, -1 would wait */
void linear_close(int channel);
void linear_len(int channel);

/* A select. value is what is sent, or gets what is received. Returns the case, LINEAR_OTHERWISE or LINEAR_TIMEOUT. */
struct linear_case {
    int channel;
    bool is_send;
    int value;
};
enum { LINEAR_WAITS = -1, LINEAR_OTHERWISE = -2, LINEAR_TIMEOUT = -3 };
/* how: LINEAR_WAITS, LINEAR_OTHERWISE (with a default), or a time-out in ns above 0. *ok: false, received from a closed one. */
int linear_select(struct linear_case *cases, int count, int64_t how, bool *ok);

#endif
