/* SPDX-License-Identifier: Apache-2.0
 *
 * waitgroup_test.c - the catalogue's W-01 to W-04 for the wait group, at 1, 2 and 4 processors; misuse in child processes.
 *
 * Objects that may be freed as soon as a wait has returned are freed at once, on the heap, so that AddressSanitizer sees
 * every touch that comes too late; elsewhere the memory is overwritten. */
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"
#include "sync/crowd.h"

/* ---- W-01: done happens before the wait it ends; all waiters are released; never without cause ---- */

#define WIDTH 16

struct group {
    weft_waitgroup wg;
    int slots[WIDTH]; /* plain: ThreadSanitizer reports what the wait group fails to order */
};

static void fill(struct group *group, int i)
{
    group->slots[i] = i + 1;
    weft_waitgroup_done(&group->wg);
}

static int free_at_once(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_spawning_iterations(100000);
    for (int i = 0; i < n; i++) {
        struct group *group = calloc(1, sizeof *group);
        int width = i % WIDTH + 1;
        weft_waitgroup_add(&group->wg, width);
        for (int k = 0; k < width; k++)
            test_check(weft_go(fill, group, k) == 0);
        weft_waitgroup_wait(&group->wg);
        for (int k = 0; k < width; k++)
            test_check(group->slots[k] == k + 1);
        memset(group, 0xAA, sizeof *group);
        free(group);
    }
    return 0;
}

START_TEST(w01_w04_done_before_wait_and_freed_at_once)
{
    test_run(free_at_once);
}
END_TEST

static void do_nothing(void)
{
}

/* On the stack, joined by the exit hook, one at a time: the waker and the waiter race for the last touch. */
static int on_the_stack(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_spawning_iterations(600000);
    for (int i = 0; i < n; i++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        test_check(weft_waitgroup_go(&wg, do_nothing) == 0);
        weft_waitgroup_wait(&wg);
        memset(&wg, 0xAA, sizeof wg);
    }
    return 0;
}

START_TEST(w04_on_the_stack)
{
    test_run(on_the_stack);
}
END_TEST

/* How many have parked, seen under the crowd's own lock bit. */
static int parked(weft_waitgroup *wg)
{
    struct weft__crowd *crowd = (struct weft__crowd *)wg;
    uint64_t word = weft__load_relaxed(&crowd->word);
    int count = 0;
    if ((word & WEFT__CROWD_BITS) != WEFT__CROWD_WAITED ||
        !weft__cas_acquire(&crowd->word, &word, word | WEFT__CROWD_BUSY))
        return 0;
    for (const struct weft__crowd_waiter *waiter = crowd->newest; waiter != NULL; waiter = waiter->next)
        count++;
    weft__and_release(&crowd->word, ~WEFT__CROWD_BUSY);
    return count;
}

struct shared {
    weft_waitgroup *wg;  /* freed by the first waiter that gets out */
    int is_done;         /* plain */
    int out;             /* how many waiters got out */
    weft_waitgroup left; /* waiters that have not returned */
};

static void wait_and_free(struct shared *shared)
{
    weft_waitgroup *wg = shared->wg;
    weft_waitgroup_wait(wg);
    test_check(shared->is_done == 1);
    if (__atomic_fetch_add(&shared->out, 1, __ATOMIC_ACQ_REL) == 0) {
        memset(wg, 0xAA, sizeof *wg);
        free(wg);
    }
    weft_waitgroup_done(&shared->left);
}

static int many_waiters(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_spawning_iterations(10000);
    for (int i = 0; i < n; i++) {
        struct shared shared = {.wg = calloc(1, sizeof(weft_waitgroup))};
        int waiters = i % 20 + 1;
        weft_waitgroup_add(shared.wg, 1);
        weft_waitgroup_add(&shared.left, waiters);
        for (int k = 0; k < waiters; k++)
            test_check(weft_go(wait_and_free, &shared) == 0);
        while (parked(shared.wg) < waiters) /* who has not begun to wait has no claim on the object */
            weft_yield();
        shared.is_done = 1;
        weft_waitgroup_done(shared.wg);
        weft_waitgroup_wait(&shared.left);
        test_check(shared.out == waiters);
    }
    return 0;
}

