/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/sync.h - wait group, mutex, once, and functions that are called once. Each lives where you put it and needs no clean-up; the
 * first three are valid when zeroed; none may be copied or moved while it is in use. */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/base.h>
#include <weft/go.h>

typedef struct weft_waitgroup {
    uint64_t opaque[3];
} weft_waitgroup;

typedef struct weft_mutex {
    uint64_t opaque[3];
} weft_mutex;

typedef struct weft_once {
    uint64_t opaque[4];
} weft_once;

/* A function, its argument, and whether and how its one call has ended. */
typedef struct weft_once_func {
    void (*fn)(void *arg);
    void *arg;
    uint64_t opaque[70];
} weft_once_func;

/* Likewise, with what the call has returned:
 *     static weft_once_value settings = WEFT_ONCE_VALUE_INIT(read_settings, (void *)"app.conf");
 *     const struct settings *s = weft_once_value_get(&settings); */
typedef struct weft_once_value {
    void *(*fn)(void *arg);
    void *arg;
    uint64_t opaque[70];
} weft_once_value;

/* clang-format off */
#define WEFT_WAITGROUP_INIT {{0}}
#define WEFT_MUTEX_INIT {{0}}
#define WEFT_ONCE_INIT {{0}}
#define WEFT_ONCE_FUNC_INIT(fn, arg) {(fn), (arg), {0}}
#define WEFT_ONCE_VALUE_INIT(fn, arg) {(fn), (arg), {0}}
/* clang-format on */

WEFT_BEGIN_DECLS

/** weft_waitgroup_add - change the counter by delta, which may be negative.
 *  A counter below zero panics, as does an increase from zero while somebody waits.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: a call that brings the counter to zero happens before
 *  the return of the waits that it ends. Source: Go's sync.WaitGroup. */
WEFT_API void weft_waitgroup_add(weft_waitgroup *wg, int delta);

/** weft_waitgroup_done - weft_waitgroup_add(wg, -1); after it the waiter may free wg at once.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as for add. Source: Go's WaitGroup.Done. */
WEFT_API void weft_waitgroup_done(weft_waitgroup *wg);

/** weft_waitgroup_wait - wait until the counter is zero.
 *  Blocks: until then; at once if it is zero. Callable from: goroutines and threads, several at a time.
 *  Note: Who has waited may free wg as soon as the call has returned. A call that found zero at once gives no right to that while
 *  others have yet to return from theirs.
 *  Ordering: as for add. Source: Go's WaitGroup.Wait. */
WEFT_API void weft_waitgroup_wait(weft_waitgroup *wg);

/** weft_waitgroup_go_begin - first half of weft_waitgroup_go: count one more and make the goroutine's descriptor.
 *  Not to be called by hand; as weft_go_begin, with the wait group in place of the options.
 *  Blocks: never. Callable from: goroutines and threads. Returns: as weft_go_begin.
 *  Source: Go's WaitGroup.Go. */
WEFT_API weft__function weft_waitgroup_go_begin(weft__function fn, const struct weft_site *site, weft_waitgroup *wg,
                                                unsigned shape);

/** weft_waitgroup_go_copy_at - weft_go_copy_at with a wait group: counted now, done when the goroutine ends.
 *  Blocks: never. Callable from: goroutines and threads. Returns: as weft_go_copy_at. Source: Go's WaitGroup.Go. */
WEFT_API int weft_waitgroup_go_copy_at(const struct weft_site *site, weft_waitgroup *wg, void (*fn)(void *copy),
                                       const void *value, size_t size);

/** weft_mutex_lock - take the mutex.
 *  Blocks: until it is free; a goroutine parks. After 1 ms of waiting the mutex is handed over in order of arrival.
 *  Callable from: goroutines and threads. Note: Not recursive. Ordering: the n-th unlock happens before the return of the
 *  m-th lock, n < m. Source: Go's sync.Mutex. */
WEFT_API void weft_mutex_lock(weft_mutex *mutex);

/** weft_mutex_trylock - take the mutex if it is free (and nobody is owed it).
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as lock if it succeeds, else none.
 *  Returns: true if taken. Source: Go's Mutex.TryLock. */
WEFT_API bool weft_mutex_trylock(weft_mutex *mutex);

/** weft_mutex_unlock - give the mutex back; any goroutine or thread may. Unlocking an unlocked one is fatal.
 *  Blocks: never (it may let the next owner run first). Callable from: goroutines and threads. Ordering: as lock.
 *  Source: Go's Mutex.Unlock. */
