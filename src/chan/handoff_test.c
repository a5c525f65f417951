/* SPDX-License-Identifier: Apache-2.0
 *
 * handoff_test.c - what send and receive order (C-01, C-02), and the windows of their hand-over: a waker that is faster than
 * the parker (C-13), a select whose frame is gone at once (S-09), a closed case beside a ready one (S-08).
 * test-link: -Wl,--wrap=weft__arch_switch
 *
 * The shared data are plain: what is not ordered is also ThreadSanitizer's to report. */
#include <stdatomic.h>
#include <string.h>

#include <weft/words.h>

#include "support.h"

/* ---- a switch that dawdles between the publication of a waiter and the saving of its context ---- */

#ifdef __clang__
#define UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#else
#define UNINSTRUMENTED __attribute__((no_sanitize("thread", "address", "undefined")))
#endif

void *__real_weft__arch_switch(void **from, void *to, void *value);
void *__wrap_weft__arch_switch(void **from, void *to, void *value);

static unsigned longest_pause; /* in turns; 0: none. Written while no run is going on */
static unsigned pauses;        /* any number will do, so nothing orders it */

UNINSTRUMENTED static void dawdle(void)
{
    if (longest_pause == 0)
        return;
    unsigned turn = __atomic_add_fetch(&pauses, 1, __ATOMIC_RELAXED) * 2654435761u;
    for (unsigned i = turn % 4 == 0 ? turn % longest_pause : 0; i > 0; i--)
        __asm__ __volatile__("" ::: "memory");
}

/* Called between the two halves of a switch, where nothing may be instrumented. */
UNINSTRUMENTED void *__wrap_weft__arch_switch(void **from, void *to, void *value)
{
    dawdle();
    return __real_weft__arch_switch(from, to, value);
}

/* ---- C-01: unbuffered, both ways ---- */

static int turns;
static atomic_int sent; /* sends that have returned */
static int *from_sender, *from_receiver;

static void send_all(send_chan(int) c)
{
    for (int i = 0; i < turns; i++) {
        from_sender[i] = i + 1;
        chan_send(c, i);
        test_check(from_receiver[i] == i + 1); /* written before the receive began */
        atomic_store_explicit(&sent, i + 1, memory_order_relaxed);
    }
}

static void receive_one(recv_chan(int) c, int i)
{
    test_check(atomic_load_explicit(&sent, memory_order_relaxed) <= i); /* the sender waits for this receive */
    from_receiver[i] = i + 1;
    test_check(chan_recv(c) == i);
    test_check(from_sender[i] == i + 1); /* written before the send */
}

static int unbuffered_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    turns = test_iterations(20000);
    sent = 0;
    from_sender = calloc((size_t)turns, sizeof *from_sender);
    from_receiver = calloc((size_t)turns, sizeof *from_receiver);
    chan(int) c = chan_make(int, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, send_all, send_only(c));
    for (int i = 0; i < turns; i++) {
        for (int k = 0; k < i % 3; k++)
            weft_yield(); /* the sender is there, and would have gone on if it could */
        receive_one(recv_only(c), i);
    }
    weft_waitgroup_wait(&wg);
    chan_free(c);
    free(from_sender);
    free(from_receiver);
    return 0;
}

START_TEST(c01_both_sides_wait_for_each_other)
{
    test_run(unbuffered_app);
}
END_TEST

/* ---- C-02: capacity C ---- */

static void send_ahead(send_chan(int) c, int capacity)
{
    for (int i = 0; i < turns; i++) {
        from_sender[i] = i + 1;
        chan_send(c, i);
        if (i >= capacity)
            test_check(from_receiver[i - capacity] == i - capacity + 1); /* written before receive i - C */
        atomic_store_explicit(&sent, i + 1, memory_order_relaxed);
    }
}

static void buffered(int capacity)
{
    chan(int) c = chan_make(int, capacity);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    sent = 0;
    memset(from_sender, 0, (size_t)turns * sizeof *from_sender);
    memset(from_receiver, 0, (size_t)turns * sizeof *from_receiver);
    weft_waitgroup_go(&wg, send_ahead, send_only(c), capacity);
    while (atomic_load_explicit(&sent, memory_order_relaxed) < capacity)
        weft_yield(); /* as many return without a receive: the capacity is used */
    for (int i = 0; i < turns; i++) {
        for (int k = 0; k < i % 3; k++)
            weft_yield();
        int ahead = atomic_load_explicit(&sent, memory_order_relaxed) - i;
        test_check(ahead <= capacity); /* receive i has not begun, so send i + C has not returned */
        from_receiver[i] = i + 1;
        test_check(chan_recv(c) == i);
        test_check(from_sender[i] == i + 1);
    }
    weft_waitgroup_wait(&wg);
    chan_free(c);
}

