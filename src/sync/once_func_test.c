/* SPDX-License-Identifier: Apache-2.0
 *
 * once_func_test.c - the catalogue's W-05 for functions that are called once, with what they return and how they panic, and W-04;
 * at 1, 2 and 4 processors. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <weft.h>

#include "support.h"

/* ---- the plain case ---- */

struct made {
    int number;
};

struct factory {
    weft_once_func func;
    weft_once_value value;
    struct made made; /* plain: ThreadSanitizer reports what the once fails to order */
    int calls;        /* plain */
    int users;        /* atomic */
    bool slow;
};

static void increment(void *arg)
{
    struct factory *factory = arg;
    if (factory->slow)
        weft_sleep(50 * WEFT_MICROSECOND);
    factory->calls++;
}

static void *make(void *arg)
{
    struct factory *factory = arg;
    weft_once_func_call(&factory->func); /* one inside another */
    if (factory->slow)
        weft_yield();
    factory->made.number++;
    return &factory->made;
}

static void new_factory(struct factory *factory, bool slow)
{
    memset(factory, 0, sizeof *factory);
    factory->func = (weft_once_func)WEFT_ONCE_FUNC_INIT(increment, factory);
    factory->value = (weft_once_value)WEFT_ONCE_VALUE_INIT(make, factory);
    factory->slow = slow;
}

static void use(struct factory *factory)
{
    struct made *made = weft_once_value_get(&factory->value);
    test_check(made == &factory->made && made->number == 1);
    weft_once_func_call(&factory->func);
    test_check(factory->calls == 1);
    test_check(weft_once_value_get(&factory->value) == made && made->number == 1);
}

static void *use_in_thread(void *factory)
{
    use(factory);
    return NULL;
}

static void use_and_free(struct factory *factory)
{
    use(factory);
    if (__atomic_sub_fetch(&factory->users, 1, __ATOMIC_ACQ_REL) == 0) {
        memset(factory, 0xAA, sizeof *factory);
        free(factory);
    }
}

static int race_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    for (int i = 0; i < test_iterations(20000); i++) {
        struct factory *factory = malloc(sizeof *factory);
        new_factory(factory, i % 20 == 0);
        factory->users = i % 8 + 1;
        for (int k = factory->users; k > 0; k--)
            test_check(weft_waitgroup_go(&wg, use_and_free, factory) == 0);
        if (i % 50 == 49)
            weft_waitgroup_wait(&wg);
    }
    weft_waitgroup_wait(&wg);
    return 0;
}

START_TEST(w05_w04_called_once_freed_by_the_last)
{
    test_run(race_app);
}
END_TEST

static int mixed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(200); i++) {
        struct factory factory;
        pthread_t threads[3];
        weft_waitgroup wg = {0};
        new_factory(&factory, i % 2 == 0);
        for (int k = 0; k < 3; k++) {
            test_check(weft_waitgroup_go(&wg, use, &factory) == 0);
            test_check(pthread_create(&threads[k], NULL, use_in_thread, &factory) == 0);
        }
        weft_waitgroup_wait(&wg);
        for (int k = 0; k < 3; k++)
            weft_blocking
            {
                pthread_join(threads[k], NULL);
            }
        test_check(factory.calls == 1 && factory.made.number == 1);
    }
    return 0;
}

START_TEST(w05_threads_and_goroutines)
{
    test_run(mixed_app);
}
END_TEST

/* ---- the same panic for everybody ---- */

struct failing {
    weft_once_func func;
    weft_once_value value;
    char message[600];
    int calls, deferred; /* plain: one call */
    int contained;       /* atomic */
    void (*how)(struct failing *failing);
};

static void count_deferred(void *arg)
{
    ((struct failing *)arg)->deferred++;
}

static void *fails(void *arg)
{
    struct failing *failing = arg;
    failing->calls++;
    weft_defer(count_deferred, failing);
    failing->how(failing);
    return failing;
}

static void fails_func(void *arg)
{
    (void)fails(arg);
}

static void new_failing(struct failing *failing, void (*how)(struct failing *failing))
{
    memset(failing, 0, sizeof *failing);
    failing->func = (weft_once_func)WEFT_ONCE_FUNC_INIT(fails_func, failing);
    failing->value = (weft_once_value)WEFT_ONCE_VALUE_INIT(fails, failing);
    failing->how = how;
}