WEFT_API void weft_mutex_unlock(weft_mutex *mutex);

/** weft_mutex_let_go - second half of an unlock, when others wait or have waited. Not to be called by hand.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: none beyond that of the first half. Source: Weft's own. */
WEFT_API void weft_mutex_let_go(weft_mutex *mutex);

/** weft_once_do - call fn(arg) the first time only; every call returns after that one call has ended.
 *  Note: If fn ends by weft_exit it counts as done. Blocks: until fn has ended. Callable from: goroutines and threads; not
 *  from inside fn for the same once (that waits for ever). Ordering: fn's end happens before every return.
 *  Source: Go's sync.Once. */
WEFT_API void weft_once_do(weft_once *once, void (*fn)(void *arg), void *arg);

/** weft_once_func_call - call the function with its argument the first time only; every call returns after that one has ended.
 *  If it panics, so does every call, with the same message: the first as ever, the others (which weft_recover may have
 *  made possible) anew. If it ends by weft_exit, the others panic.
 *  Note: to be freed when all calls have returned.
 *  Blocks: until the function has ended. Callable from: as weft_once_do. Ordering: as weft_once_do.
 *  Source: Go's sync.OnceFunc. */
WEFT_API void weft_once_func_call(weft_once_func *once);

/** weft_once_value_get - as weft_once_func_call, for a function that makes something.
 *  Blocks: until the function has ended. Callable from: as weft_once_do. Ordering: as weft_once_do.
 *  Returns: what the function returned, the same each time. Source: Go's sync.OnceValue. */
WEFT_API void *weft_once_value_get(weft_once_value *once);

WEFT_END_DECLS

/* What is nearly always all of it is done where it is called: one exchange for a lock, one subtraction for an unlock, one load
 * for a once. Not under ThreadSanitizer, where the library itself says what is ordered. Define WEFT_OUT_OF_LINE before the headers
 * to have every call go to the library. */
#define WEFT__MUTEX_HELD UINT64_C(1)
#define WEFT__ONCE_DONE UINT64_C(8)

#if defined(WEFT_OUT_OF_LINE) || defined(__SANITIZE_THREAD__)
#define WEFT__OUT_OF_LINE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT__OUT_OF_LINE
#endif
#endif

#ifndef WEFT__OUT_OF_LINE
static inline void weft__mutex_lock(weft_mutex *mutex)
{
    uint64_t word = 0;
    /* acquire: pairs with unlock's release (M-01). */
    if (__builtin_expect(!__atomic_compare_exchange_n(&mutex->opaque[0], &word, WEFT__MUTEX_HELD, false,
                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
                         false))
        weft_mutex_lock(mutex);
}

static inline void weft__mutex_unlock(weft_mutex *mutex)
{
    /* release: pairs with lock's acquire. What is left, if anything, keeps the mutex the caller's. */
    if (__builtin_expect(__atomic_sub_fetch(&mutex->opaque[0], WEFT__MUTEX_HELD, __ATOMIC_RELEASE) != 0, false))
        weft_mutex_let_go(mutex);
}

static inline void weft__once_do(weft_once *once, void (*fn)(void *arg), void *arg)
{
    /* acquire: pairs with the exchange that marks the end of the call. */
    if (__builtin_expect(__atomic_load_n(&once->opaque[0], __ATOMIC_ACQUIRE) != WEFT__ONCE_DONE, false))
        weft_once_do(once, fn, arg);
}

#define weft_mutex_lock weft__mutex_lock
#define weft_mutex_unlock weft__mutex_unlock
#define weft_once_do weft__once_do
#endif

/* weft_waitgroup_go(&wg, fn, args...) - count one more, spawn as weft_go does, and count one less when the goroutine has
 * ended (by return or weft_exit; a panic ends the process first). If the spawn fails nothing was counted. */
#ifndef __cplusplus
#define weft_waitgroup_go(wg, ...) WEFT__GO(weft_waitgroup_go_begin, (wg), __VA_ARGS__)
#else
struct weft__waitgroup_starter {
    const weft_site *site;
    weft_waitgroup *wg;

    template <class Bound> int operator()(const Bound &value) const
    {
        return weft_waitgroup_go_copy_at(site, wg, &Bound::start, &value, sizeof value);
    }
};
#define weft_waitgroup_go(wg, ...) weft__go(weft__waitgroup_starter{WEFT__SITE, (wg)}, __VA_ARGS__)
#endif

#endif
