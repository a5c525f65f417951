/* SPDX-License-Identifier: Apache-2.0
 *
 * tasks.h - what the files under test get in place of the room sched, or of what it asks of the rooms below (points.h). */
#ifndef WEFT_ORDERS_TASKS_H
#define WEFT_ORDERS_TASKS_H

#include "orders.h"
#include "sched/sched.h"

#define ORDERS_THREADS 4

/* tasks.c, for the rooms above sched. orders_tasks_begin: in before. */
void orders_tasks_begin(void);
struct weft__task *orders_task(void); /* of the calling thread */
void orders_park(struct weft__task *self, weft__commit commit, void *arg);
bool orders_ready(struct weft__task *task);
void orders_woken_add(struct weft__woken *woken, struct weft__task *task);
void orders_woken_ready(struct weft__woken *woken);
bool orders_is_parked(
    int thread); /* it has begun to park, and not gone on since: of the simulation alone, it orders nothing */
bool orders_has_parked(int thread);                   /* likewise; some time, and has gone on */
bool orders_panics(void (*fn)(void *arg), void *arg); /* whether fn(arg) has panicked */
_Noreturn void orders_panic(const char *format, ...);
_Noreturn void orders_fatal(const char *format, ...);
struct weft_deferred;
void orders_defer_run(struct weft_deferred *deferred);
int64_t orders_now(void); /* a moment later than the last time, or long after it */

/* For sched: the test has them. */
struct machine;
struct machine *orders_machine(void); /* of the calling thread */
struct machine *orders_switch(void **from, void *to,
                              struct machine *m); /* the context was left, and the other one resumed */

struct goroutine;
void orders_each(bool (*fn)(struct goroutine *g, void *arg), void *arg);

#endif
