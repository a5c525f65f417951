/* SPDX-License-Identifier: Apache-2.0
 *
 * sync_test.c - maps, contexts, scopes, goroutine-local values and pools, with each call that may fail refused in turn: -ENOMEM or -EAGAIN
 * and nothing done, or the whole of it. What documents that it takes no memory - mutexes, rwmutexes, conds, semaphores, wait groups,
 * onces, weft_recover - works where there is none.
 *
 * test-wrap: malloc aligned_alloc free mmap munmap madvise mprotect pthread_create open clock_gettime clock_nanosleep syscall
 * test-skip: lto */
#include "loop.h"

#include <weft/chan.h>
#include <weft/cond.h>
#include <weft/context.h>
#include <weft/go.h>
#include <weft/local.h>
#include <weft/map.h>
#include <weft/pool.h>
#include <weft/recover.h>
#include <weft/rwmutex.h>
#include <weft/scope.h>
#include <weft/semaphore.h>
#include <weft/sync.h>
#include <weft/time.h>

/* ---- maps ---- */

#define COUNT 60

static void square(const void *in, void *out, void *arg)
{
    (void)arg;
    int n = *(const int *)in;
    if (n % 7 == 0)
        weft_yield();
    *(long *)out = (long)n * n;
}

/* Its goroutine ends: another one goes on, if it can be had. */
static void square_or_exit(const void *in, void *out, void *arg)
{
    if (*(const int *)in % 5 == 3)
        weft_exit();
    square(in, out, arg);
}

static int map_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    int in[COUNT];
    long out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        in[i] = i;
        out[i] = -1;
    }
    faults_now();
    for (int exits = 0; exits < 2; exits++) {
        bool done = faults_done(
            weft_map(3, in, sizeof in[0], out, sizeof out[0], COUNT, exits ? square_or_exit : square, NULL));
        for (int i = 0; i < COUNT; i++) {
            long whole = exits && i % 5 == 3 ? 0 : (long)i * i;
            require(out[i] == (done ? whole : -1));
            out[i] = -1;
        }
    }
    return 0;
}

static void feed(weft_chan(int) in)
{
    for (int i = 0; i < COUNT; i++)
        weft_chan_send(in, i);
    weft_chan_close(in);
}

static int stream(enum weft_map_order order, weft_map_function fn)
{
    weft_chan(int) in = weft_chan_make(int, 4);
    weft_chan(long) out = weft_chan_make(long, 0);
    long value, sum = 0, last = -1, expected = 0;
    require(in != NULL && out != NULL && weft_go(feed, in) == 0);
    for (int i = 0; i < COUNT; i++)
        expected += fn == square_or_exit && i % 5 == 3 ? 0 : (long)i * i;
    faults_now();
    bool done = faults_done(weft_map_stream(order, 3, in, out, fn, NULL));
    if (done) {
        int count = 0;
        for (; weft_chan_recv(out, &value); count++) {
            sum += value;
            require(order != WEFT_MAP_ORDERED || value == 0 || value > last); /* 0: of an exit */
            last = value != 0 ? value : last;
        }
        require(count == COUNT && sum == expected);
    } else {
        int input, count = 0;
        while (weft_chan_recv(in, &input)) /* nothing was taken */
            require(input == count++);
        require(count == COUNT);
        require(!weft_chan_try_recv(out, &value, NULL)); /* nor closed, or the free below would say so */
        weft_chan_close(out);
    }
    faults_disarm();
    while (weft_goroutines() > 1) /* the feeder and the last worker are on their way */
        weft_yield();
    weft_chan_free(in);
    weft_chan_free(out);
    return 0;
}

static int ordered_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return stream(WEFT_MAP_ORDERED, square);
}

static int completed_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    return stream(WEFT_MAP_AS_COMPLETED, square_or_exit);
}

/* ---- contexts ---- */

static atomic_int calls;

static void count_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&calls, 1);
}

