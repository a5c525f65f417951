/* SPDX-License-Identifier: Apache-2.0
 *
 * go.c - what weft_go and weft_go_with refuse (scripts/compile-fail). */
#include <weft/go.h>
#include <weft/sync.h>

struct pair {
    long a, b;
};

void two(int a, const char *b);
void ints(int *p);
void doubles(double *p);
void number(int n);
void longs(long n);
void writes(char *p);
void pairs(struct pair p);
void quads(long double x);
struct pair returns_pair(int n);
int nine(int a, int b, int c, int d, int e, int f, int g, int h, int i);
void test(weft_waitgroup *wg);

void test(weft_waitgroup *wg)
{
    int n = 1, *p = &n;
    double d = 2.0;
    const char *text = "x";
    const struct weft_go_options options = {.name = "n"};
    struct pair pair = {1, 2};

    weft_go(two, n, "a literal"); /* what is right: conversions as in a call */
    weft_go(longs, 1);
    weft_go(ints, p);
    weft_go_with(options, two, 'c', text);
    weft_waitgroup_go(wg, number, n);
    weft_go_copy((void (*)(void *))0, &pair, sizeof pair);
    (void)d;

#if MUST_FAIL == 1 /* expect: too few arguments */
    weft_go(two, n);
#endif
#if MUST_FAIL == 2 /* expect: too many arguments */
    weft_go(two, n, text, n);
#endif
#if MUST_FAIL == 3 /* expect: incompatible pointer type */
    weft_go(doubles, p);
#endif
#if MUST_FAIL == 4 /* expect: integer.* (without a cast|conversion) */
    weft_go(ints, 4711);
#endif
#if MUST_FAIL == 5 /* expect: pointer.* (without a cast|conversion) */
    weft_go(number, p);
#endif
#if MUST_FAIL == 6 /* expect: (may change value|loss of precision|turns floating-point) */
    weft_go(number, d);
#endif
#if MUST_FAIL == 7 /* expect: (discards .*qualifier) */
    weft_go(writes, text);
#endif
#if MUST_FAIL == 8 /* expect: weft_go: an argument must be an integer */
    weft_go(pairs, pair);
#endif
#if MUST_FAIL == 9 /* expect: weft_go: an argument must be an integer */
    weft_go(quads, 1.0L);
#endif
#if MUST_FAIL == 10 /* expect: weft_go: the function must return nothing or a scalar */
    weft_go(returns_pair, n);
#endif
#if MUST_FAIL == 11 /* expect: weft_go: the function needs a prototype */
    void (*old)() = 0;
    weft_go(old, n);
#endif
#if MUST_FAIL == 12 /* expect: (not a function|is not a function) */
    weft_go(n, n);
#endif
#if MUST_FAIL == 13 /* expect: too few arguments */
    weft_go_with(options, two, n);
#endif
#if MUST_FAIL == 14 /* expect: (incompatible|initializ) */
    weft_go_with(&options, number, n);
#endif
#if MUST_FAIL == 15 /* expect: too many arguments */
    weft_waitgroup_go(wg, number, n, n);
#endif
#if MUST_FAIL == 16 /* expect: incompatible pointer type */
    weft_waitgroup_go(wg, doubles, p);
#endif
#if MUST_FAIL == 18 /* expect: (undeclared|undefined|not a function|expected|implicit) */
    weft_go(nine, 1, 2, 3, 4, 5, 6, 7, 8, 9);
#endif
#if MUST_FAIL == 19 /* expect: too few arguments */
    weft_go(number);
#endif
}
