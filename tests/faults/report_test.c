/* SPDX-License-Identifier: Apache-2.0
 *
 * report_test.c - reports where there is nothing to make them with: every allocation, mapping and file that a report asks for is refused,
 * one at a time, all from one on, and, by the kernel's own limit, all that anybody in the process asks for, libdw and the
 * unwinder included. The report comes out all the same, with less in it, and the exit code is the same.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto cross (an emulator has frames and signals of its own) */
#include "loop.h"
#include "parked.h"

#include <sys/resource.h>

#include <weft/chan.h>
#include <weft/defer.h>
#include <weft/go.h>
#include <weft/recover.h>
#include <weft/sync.h>
#include <weft/time.h>

static void (*lacking)(void); /* has memory fail from here on */
static bool can_make_symbols; /* a report with them was made before, so that what is loaded is loaded */

/* ---- what is reported ---- */

static weft_chan(int) never;

static void wait_for_ever(void)
{
    int value;
    (void)weft_chan_recv(never, &value);
}

static int deadlock(void)
{
    require(weft_go(wait_for_ever) == 0);
    parked_await_receivers((void *)never, 1);
    lacking();
    wait_for_ever();
    return 0;
}

static void say(void *text)
{
    dprintf(STDERR_FILENO, "deferred %s\n", (const char *)text);
}

static int panic(void)
{
    weft_defer(say, "call");
    lacking();
    weft_panic("the number is %d", 7);
    return 0;
}

static int fault(void)
{
    static weft_mutex mutex;
    lacking();
    weft_mutex_unlock(&mutex);
    return 0;
}

static int dump(void)
{
    require(weft_go(wait_for_ever) == 0);
    parked_await_receivers((void *)never, 1);
    lacking();
    weft_dump(STDERR_FILENO);
    return 3;
}

static void panics(void *arg)
{
    (void)arg;
    weft_panic("contained");
}

static int contained(void)
{
    struct weft_panic_info info;
    lacking();
    require(weft_recover(panics, NULL, &info));
    weft_panic_info_print(&info, STDERR_FILENO);
    return 3;
}

static int quit(void)
{
    require(weft_go(wait_for_ever) == 0);
    parked_await_receivers((void *)never, 1);
    lacking();

    require(kill(getpid(), SIGQUIT) == 0); /* machines block it: it is for the thread of weft_run */
    for (;;)
        weft_sleep(WEFT_MILLISECOND); /* a deadlock would be reported instead */
    return 0;
}

/* Each frame is known to the next one, so it is there. */
static __attribute__((noinline)) int dig(volatile char *outer, int depth)
{
    volatile char frame[4096];
    frame[0] = outer[0];
    int below = depth < INT32_MAX ? dig(frame, depth + 1) : 0;
    return below + frame[0] + depth;
}

static void overflow_it(void)
{
    volatile char frame[1] = {1};
    lacking();
    dprintf(STDOUT_FILENO, "%d\n", dig(frame, 1));
}