/* A tree: with each node that is refused its subtree is left out. */
static int tree_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const int key;
    int text = 5, expected = 0;
    atomic_store(&calls, 0);
    faults_now();
    weft_context *root = weft_context_with_cancel(weft_context_background());
    if (!faults_made(root))
        return 0;
    weft_context *valued = weft_context_with_value(root, &key, &text);
    weft_context *parent = faults_made(valued) ? valued : root;
    weft_context *late = weft_context_with_timeout(parent, WEFT_HOUR);
    weft_context *free_one = weft_context_without_cancel(parent);
    weft_context_function *functions[3];
    for (int i = 0; i < 3; i++) {
        functions[i] = weft_context_after_func(i < 2 || late == NULL ? parent : late, count_call, NULL);
        expected += faults_made(functions[i]);
    }
    if (faults_made(free_one))
        require(weft_context_value(free_one, &key) == (valued != NULL ? &text : NULL));
    if (faults_made(late))
        require(weft_context_value(late, &key) == (valued != NULL ? &text : NULL) && weft_context_err(late) == 0);
    if (functions[0] != NULL && weft_context_function_stop(functions[0]))
        expected--;
    weft_context_cancel_cause(root, 77); /* a function for which there is no goroutine now is called later */
    require(weft_context_err(parent) == -ECANCELED && weft_context_cause(parent) == 77);
    if (late != NULL)
        require(weft_context_err(late) == -ECANCELED);
    if (free_one != NULL)
        require(weft_context_err(free_one) == 0);
    faults_disarm();
    while (atomic_load(&calls) < expected)
        weft_sleep(WEFT_MILLISECOND / 10);
    for (int i = 0; i < 3; i++)
        weft_context_function_free(functions[i]);
    weft_context_free(free_one);
    weft_context_free(late);
    weft_context_free(valued);
    weft_context_free(root);
    while (weft_goroutines() > 1)
        weft_yield();
    require(atomic_load(&calls) == expected);
    return 0;
}

/* A deadline passes, whether there is memory for its goroutine at that moment or not, and no sooner. */
static int deadline_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool none;
    faults_now();
    for (int i = 0; i < 4; i++) {
        int64_t when = weft_now() + (i < 3 ? WEFT_MILLISECOND : 0);
        weft_context *context = weft_context_with_deadline_cause(weft_context_background(), when, 9);
        if (!faults_made(context))
            continue;
        if (i == 2) {
            weft_sleep(3 * WEFT_MILLISECOND); /* it is due, and tries */
            faults_disarm();                  /* for ever is long: from here on there is memory */
        }
        if (faults_run.must_succeed || !faults_run.plan.for_ever || i >= 2)
            (void)weft_chan_recv(weft_context_done(context), &none);
        if (weft_context_err(context) != 0)
            require(weft_context_err(context) == -ETIMEDOUT && weft_context_cause(context) == 9 && weft_now() >= when);
        weft_context_free(context);
    }
    faults_disarm();
    while (weft_goroutines() > 1)
        weft_yield();
    return 0;
}

/* ---- scopes ---- */

static atomic_int in_scope;

static int join_in(int result)
{
    weft_yield();
    atomic_fetch_add(&in_scope, 1);
    return result;
}

/* A scope without memory is one in which nothing starts, and says so; a start that fails is the scope's error. */
static int scope_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int limit = 0; limit <= 2; limit += 2) {
        int started = 0, error;
        atomic_store(&in_scope, 0);
        faults_now();
        weft_with_scope(scope, .limit = limit) {
            for (int i = 0; i < 5; i++)
                started += faults_done(weft_scope_go(&scope, join_in, 0));
            int tried = weft_scope_try_go(&scope, join_in, 0);
            started += tried == -EBUSY ? 0 : faults_done(tried);
            error = weft_scope_wait(&scope);
            require((error != 0) <= (started < 5 + (tried != -EBUSY)));
            require(error == 0 || error == -ENOMEM || error == -EAGAIN);
        }
        require(atomic_load(&in_scope) == started);
    }
    return 0;
}

/* ---- goroutine-local values ---- */

#define KEYS 40
static atomic_int destroyed;

static void destroy(void *value)
{
    require(*(char *)value >= 0 && *(char *)value < KEYS);
    atomic_fetch_add(&destroyed, 1);
}

