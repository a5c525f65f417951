/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.h - the simulated run inside: how schedule.c hands over to it, and how a chooser takes part in it.
 *
 * A chooser answers each question "who goes on?" instead of the seeded generator. It runs on the scheduler's or on a
 * goroutine's stack, in the one thread of the simulation, and may not use this library. */
#ifndef WEFT_SCHED_SIM_H
#define WEFT_SCHED_SIM_H

#include "sched/runtime.h"

struct weft__sim_view {
    uint32_t count;   /* goroutines that can run */
    bool goes_on;     /* the first of them is the caller of weft__sim_preempt: taking another one preempts it */
    bool can_advance; /* a timer is pending: the answer count lets the clock jump to it before anybody goes on */
};

struct weft__sim_chooser {
    /* One of [0, count), or count if can_advance. Asked only if there are two answers at least. */
    uint32_t (*choose)(struct weft__sim_chooser *self, const struct weft__sim_view *view);
};

struct weft__sim_settings {
    uint64_t seed;
    struct weft__sim_chooser *chooser; /* NULL: the generator, which never lets the clock jump early */
};

/* While choose runs: the number of the goroutine at index; 0: it has not started yet. */
uint64_t weft__sim_candidate(uint32_t index);

/* run.c: as weft__sched_run. */
int weft__sched_sim(const struct weft__sim_settings *settings, int (*app)(int, char **), int argc, char **argv);

/* Under runtime.lock, at the start and the end of a run. settings NULL: the run is a real one. */
void weft__sim_begin(const struct weft__sim_settings *settings);
void weft__sim_end(void);

/* Whether a simulated run is going on. Any thread. */
bool weft__sim_is_on(void);

/* The simulation's machine, instead of looking for work: who goes on. NONE: the run has ended. */
runnable weft__sim_next(struct machine *m);
/* 32 bits for the machine's own generator. */
uint32_t weft__sim_draw(void);

/* A goroutine of the simulation, which could go on: another one may go on instead, or the clock jump, if the chooser says
 * so. Elsewhere it does nothing. */
void weft__sim_preempt(void);
/* A goroutine of the simulation: have the clock jump to the next timer. False: there is none that keeps the run alive. */
bool weft__sim_advance(void);

#endif
