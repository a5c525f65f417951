/* SPDX-License-Identifier: Apache-2.0
 *
 * go_cpp.cc - what weft_go and weft_waitgroup_go refuse in C++ (scripts/compile-fail). */
#include <weft/words.h>

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
#if MUST_FAIL ==                                                                                                       \
    6 /* expect: (no matching function|no type named|could not convert|cannot convert|no known conversion) */
    /* C++, go: an integer where the function should be. */
    go(42, 1, "word");
#endif
#if MUST_FAIL == 7 /* expect: (invalid conversion|no matching function) */
    /* C++, go: an integer for a pointer. */
    void convert(long number, const char *text);
    go(convert, 1, 42);
#endif
#if MUST_FAIL == 8 /* expect: (invalid conversion|no matching function) */
    /* C++, go: a pointer for an integer. */
    void convert(long number, const char *text);
    go(convert, "word", "word");
#endif
#if MUST_FAIL == 9 /* expect: (invalid conversion|no matching function) */
    /* C++, go: a pointer that loses const. */
    void change(int *p);
    extern const int *wrong;
    go(change, wrong);
#endif
#if MUST_FAIL == 10 /* expect: may not be a reference */
    /* C++, go: a parameter that is a reference into the frame of the caller. */
    void by_reference(int &n);
    extern int number;
    go(by_reference, number);
#endif
#if MUST_FAIL == 11 /* expect: copied as bytes */
    /* C++, go: an argument that cannot be copied as bytes. */
    struct object {
        int value;
        object(const object &other);
    };
    void by_value(object o);
    extern object *object;
    go(by_value, *object);
#endif
#if MUST_FAIL == 12 /* expect: copied as bytes */
    /* C++, go: a lambda whose capture cannot be copied as bytes. */
    struct object {
        int value;
        object(const object &other);
    };
    extern object *one;
    go([copy = *one] { (void)copy; });
#endif
#if MUST_FAIL == 13 /* expect: (no matching function|too few) */
    /* C++, go_with: an argument is missing. */
    extern weft_go_options options;
    void convert(long number, const char *text);
    go_with(options, convert, 1);
#endif
#if MUST_FAIL == 14 /* expect: (no matching function|too many) */
    /* C++, go_with: an argument too many. */
    extern weft_go_options options;
    void convert(long number, const char *text);
    go_with(options, convert, 1, "word", 2);
#endif
#if MUST_FAIL ==                                                                                                       \
    15 /* expect: (no matching function|no type named|could not convert|cannot convert|no known conversion) */
    /* C++, go_with: a pointer to something else. */
    extern weft_go_options options;
    void convert(long number, const char *text);
    extern long number;
    go_with(options, convert, 1, &number);
#endif
#if MUST_FAIL ==                                                                                                       \
    16 /* expect: (no matching function|no type named|could not convert|cannot convert|no known conversion) */
    /* C++, go_with: an integer where the function should be. */
    extern weft_go_options options;

    go_with(options, 42, 1, "word");
#endif
#if MUST_FAIL == 17 /* expect: (invalid init|no matching function|cannot convert|no known) */
    /* C++, go_with: the options are forgotten. */
    void convert(long number, const char *text);
    go_with(convert, convert, 1, "word");
#endif
#if MUST_FAIL == 18 /* expect: (no matching function|too many) */
    /* C++, waitgroup_go: an argument too many. */
    void convert(long number, const char *text);
    weft_waitgroup_go(wg, convert, 1, "word", 2);
#endif
#if MUST_FAIL ==                                                                                                       \
    19 /* expect: (no matching function|no type named|could not convert|cannot convert|no known conversion) */
    /* C++, waitgroup_go: an integer where the function should be. */
    weft_waitgroup_go(wg, 42, 1, "word");
#endif
#if MUST_FAIL == 20 /* expect: (invalid conversion|no matching function) */
    /* C++, waitgroup_go: a pointer that loses const. */
    void change(int *p);
    extern const int *wrong;
    weft_waitgroup_go(wg, change, wrong);
#endif
#if MUST_FAIL == 21 /* expect: may not be a reference */
    /* C++, waitgroup_go: a parameter that is a reference into the frame of the caller. */
    void by_reference(int &n);
    extern int number;
    weft_waitgroup_go(wg, by_reference, number);
#endif
#if MUST_FAIL == 22 /* expect: copied as bytes */
    /* C++, waitgroup_go: an argument that cannot be copied as bytes. */
    struct object {
        int value;
        object(const object &other);
    };
    void by_value(object o);
    extern object *object;
    weft_waitgroup_go(wg, by_value, *object);
#endif
#if MUST_FAIL == 23 /* expect: cannot (convert|initialize) */
    /* C++, waitgroup_go: a mutex for the wait group. */
    void convert(long number, const char *text);
    extern weft_mutex *mutex;
    weft_waitgroup_go(mutex, convert, 1, "word");
#endif
}
