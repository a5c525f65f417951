/* SPDX-License-Identifier: Apache-2.0
 *
 * explore.h - run a small scenario in many schedules. docs/internals/exploration.md explains.
 *
 * A scenario is some goroutines (at most EXPLORE_GOROUTINES) that use channels, locks, timers. It is executed again and again in one
 * simulated run; before each atomic step of the rooms chan, sync and time a chooser may have another goroutine go on,
 * or the clock jump to the next timer.
 *   1. depth first: every schedule with at most `bound` preemptions, first with none, then one ...
 *   2. at random (PCT): each goroutine has a random priority, which drops at a few random steps
 *   3. replay: WEFT_EXPLORE_SCENARIO=name with WEFT_EXPLORE_SEED=n (of 2) or WEFT_EXPLORE_CHOICES=list (of 1)
 * WEFT_EXPLORE_SECONDS=n gives each scenario n seconds and no other limit (else a few seconds, and `most`); WEFT_EXPLORE_BOUND=n;
 * WEFT_EXPLORE_ONLY=depth or random leaves the other way out; WEFT_EXPLORE_VERBOSE=1 says how many executions there were.
 * A bug is: explore_check that fails, a history that is not linearizable (linear.h), goroutines that wait for ever, a spinner that
 * nobody relieves, memory used after it was given back or not given back, and whatever ends the process. The first one ends
 * the exploration: how to replay it, and the steps that led to it, are printed, and the test fails. */
#ifndef WEFT_EXPLORE_H
#define WEFT_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_GOROUTINES 4

struct explore_scenario {
    const char *name;
    void (*goroutines[EXPLORE_GOROUTINES + 1])(void); /* NULL after the last one */
    void (*begin)(void);                              /* before each execution; may be NULL, as end */
    void (*end)(void);                                /* when all goroutines have ended: check and give back */
    void (*stuck)(void); /* nothing can happen any more and some still wait: relieve them; NULL: that is a bug */
    int bound;           /* most preemptions, depth first; 0: EXPLORE_BOUND; negative: none */
    uint64_t most;       /* executions depth first, and half as many at random; 0: EXPLORE_MOST */
    bool may_spin;       /* M-06: locks spin */
    bool no_processors;  /* goroutines have none, as in blocking sections */
};
#define EXPLORE_BOUND 2
#define EXPLORE_MOST 30000

/* Fails the running test when a bug is found. */
void explore(const struct explore_scenario *scenario);

/* In a scenario. */
#define explore_check(x) ((x) ? (void)0 : explore_fail("%s:%d: %s", __FILE__, __LINE__, #x))
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int explore_self(void);                    /* which of the goroutines; -1: none of them */
uint32_t explore_time(void);               /* one more each time: events in order */
uint32_t explore_parked_at(int goroutine); /* when it has parked last; 0: never */
void explore_point(void);                  /* a scheduling point of the scenario's own */
void explore_wait_for_writes(void);        /* until anybody has changed shared memory */
/* free(memory), when all others have had a chance to touch it, which is a bug. */
void explore_free_watched(void *memory, size_t size);
uint32_t explore_choose(uint32_t count); /* any of [0, count): each is explored */

#endif