static weft_local keys[KEYS];
static char values[KEYS];

static void set_values(atomic_int *set)
{
    bool there[KEYS];
    for (int i = 0; i < KEYS; i++) {
        there[i] = faults_done(weft_local_set(&keys[i], &values[i]));
        atomic_fetch_add(set, there[i]);
        weft_yield();
    }
    for (int i = 0; i < KEYS; i++) /* the table moves as it grows, or stays what it was */
        require(weft_local_get(&keys[i]) == (there[i] ? &values[i] : NULL));
}

static int local_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    atomic_int set = 0;
    atomic_store(&destroyed, 0);
    for (int i = 0; i < KEYS; i++) {
        values[i] = (char)i;
        keys[i].destructor = destroy;
    }
    faults_now();
    for (int i = 0; i < 3; i++)
        (void)faults_done(weft_waitgroup_go(&wg, set_values, &set));
    weft_waitgroup_wait(&wg);
    while (weft_goroutines() > 1) /* destructors come after the exit hook's turn has begun */
        weft_yield();
    require(atomic_load(&destroyed) == atomic_load(&set));
    return 0;
}

/* ---- pools ---- */

static weft_pool pool;
static atomic_int pool_made, pool_dropped;

static void *make_pooled(void *arg)
{
    (void)arg;
    void *object = malloc(48);
    atomic_fetch_add(&pool_made, object != NULL);
    return object;
}
static void drop_pooled(void *object, void *arg)
{
    (void)arg;
    free(object);
    atomic_fetch_add(&pool_dropped, 1);
}

/* A put that has no memory for the ring, or what the rings hang on, destroys the object. */
static void use_pool(bool in_section)
{
    void *objects[3];
    for (int i = 0; i < 3; i++)
        (void)faults_made(objects[i] = weft_pool_get(&pool));
    weft_yield();
    if (in_section)
        weft_blocking_begin();
    for (int i = 0; i < 3; i++)
        weft_pool_put(&pool, objects[i]);
    if (in_section)
        weft_blocking_end();
}

static int pool_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = {0};
    pool = (weft_pool)WEFT_POOL_INIT(make_pooled, drop_pooled);
    atomic_store(&pool_made, 0);
    atomic_store(&pool_dropped, 0);
    faults_now();
    for (int i = 0; i < 4; i++)
        (void)faults_done(weft_waitgroup_go(&wg, use_pool, i % 2 == 1));
    use_pool(false);
    use_pool(true);
    weft_waitgroup_wait(&wg);
    (void)faults_done(atomic_load(&pool_dropped) == 0 ? 0 : -ENOMEM);
    (void)weft_pool_clear(&pool);
    require(atomic_load(&pool_made) == atomic_load(&pool_dropped));
    return 0;
}

