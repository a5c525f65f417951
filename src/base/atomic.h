/* SPDX-License-Identifier: Apache-2.0
 *
 * atomic.h - atomic operations with the memory order in the name. The only file that includes <stdatomic.h>.
 *
 *   weft__load_relaxed  weft__load_acquire  weft__load_seq
 *   weft__store_relaxed weft__store_release weft__store_seq
 *   weft__exchange_acquire/_release/_acq_rel/_seq
 *   weft__add_relaxed/_acquire/_release/_acq_rel/_seq (return the value before)  weft__or_release/_acq_rel  weft__and_relaxed/_acquire/_release
 *   weft__cas_acquire/_release/_acq_rel/_seq/_relaxed (true if exchanged; *expected is updated if not)
 *   weft__fence_compiler (the other side makes it a fence for both: weft__port_barrier)
 *
 * TSan does not model fences; where the code relies on one, both sides use seq_cst operations instead. */
#ifndef WEFT_ATOMIC_H
#define WEFT_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__ATOMIC(T) _Atomic(T)

#define weft__load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define weft__load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define weft__load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)
#define weft__store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define weft__store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define weft__store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define weft__exchange_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define weft__exchange_release(p, v) atomic_exchange_explicit((p), (v), memory_order_release)
#define weft__exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define weft__exchange_seq(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define weft__add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define weft__add_acquire(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acquire)
#define weft__add_release(p, v) atomic_fetch_add_explicit((p), (v), memory_order_release)
#define weft__add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define weft__add_seq(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define weft__or_release(p, v) atomic_fetch_or_explicit((p), (v), memory_order_release)
#define weft__or_acq_rel(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define weft__and_relaxed(p, v) atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define weft__and_acquire(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acquire)
#define weft__and_release(p, v) atomic_fetch_and_explicit((p), (v), memory_order_release)
#define weft__cas_relaxed(p, e, v)                                                                                     \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_relaxed, memory_order_relaxed)
#define weft__cas_acquire(p, e, v)                                                                                     \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_acquire, memory_order_relaxed)
#define weft__cas_release(p, e, v)                                                                                     \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_release, memory_order_relaxed)
#define weft__cas_acq_rel(p, e, v)                                                                                     \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_acq_rel, memory_order_acquire)
#define weft__cas_seq(p, e, v)                                                                                         \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_seq_cst, memory_order_seq_cst)
#define weft__fence_compiler() atomic_signal_fence(memory_order_seq_cst)

#endif
