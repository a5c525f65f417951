/* SPDX-License-Identifier: Apache-2.0
 *
 * program.c - a program of somebody else, for check_installed: two goroutines count, with the mutex when there is an argument, and
 * without it otherwise. One after the other, though nothing orders them: ThreadSanitizer may miss two that are there at the very same
 * moment, and one that more than three others to the same eight bytes have followed, as those of the one who waits would be. */
#include <stdatomic.h>
#include <stdio.h>
#include <weft/words.h>

static weft_mutex mutex;
static _Alignas(8) int counter;
static _Alignas(8) atomic_int turn;

static void counts(int number, bool locked)
{
    while (atomic_load_explicit(&turn, memory_order_relaxed) != number)
        weft_yield();
    if (locked)
        weft_mutex_lock(&mutex);
    counter++;
    if (locked)
        weft_mutex_unlock(&mutex);
    atomic_store_explicit(&turn, number + 1, memory_order_relaxed);
}

static int app(int argc, char **argv)
{
    weft_waitgroup wg = {0};
    (void)argv;
    weft_waitgroup_go(&wg, counts, 0, argc > 1);
    weft_waitgroup_go(&wg, counts, 1, argc > 1);
    weft_waitgroup_wait(&wg);
    printf("%d\n", counter);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
