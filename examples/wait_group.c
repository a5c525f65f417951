/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_group.c - three workers, each with its own id, and a wait for all of them. */
#include <stdio.h>

#include <weft/words.h>

static void worker(int id)
{
    printf("worker %d starts\n", id);
    weft_sleep(50 * WEFT_MILLISECOND);
    printf("worker %d is done\n", id);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int id = 1; id <= 3; id++)
        weft_waitgroup_go(&wg, worker, id); /* id is copied here, not read later */
    weft_waitgroup_wait(&wg);
    printf("all workers are done\n");
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
