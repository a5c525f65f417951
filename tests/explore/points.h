/* SPDX-License-Identifier: Apache-2.0
 *
 * points.h - what the rooms chan, sync and time are compiled with for exploration: the compiler includes it before each of their
 * files, which are otherwise unchanged. It redefines what those rooms do to shared memory and ask of the rooms below:
 *
 *   atomic operations         a scheduling point first; all are sequentially consistent, memory orders are not explored
 *   the internal lock         a point; a taken lock is waited for, not spun on
 *   ready, claim, timers, spawn  a point first; the rest is one step
 *   park                      a point first; then the commit step, on the parker's stack and with points of its own, and the sleep
 *   busy waiting              the spinner goes on when somebody has written something; a moment is one pause
 *   random numbers            a choice of two
 *   the processor's number    each goroutine has one of its own, as between scheduling points nobody else has its processor
 *   memory                    an arena that gives the same addresses in each execution and sees use after free
 *
 * No points in sched, port and base: what they do is one step. None in firing timers either, and in the commit step of a wait
 * with a deadline: they run in the scheduler's loop, where there is no goroutine to suspend. */
#ifndef WEFT_EXPLORE_POINTS_H
#define WEFT_EXPLORE_POINTS_H

/* A lock that is taken in the caller is a step without a point. */
#define WEFT_OUT_OF_LINE

/* Ranks are counted per thread, and here all goroutines are one thread. */
#undef WEFT_LOCK_RANKS

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/lock.h"
#include "port/port.h"
#include "sched/sched.h"
#include "sync/spin.h"

void explore_step(const char *file, int line); /* a scheduling point */
void explore_wrote(void);                      /* shared memory has changed, or is about to in this step */
void explore_park(struct weft__task *self, const struct weft__wait_reason *reason, void *object, weft__commit commit,
                  void *arg);
bool explore_ready(struct weft__task *task);
void explore_woken_add(const struct weft__woken *woken, struct weft__task *task);
void explore_woken_ready(const struct weft__woken *woken, const char *file, int line);
void explore_parks(void);
bool explore_lock_take(struct weft__lock *lock, bool wait, const char *file, int line);
void explore_lock_leave(struct weft__lock *lock, const char *file, int line);
void explore_pause(const char *file, int line);
bool explore_may_spin(void);
int explore_processor(void);
uint32_t explore_random(void);
void *explore_alloc(size_t size, size_t alignment);
void explore_free(void *memory);

static inline bool explore_wrote_if(bool written)
{
    if (written)
        explore_wrote();
    return written;
}

#define EXPLORE_STEP explore_step(__FILE__, __LINE__)
#define EXPLORE_WRITE (explore_step(__FILE__, __LINE__), explore_wrote())

/* What is stored is computed before the point: it may be out of date when it is stored. */
#define EXPLORE_LOAD(p) (EXPLORE_STEP, atomic_load(p))
#define EXPLORE_STORE(p, v)                                                                                            \
    __extension__({                                                                                                    \
        __auto_type explore_stored = (v);                                                                              \
        EXPLORE_WRITE;                                                                                                 \
        atomic_store((p), explore_stored);                                                                             \
    })
#define EXPLORE_CHANGE(operation, p, v)                                                                                \
    __extension__({                                                                                                    \
        __auto_type explore_operand = (v);                                                                             \
        EXPLORE_WRITE;                                                                                                 \
        operation((p), explore_operand);                                                                               \
    })
#define EXPLORE_EXCHANGE(p, v) EXPLORE_CHANGE(atomic_exchange, p, v)
#define EXPLORE_ADD(p, v) EXPLORE_CHANGE(atomic_fetch_add, p, v)
#define EXPLORE_CAS(p, e, v)                                                                                           \
    __extension__({                                                                                                    \
        __auto_type explore_wanted = (v);                                                                              \
        EXPLORE_STEP;                                                                                                  \
        explore_wrote_if(atomic_compare_exchange_strong((p), (e), explore_wanted));                                    \
    })

