/* SPDX-License-Identifier: Apache-2.0
 *
 * loops.h - the workloads of ../workload.c and ../jobs.c over what a peer offers, the same loops for all. Compiles as C
 * and as C++. A peer defines, before it includes this:
 *
 *   task, task_start(fn, arg), task_join(task), task_yield(), task_sleep(ns)
 *   lock, lock_init(lock *), lock_acquire(lock *), lock_release(lock *)
 *   struct queue, queue_make(capacity), queue_send(q, value), queue_receive(q, &value), queue_close(q), queue_free(q)
 *
 * Where Weft and Go use a wait group, the tasks are joined: it is what these systems have. Those without channels use
 * the bounded ring of ring.h. */
#ifndef LOOPS_H
#define LOOPS_H

#include "peer.h"

#include <stdlib.h>

#define LOOP static __attribute__((unused)) /* not every peer has every loop */

enum { MANY = 1000, BATCH = 10000, RING = 503, LEAVES = 1000000, PRIMES = 2000, PRIME_MAX = 17389 };

LOOP void *nothing(void *arg)
{
    return arg;
}

LOOP void spawn_join(struct peer_run *r)
{
    for (int64_t i = 0; i < r->n; i++)
        task_join(task_start(nothing, NULL));
}

LOOP void batch(struct peer_run *r)
{
    task *tasks = (task *)peer_allocate(BATCH, sizeof *tasks);
    for (int64_t left = r->n; left > 0; left -= BATCH) {
        int64_t count = left < (int64_t)BATCH ? left : (int64_t)BATCH;
        for (int64_t i = 0; i < count; i++)
            tasks[i] = task_start(nothing, NULL);
        for (int64_t i = 0; i < count; i++)
            task_join(tasks[i]);
    }
    free(tasks);
}

/* --- switching --- */

LOOP void *yielder(void *arg)
{
    int64_t n = *(int64_t *)arg;
    for (int64_t i = 0; i < n; i++)
        task_yield();
    return NULL;
}

LOOP void yield_among(struct peer_run *r, int count)
{
    task tasks[MANY];
    int64_t each = r->n / count + 1;
    r->operations = each * count;
    for (int i = 0; i < count; i++)
        tasks[i] = task_start(yielder, &each);
    for (int i = 0; i < count; i++)
        task_join(tasks[i]);
}

LOOP void yield_2(struct peer_run *r)
{
    yield_among(r, 2);
}

LOOP void yield_1000(struct peer_run *r)
{
    yield_among(r, MANY);
}

/* --- channels --- */

struct link {
    int64_t n;
    struct queue *in, *out;
};

LOOP void *echo(void *arg)
{
    struct link *l = (struct link *)arg;
    int64_t value = 0;
    for (int64_t i = 0; i < l->n; i++) {
        queue_receive(l->in, &value);
        queue_send(l->out, value);
    }
    return NULL;
}

LOOP void ping_pong(struct peer_run *r)
{
    struct link l = {r->n, queue_make(0), queue_make(0)};
    task other = task_start(echo, &l);
    int64_t value = 0;
    for (int64_t i = 0; i < r->n; i++) {
        queue_send(l.in, i);
        queue_receive(l.out, &value);
    }
    task_join(other);
    queue_free(l.in);
    queue_free(l.out);
}

LOOP void *send_all(void *arg)
{
    struct link *l = (struct link *)arg;
    for (int64_t i = 0; i < l->n; i++)
        queue_send(l->out, i);
    return NULL;
}

LOOP void *receive_all(void *arg)
{
    struct link *l = (struct link *)arg;
    int64_t value = 0;
    while (queue_receive(l->in, &value))
        ;
    return NULL;
}

LOOP void buffered(struct peer_run *r, int pairs)
{
    struct queue *q = queue_make(128);
    struct link l = {r->n / pairs + 1, q, q};
    task senders[4], receivers[4];
    for (int i = 0; i < pairs; i++) {
        senders[i] = task_start(send_all, &l);
        receivers[i] = task_start(receive_all, &l);
    }
    for (int i = 0; i < pairs; i++)
        task_join(senders[i]);
    queue_close(q);
    for (int i = 0; i < pairs; i++)
        task_join(receivers[i]);
    queue_free(q);
}

LOOP void buffered_1(struct peer_run *r)
{
    buffered(r, 1);
}

LOOP void buffered_4(struct peer_run *r)
{
    buffered(r, 4);
}

LOOP void *member(void *arg)
{
    struct link *l = (struct link *)arg;
    int64_t token = 0;
    do {
        queue_receive(l->in, &token);
        if (token > 1 - RING)
            queue_send(l->out, token - 1);
    } while (token > 0);
    return NULL;
}

