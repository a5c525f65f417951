/* SPDX-License-Identifier: Apache-2.0
 *
 * goroutine.h - the goroutine, and the spawn record that it is before it first runs.
 *
 * A goroutine that has not run yet is a struct spawn: its function and arguments, 64 bytes for the common case, no
 * stack. When a machine first runs it, it takes a stack, whose struct goroutine (at the stack's top, type-stable: a
 * stack's memory is never unmapped) becomes its identity; the arguments are copied to the stack and the record goes back.
 *
 *              +--------------------------+  high
 *              | colour (0-960 bytes)     |
 *              | struct goroutine         |  <- what queues, waiters and reports refer to
 *              | frames, downwards        |
 *              |          ...             |
 *              | guard                    |
 *              +--------------------------+  low
 *
 * A run queue holds both kinds: a runnable is a pointer, its lowest bit set for a spawn record. */
#ifndef WEFT_SCHED_GOROUTINE_H
#define WEFT_SCHED_GOROUTINE_H

#include "arch/arch.h"
#include "sched/sched.h"

enum weft__state {
    WEFT__FREE,     /* a stack without a goroutine */
    WEFT__RUNNABLE, /* in a queue, or about to be */
    WEFT__RUNNING,
    WEFT__WAITING, /* parked: reason and object say on what */
    WEFT__BLOCKED  /* in a weft_blocking section: it has its machine and no processor */
};

struct goroutine {
    struct weft__task task;
    bool own_stack; /* immutable: a stack of a size of its own, not one of the pool's */
    bool is_main;   /* immutable while it lives */
    bool held;      /* it stays suspended while the gate is closed; owner of the gate only */
    bool lost;      /* of a run that ended without one of its machines: never used again */
    uint64_t id;    /* the rest: immutable while it lives */
    const struct weft_site *site;
    const char *name;
    void (*on_exit)(void *arg, int result);
    void *on_exit_arg;
    char *stack_low;   /* lowest usable byte, above the guard; immutable */
    size_t stack_size; /* guard included; immutable */
    void *fiber;       /* TSan's handle */
    void *fake_stack;  /* ASan's handle */
};

/* How the arguments of a spawn record are kept. */
enum weft__spawn_kind {
    WEFT__SPAWN_FEW,  /* integer[0..3] in the record */
    WEFT__SPAWN_ALL,  /* struct weft__arguments in the long record */
    WEFT__SPAWN_COPY, /* one value in the long record: fn(copy) */
    WEFT__SPAWN_HEAP  /* the same, in memory of its own */
};

struct spawn {
    void *next; /* queue link: a tagged runnable; or free list */
    void (*fn)(void);
    const struct weft_site *site;
    uint8_t kind; /* enum weft__spawn_kind */
    bool is_long; /* a struct long_spawn */
    bool is_main;
    uint32_t size;   /* of the value, for the two copying kinds; a short one: see runnable_set_ahead */
    uint64_t few[4]; /* integer arguments; kind HEAP: few[0] is the value's address */
#ifdef WEFT_RACE_REPORTS
    void *fiber; /* TSan's handle, until the goroutine has it */
    unsigned char race;
#endif
};
#ifndef WEFT_RACE_REPORTS
_Static_assert(sizeof(struct spawn) == 64, "a spawn record is one cache line");
#endif

struct long_spawn {
    struct spawn head;
    const char *name;
    void (*on_exit)(void *arg, int result);
    void *on_exit_arg;
    void *context;           /* the task's */
    struct goroutine *stack; /* taken at the spawn, if it has a size of its own; else NULL */
    union {
        struct weft__arguments arguments;
        _Alignas(16) unsigned char value[sizeof(struct weft__arguments)];
    };
};

typedef uintptr_t runnable;
#define RUNNABLE_NONE ((runnable)0)

static inline runnable runnable_of_spawn(struct spawn *spawn)
{
    return (runnable)spawn | 1;
}
static inline runnable runnable_of_goroutine(struct goroutine *g)
{
    return (runnable)g;
}
static inline bool runnable_is_spawn(runnable r)
{
    return (r & 1) != 0;
}
static inline struct spawn *runnable_spawn(runnable r)
{
    return (struct spawn *)(r & ~(runnable)1);
}
static inline struct goroutine *runnable_goroutine(runnable r)
{
    return (struct goroutine *)r;
}
/* The queue link is the first word of both kinds. */
static inline void runnable_set_next(runnable r, runnable next)
{
    *(runnable *)(r & ~(runnable)1) = next;
}
static inline runnable runnable_next(runnable r)
{
    return *(runnable *)(r & ~(runnable)1);
}
_Static_assert(offsetof(struct goroutine, task) == 0 && offsetof(struct weft__task, next) == 0 &&
                   offsetof(struct spawn, next) == 0,
               "the queue link comes first");
_Static_assert(offsetof(struct weft__task, deferred) < 64, "a switch and a wake touch one line of a task");

/* Compilers take a function that only prefetches for one without effects, and drop calls of it that they have not inlined by then. */
#define RUNNABLE_PREFETCHES static inline __attribute__((always_inline))

/* What is looked at first, whoever has written it last. A hint, for anyone: it may be gone. */
RUNNABLE_PREFETCHES void runnable_prefetch_first(runnable r)
{
    __builtin_prefetch((const void *)(r & ~(runnable)1), 1);
}

/* In a chain of many: ahead's first line is wanted when the walk comes to r. A short spawn record, which has no size to keep, says
 * how far away it is, in units that the addresses of all records and goroutines are multiples of. */
#define RUNNABLE_UNIT 16
static inline void runnable_set_ahead(runnable r, runnable ahead)
{
    if (!runnable_is_spawn(r)) {
        runnable_goroutine(r)->task.ahead = ahead;
        return;
    }
    struct spawn *s = runnable_spawn(r);
    int64_t distance = ahead != RUNNABLE_NONE ? (int64_t)((ahead & ~(runnable)1) - (runnable)s) / RUNNABLE_UNIT : 0;
    if (!s->is_long)
        s->size = distance == (int32_t)distance ? (uint32_t)distance : 0;
}
RUNNABLE_PREFETCHES void runnable_prefetch_ahead(runnable r)
{
    if (!runnable_is_spawn(r))
        runnable_prefetch_first(runnable_goroutine(r)->task.ahead);
    else if (!runnable_spawn(r)->is_long)
        runnable_prefetch_first(r + (runnable)((int64_t)(int32_t)runnable_spawn(r)->size * RUNNABLE_UNIT));
}

/* Have the frames of a goroutine that will soon be resumed, but not now, on their way to the cache: they are on a page of
 * their own. So much of them as leaves a channel operation for the function that has called it. For the one who has it off every
 * queue, or under the queue's lock. */
RUNNABLE_PREFETCHES void runnable_prefetch(runnable r)
{
    if (r != RUNNABLE_NONE && !runnable_is_spawn(r)) {
        const char *frames = runnable_goroutine(r)->task.sp;
        for (int line = 0; line < 5; line++)
            __builtin_prefetch(frames + line * 64);
    }
}

static inline struct goroutine *task_goroutine(struct weft__task *task)
{
    return (struct goroutine *)task;
}

#endif
