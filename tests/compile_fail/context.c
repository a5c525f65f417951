/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c - the forms with a context refuse what the plain ones refuse (scripts/compile-fail). */
#include <weft.h>

void test(weft_context *context, weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives,
          weft_chan(char *) writable);

void test(weft_context *context, weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives,
          weft_chan(char *) writable)
{
    int n = 0;
    double d = 0.5;
    bool ok;
    const char *text = "x";

    (void)weft_chan_send_ctx(context, ints, 'c'); /* what is right */
    (void)weft_chan_send_ctx(context, sends, n);
    (void)weft_chan_recv_ctx(context, ints, &n);
    (void)weft_chan_recv_ctx(context, receives, NULL, &ok);
    weft_chan_range_ctx(context, int, each, receives)
        (void)each;
    (void)d, (void)text, (void)writable;

#if MUST_FAIL == 1 /* expect: it cannot send or close */
    (void)weft_chan_send_ctx(context, receives, n);
#endif
#if MUST_FAIL == 2 /* expect: the value is not of the element type of the channel */
    (void)weft_chan_send_ctx(context, ints, text);
#endif
#if MUST_FAIL == 3 /* expect: the value is not of the element type of the channel */
    (void)weft_chan_send_ctx(context, writable, text);
#endif
#if MUST_FAIL == 4 /* expect: it cannot receive */
    (void)weft_chan_recv_ctx(context, sends, &n);
#endif
#if MUST_FAIL == 5 /* expect: the destination does not point to the element type of the channel */
    (void)weft_chan_recv_ctx(context, ints, &d);
#endif
#if MUST_FAIL == 6 /* expect: the range variable is not of the element type of the channel */
    weft_chan_range_ctx(context, long, each_long, ints)
        (void)each_long;
#endif
#if MUST_FAIL == 7 /* expect: it cannot receive */
    weft_chan_range_ctx(context, int, each_int, sends)
        (void)each_int;
#endif
#if MUST_FAIL == 9 /* expect: ok must point to a bool */
    (void)weft_chan_recv_ctx(context, ints, &n, &d);
#endif
#if MUST_FAIL == 8 /* expect: it cannot send or close */
    weft_chan_close(weft_context_done(context));
#endif
}
