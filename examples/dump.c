/* SPDX-License-Identifier: Apache-2.0
 *
 * dump.c - what all goroutines do: a program that seems to be stuck says where. */
#include <stdio.h>
#include <unistd.h>

#include <weft/words.h>

static void collect(recv_chan(int) results)
{
    chan_range(int, result, results)
        printf("%d\n", result);
}

static void clean(weft_mutex *table)
{
    weft_mutex_lock(table);
    weft_mutex_unlock(table);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    static weft_mutex table = WEFT_MUTEX_INIT;
    chan(int) results = chan_make(int, 10);
    go(collect, recv_only(results));
    weft_mutex_lock(&table); /* and forgotten */
    go_with(((struct weft_go_options){.name = "janitor"}), clean, &table);
    weft_sleep(100 * WEFT_MILLISECOND);
    weft_dump(STDERR_FILENO);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
