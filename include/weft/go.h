/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/go.h - spawning goroutines.
 *
 * weft_go(fn, args...) evaluates fn and the arguments in the caller, converts each argument to fn's parameter type
 * as an ordinary call does, and copies them into the new goroutine. How: the macro calls a capture routine of the
 * library *as if it were fn*, so the compiler itself places every argument where fn expects it; the routine stores the
 * argument registers and words, and the goroutine starts by loading them again. So an argument can never arrive in the
 * wrong register class, and what would not compile as fn(args...) does not compile here. */
#ifndef WEFT_GO_H
#define WEFT_GO_H

#include <weft/base.h>

/* Options of one spawn; a field that is zero means the default.
 *   name        shown in reports; must stay valid as long as the goroutine (a literal does)
 *   stack_size  bytes, at least as much is reserved; rounded up to a power of two; at most 1 GiB */
struct weft_go_options {
    const char *name;
    size_t stack_size;
};

typedef void (*weft__function)(void);

WEFT_BEGIN_DECLS

/** weft_go_copy_at - spawn fn(copy), where copy points to size bytes that were copied from value;
 *  weft_go_copy(fn, value, size) is the usual form.
 *  Parameters: site, where; options or NULL; fn; value and size, 0 to 65,536 bytes; the copy is aligned to 16 and lives
 *  as long as the goroutine.
 *  Blocks: never. Callable from: goroutines and threads (while a run is going on).
 *  Ordering: what the caller did before happens before fn.
 *  Returns: 0, or -E2BIG, -ENOMEM, -EAGAIN as for weft_go.
 *  Source: Go's go statement, for a value larger than an argument. */
WEFT_API int weft_go_copy_at(const struct weft_site *site, const struct weft_go_options *options,
                             void (*fn)(void *copy), const void *value, size_t size);

/** weft_go_begin - first half of the weft_go macros: make the descriptor of a goroutine. Not to be called by hand.
 *  Parameters: fn; site, where; options or NULL; shape, WEFT__SHAPE of the arguments.
 *  Blocks: never. Callable from: goroutines and threads, by way of the macros; the routine that it returns must be
 *  called next, with nothing of this library in between.
 *  Returns: the capture routine to be called as if it were fn, or NULL: weft_go_error() tells why.
 *  Source: include/weft/go.h, its head. */
WEFT_API weft__function weft_go_begin(weft__function fn, const struct weft_site *site,
                                      const struct weft_go_options *options, unsigned shape);

/** weft_go_error - why weft_go_begin returned NULL to the calling thread, and forget it.
 *  Blocks: never. Callable from: right after weft_go_begin.
 *  Returns: -ENOMEM (no memory for the descriptor), -EAGAIN (no room for its stack: the line on standard error
 *  says what to raise), -EINVAL (a stack size out of range), -EPERM (no run is going on).
 *  Source: errno(3), per thread as that is. */
WEFT_API int weft_go_error(void);

WEFT_END_DECLS

/* weft_go(fn, args...) - start fn(args...) as a goroutine.
 *   fn      a function or a pointer to one, with a prototype; what it returns (nothing or a scalar) is dropped; one that is
 *           declared never to return takes arguments of exactly its parameters' types, and not a variable number
 *   args    0 to 8 values of integer, floating or pointer type; larger values go through weft_go_copy
 * Blocks: never. Callable from: goroutines, and threads while a run is going on.
 * Ordering: what the caller did before happens before fn; the end of a goroutine happens before nothing (G-01).
 * Value: 0, or a negative errno (see weft_go_error); the first failure of a kind also says so on standard error.
 *
 * weft_go_with(options, fn, args...) - the same with a struct weft_go_options:
 *   weft_go_with(((struct weft_go_options){.name = "parser", .stack_size = 1 << 20}), parse, file);
 *
 * weft_go_copy(fn, &value, size) - the same for one value of any size. */
#define weft_go_copy(fn, value, size) weft_go_copy_at(WEFT__SITE, NULL, (fn), (value), (size))

#ifndef __cplusplus

#define weft_go(...) WEFT__GO(weft_go_begin, NULL, __VA_ARGS__)
#define weft_go_with(options, ...)                                                                                     \
    __extension__({                                                                                                    \
        const struct weft_go_options weft__options_ = (options);                                                       \
        WEFT__GO(weft_go_begin, &weft__options_, __VA_ARGS__);                                                         \
    })

