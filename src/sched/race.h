/* SPDX-License-Identifier: Apache-2.0
 *
 * race.h - goroutines for ThreadSanitizer, in weft_race (port/race.h): their beginning, and what is said on behalf of one that
 * does not run. Nothing in every other build.
 *
 *   weft__race_born(spawn, caller)  there is a goroutine, begun by the call that returns to caller; nothing happens before it yet
 *   weft__race_follows_caller(spawn)   what the caller has done happens before it (G-01)
 *   weft__race_origin(object)       the next weft__spawn_call of this thread starts a goroutine that acquires object
 *   weft__race_follows_origins(spawn)  weft__spawn_call's part of that
 *   weft__race_unborn(spawn)        it will never run
 *   weft__race_begin(g)             it takes its stack, on which another one may have been
 *   weft__race_publish_as(task, word)  as a parked task: weft__race_publish of what it had done when it parked
 *   weft__race_wake(task, object)   as a parked task: weft__race_acquire; the task itself acquires its word in, when it goes on
 *   weft__race_machine()            in the thread of a machine, when it starts
 *
 * A parked task: its waiter was found under the object's lock, which its commit step has let go, and the caller is the one who
 * wakes it. So its context is saved, nobody else speaks for it, and it does not run before the caller has readied it. */
#ifndef WEFT_SCHED_RACE_H
#define WEFT_SCHED_RACE_H

#include "port/race.h"
#include "sched/goroutine.h"

#ifdef WEFT_RACE_REPORTS
#define WEFT__SWITCH_WITHOUT_ORDER 1u
void weft__race_born(struct spawn *spawn, void *caller);
void weft__race_follows_caller(struct spawn *spawn);
void weft__race_origin(const void *object);
void weft__race_follows_origins(struct spawn *spawn);
void weft__race_unborn(struct spawn *spawn);
void weft__race_begin(struct goroutine *g);
void weft__race_publish_as(struct weft__task *task, unsigned char *word);
void weft__race_wake(struct weft__task *task, const void *object);
void weft__race_machine(void);
#else
#define weft__race_born(spawn, caller) ((void)0)
#define weft__race_follows_caller(spawn) ((void)0)
#define weft__race_origin(object) ((void)0)
#define weft__race_follows_origins(spawn) ((void)0)
#define weft__race_unborn(spawn) ((void)0)
#define weft__race_publish_as(task, word) ((void)0)
#define weft__race_wake(task, object) ((void)0)
#define weft__race_machine() ((void)0)
#endif

#endif
