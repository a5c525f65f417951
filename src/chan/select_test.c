/* SPDX-License-Identifier: Apache-2.0
 *
 * select_test.c - select: the catalogue's S entries, at 1, 2 and 4 processors. */
#include <string.h>

#include <weft/words.h>

#include "support.h"

/* ---- S-01, S-04, S-07 ---- */

static int trace_of[8], traced;

static chan(int) traced_chan(chan(int) c, int number)
{
    trace_of[traced++] = number;
    return c;
}

static int basics_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) a = chan_make(int, 1), b = chan_make(int, 1);
    int x = 11, y = 22;
    bool ok_x = true, ok_y = true;
    chan_send(a, 5);
    traced = 0;
    test_check(chan_select(on_recv(traced_chan(a, 0), &x, &ok_x), on_recv(traced_chan(b, 1), &y, &ok_y)) == 0);
    test_check(traced == 2 && trace_of[0] == 0 && trace_of[1] == 1);
    test_check(x == 5 && y == 22 && ok_x && ok_y); /* only the chosen destination is written */
    test_check(chan_select(on_recv(a, &x), on_recv(b, &y), otherwise()) == 2);
    test_check(chan_select(on_recv(a, &x, &ok_x), otherwise()) == 1 && ok_x && x == 5);
    test_check(chan_select(otherwise()) == 0);
    test_check(chan_select(on_timeout(0)) == 0);
    int64_t start = weft_now();
    test_check(chan_select(on_recv(a, &x), on_timeout(20 * WEFT_MILLISECOND), on_timeout(5 * WEFT_MILLISECOND)) == 2);
    test_check(weft_now() - start >= 5 * WEFT_MILLISECOND);
    chan_close(b);
    test_check(chan_select(on_recv(a, &x), on_recv(b, &y, &ok_y)) == 1 && !ok_y && y == 0);
    test_check(chan_select(on_send(a, 9)) == 0 && chan_recv(a) == 9);
    chan_free(a);
    chan_free(b);
    return 0;
}

START_TEST(s01_s04_s07_basics)
{
    test_run(basics_app);
}
END_TEST

/* ---- S-02: uniform ---- */

static int uniform_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { TRIALS = 10000 };
    for (int width = 2; width <= 16; width++) {
        struct weft_select_case cases[16];
        void *channels[16];
        int hits[16] = {0}, value = 1;
        for (int i = 0; i < width; i++) {
            /* duplicates included: the last two cases of an even width are the same channel */
            if (i == width - 1 && width % 2 == 0) {
                channels[i] = channels[i - 1];
                continue;
            }
            channels[i] = weft_chan_make_untyped(sizeof(int), sizeof(int), 4, NULL);
            weft_chan_send_untyped(channels[i], &value);
            weft_chan_send_untyped(channels[i], &value);
        }
        for (int t = 0; t < TRIALS; t++) {
            for (int i = 0; i < width; i++)
                cases[i] = (struct weft_select_case){.operation = WEFT_SELECT_RECV, .channel = channels[i]};
            int chosen = weft_select(cases, (size_t)width);
            hits[chosen]++;
            weft_chan_send_untyped(channels[chosen], &value);
        }
        /* 10 sigma: sigma^2 = n p (1 - p) */
        double p = 1.0 / width, mean = TRIALS * p, variance = mean * (1 - p), chi = 0;
        for (int i = 0; i < width; i++) {
            double off = hits[i] - mean;
            test_check(off * off <= 100 * variance);
            chi += off * off / mean;
        }
        test_check(chi < 15 + 10 * (width - 1)); /* far beyond the 10^-6 quantile */
        for (int i = 0; i < width; i++)
            if (i == 0 || channels[i] != channels[i - 1])
                weft_chan_release_untyped(channels[i]);
    }
    return 0;
}

START_TEST(s02_uniform_choice)
{
    test_run_at(1, uniform_app);
}
END_TEST

/* ---- S-03: NonblockSelectRace: one of the two is always there ---- */

static void recv_or_recv(recv_chan(int) c1, recv_chan(int) c2, send_chan(int) done, bool closes)
{
    int result;
    (void)closes;
    switch (chan_select(on_recv(c1, NULL), on_recv(c2, NULL), otherwise())) {
    case 2:
        result = 0;
        break;
    default:
        result = 1;
    }
    chan_send(done, result);
}

static int nonblock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    chan(int) done = chan_make(int, 1);
    for (int i = 0; i < n; i++) {
        chan(int) c1 = chan_make(int, 1), c2 = chan_make(int, 1);
        chan_send(c1, 1);
        go(recv_or_recv, recv_only(c1), recv_only(c2), send_only(done), false);
        if (i % 2 == 0)
            chan_send(c2, 1);
        else
            chan_close(c2);
        (void)chan_try_recv(c1, NULL);
        test_check(chan_recv(done) == 1); /* default must never run */
        chan_free(c1);
        chan_free(c2);
    }
    chan_free(done);
    return 0;
}

