/* SPDX-License-Identifier: Apache-2.0
 *
 * points.h - what the files under test are compiled with: the compiler includes it before each of them, and they are otherwise
 * unchanged. Atomic operations go to Relacy with the orders that they have (orders.h); what else they ask of other rooms:
 *
 *   the internal lock     its own code; who finds it taken tries again
 *   a compiler's fence    what it is together with weft__port_barrier on the other side
 *   chan: park and ready  the commit step, then a wait for the flag that ready sets; a panic ends what orders_panics has called
 *   sched: the machine    that of Relacy's thread; a switch is told to the test (orders_switch), and returns at once; all goroutines
 *                         are those that the test has; there is no watchdog
 *   waiting, the clock    one pause; time stands still; above sched it goes on by chance (orders_now)
 *   deferred calls        made when their scope ends
 *
 * ORDERS_SCHED: the file is one of the room sched. */
#ifndef WEFT_ORDERS_POINTS_H
#define WEFT_ORDERS_POINTS_H

#define WEFT_OUT_OF_LINE
#undef WEFT_LOCK_RANKS

#define weft__lock_wait orders_lock_wait
#define weft__machine orders_no_machine
#include "arch/arch.h"
#include "base/atomic.h"
#include "orders.h"
#include "port/port.h"

#define ORDERS_VALUE(p) __typeof__(atomic_load_explicit((p), memory_order_relaxed))
#define ORDERS_AT __FILE__, __LINE__
#define ORDERS_LOAD(p, order) ((ORDERS_VALUE(p))orders_load((void *)(p), sizeof *(p), (order), ORDERS_AT))
#define ORDERS_STORE(p, v, order)                                                                                      \
    orders_store((void *)(p), sizeof *(p), (uint64_t)(ORDERS_VALUE(p))(v), (order), ORDERS_AT)
#define ORDERS_CHANGE(p, change, v, order)                                                                             \
    __extension__({                                                                                                    \
        (ORDERS_VALUE(p))                                                                                              \
            orders_change((void *)(p), sizeof *(p), (change), (uint64_t)(ORDERS_VALUE(p))(v), (order), ORDERS_AT);     \
    })
#define ORDERS_CAS(p, e, v, order, otherwise)                                                                          \
    __extension__({                                                                                                    \
        uint64_t orders_expected = (uint64_t) * (e);                                                                   \
        bool orders_done = orders_cas((void *)(p), sizeof *(p), &orders_expected, (uint64_t)(ORDERS_VALUE(p))(v),      \
                                      (order), (otherwise), ORDERS_AT);                                                \
        *(e) = (ORDERS_VALUE(p))orders_expected;                                                                       \
        orders_done;                                                                                                   \
    })

