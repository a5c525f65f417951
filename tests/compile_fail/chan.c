/* SPDX-License-Identifier: Apache-2.0
 *
 * chan.c - what the operations on channels refuse: wrong elements, wrong ends, what is no channel (scripts/compile-fail). */
#include <weft.h>

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
}
