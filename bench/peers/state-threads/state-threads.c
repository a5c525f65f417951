/* SPDX-License-Identifier: Apache-2.0
 *
 * state-threads.c - the workloads with State Threads, one processor, stacks of 16 KiB. A thread runs until it waits, so
 * the ring needs no mutex. A yield is st_usleep(0), the only one there is. */
#include "../peer.h"

#include <st.h>
#include <stdlib.h>

typedef st_thread_t task;
typedef struct {
    char none; /* threads switch where they wait, and nowhere else */
} lock;
typedef st_cond_t cond;

static task task_start(void *(*fn)(void *), void *arg)
{
    st_thread_t t = st_thread_create(fn, arg, 1, 16384);
    peer_fail_if(!t, "st_thread_create failed");
    return t;
}

static void task_join(task t)
{
    st_thread_join(t, NULL);
}

static void task_yield(void)
{
    st_usleep(0);
}

static void task_sleep(int64_t ns)
{
    st_usleep((st_utime_t)(ns / 1000));
}

#define lock_init(l) ((void)(l))
#define lock_acquire(l) ((void)(l))
#define lock_release(l) ((void)(l))
#define lock_destroy(l) ((void)(l))

static void cond_init(cond *c)
{
    *c = st_cond_new();
    peer_fail_if(!*c, "st_cond_new failed");
}
#define cond_wait(c, l) st_cond_wait(*(c))
#define cond_signal(c) st_cond_signal(*(c))
#define cond_broadcast(c) st_cond_broadcast(*(c))
#define cond_destroy(c) st_cond_destroy(*(c))

#include "../ring.h"

#include "../loops.h"

static void enter(int procs, void (*body)(void *), void *arg)
{
    (void)procs;
    peer_fail_if(st_init() != 0, "st_init failed");
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
                                         {"WorkSkynet1000000", skynet},
                                         {"WorkSieve2000", sieve},
                                         {"WorkSleepers100000", sleepers},
                                         {"WorkCompute", compute},
                                         {"WorkFanOut1000000", fan_out_empty},
                                         {"WorkFanOut10Sleep", fan_out_sleep},
                                         {NULL, NULL}};

int main(int argc, char **argv)
{
    static const struct peer peer = {"State Threads", 1, cases, enter, parked};
    return peer_main(argc, argv, &peer);
}
