/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/scope.h - a scope: goroutines that are started together, end together, and of which the first error counts.
 *
 *   int error = 0;
 *   struct page pages[2];
 *   weft_with_scope(fetching, .timeout = 2 * WEFT_SECOND) {
 *       weft_scope_go(&fetching, fetch, "one", &pages[0]);       int fetch(const char *name, struct page *page)
 *       weft_scope_go(&fetching, fetch, "two", &pages[1]);
 *       error = weft_scope_wait(&fetching);
 *   }
 *
 * weft_with_scope(name[, options...]) { ... } is a statement that declares name, a weft_scope. Options are fields of struct
 * weft_scope_options. Nothing leaves it before all of its goroutines have ended:
 *   - at the end of the block, or after continue, it waits for them, as weft_scope_wait does;
 *   - left in any other way (break, which leaves this statement; return, goto, weft_exit, a panic that is contained or not)
 *     it cancels them first, and then waits.
 * So its goroutines may use whatever lives longer than the statement: what was declared before it, not in its block.
 *
 * Errors: a function started by weft_scope_go returns 0 or an error (any other int; void counts as 0). The first error is
 * what weft_scope_wait returns, and cancels the scope's context with itself as the cause. What else a goroutine has to hand over
 * goes through pointers: everything it has written can be read after weft_scope_wait.
 *
 * Cancelling ends no goroutine. It makes calls that take the context return -ECANCELED or -ETIMEDOUT: weft_context_current() is
 * the scope's context in its goroutines, and for whoever has opened it. Calls that take none go on, on purpose: a lock that is
 * not taken, a channel that was not received from, would go unnoticed where nobody looks at a result. A goroutine that
 * neither takes the context nor asks it keeps the scope open until it has ended by itself.
 *
 * A panic in one of its goroutines is a panic, as everywhere. A scope that is opened in another one's is a child of it. */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <weft/base.h>
#include <weft/context.h>
#include <weft/go.h>

typedef struct weft_scope {
    uint64_t opaque[18];
} weft_scope;

/* A field that is zero means the default.
 *   parent    the context whose child the scope's is; default: weft_context_current()
 *   timeout   nanoseconds from now after which the scope's context is cancelled (-ETIMEDOUT); negative: now
 *   deadline  the same, on weft_now's clock; the earlier of the two counts, and a parent's that is earlier still
 *   limit     how many of its goroutines may exist at once; default, and negative: any number */
struct weft_scope_options {
    weft_context *parent;
    int64_t timeout;
    int64_t deadline;
    int limit;
};

WEFT_BEGIN_DECLS

/** weft_scope_open - open a scope; weft_with_scope(name, options...) { } is the usual form, and the one that is always closed.
 *  Parameters: scope, zeroed, in the caller's frame; options, may be NULL; site, WEFT__SITE.
 *  Note: Without memory for its context it is open, cancelled, and has -ENOMEM as its error: weft_scope_go starts nothing,
 *  and weft_context_current stays what it was. A deadline outside a run panics.
 *  Blocks: never. Callable from: goroutines and threads. Scopes are closed in the reverse order, by who has opened them.
 *  Returns: scope. Source: Trio's nurseries, libdill's bundles. */
WEFT_API weft_scope *weft_scope_open(weft_scope *scope, const struct weft_scope_options *options,
                                     const struct weft_site *site);

/** weft_scope_close - cancel the scope, wait for its goroutines, and end it; a scope that is not open stays so.
 *  Blocks: until they have ended. Callable from: the opener. Ordering: as weft_scope_wait. Source: as weft_scope_open. */
WEFT_API void weft_scope_close(weft_scope *scope);

/** weft_scope_wait - wait for the scope's goroutines, and cancel its context, which nobody needs any more.
 *  Note: Nothing cuts the wait short: a deadline makes the goroutines return, not this. Cancelled or not, what counts
 *  is what they have returned: if that is 0, so is this. More may be started afterwards; they find the context cancelled.
 *  Blocks: until they have ended. Callable from: the opener.
 *  Ordering: the end of each happens before the return.
 *  Returns: the first error, or 0. -ECANCELED after weft_scope_cancel is none. Source: Go's errgroup.Group.Wait. */
WEFT_API int weft_scope_wait(weft_scope *scope);

