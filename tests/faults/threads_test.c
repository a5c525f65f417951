/* SPDX-License-Identifier: Apache-2.0
 *
 * threads_test.c - the kernel has no thread to give: for a while, for ever, or just when the run ends. Work is never lost: there
 * are fewer threads, and as soon as one can be had it is started.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "loop.h"

#include <weft/go.h>
#include <weft/sync.h>
#include <weft/time.h>

/* ---- the only thread is blocked, and what it waits for is queued ---- */

/* One processor. Main blocks its thread in read(2) until another goroutine writes: that one needs a second thread, whose
 * first tries fail. */
struct blocked {
    bool marked;  /* in a weft_blocking section; else the watchdog has to notice */
    bool asleep;  /* the writer sleeps first, so that it is a timer that nobody looks at */
    bool foreign; /* a plain thread starts the writer, long after everything has come to rest */
    unsigned kind;
    long failures;
    bool alone; /* no second thread was there before */
};
static struct blocked blocked;
static atomic_bool reading; /* main is about to block: from here on its thread runs nobody else */
static atomic_bool early;   /* the writer had its turn before that, so no second thread was needed */

/* Whether main has the only machine: where its own was slow to get going, the watchdog has started another. */
static bool is_alone(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool alone = weft__rt.machine_count == 1;
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return alone;
}

static void nothing(void)
{
}

static void write_one(int fd)
{
    if (blocked.asleep)
        weft_sleep(300 * WEFT_MILLISECOND);
    atomic_store(&early, !atomic_load(&reading));
    require(write(fd, "x", 1) == 1);
}

static void *start_writer(void *fd)
{
    usleep(300000);
    require(weft_go(write_one, *(int *)fd) == 0);
    return NULL;
}

static int blocked_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int fds[2];
    char byte;
    ssize_t got = -1;
    pthread_t thread;
    require(pipe(fds) == 0);
    require(weft_go(nothing) == 0); /* from here on a spawn needs no memory */
    weft_yield();
    if (blocked.foreign) {
        require(pthread_create(&thread, NULL, start_writer, &fds[1]) == 0);
        weft_yield();
    } else
        require(weft_go(write_one, fds[1]) == 0);
    faults_arm((struct faults_plan){.kinds = blocked.kind, .first = 1, .last = blocked.failures});
    blocked.alone = is_alone(); /* after that: one that is started in between would meet no fault */
    if (blocked.asleep && !blocked.foreign)
        weft_yield(); /* the writer goes to sleep */
    atomic_store(&reading, true);
    if (blocked.marked)
        weft_blocking
        {
            got = read(fds[0], &byte, 1);
        }
    else
        got = read(fds[0], &byte, 1);
    require(got == 1);
    faults_disarm();
    if (blocked.foreign)
        pthread_join(thread, NULL);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int blocked_child(void *arg)
{
    blocked = *(struct blocked *)arg;
    const struct faults_case c = {.app = blocked_app};
    atomic_store(&faults.watching, true);
    weft_procs(1);
    require(faults_run_once(&c) == 0);
    dprintf(STDOUT_FILENO, "met %ld\n", atomic_load(&faults.met));
    require(atomic_load(&faults.met) == blocked.failures || !blocked.alone || atomic_load(&early));
    faults_balance();
    return 0;
}

START_TEST(work_behind_a_blocked_thread_waits_for_one)
{
    static const long failures[] = {1, 4, 12};
    struct blocked all = {.marked = _i & 1, .asleep = _i & 2, .foreign = _i & 4};
    for (all.kind = FAULTS_MEMORY; all.kind <= FAULTS_THREAD; all.kind *= FAULTS_THREAD / FAULTS_MEMORY) {
        if (all.foreign && all.kind == FAULTS_MEMORY)
            continue; /* the thread's own spawn would fail */
        for (int i = 0; i < 3; i++) {
            all.failures = failures[i];
            struct test_child child = test_child(blocked_child, &all, 60);
            ck_assert_msg(!child.timed_out, "hangs after %ld failures of kind %u: %s", all.failures, all.kind,
                          child.err);
            ck_assert_msg(child.code == 0, "%d failures of kind %u: %s%s", (int)all.failures, all.kind, child.out,
                          child.err);
            test_child_check(child, 0, "^(weft: cannot start another thread [^\n]*\n)?$");
            ck_assert(child.err[0] != '\0' || strstr(child.out, "met 0"));
            test_child_free(&child);
        }
    }
}
END_TEST

