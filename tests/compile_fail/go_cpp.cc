/* SPDX-License-Identifier: Apache-2.0
 *
 * go_cpp.cc - what weft_go and weft_waitgroup_go refuse in C++ (scripts/compile-fail). */
#include <weft.h>

void two(int a, const char *b);
void doubles(double *p);
void test(weft_waitgroup *wg);

void test(weft_waitgroup *wg)
{
    int n = 1;
    weft_go(two, n, "a literal");
    weft_waitgroup_go(wg, two, n, "a literal");

#if MUST_FAIL == 1 /* expect: (no matching function|static assertion|invocable|too few) */
    weft_go(two, n);
#endif
#if MUST_FAIL == 2 /* expect: (no matching function|static assertion|invocable|too many) */
    weft_go(two, n, "x", n);
#endif
#if MUST_FAIL == 3 /* expect: (no matching function|static assertion|invocable|cannot convert) */
    weft_go(doubles, &n);
#endif
#if MUST_FAIL == 4 /* expect: (no matching function|static assertion|invocable|cannot convert) */
    weft_waitgroup_go(wg, doubles, &n);
#endif
#if MUST_FAIL == 5 /* expect: (no matching function|static assertion|invocable|too few) */
    weft_waitgroup_go(wg, two, n);
#endif
}
