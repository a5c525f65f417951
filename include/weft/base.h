/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/base.h - what every other public header needs: export marks, version,
 * durations, source sites, and the macros that count and check arguments. */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION "0.1.0"

#define WEFT_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define WEFT_BEGIN_DECLS extern "C" {
#define WEFT_END_DECLS }
#define WEFT__NORETURN [[noreturn]]
#else
#define WEFT_BEGIN_DECLS
#define WEFT_END_DECLS
#define WEFT__NORETURN _Noreturn
#endif

/* Durations and instants are int64_t nanoseconds. */
#define WEFT_NANOSECOND INT64_C(1)
#define WEFT_MICROSECOND INT64_C(1000)
#define WEFT_MILLISECOND INT64_C(1000000)
#define WEFT_SECOND INT64_C(1000000000)
#define WEFT_MINUTE (60 * WEFT_SECOND)
#define WEFT_HOUR (60 * WEFT_MINUTE)
#define WEFT_FOREVER INT64_MAX

/* A place in the source: one constant per macro use, so recording it costs nothing. */
struct weft_site {
    const char *file;
    const char *function;
    int line;
    int reserved;
};

#define WEFT__SITE                                                                                                     \
    (__extension__({                                                                                                   \
        static const struct weft_site weft__site_ = {__FILE__, __func__, __LINE__, 0};                                 \
        &weft__site_;                                                                                                  \
    }))

#define WEFT__CAT_(a, b) a##b
#define WEFT__CAT(a, b) WEFT__CAT_(a, b)

WEFT_BEGIN_DECLS

/** weft_version - the version of the library that is linked, "major.minor.patch".
 *  Blocks: never. Callable from: anywhere, signal handlers included.
 *  Returns: a constant string; compare it with WEFT_VERSION, the header's own.
 *  Source: semantic versioning 2.0. */
WEFT_API const char *weft_version(void);

WEFT_END_DECLS

#endif
