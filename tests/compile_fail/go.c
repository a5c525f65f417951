/* SPDX-License-Identifier: Apache-2.0
 *
 * go.c - what weft_go and weft_go_with refuse (scripts/compile-fail). */
#include <weft/words.h>

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
#if MUST_FAIL == 20 /* expect: too many arguments */
    /* An argument for a function that takes none. */
    void none(void);
    go(none, 1);
#endif
#if MUST_FAIL == 21 /* expect: incompatible.*pointer */
    /* A pointer to a pointer for a pointer. */
    void change(int *p);
    extern int *right;
    go(change, &right);
#endif
#if MUST_FAIL == 22 /* expect: incompatible type */
    /* A floating value for a pointer. */
    void other_text(const char *s);
    extern double value;
    go(other_text, value);
#endif
#if MUST_FAIL == 23 /* expect: incompatible type */
    /* A pointer for a floating value. */
    void real(double value);
    go(real, "word");
#endif
#if MUST_FAIL == 24 /* expect: discards */
    /* A pointer that loses volatile. */
    void change(int *p);
    extern volatile int *wrong;
    go(change, wrong);
#endif
#if MUST_FAIL == 25 /* expect: (makes pointer from integer|incompatible integer to pointer) */
    /* The last of eight arguments is wrong. */
    void eight(int a, int b, int c, int d, int e, int f, int g, const char *h);
    go(eight, 1, 2, 3, 4, 5, 6, 7, 8);
#endif
#if MUST_FAIL == 26 /* expect: an argument must be an integer */
    /* A union as an argument. */
    union value {
        long n;
        double d;
    };
    void take(union value value);
    extern union value value;
    go(take, value);
#endif
#if MUST_FAIL == 27 /* expect: an argument must be an integer */
    /* An integer of more than 8 bytes. */
    __extension__ typedef __int128 large;
    void wide(large value);
    extern large value;
    go(wide, value);
#endif
#if MUST_FAIL == 28 /* expect: an argument must be an integer */
    /* A complex number as an argument. */
    void complex(float _Complex value);
    extern float _Complex value;
    go(complex, value);
#endif
#if MUST_FAIL == 29 /* expect: (void|incomplete) */
    /* An argument without a value. */
    void other_number(long n);
    void nothing(void);
    go(other_number, nothing());
#endif
#if MUST_FAIL == 30 /* expect: needs a prototype */
    /* A function without a prototype. */
    void loose();
    go(loose);
#endif
#if MUST_FAIL == 31 /* expect: must return nothing or a scalar */
    /* A function that returns more than 8 bytes. */
    long double wide(int n);
    go(wide, 1);
#endif
#if MUST_FAIL == 32 /* expect: not a function */
    /* A pointer to data where the function should be. */
    extern const char *text;
    go(text);
#endif
#if MUST_FAIL == 33 /* expect: not a function */
    /* The call in place of the function: go(f(1)). */
    int number_of(int n);
    go(number_of(1));
#endif
#if MUST_FAIL == 34 /* expect: undeclared */
    /* A function that nobody declared. */
    go(nobody, 1);
#endif
#if MUST_FAIL == 35 /* expect: incompatible.*pointer */
    /* Go_with: a pointer to something else. */
    void change(int *p);
    extern long wrong;
    go_with(options, change, &wrong);
#endif
#if MUST_FAIL == 36 /* expect: too many arguments */
    /* Go_with: an argument too many. */
    void other_two(int a, int b);
    go_with(options, other_two, 1, 2, 3);
#endif
#if MUST_FAIL == 37 /* expect: (makes pointer from integer|incompatible integer to pointer) */
    /* Go_with: an integer for a pointer. */
    void other_text(const char *s);
    go_with(options, other_text, 42);
#endif
#if MUST_FAIL ==                                                                                                       \
    38 /* expect: (conversion from .*(double|float).* to .*(int|long)|turns floating-point number into integer) */
    /* Go_with: a floating value for an integer. */
    void other_number(long n);
    extern double value;
    go_with(options, other_number, value);
#endif
#if MUST_FAIL == 39 /* expect: (invalid init|initializing|incompatible|undeclared) */
    /* Go_with: the options are forgotten. */
    void other_number(long n);
    go_with(other_number, other_number, 1);
#endif
#if MUST_FAIL == 40 /* expect: too few arguments */
    /* Waitgroup_go: an argument is missing. */
    void other_two(int a, int b);
    weft_waitgroup_go(wg, other_two, 1);
#endif
#if MUST_FAIL == 41 /* expect: (makes integer from pointer|incompatible pointer to integer) */
    /* Waitgroup_go: a pointer for an integer. */
    void other_number(long n);
    weft_waitgroup_go(wg, other_number, "word");
#endif
#if MUST_FAIL == 42 /* expect: discards */
    /* Waitgroup_go: a pointer that loses const. */
    void change(int *p);
    extern const int *wrong;
    weft_waitgroup_go(wg, change, wrong);
#endif
#if MUST_FAIL == 43 /* expect: an argument must be an integer */
    /* Waitgroup_go: a structure as an argument. */
    struct point {
        int x, y;
    };
    void take_point(struct point point);
    extern struct point point;
    weft_waitgroup_go(wg, take_point, point);
#endif
#if MUST_FAIL == 44 /* expect: needs a prototype */
    /* Waitgroup_go: a function without a prototype. */
    void loose();
    weft_waitgroup_go(wg, loose);
#endif
#if MUST_FAIL == 45 /* expect: incompatible.*pointer */
    /* Waitgroup_go: a mutex for the wait group. */
    void other_number(long n);
    extern weft_mutex *mutex;
    weft_waitgroup_go(mutex, other_number, 1);
#endif
#if MUST_FAIL == 46 /* expect: incompatible type */
    /* Waitgroup_go: the wait group itself for its address. */
    void other_number(long n);
    extern weft_waitgroup group;
    weft_waitgroup_go(group, other_number, 1);
#endif
}
