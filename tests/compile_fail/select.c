/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - what the cases of a select refuse (scripts/compile-fail). */
#include <weft/words.h>

void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives);

void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives)
{
    int n = 0;
    double d = 0.5;
    bool ok;
    (void)weft_chan_select(weft_on_recv(receives, &n, &ok), weft_on_recv(ints, NULL), weft_on_send(sends, n + 1),
                           weft_on_timeout(WEFT_SECOND), weft_otherwise());
    (void)d;

#if MUST_FAIL == 1 /* expect: it cannot receive */
    (void)weft_chan_select(weft_on_recv(sends, &n));
#endif
#if MUST_FAIL == 2 /* expect: the destination does not point to the element type of the channel */
    (void)weft_chan_select(weft_on_recv(ints, &d));
#endif
#if MUST_FAIL == 3 /* expect: it cannot send or close */
    (void)weft_chan_select(weft_on_send(receives, n));
#endif
#if MUST_FAIL == 4 /* expect: the value is not of the element type of the channel */
    (void)weft_chan_select(weft_on_send(ints, "text"));
#endif
#if MUST_FAIL == 5 /* expect: does not point to the element type */
    /* On_recv into a constant. */
    extern chan(int) c;
    extern const int *wrong;
    chan_select(on_recv(c, wrong));
#endif
#if MUST_FAIL == 6 /* expect: does not point to the element type */
    /* On_recv into the variable in place of its address. */
    extern chan(int) c;
    extern int value;
    chan_select(on_recv(c, value));
#endif
#if MUST_FAIL == 7 /* expect: ok must point to a bool */
    /* On_recv: ok is an int. */
    extern chan(int) c;
    extern int wrong;
    chan_select(on_recv(c, NULL, &wrong));
#endif
#if MUST_FAIL == 8 /* expect: (cannot receive|not a function) */
    /* On_recv of something that is no channel. */
    extern void *pointer;
    chan_select(on_recv(pointer, NULL));
#endif
#if MUST_FAIL == 9 /* expect: the value is not of the element type */
    /* On_send of a floating value to a channel of integers. */
    extern chan(int) c;
    extern double value;
    chan_select(on_send(c, value));
#endif
#if MUST_FAIL == 10 /* expect: the value is not of the element type */
    /* On_send of an integer to a channel of pointers. */
    extern chan(const char *) c;
    chan_select(on_send(c, 42));
#endif
#if MUST_FAIL == 11 /* expect: the value is not of the element type */
    /* On_send of a pointer to something else. */
    extern chan(int *) c;
    extern long wrong;
    chan_select(on_send(c, &wrong));
#endif
#if MUST_FAIL == 12 /* expect: (invalid init|initializing|incompatible|must be) */
    /* On_send of another structure. */
    struct point {
        int x, y;
    };
    struct other {
        int x, y;
    };
    extern chan(struct point) c;
    extern struct other wrong;
    chan_select(on_send(c, wrong));
#endif
#if MUST_FAIL == 13 /* expect: cannot receive */
    /* The second of three cases is wrong. */
    extern recv_chan(int) r;
    extern send_chan(int) s;
    chan_select(on_recv(r, NULL), on_recv(s, NULL), otherwise());
#endif
#if MUST_FAIL == 14 /* expect: the duration must be a number */
    /* On_timeout of a pointer. */
    extern int64_t duration;
    chan_select(on_timeout(&duration));
#endif
}
