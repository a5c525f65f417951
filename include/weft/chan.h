/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/chan.h - typed channels.
 *
 * weft_chan(T) is a type of its own for each T: a pointer to a function (of which there is no code) from a tag to T *.
 * The tag tells the direction, the result the element type, so that the compiler checks both and two translation
 * units agree. At run time the pointer is the channel's address. NULL is the nil channel: it blocks for ever. */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <weft/base.h>

/* Elements: 0 to 65,536 bytes each. */
#define WEFT_CHAN_ELEMENT_MAX 65536

WEFT_BEGIN_DECLS

/** weft_chan_make_untyped - make a channel; weft_chan_make(T, capacity) is the typed form.
 *  Parameters: element_size in bytes, 0 to 65,536; alignment, a power of two up to 4,096; capacity in elements, 0 for a
 *  rendezvous; site, where (shown in reports).
 *  Blocks: never. Callable from: anywhere but signal handlers.
 *  Returns: the channel, to be given back with weft_chan_free; NULL if a size is out of range, capacity is negative,
 *  or there is no memory: a line on standard error says which (that there
 *  is no memory, once only).
 *  Source: Go's makechan. */
WEFT_API void *weft_chan_make_untyped(size_t element_size, size_t alignment, int64_t capacity,
                                      const struct weft_site *site);

/** weft_chan_send_untyped - send *value; weft_chan_send(c, value) is the typed form.
 *  Parameters: channel, may be NULL (blocks for ever); value, element_size bytes, copied before the return.
 *  Blocks: until a receiver takes it or the buffer has room; a goroutine parks, a thread waits on a futex.
 *  Callable from: goroutines and threads. Note: A closed channel panics.
 *  Ordering: a send happens before the receive of its value completes; on an unbuffered channel the receive happens
 *  before the send completes; with capacity C the k-th receive happens before the (k+C)-th send completes.
 *  Note: After the return the caller may free the channel if nobody else uses it. Source: Go's chansend. */
WEFT_API void weft_chan_send_untyped(void *channel, const void *value);

/** weft_chan_recv_untyped - receive into *value; weft_chan_recv is the typed form.
 *  Parameters: channel, may be NULL (blocks for ever); value, element_size bytes, or NULL to drop the element.
 *  Blocks: until there is a value or the channel is closed. Callable from: goroutines and threads.
 *  Ordering: as for the send; the close happens before a receive that it ends.
 *  Returns: true with a value; false if the channel is closed and drained (*value is then all zero bytes).
 *  Source: Go's chanrecv. */
WEFT_API bool weft_chan_recv_untyped(void *channel, void *value);

/** weft_chan_try_send_untyped - send *value if that needs no waiting.
 *  Parameters: as for the send; on NULL it fails. Blocks: never. Callable from: goroutines and threads.
 *  Note: A closed channel panics. Ordering: as for the send if it succeeds, else none.
 *  Returns: true if the value was sent. Source: Go's selectnbsend. */
WEFT_API bool weft_chan_try_send_untyped(void *channel, const void *value);

/** weft_chan_try_recv_untyped - receive if that needs no waiting.
 *  Parameters: as for the receive; ok, may be NULL: set to what the receive would have returned.
 *  Blocks: never. Callable from: goroutines and threads. Ordering: as for the receive if it succeeds, else none.
 *  Returns: true if there was a value or the channel is closed and drained (*ok false); false if it would wait.
 *  Source: Go's selectnbrecv. */
WEFT_API bool weft_chan_try_recv_untyped(void *channel, void *value, bool *ok);

/** weft_chan_close_untyped - say that nothing more will be sent; weft_chan_close checks the direction.
 *  Every waiting receiver wakes (zero value, false) and every waiting sender panics; values in the buffer can still
 *  be received. Closing NULL or a closed channel panics.
 *  Blocks: never. Callable from: goroutines and threads. Source: Go's closechan. */
WEFT_API void weft_chan_close_untyped(void *channel);

/** weft_chan_len_untyped - how many values are buffered now.
 *  Blocks: never. Callable from: anywhere. Ordering: none: the number may be old when it is read.
 *  Returns: 0 to capacity; 0 for NULL, for an unbuffered channel and for a timer's. Source: Go's len(c). */
WEFT_API size_t weft_chan_len_untyped(const void *channel);

/** weft_chan_cap_untyped - how many values the channel can buffer.
 *  Blocks: never. Callable from: anywhere. Returns: the capacity; 0 for NULL and for a timer's channel.
 *  Source: Go's cap(c). */
WEFT_API size_t weft_chan_cap_untyped(const void *channel);

/** weft_chan_retain_untyped - one more owner. Blocks: never. Callable from: any owner. Returns: channel.
 *  Note: Each owner calls weft_chan_release (or weft_chan_free) once. Source: reference counting. */
WEFT_API void *weft_chan_retain_untyped(void *channel);

/** weft_chan_release_untyped - one owner less; the last one frees the channel. NULL is ignored.
 *  Values still buffered are dropped. A channel that somebody waits on when it goes is misuse and panics.
 *  Blocks: never. Callable from: any owner. Ordering: what every owner did happens before the channel goes.
 *  Source: reference counting. */
