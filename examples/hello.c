/* SPDX-License-Identifier: Apache-2.0
 *
 * hello.c - a goroutine and a sleep. */
#include <stdio.h>

#include <weft/words.h>

static void hello(const char *name)
{
    printf("Hello from %s\n", name);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    go(hello, "a goroutine");
    weft_sleep(100 * WEFT_MILLISECOND);
    printf("Hello from main\n");
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
