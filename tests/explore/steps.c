/* SPDX-License-Identifier: Apache-2.0
 *
 * steps.c - what points.h puts in the place of atomic operations, locks, busy waiting and memory.
 *
 * Data:       waiters, goroutines that wait for a lock, or spin (lock NULL); the arena; who is who.
 * Invariants: a goroutine that waits for a lock is among the waiters exactly while it is parked there; whoever lets the lock go
 *             readies all of its waiters, who then compete. A spinner is readied when anybody writes shared memory: nothing else
 *             can change what it looks for.
 * Threads:    one, the simulation's machine; before and after a run the one that runs it. */
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "points.h"

#undef weft__park
#undef weft__ready
#undef weft__random

#if defined(__has_include)
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define WAITERS_MAX 64 /* goroutines at once */
#define LIVELOCK_ROUNDS 1000

struct explore_record *explore_record;
bool explore_on;
uint32_t explore_writes;

static const struct explore_scenario *scenario;
static uint64_t ids[EXPLORE_GOROUTINES];
static uint32_t rounds, parked_at[EXPLORE_GOROUTINES];

/* Those in the commit step of a park. */
static struct committing {
    struct weft__task *task;
    bool is_ready; /* already, so that it need not sleep */
} committing[WAITERS_MAX];
static int commits;

static struct waiter {
    struct weft__task *task;
    struct weft__lock *lock;
} waiters[WAITERS_MAX];
static int waiting;

/* Those that a call is about to make runnable, in order. They may be in the commit step of their park still, on their way through a
 * queue, so that they cannot be chained. */
static struct woken {
    const struct weft__woken *by;
    struct weft__task *task;
} woken_by[WAITERS_MAX];
static int woken_count;

/* ---- who is who ---- */

void explore_register(int goroutine)
{
    ids[goroutine] = weft__task_id(weft__self());
}

int explore_index(uint64_t id)
{
    for (int i = 0; i < EXPLORE_GOROUTINES; i++)
        if (ids[i] == id && id != 0)
            return i;
    return EXPLORE_GOROUTINES;
}

/* Whether a goroutine of an execution is running: then it can be suspended. */
static bool in_goroutine(void)
{
    struct machine *m = explore_on ? weft__machine() : NULL;
    return m != NULL && m->g != NULL;
}

int explore_self(void)
{
    int index = in_goroutine() ? explore_index(weft__machine()->g->id) : EXPLORE_GOROUTINES;
    return index < EXPLORE_GOROUTINES ? index : -1;
}

void explore_steps_begin(const struct explore_scenario *begun)
{
    scenario = begun;
    memset(ids, 0, sizeof ids);
    memset(parked_at, 0, sizeof parked_at);
    waiting = commits = woken_count = 0;
    rounds = 0;
    explore_record->steps = explore_record->choices = 0;
}

/* ---- steps ---- */

void explore_step(const char *file, int line)
{
    if (!in_goroutine())
        return;
    weft__sim_preempt();
    if (explore_record->steps == STEPS_MAX)
        explore_fail("more than %d steps: it does not come to an end", STEPS_MAX);
    explore_record->step[explore_record->steps++] =
        (struct explore_place){.file = file, .line = line, .goroutine = explore_self()};
}

void explore_clock_jumps(void)
{
    if (explore_record->steps < STEPS_MAX)
        explore_record->step[explore_record->steps++] = (struct explore_place){.file = "(the clock jumps)"};
}

void explore_point(void)
{
    explore_step("scenario", 1);
}

static void ready_all(const struct weft__lock *lock)
{
    for (int i = 0; i < waiting;) {
        if (waiters[i].lock != lock) {
            i++;
            continue;
        }
        struct weft__task *task = waiters[i].task;
        memmove(&waiters[i], &waiters[i + 1], (size_t)(--waiting - i) * sizeof waiters[0]);
        weft__ready(task);
    }
}

void explore_wrote(void)
{
    if (!explore_on)
        return;
    explore_writes++;
    rounds = 0;
    ready_all(NULL);
}

void explore_parks(void)
{
    int self = explore_self();
    if (self < 0)
        return;
    parked_at[self] = explore_time();
    explore_history_parks(self, parked_at[self]);
}

uint32_t explore_parked_at(int goroutine)
{
    return parked_at[goroutine];
}

/* ---- park and ready ---- */

static void commit_nothing(void *unused)
{
    (void)unused;
}

static struct committing *find_committing(const struct weft__task *task)
{
    for (int i = 0; i < commits; i++)
        if (committing[i].task == task)
            return &committing[i];
    return NULL;
}

/* The commit step may have to wait for a lock, which it could not do in the scheduler's loop; here others go on meanwhile. */
void explore_park(struct weft__task *self, const struct weft__wait_reason *reason, void *object, weft__commit commit,
                  void *arg)
{
    if (!in_goroutine()) {
        weft__park(self, reason, object, commit, arg);
        return;
    }
    CHECK(commits < WAITERS_MAX && find_committing(self) == NULL);
    committing[commits++] = (struct committing){.task = self};
    commit(arg);
    struct committing *mine = find_committing(self);
    bool is_ready = mine->is_ready;
    *mine = committing[--commits];
    if (!is_ready)
        weft__park(self, reason, object, commit_nothing, NULL);
}

