/* SPDX-License-Identifier: Apache-2.0
 *
 * report_test.c - what ends a program, as child processes matched on standard error and exit code: panic (G-03), deadlock
 * (D-01, D-02, D-05), stack overflow (L-03), main's end (G-02, G-04).
 * test-link: -Wl,--wrap=weft__port_thread_count,--wrap=weft__deadlock_setting */
#include <pthread.h>
#include <string.h>

#include <weft/words.h>

#include "support.h"

#define MS WEFT_MILLISECOND

static int procs = 2;

static int run_child(int (*app)(int, char **))
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(procs);
    return weft_run(app, 1, argv);
}

static int run_app(void *app)
{
    return run_child((int (*)(int, char **))app);
}

static void expect(int (*app)(int, char **), int code, const char *const *texts, int count)
{
    struct test_child child = test_child(run_app, (void *)app, 60);
    ck_assert_msg(child.code == code && !child.timed_out, "exit %d (signal %d): %s", child.code, child.signal,
                  child.err);
    const char *at = child.err;
    for (int i = 0; i < count; i++) {
        const char *found = strstr(at, texts[i]);
        ck_assert_msg(found != NULL, "no \"%s\" (in this order) in: %s", texts[i], child.err);
        at = found + strlen(texts[i]);
    }
    test_child_free(&child);
}
#define EXPECT(app, code, ...)                                                                                         \
    expect(app, code, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- panic ---- */

static void say(void *text)
{
    fprintf(stderr, "deferred %s\n", (const char *)text);
}

static void panics_again(void *unused)
{
    (void)unused;
    weft_panic("second");
}

static void panics(void)
{
    weft_defer(say, "a");
    weft_defer(panics_again, NULL);
    weft_defer(say, "b");
    weft_panic("number %d", 7);
}

static void waits_with_deferred(void)
{
    weft_defer(say, "of another goroutine");
    weft_sleep(WEFT_HOUR);
}

static int panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(waits_with_deferred);
    go_with(((struct weft_go_options){.name = "the one"}), panics);
    weft_sleep(WEFT_HOUR);
    return 0;
}

START_TEST(g03_panic_runs_own_deferred_calls_and_reports)
{
    EXPECT(panic_app, 2, "deferred b", "deferred a", "panic: number 7", "panic: second", "\"the one\" [running]",
           "created at", "report_test.c");
    struct test_child child = test_child(run_app, (void *)panic_app, 60);
    ck_assert_ptr_null(strstr(child.err, "of another"));
    test_child_free(&child);
}
END_TEST

static void *thread_panics(void *unused)
{
    weft_panic("in a thread");
    return unused;
}

static int thread_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    pthread_create(&thread, NULL, thread_panics, NULL);
    weft_sleep(WEFT_HOUR);
    return 0;
}

START_TEST(g03_panic_in_a_thread)
{
    EXPECT(thread_app, 2, "panic: in a thread", "thread ");
}
END_TEST

/* ---- deadlock ---- */

static void waits_to_send(send_chan(int) c)
{
    chan_send(c, 1);
}

static void waits_in_select(recv_chan(int) c)
{
    (void)chan_select(on_recv(c, NULL));
}

static void waits_for_mutex(weft_mutex *mutex)
{
    weft_mutex_lock(mutex);
}

static int deadlock_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_mutex mutex;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    chan(int) a = chan_make(int, 0), b = chan_make(int, 3);
    weft_mutex_lock(&mutex);
    go(waits_to_send, send_only(a));
    go(waits_in_select, recv_only(b));
    go(waits_for_mutex, &mutex);
    weft_waitgroup_add(&wg, 1);
    weft_sleep(5 * MS);
    weft_waitgroup_wait(&wg);
    return 0;
}

static int nil_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) nil = NULL;
    return chan_recv(nil);
}

START_TEST(d01_deadlock_is_reported_with_everybody)
{
    EXPECT(deadlock_app, 2, "fatal error: all goroutines are asleep - deadlock!", "goroutine ", "report_test.c");
    struct test_child child = test_child(run_app, (void *)deadlock_app, 60);
    static const char *const all[] = {"chan send", "select", "mutex", "wait group", "created at", "made at"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ck_assert_msg(strstr(child.err, all[i]) != NULL, "no \"%s\" in: %s", all[i], child.err);
    test_child_free(&child);
    EXPECT(nil_app, 2, "deadlock!", "chan receive (nil chan)");
}
END_TEST

static int many_dead_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) a = chan_make(int, 0);
    int n = test_quick() ? 200 : 1000; /* a fiber costs TSan up to a millisecond, and much more on a busy machine */
    for (int i = 0; i < n; i++)
        go(waits_to_send, send_only(a));
    weft_mutex mutex = WEFT_MUTEX_INIT;
    weft_mutex_lock(&mutex);
    weft_mutex_lock(&mutex);
    return 0;
}

