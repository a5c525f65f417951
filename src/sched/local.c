/* SPDX-License-Identifier: Apache-2.0
 *
 * local.c - goroutine-local values: a table per task, made when the first value is set.
 *
 * Data:       task->locals, NULL or the table; its entries are in the order of the keys' numbers, which keys get when they are
 *             first set, from 1. An entry knows its key, and so the destructor, since the last set.
 * Invariants: a goroutine that has ended, and one that has not begun, has no table.
 * Locks:      none. A table is its task's own. A key's number is an atomic word that is written once.
 * Ends:       weft__locals_end, on the goroutine's own stack, where it may park; or by the end of the thread (port). A
 *             destructor may set values, which may move the table, and may leave by weft_exit, upon which
 *             weft__locals_end is called again: so what is left to do is in the table, not in a frame.
 * Callers:    goroutines and threads.
 * Source:     POSIX's thread-specific data, but for the deletion of keys. */
#include <errno.h>
#include <string.h>

#include <weft/local.h>

#include "port/port.h"
#include "sched/sched.h"

#define ROOM_FIRST 4u
#define ROUNDS 4u

struct entry {
    const weft_local *key; /* NULL: nothing was set yet */
    void *value;
};

struct weft__locals {
    uint32_t room;
    uint32_t at, rounds; /* of the destruction: the next entry, and how often the last one was passed */
    bool again;          /* this round has called a destructor */
    struct entry entries[];
};

typedef WEFT__ATOMIC(uint64_t) number;
_Static_assert(sizeof(number) == sizeof((weft_local *)NULL)->opaque, "the public word holds the number");

/* relaxed, here and below: a number carries no data; the entry that it tells is the caller's own, and a caller that has set
 * a value finds the number that it had then. */
static uint64_t number_of(const weft_local *key)
{
    return weft__load_relaxed((number *)(uintptr_t)&key->opaque);
}

static uint64_t give_number(weft_local *key)
{
    static number last;
    uint64_t mine = weft__add_relaxed(&last, UINT64_C(1)) + 1, old = 0;
    /* Who loses leaves a number unused. */
    return weft__cas_relaxed((number *)&key->opaque, &old, mine) ? mine : old;
}

void *weft_local_get(const weft_local *key)
{
    const struct weft__locals *locals = weft__self()->locals;
    uint64_t index = number_of(key) - 1; /* without a number: beyond every table */
    return locals != NULL && index < locals->room ? locals->entries[index].value : NULL;
}

/* ---- set ---- */

static void end_of_thread(void *task)
{
    weft__locals_end(task);
}

static int grow(struct weft__task *task, uint64_t index)
{
    struct weft__locals *old = task->locals;
    uint64_t room = old != NULL ? old->room : ROOM_FIRST;
    while (room <= index)
        room *= 2;
    struct weft__locals *locals = weft__port_alloc(sizeof *locals + room * sizeof locals->entries[0], 16);
    if (locals == NULL)
        return -ENOMEM;
    memset(locals, 0, sizeof *locals + room * sizeof locals->entries[0]);
    if (old != NULL)
        memcpy(locals, old, sizeof *old + old->room * sizeof old->entries[0]);
    locals->room = (uint32_t)room;
    int error = old == NULL && task->is_thread ? weft__port_thread_at_exit(end_of_thread, task) : 0;
    if (error != 0) {
        weft__port_free(locals);
        return error;
    }
    task->locals = locals;
    weft__port_free(old);
    return 0;
}

int weft_local_set(weft_local *key, void *value)
{
    struct weft__task *self = weft__self();
    uint64_t index = number_of(key) - 1;
    if (WEFT__UNLIKELY(self->locals == NULL || index >= self->locals->room)) {
        if (value == NULL)
            return 0;
        if (index == UINT64_MAX)
            index = give_number(key) - 1;
        if (self->locals == NULL || index >= self->locals->room) {
            int error = grow(self, index);
            if (error != 0)
                return error;
        }
    }
    self->locals->entries[index] = (struct entry){key, value};
    return 0;
}

/* ---- the end ---- */

void weft__locals_forget(struct weft__task *task)
{
    weft__port_free(task->locals);
    task->locals = NULL;
}

void weft__locals_end(struct weft__task *task)
{
    struct weft__locals *locals;
    while ((locals = task->locals) != NULL) {
        if (locals->at == locals->room) {
            if (!locals->again)
                break;
            locals->rounds++;
            locals->at = 0;
            locals->again = false;
            continue;
        }
        struct entry *entry = &locals->entries[locals->at++];
        void *value = entry->value;
        entry->value = NULL;
        if (value != NULL && entry->key->destructor != NULL) {
            if (locals->rounds == ROUNDS)
                weft__panic("the destructors of goroutine-local values set values again and again");
            locals->again = true;
            entry->key->destructor(value);
        }
    }
    weft__locals_forget(task);
}
