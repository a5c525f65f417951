/* SPDX-License-Identifier: Apache-2.0
 *
 * pthreads.c - the workloads with a thread for each task, stacks of 16 KiB. Held to as many processors as asked for by
 * the threads' affinity. Trees of a million and 100,000 sleepers are more threads than a system has. */
#define _GNU_SOURCE
#include "../peer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef pthread_t task;
typedef pthread_mutex_t lock;
typedef pthread_cond_t cond;

static pthread_attr_t small;

static task task_start(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    int error = pthread_create(&t, &small, fn, arg);
    if (error) {
        fprintf(stderr, "pthread_create: %s\n", strerror(error));
        exit(1);
    }
    return t;
}

static void task_join(task t)
{
    pthread_join(t, NULL);
}

static void task_yield(void)
{
    sched_yield();
}

static void task_sleep(int64_t ns)
{
    struct timespec left = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

#define lock_init(l) pthread_mutex_init(l, NULL)
#define lock_acquire pthread_mutex_lock
#define lock_release pthread_mutex_unlock
#define lock_destroy pthread_mutex_destroy
#define cond_init(c) pthread_cond_init(c, NULL)
#define cond_wait pthread_cond_wait
#define cond_signal pthread_cond_signal
#define cond_broadcast pthread_cond_broadcast
#define cond_destroy pthread_cond_destroy

#include "../ring.h"

#include "../loops.h"

static void enter(int procs, void (*body)(void *), void *arg)
{
    peer_keep_to(procs);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN > 16384 ? PTHREAD_STACK_MIN : 16384);
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
                                         {"WorkSieve2000", sieve},
                                         {"WorkMutex8", mutex_8},
                                         {"WorkCompute", compute},
                                         {"WorkFanOut1000000", fan_out_empty},
                                         {"WorkFanOut10Sleep", fan_out_sleep},
                                         {NULL, NULL}};

int main(int argc, char **argv)
{
    static const struct peer peer = {"pthreads", INT_MAX, cases, enter, parked};
    return peer_main(argc, argv, &peer);
}
