/* SPDX-License-Identifier: Apache-2.0
 *
 * assign.c - channels of different elements and different ends are different types. Compilers only warn when one pointer is
 * assigned to another; these warnings are errors where Weft's headers are used as they should be, and here (scripts/compile-fail). */
#include <weft/chan.h>

#ifdef __clang__
#pragma clang diagnostic error "-Wincompatible-function-pointer-types"
#else
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#endif

void takes_ints(weft_chan(int) c);
void receives_ints(weft_recv_chan(int) c);
void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives);

void test(weft_chan(int) ints, weft_send_chan(int) sends, weft_recv_chan(int) receives)
{
    weft_chan(double) doubles = weft_chan_make(double, 1);
    takes_ints(ints);
    receives_ints(receives);
    (void)doubles, (void)sends;

#if MUST_FAIL == 1 /* expect: incompatible */
    doubles = ints;
#endif
#if MUST_FAIL == 2 /* expect: incompatible */
    takes_ints(doubles);
#endif
#if MUST_FAIL == 3 /* expect: incompatible */
    receives_ints(sends);
#endif
#if MUST_FAIL == 4 /* expect: incompatible */
    takes_ints(receives);
#endif
#if MUST_FAIL == 5 /* expect: incompatible */
    ints = weft_chan_make(unsigned, 1);
#endif
}
