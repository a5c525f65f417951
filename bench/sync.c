/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.c - mutex, rwmutex, wait group, condition, once, pool; each loop as in Go's sync/mutex_test.go, rwmutex_test.go,
 * waitgroup_test.go, cond_test.go, once_test.go, pool_test.go. */
#include "bench.h"

/* --- mutex --- */

struct padded_mutex {
    weft_mutex mutex;
    char pad[128];
};

static void mutex_uncontended_body(struct bench_share *share, void *arg)
{
    (void)arg;
    struct padded_mutex mu = {0};
    while (bench_next(share)) {
        weft_mutex_lock(&mu.mutex);
        weft_mutex_unlock(&mu.mutex);
    }
}

static void mutex_uncontended(struct bench *b)
{
    bench_run_parallel(b, mutex_uncontended_body, NULL);
}

static void mutex_body(struct bench_share *share, void *arg)
{
    weft_mutex *mu = arg;
    while (bench_next(share)) {
        weft_mutex_lock(mu);
        weft_mutex_unlock(mu);
    }
}

static void mutex_work_body(struct bench_share *share, void *arg)
{
    weft_mutex *mu = arg;
    while (bench_next(share)) {
        weft_mutex_lock(mu);
        weft_mutex_unlock(mu);
        bench_work(100);
    }
}

static void contended_mutex(struct bench *b, bool slack, bool work)
{
    weft_mutex mu = WEFT_MUTEX_INIT;
    if (slack)
        b->parallelism = 10;
    bench_run_parallel(b, work ? mutex_work_body : mutex_body, &mu);
}

static void mutex(struct bench *b)
{
    contended_mutex(b, false, false);
}

static void mutex_slack(struct bench *b)
{
    contended_mutex(b, true, false);
}

static void mutex_work(struct bench *b)
{
    contended_mutex(b, false, true);
}

static void mutex_work_slack(struct bench *b)
{
    contended_mutex(b, true, true);
}

struct accounts {
    weft_mutex m;
    uint64_t acc0, acc1;
};

static void transfer(struct accounts *a)
{
    weft_mutex_lock(&a->m);
    a->acc0 -= 100;
    a->acc1 += 100;
    weft_mutex_unlock(&a->m);
}

static void tell(weft_chan(bool) c)
{
    weft_chan_send(c, true);
}

static void mutex_no_spin_body(struct bench_share *share, void *arg)
{
    enum { WORDS = 4 << 10 };
    struct accounts *a = arg;
    weft_chan(bool) c = weft_chan_make(bool, 0);
    uint64_t data[WORDS] = {0};
    for (int64_t i = 0; bench_next(share); i++) {
        if (i % 4 == 0) {
            transfer(a);
        } else {
            for (int k = 0; k < WORDS; k += 4)
                data[k]++;
            bench_keep(data);
            weft_go(tell, c); /* a yield that leaves the global queue alone */
            weft_chan_recv(c, NULL);
        }
    }
    weft_chan_free(c);
}

static void mutex_no_spin(struct bench *b)
{
    struct accounts a = {.m = WEFT_MUTEX_INIT};
    b->parallelism = 4;
    bench_run_parallel(b, mutex_no_spin_body, &a);
}

static void mutex_spin_body(struct bench_share *share, void *arg)
{
    enum { WORDS = 16 << 10 };
    struct accounts *a = arg;
    uint64_t data[WORDS] = {0};
    while (bench_next(share)) {
        transfer(a);
        for (int k = 0; k < WORDS; k += 4)
            data[k]++;
        bench_keep(data);
    }
}

static void mutex_spin(struct bench *b)
{
    struct accounts a = {.m = WEFT_MUTEX_INIT};
    bench_run_parallel(b, mutex_spin_body, &a);
}

/* --- rwmutex --- */

struct padded_rwmutex {
    weft_rwmutex rwmutex;
    char pad[128];
};