static void call_func(void *failing)
{
    weft_once_func_call(&((struct failing *)failing)->func);
}

static void call_value(void *failing)
{
    (void)weft_once_value_get(&((struct failing *)failing)->value);
}

static void panic_later(struct failing *failing)
{
    weft_yield();
    weft_panic("%s", failing->message);
}

static void contain(struct failing *failing, bool value)
{
    struct weft_panic_info info;
    test_check(weft_recover(value ? call_value : call_func, failing, &info));
    test_check(strncmp(info.message, failing->message, sizeof info.message - 1) == 0);
    test_check(info.earlier[0] == 0 && info.goroutine == weft_goid());
    __atomic_add_fetch(&failing->contained, 1, __ATOMIC_RELAXED);
}

static void *contain_in_thread(void *failing)
{
    contain(failing, true);
    return NULL;
}

static int replay_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(1000); i++) {
        struct failing failing;
        weft_waitgroup wg = {0};
        pthread_t thread;
        bool value = i % 2 != 0, with_thread = i % 10 == 1;
        new_failing(&failing, panic_later);
        /* Short ones, the longest ones, and longer ones, which are cut off as everywhere. */
        memset(failing.message, 'a' + i % 26, (size_t)(i % 3 == 0 ? 5 : 508 + i % 8));
        if (with_thread)
            test_check(pthread_create(&thread, NULL, contain_in_thread, &failing) == 0);
        for (int k = 0; k < 5; k++)
            test_check(weft_waitgroup_go(&wg, contain, &failing, value) == 0);
        weft_waitgroup_wait(&wg);
        if (with_thread)
            weft_blocking
            {
                pthread_join(thread, NULL);
            }
        contain(&failing, value);
        test_check(failing.calls == 1 && failing.deferred == 1 && failing.contained == 6 + with_thread);
    }
    return 0;
}

START_TEST(w05_the_same_panic_is_replayed)
{
    test_run(replay_app);
}
END_TEST

static void panic_in_deferred(void *arg)
{
    (void)arg;
    weft_panic("second");
}

static void panic_twice(struct failing *failing)
{
    (void)failing;
    weft_defer(panic_in_deferred, NULL);
    weft_panic("first");
}

static void panic_first(void *arg)
{
    (void)arg;
    weft_panic("contained");
}

static void contain_inside(struct failing *failing)
{
    (void)failing;
    test_check(weft_recover(panic_first, NULL, NULL));
}

static void misuse(struct failing *failing)
{
    weft_waitgroup wg = {0};
    (void)failing;
    weft_waitgroup_done(&wg);
}

/* Which panic counts, and which does not. */
START_TEST(w05_the_panic_that_ended_it)
{
    struct failing failing;
    struct weft_panic_info info;
    new_failing(&failing, panic_twice);
    ck_assert(weft_recover(call_func, &failing, &info));
    ck_assert_str_eq(info.message, "second");
    ck_assert_str_eq(info.earlier, "first");
    ck_assert(weft_recover(call_func, &failing, &info));
    ck_assert_str_eq(info.message, "second");
    ck_assert_str_eq(info.earlier, "");

    new_failing(&failing, contain_inside);
    ck_assert(!weft_recover(call_value, &failing, NULL));
    ck_assert_ptr_eq(weft_once_value_get(&failing.value), &failing);
    ck_assert_int_eq(failing.calls, 1);

    new_failing(&failing, misuse);
    for (int i = 0; i < 2; i++) {
        ck_assert(weft_recover(call_func, &failing, &info));
        ck_assert_str_eq(info.message, "negative wait group counter");
    }
}
END_TEST

START_TEST(w05_without_a_function)
{
    struct weft_panic_info info;
    struct failing failing = {.calls = 0};
    for (int i = 0; i < 2; i++) {
        ck_assert(weft_recover(call_func, &failing, &info));
        ck_assert_str_eq(info.message, "sync: once_func without a function");
        ck_assert(weft_recover(call_value, &failing, &info));
        ck_assert_str_eq(info.message, "sync: once_value without a function");
    }
}
END_TEST

/* While a panic is under way, which is not the function's. */
static struct failing late;

