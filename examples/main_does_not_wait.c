/* SPDX-License-Identifier: Apache-2.0
 *
 * main_does_not_wait.c - when main returns, the other goroutines are cut off. */
#include <stdio.h>

#include <weft/words.h>

static void slow(void)
{
    weft_sleep(10 * WEFT_SECOND);
    printf("nobody sees this\n");
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(slow);
    printf("main is done\n");
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