START_TEST(d01_many_are_counted)
{
    EXPECT(many_dead_app, 2, "deadlock!", "chan send", "more");
}
END_TEST

static void wakes_main(send_chan(int) c)
{
    weft_sleep(300 * MS);
    chan_send(c, 3);
}

static void *thread_wakes_main(void *c)
{
    int three = 3;
    usleep(300000);
    weft_chan_send_untyped(c, &three);
    return NULL;
}

static void timer_wakes_main(void *c)
{
    int three = 3;
    weft_chan_send_untyped(c, &three);
}

static int alive_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    go(wakes_main, send_only(c)); /* a sleeper is alive */
    test_check(chan_recv(c) == 3);
    weft_timer *timer = weft_after_func(300 * MS, timer_wakes_main, (void *)c); /* so is an after_func */
    test_check(chan_recv(c) == 3);
    weft_timer_free(timer);
    pthread_t thread;
    pthread_create(&thread, NULL, thread_wakes_main, (void *)c); /* so is a thread that may still send */
    test_check(chan_recv(c) == 3);
    weft_blocking pthread_join(thread, NULL);
    chan_free(c);
    return 9;
}

/* D-04: goroutines that wait for each other, and for nobody else, are not reported while others go on. */
static void waits_for_ever(recv_chan(int) c)
{
    (void)chan_recv(c);
}

static int partial_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) c = chan_make(int, 0);
    for (int i = 0; i < 10; i++)
        go(waits_for_ever, recv_only(c));
    for (int i = 0; i < 30; i++) /* many looks of the watchdog */
        weft_sleep(5 * MS);
    return 9;
}

START_TEST(d04_a_partial_deadlock_is_not_reported)
{
    struct test_child child = test_child(run_app, (void *)partial_app, 60);
    ck_assert_msg(child.code == 9 && child.err[0] == 0, "exit %d: %s", child.code, child.err);
    test_child_free(&child);
}
END_TEST

START_TEST(d02_d06_alive)
{
    if (test_emulated() || TEST_TSAN)
        return; /* foreign threads cannot be told from the tool's there */
    EXPECT(alive_app, 9, "");
}
END_TEST

/* D-05: the last goroutine parks and wakes again and again, by a timer and by a thread. */
static int windows_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(2000);
    for (int i = 0; i < n; i++) {
        weft_sleep(1000);
        weft_blocking usleep(10);
    }
    return 9;
}

START_TEST(d05_no_false_report)
{
    for (procs = 1; procs <= 4; procs *= 2)
        EXPECT(windows_app, 9, "");
}
END_TEST

/* D-05: plain threads hand main on from one stillness to the next, while the reporter's count of threads takes its time: what it
 * counted in one must not be held against the other. */
static bool slow_count;
int __real_weft__port_thread_count(void);
int __wrap_weft__port_thread_count(void);
int __real_weft__deadlock_setting(void);
int __wrap_weft__deadlock_setting(void);

static void dawdle(void)
{
    if (slow_count)
        usleep((unsigned)rand() % 300);
}

int __wrap_weft__port_thread_count(void)
{
    dawdle();
    int count = __real_weft__port_thread_count();
    dawdle();
    return count;
}

/* Asked between the first look at the scheduler and the count. */
int __wrap_weft__deadlock_setting(void)
{
    dawdle();
    return __real_weft__deadlock_setting();
}

#define RELAYS 4

static void *relay(void *channels)
{
    int value = 0;
    while (weft_chan_recv_untyped(((void **)channels)[0], &value)) {
        usleep((unsigned)value % 200);
        weft_chan_send_untyped(((void **)channels)[1], &value);
    }
    return NULL;
}