static void return_at_once(struct failing *failing)
{
    (void)failing;
}

static void call_late(void *arg)
{
    (void)arg;
    test_check(weft_once_value_get(&late.value) == &late);
}

static void panic_over_a_call(void *arg)
{
    weft_defer(call_late, NULL);
    weft_panic("%s", (const char *)arg);
}

START_TEST(w05_called_while_a_panic_is_under_way)
{
    struct weft_panic_info info;
    new_failing(&late, return_at_once);
    for (int i = 0; i < 2; i++) {
        ck_assert(weft_recover(panic_over_a_call, (void *)"outer", &info));
        ck_assert_str_eq(info.message, "outer");
        ck_assert_str_eq(info.earlier, "");
    }
    ck_assert_int_eq(late.calls, 1);
}
END_TEST

/* ---- weft_exit ---- */

static void leave_the_goroutine(struct failing *failing)
{
    (void)failing;
    weft_exit();
}

static void call_and_be_gone(struct failing *failing, bool *returned)
{
    weft_once_func_call(&failing->func);
    *returned = true;
}

static int exit_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct failing failing;
    weft_waitgroup wg = {0};
    bool returned = false;
    new_failing(&failing, leave_the_goroutine);
    test_check(weft_waitgroup_go(&wg, call_and_be_gone, &failing, &returned) == 0);
    weft_waitgroup_wait(&wg);
    test_check(!returned && failing.calls == 1 && failing.deferred == 1);
    for (int i = 0; i < 2; i++) {
        struct weft_panic_info info;
        test_check(weft_recover(call_func, &failing, &info));
        test_check(strcmp(info.message, "sync: the function that is called once has ended by weft_exit") == 0);
    }
    test_check(failing.calls == 1);
    return 0;
}

START_TEST(w05_ended_by_exit)
{
    test_run(exit_app);
}
END_TEST

/* In a deferred call: the exit ends an older panic, which is not the function's. */
static void panic_and_be_gone(struct failing *failing)
{
    weft_defer(call_func, failing);
    weft_panic("older");
}

static int exit_over_a_panic_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct failing failing;
    struct weft_panic_info info;
    weft_waitgroup wg = {0};
    new_failing(&failing, leave_the_goroutine);
    test_check(weft_waitgroup_go(&wg, panic_and_be_gone, &failing) == 0);
    weft_waitgroup_wait(&wg);
    test_check(failing.calls == 1 && weft_recover(call_func, &failing, &info));
    test_check(strcmp(info.message, "sync: the function that is called once has ended by weft_exit") == 0);
    return 0;
}

START_TEST(w05_ended_by_exit_over_a_panic)
{
    test_run(exit_over_a_panic_app);
}
END_TEST

/* ---- with a context ---- */

struct gate {
    weft_once_func func;
    weft_once_value value;
    weft_waitgroup inside, may_end;
};

static void *stay(void *arg)
{
    struct gate *gate = arg;
    weft_waitgroup_done(&gate->inside);
    weft_waitgroup_wait(&gate->may_end);
    return gate;
}

static void stay_func(void *arg)
{
    (void)stay(arg);
}

static void call_gate_func(struct gate *gate)
{
    weft_once_func_call(&gate->func);
}

static void call_gate_value(struct gate *gate)
{
    test_check(weft_once_value_get(&gate->value) == gate);
}

