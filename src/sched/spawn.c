/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn.c - from the go statement to the goroutine's end.
 *
 *   weft_go_begin: take a record and a stack credit, remember it as pending in the machine (or thread)
 *   capture (arch): the compiler's own call places the arguments, the routine stores them in the record
 *   weft__arch_captured: the record becomes runnable
 *   weft__spawn_bind: a machine is about to run it: it takes a stack
 *   goroutine_main: copies the arguments to the stack, gives the record back, calls the function; at its end it
 *     takes the next spawn record straight onto the same stack, without a switch, if that is what comes next */
#include <errno.h>
#include <string.h>

#include <weft/go.h>
#include <weft/run.h>

#include "port/port.h"
#include "sched/race.h"
#include "sched/spawn_record.h"

#define ID_BATCH 64u
#define COPY_MAX 65536u

__thread struct weft__arguments *weft__arch_pending __attribute__((tls_model("initial-exec")));
/* The record whose arguments are being captured, and why the last begin failed. */
static __thread struct spawn *pending __attribute__((tls_model("initial-exec")));
static __thread int last_error __attribute__((tls_model("initial-exec")));

/* ---- the spawn ---- */

static void say_once(int error)
{
    static WEFT__ATOMIC(uint32_t) said;
    uint32_t bit = error == -ENOMEM ? 1 : error == -EPERM ? 2 : 4;
    if (error == -EAGAIN || (weft__or_acq_rel(&said, bit) & bit) != 0)
        return; /* the stack pool has said more */
    weft__warn(
        "cannot start a goroutine: %s",
        error == -ENOMEM
            ? "no memory for its descriptor or its stack; raise the memory limit (ulimit -v, the cgroup's memory.max)"
        : error == -EPERM ? "no run is going on; call it between the start and the end of weft_run's function"
                          : "its stack_size is out of range (16 KiB to 1 GiB) or its value above 64 KiB");
}

static struct spawn *fail(int error)
{
    last_error = error;
    say_once(error);
    return NULL;
}

/* A record with everything but the arguments. */
static struct spawn *prepare(weft__function fn, const struct weft_site *site, const struct weft_go_options *options,
                             const struct weft__pending_hook *hook, bool is_long)
{
    struct machine *m = weft__machine();
    struct processor *p = m != NULL ? m->p : NULL;
    size_t size = options != NULL ? options->stack_size : 0;
    struct goroutine *stack = NULL;
    if (m == NULL && weft__load_acquire(&weft__rt.running) == 0) /* pairs with the start of a run */
        return fail(-EPERM);
    if (WEFT__UNLIKELY(size > weft__stack_get_size())) {
        if (size > STACK_SIZE_MAX)
            return fail(-EINVAL);
        stack = weft__stack_take_sized(size);
        if (stack == NULL)
            return fail(-ENOMEM);
    } else {
        int error = weft__stack_credit_take(p != NULL ? &p->stacks : NULL);
        if (error != 0)
            return fail(error);
    }
    struct spawn *s = record_take(p, is_long);
    if (WEFT__UNLIKELY(s == NULL)) {
        if (stack != NULL)
            weft__stack_give_sized(stack);
        else
            weft__stack_credit_give(p != NULL ? &p->stacks : NULL);
        return fail(-ENOMEM);
    }
    s->fn = fn;
    s->site = site;
    s->is_main = false;
    if (is_long) {
        struct long_spawn *l = (struct long_spawn *)s;
        l->name = options != NULL ? options->name : NULL;
        l->on_exit = hook != NULL ? hook->on_exit : NULL;
        l->on_exit_arg = hook != NULL ? hook->arg : NULL;
        l->context = hook != NULL ? hook->context : NULL;
        l->stack = stack;
    }
    return s;
}

/* By a plain thread, in a weft_blocking section; or for nobody. */
static __attribute__((noinline, cold)) void count_outside(void)
{
    if (!weft__machine_is_lost(weft__machine()))
        weft__add_relaxed(&weft__rt.born_outside, 1); /* a count */
}

static void publish(struct spawn *s)
{
    struct machine *m = weft__machine();
    if (m != NULL && m->p != NULL)
        weft__store_relaxed(&m->p->born_minus_dead, weft__load_relaxed(&m->p->born_minus_dead) + 1); /* own variable */
    else
        count_outside();
    weft__make_runnable(runnable_of_spawn(s));
}

