/* SPDX-License-Identifier: Apache-2.0
 *
 * dump_test.c - weft_dump: what is listed, and that the program goes on unharmed. Catalogue: D-01, G-02, C-13, C-14.
 * test-link: -Wl,--wrap=weft__port_barrier */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <weft/sim.h>
#include <weft/words.h>

#include "dumps.h"
#include "parked.h"
#include "port/port.h"
#include "support.h"

#define MS WEFT_MILLISECOND

static bool without_barrier;
bool __real_weft__port_barrier(void);
bool __wrap_weft__port_barrier(void);
bool __wrap_weft__port_barrier(void)
{
    return !without_barrier && __real_weft__port_barrier();
}

static bool has_libdw(void)
{
    return dlopen("libdw.so.1", RTLD_NOW) != NULL;
}

static void check_has(const struct test_child *child, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(test_matches(child->err, texts[i]), "no \"%s\" in: %s", texts[i], child->err);
}
#define CHECK_HAS(child, ...)                                                                                          \
    check_has(child, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- what is listed ---- */

static atomic_bool spinning, done;
static bool refused; /* the dump gets no barrier */
static weft_mutex mutex;

static void waits_to_send(send_chan(int) c)
{
    chan_send(c, 1);
    STAY();
}

static void waits_in_select(recv_chan(int) a, recv_chan(int) b)
{
    (void)chan_select(on_recv(a, NULL), on_recv(b, NULL), on_timeout(WEFT_HOUR));
    STAY();
}

static void waits_for_mutex(void)
{
    weft_mutex_lock(&mutex);
    STAY();
}

static void sleeps(void)
{
    weft_sleep(WEFT_HOUR);
    STAY();
}

static void spins(void)
{
    spinning = true;
    while (!done)
        STAY();
}

static void blocks(void)
{
    weft_blocking while (!done) usleep(1000);
}

static int all_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static chan(int) full, empty, other; /* those who are cut off keep them, which LeakSanitizer cannot know */
    full = chan_make(int, 0);
    empty = chan_make(int, 3);
    other = chan_make(int, 0);
    weft_mutex_lock(&mutex);
    go(waits_to_send, send_only(full));
    go(waits_in_select, recv_only(empty), recv_only(other));
    go_with(((struct weft_go_options){.name = "the locker"}), waits_for_mutex);
    go(sleeps);
    go(blocks);
    parked_await_goroutines(5);
    go(spins);
    while (!spinning)
        weft_sleep(1 * MS);
    without_barrier = refused;
    weft_dump(STDERR_FILENO);
    done = true;
    weft_mutex_unlock(&mutex);
    return 9;
}

START_TEST(d01_dump_has_everybody)
{
    struct test_child child = test_child(run_app, (void *)all_app, 60);
    test_child_check(child, 9, "^7 goroutines\n");
    check_block(&child, "^goroutine 1 \"main\" \\[running\\]:$", "the main goroutine");
    check_block(&child, "\\[chan send on chan .*made at .*dump_test.c:", "created at .*dump_test.c:.* in all_app");
    check_block(&child, "\\[select on case 0: receive from chan .*, case 1: receive from chan .*time-out",
                "created at");
    check_block(&child, "\"the locker\" \\[mutex lock on mutex ", "created at");
    check_block(&child, "\\[sleep\\]", "created at");
    check_block(&child, "\\[blocking call\\]", "on a thread: its frames cannot be read");
    check_block(&child, "\\[running\\]", "on a thread: its frames cannot be read");
    if (has_libdw()) {
        check_block(&child, "\"main\"", "^    all_app  .*dump_test.c:");
        check_block(&child, "chan send", "^    waits_to_send  .*dump_test.c:");
        check_block(&child, "select", "^    waits_in_select  .*dump_test.c:");
        check_block(&child, "the locker", "^    waits_for_mutex  .*dump_test.c:");
        check_block(&child, "sleep", "^    sleeps  .*dump_test.c:");
    }
    test_child_free(&child);
}
END_TEST

static atomic_int begun;

static void begins(void)
{
    begun++;
    sleeps();
}

static int new_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 200; i++)
        go(begins);
    weft_dump(STDERR_FILENO);
    while (begun < 200)
        weft_sleep(MS);
    weft_dump(STDERR_FILENO);
    return 9;
}