/* Waits that begin before, during and after the release. */
struct late {
    weft_waitgroup *wg;
    int users; /* who has not returned from its last call; the last one frees */
};

static void leave_late(struct late *late)
{
    if (__atomic_sub_fetch(&late->users, 1, __ATOMIC_ACQ_REL) == 0) {
        free(late->wg);
        free(late);
    }
}

static void wait_late(struct late *late)
{
    weft_waitgroup_wait(late->wg);
    leave_late(late);
}

static void done_late(struct late *late)
{
    weft_waitgroup_done(late->wg);
    leave_late(late);
}

static int late_waiters(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_spawning_iterations(30000);
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < n; i++) {
        struct late *late = calloc(1, sizeof *late);
        late->wg = calloc(1, sizeof *late->wg);
        late->users = 5;
        weft_waitgroup_add(late->wg, 1);
        for (int k = 0; k < 4; k++) {
            if (k == i % 4)
                test_check(weft_waitgroup_go(&all, done_late, late) == 0);
            test_check(weft_waitgroup_go(&all, wait_late, late) == 0);
        }
        if (i % 64 == 63)
            weft_waitgroup_wait(&all);
    }
    weft_waitgroup_wait(&all);
    return 0;
}

START_TEST(w01_w04_all_waiters_are_released)
{
    test_run(many_waiters);
}
END_TEST

START_TEST(w01_late_waiters)
{
    test_run(late_waiters);
}
END_TEST

