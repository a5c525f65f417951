/* SPDX-License-Identifier: Apache-2.0
 *
 * other.c - what timers' channels, map_stream and defer refuse (scripts/compile-fail). */
#include <weft/words.h>

void release(void *arg);
void square(const void *in, void *out, void *arg);
void test(weft_timer *timer, recv_chan(int) r, send_chan(int) s);

void test(weft_timer *timer, recv_chan(int) r, send_chan(int) s)
{
    int64_t when;
    defer(release, timer);
    chan_recv(weft_timer_chan(timer), &when);
    weft_map_stream(WEFT_MAP_AS_COMPLETED, 1, r, s, square, NULL);

#if MUST_FAIL == 1 /* expect: does not point to the element type */
    /* A timer sends its due time, not an int. */
    extern weft_timer *timer;
    extern int wrong;
    chan_recv(weft_timer_chan(timer), &wrong);
#endif
#if MUST_FAIL == 2 /* expect: cannot send or close */
    /* Send into a timer, whose channel can only be received from. */
    extern weft_timer *timer;
    chan_send(weft_timer_chan(timer), 1);
#endif
#if MUST_FAIL == 3 /* expect: (cannot receive|cannot send) */
    /* Map_stream with the two channels exchanged. */
    void work(const void *in, void *out, void *arg);
    extern recv_chan(int) r;
    extern send_chan(int) s;
    weft_map_stream(WEFT_MAP_AS_COMPLETED, 1, s, r, work, NULL);
#endif
#if MUST_FAIL == 4 /* expect: (cannot receive|not a function) */
    /* Map_stream from an array. */
    void work(const void *in, void *out, void *arg);
    extern send_chan(int) s;
    extern int *array;
    weft_map_stream(WEFT_MAP_ORDERED, 1, array, s, work, NULL);
#endif
#if MUST_FAIL == 5 /* expect: not a weft_map_function */
    /* Map_stream with a function of another shape. */
    int other(int in);
    extern recv_chan(int) r;
    extern send_chan(int) s;
    weft_map_stream(WEFT_MAP_ORDERED, 1, r, s, other, NULL);
#endif
#if MUST_FAIL == 6 /* expect: not a void */
    /* Defer of a function of another shape. */
    void wrong(int arg);
    extern int *pointer;
    weft_defer(wrong, pointer);
#endif
#if MUST_FAIL == 7 /* expect: (pointer|incompatible|cast) */
    /* Defer with a floating argument. */
    void release(void *arg);
    extern double value;
    weft_defer(release, value);
#endif
#if MUST_FAIL == 8 /* expect: (pointer|incompatible|cast|scalar) */
    /* Defer with a structure. */
    struct wide {
        int x;
    };
    void release(void *arg);
    extern struct wide value;
    weft_defer(release, value);
#endif
}
