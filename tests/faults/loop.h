/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.h - the N-th call fails: for N = 1, 2, ... until the operation comes to its end without having met a failure; first
 * only the N-th, then the N-th and all later ones.
 *
 * Each N is a process of its own, which runs the operation (a main function) three times:
 *   1. with the fault. The operation checks its own result: done, or the documented error and nothing done;
 *   2. without, where it must succeed: the library is usable;
 *   3. without, once more, after which the books must balance: see faults_balance.
 * The parent checks that it ends (faults_case.seconds), ends well (LeakSanitizer has a word there, too), and what it says on
 * standard error: something if the start of the run or an operation that says so has failed, and nothing twice.
 *
 * An operation calls faults_now() when what it needs beforehand is there; a case that is cold has the fault from before
 * weft_run on, in a process in which the library has done nothing yet. */
#ifndef WEFT_TESTS_FAULTS_LOOP_H
#define WEFT_TESTS_FAULTS_LOOP_H

#include "inject.h"

#include <weft/sim.h>

#include "sched/runtime.h"

#define FAULTS_MET 10    /* the child's exit code: a fault was met, and all is well */
#define FAULTS_FAILED 11 /* a check failed: standard error tells which */

#define MAIN_STACK_SIZE ((size_t)8 << 20)
#define SIZED_STACK_SIZE ((size_t)1 << 20) /* the one size that operations use for stacks of their own */
#define ALTERNATE_STACK_SIZE ((size_t)64 << 10)

struct faults_case {
    const char *name;
    int (*app)(int argc, char **argv);
    unsigned kinds;
    int processors;
    bool simulated;   /* a run of weft_sim */
    bool cold;        /* the fault is there from before weft_run on */
    bool silent;      /* its errors are not said on standard error */
    int advice_error; /* see struct faults_plan */
    int dense;        /* the larger, the closer together the calls that fail, when there are many; 0: 20 */
};

/* Of the child. */
static struct {
    struct faults_plan plan;
    bool must_succeed; /* no fault: every operation has to */
    atomic_long kept;  /* allocations that goroutines keep whose run has ended without a machine */
    atomic_bool error; /* some operation has returned its documented error */
} faults_run;

TEST_HELPER _Noreturn void faults_fail(const char *file, int line, const char *what)
{
    dprintf(STDERR_FILENO, "FAILED %s:%d: %s\n", file, line, what);
    _exit(FAULTS_FAILED);
}
/* In the child, in any goroutine or thread. */
#define require(x) ((x) ? (void)0 : faults_fail(__FILE__, __LINE__, #x))

/* From here on the planned call fails. */
TEST_HELPER void faults_now(void)
{
    if (!faults_run.must_succeed)
        faults_arm(faults_run.plan);
}

/* No call fails any more; what comes from here on has to work. */
TEST_HELPER void faults_over(void)
{
    faults_disarm();
    faults_run.must_succeed = true;
}

/* What an operation has returned: true if it was done. It must have been, or have its documented error. */
TEST_HELPER bool faults_done(int error)
{
    if (error == 0)
        return true;
    require(!faults_run.must_succeed);
    require(error == -ENOMEM || error == -EAGAIN);
    atomic_store(&faults_run.error, true);
    return false;
}

/* The same for those that return a pointer. */
TEST_HELPER bool faults_made(const void *object)
{
    return faults_done(object != NULL ? 0 : -ENOMEM);
}

/* ---- the books ---- */

#ifndef FAULTS_SIZED_AT_ONCE
#define FAULTS_SIZED_AT_ONCE 4 /* goroutines with stacks of a size of their own that a case may have at a time */
#endif

struct faults_held {
    long slabs[2]; /* of spawn records, short and long */
    long processors;
    long other;                                               /* allocations */
    long chunks, main_stacks, sized_stacks, alternate_stacks; /* mappings */
};

static size_t faults_record_size(bool is_long)
{
    return is_long ? (sizeof(struct long_spawn) + 63) & ~(size_t)63 : sizeof(struct spawn);
}

static struct faults_held faults_count(void)
{
    struct faults_held held = {0};
    pthread_mutex_lock(&books_lock);
    for (uint32_t i = 0; i < BOOKS_SIZE; i++) {
        const struct books_entry *e = &books[i];
        if (e->at == NULL || e->at == BOOKS_GONE)
            continue;
        if (e->mapped)
            ++*(e->size == MAIN_STACK_SIZE        ? &held.main_stacks
                : e->size == SIZED_STACK_SIZE     ? &held.sized_stacks
                : e->size == ALTERNATE_STACK_SIZE ? &held.alternate_stacks
                                                  : &held.chunks);
        else if (e->alignment == 64 && e->size == 64 * faults_record_size(false))
            held.slabs[0]++;
        else if (e->alignment == 64 && e->size == 64 * faults_record_size(true))
            held.slabs[1]++;
        else if (e->alignment == 128 && e->size == ((sizeof(struct processor) + 127) & ~(size_t)127))
            held.processors++;
        else
            held.other++;
    }
    pthread_mutex_unlock(&books_lock);
    return held;
}

static long faults_spare_processors(void)
{
    long count = 0;
    for (const struct processor *p = weft__rt.spare_processors; p != NULL; p = p->idle_next)
        count++;
    return count;
}

struct faults_lost {
    long main_stacks, sized_stacks, all, not_lost;
};

static bool faults_count_lost(struct goroutine *g, void *arg)
{
    struct faults_lost *lost = arg;
    if (!g->lost) {
        lost->not_lost++;
        return true;
    }
    lost->all++;
    if (g->own_stack)
        ++*(g->stack_size == SIZED_STACK_SIZE ? &lost->sized_stacks : &lost->main_stacks);
    return true;
}