START_TEST(s03_nonblocking_select_race)
{
    test_run(nonblock_app);
}
END_TEST

/* ---- S-05: doubleselect: a sender selects over four channels, each value arrives once ---- */

static void double_sender(chan(int) * c, int n)
{
    for (int i = 0; i < n; i++)
        (void)chan_select(on_send(c[0], i), on_send(c[1], i), on_send(c[2], i), on_send(c[3], i));
    for (int k = 0; k < 4; k++)
        chan_close(c[k]);
}

static void double_mux(send_chan(int) out, recv_chan(int) in, weft_waitgroup *done)
{
    chan_range(int, v, in)
        chan_send(out, v);
    weft_waitgroup_done(done);
}

static void close_after(weft_waitgroup *wg, send_chan(int) c)
{
    weft_waitgroup_wait(wg);
    chan_close(c);
}

static int double_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    chan(int) c[4];
    chan(int) all = chan_make(int, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    unsigned char *seen = calloc((size_t)n, 1);
    for (int k = 0; k < 4; k++)
        c[k] = chan_make(int, 0);
    weft_waitgroup_add(&wg, 4);
    for (int k = 0; k < 4; k++)
        go(double_mux, send_only(all), recv_only(c[k]), &wg);
    go(double_sender, &c[0], n);
    go(close_after, &wg, send_only(all));
    int count = 0;
    chan_range(int, v, all) {
        test_check(v >= 0 && v < n && !seen[v]);
        seen[v] = 1;
        count++;
    }
    test_check(count == n);
    free(seen);
    for (int k = 0; k < 4; k++)
        chan_free(c[k]);
    chan_free(all);
    return 0;
}

START_TEST(s05_double_select)
{
    test_run(double_app);
}
END_TEST

/* ---- S-06: SelfSelect ---- */

static void self_select(chan(int) c, int p, int n, weft_waitgroup *wg)
{
    for (int i = 0; i < n; i++) {
        int v;
        if (p == 0 || i % 2 == 0)
            switch (chan_select(on_send(c, p), on_recv(c, &v))) {
            case 1:
                test_check(chan_cap(c) > 0 || v != p); /* unbuffered: never its own value */
            }
        else
            switch (chan_select(on_recv(c, &v), on_send(c, p))) {
            case 0:
                test_check(chan_cap(c) > 0 || v != p);
            }
    }
    weft_waitgroup_done(wg);
}

static void drain_until(chan(int) c, recv_chan(int) stop)
{
    while (chan_select(on_recv(c, NULL), on_send(c, -1), on_recv(stop, NULL)) != 2)
        ;
}

static int self_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(10000);
    for (int capacity = 0; capacity <= 10; capacity += 10) {
        chan(int) c = chan_make(int, capacity), stop = chan_make(int, 0);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT, helpers = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, 2);
        go(self_select, c, 0, n, &wg);
        go(self_select, c, 1, n, &wg);
        weft_waitgroup_go(&helpers, drain_until, c,
                          recv_only(stop)); /* when one ends first, the other needs a partner */
        weft_waitgroup_wait(&wg);
        chan_close(stop);
        weft_waitgroup_wait(&helpers);
        chan_free(c);
        chan_free(stop);
    }
    return 0;
}

START_TEST(s06_self_select)
{
    test_run(self_app);
}
END_TEST

/* ---- S-10: no residue ---- */

static int residue_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(100000);
    chan(int) quiet = chan_make(int, 0), busy = chan_make(int, 1);
    for (int i = 0; i < n; i++) {
        int v;
        chan_send(busy, i);
        test_check(chan_select(on_recv(quiet, &v), on_recv(busy, &v)) == 1 && v == i);
        if (i % 1000 == 0)
            test_check(chan_select(on_recv(quiet, &v), on_timeout(1)) == 1);
    }
    test_check(!chan_try_send(quiet, 1)); /* nobody is left in its list */
    chan_free(quiet);                     /* which panics if somebody is */
    chan_free(busy);
    return 0;
}

START_TEST(s10_no_residue)
{
    test_run(residue_app);
}
END_TEST

static void wait_on_two(recv_chan(int) quiet, recv_chan(int) mine)
{
    test_check(chan_select(on_recv(quiet, NULL), on_recv(mine, NULL)) == 1);
}

static int unlink_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    enum { WAITERS = 1000 };
    static chan(int) mine[WAITERS];
    chan(int) quiet = chan_make(int, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < WAITERS; i++) {
        mine[i] = chan_make(int, 0);
        weft_waitgroup_go(&wg, wait_on_two, recv_only(quiet), recv_only(mine[i]));
    }
    for (int i = 0; i < WAITERS; i++)
        chan_send(mine[(i * 617) % WAITERS], i); /* out of the middle of the list */
    weft_waitgroup_wait(&wg);
    for (int i = 0; i < WAITERS; i++)
        chan_free(mine[i]);
    chan_free(quiet);
    return 0;
}