bool explore_ready(struct weft__task *task)
{
    struct committing *its = find_committing(task);
    if (its == NULL)
        weft__ready(task);
    else if (its->is_ready)
        explore_fail("a goroutine is readied twice");
    else
        its->is_ready = true;
    return true;
}

void explore_woken_add(const struct weft__woken *woken, struct weft__task *task)
{
    CHECK(woken_count < WAITERS_MAX);
    woken_by[woken_count++] = (struct woken){.by = woken, .task = task};
}

void explore_woken_ready(const struct weft__woken *woken, const char *file, int line)
{
    for (int i = 0; i < woken_count;) {
        if (woken_by[i].by != woken) {
            i++;
            continue;
        }
        struct weft__task *task = woken_by[i].task;
        memmove(&woken_by[i], &woken_by[i + 1], (size_t)(--woken_count - i) * sizeof woken_by[0]);
        explore_step(file, line);
        explore_wrote();
        explore_ready(task);
        i = 0; /* others may have come and gone at that point */
    }
}

/* ---- locks and spinners ---- */

static const struct weft__wait_reason for_lock = {.text = "internal lock"}, spinning = {.text = "busy waiting"};

static void wait_for(struct weft__lock *lock)
{
    struct weft__task *self = weft__self();
    CHECK(waiting < WAITERS_MAX);
    waiters[waiting++] = (struct waiter){.task = self, .lock = lock};
    weft__park(self, lock != NULL ? &for_lock : &spinning, lock, commit_nothing, NULL);
}

bool explore_lock_take(struct weft__lock *lock, bool wait, const char *file, int line)
{
    explore_step(file, line);
    while (atomic_load(&lock->word) != 0) {
        if (!wait)
            return false;
        if (!in_goroutine())
            explore_fail("%s:%d: a lock is taken where nobody can wait for it, and somebody has it", file, line);
        wait_for(lock);
    }
    atomic_store(&lock->word, 1);
    explore_wrote();
    return true;
}

void explore_lock_leave(struct weft__lock *lock, const char *file, int line)
{
    explore_step(file, line);
    if (atomic_load(&lock->word) == 0)
        explore_fail("%s:%d: a lock is left that nobody has", file, line);
    atomic_store(&lock->word, 0);
    explore_wrote();
    if (explore_on)
        ready_all(lock);
}

void explore_pause(const char *file, int line)
{
    explore_step(file, line);
    if (in_goroutine())
        wait_for(NULL);
}

void explore_wait_for_writes(void)
{
    explore_pause("scenario", 2);
}

bool explore_relieve(void)
{
    int before = waiting;
    if (rounds++ > LIVELOCK_ROUNDS)
        explore_fail("livelock: somebody waits busily for what nobody will do");
    ready_all(NULL);
    return waiting < before;
}

int explore_processor(void)
{
    return explore_on && !scenario->no_processors ? explore_self() : -1;
}

bool explore_may_spin(void)
{
    return explore_on && scenario->may_spin;
}

/* ---- choices ---- */

uint32_t explore_choose(uint32_t count)
{
    struct weft__sim_view view = {.count = count};
    return explore_on && count > 1 ? explore_chooser.choose(&explore_chooser, &view) : 0;
}

/* The two ends: a choice with probability 1/k by (random * k) >> 32 == 0 comes out either way. */
uint32_t explore_random(void)
{
    return explore_choose(2) != 0 ? UINT32_MAX : 0;
}

/* ---- memory ---- */

#define ARENA (1u << 20)
#define BLOCKS_MAX 256
#define FREED 0xdb

static _Alignas(4096) unsigned char arena[ARENA];
static struct block {
    unsigned char *start;
    size_t size;
    bool is_free;
} blocks[BLOCKS_MAX];
static size_t used;
static int block_count;

void explore_memory_begin(void)
{
    used = 0;
    block_count = 0;
}

void *explore_alloc(size_t size, size_t alignment)
{
    size_t at = (used + alignment - 1) & ~(alignment - 1);
    CHECK(at + size + 64 <= ARENA && block_count < BLOCKS_MAX);
    used = at + size + 64; /* a gap, which sanitizers would call a red zone */
    ASAN_UNPOISON_MEMORY_REGION(arena + at, size);
    memset(arena + at, 0xa5, size);
    blocks[block_count++] = (struct block){.start = arena + at, .size = size};
    return arena + at;
}

void explore_free(void *memory)
{
    if (memory == NULL)
        return;
    for (int i = 0; i < block_count; i++) {
        if (blocks[i].start != memory)
            continue;
        if (blocks[i].is_free)
            explore_fail("memory is given back twice");
        blocks[i].is_free = true;
        memset(memory, FREED, blocks[i].size);
        ASAN_POISON_MEMORY_REGION(memory, blocks[i].size);
        return;
    }
    explore_fail("memory is given back that is none");
}

/* Without a sanitizer: writes after the end are seen here, reads by the nonsense that they find. */
void explore_memory_check(void)
{
    for (int i = 0; i < block_count; i++) {
        if (!blocks[i].is_free)
            explore_fail("a block of %zu bytes was not given back", blocks[i].size);
        ASAN_UNPOISON_MEMORY_REGION(blocks[i].start, blocks[i].size);
        for (size_t k = 0; k < blocks[i].size; k++)
            if (blocks[i].start[k] != FREED)
                explore_fail("a block of %zu bytes was written to after it was given back", blocks[i].size);
    }
}
