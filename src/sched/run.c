/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - the start and the end of a run, and its settings.
 *
 * End: the main function sets stopping and wakes the watchdog, which returns here. Idle machines are woken and end; busy ones
 * end at their next scheduling point. Those in their scheduler loop, or in the middle of a switch, are waited for, however slow the
 * system is: they use the runtime. After GRACE the ones that are still away (their goroutine is in a blocking call, in a long
 * computation) are given up: they keep their goroutine's stack, their processor and their struct machine until they come back,
 * find ATTENTION_STOP or lost then, and end; what they do meanwhile is for nobody (lost.c). The runtime is taken apart when those who were
 * given up at the moment when they came back are through with that, too (wait_for_lost). All other goroutines are forgotten: their
 * waiters are unlinked from the channels they wait on
 * (reason->abandon), their stacks are free again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/run.h>

#include "port/port.h"
#include "sched/sim.h"

#define GRACE (10 * WEFT_MILLISECOND)
#define AT_HOME_POLL (100 * WEFT_MICROSECOND)
#define MAIN_STACK ((size_t)8 << 20)

static int procs_wanted; /* by weft_procs; 0: not said; under the lock */

void weft__sched_set_hooks(const struct weft__sched_hooks *hooks)
{
    weft__store_release(&weft__rt.hooks, hooks); /* pairs with the machines' loads */
}

/* ---- settings ---- */

static long setting_number(const char *name, long low, long high)
{
    const char *text = getenv(name);
    if (text == NULL || *text == 0)
        return 0;
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != 0 || value < low || value > high) {
        weft__warn("%s=%s is ignored: it takes a number from %ld to %ld", name, text, low, high);
        return 0;
    }
    return value;
}

static int procs_default(void)
{
    int n = (int)setting_number("WEFT_PROCS", 1, PROCS_MAX);
    if (n == 0)
        n = weft__port_processors();
    return n > PROCS_MAX ? PROCS_MAX : n;
}

static void read_stack_settings(void)
{
    const char *text = getenv("WEFT_STACK");
    if (text != NULL && *text != 0) {
        char *end;
        unsigned long long bytes = strtoull(text, &end, 10);
        unsigned shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : 0;
        end += shift != 0;
        if (*end != 0 || bytes > STACK_SIZE_MAX >> shift || weft__stack_set_size((size_t)bytes << shift) != 0)
            weft__warn("WEFT_STACK=%s is ignored: it takes 16K to 1024M", text);
    }
    text = getenv("WEFT_GUARD");
    if (text == NULL || *text == 0)
        return;
    static const char *const names[] = {"auto", "install", "mprotect", "none"};
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            weft__stack_set_guard((enum weft__guard)i);
            return;
        }
    weft__warn("WEFT_GUARD=%s is ignored: it takes auto, install, mprotect or none", text);
}

/* Words between commas. */
static bool debug_setting(const char *word)
{
    const char *text = getenv("WEFT_DEBUG");
    bool found = false;
    while (text != NULL && *text != 0) {
        size_t length = strcspn(text, ",");
        if (length == strlen(word) && memcmp(text, word, length) == 0)
            found = true;
        else if (length > 0)
            weft__warn("WEFT_DEBUG=%.*s is ignored: it takes %s", (int)length, text, word);
        text += length + (text[length] == ',');
    }
    return found;
}

int weft__deadlock_setting(void)
{
    const char *text = getenv("WEFT_DEADLOCK");
    if (text == NULL)
        return 0;
    return strcmp(text, "off") == 0 ? -1 : strcmp(text, "on") == 0 ? 1 : 0;
}

static void check_deadlock_setting(void)
{
    const char *text = getenv("WEFT_DEADLOCK");
    if (text != NULL && *text != 0 && weft__deadlock_setting() == 0 && strcmp(text, "auto") != 0)
        weft__warn("WEFT_DEADLOCK=%s is ignored: it takes auto, on or off", text);
}

