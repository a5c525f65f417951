/* SPDX-License-Identifier: Apache-2.0
 *
 * story.h - what has happened in a test, in order: words, with a space after each. Each test is a process of its own, and tells from
 * one goroutine or thread at a time. */
#ifndef WEFT_TESTS_STORY_H
#define WEFT_TESTS_STORY_H

#include <stdarg.h>
#include <string.h>

#include "support.h"

static char story[4000];

TEST_HELPER void tell(const char *format, ...)
{
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

/* Also for weft_defer. */
TEST_HELPER void say(void *text)
{
    tell("%s ", (const char *)text);
}

/* That this is what was told, and no more; the story begins anew. */
#define CHECK_STORY(text)                                                                                              \
    do {                                                                                                               \
        ck_assert_str_eq(story, text);                                                                                 \
        story[0] = 0;                                                                                                  \
    } while (0)

#endif
