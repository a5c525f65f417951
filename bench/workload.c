/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.c - whole workloads, as other systems are compared by; go/workload_test.go has the same loops in Go,
 * peers/ in other systems.
 *
 * An operation is what the name counts: one task, one switch, one message, one hop; all of it for Skynet and
 * the sieve. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 1000, BATCH = 10000, RING = 503, LEAVES = 1000000, PRIMES = 2000, PRIME_MAX = 17389 };

static void nothing(void)
{
}

static void spawn_join(struct bench *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, nothing);
        weft_waitgroup_wait(&wg);
    }
}

static void batch(struct bench *b)
{
    for (int64_t left = b->n; left > 0; left -= BATCH) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        for (int64_t i = 0; i < BATCH && i < left; i++)
            weft_waitgroup_go(&wg, nothing);
        weft_waitgroup_wait(&wg);
    }
}

/* --- switching --- */

static void yielder(int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        weft_yield();
}

static void yield_among(struct bench *b, int tasks)
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < tasks; i++)
        weft_waitgroup_go(&wg, yielder, b->n / tasks + 1);
    weft_waitgroup_wait(&wg);
}

static void yield_1000(struct bench *b)
{
    yield_among(b, MANY);
}

static void yield_2(struct bench *b)
{
    yield_among(b, 2);
}

/* --- channels --- */

static void echo(int64_t n, weft_chan(int64_t) in, weft_chan(int64_t) out)
{
    for (int64_t i = 0; i < n; i++)
        weft_chan_send(out, weft_chan_recv(in));
}

static void ping_pong(struct bench *b)
{
    weft_chan(int64_t) ping = weft_chan_make(int64_t, 0), pong = weft_chan_make(int64_t, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, echo, b->n, ping, pong);
    for (int64_t i = 0; i < b->n; i++) {
        weft_chan_send(ping, i);
        weft_chan_recv(pong, NULL);
    }
    weft_waitgroup_wait(&wg);
    weft_chan_free(ping);
    weft_chan_free(pong);
}

static void send_all(int64_t n, weft_chan(int64_t) c)
{
    for (int64_t i = 0; i < n; i++)
        weft_chan_send(c, i);
}

static void receive_all(weft_chan(int64_t) c)
{
    while (weft_chan_recv(c, &(int64_t){0}))
        ;
}

static void buffered(struct bench *b, int pairs)
{
    weft_chan(int64_t) c = weft_chan_make(int64_t, 128);
    weft_waitgroup senders = WEFT_WAITGROUP_INIT, receivers = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < pairs; i++) {
        weft_waitgroup_go(&senders, send_all, b->n / pairs + 1, c);
        weft_waitgroup_go(&receivers, receive_all, c);
    }
    weft_waitgroup_wait(&senders);
    weft_chan_close(c);
    weft_waitgroup_wait(&receivers);
    weft_chan_free(c);
}

static void buffered_1(struct bench *b)
{
    buffered(b, 1);
}

static void buffered_4(struct bench *b)
{
    buffered(b, 4);
}

static void select_2(struct bench *b)
{
    weft_chan(int64_t) c[2] = {weft_chan_make(int64_t, 0), weft_chan_make(int64_t, 0)};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 2; i++)
        weft_waitgroup_go(&wg, send_all, b->n / 2 + 1, c[i]);
    for (int64_t i = 0; i < 2 * (b->n / 2 + 1); i++)
        weft_chan_select(weft_on_recv(c[0], NULL), weft_on_recv(c[1], NULL));
    weft_waitgroup_wait(&wg);
    weft_chan_free(c[0]);
    weft_chan_free(c[1]);
}

static void select_8(struct bench *b)
{
    enum { WIDTH = 8 };
    weft_chan(int64_t) c[WIDTH];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < WIDTH; i++) {
        c[i] = weft_chan_make(int64_t, 0);
        weft_waitgroup_go(&wg, send_all, b->n / WIDTH + 1, c[i]);
    }
    for (int64_t i = 0; i < WIDTH * (b->n / WIDTH + 1); i++)
        weft_chan_select(weft_on_recv(c[0], NULL), weft_on_recv(c[1], NULL), weft_on_recv(c[2], NULL),
                         weft_on_recv(c[3], NULL), weft_on_recv(c[4], NULL), weft_on_recv(c[5], NULL),
                         weft_on_recv(c[6], NULL), weft_on_recv(c[7], NULL));
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < WIDTH; i++)
        weft_chan_free(c[i]);
}