int weft_procs(int n)
{
    if (n > PROCS_MAX)
        n = PROCS_MAX;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool running = weft__load_relaxed(&weft__rt.running) != 0; /* written under the lock */
    if (weft__machine_is_lost(weft__machine())) /* its run is over, and another one's number not its own */
        n = 0;
    int before = running ? weft__load_relaxed(&weft__rt.target) : procs_wanted;
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count); /* under the lock */
    if (n >= 1) {
        procs_wanted = n;
        if (running && !weft__sim_is_on()) {          /* a simulation has one */
            weft__store_relaxed(&weft__rt.target, n); /* under the lock */
            weft__room_changed();
            for (uint32_t i = 0; i < count && n < before; i++)
                weft__or_acq_rel(&weft__rt.processors[i]->attention, ATTENTION_RETIRE);
        }
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (running && n > before && !weft__sim_is_on())
        weft__wake_processor();
    return before > 0 ? before : procs_default();
}

size_t weft_stack_size(size_t bytes)
{
    size_t before = weft__stack_get_size();
    if (bytes == 0)
        return before;
    if (weft__load_acquire(&weft__rt.running) != 0 || weft__stack_set_size(bytes) != 0) /* a hint: misuse otherwise */
        return 0;
    return before;
}

size_t weft_goroutines(void)
{
    if (weft__load_acquire(&weft__rt.running) == 0)
        return 0;
    int64_t sum = weft__load_relaxed(&weft__rt.born_outside); /* a count that may be old */
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED); /* the end of the run takes the processors away under it */
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count);
    for (uint32_t i = 0; i < count; i++)
        sum += weft__load_relaxed(&weft__rt.processors[i]->born_minus_dead); /* as above */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    return sum > 0 ? (size_t)sum : 0;
}

/* ---- the end ---- */

static void stop_machines(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count); /* under the lock */
    for (uint32_t i = 0; i < count; i++)
        weft__or_acq_rel(&weft__rt.processors[i]->attention, ATTENTION_STOP);
    struct machine *idle = NULL, *m;
    while ((m = weft__idle_pop()) != NULL) {
        m->idle_next = idle;
        idle = m;
    }
    for (m = weft__rt.machines; m != NULL; m = m->next)
        if (m->waits) { /* for its locked goroutine. It ends under this lock */
            m->waits = false;
            weft__rt.locked_count--;
            weft__machine_wake(m);
        }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__drop_machines();
    while (idle != NULL) {
        m = idle;
        idle = m->idle_next; /* once woken the machine may be gone */
        weft__machine_wake(m);
    }
    int64_t until = weft__port_now() + GRACE;
    uint32_t alive;
    while ((alive = weft__load_relaxed(&weft__rt.machines_alive)) != 0) { /* the lock, next, orders what they did */
        int64_t wait = until - weft__port_now();
        if (wait <= 0 && !weft__any_at_home(false))
            break;
        weft__port_futex_wait((uint32_t *)&weft__rt.machines_alive, alive, wait > 0 ? wait : WEFT_MILLISECOND);
    }
}

/* Under runtime.lock: give up the machines that have not come back. True if there are any. */
static bool lose_machines(void)
{
    bool any = false;
    for (struct machine *m = weft__rt.machines, *next; m != NULL; m = next) {
        next = m->next;
        weft__store_release(&m->lost, true); /* pairs with weft__machine_is_lost */
        m->next = weft__rt.lost;
        weft__rt.lost = m;
        if (m->p != NULL)
            m->p->is_lost = true;
        weft__add_relaxed(&weft__rt.lost_machines, 1u); /* a count */
        any = true;
    }
    weft__rt.machines = NULL;
    return any;
}

/* A machine that was away a moment ago may be about to suspend its goroutine, and have looked before it was lost. From the barrier on
 * whoever begins to does see that; those who are in the middle of it, or in the loop, are through before anything is taken apart. */
static void wait_for_lost(void)
{
    (void)weft__port_barrier(); /* where there is none the stores have arrived by the time of the second look */
    do
        weft__port_thread_sleep(AT_HOME_POLL);
    while (weft__any_at_home(true));
}