static int relay_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    slow_count = true;
    chan(int) out = chan_make(int, 0), back = chan_make(int, 0);
    void *channels[2] = {(void *)out, (void *)back};
    pthread_t threads[RELAYS];
    for (int i = 0; i < RELAYS; i++)
        test_check(pthread_create(&threads[i], NULL, relay, channels) == 0);
    int n = test_iterations(400);
    for (int i = 0; i < n; i++) {
        for (int64_t until = weft_now() + rand() % 500 * WEFT_MICROSECOND; weft_now() < until;)
            ; /* all threads wait, and main is at work */
        for (int k = 0; k < RELAYS; k++)
            chan_send(out, i * RELAYS + k);
        for (int k = 0; k < RELAYS; k++)
            (void)chan_recv(back);
    }
    chan_close(out);
    for (int i = 0; i < RELAYS; i++)
        weft_blocking pthread_join(threads[i], NULL);
    chan_free(out);
    chan_free(back);
    return 9;
}

START_TEST(d05_stillness_is_one)
{
    if (test_emulated() || TEST_TSAN)
        return; /* foreign threads cannot be told from the tool's there */
    for (procs = 1; procs <= 4; procs *= 2)
        EXPECT(relay_app, 9, "");
}
END_TEST

/* ---- main's end ---- */

static void ends_soon(void)
{
    weft_sleep(20 * MS);
}

static int exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_defer(say, "main's");
    go(ends_soon);
    weft_exit();
}

START_TEST(g04_exit_of_main)
{
    EXPECT(exit_app, 2, "deferred main's", "fatal error: no goroutines (main called weft_exit) - deadlock!");
}
END_TEST

static void stuck(void)
{
    usleep(3000000);
}

static int cut_off_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(waits_with_deferred);
    go(stuck);
    weft_sleep(5 * MS);
    printf("buffered");
    return 9;
}

START_TEST(g02_main_cuts_off_the_rest)
{
    struct test_child child = test_child(run_app, (void *)cut_off_app, 60);
    ck_assert_int_eq(child.code, 9);
    ck_assert_ptr_nonnull(strstr(child.out, "buffered"));
    ck_assert_ptr_null(strstr(child.err, "deferred"));
    test_child_free(&child);
}
END_TEST

/* ---- stack overflow ---- */

static __attribute__((noinline)) long deep(long n)
{
    char frame[512];
    memset(frame, (int)n, sizeof frame);
    __asm__ __volatile__("" ::"r"(frame) : "memory");
    return n == 0 ? frame[3] : deep(n - 1) + frame[1];
}

static void overflows(void)
{
    fprintf(stderr, "%ld\n", deep(1000000));
}

static int overflow_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go_with(((struct weft_go_options){.name = "recursive"}), overflows);
    weft_sleep(WEFT_HOUR);
    return 0;
}

START_TEST(l03_stack_overflow_names_the_goroutine)
{
    if (TEST_ASAN || TEST_TSAN || test_emulated())
        return; /* sanitizers report it themselves; the emulator has its own signal frames */
    EXPECT(overflow_app, 2, "stack overflow", "recursive", "report_test.c", "256 KiB", "WEFT_STACK");
}
END_TEST

static int segfault_app(int argc, char **argv)
{
    (void)argv;
    return *(int *)(uintptr_t)(argc - 1);
}

START_TEST(l03_other_faults_keep_their_meaning)
{
    if (TEST_ASAN || TEST_TSAN || test_emulated())
        return;
    struct test_child child = test_child(run_app, (void *)segfault_app, 60);
    ck_assert_int_eq(child.signal, SIGSEGV);
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reports");
    TCase *tests = tcase_create("reports");
    tcase_add_test(tests, g03_panic_runs_own_deferred_calls_and_reports);
    tcase_add_test(tests, g03_panic_in_a_thread);
    tcase_add_test(tests, d01_deadlock_is_reported_with_everybody);
    tcase_add_test(tests, d01_many_are_counted);
    tcase_add_test(tests, d02_d06_alive);
    tcase_add_test(tests, d04_a_partial_deadlock_is_not_reported);
    tcase_add_test(tests, d05_no_false_report);
    tcase_add_test(tests, d05_stillness_is_one);
    tcase_add_test(tests, g04_exit_of_main);
    tcase_add_test(tests, g02_main_cuts_off_the_rest);
    tcase_add_test(tests, l03_stack_overflow_names_the_goroutine);
    tcase_add_test(tests, l03_other_faults_keep_their_meaning);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
