/* SPDX-License-Identifier: Apache-2.0
 *
 * local_test.c - goroutine-local values: whose they are, when they are destroyed, what is left behind. Catalogue: G-02, G-04, L-01.
 * test-link: -Wl,--wrap=weft__port_alloc */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <weft/local.h>
#include <weft/recover.h>
#include <weft/words.h>

#include "port/port.h"

#include "story.h"

#define MS WEFT_MILLISECOND

static atomic_int made, destroyed, failing;

void *__real_weft__port_alloc(size_t size, size_t alignment);
void *__wrap_weft__port_alloc(size_t size, size_t alignment);
void *__wrap_weft__port_alloc(size_t size, size_t alignment)
{
    return failing ? NULL : __real_weft__port_alloc(size, alignment);
}

static void *make(int value)
{
    int *object = malloc(sizeof *object);
    test_check(object != NULL);
    *object = value;
    made++;
    return object;
}

static void destroy(void *object)
{
    free(object);
    destroyed++;
}

static weft_local first = WEFT_LOCAL_INIT(destroy), second = WEFT_LOCAL_INIT(destroy), plain;

/* ---- whose they are ---- */

static bool has(const weft_local *key, int value)
{
    const int *object = weft_local_get(key);
    return object != NULL && *object == value;
}

static void child(void)
{
    test_check(weft_local_get(&first) == NULL && weft_local_get(&second) == NULL && weft_local_get(&plain) == NULL);
}

static void owner(int number, weft_waitgroup *wg)
{
    child();
    test_check(weft_local_set(&first, make(number)) == 0 && weft_local_set(&plain, (void *)(intptr_t)number) == 0);
    test_check(weft_waitgroup_go(wg, child) == 0);
    for (int i = 0; i < 20; i++) {
        if (i == 10)
            test_check(weft_local_set(&second, make(-number)) == 0);
        if (i % 7 == 0)
            weft_sleep(number % 5 * 100 * WEFT_MICROSECOND); /* it may go on in another thread */
        else
            weft_yield();
        test_check(has(&first, number) && weft_local_get(&plain) == (void *)(intptr_t)number);
        test_check(i < 10 ? weft_local_get(&second) == NULL : has(&second, -number));
    }
}

static int owners_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int n = test_iterations(2000);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    made = destroyed = 0;
    test_check(weft_local_set(&first, make(0)) == 0);
    for (int i = 1; i <= n; i++)
        test_check(weft_waitgroup_go(&wg, owner, i, &wg) == 0);
    weft_waitgroup_wait(&wg);
    test_check(has(&first, 0));
    test_check(made == 2 * n + 1 && destroyed == 2 * n); /* those who wait come after the destructors */
    return 0;
}

START_TEST(l01_values_belong_to_the_goroutine)
{
    for (int processors = 1; processors <= 4; processors *= 2) {
        test_run_at(processors, owners_app);
        ck_assert_int_eq(made, destroyed); /* main's, too */
    }
}
END_TEST

static int values_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_local never;
    int *one = make(1), *two = make(2);
    destroyed = 0;
    ck_assert_int_eq(weft_local_set(&never, NULL), 0);
    ck_assert_ptr_null(weft_local_get(&never));
    ck_assert_int_eq(weft_local_set(&first, one), 0);
    ck_assert_int_eq(weft_local_set(&first, two), 0); /* the one before is not destroyed */
    ck_assert_ptr_eq(weft_local_get(&first), two);
    ck_assert_int_eq(*one, 1);
    ck_assert_int_eq(weft_local_set(&first, NULL), 0);
    ck_assert_ptr_null(weft_local_get(&first));
    ck_assert_int_eq(weft_local_set(&plain, one), 0);
    ck_assert_int_eq(destroyed, 0);
    free(one);
    free(two);
    return 0;
}

START_TEST(local_set_replaces_and_clears)
{
    test_run(values_app);
    ck_assert_int_eq(destroyed, 0);
}
END_TEST

/* ---- the end: order ---- */

static weft_local told;

