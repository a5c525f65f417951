/* SPDX-License-Identifier: Apache-2.0
 *
 * panics.h - for tests of weft_recover: functions that it contains, and what becomes of their deferred calls. */
#ifndef WEFT_TESTS_PANICS_H
#define WEFT_TESTS_PANICS_H

#include <weft/recover.h>
#include <weft/words.h>

#include "story.h"

/* Tells "b a ". */
TEST_HELPER void panics(void *arg)
{
    weft_defer(say, "a");
    {
        weft_defer(say, "b");
        weft_panic("bad %s", (const char *)arg);
    }
}

TEST_HELPER void panics_with(void *text)
{
    weft_panic("%s", (const char *)text);
}

/* Tells "inside ". */
TEST_HELPER void exits(void *unused)
{
    (void)unused;
    weft_defer(say, "inside");
    weft_exit();
}

/* For test_child: a run of a main function. */
TEST_HELPER int run_app(void *app)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(2);
    return weft_run((int (*)(int, char **))app, 1, argv);
}

#endif