START_TEST(d01_dump_counts_the_many_and_the_new)
{
    procs = 1;
    struct test_child child = test_child(run_app, (void *)new_app, 60);
    test_child_check(child, 9, "^[0-9]+ goroutines?\n");
    /* On a slow machine the watchdog lets some of them begin meanwhile. */
    int listed = atoi(child.err), others = 0;
    const char *about = strstr(child.err, "about ");
    if (listed < 201 && about != NULL)
        others = atoi(about + strlen("about "));
    ck_assert_int_eq(listed + others, 201);
    CHECK_HAS(&child, "\n201 goroutines\n", "and 100 more goroutines\n");
    test_child_free(&child);
}
END_TEST

static int refused_app(int argc, char **argv)
{
    refused = true;
    return all_app(argc, argv);
}

START_TEST(d01_dump_without_a_barrier_has_no_frames)
{
    struct test_child child = test_child(run_app, (void *)refused_app, 60);
    test_child_check(child, 9, "^7 goroutines\n");
    check_block(&child, "\"main\" \\[running\\]", "the main goroutine");
    check_block(&child, "\\[waiting\\]", "frames cannot be read now.*created at");
    CHECK_HAS(&child, "the locker");
    test_child_free(&child);
}
END_TEST

static void fills_its_stack(int n)
{
    char frame[256];
    memset(frame, n, sizeof frame);
    __asm__ __volatile__("" ::"r"(frame) : "memory");
    if (n > 0)
        fills_its_stack(n - 1);
    else
        weft_sleep(WEFT_HOUR);
    __asm__ __volatile__("" ::"r"(frame) : "memory");
}

/* Whatever room its stack has left, a goroutine that is walked survives it. */
static int full_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int n = 0; n < 32; n++)
        go_with(((struct weft_go_options){.stack_size = 16 << 10}), fills_its_stack, n);
    parked_await_goroutines(32);
    weft_dump(STDERR_FILENO);
    return 9;
}

START_TEST(l03_full_stacks_are_not_walked)
{
    if (TEST_ASAN || TEST_TSAN || test_emulated())
        return; /* their frames are larger than the stack */
    weft_stack_size(16 << 10);
    struct test_child child = test_child(run_app, (void *)full_app, 60);
    test_child_check(child, 9, "^33 goroutines\n");
    CHECK_HAS(&child, "its stack is too full to be walked");
    if (has_libdw())
        CHECK_HAS(&child, "    fills_its_stack  ");
    test_child_free(&child);
}
END_TEST

/* ---- it goes on ---- */

static int null_fd;
static atomic_int dumps;

static void relay(recv_chan(int) in, send_chan(int) out)
{
    chan_range(int, value, in)
        chan_send(out, value + 1);
    chan_close(out);
}

/* Channels that are freed as soon as both sides are through (C-14), while their names may be in the making. */
static void answers(chan(int) c, int value)
{
    chan_send(c, value);
}

static void churns(weft_waitgroup *wg, int turns)
{
    (void)wg;
    for (int i = 0; i < turns; i++) {
        chan(int) c = chan_make(int, i % 2);
        go(answers, c, i);
        test_check(chan_recv(c) == i);
        chan_free(c);
        if (i % 16 == 0)
            weft_sleep(10 * WEFT_MICROSECOND);
        if (i % 64 == 0)
            weft_blocking usleep(10);
    }
}

static void dumps_on(void)
{
    while (!done) {
        weft_dump(null_fd);
        dumps++;
        weft_sleep(200 * WEFT_MICROSECOND);
    }
}

static void *dumps_in_a_thread(void *unused)
{
    while (!done) {
        weft_dump(null_fd);
        dumps++;
        usleep(300);
    }
    return unused;
}

#define LINKS 20

static int busy_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(20000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    pthread_t thread;
    done = false;
    dumps = 0;
    weft_waitgroup dumpers = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&dumpers, dumps_on);
    test_check(pthread_create(&thread, NULL, dumps_in_a_thread, NULL) == 0);
    for (int i = 0; i < 4; i++)
        weft_waitgroup_go(&wg, churns, &wg, n / 4);
    chan(int) first = chan_make(int, 0), last = first, all[LINKS];
    for (int i = 0; i < LINKS; i++) {
        all[i] = last;
        chan(int) next = chan_make(int, i % 3);
        go(relay, recv_only(last), send_only(next));
        last = next;
    }
    for (int i = 0; i < n / 20 || dumps < 3; i++) {
        chan_send(first, i);
        test_check(chan_recv(last) == i + LINKS);
    }
    chan_close(first);
    test_check(chan_recv(last) == 0);
    weft_waitgroup_wait(&wg);
    done = true;
    weft_waitgroup_wait(&dumpers);
    weft_blocking pthread_join(thread, NULL);
    for (int i = 0; i < LINKS; i++)
        chan_free(all[i]);
    chan_free(last);
    return 0;
}