static inline weft__function begin(weft__function fn, const struct weft_site *site,
                                   const struct weft_go_options *options, const struct weft__pending_hook *hook,
                                   unsigned shape)
{
    bool few = (shape & WEFT__SHAPE_SIMPLE) != 0;
    bool is_long = !few || options != NULL || hook != NULL;
    struct spawn *s = prepare(fn, site, options, hook, is_long);
    if (WEFT__UNLIKELY(s == NULL))
        return NULL;
    s->kind = few ? WEFT__SPAWN_FEW : WEFT__SPAWN_ALL;
    pending = s;
    weft__arch_pending = few ? (struct weft__arguments *)s->few : &((struct long_spawn *)s)->arguments;
    return few ? weft__arch_capture_few : weft__arch_capture_all;
}

weft__function weft_go_begin(weft__function fn, const struct weft_site *site, const struct weft_go_options *options,
                             unsigned shape)
{
    weft__function capture = begin(fn, site, options, NULL, shape);
    if (WEFT__LIKELY(capture != NULL))
        weft__race_born(pending, WEFT__RACE_CALLER);
    return capture;
}

/* Not to be inlined, as the three below: a caller that has parked before may be in another thread, and must not reckon with
 * the old one's variables. */
__attribute__((noinline)) weft__function weft__spawn_begin(weft__function fn, const struct weft_site *site,
                                                           const struct weft_go_options *options,
                                                           const struct weft__pending_hook *hook, unsigned shape)
{
    weft__function capture = begin(fn, site, options, hook, shape);
    if (WEFT__LIKELY(capture != NULL))
        weft__race_born(pending, WEFT__RACE_CALLER);
    return capture;
}

void weft__arch_captured(void)
{
    weft__race_follows_caller(pending);
    publish(pending);
}

__attribute__((noinline)) int weft_go_error(void)
{
    int error = last_error;
    last_error = 0;
    return error;
}

__attribute__((noinline)) weft__function weft__spawn_refuse(int error)
{
    last_error = error;
    return NULL;
}

__attribute__((noinline)) int weft__spawn_copy(const struct weft_site *site, const struct weft_go_options *options,
                                               const struct weft__pending_hook *hook, void (*fn)(void *),
                                               const void *value, size_t size)
{
    if (size > COPY_MAX) {
        say_once(-E2BIG);
        return -E2BIG;
    }
    struct weft__owned *heap = NULL;
    bool fits = size <= sizeof(((struct long_spawn *)NULL)->value);
    if (!fits && (heap = weft__port_alloc(64 + size, 64)) == NULL)
        return fail(-ENOMEM), weft_go_error();
    struct spawn *s = prepare((weft__function)fn, site, options, hook, true);
    if (s == NULL) {
        weft__port_free(heap);
        return weft_go_error();
    }
    s->kind = fits ? WEFT__SPAWN_COPY : WEFT__SPAWN_HEAP;
    s->size = (uint32_t)size;
    s->few[0] = (uint64_t)(uintptr_t)heap;
    if (size > 0)
        memcpy(fits ? (void *)((struct long_spawn *)s)->value : (char *)heap + 64, value, size);
    weft__race_read(value, size, WEFT__RACE_CALLER);
    weft__race_born(s, WEFT__RACE_CALLER);
    weft__race_follows_caller(s);
    publish(s);
    return 0;
}

int weft_go_copy_at(const struct weft_site *site, const struct weft_go_options *options, void (*fn)(void *copy),
                    const void *value, size_t size)
{
    return weft__spawn_copy(site, options, NULL, fn, value, size);
}

int weft__spawn_call(void (*fn)(void *arg), void *arg, const struct weft_site *site)
{
    struct spawn *s = prepare((weft__function)fn, site, NULL, NULL, false);
    if (s == NULL) {
        weft__race_follows_origins(NULL);
        return weft_go_error();
    }
    s->kind = WEFT__SPAWN_FEW;
    s->few[0] = (uint64_t)(uintptr_t)arg;
    weft__race_born(s, WEFT__RACE_CALLER);
    weft__race_follows_origins(s);
    publish(s);
    return 0;
}

void weft__spawn_drop(runnable r)
{
    if (!runnable_is_spawn(r))
        return;
    struct spawn *s = runnable_spawn(r);
    weft__race_unborn(s);
    if (s->kind == WEFT__SPAWN_HEAP)
        weft__port_free((void *)(uintptr_t)s->few[0]);
    if (s->is_long && ((struct long_spawn *)s)->stack != NULL)
        weft__stack_give_sized(((struct long_spawn *)s)->stack);
    record_give(NULL, s);
}