#undef weft__load_relaxed
#undef weft__load_acquire
#undef weft__load_seq
#undef weft__store_relaxed
#undef weft__store_release
#undef weft__store_seq
#undef weft__exchange_acquire
#undef weft__exchange_release
#undef weft__exchange_acq_rel
#undef weft__exchange_seq
#undef weft__add_relaxed
#undef weft__add_acquire
#undef weft__add_release
#undef weft__add_acq_rel
#undef weft__add_seq
#undef weft__or_release
#undef weft__or_acq_rel
#undef weft__and_relaxed
#undef weft__and_acquire
#undef weft__and_release
#undef weft__cas_relaxed
#undef weft__cas_acquire
#undef weft__cas_release
#undef weft__cas_acq_rel
#undef weft__cas_seq
#define weft__load_relaxed EXPLORE_LOAD
#define weft__load_acquire EXPLORE_LOAD
#define weft__load_seq EXPLORE_LOAD
#define weft__store_relaxed EXPLORE_STORE
#define weft__store_release EXPLORE_STORE
#define weft__store_seq EXPLORE_STORE
#define weft__exchange_acquire EXPLORE_EXCHANGE
#define weft__exchange_release EXPLORE_EXCHANGE
#define weft__exchange_acq_rel EXPLORE_EXCHANGE
#define weft__exchange_seq EXPLORE_EXCHANGE
#define weft__add_relaxed EXPLORE_ADD
#define weft__add_acquire EXPLORE_ADD
#define weft__add_release EXPLORE_ADD
#define weft__add_acq_rel EXPLORE_ADD
#define weft__add_seq EXPLORE_ADD
#define weft__or_release(p, v) EXPLORE_CHANGE(atomic_fetch_or, p, v)
#define weft__or_acq_rel(p, v) EXPLORE_CHANGE(atomic_fetch_or, p, v)
#define weft__and_relaxed(p, v) EXPLORE_CHANGE(atomic_fetch_and, p, v)
#define weft__and_acquire(p, v) EXPLORE_CHANGE(atomic_fetch_and, p, v)
#define weft__and_release(p, v) EXPLORE_CHANGE(atomic_fetch_and, p, v)
#define weft__cas_relaxed EXPLORE_CAS
#define weft__cas_acquire EXPLORE_CAS
#define weft__cas_release EXPLORE_CAS
#define weft__cas_acq_rel EXPLORE_CAS
#define weft__cas_seq EXPLORE_CAS

#define weft__lock_take(lock, rank) ((void)(rank), (void)explore_lock_take((lock), true, __FILE__, __LINE__))
#define weft__lock_try(lock, rank) ((void)(rank), explore_lock_take((lock), false, __FILE__, __LINE__))
#define weft__lock_at_once(lock, rank) ((void)(rank), explore_lock_take((lock), false, __FILE__, __LINE__))
#define weft__lock_after_all(lock, rank) weft__lock_take(lock, rank)
#define weft__lock_leave(lock, rank) ((void)(rank), explore_lock_leave((lock), __FILE__, __LINE__))

/* The functions themselves: a macro's own name is not expanded again. */
#define weft__claim_try(claim, winner) (EXPLORE_WRITE, weft__claim_try((claim), (winner)))
#define weft__ready(task) (EXPLORE_WRITE, explore_ready(task))
#define weft__woken_add(woken, task) explore_woken_add((woken), (task))
#define weft__woken_ready(woken) explore_woken_ready((woken), __FILE__, __LINE__)
#define weft__park(self, reason, object, commit, arg)                                                                  \
    (EXPLORE_STEP, explore_parks(), explore_park((self), (reason), (object), (commit), (arg)))
#define weft__park_until(self, reason, object, commit, arg, deadline, claim)                                           \
    (EXPLORE_STEP, explore_parks(), weft__park_until((self), (reason), (object), (commit), (arg), (deadline), (claim)))
#define weft__spawn_call(fn, arg, site) (EXPLORE_WRITE, weft__spawn_call((fn), (arg), (site)))
#define weft__timer_add(timer, when) (EXPLORE_WRITE, weft__timer_add((timer), (when)))
#define weft__timer_remove(timer) (EXPLORE_WRITE, weft__timer_remove(timer))
#define weft__now() (EXPLORE_STEP, weft__now())
#define weft__may_spin() explore_may_spin()
#define weft__spin_moment() explore_pause(__FILE__, __LINE__)
#define weft__random() explore_random()
#define weft__processor_number() explore_processor()

#define weft__arch_pause() explore_pause(__FILE__, __LINE__)
#define weft__port_thread_yield() explore_pause(__FILE__, __LINE__)
#define weft__port_thread_sleep(duration) ((void)(duration), explore_pause(__FILE__, __LINE__))
#define weft__port_alloc explore_alloc
#define weft__port_free explore_free

#endif