START_TEST(s10_unlink_from_the_middle)
{
    test_run(unlink_app);
}
END_TEST

/* ---- S-11: SelectStress ---- */

static chan(int) stress_c[4];

static void stress_send(int k, int n)
{
    for (int i = 0; i < n; i++)
        chan_send(stress_c[k], 0);
}

static void stress_recv(int k, int n)
{
    for (int i = 0; i < n; i++)
        (void)chan_recv(stress_c[k]);
}

static void stress_select(int n, bool sends)
{
    int left[4] = {n, n, n, n};
    chan(int) c[4];
    memcpy(c, stress_c, sizeof c);
    for (int i = 0; i < 4 * n; i++) {
        int k = sends ? chan_select(on_send(c[3], 0), on_send(c[2], 0), on_send(c[0], 0), on_send(c[1], 0))
                      : chan_select(on_recv(c[0], NULL), on_recv(c[1], NULL), on_recv(c[2], NULL), on_recv(c[3], NULL));
        if (sends)
            k = (int[]){3, 2, 0, 1}[k];
        if (--left[k] == 0)
            c[k] = NULL;
    }
}

static int stress_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int capacities[4] = {0, 0, 2, 3};
    int n = test_iterations(20000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int k = 0; k < 4; k++)
        stress_c[k] = chan_make(int, capacities[k]);
    for (int k = 0; k < 4; k++) {
        weft_waitgroup_go(&wg, stress_send, k, n);
        weft_waitgroup_go(&wg, stress_recv, k, n);
    }
    weft_waitgroup_go(&wg, stress_select, n, true);
    weft_waitgroup_go(&wg, stress_select, n, false);
    weft_waitgroup_wait(&wg);
    for (int k = 0; k < 4; k++) {
        test_check(chan_len(stress_c[k]) == 0);
        chan_free(stress_c[k]);
    }
    return 0;
}

START_TEST(s11_select_stress)
{
    test_run(stress_app);
}
END_TEST

/* ---- S-05, T-07: a time-out against a send ---- */

static void send_soon(send_chan(int) c, int64_t after)
{
    weft_sleep(after);
    (void)chan_try_send(c, 1);
}

static int timeout_race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(2000);
    for (int i = 0; i < n; i++) {
        chan(int) c = chan_make(int, 0), quiet = chan_make(int, 0);
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        weft_waitgroup_go(&wg, send_soon, send_only(c), (int64_t)(i % 100) * WEFT_MICROSECOND);
        int v = 0, k = chan_select(on_recv(c, &v), on_recv(quiet, &v), on_timeout(50 * WEFT_MICROSECOND));
        test_check(k == 2 || (k == 0 && v == 1));
        weft_waitgroup_wait(&wg);
        chan_free(c);
        chan_free(quiet);
    }
    return 0;
}

START_TEST(s05_timeout_against_send)
{
    test_run(timeout_race_app);
}
END_TEST

/* ---- C-14: a channel in several cases of one select is as free as any other when it has served one of them ---- */

static void several_cases(chan(int) c, weft_waitgroup *parked)
{
    int value = 0;
    bool ok = true;
    weft_waitgroup_done(parked);
    int chosen = chan_select(on_recv(c, &value, &ok), on_send(c, 7), on_recv(c, &value, &ok), on_send(c, 7));
    test_check(chosen % 2 == 1 || !ok || value == 8);
}

static int free_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(2000);
    for (int i = 0; i < n; i++) {
        chan(int) c = chan_make(int, 0);
        weft_waitgroup parked = WEFT_WAITGROUP_INIT, left = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&parked, 1);
        weft_waitgroup_go(&left, several_cases, c, &parked);
        weft_waitgroup_wait(&parked);
        if (i % 2 == 0)
            chan_send(c, 8);
        else
            test_check(chan_recv(c) == 7);
        chan_free(c);
        weft_waitgroup_wait(&left);
    }
    return 0;
}

START_TEST(c14_free_after_several_cases)
{
    test_run(free_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("select");
    TCase *tests = tcase_create("select");
    tcase_add_test(tests, c14_free_after_several_cases);
    tcase_add_test(tests, s01_s04_s07_basics);
    tcase_add_test(tests, s02_uniform_choice);
    tcase_add_test(tests, s03_nonblocking_select_race);
    tcase_add_test(tests, s05_double_select);
    tcase_add_test(tests, s05_timeout_against_send);
    tcase_add_test(tests, s06_self_select);
    tcase_add_test(tests, s10_no_residue);
    tcase_add_test(tests, s10_unlink_from_the_middle);
    tcase_add_test(tests, s11_select_stress);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