static int buffered_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int capacities[] = {1, 2, 3, 10};
    turns = test_iterations(8000);
    from_sender = calloc((size_t)turns, sizeof *from_sender);
    from_receiver = calloc((size_t)turns, sizeof *from_receiver);
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
        buffered(capacities[i]);
    free(from_sender);
    free(from_receiver);
    return 0;
}

START_TEST(c02_receive_k_before_send_k_plus_c)
{
    test_run(buffered_app);
}
END_TEST

/* A channel of capacity C as a semaphore: at most C are inside, and for C = 1 each sees what the last one wrote. */
static atomic_int inside;
static long in_turn; /* plain */

static void enter(chan(int) semaphore, int n, int capacity)
{
    for (int i = 0; i < n; i++) {
        chan_send(semaphore, 1);
        int now = atomic_fetch_add_explicit(&inside, 1, memory_order_relaxed) + 1;
        test_check(now <= capacity);
        if (capacity == 1)
            in_turn++;
        if (i % 5 == 0)
            weft_yield();
        atomic_fetch_sub_explicit(&inside, 1, memory_order_relaxed);
        (void)chan_recv(semaphore);
    }
}

static int semaphore_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { USERS = 8 };
    int n = test_iterations(4000);
    for (int capacity = 1; capacity <= 3; capacity++) {
        chan(int) semaphore = chan_make(int, capacity);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        in_turn = 0;
        inside = 0;
        for (int i = 0; i < capacity; i++)
            test_check(chan_try_send(semaphore, 1)); /* as many as that can be inside */
        test_check(!chan_try_send(semaphore, 1));
        for (int i = 0; i < capacity; i++)
            (void)chan_recv(semaphore);
        for (int u = 0; u < USERS; u++)
            weft_waitgroup_go(&wg, enter, semaphore, n, capacity);
        weft_waitgroup_wait(&wg);
        test_check(inside == 0 && chan_len(semaphore) == 0);
        test_check(capacity > 1 || in_turn == (long)USERS * n);
        chan_free(semaphore);
    }
    return 0;
}

START_TEST(c02_a_channel_is_a_semaphore)
{
    test_run(semaphore_app);
}
END_TEST

/* ---- C-13: the waker comes before the parker has left ---- */

static void echo(recv_chan(long) in, send_chan(long) out, weft_waitgroup *wg)
{
    chan_range(long, v, in)
        chan_send(out, v + 1);
    weft_waitgroup_done(wg);
}

/* Values that live in callee-saved registers and on the stack across each park: resumed too early they would be another's. */
static void ask(send_chan(long) out, recv_chan(long) in, long seed, int n, weft_waitgroup *wg)
{
    long a = seed, b = seed * 3, c = seed * 5, d = seed * 7;
    for (int i = 0; i < n; i++) {
        long answer = -1;
        chan_send(out, a);
        if (i % 2 == 0)
            answer = chan_recv(in);
        else
            test_check(chan_select(on_recv(in, &answer), on_timeout(WEFT_HOUR)) == 0);
        test_check(answer == a + 1);
        test_check(b == a * 3 && c == a * 5 && d == a * 7);
        a++, b += 3, c += 5, d += 7;
    }
    weft_waitgroup_done(wg);
}

static int window_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { PAIRS = 3 };
    int n = test_iterations(10000);
    chan(long) there[PAIRS], back[PAIRS];
    weft_waitgroup asking = WEFT_WAITGROUP_INIT, echoing = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < PAIRS; i++) {
        there[i] = chan_make(long, i == 2 ? 1 : 0);
        back[i] = chan_make(long, 0);
        weft_waitgroup_add(&asking, 1);
        weft_waitgroup_add(&echoing, 1);
        go(echo, recv_only(there[i]), send_only(back[i]), &echoing);
        go(ask, send_only(there[i]), recv_only(back[i]), (long)i * 1000000, n, &asking);
    }
    weft_waitgroup_wait(&asking);
    for (int i = 0; i < PAIRS; i++)
        chan_close(there[i]);
    weft_waitgroup_wait(&echoing);
    for (int i = 0; i < PAIRS; i++) {
        chan_free(there[i]);
        chan_free(back[i]);
    }
    return 0;
}

START_TEST(c13_a_waker_faster_than_the_parker)
{
    longest_pause = 20000;
    test_run_at(2, window_app);
    test_run_at(4, window_app);
    longest_pause = 0;
}
END_TEST