START_TEST(c13_c14_dumps_disturb_nobody)
{
    setenv("WEFT_SYMBOLS", "off", 1);
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    test_run(busy_app);
    close(null_fd);
}
END_TEST

/* Runs end, and begin, under the eyes of a thread. */
static int short_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 8; i++)
        go(sleeps);
    weft_sleep(300 * WEFT_MICROSECOND);
    return 0;
}

START_TEST(g02_runs_end_beside_dumps)
{
    setenv("WEFT_SYMBOLS", "off", 1);
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, dumps_in_a_thread, NULL), 0);
    int n = test_iterations(100);
    for (int i = 0; i < n || dumps < 10; i++)
        test_run(short_app);
    done = true;
    pthread_join(thread, NULL);
    close(null_fd);
}
END_TEST

/* The reader of the dump is a goroutine that has to be resumed for it. */
static void reads(int fd, send_chan(size_t) total)
{
    size_t sum = 0;
    ssize_t got = 1;
    while (got > 0) {
        char buffer[256];
        weft_blocking got = read(fd, buffer, sizeof buffer);
        sum += got > 0 ? (size_t)got : 0;
        weft_sleep(100 * WEFT_MICROSECOND);
    }
    chan_send(total, sum);
}

static atomic_int begun;

static void begins_and_sleeps(void)
{
    begun++;
    weft_sleep(WEFT_HOUR);
}

static int pipe_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
    chan(size_t) total = chan_make(size_t, 0);
    begun = 0;
    for (int i = 0; i < 100; i++)
        go(begins_and_sleeps);
    go(reads, ends[0], send_only(total));
    while (begun < 100)
        weft_sleep(1 * MS);
    weft_dump(ends[1]);
    close(ends[1]);
    ck_assert_uint_gt(chan_recv(total), 5000);
    chan_free(total);
    close(ends[0]);
    return 0;
}

START_TEST(c13_the_world_is_not_held_while_it_is_written)
{
    setenv("WEFT_SYMBOLS", "off", 1);
    test_run(pipe_app);
}
END_TEST

static int nobody(void *unused)
{
    (void)unused;
    weft_dump(STDERR_FILENO);
    return 9;
}

START_TEST(g02_dump_without_a_run)
{
    struct test_child child = test_child(nobody, NULL, 60);
    test_child_check(child, 9, "^0 goroutines\n$");
    test_child_free(&child);
}
END_TEST

static int simulated(void *unused)
{
    (void)unused;
    go(sleeps);
    weft_sleep(1 * MS);
    weft_dump(STDERR_FILENO);
    return 9;
}

static int simulates(void *unused)
{
    return weft_sim(17, simulated, unused);
}

START_TEST(d01_dump_of_a_simulated_run)
{
    struct test_child child = test_child(simulates, NULL, 60);
    test_child_check(child, 9, "^2 goroutines\nsimulated: weft_sim with seed 17, 1000000 ns after its start\n");
    check_block(&child, "\\[sleep\\]", "created at .* in simulated");
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dump");
    TCase *tests = tcase_create("dump");
    tcase_add_test(tests, d01_dump_has_everybody);
    tcase_add_test(tests, d01_dump_counts_the_many_and_the_new);
    if (!TEST_LTO)
        tcase_add_test(tests, d01_dump_without_a_barrier_has_no_frames);
    tcase_add_test(tests, l03_full_stacks_are_not_walked);
    tcase_add_test(tests, c13_c14_dumps_disturb_nobody);
    tcase_add_test(tests, g02_runs_end_beside_dumps);
    tcase_add_test(tests, c13_the_world_is_not_held_while_it_is_written);
    tcase_add_test(tests, g02_dump_without_a_run);
    tcase_add_test(tests, d01_dump_of_a_simulated_run);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