static void rwmutex_uncontended_body(struct bench_share *share, void *arg)
{
    (void)arg;
    struct padded_rwmutex rw = {0};
    while (bench_next(share)) {
        weft_rwmutex_rlock(&rw.rwmutex);
        weft_rwmutex_rlock(&rw.rwmutex);
        weft_rwmutex_runlock(&rw.rwmutex);
        weft_rwmutex_runlock(&rw.rwmutex);
        weft_rwmutex_lock(&rw.rwmutex);
        weft_rwmutex_unlock(&rw.rwmutex);
    }
}

static void rwmutex_uncontended(struct bench *b)
{
    bench_run_parallel(b, rwmutex_uncontended_body, NULL);
}

struct shared_rwmutex {
    weft_rwmutex rwmutex;
    int work, write_ratio;
};

static void rwmutex_body(struct bench_share *share, void *arg)
{
    struct shared_rwmutex *rw = arg;
    for (int i = 1; bench_next(share); i++) {
        if (i % rw->write_ratio == 0) {
            weft_rwmutex_lock(&rw->rwmutex);
            weft_rwmutex_unlock(&rw->rwmutex);
        } else {
            weft_rwmutex_rlock(&rw->rwmutex);
            bench_work(rw->work);
            weft_rwmutex_runlock(&rw->rwmutex);
        }
    }
}

static void shared_rwmutex(struct bench *b, int work, int write_ratio)
{
    struct shared_rwmutex rw = {.rwmutex = WEFT_RWMUTEX_INIT, .work = work, .write_ratio = write_ratio};
    bench_run_parallel(b, rwmutex_body, &rw);
}

static void rwmutex_write100(struct bench *b)
{
    shared_rwmutex(b, 0, 100);
}

static void rwmutex_write10(struct bench *b)
{
    shared_rwmutex(b, 0, 10);
}

static void rwmutex_work_write100(struct bench *b)
{
    shared_rwmutex(b, 100, 100);
}

static void rwmutex_work_write10(struct bench *b)
{
    shared_rwmutex(b, 100, 10);
}

/* --- wait group --- */

struct padded_waitgroup {
    weft_waitgroup wg;
    char pad[128];
};

static void waitgroup_uncontended_body(struct bench_share *share, void *arg)
{
    (void)arg;
    struct padded_waitgroup padded = {0};
    while (bench_next(share)) {
        weft_waitgroup_add(&padded.wg, 1);
        weft_waitgroup_done(&padded.wg);
        weft_waitgroup_wait(&padded.wg);
    }
}

static void waitgroup_uncontended(struct bench *b)
{
    bench_run_parallel(b, waitgroup_uncontended_body, NULL);
}

static void waitgroup_actually_wait_body(struct bench_share *share, void *arg)
{
    (void)arg;
    while (bench_next(share)) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, 1);
        weft_go(weft_waitgroup_done, &wg);
        weft_waitgroup_wait(&wg);
    }
}

static void waitgroup_actually_wait(struct bench *b)
{
    bench_run_parallel(b, waitgroup_actually_wait_body, NULL);
}

/* --- condition: the last of waiters + 1 goroutines to come wakes the others --- */

struct meeting {
    weft_mutex mutex;
    weft_cond cond;
    int id, waiters; /* id, under mutex: how many have come, -1: it is over */
    weft_chan(bool) done;
};

static void meet(struct meeting *m, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        weft_mutex_lock(&m->mutex);
        if (m->id == -1) {
            weft_mutex_unlock(&m->mutex);
            break;
        }
        m->id++;
        if (m->id == m->waiters + 1) {
            m->id = 0;
            weft_cond_broadcast(&m->cond);
        } else {
            weft_cond_wait(&m->cond, &m->mutex);
        }
        weft_mutex_unlock(&m->mutex);
    }
    weft_mutex_lock(&m->mutex);
    m->id = -1;
    weft_cond_broadcast(&m->cond);
    weft_mutex_unlock(&m->mutex);
    weft_chan_send(m->done, true);
}