LOOP void ring(struct peer_run *r)
{
    struct link l[RING];
    task tasks[RING];
    for (int i = 0; i < RING; i++)
        l[i].in = queue_make(0);
    for (int i = 0; i < RING; i++) {
        l[i].out = l[(i + 1) % RING].in;
        tasks[i] = task_start(member, &l[i]);
    }
    r->operations = r->n + RING;
    queue_send(l[0].in, r->n);
    for (int i = 0; i < RING; i++)
        task_join(tasks[i]);
    for (int i = 0; i < RING; i++)
        queue_free(l[i].in);
}

/* --- a tree of tasks, ten below each, whose leaves add up their numbers --- */

struct sky {
    struct queue *parent;
    int64_t number, size;
};

LOOP void *sky(void *arg)
{
    struct sky *s = (struct sky *)arg, below[10];
    if (s->size == 1) {
        queue_send(s->parent, s->number);
        return NULL;
    }
    task tasks[10];
    struct queue *q = queue_make(0);
    int64_t sum = 0, value = 0;
    for (int64_t i = 0; i < 10; i++) {
        below[i].parent = q;
        below[i].number = s->number + i * (s->size / 10);
        below[i].size = s->size / 10;
        tasks[i] = task_start(sky, &below[i]);
    }
    for (int i = 0; i < 10; i++) {
        queue_receive(q, &value);
        sum += value;
    }
    for (int i = 0; i < 10; i++)
        task_join(tasks[i]);
    queue_free(q);
    queue_send(s->parent, sum);
    return NULL;
}

LOOP void skynet(struct peer_run *r)
{
    struct queue *q = queue_make(0);
    for (int64_t turn = 0; turn < r->n; turn++) {
        struct sky root = {q, 0, LEAVES};
        int64_t sum = 0;
        task top = task_start(sky, &root);
        queue_receive(q, &sum);
        task_join(top);
        peer_fail_if(sum != (int64_t)LEAVES * (LEAVES - 1) / 2, "skynet has a wrong sum");
    }
    queue_free(q);
}

/* --- the sieve --- */

struct filter {
    int64_t prime;
    struct queue *in, *out;
    task runner;
};

LOOP void *numbers(void *arg)
{
    struct filter *f = (struct filter *)arg;
    for (int64_t i = 2; i <= PRIME_MAX; i++)
        queue_send(f->out, i);
    queue_close(f->out);
    return NULL;
}

LOOP void *filter(void *arg)
{
    struct filter *f = (struct filter *)arg;
    int64_t number;
    while (queue_receive(f->in, &number))
        if (number % f->prime != 0)
            queue_send(f->out, number);
    queue_close(f->out);
    return NULL;
}

LOOP void sieve(struct peer_run *r)
{
    struct filter *f = (struct filter *)peer_allocate(PRIMES + 1, sizeof *f);
    for (int64_t turn = 0; turn < r->n; turn++) {
        int64_t count = 0;
        f[0].out = queue_make(0);
        f[0].runner = task_start(numbers, &f[0]);
        for (int64_t prime; queue_receive(f[count].out, &prime);) {
            peer_fail_if(++count > PRIMES, "the sieve found too many primes");
            f[count].prime = prime;
            f[count].in = f[count - 1].out;
            f[count].out = queue_make(0);
            f[count].runner = task_start(filter, &f[count]);
        }
        peer_fail_if(count != PRIMES, "the sieve found too few primes");
        for (int64_t i = 0; i <= count; i++)
            task_join(f[i].runner);
        for (int64_t i = 0; i <= count; i++)
            queue_free(f[i].out);
    }
    free(f);
}

/* --- eight that count under one mutex --- */

struct counter {
    lock mutex;
    int64_t count; /* under mutex */
    int64_t n;
};

LOOP void *count_up(void *arg)
{
    struct counter *c = (struct counter *)arg;
    for (int64_t i = 0; i < c->n; i++) {
        lock_acquire(&c->mutex);
        c->count++;
        lock_release(&c->mutex);
    }
    return NULL;
}

LOOP void mutex_8(struct peer_run *r)
{
    struct counter c;
    task tasks[8];
    lock_init(&c.mutex);
    c.count = 0;
    c.n = r->n / 8 + 1;
    for (int i = 0; i < 8; i++)
        tasks[i] = task_start(count_up, &c);
    for (int i = 0; i < 8; i++)
        task_join(tasks[i]);
    peer_fail_if(c.count != 8 * c.n, "the mutex excluded nobody");
}

/* --- sleepers of 1 to 1,000 ms --- */

enum { SLEEPERS = 100000 };

struct sleeper {
    int64_t duration;
    int64_t early; /* by how much it woke before its time */
};

LOOP void *sleeper(void *arg)
{
    struct sleeper *s = (struct sleeper *)arg;
    int64_t start = peer_now();
    task_sleep(s->duration);
    s->early = start + s->duration - peer_now();
    return NULL;
}