static void say_and_look(void *text)
{
    say(text);
    test_check(weft_local_get(&told) == NULL);
    weft_sleep(1 * MS); /* it may park */
    weft_yield();
    say("end");
}

static weft_local told = WEFT_LOCAL_INIT(say_and_look);

static void deferred_sees_it(void *unused)
{
    (void)unused;
    test_check(strcmp(weft_local_get(&told), "value") == 0);
    say("deferred");
}

static void ends(int how)
{
    weft_defer(deferred_sees_it, NULL);
    test_check(weft_local_set(&told, "value") == 0);
    if (how == 1)
        weft_exit();
    say("return");
}

static int order_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int how = 0; how < 2; how++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        story[0] = 0;
        weft_waitgroup_go(&wg, ends, how);
        weft_waitgroup_wait(&wg);
        say("waited");
        ck_assert_str_eq(story, how == 0 ? "return deferred value end waited " : "deferred value end waited ");
    }
    return 0;
}

START_TEST(g04_after_the_deferred_calls_before_those_who_wait)
{
    test_run(order_app);
}
END_TEST

/* ---- weft_exit in a destructor ---- */

static weft_local leaves;

static void leave(void *unused)
{
    (void)unused;
    test_check(weft_local_set(&first, make(2)) == 0);
    weft_defer(say, "deferred");
    weft_exit();
}

static weft_local leaves = WEFT_LOCAL_INIT(leave);

static void leaver(void)
{
    test_check(weft_local_set(&first, make(1)) == 0 && weft_local_set(&leaves, "") == 0 &&
               weft_local_set(&second, make(1)) == 0);
}

static int leaver_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    made = destroyed = 0;
    story[0] = 0;
    weft_waitgroup_go(&wg, leaver);
    weft_waitgroup_wait(&wg);
    ck_assert_int_eq(made, 3);
    ck_assert_int_eq(destroyed, 3);
    ck_assert_str_eq(story, "deferred ");
    return 0;
}

START_TEST(g04_exit_in_a_destructor)
{
    test_run(leaver_app);
}
END_TEST

static int main_exits_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    test_check(weft_local_set(&told, "main's value") == 0);
    weft_exit();
}

static int main_exits(void *unused)
{
    (void)unused;
    char name[] = "test", *argv[] = {name, NULL};
    return weft_run(main_exits_app, 1, argv);
}

static void print_it(void *text)
{
    fprintf(stderr, "destroyed: %s\n", (const char *)text);
}

static int main_exits_and_tells(void *unused)
{
    told.destructor = print_it;
    return main_exits(unused);
}

START_TEST(g04_main_leaves_by_exit)
{
    struct test_child child = test_child(main_exits_and_tells, NULL, 60);
    test_child_check(child, 2, "destroyed: main's value\n.*main called weft_exit");
    test_child_free(&child);
}
END_TEST

/* ---- main returns ---- */

static void is_cut_off(void *value, chan(int) ready, chan(int) never)
{
    test_check(weft_local_set(&first, value) == 0);
    chan_send(ready, 1);
    (void)chan_recv(never);
}

static int kept;

static int cut_off_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(int) ready = chan_make(int, 0), never = chan_make(int, 0);
    destroyed = 0;
    for (int i = 0; i < 10; i++) {
        go(is_cut_off, (void *)&kept, ready, never);
        (void)chan_recv(ready);
    }
    test_check(weft_local_set(&second, make(1)) == 0);
    chan_free(ready);
    return 0; /* never is lost: its receivers are there until the end */
}

/* The tables of those who are cut off are given back all the same: AddressSanitizer's leak check of the child. */
static int cut_off_child(void *unused)
{
    (void)unused;
    test_run(cut_off_app);
    return destroyed == 1 ? 9 : 1;
}

START_TEST(g02_main_returns)
{
    struct test_child child = test_child(cut_off_child, NULL, 60);
    /* Three channels are lost; 40 bytes of a table would be one more leak. */
    ck_assert_msg(child.code == 9 || (TEST_ASAN && strstr(child.err, "weft_local_set") == NULL), "exit %d: %s",
                  child.code, child.err);
    test_child_free(&child);
}
END_TEST

