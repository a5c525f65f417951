/* SPDX-License-Identifier: Apache-2.0
 *
 * chan.c - what the operations on channels refuse: wrong elements, wrong ends, what is no channel (scripts/compile-fail). */
#include <weft/words.h>

struct pair {
    long a, b;
};
struct incomplete;

void takes_ints(weft_chan(int) c);
void receives_ints(weft_recv_chan(int) c);
void square(const void *in, void *out, void *arg);
void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives, weft_chan(struct pair) pairs,
          weft_chan(const char *) texts, weft_chan(char *) writable);

void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives, weft_chan(struct pair) pairs,
          weft_chan(const char *) texts, weft_chan(char *) writable)
{
    int n = 0;
    double d = 0.5;
    bool ok;
    struct pair pair = {1, 2};
    const char *text = "x";

    weft_chan_send(ints, 'c'); /* what is right */
    weft_chan_send(sends, n);
    weft_chan_send(pairs, pair);
    weft_chan_send(texts, (char *)0);
    (void)weft_chan_recv(receives, &n);
    (void)weft_chan_try_recv(ints, NULL, &ok);
    weft_chan_range(struct pair, each, pairs)
        (void)each;
    weft_map_stream(WEFT_MAP_ORDERED, 1, receives, sends, square, NULL);
    takes_ints(ints);
    receives_ints(weft_recv_only(ints));
    (void)d, (void)text, (void)writable;

#if MUST_FAIL == 1 /* expect: the value is not of the element type of the channel */
    weft_chan_send(ints, text);
#endif
#if MUST_FAIL == 2 /* expect: the value is not of the element type of the channel */
    weft_chan_send(texts, &d);
#endif
#if MUST_FAIL == 3 /* expect: the value is not of the element type of the channel */
    weft_chan_send(writable, text);
#endif
#if MUST_FAIL == 4 /* expect: (incompatible type|invalid initializer) */
    weft_chan_send(pairs, n);
#endif
#if MUST_FAIL == 5 /* expect: it cannot send or close */
    weft_chan_send(receives, n);
#endif
#if MUST_FAIL == 6 /* expect: it cannot receive */
    (void)weft_chan_recv(sends);
#endif
#if MUST_FAIL == 7 /* expect: it cannot receive */
    (void)weft_chan_recv(sends, &n);
#endif
#if MUST_FAIL == 8 /* expect: it cannot send or close */
    weft_chan_close(receives);
#endif
#if MUST_FAIL == 9 /* expect: it cannot receive */
    weft_chan_range(int, each_int, sends)
        (void)each_int;
#endif
#if MUST_FAIL == 10 /* expect: the range variable is not of the element type of the channel */
    weft_chan_range(long, each_long, ints)
        (void)each_long;
#endif
#if MUST_FAIL == 11 /* expect: the destination does not point to the element type of the channel */
    (void)weft_chan_recv(ints, &d);
#endif
#if MUST_FAIL == 12 /* expect: the destination does not point to the element type of the channel */
    (void)weft_chan_try_recv(ints, &d);
#endif
#if MUST_FAIL == 13 /* expect: it cannot receive */
    (void)weft_chan_try_recv(sends, &n);
#endif
#if MUST_FAIL == 14 /* expect: the value is not of the element type of the channel */
    (void)weft_chan_try_send(ints, text);
#endif
#if MUST_FAIL == 15 /* expect: it cannot send or close */
    (void)weft_chan_try_send(receives, n);
#endif
#if MUST_FAIL == 16 /* expect: it cannot receive */
    receives_ints(weft_recv_only(sends));
#endif
#if MUST_FAIL == 17 /* expect: it cannot send or close */
    (void)weft_send_only(receives);
#endif
#if MUST_FAIL == 18 /* expect: not a function */
    (void)weft_chan_len(text);
#endif
#if MUST_FAIL == 19 /* expect: not a function */
    (void)weft_chan_cap(&n);
#endif
#if MUST_FAIL == 20 /* expect: not a function */
    weft_chan_free(&n);
#endif
#if MUST_FAIL == 21 /* expect: not a function */
    (void)weft_chan_retain(text);
#endif
#if MUST_FAIL == 22 /* expect: incomplete type */
    (void)weft_chan_make(struct incomplete, 1);
#endif
#if MUST_FAIL == 23 /* expect: it cannot receive */
    weft_map_stream(WEFT_MAP_ORDERED, 1, sends, sends, square, NULL);
#endif
#if MUST_FAIL == 24 /* expect: it cannot send or close */
    weft_map_stream(WEFT_MAP_ORDERED, 1, receives, receives, square, NULL);
#endif
#if MUST_FAIL == 25 /* expect: not a function */
    weft_chan_send(&n, n);
#endif
#if MUST_FAIL == 26 /* expect: not a function */
    (void)weft_chan_recv(&n);
#endif
#if MUST_FAIL == 27 /* expect: the value is not of the element type of the channel */
    weft_chan_send(texts, 4711);
#endif
#if MUST_FAIL == 28 /* expect: incompatible.*pointer */
    /* A channel of another type. */
    void worker(chan(int) c);
    extern chan(double) wrong;
    go(worker, wrong);
#endif
#if MUST_FAIL == 29 /* expect: incompatible.*pointer */
    /* A whole channel where the end was asked for, without recv_only. */
    void worker(recv_chan(int) c);
    extern chan(int) c;
    go(worker, c);
#endif
#if MUST_FAIL == 30 /* expect: incompatible.*pointer */
    /* The sending end for the receiving one. */
    void worker(recv_chan(int) c);
    extern chan(int) c;
    go(worker, send_only(c));
#endif
#if MUST_FAIL == 31 /* expect: the value is not of the element type */
    /* Send of a floating value into a channel of integers, without a cast. */
    extern chan(int) c;
    extern double value;
    chan_send(c, value);
#endif
#if MUST_FAIL == 32 /* expect: (invalid init|initializing|incompatible) */
    /* Send of another structure. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(struct point) c;
    extern struct other wrong;
    chan_send(c, wrong);
#endif
#if MUST_FAIL == 33 /* expect: (incompatible|initializing) */
    /* Send of a structure into a channel of integers. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(int) c;
    extern struct point point;
    chan_send(c, point);
#endif
#if MUST_FAIL == 34 /* expect: (void|incompatible|initializing) */
    /* Send of a call that returns nothing. */
    void nothing(void);
    extern chan(int) c;
    chan_send(c, nothing());
#endif
#if MUST_FAIL == 35 /* expect: cannot send or close */
    /* Send into a function pointer that is no channel. */
    extern int *(*function)(void *);
    chan_send(function, 1);
#endif
#if MUST_FAIL == 36 /* expect: the value is not of the element type */
    /* Try_send of a floating value into a channel of integers. */
    extern chan(int) c;
    extern float value;
    chan_try_send(c, value);
#endif
#if MUST_FAIL == 37 /* expect: (invalid init|initializing|incompatible) */
    /* Try_send of another structure. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(struct point) c;
    extern struct other wrong;
    chan_try_send(c, wrong);
#endif
#if MUST_FAIL == 38 /* expect: does not point to the element type */
    /* Receive into a variable of the other signedness. */
    extern chan(int) c;
    extern unsigned wrong;
    chan_recv(c, &wrong);
#endif
#if MUST_FAIL == 39 /* expect: does not point to the element type */
    /* Receive into a constant. */
    extern chan(int) c;
    extern const int *wrong;
    chan_recv(c, wrong);
#endif
#if MUST_FAIL == 40 /* expect: does not point to the element type */
    /* Receive into the variable in place of its address. */
    extern chan(int) c;
    extern int value;
    chan_recv(c, value);
#endif
#if MUST_FAIL == 41 /* expect: (incompatible|initializing|invalid init) */
    /* The received value is a structure, not an integer. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(struct point) c;
    int wrong = chan_recv(c);
    (void)wrong;
#endif
#if MUST_FAIL == 42 /* expect: ok must point to a bool */
    /* Try_recv: ok is an int. */
    extern chan(int) c;
    extern int value;
    extern int wrong;
    chan_try_recv(c, &value, &wrong);
#endif
#if MUST_FAIL == 43 /* expect: (cannot send or close|not a function) */
    /* Close of something that is no channel. */
    extern void *pointer;
    chan_close(pointer);
#endif
#if MUST_FAIL == 44 /* expect: the range variable is not of the element type */
    /* Range variable of another structure. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(struct point) c;
    chan_range(struct other, wrong, c)
        (void)wrong;
#endif
#if MUST_FAIL == 45 /* expect: (cannot receive|not a function) */
    /* Range over an array. */
    extern int *array;
    chan_range(int, value, array)
        (void)value;
#endif
#if MUST_FAIL == 46 /* expect: (cannot receive|not a function) */
    /* Recv_only of something that is no channel. */
    extern void *pointer;
    (void)recv_only(pointer);
#endif
#if MUST_FAIL == 47 /* expect: this is not a channel */
    /* Len of a function that returns a pointer. */
    int *function(void *tag);
    (void)chan_len(function);
#endif
#if MUST_FAIL == 48 /* expect: this is not a channel */
    /* Cap of a function that returns a pointer. */
    int *function(void *tag);
    (void)chan_cap(function);
#endif
#if MUST_FAIL == 49 /* expect: elements need a type of their own */
    /* A channel of void. */
    (void)chan_make(void, 1);
#endif
#if MUST_FAIL == 50 /* expect: the capacity must be an integer */
    /* A pointer for the capacity. */
    extern int capacity;
    (void)chan_make(int, &capacity);
#endif
#if MUST_FAIL == 51 /* expect: the capacity must be an integer */
    /* A floating value for the capacity. */
    extern double capacity;
    (void)chan_make(int, capacity);
#endif
}
