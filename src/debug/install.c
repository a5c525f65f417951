/* SPDX-License-Identifier: Apache-2.0
 *
 * install.c - tells the rooms below where to report. */
#include "debug/debug.h"

void weft__debug_install(void)
{
    static const struct weft__sched_hooks hooks = {
        .machine_start = weft__overflow_thread_start,
        .machine_stop = weft__overflow_thread_stop,
        .deadlock = weft__report_deadlock,
        .watch_start = weft__quit_watch_start,
        .watch_stop = weft__quit_watch_stop,
        .quit = weft__report_quit,
    };
    weft__set_reporter(weft__report_fault);
    weft__sched_set_hooks(&hooks);
    weft__overflow_install();
}