WEFT_API void weft_chan_release_untyped(void *channel);

WEFT_END_DECLS

#ifndef __cplusplus

struct weft_tag_both;
struct weft_tag_send;
struct weft_tag_recv;

/* The types: a channel, its sending end, its receiving end. */
#define weft_chan(T) __typeof__(__typeof__(T) *(*)(struct weft_tag_both *))
#define weft_send_chan(T) __typeof__(__typeof__(T) *(*)(struct weft_tag_send *))
#define weft_recv_chan(T) __typeof__(__typeof__(T) *(*)(struct weft_tag_recv *))

/* The type of an element of channel c. */
#define weft_chan_element(c) __typeof__(*(c)((void *)0))

#define WEFT__ELEMENT_POINTER(c) __typeof__((c)((void *)0))
#define WEFT__TAGGED(c, tag) WEFT__ELEMENT_POINTER(c) (*)(struct weft_tag_##tag *)
#define WEFT__IS_BOTH(c) __builtin_types_compatible_p(__typeof__(c), WEFT__TAGGED(c, both))
#define WEFT__CAN_SEND(c) (WEFT__IS_BOTH(c) || __builtin_types_compatible_p(__typeof__(c), WEFT__TAGGED(c, send)))
#define WEFT__CAN_RECV(c) (WEFT__IS_BOTH(c) || __builtin_types_compatible_p(__typeof__(c), WEFT__TAGGED(c, recv)))
#define WEFT__MUST_SEND(c)                                                                                             \
    _Static_assert(WEFT__CAN_SEND(c), "weft: this is not a channel, or its receive-only end: it cannot send or close")
#define WEFT__MUST_RECV(c)                                                                                             \
    _Static_assert(WEFT__CAN_RECV(c), "weft: this is not a channel, or its send-only end: it cannot receive")

/* Whether value may be stored in an object of type T, as far as compilers only warn or say nothing: a pointer needs a
 * pointer to the same type (more qualifiers allowed), a void pointer or NULL; a number takes no pointer, and an integer no
 * floating value without a cast (as weft_go does not). The rest they refuse. */
#define WEFT__LVALUE(T) (*(__typeof__(T) *)0)
#define WEFT__IS_POINTER(x) (__builtin_classify_type(x) == 5)
#define WEFT__IS_FLOATING(x) (__builtin_classify_type(x) == 8 || __builtin_classify_type(x) == 9)
#define WEFT__STORABLE(T, value)                                                                                       \
    (WEFT__IS_POINTER(WEFT__LVALUE(T))                                                                                 \
         ? WEFT__IS_POINTER(value) && (__builtin_types_compatible_p(__typeof__(value), void *) ||                      \
                                       _Generic((1 ? WEFT__LVALUE(T) : (value)), __typeof__(T) : 1, default : 0))      \
         : !WEFT__IS_POINTER(value) && (WEFT__IS_FLOATING(WEFT__LVALUE(T)) || !WEFT__IS_FLOATING(value)))
#define WEFT__MUST_STORE(c, value)                                                                                     \
    _Static_assert(WEFT__STORABLE(weft_chan_element(c), value),                                                        \
                   "weft: the value is not of the element type of the channel")
/* A destination is a pointer to exactly the element type (or void *, or NULL). */
#define WEFT__MUST_FILL(c, pointer)                                                                                    \
    _Static_assert(__builtin_types_compatible_p(__typeof__(pointer), WEFT__ELEMENT_POINTER(c)) ||                      \
                       __builtin_types_compatible_p(__typeof__(pointer), void *),                                      \
                   "weft: the destination does not point to the element type of the channel")
#define WEFT__MUST_SET(ok)                                                                                             \
    _Static_assert(__builtin_types_compatible_p(__typeof__(ok), bool *) ||                                             \
                       __builtin_types_compatible_p(__typeof__(ok), void *),                                           \
                   "weft: ok must point to a bool")

/* weft_chan_make(T, capacity) - a new channel of T; NULL on failure. */
#define weft_chan_make(T, capacity)                                                                                    \
    __extension__({                                                                                                    \
        _Static_assert(!__builtin_types_compatible_p(__typeof__(T), void),                                             \
                       "weft: a channel's elements need a type of their own, void is none");                           \
        _Static_assert(!WEFT__IS_POINTER(capacity) && !WEFT__IS_FLOATING(capacity),                                    \
                       "weft: the capacity must be an integer");                                                       \
        (weft_chan(T)) weft_chan_make_untyped(sizeof(T), _Alignof(T), (capacity), WEFT__SITE);                         \
    })

/* The ends, for functions that should only send or only receive. */
#define weft_send_only(c)                                                                                              \
    __extension__({                                                                                                    \
        WEFT__MUST_SEND(c);                                                                                            \
        (WEFT__TAGGED(c, send))(c);                                                                                    \
    })
#define weft_recv_only(c)                                                                                              \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        (WEFT__TAGGED(c, recv))(c);                                                                                    \
    })

