/* SPDX-License-Identifier: Apache-2.0
 *
 * race.c - goroutines for ThreadSanitizer, in weft_race; race.h says what each function means.
 *
 * Fibers: one per goroutine, made at the spawn, so that a report shows where that was. Nothing is ordered by making it, nor by
 *         switching to it. On behalf of another goroutine is said what is said while its fiber is switched to, for a moment,
 *         without a switch of stacks. A thread that waits cannot be spoken for in that way: a new fiber does it,
 *         which knows nothing but what it acquires.
 * Stacks: a new goroutine on the stack of one that has ended would be taken for the same memory used twice without order, and
 *         a mutex at the same address for the same mutex. munmap makes ThreadSanitizer forget a range, its synchronisation
 *         included; it does so before the kernel is asked, which refuses an address that is not on a page's border. So the
 *         memory stays, and only what was known of it goes. (Mapping anew in its place would forget no synchronisation, and lose
 *         the pages.) The cases about stacks in tests/race/goroutine_test.c fail where that does not work.
 * Thread-locals: goroutines on one thread take turns with them, errno above all. Accesses to them are no races.
 * Sources: compiler-rt's tsan_interface.h, tsan_interface_ann.h and tsan_interceptors_posix.cpp. */
#include "sched/race.h"

#ifdef WEFT_RACE_REPORTS

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>

#include "port/port.h"

void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_set_fiber_name(void *fiber, const char *name);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *memory, size_t size, const char *why);

#define ORIGINS 2

/* Of the next weft__spawn_call of this thread, which comes before anything that could park. */
static __thread const void *origins[ORIGINS];

static void *new_fiber(void)
{
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__); /* to make it orders nothing */
    void *fiber = __tsan_create_fiber(0);
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    return fiber;
}

static void *speak_for(void *fiber)
{
    void *self = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber, WEFT__SWITCH_WITHOUT_ORDER);
    return self;
}

static void speak_for_oneself(void *self)
{
    __tsan_switch_to_fiber(self, WEFT__SWITCH_WITHOUT_ORDER);
}

/* ---- the beginning ---- */

void weft__race_born(struct spawn *spawn, void *caller)
{
    weft__race_enter(caller);
    spawn->fiber = new_fiber();
    weft__race_leave();
}

void weft__race_follows_caller(struct spawn *spawn)
{
    weft__race_publish(&spawn->race);
    void *self = speak_for(spawn->fiber);
    weft__race_acquire(&spawn->race);
    speak_for_oneself(self);
}

void weft__race_origin(const void *object)
{
    origins[origins[0] == NULL ? 0 : 1] = object;
}

/* Not to be inlined, as race_origin: a caller that parks may be in another thread afterwards. */
__attribute__((noinline)) void weft__race_follows_origins(struct spawn *spawn)
{
    for (int i = 0; i < ORIGINS && origins[i] != NULL; i++) {
        if (spawn != NULL) {
            void *self = speak_for(spawn->fiber);
            weft__race_acquire(origins[i]);
            speak_for_oneself(self);
        }
        origins[i] = NULL;
    }
}

void weft__race_unborn(struct spawn *spawn)
{
    __tsan_destroy_fiber(spawn->fiber);
    spawn->fiber = NULL;
}

void weft__race_begin(struct goroutine *g)
{
    struct spawn *spawn = g->task.object;
    char name[64];
    g->fiber = spawn->fiber;
    spawn->fiber = NULL;
    snprintf(name, sizeof name, "goroutine %llu%s%s", (unsigned long long)g->id, g->name != NULL ? " " : "",
             g->name != NULL ? g->name : "");
    __tsan_set_fiber_name(g->fiber, name);

    /* From eight bytes below the stack's first, so that its first page is forgotten, too, to the end of g's page. */
    size_t page = weft__port_page_size();
    char *low = g->stack_low - 8, *high = (char *)(((uintptr_t)(g + 1) + page - 1) & ~(uintptr_t)(page - 1));
    CHECK(munmap(low, (size_t)(high - low)) == -1 && errno == EINVAL);
}

/* ---- those who are parked ---- */

void weft__race_publish_as(struct weft__task *task, unsigned char *word)
{
    if (!task->is_thread) {
        void *self = speak_for(task_goroutine(task)->fiber);
        weft__race_publish(word);
        speak_for_oneself(self);
        return;
    }
    void *other = new_fiber(), *self = speak_for(other);
    weft__race_acquire(&task->race.out);
    weft__race_publish(word);
    speak_for_oneself(self);
    __tsan_destroy_fiber(other);
}

void weft__race_wake(struct weft__task *task, const void *object)
{
    if (!task->is_thread) {
        void *self = speak_for(task_goroutine(task)->fiber);
        weft__race_acquire(object);
        speak_for_oneself(self);
        return;
    }
    void *other = new_fiber(), *self = speak_for(other);
    weft__race_acquire(object);
    weft__race_publish(&task->race.in);
    speak_for_oneself(self);
    __tsan_destroy_fiber(other);
}

/* ---- thread-locals ---- */

static int forgive_thread_locals(struct dl_phdr_info *module, size_t size, void *unused)
{
    (void)size, (void)unused;
    if (module->dlpi_tls_data == NULL)
        return 0;
    for (int i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_TLS)
            AnnotateBenignRaceSized(__FILE__, __LINE__, module->dlpi_tls_data, module->dlpi_phdr[i].p_memsz,
                                    "a thread-local, with which goroutines on one thread take turns");
    return 0;
}

void weft__race_machine(void)
{
    (void)dl_iterate_phdr(forgive_thread_locals, NULL);
}

#endif
