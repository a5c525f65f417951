/* SPDX-License-Identifier: Apache-2.0
 *
 * tasks.c - what stands for the room sched where a room above it is under test: each of Relacy's threads is a task, which parks by
 * waiting for the flag that ready sets. For tests of sched itself, what they have to have in their own way. */
#include "tasks.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <weft/defer.h>

static struct weft__task tasks[ORDERS_THREADS];
static jmp_buf panics_go_to[ORDERS_THREADS];
static uint32_t readied[ORDERS_THREADS]; /* atomic, like all that is registered as such */
static char contexts[ORDERS_THREADS][8]; /* plain: saved by who parks, used by who makes it run again */
static int parks[ORDERS_THREADS];        /* beginnings and ends */
static int64_t now;

void orders_tasks_begin(void)
{
    memset(tasks, 0, sizeof tasks);
    memset(readied, 0, sizeof readied);
    memset(parks, 0, sizeof parks);
    now = 0;
    orders_atomics(readied, sizeof readied[0], ORDERS_THREADS);
    for (int i = 0; i < ORDERS_THREADS; i++)
        orders_plain(contexts[i]);
}

struct weft__task *orders_task(void)
{
    return &tasks[orders_self()];
}

void orders_park(struct weft__task *self, weft__commit commit, void *arg)
{
    parks[self - tasks]++;
    ORDERS_WRITE(contexts[self - tasks]);
    commit(arg);
    uint32_t *flag = &readied[self - tasks];
    while (orders_load(flag, sizeof *flag, ORDERS_ACQUIRE, __FILE__, __LINE__) == 0) /* pairs with orders_ready */
        orders_pause();
    orders_store(flag, sizeof *flag, 0, ORDERS_RELAXED, __FILE__,
                 __LINE__); /* nobody readies it again before it parks */
    parks[self - tasks]++;
}

bool orders_is_parked(int thread)
{
    return parks[thread] % 2 != 0;
}

bool orders_has_parked(int thread)
{
    return parks[thread] > 1;
}

bool orders_ready(struct weft__task *task)
{
    ORDERS_WRITE(contexts[task - tasks]);
    orders_store(&readied[task - tasks], sizeof readied[0], 1, ORDERS_RELEASE, __FILE__, __LINE__);
    return true;
}

void orders_woken_add(struct weft__woken *woken, struct weft__task *task)
{
    ORDERS_WRITE(contexts[task - tasks]);
    task->next = NULL;
    if (woken->last != NULL)
        woken->last->next = task;
    else
        woken->first = task;
    woken->last = task;
}

void orders_woken_ready(struct weft__woken *woken)
{
    for (struct weft__task *task = woken->first, *next; task != NULL; task = next) {
        next = task->next;
        orders_ready(task);
    }
}

bool orders_panics(void (*fn)(void *arg), void *arg)
{
    if (_setjmp(panics_go_to[orders_self()]) != 0)
        return true;
    fn(arg);
    return false;
}

void orders_panic(const char *format, ...)
{
    (void)format;
    _longjmp(panics_go_to[orders_self()], 1);
}

void orders_fatal(const char *format, ...)
{
    orders_require(false, format, __FILE__, __LINE__);
    abort();
}

void orders_defer_run(struct weft_deferred *deferred)
{
    deferred->fn(deferred->arg);
}

int64_t orders_now(void)
{
    return now += orders_random(2) * 2 * WEFT_MILLISECOND;
}

__attribute__((weak)) struct machine *orders_machine(void)
{
    abort();
}

__attribute__((weak)) struct machine *orders_switch(void **from, void *to, struct machine *m)
{
    (void)from, (void)to, (void)m;
    abort();
}

__attribute__((weak)) void orders_each(bool (*fn)(struct goroutine *g, void *arg), void *arg)
{
    (void)fn, (void)arg;
    abort();
}
