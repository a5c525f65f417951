/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - what the cases of a select refuse (scripts/compile-fail). */
#include <weft/select.h>

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
}