/* The number of arguments after fn chooses the expansion. begin(fn, site, extra, shape) makes the descriptor. */
#define WEFT__GO(begin, extra, ...)                                                                                    \
    WEFT__GO_PICK(__VA_ARGS__, WEFT__GO_8, WEFT__GO_7, WEFT__GO_6, WEFT__GO_5, WEFT__GO_4, WEFT__GO_3, WEFT__GO_2,     \
                  WEFT__GO_1, WEFT__GO_0, 0)                                                                           \
    (begin, extra, __VA_ARGS__)
#define WEFT__GO_PICK(fn, a, b, c, d, e, f, g, h, name, ...) name

/* The low bits count the arguments; SIMPLE: each has exactly its parameter's type and goes in an integer register; INT,
 * NOTHING: that is what the function returns. */
#define WEFT__SHAPE_COUNT 0xfu
#define WEFT__SHAPE_SIMPLE 0x10u
#define WEFT__SHAPE_INT 0x20u
#define WEFT__SHAPE_NOTHING 0x40u
#define WEFT__SHAPE_RESULT(call)                                                                                       \
    ((__builtin_types_compatible_p(__typeof__(call), int) ? WEFT__SHAPE_INT : 0u) |                                    \
     (__builtin_types_compatible_p(__typeof__(call), void) ? WEFT__SHAPE_NOTHING : 0u))

#ifdef __clang__
#define WEFT__STRICT_CALLS                                                                                             \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic error \"-Wincompatible-pointer-types\"")                \
        _Pragma("clang diagnostic error \"-Wint-conversion\"")                                                         \
            _Pragma("clang diagnostic error \"-Wfloat-conversion\"")
#define WEFT__STRICT_CALLS_END _Pragma("clang diagnostic pop")
#else
#define WEFT__STRICT_CALLS                                                                                             \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic error \"-Wincompatible-pointer-types\"")                    \
        _Pragma("GCC diagnostic error \"-Wint-conversion\"")                                                           \
            _Pragma("GCC diagnostic error \"-Wdiscarded-qualifiers\"")                                                 \
                _Pragma("GCC diagnostic error \"-Wfloat-conversion\"")
#define WEFT__STRICT_CALLS_END _Pragma("GCC diagnostic pop")
#endif

#define WEFT__CLASS(x) __builtin_classify_type(x)
#define WEFT__IS_INTEGER(x) (WEFT__CLASS(x) >= 1 && WEFT__CLASS(x) <= 5)
#define WEFT__GO_ARGUMENT(x)                                                                                           \
    _Static_assert((WEFT__IS_INTEGER(x) || WEFT__CLASS(x) == 8) && sizeof(x) <= 8,                                     \
                   "weft_go: an argument must be an integer, a floating value or a pointer of at most 8 bytes; "       \
                   "pass larger values through weft_go_copy")
#define WEFT__GO_FUNCTION(call, ...)                                                                                   \
    _Static_assert(sizeof(__typeof__(call)) <= 8, "weft_go: the function must return nothing or a scalar");            \
    _Static_assert(!(__builtin_types_compatible_p(__typeof__(*weft__f), __typeof__(call)(int)) &&                      \
                     __builtin_types_compatible_p(__typeof__(*weft__f), __typeof__(call)(double))),                    \
                   "weft_go: the function needs a prototype; write f(void) for one that takes nothing")
#define WEFT__GO_EXACT(call, ...) __builtin_types_compatible_p(__typeof__(*weft__f), __typeof__(call)(__VA_ARGS__))
/* The capture routine returns, even where fn is declared never to: its type is built anew from the arguments' types. */
#define WEFT__GO_CAPTURE(call, ...)                                                                                    \
    __typeof__(__builtin_choose_expr(WEFT__GO_EXACT(call, __VA_ARGS__), (__typeof__(call)(*)(__VA_ARGS__))0,           \
                                     weft__f)) weft__capture

