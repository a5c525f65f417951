/* SPDX-License-Identifier: Apache-2.0
 *
 * contexts.h - for tests of contexts: what must hold of one. */
#ifndef WEFT_TESTS_CONTEXTS_H
#define WEFT_TESTS_CONTEXTS_H

#include <errno.h>

#include <weft/words.h>

#include "sync/context.h"

#include "support.h"

TEST_HELPER weft_context *root(void)
{
    return weft_context_background();
}

TEST_HELPER weft_context *checked(weft_context *context)
{
    test_check(context != NULL);
    return context;
}

TEST_HELPER bool done_is_closed(weft_context *context)
{
    bool value = true, ok = true;
    if (!weft_chan_try_recv(weft_context_done(context), &value, &ok))
        return false;
    test_check(!ok && !value);
    return true;
}

/* Cancelled like this, and done says so. */
TEST_HELPER void check_state(weft_context *context, int err, int cause)
{
    test_check(weft_context_err(context) == err);
    test_check(weft_context_cause(context) == cause);
    test_check(done_is_closed(context) == (err != 0));
}

#endif