void weft__spawn_drop_chain(runnable first)
{
    while (first != RUNNABLE_NONE) {
        runnable next = runnable_next(first);
        weft__spawn_drop(first);
        first = next;
    }
}

/* ---- the goroutine's life ---- */

static uint64_t new_id(struct processor *p)
{
    if (p == NULL)
        return weft__add_relaxed(&weft__rt.next_id, 1u); /* only uniqueness matters */
    if (p->id_next == p->id_end) {
        p->id_next = weft__add_relaxed(&weft__rt.next_id, ID_BATCH); /* as above */
        p->id_end = p->id_next + ID_BATCH;
    }
    return p->id_next++;
}

/* g gets its identity from the record; the spawn record waits in g->task.object until goroutine_main takes it. */
static void become(struct machine *m, struct goroutine *g, struct spawn *s)
{
    g->task.object = s;
    g->task.reason = NULL;
    g->task.deferred = NULL;
    g->task.owned = NULL;
    g->task.panics = NULL;
    g->task.attached = NULL;
    g->task.context = NULL;
    g->task.recoveries = NULL;
    g->task.exits = 0;
    g->is_main = s->is_main;
    g->site = s->site;
    g->id = s->is_main ? 1 : new_id(m->p);
    if (WEFT__UNLIKELY(s->is_long)) {
        struct long_spawn *l = (struct long_spawn *)s;
        g->name = l->name;
        g->on_exit = l->on_exit;
        g->on_exit_arg = l->on_exit_arg;
        g->task.context = l->context;
    } else {
        g->name = NULL;
        g->on_exit = NULL;
    }
}

static void goroutine_main(void *value);

struct goroutine *weft__spawn_bind(struct machine *m, struct spawn *s)
{
    struct goroutine *g = s->is_long ? ((struct long_spawn *)s)->stack : NULL;
    if (g == NULL)
        g = weft__stack_take(&m->p->stacks);
    if (WEFT__UNLIKELY(g == NULL))
        return NULL;
    become(m, g, s);
    if (WEFT__UNLIKELY(weft__tools_active))
        weft__tools_goroutine_start(g);
    g->task.sp = weft__arch_prepare(weft__stack_top(g), goroutine_main);
    return g;
}

static void release_heap(struct weft__owned *owned)
{
    weft__port_free(owned);
}

/* Separate functions, so that the common case keeps a small frame. Each copies what it needs and gives the record back, and
 * returns what the function left where an integer result comes. The two that copy call through arch, too: whether the function
 * returns nothing or an int is its spawner's business. */
static __attribute__((noinline)) uint64_t call_with_all(struct machine *m, struct spawn *s)
{
    struct weft__arguments arguments = ((struct long_spawn *)s)->arguments;
    void (*fn)(void) = s->fn;
    record_give(m->p, s);
    return weft__arch_call_all(fn, &arguments);
}

static __attribute__((noinline)) uint64_t call_with_copy(struct machine *m, struct spawn *s)
{
    _Alignas(16) unsigned char value[sizeof(struct weft__arguments)];
    uint64_t few[4] = {(uintptr_t)value};
    void (*fn)(void) = s->fn;
    memcpy(value, ((struct long_spawn *)s)->value, s->size);
    record_give(m->p, s);
    return weft__arch_call_few(fn, few);
}

static __attribute__((noinline)) uint64_t call_with_heap(struct machine *m, struct goroutine *g, struct spawn *s)
{
    struct weft__owned *heap = (struct weft__owned *)(uintptr_t)s->few[0];
    uint64_t few[4] = {(uintptr_t)heap + 64};
    void (*fn)(void) = s->fn;
    heap->release = release_heap;
    heap->next = g->task.owned;
    g->task.owned = heap;
    record_give(m->p, s);
    return weft__arch_call_few(fn, few);
}

static int call_function(struct machine *m, struct goroutine *g)
{
    struct spawn *s = g->task.object;
    g->task.object = NULL;
    if (WEFT__LIKELY(s->kind == WEFT__SPAWN_FEW)) {
        uint64_t few[4] = {s->few[0], s->few[1], s->few[2], s->few[3]};
        void (*fn)(void) = s->fn;
        record_give(m->p, s);
        return (int)weft__arch_call_few(fn, few);
    }
    if (s->kind == WEFT__SPAWN_ALL)
        return (int)call_with_all(m, s);
    if (s->kind == WEFT__SPAWN_COPY)
        return (int)call_with_copy(m, s);
    return (int)call_with_heap(m, g, s);
}