/* ---- no second thread ever ---- */

static atomic_int gone;

static void go_away(int turns)
{
    for (int i = 0; i < turns; i++)
        weft_yield();
    atomic_fetch_add(&gone, 1);
}

static int alone_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int count = test_goroutines(10000);
    atomic_store(&gone, 0);
    int64_t begin = weft_now();
    faults_arm((struct faults_plan){.kinds = FAULTS_THREAD, .first = 1, .for_ever = true});
    for (int i = 0; i < count; i++)
        require(weft_go(go_away, i % 3) == 0);
    while (atomic_load(&gone) < count)
        weft_yield();
    require(weft_procs(8) == 4 && weft_procs(4) == 8);
    weft_sleep(20 * WEFT_MILLISECOND);
    /* It is asked for again and again, but not by each spawn: every 64 ms in the end. */
    long met = atomic_load(&faults.met);
    require(met > 0 && met <= 10 + (weft_now() - begin) / (30 * WEFT_MILLISECOND));
    faults_disarm();
    return 0;
}

static int alone_child(void *arg)
{
    (void)arg;
    const struct faults_case c = {.app = alone_app};
    atomic_store(&faults.watching, true);
    weft_procs(4);
    for (int i = 0; i < 3; i++)
        require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(one_thread_does_the_work_of_all)
{
    struct test_child child = test_child(alone_child, NULL, 100);
    test_child_check(child, 0, "^weft: cannot start another thread [^\n]*\n$");
    test_child_free(&child);
}
END_TEST

/* ---- the run ends while a thread is being asked for ---- */

/* One processor and nothing in a queue, so that nobody asks for a second thread but the plain thread that makes room for it. */
static void *make_room(void *arg)
{
    (void)arg;
    faults_marked = true;
    (void)weft_procs(2);
    return NULL;
}

static bool ending_fails;
static pthread_t ending_thread;

static int ending_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (!is_alone())
        return 1;
    faults_arm((struct faults_plan){.kinds = FAULTS_THREAD, .first = 1, .late = !ending_fails});
    require(__real_pthread_create(&ending_thread, NULL, make_room, NULL) == 0);
    while (atomic_load(&faults.by_marked) == 0)
        sched_yield();
    return 0;
}

static int ending_child(void *arg)
{
    const struct faults_case c = {.app = ending_app};
    ending_fails = *(bool *)arg;
    atomic_store(&faults.watching, true);
    faults.thread_delay = 30000;
    for (int done = 0; done < test_iterations(20) + 1;) {
        atomic_store(&faults.by_marked, 0);
        weft_procs(1);
        if (faults_run_once(&c) != 0)
            continue;
        require(atomic_load(&weft__rt.lost_machines) == 0); /* it was waited for */
        pthread_join(ending_thread, NULL);
        require(atomic_load(&faults.met) == 1);
        faults_disarm();
        done++;
    }
    faults_balance();
    return 0;
}

START_TEST(the_run_ends_while_a_thread_is_asked_for)
{
    bool fails = _i != 0;
    struct test_child child = test_child(ending_child, &fails, 100);
    test_child_check(child, 0, fails ? NULL : "^$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/threads");
    TCase *tests = tcase_create("threads");
    tcase_set_timeout(tests, 280);
    tcase_add_loop_test(tests, work_behind_a_blocked_thread_waits_for_one, 0, 8);
    tcase_add_test(tests, one_thread_does_the_work_of_all);
    suite_add_tcase(s, tests);
    TCase *end = tcase_create("end");
    tcase_set_timeout(end, 280);
    tcase_add_loop_test(end, the_run_ends_while_a_thread_is_asked_for, 0, 2);
    suite_add_tcase(s, end);
    return s;
}

int main(void)
{
    return test_main(suite());
}