static bool abandon(struct goroutine *g, void *arg)
{
    const bool *machines_lost = arg;
    if (g->lost)
        return true;
    if (weft__load_acquire(&g->task.state) == WEFT__WAITING) { /* the machines are gone */
        if (g->task.reason != NULL && g->task.reason->abandon != NULL)
            g->task.reason->abandon(g->task.object);
        if (g->task.attached != NULL)
            g->task.attached->abandon(g->task.attached);
    }
    if (weft__load_acquire(&g->task.state) != WEFT__RUNNING &&
        weft__load_acquire(&g->task.state) != WEFT__BLOCKED) /* as above */
        weft__goroutine_forget(g);
    if (!*machines_lost)
        weft__tools_goroutine_end(g);
    return true;
}

static void drop_records(struct runq *q)
{
    runnable r;
    while ((r = runq_take_next(q)) != RUNNABLE_NONE || (r = runq_get(q)) != RUNNABLE_NONE)
        weft__spawn_drop(r);
}

/* Under runtime.lock: nobody else finds a processor from here on. How many there are. */
static uint32_t take_processors(void)
{
    uint32_t count = weft__load_relaxed(&weft__rt.processor_count); /* written under the lock */
    weft__store_relaxed(&weft__rt.processor_count, 0u);
    return count;
}

/* count: of processors. */
static void tear_down(bool machines_lost, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) /* of lost machines, too: somebody else may own the timer */
        weft__timers_clear(&weft__rt.processors[i]->timers);
    weft__lost_sweep(); /* what they have made runnable would be dangling after this */
    weft__stack_each(abandon, &machines_lost);
    weft__lock_take(&weft__rt.lock,
                    WEFT__RANK_SCHED); /* a lost machine may be injecting, which now drops what it has */
    runnable all = weft__global_take_all();
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__spawn_drop_chain(all);
    for (uint32_t i = 0; i < count; i++) {
        struct processor *p = weft__rt.processors[i];
        weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED); /* a lost machine may be giving its records back */
        weft__rt.processors[i] = NULL;
        bool theirs = p->is_lost;
        if (!theirs)
            weft__spawn_cache_flush(p);
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
        if (theirs)
            continue;
        drop_records(&p->queue);
        weft__stack_cache_flush(&p->stacks);
        weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
        weft__processor_retire(p);
        weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    }
    weft__stack_reclaim_all(machines_lost);
}

/* ---- a run ---- */

static void watch(bool on)
{
    const struct weft__sched_hooks *hooks = weft__load_acquire(&weft__rt.hooks); /* pairs with set_hooks */
    void (*hook)(void) = hooks == NULL ? NULL : on ? hooks->watch_start : hooks->watch_stop;
    if (hook != NULL)
        hook();
}

static void say_once(int error)
{
    static WEFT__ATOMIC(uint32_t) said;
    uint32_t bit = error == -ENOMEM ? 1 : 2;
    if ((weft__or_acq_rel(&said, bit) & bit) != 0)
        return;
    if (error == -ENOMEM)
        weft__warn(
            "cannot start the run: no memory for its first thread; raise the memory limit (ulimit -v, the cgroup's "
            "memory.max)");
    else
        weft__warn(
            "cannot start the run's first thread (error %d): raise the limit on processes (ulimit -u, the cgroup's "
            "pids.max) or the memory limit",
            -error);
}

/* Under runtime.lock: its first processor and machine. */
static int make_first(struct machine **first)
{
    struct processor *p = weft__processor_acquire(NULL);
    *first = p != NULL ? weft__machine_new(p, false) : NULL;
    if (*first != NULL)
        return 0;
    weft__processor_retire(p); /* nobody else knows of it yet */
    return -ENOMEM;
}