/* After a run: all that the library still holds is its caches, each in its place.
 *   every spawn record is in the free list, every processor a spare one; every chunk of stacks has its one array of indices, every stack of a size of its
 *   own one entry in the list of those; no goroutine is left, and there are no more of such stacks than operations need at a
 *   time. A run that ends without a machine takes its goroutines' stacks out of use, and what they own: that is no leak. */
TEST_HELPER void faults_balance(void)
{
    for (int i = 0; atomic_load(&weft__rt.lost_machines) != 0; i++) {
        require(i < 40000); /* 20 s */
        usleep(500);
    }
    struct faults_held held = faults_count();
    struct faults_lost lost = {0};
    weft__stack_each(faults_count_lost, &lost);
    long other = held.chunks + held.main_stacks + held.sized_stacks;
    dprintf(STDOUT_FILENO,
            "held: %ld + %ld slabs (%u + %u records), %ld other, %ld chunks, %ld + %ld + %ld stacks "
            "(%ld and %ld lost, %ld in use)\n",
            held.slabs[0], held.slabs[1], weft__rt.spare_spawns.count[0], weft__rt.spare_spawns.count[1], held.other,
            held.chunks, held.main_stacks, held.sized_stacks, held.alternate_stacks, lost.main_stacks,
            lost.sized_stacks, lost.not_lost);
    require(weft__rt.spare_spawns.count[0] == 64 * held.slabs[0]);
    require(weft__rt.spare_spawns.count[1] == 64 * held.slabs[1]);
    require(faults_spare_processors() == held.processors);
    require(held.other >= other && held.other <= other + (lost.all > 0 ? atomic_load(&faults_run.kept) : 0));
    require(held.alternate_stacks == 0);
    require(held.main_stacks == lost.main_stacks + 1 || (held.main_stacks == lost.main_stacks && lost.all > 0));
    require(held.sized_stacks <= FAULTS_SIZED_AT_ONCE + lost.sized_stacks);
    require(lost.not_lost == 0 || lost.all > 0); /* a lost machine may still have taken one stack */
}

/* ---- one process ---- */

struct faults_job {
    const struct faults_case *c;
    struct faults_plan plan;
};

static int faults_simulated(void *arg)
{
    const struct faults_case *c = arg;
    return c->app(0, NULL);
}

static int faults_run_once(const struct faults_case *c)
{
    if (c->simulated)
        return weft_sim(1, faults_simulated, (void *)c);
    char name[] = "test", *argv[] = {name, NULL};
    return weft_run(c->app, 1, argv);
}

static int faults_child(void *arg)
{
    const struct faults_job *job = arg;
    const struct faults_case *c = job->c;
    atomic_store(&faults.watching, true);
    weft_procs(c->processors);

    faults_run.plan = job->plan;
    if (c->cold)
        faults_arm(job->plan);
    int result = faults_run_once(c);
    faults_disarm();
    bool met = atomic_load(&faults.met) > 0;
    if (result != 0) { /* the run itself could not start */
        require(met && c->cold);
        require(result == -ENOMEM || result == -EAGAIN);
    }
    if (result != 0 || (atomic_load(&faults_run.error) && !c->silent))
        dprintf(STDOUT_FILENO, "error\n");

    faults_run.must_succeed = true;
    for (int i = 0; i < 2; i++)
        require(faults_run_once(c) == 0);
    faults_balance();
    return met ? FAULTS_MET : 0;
}

/* ---- all of them ---- */

/* Each line of the library is there once. */
static bool faults_says_nothing_twice(const char *err)
{
    for (const char *line = err; (line = strstr(line, "weft: ")) != NULL; line += 6) {
        size_t length = strcspn(line, "\n");
        for (const char *other = line + length; (other = strstr(other, "weft: ")) != NULL; other += 6)
            if (strncmp(line, other, length + 1) == 0)
                return false;
    }
    return true;
}

/* Returns whether the fault was met. */
TEST_HELPER bool faults_one(const struct faults_case *c, long first, bool for_ever)
{
    struct faults_job job = {
        c, {.kinds = c->kinds, .first = first, .for_ever = for_ever, .advice_error = c->advice_error}};
    struct test_child child = test_child(faults_child, &job, 100);
    const char *mode = for_ever ? "and all later ones fail" : "fails";
    ck_assert_msg(!child.timed_out, "%s, call %ld %s: hangs; standard error:\n%s", c->name, first, mode, child.err);
    ck_assert_msg(child.code == 0 || child.code == FAULTS_MET, "%s, call %ld %s: exit code %d, signal %d:\n%s%s",
                  c->name, first, mode, child.code, child.signal, child.out, child.err);
    if (strstr(child.out, "error\n"))
        ck_assert_msg(strstr(child.err, "weft: "), "%s, call %ld %s: no word on standard error", c->name, first, mode);
    ck_assert_msg(faults_says_nothing_twice(child.err), "%s, call %ld %s: says it more than once:\n%s", c->name, first,
                  mode, child.err);
    bool met = child.code == FAULTS_MET;
    if (getenv("WEFT_TEST_VERBOSE"))
        fprintf(stderr, "%s: call %ld %s%s\n%s%s", c->name, first, mode, met ? "" : ": not met", child.out, child.err);
    test_child_free(&child);
    return met;
}

/* Every N where there are few, fewer where there are many; at least one must be met. */
TEST_HELPER void faults_loop(const struct faults_case *c)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        long first = 1;
        while (faults_one(c, first, for_ever != 0))
            first += 1 + first / (test_quick() ? 2 : c->dense > 0 ? c->dense : 20);
        ck_assert_msg(first > 1, "%s met no fault at all", c->name);
    }
}

#endif
