/* SPDX-License-Identifier: Apache-2.0
 *
 * pth.c - the workloads with GNU Pth, one processor, stacks of 16 KiB, under its mutexes and conditions. Its scheduler
 * looks through every waiting thread at each switch, so trees, sleepers and crowds of 100,000 do not end in any time
 * that one could wait. */
#include "../peer.h"

#include <pth.h>
#include <stdlib.h>

typedef pth_t task;
typedef pth_mutex_t lock;
typedef pth_cond_t cond;

static pth_attr_t small;

static task task_start(void *(*fn)(void *), void *arg)
{
    pth_t t = pth_spawn(small, fn, arg);
    peer_fail_if(!t, "pth_spawn failed");
    return t;
}

static void task_join(task t)
{
    pth_join(t, NULL);
}

static void task_yield(void)
{
    pth_yield(NULL);
}

static void task_sleep(int64_t ns)
{
    pth_nap(pth_time(ns / 1000000000, ns % 1000000000 / 1000));
}

#define lock_init pth_mutex_init
#define lock_acquire(l) pth_mutex_acquire(l, FALSE, NULL)
#define lock_release pth_mutex_release
#define lock_destroy(l) ((void)(l))
#define cond_init pth_cond_init
#define cond_wait(c, l) pth_cond_await(c, l, NULL)
#define cond_signal(c) pth_cond_notify(c, FALSE)
#define cond_broadcast(c) pth_cond_notify(c, TRUE)
#define cond_destroy(c) ((void)(c))

#include "../ring.h"

#include "../loops.h"

static void enter(int procs, void (*body)(void *), void *arg)
{
    (void)procs;
    peer_fail_if(!pth_init(), "pth_init failed");
    small = pth_attr_new();
    pth_attr_set(small, PTH_ATTR_STACK_SIZE, 16384u);
    body(arg);
}

static const struct peer_case cases[] = {{"WorkSpawnJoin", spawn_join},
                                         {"WorkBatch10000", batch},
                                         {"WorkYield2", yield_2},
                                         {"WorkYield1000", yield_1000},
                                         {"WorkPingPong", ping_pong},
                                         {"WorkBuffered1to1", buffered_1},
                                         {"WorkBuffered4to4", buffered_4},
                                         {"WorkRing503", ring},
                                         {"WorkMutex8", mutex_8},
                                         {"WorkCompute", compute},
                                         {"WorkFanOut1000000", fan_out_empty},
                                         {"WorkFanOut10Sleep", fan_out_sleep},
                                         {NULL, NULL}};

int main(int argc, char **argv)
{
    static const struct peer peer = {"GNU Pth", 1, cases, enter, NULL};
    return peer_main(argc, argv, &peer);
}