/** weft_scope_cancel - cancel the scope's context: the rest is not needed.
 *  Note: From then on -ECANCELED does not count as an error of a goroutine. With weft_context_cancel_cause on the scope's
 *  context it does.
 *  Blocks: never. Callable from: the opener, and the scope's goroutines. Ordering: as weft_context_cancel.
 *  Source: Go's errgroup.WithContext. */
WEFT_API void weft_scope_cancel(weft_scope *scope);

/** weft_scope_context - the scope's context, for calls that take one.
 *  Blocks: never. Callable from: the opener, and the scope's goroutines.
 *  Returns: the context, which the scope keeps alive (weft_context_retain, to use it longer).
 *  Source: Go's errgroup.WithContext. */
WEFT_API weft_context *weft_scope_context(weft_scope *scope);

/** weft_scope_set_limit - how many of the scope's goroutines may exist at once.
 *  Parameters: n; 0: none, so that weft_scope_go waits for ever; negative: any number. While goroutines exist it panics.
 *  Blocks: never. Callable from: the opener. Source: Go's errgroup.Group.SetLimit. */
WEFT_API void weft_scope_set_limit(weft_scope *scope, int n);

/** weft_scope_go_begin - first half of weft_scope_go: count one more, wait for the limit, make the goroutine's descriptor.
 *  Not to be called by hand; as weft_go_begin.
 *  Blocks: while as many goroutines exist as the limit says; first come, first served.
 *  Callable from: the opener, and the scope's goroutines. Returns: as weft_go_begin. Source: Go's errgroup.Group.Go. */
WEFT_API weft__function weft_scope_go_begin(weft__function fn, const struct weft_site *site, weft_scope *scope,
                                            const struct weft_go_options *options, unsigned shape);

/** weft_scope_try_go_begin - first half of weft_scope_try_go; as weft_scope_go_begin.
 *  Blocks: never. Callable from: the opener, and the scope's goroutines.
 *  Returns: as weft_go_begin; weft_go_error gives -EBUSY for the limit. Source: Go's errgroup.Group.TryGo. */
WEFT_API weft__function weft_scope_try_go_begin(weft__function fn, const struct weft_site *site, weft_scope *scope,
                                                const struct weft_go_options *options, unsigned shape);

/** weft_scope_go_copy_at - weft_go_copy_at in a scope; weft_scope_go_copy(scope, fn, &value, size) is the usual form.
 *  Parameters: as weft_go_copy_at; shape, WEFT__SHAPE_INT or WEFT__SHAPE_NOTHING: what fn really returns.
 *  Blocks: as weft_scope_go_begin. Callable from: the opener, and the scope's goroutines. Returns: as weft_scope_go.
 *  Source: Go's errgroup.Group.Go. */
WEFT_API int weft_scope_go_copy_at(const struct weft_site *site, weft_scope *scope,
                                   const struct weft_go_options *options, void (*fn)(void *copy), const void *value,
                                   size_t size, unsigned shape);

/** weft_scope_try_go_copy_at - weft_scope_go_copy_at that does not wait for the limit.
 *  Blocks: never. Callable from: the opener, and the scope's goroutines. Returns: as weft_scope_try_go.
 *  Source: Go's errgroup.Group.TryGo. */
WEFT_API int weft_scope_try_go_copy_at(const struct weft_site *site, weft_scope *scope,
                                       const struct weft_go_options *options, void (*fn)(void *copy), const void *value,
                                       size_t size, unsigned shape);

WEFT_END_DECLS

/* weft_scope_go(&scope, fn, args...) - start fn(args...) as a goroutine of the scope, checked as weft_go checks it.
 *   fn  returns an int, which is 0 or an error, or nothing
 * Blocks: while the limit is reached, whether the scope is cancelled or not. In a cancelled scope fn runs all the same: what
 * it was given to look after is not lost, and the calls that take the context end it soon.
 * Callable from: the opener, and the scope's goroutines. Others would race its end; where that can be seen they panic.
 * Value: 0, or a negative errno as of weft_go; that is the scope's error then, as if fn had returned it.
 *
 * weft_scope_go_with(&scope, options, fn, args...) - the same with a struct weft_go_options.
 * weft_scope_go_copy(&scope, fn, &value, size)     - the same for one value of any size.
 * weft_scope_try_go(&scope, fn, args...)           - never waits: -EBUSY if the limit is reached. No failure of it is the
 *                                                    scope's. */
#ifndef __cplusplus