/* From here to the end of the run others are refused, and threads may use the library: there is a processor for them. */
static int open_run(const struct weft__sim_settings *sim, struct machine **first)
{
    int result = -EBUSY;
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    if (weft__load_relaxed(&weft__rt.running) == 0) { /* written under the lock */
        weft__store_relaxed(&weft__rt.target, sim != NULL        ? 1
                                              : procs_wanted > 0 ? procs_wanted
                                                                 : procs_default()); /* published by running */
        weft__rt.migrate = debug_setting("migrate") && sim == NULL;                  /* published by running */
        if (weft__rt.migrate)
            weft__or_acq_rel(&weft__extras, EXTRA_MIGRATE); /* as above */
        weft__sim_begin(sim);
        weft__rt.busy = weft__rt.stuck = 0;
        weft__rt.machine_count = weft__rt.idle_count = weft__rt.blocked_count = weft__rt.locked_count = 0;
        weft__rt.idle_processors = NULL;
        weft__rt.idle_machines = weft__rt.machines = NULL;
        weft__rt.batch_head = weft__rt.batch_tail = 0;
        weft__rt.timekeeper_until = NEVER;
        weft__rt.start_after = 0;
        weft__rt.start_failures = 0;
        weft__store_relaxed(&weft__rt.global_count, 0u); /* all of these: published by running */
        weft__store_relaxed(&weft__rt.processor_count, 0u);
        weft__store_relaxed(&weft__rt.machines_alive, 0u);
        weft__store_relaxed(&weft__rt.to_start, NULL);
        weft__store_relaxed(&weft__rt.spinning, 0);
        weft__store_relaxed(&weft__rt.next_id, 2u);
        weft__store_relaxed(&weft__rt.born_outside, 0);
        weft__store_relaxed(&weft__rt.main_exited, 0u);
        weft__store_seq(&weft__rt.stopping, 0u);
        weft__room_changed();
        result = make_first(first);
        if (result == 0)
            weft__store_release(&weft__rt.running, 1u); /* pairs with the threads' loads */
        else
            weft__sim_end();
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (result == -ENOMEM)
        say_once(result);
    return result;
}

static int start_main(struct machine *first, int (*app)(int, char **), int argc, char **argv)
{
    struct spawn *main = weft__spawn_main(app, argc, argv, MAIN_STACK);
    if (main == NULL) {
        (void)weft__machine_discard(first);
        return weft_go_error();
    }
    runnable r = runnable_of_spawn(main);
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__global_put(r, r, 1);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    int error = weft__machine_start(first, true);
    if (error != 0)
        say_once(error);
    return error;
}

/* Main could not be started; plain threads may have had machines started for goroutines of their own. */
static void stop_before_start(void)
{
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__store_seq(&weft__rt.stopping, 1u); /* as at the main function's end */
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
}

/* sim: NULL, or the settings of a simulated run. */
static int run(const struct weft__sim_settings *sim, int (*app)(int, char **), int argc, char **argv)
{
    if (weft__machine() != NULL)
        return -EDEADLK;
    weft__tools_init();
    weft__exceptions_init();
    read_stack_settings();
    check_deadlock_setting();
    struct machine *first;
    int result = open_run(sim, &first);
    if (result != 0)
        return result;
    watch(true); /* before a goroutine can ask for what is watched */
    result = start_main(first, app, argc, argv);
    if (result == 0)
        weft__watchdog_loop();
    else
        stop_before_start();
    watch(false);
    weft__gate_own(); /* who holds the world has the goroutines of a run before them */
    stop_machines();
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    bool machines_lost = lose_machines();
    uint32_t processors = take_processors();
    if (result == 0) {
        result = weft__rt.result;
        weft__race_acquire(&weft__rt.result); /* what the main function did, and nobody else */
    }
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    if (machines_lost)
        wait_for_lost();
    weft__sim_end();
    tear_down(machines_lost, processors);
    weft__lock_take(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__store_release(&weft__rt.running, 0u);
    weft__lock_leave(&weft__rt.lock, WEFT__RANK_SCHED);
    weft__gate_disown();
    return result;
}

int weft__sched_run(int (*app)(int, char **), int argc, char **argv)
{
    return run(NULL, app, argc, argv);
}

int weft__sched_sim(const struct weft__sim_settings *settings, int (*app)(int, char **), int argc, char **argv)
{
    return run(settings, app, argc, argv);
}