static void count_one(int *count)
{
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

/* The same group again and again; adds while it runs. */
static void add_more(weft_waitgroup *wg, int depth, int *count)
{
    count_one(count);
    for (int i = 0; i < 2 && depth > 0; i++)
        test_check(weft_waitgroup_go(wg, add_more, wg, depth - 1, count) == 0);
}

static int rounds(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_wait(&wg); /* zero: returns at once */
    weft_waitgroup_add(&wg, 0);
    weft_waitgroup_wait(&wg);
    int n = test_iterations(400);
    for (int i = 0; i < n; i++) {
        int count = 0;
        test_check(weft_waitgroup_go(&wg, add_more, &wg, 7, &count) == 0);
        weft_waitgroup_wait(&wg);
        test_check(count == 255);
    }
    weft_waitgroup_add(&wg, INT32_MAX);
    weft_waitgroup_add(&wg, -INT32_MAX);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w01_rounds)
{
    test_run(rounds);
}
END_TEST

/* ---- plain threads beside goroutines ---- */

struct mixed {
    weft_waitgroup start, finish;
    int ready;        /* plain: ordered by start */
    int slots[2 * 4]; /* plain: ordered by finish */
};

static void take_part(struct mixed *mixed, int i)
{
    weft_waitgroup_wait(&mixed->start);
    mixed->slots[i] = mixed->ready;
    weft_waitgroup_done(&mixed->finish);
}

struct part {
    struct mixed *mixed;
    int i;
};

static void *take_part_in_thread(void *arg)
{
    struct part *part = arg;
    take_part(part->mixed, part->i);
    weft_waitgroup_wait(&part->mixed->finish);
    for (int i = 0; i < 8; i++)
        test_check(part->mixed->slots[i] == 7);
    return NULL;
}

static int mixed(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(200);
    for (int turn = 0; turn < n; turn++) {
        struct mixed mixed = {.ready = 0};
        struct part parts[4];
        pthread_t threads[4];
        weft_waitgroup_add(&mixed.start, 1);
        weft_waitgroup_add(&mixed.finish, 8);
        for (int i = 0; i < 4; i++) {
            parts[i] = (struct part){&mixed, 4 + i};
            test_check(pthread_create(&threads[i], NULL, take_part_in_thread, &parts[i]) == 0);
            test_check(weft_go(take_part, &mixed, i) == 0);
        }
        weft_yield();
        mixed.ready = 7;
        weft_waitgroup_done(&mixed.start);
        weft_waitgroup_wait(&mixed.finish);
        for (int i = 0; i < 8; i++)
            test_check(mixed.slots[i] == 7);
        for (int i = 0; i < 4; i++)
            weft_blocking
            {
                pthread_join(threads[i], NULL);
            }
    }
    return 0;
}

START_TEST(w01_threads_and_goroutines)
{
    test_run(mixed);
}
END_TEST

/* Without any run: threads alone. */
START_TEST(w01_threads_without_a_run)
{
    struct mixed mixed = {.ready = 7};
    struct part parts[4];
    pthread_t threads[4];
    weft_waitgroup_add(&mixed.start, 1);
    weft_waitgroup_add(&mixed.finish, 4);
    for (int i = 0; i < 8; i++)
        mixed.slots[i] = 7;
    for (int i = 0; i < 4; i++) {
        parts[i] = (struct part){&mixed, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_part_in_thread, &parts[i]), 0);
    }
    weft_waitgroup_done(&mixed.start);
    weft_waitgroup_wait(&mixed.finish);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

/* ---- W-03 ---- */

static void count_and_exit(int *count)
{
    count_one(count);
    weft_exit();
}

struct value {
    int *count;
    char more[4000];
};

static void count_copy(void *copy)
{
    struct value *value = copy;
    test_check(value->more[3999] == 'x');
    count_one(value->count);
}

static int exits(int argc, char **argv)
{
    (void)argc, (void)argv;
    int count = 0;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    struct value value = {.count = &count};
    value.more[3999] = 'x';
    for (int i = 0; i < 1000; i++) {
        test_check(weft_waitgroup_go(&wg, count_and_exit, &count) == 0);
        test_check(weft_waitgroup_go_copy_at(WEFT__SITE, &wg, count_copy, &value, sizeof value) == 0);
        if (i % 10 == 9) {
            weft_waitgroup_wait(&wg);
            test_check(count == 2 * (i + 1));
        }
    }
    /* A spawn that fails counts nothing. */
    test_check(weft_waitgroup_go_copy_at(WEFT__SITE, &wg, count_copy, &value, 1 << 20) < 0);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w03_exit_counts_as_done)
{
    test_run(exits);
}
END_TEST

START_TEST(w03_failed_spawn_counts_nothing)
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    ck_assert_int_lt(weft_waitgroup_go(&wg, do_nothing), 0); /* no run is going on */
    weft_waitgroup_wait(&wg);
}
END_TEST

static int in_child(int (*app)(int argc, char **argv), int processors)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(processors);
    return weft_run(app, 1, argv);
}

static void linger(void *arg)
{
    (void)arg;
    weft_sleep(100 * WEFT_MILLISECOND); /* time for a waiter that should not wake */
}

static void panics(void)
{
    weft_defer(linger, NULL);
    weft_panic("boom");
}

static int panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, panics);
    weft_waitgroup_wait(&wg);
    puts("released");
    return 0;
}

static int panic_child(void *arg)
{
    (void)arg;
    return in_child(panic_app, 2);
}

START_TEST(w03_panic_is_not_done)
{
    struct test_child child = test_child(panic_child, NULL, 60);
    test_child_check(child, 2, "^panic: boom");
    ck_assert_str_eq(child.out, "");
    test_child_free(&child);
}
END_TEST

/* ---- W-02: misuse ends the process, loudly ---- */

static int done_of_zero(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_done(&wg);
    return 0;
}

static int more_done_than_added(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, 2);
    weft_waitgroup_add(&wg, -3);
    return 0;
}