/* The token counts down; who reads 0 or less hands it on once more, so that all end, the last without a send. */
static void member(weft_chan(int64_t) in, weft_chan(int64_t) out)
{
    int64_t token;
    do {
        token = weft_chan_recv(in);
        if (token > 1 - RING)
            weft_chan_send(out, token - 1);
    } while (token > 0);
}

static void ring(struct bench *b)
{
    weft_chan(int64_t) c[RING];
    for (int i = 0; i < RING; i++)
        c[i] = weft_chan_make(int64_t, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < RING; i++)
        weft_waitgroup_go(&wg, member, c[i], c[(i + 1) % RING]);
    weft_chan_send(c[0], b->n);
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < RING; i++)
        weft_chan_free(c[i]);
}

/* --- a tree of goroutines, ten below each, whose leaves add up their numbers --- */

static void sky(weft_chan(int64_t) parent, int64_t number, int64_t size)
{
    if (size == 1) {
        weft_chan_send(parent, number);
        return;
    }
    weft_chan(int64_t) c = weft_chan_make(int64_t, 0);
    for (int64_t i = 0; i < 10; i++)
        weft_go(sky, c, number + i * (size / 10), size / 10);
    int64_t sum = 0;
    for (int i = 0; i < 10; i++)
        sum += weft_chan_recv(c);
    weft_chan_free(c);
    weft_chan_send(parent, sum);
}

static void skynet(struct bench *b)
{
    weft_chan(int64_t) c = weft_chan_make(int64_t, 0);
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_go(sky, c, 0, LEAVES);
        if (weft_chan_recv(c) != (int64_t)LEAVES * (LEAVES - 1) / 2) {
            fprintf(stderr, "bench: skynet has a wrong sum\n");
            exit(1);
        }
    }
    weft_chan_free(c);
}

/* --- the sieve: a goroutine for each prime, which hands on what it does not divide --- */

static void numbers(weft_chan(int64_t) out)
{
    for (int64_t i = 2; i <= PRIME_MAX; i++)
        weft_chan_send(out, i);
    weft_chan_close(out);
}

static void filter(int64_t prime, weft_chan(int64_t) in, weft_chan(int64_t) out)
{
    int64_t number;
    while (weft_chan_recv(in, &number))
        if (number % prime != 0)
            weft_chan_send(out, number);
    weft_chan_free(in);
    weft_chan_close(out);
}

static void sieve(struct bench *b)
{
    for (int64_t turn = 0; turn < b->n; turn++) {
        weft_chan(int64_t) c = weft_chan_make(int64_t, 0);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, numbers, c);
        int64_t prime, count = 0;
        for (; weft_chan_recv(c, &prime); count++) {
            weft_chan(int64_t) next = weft_chan_make(int64_t, 0);
            weft_waitgroup_go(&wg, filter, prime, c, next);
            c = next;
        }
        weft_waitgroup_wait(&wg);
        weft_chan_free(c);
        if (count != PRIMES) {
            fprintf(stderr, "bench: the sieve found %lld primes\n", (long long)count);
            exit(1);
        }
    }
}

/* --- eight that count under one mutex --- */

struct counter {
    weft_mutex mutex;
    int64_t count; /* under mutex */
};

static void count(struct counter *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        weft_mutex_lock(&c->mutex);
        c->count++;
        weft_mutex_unlock(&c->mutex);
    }
}

static void mutex_8(struct bench *b)
{
    enum { TASKS = 8 };
    struct counter c = {.mutex = WEFT_MUTEX_INIT};
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < TASKS; i++)
        weft_waitgroup_go(&wg, count, &c, b->n / TASKS + 1);
    weft_waitgroup_wait(&wg);
}

const struct bench_case bench_workload[] = {
    {"WorkSpawnJoin", spawn_join, "workload"},    {"WorkBatch10000", batch, "workload"},
    {"WorkYield2", yield_2, "workload"},          {"WorkYield1000", yield_1000, "workload"},
    {"WorkPingPong", ping_pong, "workload"},      {"WorkBuffered1to1", buffered_1, "workload"},
    {"WorkBuffered4to4", buffered_4, "workload"}, {"WorkSelect2", select_2, "workload"},
    {"WorkSelect8", select_8, "workload"},        {"WorkRing503", ring, "workload"},
    {"WorkSkynet1000000", skynet, "workload"},    {"WorkSieve2000", sieve, "workload"},
    {"WorkMutex8", mutex_8, "workload"},          {0},
};