#define APP(app_, ...)                                                                                                 \
    {.name = #app_ ", memory", .app = app_, .kinds = FAULTS_MEMORY, .processors = 1, .silent = true},                  \
        {.name = #app_ ", anything", .app = app_, .kinds = FAULTS_ANY, .processors = 2, .silent = true},               \
    {                                                                                                                  \
        .name = #app_ ", simulated", .app = app_, .kinds = FAULTS_MEMORY, .simulated = true, .silent = true            \
    }

static const struct faults_case cases[] = {
    APP(map_app),      APP(ordered_app), APP(completed_app), APP(tree_app),
    APP(deadline_app), APP(scope_app),   APP(local_app),     APP(pool_app),
};

START_TEST(every_call_fails)
{
    faults_loop(&cases[_i]);
}
END_TEST

/* ---- without any memory ---- */

#define PARTNERS 6

static weft_mutex mutex;
static weft_rwmutex rwmutex;
static weft_cond cond;
static weft_semaphore semaphore;
static weft_once once;
static long sums[4];
static atomic_int made, panicked;
static bool ready_to_go;

static void make_once(void *arg)
{
    (void)arg;
    weft_yield();
    atomic_fetch_add(&made, 1);
}
static void *make_value(void *arg)
{
    make_once(arg);
    return &sums[0];
}
static weft_once_func once_func;
static weft_once_value once_value;

static void panics(void *arg)
{
    weft_panic("no memory is needed for this: %d", *(int *)arg);
}

static void use_all(weft_waitgroup *wg, int turns)
{
    weft_mutex_lock(&mutex);
    while (!ready_to_go)
        weft_cond_wait(&cond, &mutex);
    weft_mutex_unlock(&mutex);
    for (int i = 0; i < turns; i++) {
        weft_mutex_lock(&mutex);
        sums[0]++;
        if (i % 8 == 0)
            weft_yield();
        weft_mutex_unlock(&mutex);
        weft_rwmutex_lock(&rwmutex);
        sums[1]++;
        weft_rwmutex_unlock(&rwmutex);
        weft_rwmutex_rlock(&rwmutex);
        require(sums[1] > 0);
        weft_rwmutex_runlock(&rwmutex);
        weft_semaphore_acquire(&semaphore, 2);
        sums[2]++;
        weft_semaphore_release(&semaphore, 2);
        weft_once_do(&once, make_once, NULL);
        weft_once_func_call(&once_func);
        require(weft_once_value_get(&once_value) == &sums[0]);
        struct weft_panic_info info;
        if (i % 16 == 0 && weft_recover(panics, &i, &info)) {
            require(strstr(info.message, "no memory is needed"));
            atomic_fetch_add(&panicked, 1);
        }
    }
    weft_waitgroup_done(wg);
}

static int use_app(int argc, char **argv)
{
    (void)argc, (void)argv;
    const int turns = test_iterations(400);
    weft_waitgroup wg = {0};
    atomic_store(&made, 0);
    atomic_store(&panicked, 0);
    memset(sums, 0, sizeof sums);
    once = (weft_once)WEFT_ONCE_INIT;
    once_func = (weft_once_func)WEFT_ONCE_FUNC_INIT(make_once, NULL);
    once_value = (weft_once_value)WEFT_ONCE_VALUE_INIT(make_value, NULL);
    semaphore = (weft_semaphore)WEFT_SEMAPHORE_INIT(3);
    ready_to_go = false;
    int zero = 0;
    (void)weft_recover(panics, &zero, NULL); /* the first trace of a process loads what it walks by */
    weft_waitgroup_add(&wg, PARTNERS);
    for (int i = 0; i < PARTNERS; i++)
        require(weft_go(use_all, &wg, turns) == 0);
    weft_yield();
    faults_arm((struct faults_plan){.kinds = FAULTS_MEMORY | FAULTS_MAP, .first = 1, .for_ever = true});
    weft_mutex_lock(&mutex);
    ready_to_go = true;
    weft_cond_broadcast(&cond);
    weft_mutex_unlock(&mutex);
    weft_waitgroup_wait(&wg);
    faults_disarm();
    require(sums[0] == PARTNERS * turns && sums[1] == PARTNERS * turns);
    require(sums[2] == PARTNERS * turns && atomic_load(&made) == 3);
    require(atomic_load(&panicked) == PARTNERS * ((turns + 15) / 16));
    return 0;
}

static int use_child(void *arg)
{
    const struct faults_case c = {.app = use_app};
    atomic_store(&faults.watching, true);
    weft_procs(*(int *)arg);
    for (int i = 0; i < 3; i++)
        require(faults_run_once(&c) == 0);
    faults_balance();
    return 0;
}

START_TEST(locks_in_use_need_no_memory)
{
    int processors = 1 << _i;
    struct test_child child = test_child(use_child, &processors, 100);
    test_child_check(child, 0, "^(weft: cannot start another thread [^\n]*\n|weft: no address space [^\n]*\n)*$");
    test_child_free(&child);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("faults/sync");
    TCase *loops = tcase_create("loops");
    tcase_set_timeout(loops, 280);
    tcase_add_loop_test(loops, every_call_fails, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, loops);
    TCase *use_ = tcase_create("use");
    tcase_set_timeout(use_, 280);
    tcase_add_loop_test(use_, locks_in_use_need_no_memory, 0, 3);
    suite_add_tcase(s, use_);
    return s;
}

int main(void)
{
    return test_main(suite());
}