/* ---- S-08: a send on a closed channel beside a ready receive ---- */

static int closed_beside_ready_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) ready = chan_make(int, 1), closed = chan_make(int, 0);
    int value = 0;
    chan_send(ready, 7);
    chan_close(closed);
    int chosen = chan_select(on_send(closed, 1), on_recv(ready, &value));
    chan_free(ready);
    chan_free(closed);
    return chosen == 1 && value == 7 ? 9 : 1;
}

static int closed_beside_ready_child(void *unused)
{
    char name[] = "test", *argv[] = {name, NULL};
    (void)unused;
    weft_procs(1);
    return weft_run(closed_beside_ready_app, 1, argv);
}

START_TEST(s08_closed_send_beside_ready_receive)
{
    int received = 0, failed = 0;
    for (int i = 0; i < 40 || (i < 100 && (received == 0 || failed == 0)); i++) { /* 2^-99 for one that never comes */
        struct test_child child = test_child(closed_beside_ready_child, NULL, 60);
        if (child.code == 9)
            received++;
        else
            test_child_check(child, 2, "panic: send on closed channel");
        failed += child.code == 2;
        test_child_free(&child);
    }
    ck_assert_int_gt(received, 0);
    ck_assert_int_gt(failed, 0);
}
END_TEST

/* ---- S-09: after the last unlock nobody touches the select ---- */

enum { CHANNELS = 4 };

/* The cases and the values lie on the heap. They are overwritten and given back as soon as the select has returned, and looked at
 * once more before: a waker that comes late is seen by AddressSanitizer, or by its traces. */
static void select_and_vanish(void **channels, int n, atomic_int *received)
{
    enum { FILL = 0x5a };
    size_t size = CHANNELS * sizeof(struct weft_select_case);
    for (int i = 0; i < n; i++) {
        struct weft_select_case *cases = calloc(1, size);
        long *values = calloc(CHANNELS, sizeof *values);
        for (int k = 0; k < CHANNELS; k++)
            cases[k] =
                (struct weft_select_case){.operation = WEFT_SELECT_RECV, .channel = channels[k], .value = &values[k]};
        int chosen = weft_select(cases, CHANNELS);
        test_check(chosen >= 0 && chosen < CHANNELS && values[chosen] == chosen + 1);
        memset(cases, FILL, size);
        memset(values, FILL, CHANNELS * sizeof *values);
        atomic_fetch_add_explicit(received, 1, memory_order_relaxed);
        if (i % 4 == 0)
            weft_yield();
        for (size_t b = 0; b < size; b++)
            test_check(((unsigned char *)cases)[b] == FILL);
        for (size_t b = 0; b < CHANNELS * sizeof *values; b++)
            test_check(((unsigned char *)values)[b] == FILL);
        free(cases);
        free(values);
    }
}

static void feed(void *channel, long value, int n)
{
    for (int i = 0; i < n; i++)
        weft_chan_send_untyped(channel, &value);
}

static int vanish_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { SELECTS = 3 };
    int n = test_iterations(6000) / CHANNELS * CHANNELS + CHANNELS;
    static atomic_int received;
    void *channels[CHANNELS];
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    received = 0;
    for (int k = 0; k < CHANNELS; k++)
        channels[k] = weft_chan_make_untyped(sizeof(long), sizeof(long), 0, NULL);
    for (int s = 0; s < SELECTS; s++)
        weft_waitgroup_go(&wg, select_and_vanish, &channels[0], n, &received);
    for (int k = 0; k < CHANNELS; k++)
        weft_waitgroup_go(&wg, feed, channels[k], k + 1L, SELECTS * n / CHANNELS);
    weft_waitgroup_wait(&wg);
    test_check(received == SELECTS * n);
    for (int k = 0; k < CHANNELS; k++)
        weft_chan_release_untyped(channels[k]);
    return 0;
}

START_TEST(s09_a_select_that_vanishes)
{
    longest_pause = 2000;
    test_run(vanish_app);
    longest_pause = 0;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hand-over");
    TCase *tests = tcase_create("hand-over");
    tcase_add_test(tests, c01_both_sides_wait_for_each_other);
    tcase_add_test(tests, c02_receive_k_before_send_k_plus_c);
    tcase_add_test(tests, c02_a_channel_is_a_semaphore);
    tcase_add_test(tests, c13_a_waker_faster_than_the_parker);
    tcase_add_test(tests, s08_closed_send_beside_ready_receive);
    tcase_add_test(tests, s09_a_select_that_vanishes);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
