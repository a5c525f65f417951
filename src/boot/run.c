/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - weft_run and weft_sim: bring the rooms together. The top room: it alone knows of all the others. */
#include <stdio.h>

#include <weft/run.h>
#include <weft/sim.h>

#include "debug/debug.h"
#include "port/port.h"
#include "sched/sim.h"

/* What is buffered goes out before the caller goes on; a stream that a cut-off goroutine holds locked is left to exit(3). */
static void flush(FILE *stream)
{
    if (ftrylockfile(stream) == 0) {
        fflush_unlocked(stream);
        funlockfile(stream);
    }
}

/* Another goroutine is panicking: let its report come out, which ends the process (G-02). Its deferred calls may take for ever,
 * so they get a moment only. */
static void let_panics_finish(void)
{
    for (int i = 0; i < 100 && weft__panic_has_begun(); i++)
        weft__port_thread_sleep(WEFT_MILLISECOND);
    while (weft__report_has_begun())
        weft__port_thread_sleep(WEFT_SECOND);
}

static int end(int result)
{
    let_panics_finish();
    flush(stdout);
    flush(stderr);
    return result;
}

int weft_run(int (*app)(int argc, char **argv), int argc, char **argv)
{
    weft__debug_install();
    return end(weft__sched_run(app, argc, argv));
}

struct simulated {
    int (*fn)(void *arg);
    void *arg;
};

static int call_simulated(int argc, char **argv)
{
    const struct simulated *simulated = (const struct simulated *)argv;
    (void)argc;
    return simulated->fn(simulated->arg);
}

int weft_sim(uint64_t seed, int (*fn)(void *arg), void *arg)
{
    struct simulated simulated = {fn, arg};
    struct weft__sim_settings settings = {.seed = seed};
    weft__debug_install();
    return end(weft__sched_sim(&settings, call_simulated, 0, (char **)&simulated));
}
