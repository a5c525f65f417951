/* SPDX-License-Identifier: Apache-2.0
 *
 * program.c - a program of somebody else, for check_installed: two goroutines count, with the mutex when there is an argument, and
 * without it otherwise. */
#include <stdio.h>
#include <weft/words.h>

static weft_mutex mutex;
static int counter;

static void counts(bool locked)
{
    if (locked)
        weft_mutex_lock(&mutex);
    counter++;
    if (locked)
        weft_mutex_unlock(&mutex);
}

static int app(int argc, char **argv)
{
    weft_waitgroup wg = {0};
    (void)argv;
    weft_waitgroup_go(&wg, counts, argc > 1);
    weft_waitgroup_go(&wg, counts, argc > 1);
    weft_waitgroup_wait(&wg);
    printf("%d\n", counter);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
