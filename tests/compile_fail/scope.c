/* SPDX-License-Identifier: Apache-2.0
 *
 * scope.c - what a scope's spawns refuse: what weft_go refuses, and results that are no errors (scripts/compile-fail). */
#include <weft.h>

struct pair {
    long a, b;
};

int two(int a, const char *b);
int ints(int *p);
void nothing(void);
bool tells(int a);
double measures(void);
char *finds(int a);
enum colour { RED } paints(void);
long counts(void);
struct pair makes(void);
int copies(void *copy);
long counts_copy(void *copy);
void test(weft_scope *scope, weft_waitgroup *wg);

void test(weft_scope *scope, weft_waitgroup *wg)
{
    int n = 1;
    double d = 0.5;
    const struct weft_go_options options = {.name = "n"};

    weft_scope_go(scope, two, n, "a literal"); /* what is right */
    weft_scope_try_go(scope, ints, &n);
    weft_scope_go_with(scope, options, nothing);
    weft_scope_go_copy(scope, copies, &d, sizeof d);
    weft_with_scope(inner, .timeout = WEFT_SECOND, .limit = 3)
        weft_scope_go(&inner, nothing);
    (void)wg;

#if MUST_FAIL == 1 /* expect: too few arguments */
    weft_scope_go(scope, two, n);
#endif
#if MUST_FAIL == 2 /* expect: (incompatible|makes pointer|passing) */
    weft_scope_go(scope, two, n, d);
#endif
#if MUST_FAIL == 3 /* expect: (incompatible|passing) */
    weft_scope_try_go(scope, ints, &d);
#endif
#if MUST_FAIL == 4 /* expect: must return an int \(0 or an error\) or nothing */
    weft_scope_go(scope, tells, n);
#endif
#if MUST_FAIL == 5 /* expect: must return an int \(0 or an error\) or nothing */
    weft_scope_go(scope, measures);
#endif
#if MUST_FAIL == 6 /* expect: must return an int \(0 or an error\) or nothing */
    weft_scope_try_go(scope, finds, n);
#endif
#if MUST_FAIL == 7 /* expect: must return an int \(0 or an error\) or nothing */
    weft_scope_go(scope, paints);
#endif
#if MUST_FAIL == 8 /* expect: must return an int \(0 or an error\) or nothing */
    weft_scope_go_with(scope, options, counts);
#endif
#if MUST_FAIL == 9 /* expect: (must return nothing or a scalar|must return an int) */
    weft_scope_go(scope, makes);
#endif
#if MUST_FAIL == 10 /* expect: not compatible with any (generic )?association */
    weft_scope_go_copy(scope, counts_copy, &n, sizeof n);
#endif
#if MUST_FAIL == 11 /* expect: (no member named|does not refer to any field) */
    weft_with_scope(inner, .tmeout = 3)
        nothing();
#endif
}