#define weft_scope_go(scope, ...) WEFT__SCOPE_GO(WEFT__SCOPE_BEGIN, scope, NULL, __VA_ARGS__)
#define weft_scope_try_go(scope, ...) WEFT__SCOPE_GO(WEFT__SCOPE_TRY_BEGIN, scope, NULL, __VA_ARGS__)
#define weft_scope_go_with(scope, options, ...)                                                                        \
    __extension__({                                                                                                    \
        const struct weft_go_options weft__options_ = (options);                                                       \
        WEFT__SCOPE_GO(WEFT__SCOPE_BEGIN, scope, &weft__options_, __VA_ARGS__);                                        \
    })
#define weft_scope_go_copy(scope, fn, value, size)                                                                     \
    weft_scope_go_copy_at(WEFT__SITE, (scope), NULL, (void (*)(void *))(weft__function)(fn), (value), (size),          \
                          _Generic((fn), void (*)(void *)                                                              \
                                   : WEFT__SHAPE_NOTHING, int (*)(void *)                                              \
                                   : WEFT__SHAPE_INT))

#define WEFT__SCOPE_GO(begin, scope, options, ...)                                                                     \
    __extension__({                                                                                                    \
        weft_scope *weft__scope = (scope);                                                                             \
        WEFT__GO(begin, (weft__scope, options), __VA_ARGS__);                                                          \
    })
#define WEFT__SCOPE_BEGIN(fn, site, extra, shape) WEFT__SCOPE_CALL(weft_scope_go_begin, fn, site, extra, shape)
#define WEFT__SCOPE_TRY_BEGIN(fn, site, extra, shape) WEFT__SCOPE_CALL(weft_scope_try_go_begin, fn, site, extra, shape)
#define WEFT__SCOPE_CALL(begin, fn, site, extra, shape)                                                                \
    __extension__({                                                                                                    \
        _Static_assert(((shape) & (WEFT__SHAPE_INT | WEFT__SHAPE_NOTHING)) != 0,                                       \
                       "weft_scope_go: the function must return an int (0 or an error) or nothing");                   \
        begin(fn, site, WEFT__UNPACK extra, shape);                                                                    \
    })
#define WEFT__UNPACK(...) __VA_ARGS__

#define WEFT__SCOPE_OPTIONS(...) (&(const struct weft_scope_options){__VA_ARGS__})

#else

template <bool Try> struct weft__scope_starter {
    const weft_site *site;
    weft_scope *scope;

    template <class Bound> int operator()(const Bound &value) const
    {
        void (*start)(void *) =
            reinterpret_cast<void (*)(void *)>(reinterpret_cast<weft__function>(&Bound::start_for_result));
        return (Try ? weft_scope_try_go_copy_at : weft_scope_go_copy_at)(site, scope, nullptr, start, &value,
                                                                         sizeof value, 0x20u /* WEFT__SHAPE_INT */);
    }
};
#define weft_scope_go(scope, ...) weft__go(weft__scope_starter<false>{WEFT__SITE, (scope)}, __VA_ARGS__)
#define weft_scope_try_go(scope, ...) weft__go(weft__scope_starter<true>{WEFT__SITE, (scope)}, __VA_ARGS__)

inline const weft_scope_options *weft__scope_options_of(const weft_scope_options &options)
{
    return &options;
}
#define WEFT__SCOPE_OPTIONS(...) weft__scope_options_of(weft_scope_options{__VA_ARGS__})

#endif

/* weft_with_scope(name[, options...]) { ... } - see the head. The value that ends the for is NULL, when it has waited. */
#define weft_with_scope(...) WEFT__SCOPE_PICK(__VA_ARGS__, O, O, O, O, O, NONE, )(__VA_ARGS__)
#define WEFT__SCOPE_PICK(name, a, b, c, d, e, how, ...) WEFT__SCOPE_##how
#define WEFT__SCOPE_NONE(name) WEFT__SCOPE(name, NULL)
#define WEFT__SCOPE_O(name, ...) WEFT__SCOPE(name, WEFT__SCOPE_OPTIONS(__VA_ARGS__))
#define WEFT__SCOPE(name, options)                                                                                     \
    for (struct weft_scope name __attribute__((cleanup(weft_scope_close))) = {{0}},                                    \
                                *WEFT__CAT(weft__once_, name) = weft_scope_open(&name, (options), WEFT__SITE);         \
         WEFT__CAT(weft__once_, name) != NULL;                                                                         \
         WEFT__CAT(weft__once_, name) = ((void)weft_scope_wait(&name), (struct weft_scope *)NULL))

#endif