LOOP void sleepers(struct peer_run *r)
{
    struct sleeper *s = (struct sleeper *)peer_allocate(SLEEPERS, sizeof *s);
    task *tasks = (task *)peer_allocate(SLEEPERS, sizeof *tasks);
    int64_t cpu = peer_cpu(), early = 0;
    for (int64_t turn = 0; turn < r->n; turn++) {
        for (int64_t i = 0; i < SLEEPERS; i++) {
            s[i].duration = (1 + i * 7919 % 1000) * 1000000;
            tasks[i] = task_start(sleeper, &s[i]);
        }
        for (int64_t i = 0; i < SLEEPERS; i++) {
            task_join(tasks[i]);
            early = s[i].early > early ? s[i].early : early;
        }
    }
    r->cpu = (double)(peer_cpu() - cpu) / (double)r->n;
    r->early = (double)early;
    free(s);
    free(tasks);
}

/* --- pure work, shared by as many tasks as processors --- */

enum { TURNS = 4000000 };

LOOP void *compute_share(void *arg)
{
    int64_t turns = *(int64_t *)arg;
    uint64_t x = 88172645463325252u;
    for (int64_t i = 0; i < turns; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    __asm__ volatile("" : : "r"(x));
    return NULL;
}

LOOP void compute(struct peer_run *r)
{
    task tasks[64];
    int64_t turns = TURNS / r->procs;
    peer_fail_if(r->procs > 64, "too many processors");
    for (int64_t turn = 0; turn < r->n; turn++) {
        for (int i = 0; i < r->procs; i++)
            tasks[i] = task_start(compute_share, &turns);
        for (int i = 0; i < r->procs; i++)
            task_join(tasks[i]);
    }
}

/* --- jobs to three workers, and their results back --- */

enum { WORKERS = 3, SLOTS = 10, JOBS = 1000000 };

struct fan {
    struct queue *jobs, *results;
    int64_t count, duration;
    task workers[WORKERS];
};

LOOP void *worker(void *arg)
{
    struct fan *f = (struct fan *)arg;
    int64_t job;
    while (queue_receive(f->jobs, &job)) {
        if (f->duration > 0)
            task_sleep(f->duration);
        queue_send(f->results, job);
    }
    return NULL;
}

LOOP void *feed(void *arg)
{
    struct fan *f = (struct fan *)arg;
    for (int64_t job = 1; job <= f->count; job++)
        queue_send(f->jobs, job);
    queue_close(f->jobs);
    return NULL;
}

LOOP void *close_when_done(void *arg)
{
    struct fan *f = (struct fan *)arg;
    for (int i = 0; i < WORKERS; i++)
        task_join(f->workers[i]);
    queue_close(f->results);
    return NULL;
}

LOOP void fan_out(int64_t count, int64_t duration)
{
    struct fan f;
    f.jobs = queue_make(SLOTS);
    f.results = queue_make(SLOTS);
    f.count = count;
    f.duration = duration;
    for (int i = 0; i < WORKERS; i++)
        f.workers[i] = task_start(worker, &f);
    task feeder = task_start(feed, &f), closer = task_start(close_when_done, &f);
    int64_t job, sum = 0;
    while (queue_receive(f.results, &job))
        sum += job;
    task_join(feeder);
    task_join(closer);
    peer_fail_if(sum != count * (count + 1) / 2, "the results of the fan-out are not those of its jobs");
    queue_free(f.jobs);
    queue_free(f.results);
}

LOOP void fan_out_empty(struct peer_run *r)
{
    for (int64_t left = r->n; left > 0; left -= JOBS)
        fan_out(left < (int64_t)JOBS ? left : (int64_t)JOBS, 0);
}

LOOP void fan_out_sleep(struct peer_run *r)
{
    for (int64_t turn = 0; turn < r->n; turn++)
        fan_out(10, 500000000);
}

/* --- tasks that wait, as in ../memory.c --- */

struct waiters {
    struct queue *gate, *ready;
    int64_t missing; /* atomic: who have not yet come */
};

LOOP void *waiter(void *arg)
{
    struct waiters *w = (struct waiters *)arg;
    int64_t value = 0;
    if (__atomic_sub_fetch(&w->missing, 1, __ATOMIC_SEQ_CST) == 0)
        queue_send(w->ready, 0);
    queue_receive(w->gate, &value);
    return NULL;
}

LOOP void parked(int64_t count, struct peer_parked *p)
{
    struct waiters w = {queue_make(0), queue_make(0), count};
    task *tasks = (task *)peer_allocate((size_t)count, sizeof *tasks);
    long rss = 0, tables = 0;
    int64_t value = 0;
    peer_memory(&rss, &tables);

    int64_t start = peer_now();
    for (int64_t i = 0; i < count; i++)
        tasks[i] = task_start(waiter, &w);
    queue_receive(w.ready, &value);
    p->create = peer_now() - start;

    peer_memory(&p->rss, &p->tables);
    p->rss -= rss;
    p->tables -= tables;

    start = peer_now();
    queue_close(w.gate);
    for (int64_t i = 0; i < count; i++)
        task_join(tasks[i]);
    p->end = peer_now() - start;
    free(tasks);
    queue_free(w.gate);
    queue_free(w.ready);
}

#endif
