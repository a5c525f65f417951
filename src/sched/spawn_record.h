/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn_record.h - where spawn records come from and go to. See spawn_record.c.
 *
 * Ordering: a record's words are handed on with the record: by the run queue, or by runtime.lock. */
#ifndef WEFT_SCHED_SPAWN_RECORD_H
#define WEFT_SCHED_SPAWN_RECORD_H

#include "sched/runtime.h"

#define RECORD_CACHE_MAX 256u
#define RECORD_AHEAD 1 /* few[RECORD_AHEAD] of a free one: one that will be taken some time after it, or NULL */

struct spawn *weft__record_take_spare(struct processor *p, bool is_long);
void weft__record_give_spare(struct spawn *s);
void weft__record_spill(struct processor *p, bool is_long);

/* Its is_long is set. p: the caller's, NULL for a plain thread. NULL: no memory. */
static inline struct spawn *record_take(struct processor *p, bool is_long)
{
    struct spawn *s;
    if (WEFT__UNLIKELY(p == NULL || (s = p->spawns.first[is_long]) == NULL))
        return weft__record_take_spare(p, is_long);
    p->spawns.first[is_long] = s->next;
    p->spawns.count[is_long]--;
    __builtin_prefetch((void *)(uintptr_t)s->few[RECORD_AHEAD], 1); /* it may have ended on another processor */
    return s;
}

static inline void record_give(struct processor *p, struct spawn *s)
{
    bool is_long = s->is_long;
    if (WEFT__UNLIKELY(p == NULL)) {
        weft__record_give_spare(s);
        return;
    }
    s->next = p->spawns.first[is_long];
    s->few[RECORD_AHEAD] = (uint64_t)(uintptr_t)s->next;
    p->spawns.first[is_long] = s;
    if (WEFT__UNLIKELY(++p->spawns.count[is_long] > RECORD_CACHE_MAX))
        weft__record_spill(p, is_long);
}

#endif
