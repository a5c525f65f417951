/* SPDX-License-Identifier: Apache-2.0
 *
 * dump.c - what all goroutines do, of a program that goes on (weft_dump), or that SIGQUIT ends.
 *
 * SIGQUIT: as in Go, a dump and exit code 2 in place of the default action. The handler only tells the watchdog, which dumps in
 *   the thread that called weft_run: a signal handler could not look for symbols. It is installed at the start of a run
 *   if the signal has its default action then - a program that handles or ignores it is left alone - and taken out at the end.
 *   It works once: another SIGQUIT, while the dump is stuck, has the default action.
 *
 * Locks:   the census's.
 * Callers: weft_dump: goroutines and threads. on_quit: any thread that does not block the signal (those of the runtime do). */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include <weft/run.h>

#include "debug/census.h"

struct dump {
    int fd;
    const struct weft__task *self; /* the goroutine that asked, or NULL */
    struct weft__trace trace;      /* its own frames */
};

static void print(const struct dump *dump, struct weft__symbols *symbols)
{
    size_t seen = weft__census_seen() + (dump->self != NULL ? 1 : 0), all = weft_goroutines();
    weft__out(dump->fd, "%zu goroutine%s\n", seen, seen == 1 ? "" : "s");
    weft__out_simulated(dump->fd);
    if (dump->self != NULL) {
        weft__out(dump->fd, "\n");
        weft__out_task(dump->fd, dump->self, "running");
        weft__trace_print(dump->fd, symbols, dump->trace.frames, dump->trace.count);
        weft__out_created(dump->fd, dump->self, weft__task_id(dump->self) == 1);
    }
    weft__census_print(dump->fd, symbols);
    if (all > seen)
        weft__out(dump->fd, "\n... and about %zu that have not begun to run\n", all - seen);
}

static void print_with_symbols(void *arg)
{
    const struct dump *dump = arg;
    struct weft__symbols *symbols = weft__symbols_open();
    print(dump, symbols);
    weft__symbols_close(symbols);
}

static void dump_all(struct dump *dump)
{
    weft__census_take(dump->self, false);
    if (!weft__on_big_stack(print_with_symbols, dump))
        print(dump, NULL);
    weft__census_give_back();
}

void weft_dump(int fd)
{
    const struct weft__task *self = weft__self();
    struct dump dump = {.fd = fd, .self = self->is_thread ? NULL : self};
    if (dump.self != NULL)
        weft__trace_take(&dump.trace);
    dump_all(&dump);
}

/* ---- SIGQUIT ---- */

static void on_quit(int number)
{
    int kept = errno;
    (void)number;
    weft__ask_for_quit();
    errno = kept;
}

static void set_action(void (*handler)(int), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(SIGQUIT, &action, NULL);
}

static bool has_action(void (*handler)(int))
{
    struct sigaction action;
    return sigaction(SIGQUIT, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
           action.sa_handler == handler;
}

void weft__quit_watch_start(void)
{
    if (has_action(SIG_DFL))
        set_action(on_quit, SA_RESTART | SA_RESETHAND);
}

void weft__quit_watch_stop(void)
{
    if (has_action(on_quit))
        set_action(SIG_DFL, 0);
    if (weft__quit_is_asked())
        (void)raise(SIGQUIT); /* the run has ended before the watchdog saw to it */
}

void weft__report_quit(void)
{
    struct dump dump = {.fd = WEFT__STDERR};
    weft__report_begin();
    weft__out(WEFT__STDERR, "SIGQUIT: quit\n");
    dump_all(&dump);
    weft__report_end();
}