/* ---- rounds ---- */

static int rounds_left, rounds_made;
static weft_local again;

static void set_again(void *value)
{
    rounds_made++;
    if (--rounds_left > 0)
        test_check(weft_local_set(&again, value) == 0);
}

static weft_local again = WEFT_LOCAL_INIT(set_again);

static void sets_again(void)
{
    test_check(weft_local_set(&again, "x") == 0);
}

static int rounds_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int rounds = 1; rounds <= 4; rounds++) {
        weft_waitgroup wg = WEFT_WAITGROUP_INIT;
        rounds_left = rounds;
        rounds_made = 0;
        weft_waitgroup_go(&wg, sets_again);
        weft_waitgroup_wait(&wg);
        ck_assert_int_eq(rounds_made, rounds);
    }
    return 0;
}

static int endless_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    rounds_left = INT32_MAX;
    go(sets_again);
    weft_sleep(60 * WEFT_SECOND);
    return 0;
}

static int endless(void *unused)
{
    (void)unused;
    char name[] = "test", *argv[] = {name, NULL};
    return weft_run(endless_app, 1, argv);
}

START_TEST(local_four_rounds)
{
    test_run(rounds_app);
}
END_TEST

START_TEST(local_endless_rounds)
{
    struct test_child child = test_child(endless, NULL, 60);
    test_child_check(child, 2, "panic: the destructors of goroutine-local values set values again and again");
    test_child_free(&child);
}
END_TEST

/* ---- many keys ---- */

#define KEYS 300
static weft_local keys[KEYS];

static void many_keys(int number)
{
    for (int i = 0; i < KEYS; i += 1 + (i + number) % 3)
        test_check(weft_local_set(&keys[i], make(i + number)) == 0);
    weft_yield();
    for (int i = 0; i < KEYS; i += 1 + (i + number) % 3)
        test_check(has(&keys[i], i + number));
}

static void grow_table(void *object)
{
    static weft_local late[16]; /* without destructors */
    static atomic_int turn;
    destroy(object);
    test_check(weft_local_set(&late[turn++ % 16], "x") == 0); /* the table moves under the loop */
}

/* Numbers are given while many goroutines ask. */
static int keys_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    made = destroyed = 0;
    memset(keys, 0, sizeof keys); /* not for programs: nobody has values of these keys now */
    for (int i = 0; i < KEYS; i++)
        keys[i].destructor = i % 10 == 0 ? grow_table : destroy;
    for (int i = 0; i < 64; i++)
        weft_waitgroup_go(&wg, many_keys, i);
    weft_waitgroup_wait(&wg);
    ck_assert_int_gt(made, 64 * KEYS / 3);
    ck_assert_int_eq(made, destroyed);
    return 0;
}

START_TEST(local_many_keys)
{
    test_run(keys_app);
}
END_TEST

/* ---- panics, memory ---- */

static void panics(void *unused)
{
    (void)unused;
    test_check(weft_local_set(&first, make(5)) == 0);
    weft_panic("contained");
}

static int contained_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    made = destroyed = 0;
    ck_assert(weft_recover(panics, NULL, NULL));
    ck_assert(has(&first, 5)); /* it is the goroutine's, not the function's */
    ck_assert_int_eq(destroyed, 0);
    return 0;
}

START_TEST(g03_a_contained_panic_keeps_the_values)
{
    test_run(contained_app);
    ck_assert_int_eq(destroyed, 1);
}
END_TEST

static void without_memory(void)
{
    static weft_local late;
    failing = 1;
    test_check(weft_local_set(&plain, "x") == -ENOMEM && weft_local_get(&plain) == NULL);
    failing = 0;
    test_check(weft_local_set(&plain, "x") == 0);
    failing = 1;
    test_check(weft_local_set(&late, "y") == -ENOMEM && weft_local_get(&late) == NULL);
    test_check(strcmp(weft_local_get(&plain), "x") == 0);
    failing = 0;
    test_check(weft_local_set(&late, "y") == 0 && strcmp(weft_local_get(&late), "y") == 0);
}