/* extra is what the mistake may be in, too: a mutex for the wait group. */
#define WEFT__GO_RUN(begin, extra, shape, ...)                                                                         \
    WEFT__STRICT_CALLS                                                                                                 \
    weft__capture = (__typeof__(weft__capture))begin((weft__function)weft__f, WEFT__SITE, extra,                       \
                                                     (shape) | WEFT__SHAPE_RESULT(weft__f(__VA_ARGS__)));              \
    if (weft__capture)                                                                                                 \
        weft__capture(__VA_ARGS__);                                                                                    \
    WEFT__STRICT_CALLS_END                                                                                             \
    weft__capture ? 0 : weft_go_error();

#define WEFT__GO_0(begin, extra, fn)                                                                                   \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        WEFT__GO_FUNCTION(weft__f());                                                                                  \
        WEFT__GO_CAPTURE(weft__f(), void);                                                                             \
        WEFT__GO_RUN(begin, extra, 0u | ((WEFT__GO_EXACT(weft__f(), void) && 1) ? WEFT__SHAPE_SIMPLE : 0u))            \
    })
#define WEFT__GO_1(begin, extra, fn, a1)                                                                               \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1));                                                                           \
        WEFT__GO_CAPTURE(weft__f(weft__1), __typeof__(weft__1));                                                       \
        WEFT__GO_RUN(begin, extra,                                                                                     \
                     1u | ((WEFT__GO_EXACT(weft__f(weft__1), __typeof__(weft__1)) && WEFT__IS_INTEGER(weft__1))        \
                               ? WEFT__SHAPE_SIMPLE                                                                    \
                               : 0u),                                                                                  \
                     weft__1)                                                                                          \
    })
#define WEFT__GO_2(begin, extra, fn, a1, a2)                                                                           \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2));                                                                  \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2), __typeof__(weft__1), __typeof__(weft__2));                         \
        WEFT__GO_RUN(begin, extra,                                                                                     \
                     2u | ((WEFT__GO_EXACT(weft__f(weft__1, weft__2), __typeof__(weft__1), __typeof__(weft__2)) &&     \
                            WEFT__IS_INTEGER(weft__1) && WEFT__IS_INTEGER(weft__2))                                    \
                               ? WEFT__SHAPE_SIMPLE                                                                    \
                               : 0u),                                                                                  \
                     weft__1, weft__2)                                                                                 \
    })
#define WEFT__GO_3(begin, extra, fn, a1, a2, a3)                                                                       \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3));                                                         \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3), __typeof__(weft__1), __typeof__(weft__2),                 \
                         __typeof__(weft__3));                                                                         \
        WEFT__GO_RUN(begin, extra,                                                                                     \
                     3u | ((WEFT__GO_EXACT(weft__f(weft__1, weft__2, weft__3), __typeof__(weft__1),                    \
                                           __typeof__(weft__2), __typeof__(weft__3)) &&                                \
                            WEFT__IS_INTEGER(weft__1) && WEFT__IS_INTEGER(weft__2) && WEFT__IS_INTEGER(weft__3))       \
                               ? WEFT__SHAPE_SIMPLE                                                                    \
                               : 0u),                                                                                  \
                     weft__1, weft__2, weft__3)                                                                        \
    })
#define WEFT__GO_4(begin, extra, fn, a1, a2, a3, a4)                                                                   \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        __auto_type weft__4 = (a4);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__4);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3, weft__4));                                                \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3, weft__4), __typeof__(weft__1), __typeof__(weft__2),        \
                         __typeof__(weft__3), __typeof__(weft__4));                                                    \
        WEFT__GO_RUN(begin, extra,                                                                                     \
                     4u | ((WEFT__GO_EXACT(weft__f(weft__1, weft__2, weft__3, weft__4), __typeof__(weft__1),           \
                                           __typeof__(weft__2), __typeof__(weft__3), __typeof__(weft__4)) &&           \
                            WEFT__IS_INTEGER(weft__1) && WEFT__IS_INTEGER(weft__2) && WEFT__IS_INTEGER(weft__3) &&     \
                            WEFT__IS_INTEGER(weft__4))                                                                 \
                               ? WEFT__SHAPE_SIMPLE                                                                    \
                               : 0u),                                                                                  \
                     weft__1, weft__2, weft__3, weft__4)                                                               \
    })