static void release_owned(struct goroutine *g)
{
    while (WEFT__UNLIKELY(g->task.owned != NULL)) {
        struct weft__owned *owned = g->task.owned;
        g->task.owned = owned->next;
        owned->release(owned);
    }
}

/* The goroutine's function and deferred calls are through. */
static void give_up_values(struct goroutine *g)
{
    if (WEFT__UNLIKELY(g->task.locals != NULL))
        weft__locals_end(&g->task);
    release_owned(g);
}

void weft__goroutine_forget(struct goroutine *g)
{
    if (WEFT__UNLIKELY(weft__load_relaxed(&g->task.is_locked))) { /* nobody looks for it any more */
        weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
        weft__locked_forget(g); /* its machine may be a lost one, which ends when it likes */
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
        weft__store_relaxed(&g->task.is_locked, false);
    }
    weft__locals_forget(&g->task);
    release_owned(g);
}

/* weft_exit is about to make a deferred call that is older than these: they do not contain its panics. */
static void leave_recoveries(struct goroutine *g)
{
    while (WEFT__UNLIKELY(g->task.recoveries != NULL) && g->task.recoveries->deferred == g->task.deferred)
        g->task.recoveries = g->task.recoveries->next;
}

/* Everything that the end of a goroutine sets off, on its own stack; it may still park here (an exit hook may not). */
static void wind_up(struct goroutine *g, int result)
{
    leave_recoveries(g);
    while (WEFT__UNLIKELY(g->task.deferred != NULL)) {
        struct weft_deferred *deferred = g->task.deferred;
        g->task.deferred = deferred->next;
        deferred->owner = NULL; /* its scope, if it ends after all, finds it done */
        deferred->fn(deferred->arg);
        leave_recoveries(g);
    }
    give_up_values(g);
    if (g->on_exit != NULL)
        g->on_exit(g->on_exit_arg, result);
}

/* Commit step of the last switch of a goroutine: its stack is free. */
static void commit_free(void *arg)
{
    struct goroutine *g = arg;
    struct machine *m = weft__machine();
    if (WEFT__UNLIKELY(weft__tools_active))
        weft__tools_goroutine_end(g);
    struct stack_cache *cache = m->p != NULL ? &m->p->stacks : NULL;
    if (WEFT__UNLIKELY(g->own_stack)) {
        weft__stack_give_sized(g);
        return;
    }
    if (cache == NULL) {
        struct stack_cache one = {0};
        weft__stack_give(&one, g);
        weft__stack_cache_flush(&one);
        weft__stack_credit_give(NULL);
        return;
    }
    weft__stack_give(cache, g);
    weft__stack_credit_give(cache);
}

/* Whether the stack may go on with another goroutine: tools want to see each, and a thread may have to end with its own. */
static inline bool may_renew(const struct machine *m, const struct goroutine *g)
{
    if (WEFT__UNLIKELY(weft__load_relaxed(&weft__extras) != 0) &&
        (weft__tools_active || m->locked != NULL)) /* own bits */
        return false;
    return !g->own_stack;
}

/* The goroutine has ended. If a spawn record is next, it moves in here: true. Otherwise this does not return. */
static bool end_or_renew(struct goroutine *g)
{
    struct machine *m = weft__machine(); /* the function may have come back on another one */
    struct processor *p = m->p;
    if (WEFT__LIKELY(p != NULL)) {
        weft__store_relaxed(&p->born_minus_dead, weft__load_relaxed(&p->born_minus_dead) - 1); /* own variable */
        if (may_renew(m, g)) {
            weft__store_relaxed(&m->commit, weft__commit_nothing); /* a choice is under way: see gate.c */
            weft__fence_compiler();
            runnable r = weft__next_local(p);
            if (r != RUNNABLE_NONE && runnable_is_spawn(r)) {
                struct spawn *s = runnable_spawn(r);
                if (!s->is_long || ((struct long_spawn *)s)->stack == NULL) {
                    weft__stack_credit_give(&p->stacks); /* one goroutine less; the stack goes on */
                    become(m, g, s);
                    weft__store_release(&m->commit, NULL); /* pairs with the gate's closer: g has another identity */
                    return true;
                }
            }
            if (r != RUNNABLE_NONE) {
                weft__suspend_for(m, g, WEFT__RUNNING, commit_free, g, r);
                __builtin_unreachable();
            }
        }
    } else {
        weft__add_relaxed(&weft__rt.born_outside, -1); /* a count */
    }
    weft__suspend(m, g, WEFT__RUNNING, commit_free, g); /* never again suspended, so not WAITING either */
    __builtin_unreachable();
}

