/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.h - what the tests of the room sync share. All memory is watched there: rows, and the waiters in them, as well as what the tests
 * say of theirs. */
#ifndef WEFT_ORDERS_SYNC_H
#define WEFT_ORDERS_SYNC_H

#include "points.h"

#include "support.h"
#include "sync/context.h"

#define STEPS 30 /* a lock and an unlock, and some */

static weft_context *context;
static char data[ORDERS_THREADS][8]; /* plain */
static int passed; /* of the simulation alone, like all that is neither registered nor in the library */

static inline void begin(void)
{
    orders_tasks_begin();
    orders_watch();
    passed = 0;
}

static inline void register_word(uint64_t *word)
{
    orders_atomic(word, sizeof *word);
}

static inline void begin_with_context(void)
{
    begin();
    context = weft_context_with_cancel(weft_context_background());
    struct weft__canceller *canceller = context->canceller;
    orders_atomic((void *)&context->references, sizeof context->references);
    orders_atomic((void *)&canceller->lock.word, sizeof canceller->lock.word);
    orders_atomic((void *)&canceller->done.lock.word, sizeof canceller->done.lock.word);
    orders_atomic((void *)&canceller->done.closed, sizeof canceller->done.closed);
    orders_atomic((void *)&canceller->done.count, sizeof canceller->done.count);
    orders_atomic((void *)&canceller->done.receivers, sizeof canceller->done.receivers);
    orders_atomic((void *)&canceller->done.senders, sizeof canceller->done.senders);
    orders_atomic((void *)&canceller->done.references, sizeof canceller->done.references);
}

static inline void end_with_context(void)
{
    weft_context_release(context);
}

/* What one owner does, which no other does meanwhile. */
static inline void alone(void)
{
    ORDERS_READ(data[0]);
    ORDERS_WRITE(data[0]);
    passed++;
}

#define SUITE(name, tests, iterations)                                                                                 \
    START_TEST(name##_explored)                                                                                        \
    {                                                                                                                  \
        const char *found = orders_explore(&tests[_i], (iterations));                                                  \
        ck_assert_msg(found == NULL, "case %d found: %s", _i, found);                                                  \
    }                                                                                                                  \
    END_TEST
#define RUN(suite, name, tests)                                                                                        \
    do {                                                                                                               \
        Suite *s = suite_create(suite);                                                                                \
        TCase *cases = tcase_create("explored");                                                                       \
        tcase_set_timeout(cases, 120);                                                                                 \
        tcase_add_loop_test(cases, name##_explored, 0, sizeof(tests) / sizeof *(tests));                               \
        suite_add_tcase(s, cases);                                                                                     \
        return test_main(s);                                                                                           \
    } while (0)

#endif