static int context_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < test_iterations(100); i++) {
        struct gate gate;
        memset(&gate, 0, sizeof gate);
        gate.func = (weft_once_func)WEFT_ONCE_FUNC_INIT(stay_func, &gate);
        gate.value = (weft_once_value)WEFT_ONCE_VALUE_INIT(stay, &gate);
        weft_waitgroup_add(&gate.inside, 2);
        weft_waitgroup_add(&gate.may_end, 1);
        weft_context *background = weft_context_background();
        weft_context *soon = weft_context_with_timeout(background, 20 * WEFT_MICROSECOND);
        weft_context *cancelled = weft_context_with_cancel(background);
        weft_context_cancel(cancelled);
        void *value = &value;
        test_check(weft_once_func_call_ctx(cancelled, &gate.func) == -ECANCELED); /* did not call it */
        test_check(weft_once_value_get_ctx(cancelled, &gate.value, &value) == -ECANCELED && value == &value);
        weft_waitgroup wg = {0};
        test_check(weft_waitgroup_go(&wg, call_gate_func, &gate) == 0);
        test_check(weft_waitgroup_go(&wg, call_gate_value, &gate) == 0);
        weft_waitgroup_wait(&gate.inside);
        test_check(weft_once_func_call_ctx(soon, &gate.func) == -ETIMEDOUT);
        test_check(weft_once_value_get_ctx(soon, &gate.value, &value) == -ETIMEDOUT && value == &value);
        weft_waitgroup_done(&gate.may_end);
        test_check(weft_once_func_call_ctx(background, &gate.func) == 0);
        test_check(weft_once_value_get_ctx(background, &gate.value, &value) == 0 && value == &gate);
        weft_waitgroup_wait(&wg);
        weft_context_free(soon);
        weft_context_free(cancelled);
    }
    return 0;
}

START_TEST(w05_with_a_context)
{
    test_run(context_app);
}
END_TEST

static void call_func_ctx(void *failing)
{
    (void)weft_once_func_call_ctx(weft_context_background(), &((struct failing *)failing)->func);
}

static void get_value_ctx(void *failing)
{
    void *value;
    (void)weft_once_value_get_ctx(weft_context_background(), &((struct failing *)failing)->value, &value);
}

START_TEST(w05_replayed_with_a_context)
{
    struct failing failing;
    struct weft_panic_info info;
    new_failing(&failing, panic_twice);
    for (int i = 0; i < 4; i++) {
        ck_assert(weft_recover(i % 2 == 0 ? call_func_ctx : get_value_ctx, &failing, &info));
        ck_assert_str_eq(info.message, "second");
    }
    ck_assert_int_eq(failing.calls, 2);
}
END_TEST

/* ---- how it ends a process ---- */

static struct failing fatal;

static void panic_at_once(struct failing *failing)
{
    (void)failing;
    weft_panic("boom");
}

static int first_panics(int argc, char **argv)
{
    (void)argc, (void)argv;
    new_failing(&fatal, panic_at_once);
    weft_once_func_call(&fatal.func);
    return 0;
}

static int second_panics(int argc, char **argv)
{
    (void)argc, (void)argv;
    new_failing(&fatal, panic_at_once);
    if (!weft_recover(call_value, &fatal, NULL))
        return 1;
    (void)weft_once_value_get(&fatal.value);
    return 0;
}

static void call_again(struct failing *failing)
{
    weft_once_func_call(&failing->func);
}

static int recursion(int argc, char **argv)
{
    (void)argc, (void)argv;
    new_failing(&fatal, call_again);
    weft_once_func_call(&fatal.func);
    return 0;
}

static const struct {
    int (*app)(int argc, char **argv);
    const char *message;
} ends[] = {
    {first_panics, "^panic: boom\n\ngoroutine 1 "},
    {second_panics, "^panic: boom\n\ngoroutine 1 "},
    {recursion, "all goroutines are asleep - deadlock!.*goroutine 1 .*once on once 0x"},
};

static int child(void *number)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run(ends[*(int *)number].app, 1, argv);
}

START_TEST(w05_ends_the_process)
{
    int number = _i;
    struct test_child result = test_child(child, &number, 60);
    test_child_check(result, 2, ends[_i].message);
    test_child_free(&result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("once_func");
    TCase *tests = tcase_create("once_func");
    tcase_add_test(tests, w05_w04_called_once_freed_by_the_last);
    tcase_add_test(tests, w05_threads_and_goroutines);
    tcase_add_test(tests, w05_the_same_panic_is_replayed);
    tcase_add_test(tests, w05_the_panic_that_ended_it);
    tcase_add_test(tests, w05_without_a_function);
    tcase_add_test(tests, w05_called_while_a_panic_is_under_way);
    tcase_add_test(tests, w05_ended_by_exit);
    tcase_add_test(tests, w05_ended_by_exit_over_a_panic);
    tcase_add_test(tests, w05_with_a_context);
    tcase_add_test(tests, w05_replayed_with_a_context);
    tcase_add_loop_test(tests, w05_ends_the_process, 0, sizeof ends / sizeof ends[0]);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