#define WEFT__GO_5(begin, extra, fn, a1, a2, a3, a4, a5)                                                               \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        __auto_type weft__4 = (a4);                                                                                    \
        __auto_type weft__5 = (a5);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__4);                                                                                    \
        WEFT__GO_ARGUMENT(weft__5);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5));                                       \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5), __typeof__(weft__1),                    \
                         __typeof__(weft__2), __typeof__(weft__3), __typeof__(weft__4), __typeof__(weft__5));          \
        WEFT__GO_RUN(begin, extra, 5u, weft__1, weft__2, weft__3, weft__4, weft__5)                                    \
    })
#define WEFT__GO_6(begin, extra, fn, a1, a2, a3, a4, a5, a6)                                                           \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        __auto_type weft__4 = (a4);                                                                                    \
        __auto_type weft__5 = (a5);                                                                                    \
        __auto_type weft__6 = (a6);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__4);                                                                                    \
        WEFT__GO_ARGUMENT(weft__5);                                                                                    \
        WEFT__GO_ARGUMENT(weft__6);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6));                              \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6), __typeof__(weft__1),           \
                         __typeof__(weft__2), __typeof__(weft__3), __typeof__(weft__4), __typeof__(weft__5),           \
                         __typeof__(weft__6));                                                                         \
        WEFT__GO_RUN(begin, extra, 6u, weft__1, weft__2, weft__3, weft__4, weft__5, weft__6)                           \
    })
#define WEFT__GO_7(begin, extra, fn, a1, a2, a3, a4, a5, a6, a7)                                                       \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        __auto_type weft__4 = (a4);                                                                                    \
        __auto_type weft__5 = (a5);                                                                                    \
        __auto_type weft__6 = (a6);                                                                                    \
        __auto_type weft__7 = (a7);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__4);                                                                                    \
        WEFT__GO_ARGUMENT(weft__5);                                                                                    \
        WEFT__GO_ARGUMENT(weft__6);                                                                                    \
        WEFT__GO_ARGUMENT(weft__7);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7));                     \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7), __typeof__(weft__1),  \
                         __typeof__(weft__2), __typeof__(weft__3), __typeof__(weft__4), __typeof__(weft__5),           \
                         __typeof__(weft__6), __typeof__(weft__7));                                                    \
        WEFT__GO_RUN(begin, extra, 7u, weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7)                  \
    })
#define WEFT__GO_8(begin, extra, fn, a1, a2, a3, a4, a5, a6, a7, a8)                                                   \
    __extension__({                                                                                                    \
        __auto_type weft__f = (fn);                                                                                    \
        __auto_type weft__1 = (a1);                                                                                    \
        __auto_type weft__2 = (a2);                                                                                    \
        __auto_type weft__3 = (a3);                                                                                    \
        __auto_type weft__4 = (a4);                                                                                    \
        __auto_type weft__5 = (a5);                                                                                    \
        __auto_type weft__6 = (a6);                                                                                    \
        __auto_type weft__7 = (a7);                                                                                    \
        __auto_type weft__8 = (a8);                                                                                    \
        WEFT__GO_ARGUMENT(weft__1);                                                                                    \
        WEFT__GO_ARGUMENT(weft__2);                                                                                    \
        WEFT__GO_ARGUMENT(weft__3);                                                                                    \
        WEFT__GO_ARGUMENT(weft__4);                                                                                    \
        WEFT__GO_ARGUMENT(weft__5);                                                                                    \
        WEFT__GO_ARGUMENT(weft__6);                                                                                    \
        WEFT__GO_ARGUMENT(weft__7);                                                                                    \
        WEFT__GO_ARGUMENT(weft__8);                                                                                    \
        WEFT__GO_FUNCTION(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7, weft__8));            \
        WEFT__GO_CAPTURE(weft__f(weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7, weft__8),              \
                         __typeof__(weft__1), __typeof__(weft__2), __typeof__(weft__3), __typeof__(weft__4),           \
                         __typeof__(weft__5), __typeof__(weft__6), __typeof__(weft__7), __typeof__(weft__8));          \
        WEFT__GO_RUN(begin, extra, 8u, weft__1, weft__2, weft__3, weft__4, weft__5, weft__6, weft__7, weft__8)         \
    })

#else
#include <weft/go_cpp.h>
#endif

#endif
