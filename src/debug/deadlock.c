/* SPDX-License-Identifier: Apache-2.0
 *
 * deadlock.c - the report of a program that can never go on: every goroutine, what it waits on, where it was spawned, its
 * frames. Runs in the thread that called weft_run (or in the simulation's), while all machines are idle. Exit code 2. */
#include "debug/census.h"

static void print_all(bool main_has_ended, struct weft__symbols *symbols)
{
    weft__out(WEFT__STDERR, "fatal error: %s\n",
              main_has_ended ? "no goroutines (main called weft_exit) - deadlock!"
                             : "all goroutines are asleep - deadlock!");
    weft__out_simulated(WEFT__STDERR);
    weft__census_print(WEFT__STDERR, symbols);
    if (weft__census_receivers() > 0)
        weft__out(WEFT__STDERR, "\nhint: a goroutine receives from a channel that nobody can send to any more. "
                                "Is a weft_chan_close missing after the last send?\n");
}

static void print_with_symbols(void *arg)
{
    const bool *main_has_ended = arg;
    struct weft__symbols *symbols = weft__symbols_open();
    print_all(*main_has_ended, symbols);
    weft__symbols_close(symbols);
}

void weft__report_deadlock(bool main_has_ended)
{
    weft__report_begin();
    weft__census_take(NULL, true);
    if (!weft__on_big_stack(print_with_symbols, &main_has_ended))
        print_all(main_has_ended, NULL);
    weft__report_end();
}
