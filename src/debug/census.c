/* SPDX-License-Identifier: Apache-2.0
 *
 * census.c - all goroutines, for a report: what each waits on, where it was spawned, its frames; with very many of them, the first
 * ones in full and the rest counted.
 *
 * Taking and printing are apart. The world is held while the census is taken, which is a matter of copies; it goes on while
 * symbols are looked for and a descriptor may block (its reader may be a goroutine).
 *
 *      weft__census_take:  world held:  [ weft__goroutines_each -> one entry each: texts copied, return addresses ]
 *      weft__census_print: world goes on
 *
 * Data:       one census, static, so that nothing can be lacking when a report is due: its pages are touched by the first.
 * Locks:      owner, from take to give_back: threads sleep for it. A report that ends the process does not give back.
 * Callers:    goroutines, threads and the watchdog; no signal handler. */
#include <stdio.h>
#include <string.h>

#include <weft/run.h>

#include "debug/census.h"
#include "port/port.h"

#define IN_FULL 100
#define OWNER_POLL (1 * WEFT_MILLISECOND)

/* What a walk takes of the stack that it walks: 2 KiB were measured on x86_64, 6.2 KiB under AddressSanitizer (gcc 12, clang 14, glibc
 * 2.36); elsewhere an unwinder's context has more registers. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__)
#define WALK_ROOM ((size_t)12 << 10)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WALK_ROOM ((size_t)12 << 10)
#endif
#endif
#ifndef WALK_ROOM
#define WALK_ROOM ((size_t)4 << 10)
#endif

struct entry {
    uint64_t id;
    bool is_main, is_named;
    const char *no_frames; /* why; NULL: they are there */
    const struct weft_site *site;
    char name[64];
    char what[512];
    struct weft__trace trace;
};

static struct {
    WEFT__ATOMIC(uint32_t) owner;
    bool held;
    const struct weft__task *self;
    size_t seen, receivers;
    struct entry entries[IN_FULL];
} census;

/* ---- taking ---- */

static void describe(struct entry *entry, const struct weft__goroutine_report *report)
{
    const struct weft__wait_reason *reason = report->waiting ? report->task->reason : NULL;
    char more[400] = "";
    if (reason != NULL && reason->describe != NULL)
        reason->describe(report->task->object, more, sizeof more);
    snprintf(entry->what, sizeof entry->what, "%s%s%s%s", reason != NULL ? reason->text : report->state,
             more[0] != 0 ? " " : "", more, report->is_locked ? ", locked to its thread" : "");
}

static void take_frames(struct entry *entry, const struct weft__goroutine_report *report)
{
    entry->no_frames = NULL;
    entry->trace.count = 0;
    if (report->suspended != NULL && report->room >= WALK_ROOM)
        weft__trace_take_of(&entry->trace, report->suspended);
    else if (report->suspended != NULL)
        entry->no_frames = "its stack is too full to be walked";
    else if (census.held)
        entry->no_frames = "on a thread: its frames cannot be read";
    else
        entry->no_frames = "frames cannot be read now";
}

static bool take_one(const struct weft__goroutine_report *report, void *unused)
{
    (void)unused;
    if (report->task == census.self)
        return true;
    const struct weft__wait_reason *reason = report->waiting ? report->task->reason : NULL;
    if (reason != NULL && strncmp(reason->text, "chan receive", 12) == 0)
        census.receivers++;
    if (census.seen++ >= IN_FULL)
        return true;
    struct entry *entry = &census.entries[census.seen - 1];
    const char *name = weft__task_name(report->task);
    entry->id = weft__task_id(report->task);
    entry->site = weft__task_site(report->task);
    entry->is_main = report->is_main;
    /* A goroutine that runs may end, and the name with it. */
    entry->is_named = name != NULL && weft__port_peek_text(entry->name, name, sizeof entry->name);
    describe(entry, report);
    take_frames(entry, report);
    return true;
}

void weft__census_take(const struct weft__task *self, bool still)
{
    while (weft__exchange_acquire(&census.owner, 1u) != 0) /* pairs with weft__census_give_back */
        weft__port_thread_sleep(OWNER_POLL);
    weft__trace_take(&census.entries[0].trace); /* the first walk loads what it needs: not on a goroutine's stack */
    census.self = self;
    census.seen = census.receivers = 0;
    census.held = weft__world_hold(still);
    weft__goroutines_each(take_one, NULL);
    weft__world_release();
}

void weft__census_give_back(void)
{
    weft__store_release(&census.owner, 0u); /* pairs with weft__census_take */
}

/* ---- printing ---- */

static void print_entry(int fd, struct weft__symbols *symbols, const struct entry *entry)
{
    weft__out(fd, "\n");
    weft__out_header(fd, entry->id, entry->is_named ? entry->name : NULL, entry->what);
    if (entry->no_frames != NULL)
        weft__out(fd, "    (%s)\n", entry->no_frames);
    else
        weft__trace_print(fd, symbols, entry->trace.frames, entry->trace.count);
    weft__out_site(fd, entry->site, entry->is_main);
}

void weft__census_print(int fd, struct weft__symbols *symbols)
{
    for (size_t i = 0; i < census.seen && i < IN_FULL; i++)
        print_entry(fd, symbols, &census.entries[i]);
    if (census.seen > IN_FULL)
        weft__out(fd, "\n... and %zu more goroutines\n", census.seen - IN_FULL);
}

size_t weft__census_seen(void)
{
    return census.seen;
}

size_t weft__census_receivers(void)
{
    return census.receivers;
}