/* weft_chan_send(c, value) - see weft_chan_send_untyped. */
#define weft_chan_send(c, value)                                                                                       \
    __extension__({                                                                                                    \
        WEFT__MUST_SEND(c);                                                                                            \
        WEFT__MUST_STORE(c, value);                                                                                    \
        void *weft__c = (void *)(c);                                                                                   \
        weft_chan_element(c) weft__v = (value);                                                                        \
        weft_chan_send_untyped(weft__c, &weft__v);                                                                     \
    })

/* weft_chan_try_send(c, value) - true if sent; see weft_chan_try_send_untyped. */
#define weft_chan_try_send(c, value)                                                                                   \
    __extension__({                                                                                                    \
        WEFT__MUST_SEND(c);                                                                                            \
        WEFT__MUST_STORE(c, value);                                                                                    \
        void *weft__c = (void *)(c);                                                                                   \
        weft_chan_element(c) weft__v = (value);                                                                        \
        weft_chan_try_send_untyped(weft__c, &weft__v);                                                                 \
    })

/* weft_chan_recv(c) - the value, Go's <-c (all zero when closed and drained).
 * weft_chan_recv(c, &value) - fills value; true, or false when closed and drained. */
#define weft_chan_recv(...) WEFT__RECV_PICK(__VA_ARGS__, WEFT__RECV_INTO, WEFT__RECV_VALUE, 0)(__VA_ARGS__)
#define WEFT__RECV_PICK(c, pointer, name, ...) name
#define WEFT__RECV_VALUE(c)                                                                                            \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        weft_chan_element(c) weft__v;                                                                                  \
        weft_chan_recv_untyped((void *)(c), &weft__v);                                                                 \
        weft__v;                                                                                                       \
    })
#define WEFT__RECV_INTO(c, pointer)                                                                                    \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        WEFT__MUST_FILL(c, pointer);                                                                                   \
        weft_chan_recv_untyped((void *)(c), (pointer));                                                                \
    })

/* weft_chan_try_recv(c, &value[, &ok]) - see weft_chan_try_recv_untyped. */
#define weft_chan_try_recv(...) WEFT__TRY_RECV_PICK(__VA_ARGS__, WEFT__TRY_RECV_OK, WEFT__TRY_RECV, 0, 0)(__VA_ARGS__)
#define WEFT__TRY_RECV_PICK(c, pointer, ok, name, ...) name
#define WEFT__TRY_RECV(c, pointer) WEFT__TRY_RECV_OK(c, pointer, NULL)
#define WEFT__TRY_RECV_OK(c, pointer, ok)                                                                              \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        WEFT__MUST_FILL(c, pointer);                                                                                   \
        WEFT__MUST_SET(ok);                                                                                            \
        weft_chan_try_recv_untyped((void *)(c), (pointer), (ok));                                                      \
    })

/* weft_chan_range(T, name, c) { ... } - the statement runs for each value until c is closed and drained; break and
 * continue mean what they mean in a for. c is evaluated once; T must be its element type. */
#define weft_chan_range(T, name, c)                                                                                    \
    for (__typeof__(T) name, *WEFT__CAT(weft__range_, name) = (__typeof__(T) *)WEFT__RANGE_OF(T, c);                   \
         weft_chan_recv_untyped(WEFT__CAT(weft__range_, name), &name);)
#define WEFT__RANGE_OF(T, c)                                                                                           \
    __extension__({                                                                                                    \
        WEFT__MUST_RECV(c);                                                                                            \
        _Static_assert(__builtin_types_compatible_p(__typeof__(T), weft_chan_element(c)),                              \
                       "weft: the range variable is not of the element type of the channel");                          \
        (void *)(c);                                                                                                   \
    })

#define weft_chan_close(c)                                                                                             \
    __extension__({                                                                                                    \
        WEFT__MUST_SEND(c);                                                                                            \
        weft_chan_close_untyped((void *)(c));                                                                          \
    })

#define WEFT__MUST_BE_CHAN(c) _Static_assert(WEFT__CAN_SEND(c) || WEFT__CAN_RECV(c), "weft: this is not a channel")
#define weft_chan_len(c)                                                                                               \
    __extension__({                                                                                                    \
        WEFT__MUST_BE_CHAN(c);                                                                                         \
        weft_chan_len_untyped((const void *)(c));                                                                      \
    })
#define weft_chan_cap(c)                                                                                               \
    __extension__({                                                                                                    \
        WEFT__MUST_BE_CHAN(c);                                                                                         \
        weft_chan_cap_untyped((const void *)(c));                                                                      \
    })
#define weft_chan_retain(c)                                                                                            \
    __extension__({                                                                                                    \
        WEFT__MUST_BE_CHAN(c);                                                                                         \
        (__typeof__(c))weft_chan_retain_untyped((void *)(c));                                                          \
    })
#define weft_chan_release(c)                                                                                           \
    __extension__({                                                                                                    \
        WEFT__MUST_BE_CHAN(c);                                                                                         \
        weft_chan_release_untyped((void *)(c));                                                                        \
    })
/* weft_chan_free(c) - the owner's word for weft_chan_release. */
#define weft_chan_free(c) weft_chan_release(c)

#endif

#endif