static int memory_app(int argc, char **argv)
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    test_check(weft_local_set(&plain, "x") == 0 && weft_local_set(&plain, NULL) == 0); /* it gets a low number */
    keys_app(argc, argv); /* the next key gets a high one */
    weft_waitgroup_go(&wg, without_memory);
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(local_without_memory)
{
    if (TEST_LTO)
        return;
    test_run_at(2, memory_app);
}
END_TEST

/* ---- threads ---- */

static void *thread(void *number)
{
    test_check(weft_local_get(&first) == NULL);
    test_check(weft_local_set(&first, make((int)(intptr_t)number)) == 0);
    test_check(weft_local_set(&told, "thread") == 0);
    usleep(1000);
    test_check(has(&first, (int)(intptr_t)number));
    return NULL;
}

START_TEST(local_threads_without_a_run)
{
    story[0] = 0;
    made = destroyed = 0;
    told.destructor = say;
    for (int i = 0; i < 3; i++) {
        pthread_t one;
        ck_assert_int_eq(pthread_create(&one, NULL, thread, (void *)(intptr_t)i), 0);
        ck_assert_int_eq(pthread_join(one, NULL), 0);
    }
    ck_assert_str_eq(story, "thread thread thread ");
    ck_assert_int_eq(made, 3);
    ck_assert_int_eq(destroyed, 3);
}
END_TEST

/* The values of a thread are not those of the goroutines that it runs: machines are threads, too. */
static int threads_app(int argc, char **argv)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    made = destroyed = 0;
    for (int i = 0; i < THREADS; i++)
        test_check(pthread_create(&threads[i], NULL, thread, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++)
        weft_blocking pthread_join(threads[i], NULL);
    test_check(made == THREADS && destroyed == THREADS);
    return owners_app(argc, argv);
}

START_TEST(local_threads_beside_goroutines)
{
    told.destructor = NULL;
    ck_assert_int_eq(weft_local_set(&first, make(77)), 0);
    for (int processors = 1; processors <= 4; processors *= 2) {
        test_run_at(processors, threads_app);
        ck_assert(has(&first, 77));
    }
    free(weft_local_get(&first));
    ck_assert_int_eq(weft_local_set(&first, NULL), 0);
}
END_TEST

/* ---- stress ---- */

static void short_life(int number)
{
    if (number % 4 != 0)
        test_check(weft_local_set(&first, make(number)) == 0);
    if (number % 3 == 0)
        weft_yield();
    if (number % 4 == 1)
        test_check(weft_local_set(&second, make(number)) == 0);
    test_check(number % 4 == 0 ? weft_local_get(&first) == NULL : has(&first, number));
    if (number % 5 == 0)
        weft_exit();
}

static int stress_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    int n = test_iterations(200000);
    made = destroyed = 0;
    for (int i = 0; i < n; i++) {
        test_check(weft_waitgroup_go(&wg, short_life, i) == 0);
        if (i % 100 == 0)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    test_check(made >= n * 3 / 4 && made == destroyed);
    return 0;
}

START_TEST(local_stress)
{
    test_run(stress_app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("local");
    TCase *tests = tcase_create("local");
    tcase_add_test(tests, l01_values_belong_to_the_goroutine);
    tcase_add_test(tests, local_set_replaces_and_clears);
    tcase_add_test(tests, g04_after_the_deferred_calls_before_those_who_wait);
    tcase_add_test(tests, g04_exit_in_a_destructor);
    tcase_add_test(tests, g04_main_leaves_by_exit);
    tcase_add_test(tests, g02_main_returns);
    tcase_add_test(tests, local_four_rounds);
    tcase_add_test(tests, local_endless_rounds);
    tcase_add_test(tests, local_many_keys);
    tcase_add_test(tests, g03_a_contained_panic_keeps_the_values);
    tcase_add_test(tests, local_without_memory);
    tcase_add_test(tests, local_threads_without_a_run);
    tcase_add_test(tests, local_threads_beside_goroutines);
    tcase_add_test(tests, local_stress);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
