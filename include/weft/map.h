/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/map.h - a function over many values in parallel, the short way: what Python's Executor.map and as_completed
 * give. In the short form the values are arrays, in the streaming form channels. */
#ifndef WEFT_MAP_H
#define WEFT_MAP_H

#include <weft/base.h>
#include <weft/chan.h>

/* fn(in, out, arg): compute *out from *in. Called by several goroutines at the same time; it may block. If it ends its
 * goroutine by weft_exit, its result is all zero bytes, and another goroutine goes on with the rest. */
typedef void (*weft_map_function)(const void *in, void *out, void *arg);

/* The order of results of a stream. */
enum weft_map_order {
    WEFT_MAP_ORDERED,     /* as the inputs came: Executor.map */
    WEFT_MAP_AS_COMPLETED /* as they get ready: as_completed */
};

WEFT_BEGIN_DECLS

/** weft_map - out[i] = fn(in[i]) for i below count, by up to workers goroutines; results in input order.
 *  Parameters: workers, 1 or more (0: one per processor); in and out, arrays of count elements of in_size and out_size
 *  bytes; arg, handed to fn. Inputs are given out one at a time, in order.
 *  Blocks: until every result is there. Callable from: goroutines. Ordering: all calls of fn happen before the return.
 *  Returns: 0; -EINVAL for negative workers; -ENOMEM or -EAGAIN if not even one worker could be started (nothing
 *  was computed then; with fewer workers than wished it just takes longer). Source: Python's Executor.map. */
WEFT_API int weft_map(int workers, const void *in, size_t in_size, void *out, size_t out_size, size_t count,
                      weft_map_function fn, void *arg);

/** weft_map_stream_untyped - receive from in, compute, send to out, until in is closed; then close out.
 *  Parameters: order; workers as in weft_map; in and out, channels of in_size- and out_size-byte elements; arg for fn.
 *  In order, at most 2 * workers inputs are taken ahead of the oldest unfinished one, so a slow consumer holds the
 *  producer back. weft_map_stream(order, workers, in, out, fn, arg) is the form that takes the sizes from the channels.
 *  Both channels are retained: their owner may free in as soon as it is closed, and out when it has been received to its end.
 *  Blocks: never: the work goes on in goroutines; the closed out says that it is done. Callable from: goroutines.
 *  Ordering: sending an input happens before fn's call for it, which happens before the receipt of its result.
 *  Returns: 0; -EINVAL for negative workers, a nil channel or a size that no channel has; -ENOMEM or -EAGAIN if not even
 *  one worker could be started (in and out are untouched then).
 *  Source: Python's Executor.map and as_completed. */
WEFT_API int weft_map_stream_untyped(enum weft_map_order order, int workers, void *in, size_t in_size, void *out,
                                     size_t out_size, weft_map_function fn, void *arg);

WEFT_END_DECLS

#ifndef __cplusplus
#define weft_map_stream(order, workers, in, out, fn, arg)                                                              \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(in);                                                                                           \
        WEFT__MUST_SEND(out);                                                                                          \
        _Static_assert(__builtin_types_compatible_p(__typeof__(&*(fn)), weft_map_function) ||                          \
                           __builtin_types_compatible_p(__typeof__(fn), void *),                                       \
                       "weft: this is not a weft_map_function, void (const void *in, void *out, void *arg)");          \
        weft_map_stream_untyped((order), (workers), (void *)(in), sizeof(weft_chan_element(in)), (void *)(out),        \
                                sizeof(weft_chan_element(out)), (fn), (arg));                                          \
    })
#endif

#endif
