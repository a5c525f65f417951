/* SPDX-License-Identifier: Apache-2.0
 *
 * dumps.h - for the tests of dumps: a run in a child process, and what its standard error says of one goroutine. */
#ifndef WEFT_TESTS_DUMPS_H
#define WEFT_TESTS_DUMPS_H

#include <stdlib.h>
#include <string.h>

#include <weft/run.h>

#include "support.h"

#define STAY() __asm__ __volatile__("" ::: "memory") /* in a loop, or behind a call that is not to be the last */

static int procs = 2;

/* For test_child. */
TEST_HELPER int run_app(void *app)
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(procs);
    return weft_run((int (*)(int, char **))app, 1, argv);
}

/* A block: its first line is like header, it has a line like inside. */
TEST_HELPER void check_block(const struct test_child *child, const char *header, const char *inside)
{
    const char *at = child->err, *end;
    for (; (at = strstr(at, "\ngoroutine ")) != NULL; at = end) {
        end = strstr(at + 1, "\n\n");
        end = end != NULL ? end + 1 : at + strlen(at);
        char *block = strndup(at + 1, (size_t)(end - at - 1));
        char *text = strchr(block, '\n');
        ck_assert_ptr_nonnull(text);
        *text++ = 0;
        bool found = test_matches(block, header) && test_matches(text, inside);
        free(block);
        if (found)
            return;
    }
    ck_abort_msg("no goroutine \"%s\" with \"%s\" in: %s", header, inside, child->err);
}

#endif
