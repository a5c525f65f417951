/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/select.h - wait for the first of several channel operations.
 *
 *   switch (weft_chan_select(weft_on_recv(a, &x), weft_on_send(b, y), weft_on_timeout(WEFT_SECOND))) {
 *   case 0: ... a value, or a is closed
 *   case 1: ... y was sent
 *   case 2: ... a second has passed
 *   } */
#ifndef WEFT_SELECT_H
#define WEFT_SELECT_H

#include <weft/base.h>
#include <weft/chan.h>

enum weft_select_operation {
    WEFT_SELECT_NONE = 0,    /* never ready, as a nil channel */
    WEFT_SELECT_RECV = 1,    /* channel, value (destination or NULL), ok (or NULL) */
    WEFT_SELECT_SEND = 2,    /* channel, value (what to send) */
    WEFT_SELECT_TIMEOUT = 3, /* duration */
    WEFT_SELECT_DEFAULT = 4
};

/* One case. Everything below the line is the library's: a waiting select keeps its places in the queues here, so that
 * it allocates nothing. */
struct weft_select_case {
    enum weft_select_operation operation;
    void *channel;
    void *value;
    bool *ok;
    int64_t duration;
    /* --- */
    uint64_t waiter[7];
};

WEFT_BEGIN_DECLS

/** weft_select - carry out one of the cases, the first that can be.
 *  Parameters: cases, count of them, 0 to 65,535; writable, and not used by anyone else during the call.
 *  Among several that are ready one is chosen at random, each with the same probability. A default case is chosen if
 *  nothing is ready; a time-out case if nothing was ready for its duration (the shortest counts; 0 or less: at once).
 *  Blocks: until a case can be carried out, unless there is a default; for ever with no case that can ever be ready.
 *  Callable from: goroutines and threads. Choosing a send on a closed channel panics.
 *  Ordering: that of the operation that was carried out.
 *  Returns: the index of the case. Source: Go's selectgo. */
WEFT_API int weft_select(struct weft_select_case *cases, size_t count);

WEFT_END_DECLS

#ifndef __cplusplus

/* weft_chan_select(cases...) - weft_select over the cases that are written out; the value is the position, from 0. */
#define weft_chan_select(...)                                                                                          \
    weft_select((struct weft_select_case[]){__VA_ARGS__},                                                              \
                sizeof((struct weft_select_case[]){__VA_ARGS__}) / sizeof(struct weft_select_case))

/* clang-format off */
#define WEFT__CHECKED(...) (0 * sizeof(struct { int weft__checked; __VA_ARGS__; }))

/* weft_on_recv(c, &value[, &ok]) - &value may be NULL. */
#define weft_on_recv(...) WEFT__ON_RECV_PICK(__VA_ARGS__, WEFT__ON_RECV_OK, WEFT__ON_RECV, 0, 0)(__VA_ARGS__)
#define WEFT__ON_RECV_PICK(c, pointer, ok, name, ...) name
#define WEFT__ON_RECV(c, pointer) WEFT__ON_RECV_OK(c, pointer, NULL)
#define WEFT__ON_RECV_OK(c, pointer, ok_)                                                                              \
    ((struct weft_select_case){                                                                                        \
        .operation = (enum weft_select_operation)(WEFT_SELECT_RECV +                                                   \
                                                  WEFT__CHECKED(WEFT__MUST_RECV(c); WEFT__MUST_FILL(c, pointer);       \
                                                                WEFT__MUST_SET(ok_))),                                 \
        .channel = (void *)(c),                                                                                        \
        .value = (pointer),                                                                                            \
        .ok = (ok_)})

/* weft_on_send(c, value) */
#define weft_on_send(c, value_)                                                                                        \
    ((struct weft_select_case){                                                                                        \
        .operation = (enum weft_select_operation)(WEFT_SELECT_SEND +                                                   \
                                                  WEFT__CHECKED(WEFT__MUST_SEND(c); WEFT__MUST_STORE(c, value_))),     \
        .channel = (void *)(c),                                                                                        \
        .value = (weft_chan_element(c)[1]){(value_)}})
/* clang-format on */

/* weft_on_timeout(duration in ns), weft_otherwise() - Go's default */
#define weft_on_timeout(duration_)                                                                                     \
    ((struct weft_select_case){.operation = (enum weft_select_operation)(                                              \
                                   WEFT_SELECT_TIMEOUT + WEFT__CHECKED(_Static_assert(                                 \
                                                             !WEFT__IS_POINTER(duration_),                             \
                                                             "weft: the duration must be a number of nanoseconds"))),  \
                               .duration = (duration_)})
#define weft_otherwise() ((struct weft_select_case){.operation = WEFT_SELECT_DEFAULT})

#endif

#endif