/* The library's own, and those that tests/mutants puts in their places. */
#undef weft__load_relaxed
#undef weft__load_acquire
#undef weft__load_seq
#undef weft__store_relaxed
#undef weft__store_release
#undef weft__store_seq
#undef weft__exchange_relaxed
#undef weft__exchange_acquire
#undef weft__exchange_release
#undef weft__exchange_acq_rel
#undef weft__exchange_seq
#undef weft__add_relaxed
#undef weft__add_acquire
#undef weft__add_release
#undef weft__add_acq_rel
#undef weft__add_seq
#undef weft__or_relaxed
#undef weft__or_acquire
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
#undef weft__fence_compiler
#define weft__load_relaxed(p) ORDERS_LOAD(p, ORDERS_RELAXED)
#define weft__load_acquire(p) ORDERS_LOAD(p, ORDERS_ACQUIRE)
#define weft__load_seq(p) ORDERS_LOAD(p, ORDERS_SEQ)
#define weft__store_relaxed(p, v) ORDERS_STORE(p, v, ORDERS_RELAXED)
#define weft__store_release(p, v) ORDERS_STORE(p, v, ORDERS_RELEASE)
#define weft__store_seq(p, v) ORDERS_STORE(p, v, ORDERS_SEQ)
#define weft__exchange_relaxed(p, v) ORDERS_CHANGE(p, ORDERS_EXCHANGE, v, ORDERS_RELAXED)
#define weft__exchange_acquire(p, v) ORDERS_CHANGE(p, ORDERS_EXCHANGE, v, ORDERS_ACQUIRE)
#define weft__exchange_release(p, v) ORDERS_CHANGE(p, ORDERS_EXCHANGE, v, ORDERS_RELEASE)
#define weft__exchange_acq_rel(p, v) ORDERS_CHANGE(p, ORDERS_EXCHANGE, v, ORDERS_ACQ_REL)
#define weft__exchange_seq(p, v) ORDERS_CHANGE(p, ORDERS_EXCHANGE, v, ORDERS_SEQ)
#define weft__add_relaxed(p, v) ORDERS_CHANGE(p, ORDERS_ADD, v, ORDERS_RELAXED)
#define weft__add_acquire(p, v) ORDERS_CHANGE(p, ORDERS_ADD, v, ORDERS_ACQUIRE)
#define weft__add_release(p, v) ORDERS_CHANGE(p, ORDERS_ADD, v, ORDERS_RELEASE)
#define weft__add_acq_rel(p, v) ORDERS_CHANGE(p, ORDERS_ADD, v, ORDERS_ACQ_REL)
#define weft__add_seq(p, v) ORDERS_CHANGE(p, ORDERS_ADD, v, ORDERS_SEQ)
#define weft__or_relaxed(p, v) ORDERS_CHANGE(p, ORDERS_OR, v, ORDERS_RELAXED)
#define weft__or_acquire(p, v) ORDERS_CHANGE(p, ORDERS_OR, v, ORDERS_ACQUIRE)
#define weft__or_release(p, v) ORDERS_CHANGE(p, ORDERS_OR, v, ORDERS_RELEASE)
#define weft__or_acq_rel(p, v) ORDERS_CHANGE(p, ORDERS_OR, v, ORDERS_ACQ_REL)
#define weft__and_relaxed(p, v) ORDERS_CHANGE(p, ORDERS_AND, v, ORDERS_RELAXED)
#define weft__and_acquire(p, v) ORDERS_CHANGE(p, ORDERS_AND, v, ORDERS_ACQUIRE)
#define weft__and_release(p, v) ORDERS_CHANGE(p, ORDERS_AND, v, ORDERS_RELEASE)
#define weft__cas_relaxed(p, e, v) ORDERS_CAS(p, e, v, ORDERS_RELAXED, ORDERS_RELAXED)
#define weft__cas_acquire(p, e, v) ORDERS_CAS(p, e, v, ORDERS_ACQUIRE, ORDERS_RELAXED)
#define weft__cas_release(p, e, v) ORDERS_CAS(p, e, v, ORDERS_RELEASE, ORDERS_RELAXED)
#define weft__cas_acq_rel(p, e, v) ORDERS_CAS(p, e, v, ORDERS_ACQ_REL, ORDERS_ACQUIRE)
#define weft__cas_seq(p, e, v) ORDERS_CAS(p, e, v, ORDERS_SEQ, ORDERS_SEQ)
#define weft__fence_compiler() orders_light_fence()
#define weft__port_barrier() orders_heavy_fence()

#define weft__arch_wait(first, second, fn) (fn)((first), (second))
#define weft__arch_pause() orders_pause()
#define weft__port_thread_yield() orders_pause()
#define weft__port_thread_sleep(duration) ((void)(duration), orders_pause())
#define weft__port_futex_wait(word, value, duration) ((void)(word), (void)(value), (void)(duration), orders_pause())
#define weft__port_futex_wake(word, count) ((void)(word), (void)(count))
#define weft__port_now() ((int64_t)0)

#include "base/lock.h"
#include "sync/spin.h"
#include "tasks.h"

#include <weft/defer.h>

#ifdef ORDERS_SCHED
#include "sched/runtime.h"
#undef weft__machine
#define weft__machine() orders_machine()
#define weft__arch_switch(from, to, m) orders_switch((from), (to), (m))
#define weft__stack_each(fn, arg) orders_each(fn, arg)
#define weft__watchdog_wake() ((void)0)
#else
#define weft__self() orders_task()
#define weft__park(self, reason, object, commit, arg)                                                                  \
    ((void)(reason), (void)(object), orders_park((self), (commit), (arg)))
#define weft__ready(task) orders_ready(task)
#define weft__woken_add(woken, task) orders_woken_add((woken), (task))
#define weft__woken_ready(woken) orders_woken_ready(woken)
#define weft__panic orders_panic
#define weft__fatal orders_fatal
#define weft__now() orders_now()
#define weft__may_spin() (orders_random(2) != 0)
#define weft__spin_moment() orders_pause()
#define weft__spin_turn(turns) ((void)(turns), orders_pause())
#define weft__yield_to_ready() orders_pause()
#define weft_defer_push(deferred) ((void)(deferred))
#define weft_defer_run orders_defer_run
#endif

#endif