static int done_beside_go(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_go(&wg, do_nothing);
    weft_waitgroup_done(&wg); /* the goroutine's own is one too many */
    weft_sleep(WEFT_HOUR);
    return 0;
}

static int counter_overflows(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, INT32_MAX);
    weft_waitgroup_add(&wg, 1);
    return 0;
}

static int smallest_delta(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_add(&wg, 1);
    weft_waitgroup_add(&wg, INT32_MIN);
    return 0;
}

/* The moment between the last done and the release of its waiters is too short to be met on purpose: it is set up by hand. */
static int add_before_the_release(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft__store_relaxed(&((struct weft__crowd *)&wg)->word, WEFT__CROWD_WAITED);
    weft_waitgroup_add(&wg, 1);
    return 0;
}

static void wait_only(weft_waitgroup *wg)
{
    weft_waitgroup_wait(wg);
}

/* The waiter is let go, and the group counts anew before it has got out. Which comes first is the scheduler's affair, so it is
 * tried until the waiter was second. */
static int reused_too_early(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (;;) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT, end = WEFT_WAITGROUP_INIT;
        weft_waitgroup_add(&wg, 1);
        weft_waitgroup_go(&end, wait_only, &wg);
        weft_yield();
        weft_waitgroup_done(&wg);
        weft_waitgroup_add(&wg, 1);
        weft_yield();
        weft_waitgroup_done(&wg);
        weft_waitgroup_wait(&end);
    }
    return 0;
}

static int never_done(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_waitgroup wg;
    weft_waitgroup_add(&wg, 1);
    weft_waitgroup_wait(&wg);
    return 0;
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} misuses[] = {
    {done_of_zero, "^panic: negative wait group counter\n"},
    {more_done_than_added, "^panic: negative wait group counter\n"},
    {done_beside_go, "^panic: negative wait group counter\n"},
    {counter_overflows, "^panic: wait group counter above 2147483647\n"},
    {smallest_delta, "^panic: negative wait group counter\n"},
    {add_before_the_release, "^panic: wait group misuse: add called concurrently with wait\n"},
    {reused_too_early, "^panic: wait group is reused before the previous wait has returned\n"},
    {never_done, "all goroutines are asleep - deadlock!.*goroutine 1 .*wait group wait on wait group 0x"},
};

static int misuse_child(void *number)
{
    return in_child(misuses[*(int *)number].app, 1);
}

START_TEST(w02_misuse)
{
    int number = _i;
    struct test_child child = test_child(misuse_child, &number, 60);
    test_child_check(child, 2, misuses[_i].message);
    test_child_free(&child);
}
END_TEST

/* In a plain thread, without a run. */
static int misuse_in_thread(void *arg)
{
    (void)arg;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_waitgroup_done(&wg);
    return 0;
}

START_TEST(w02_misuse_in_a_thread)
{
    struct test_child child = test_child(misuse_in_thread, NULL, 60);
    test_child_check(child, 2, "^panic: negative wait group counter\n");
    test_child_free(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waitgroup");
    TCase *tests = tcase_create("waitgroup");
    tcase_add_test(tests, w01_w04_done_before_wait_and_freed_at_once);
    tcase_add_test(tests, w04_on_the_stack);
    tcase_add_test(tests, w01_w04_all_waiters_are_released);
    tcase_add_test(tests, w01_late_waiters);
    tcase_add_test(tests, w01_rounds);
    tcase_add_test(tests, w01_threads_and_goroutines);
    tcase_add_test(tests, w01_threads_without_a_run);
    tcase_add_test(tests, w03_exit_counts_as_done);
    tcase_add_test(tests, w03_failed_spawn_counts_nothing);
    tcase_add_test(tests, w03_panic_is_not_done);
    tcase_add_loop_test(tests, w02_misuse, 0, sizeof misuses / sizeof misuses[0]);
    tcase_add_test(tests, w02_misuse_in_a_thread);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