static void cond(struct bench *b, int waiters)
{
    struct meeting m = {.mutex = WEFT_MUTEX_INIT, .cond = WEFT_COND_INIT, .waiters = waiters};
    m.done = weft_chan_make(bool, 0);
    for (int i = 0; i < waiters + 1; i++)
        weft_go(meet, &m, b->n);
    for (int i = 0; i < waiters + 1; i++)
        weft_chan_recv(m.done, NULL);
    weft_chan_free(m.done);
}

static void cond_1(struct bench *b)
{
    cond(b, 1);
}

static void cond_8(struct bench *b)
{
    cond(b, 8);
}

static void cond_32(struct bench *b)
{
    cond(b, 32);
}

/* --- once --- */

static void nothing(void *arg)
{
    (void)arg;
}

static void once_body(struct bench_share *share, void *arg)
{
    weft_once *once = arg;
    while (bench_next(share))
        weft_once_do(once, nothing, NULL);
}

static void once(struct bench *b)
{
    weft_once o = WEFT_ONCE_INIT;
    bench_run_parallel(b, once_body, &o);
}

/* --- pool --- */

static int pooled;

static void pool_body(struct bench_share *share, void *arg)
{
    weft_pool *p = arg;
    while (bench_next(share)) {
        weft_pool_put(p, &pooled);
        weft_pool_get(p);
    }
}

static void pool_overflow_body(struct bench_share *share, void *arg)
{
    weft_pool *p = arg;
    while (bench_next(share)) {
        for (int i = 0; i < 100; i++)
            weft_pool_put(p, &pooled);
        for (int i = 0; i < 100; i++)
            weft_pool_get(p);
    }
}

/* Fewer puts than gets: objects are taken from other processors, and there are none in the end. */
static void pool_starvation_body(struct bench_share *share, void *arg)
{
    weft_pool *p = arg;
    while (bench_next(share)) {
        for (int i = 0; i < 67; i++)
            weft_pool_put(p, &pooled);
        for (int i = 0; i < 100; i++)
            weft_pool_get(p);
    }
}

static void run_pool(struct bench *b, void (*body)(struct bench_share *share, void *arg))
{
    weft_pool p = {0};
    bench_run_parallel(b, body, &p);
    weft_pool_clear(&p);
}

static void pool(struct bench *b)
{
    run_pool(b, pool_body);
}

static void pool_overflow(struct bench *b)
{
    run_pool(b, pool_overflow_body);
}

static void pool_starvation(struct bench *b)
{
    run_pool(b, pool_starvation_body);
}

const struct bench_case bench_sync[] = {
    {"MutexUncontended", mutex_uncontended, "sync"},
    {"Mutex", mutex, "sync"},
    {"MutexSlack", mutex_slack, "sync"},
    {"MutexWork", mutex_work, "sync"},
    {"MutexWorkSlack", mutex_work_slack, "sync"},
    {"MutexNoSpin", mutex_no_spin, "sync"},
    {"MutexSpin", mutex_spin, "sync"},
    {"RWMutexUncontended", rwmutex_uncontended, "sync"},
    {"RWMutexWrite100", rwmutex_write100, "sync"},
    {"RWMutexWrite10", rwmutex_write10, "sync"},
    {"RWMutexWorkWrite100", rwmutex_work_write100, "sync"},
    {"RWMutexWorkWrite10", rwmutex_work_write10, "sync"},
    {"WaitGroupUncontended", waitgroup_uncontended, "sync"},
    {"WaitGroupActuallyWait", waitgroup_actually_wait, "sync"},
    {"Cond1", cond_1, "sync"},
    {"Cond8", cond_8, "sync"},
    {"Cond32", cond_32, "sync"},
    {"Once", once, "sync"},
    {"Pool", pool, "sync"},
    {"PoolOverflow", pool_overflow, "sync"},
    {"PoolStarvation", pool_starvation, "sync"},
    {0},
};
