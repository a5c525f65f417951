/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - what the explorer's files share: what the process that explores leaves behind for the one that reports, and
 * the ways to choose. */
#ifndef WEFT_EXPLORE_ENGINE_H
#define WEFT_EXPLORE_ENGINE_H

#include "explore.h"
#include "sched/sim.h"

#define CHOICES_MAX 20000
#define STEPS_MAX 20000

enum explore_method { EXPLORE_DEPTH_FIRST, EXPLORE_RANDOM, EXPLORE_REPLAY };

struct explore_choice {
    uint16_t answer, options; /* 0 goes on, or is whoever comes first */
};

struct explore_place {
    const char *file; /* the same in both processes, one of which is a fork of the other */
    int line, goroutine;
};

/* Written by the process that explores; the other one looks at it when that has ended, however it did. */
struct explore_record {
    uint64_t executions, seed, started; /* started: executions begun */
    enum explore_method method;
    int bound;
    bool finished, exhausted; /* all limits reached or all schedules seen; all schedules seen, depth first */
    bool failed;
    char message[2048];
    uint32_t choices, steps; /* of the execution */
    struct explore_choice choice[CHOICES_MAX];
    struct explore_place step[STEPS_MAX];
};
extern struct explore_record *explore_record;

/* explore.c: what came of a search. */
struct explore_finding {
    bool found, exhausted; /* exhausted: all schedules were seen, depth first */
    uint64_t execution;    /* the one that found it, else how many there were */
    uint64_t seed;
    uint32_t steps;
    char message[4096], choices[8192];
};
void explore_search(const struct explore_scenario *scenario, bool quiet, struct explore_finding *finding);

/* steps.c: an execution begins; all goroutines have ended or none can go on. */
extern bool explore_on;
extern uint32_t explore_writes; /* so far */
void explore_steps_begin(const struct explore_scenario *scenario);
bool explore_relieve(void);     /* spinners look once more; false: there are none */
void explore_clock_jumps(void); /* for the list of steps */
void explore_register(int goroutine);
int explore_index(uint64_t id); /* of the goroutine with that number; EXPLORE_GOROUTINES: none of the scenario's */
void explore_memory_begin(void);
void explore_memory_check(void);

/* choose.c */
void explore_depth_first(int bound);
bool explore_depth_first_next(void); /* false: all schedules with that many preemptions have been seen */
void explore_random_begin(uint64_t seed, uint32_t length);
void explore_replay_begin(const char *list);
extern struct weft__sim_chooser explore_chooser;

/* linear.c */
void explore_history_begin(void);
void explore_history_parks(int goroutine, uint32_t at);
void explore_history_check(void);

#endif