/* The entry of every stack. value is the machine. */
static void goroutine_main(void *value)
{
    struct machine *m = value;
    struct goroutine *g = m->g;
    if (WEFT__UNLIKELY(weft__tools_active))
        weft__tools_arrive(&m->tools, g);
    weft__finish_switch(m);
    do {
        m = weft__machine();
        int result = call_function(m, g);
        wind_up(g, result);
    } while (end_or_renew(g));
}

static void start_over(void *value)
{
    (void)value;
    struct goroutine *g = weft__machine()->g;
    do {
        int result = call_function(weft__machine(), g);
        wind_up(g, result);
    } while (end_or_renew(g));
}

_Noreturn void weft__goroutine_exit(void)
{
    struct goroutine *g = weft__machine()->g;
    g->task.exits++;
    for (; g->task.panics != NULL; g->task.panics = g->task.panics->next) /* an exit in a deferred call ends them */
        if (g->task.panics->counted)
            weft__panic_end();
    wind_up(g, 0);
    if (g->is_main)
        weft__store_seq(&weft__rt.main_exited, 1u);
    struct weft__exceptions
        left; /* those of catch blocks that nobody comes back to: not for the stack's next goroutine */
    weft__exceptions_leave(weft__machine()->exceptions, &left);
    if (end_or_renew(g))
        weft__arch_restart(weft__stack_top(g), start_over, NULL);
    __builtin_unreachable();
}

_Noreturn void weft_exit(void)
{
    struct machine *m = weft__machine();
    if (m == NULL || m->g == NULL)
        weft__panic("weft_exit outside a goroutine: a plain thread ends by returning or by pthread_exit");
    if (m->sections > 0)
        weft__panic("weft_exit inside a weft_blocking section");
    weft__goroutine_exit();
}

/* ---- main ---- */

static void call_main(int (*app)(int, char **), int argc, char **argv)
{
    int result = app(argc, argv);
    give_up_values(weft__machine()->g);
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__rt.result = result;
    weft__race_release(&weft__rt.result);    /* for the caller of weft_run */
    weft__store_seq(&weft__rt.stopping, 1u); /* pairs with the watchdog; the machines look under the lock */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__watchdog_wake();
    /* This machine ends at its next look at stopping, which is when this goroutine is suspended for good. */
    struct machine *m = weft__machine();
    weft__or_acq_rel(&m->p->attention, ATTENTION_STOP);
    weft__suspend(m, m->g, WEFT__RUNNING, weft__commit_nothing, NULL);
}

struct spawn *weft__spawn_main(int (*app)(int, char **), int argc, char **argv, size_t stack_size)
{
    static const struct weft_site site = {"(the program)", "weft_run", 0, 0};
    const struct weft_go_options options = {.name = "main", .stack_size = stack_size};
    struct spawn *s = prepare((weft__function)call_main, &site, &options, NULL, true);
    if (s == NULL)
        return NULL;
    s->kind = WEFT__SPAWN_FEW;
    s->is_main = true;
    s->few[0] = (uint64_t)(uintptr_t)app;
    s->few[1] = (uint64_t)(int64_t)argc;
    s->few[2] = (uint64_t)(uintptr_t)argv;
    weft__race_born(s, WEFT__RACE_CALLER);
    weft__race_follows_caller(s);
    weft__add_relaxed(&weft__rt.born_outside, 1); /* a count */
    return s;
}

/* ---- asking ---- */

uint64_t weft__task_id(const struct weft__task *task)
{
    return task->is_thread ? 0 : ((const struct goroutine *)task)->id;
}

const char *weft__task_name(const struct weft__task *task)
{
    return task->is_thread ? NULL : ((const struct goroutine *)task)->name;
}

const struct weft_site *weft__task_site(const struct weft__task *task)
{
    return task->is_thread ? NULL : ((const struct goroutine *)task)->site;
}

bool weft__frame_is_start(const char *function)
{
    static const char *const starts[] = {
        "goroutine_main", "start_over", "call_function",    "call_with_all",       "call_with_copy",
        "call_with_heap", "call_main",  "weft__arch_start", "weft__arch_call_all", "weft__arch_restart"};
    size_t length = function != NULL ? strcspn(function, ".") : 0; /* what compilers append, such as .constprop.0 */
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (length == strlen(starts[i]) && memcmp(function, starts[i], length) == 0)
            return true;
    return false;
}

uint64_t weft_goid(void)
{
    struct machine *m = weft__machine();
    return m != NULL && m->g != NULL ? m->g->id : 0;
}