static int overflow(void)
{
    require(weft_go(overflow_it) == 0);
    for (;;)
        weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static const struct report {
    int (*make)(void);
    int code;
    const char *regex; /* of the whole of standard error */
} reports[] = {
    {deadlock, 2,
     "^fatal error: all goroutines are asleep - deadlock!\n.*goroutine [0-9]+ .*chan receive.*created at "
     "[^\n]*report_test.c:[0-9]+ in deadlock\n.*goroutine 1 \"main\" .*chan receive"},
    {panic, 2, "^deferred call\npanic: the number is 7\n.*goroutine 1 .*running"},
    {fault, 2, "^fatal error: sync: unlock of unlocked mutex\n.*goroutine 1 .*running"},
    {dump, 3, "^2 goroutines\n.*goroutine 1 .*running.*goroutine [0-9]+ .*chan receive.*created at"},
    {contained, 3, "^panic: contained\n.*goroutine 1 "},
    {quit, 2, "^SIGQUIT: quit\n.*goroutine [0-9]+ .*chan receive.*created at.*goroutine 1 "},
    {overflow, 2, "fatal error: stack overflow: goroutine [0-9]+, spawned at [^\n]*report_test.c:[0-9]+ in overflow, "},
};
#define REPORTS ((int)(sizeof reports / sizeof reports[0]))

/* ---- how memory fails ---- */

static void faults_begin(void)
{
    faults_now();
}

/* No more address space, and the heap is used up to the last 16 bytes. */
static void use_up(void)
{
    struct rlimit none = {0, RLIM_INFINITY};
    require(getrlimit(RLIMIT_AS, &none) == 0);
    none.rlim_cur = 4096;
    require(setrlimit(RLIMIT_AS, &none) == 0);
    for (size_t size = (size_t)1 << 20; size >= 16; size /= 2)
        while (__real_malloc(size) != NULL)
            ;
}

static const struct report *report;

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    never = weft_chan_make(int, 0);
    require(never != NULL);
    if (can_make_symbols) {
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        weft_dump(fd);
        close(fd);
    }
    return report->make();
}

static int report_child(void *arg)
{
    const struct faults_case c = {.app = app};
    const struct faults_plan *plan = arg;
    setenv("WEFT_DEADLOCK", "on", 1);
    (void)signal(SIGQUIT,
                 SIG_DFL); /* a shell ignores it for what it runs in the background, and then so does the library */
    weft_procs(2);
    if (plan != NULL)
        faults_run.plan = *plan;
    lacking = plan != NULL ? faults_begin : use_up;
    int code = faults_run_once(&c);
    dprintf(STDOUT_FILENO, "met %ld\n", atomic_load(&faults.met));
    return code;
}

/* A machine that is started late may be what the refused call was for, and its line may come before any of the report's. */
static void take_out_no_thread(char *text)
{
    static const char line[] = "weft: cannot start another thread ";
    char *found = strstr(text, line), *end = found != NULL ? strchr(found, '\n') : NULL;
    if (end != NULL)
        memmove(found, end + 1, strlen(end + 1) + 1);
}

static void expect_report(struct faults_plan *plan, const char *how)
{
    struct test_child child = test_child(report_child, plan, 60);
    take_out_no_thread(child.err);
    ck_assert_msg(!child.timed_out && child.code == report->code && test_matches(child.err, report->regex),
                  "report %d, %s: exit code %d, signal %d%s:\n%s%s", (int)(report - reports), how, child.code,
                  child.signal, child.timed_out ? ", hangs" : "", child.out, child.err);
    test_child_free(&child);
}

START_TEST(a_report_comes_out_whatever_is_refused)
{
    report = &reports[_i];
    for (int for_ever = 0; for_ever <= 1; for_ever++)
        for (long first = 1; first <= 12; first += first < 6 ? 1 : 3) { /* more calls than any report makes itself */
            struct faults_plan plan = {
                .kinds = FAULTS_ANY & ~(unsigned)FAULTS_THREAD, .first = first, .for_ever = for_ever};
            char how[64];
            snprintf(how, sizeof how, "call %ld%s fails", first, for_ever ? " and all later ones" : "");
            expect_report(&plan, how);
        }
}
END_TEST

START_TEST(a_report_comes_out_without_any_memory)
{
    report = &reports[_i];
    for (int loaded = 0; loaded <= 1; loaded++) {
        can_make_symbols = loaded != 0;
        expect_report(NULL, loaded ? "no memory, libdw is loaded" : "no memory");
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/report");
    TCase *tests = tcase_create("report");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, a_report_comes_out_whatever_is_refused, 0, REPORTS);
    if (!TEST_ASAN && !TEST_TSAN && !test_emulated()) /* they need memory for themselves */
        tcase_add_loop_test(tests, a_report_comes_out_without_any_memory, 0, REPORTS);
    suite_add_tcase(s, tests);
    return s;
}

int main(void)
{
    return test_main(suite());
}
