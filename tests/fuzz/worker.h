/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.h - goroutines that carry out one operation (model.h) at a time with the library, and say how it ended. */
#ifndef WEFT_TESTS_FUZZ_WORKER_H
#define WEFT_TESTS_FUZZ_WORKER_H

#include <weft.h>

#include "fuzz/model.h"

enum { ELEMENT_MAX = 24, UNTOUCHED = 0xa5 };

struct worker {
    weft_mutex mutex;
    weft_cond told;
    bool quit, busy;
    struct op op;
    void *channels[CASES]; /* of op's cases */
    int sizes[CASES];
    weft_context *context;
    int turn;               /* the operation was the turn-th of all workers' */
    struct outcome outcome; /* when not busy; value is not set */
    unsigned char received[CASES][ELEMENT_MAX];
    bool oks[CASES][2]; /* the flag, between two that nobody may touch */
    bool ended;
};

/* Wake the worker, for an operation (busy is set) or its end (quit is). By a condition, which is not what is tested. */
void worker_tell(struct worker *worker);

/* The goroutine. */
void worker_main(struct worker *worker);

/* Fill in the bytes of a value. */
void worker_encode(unsigned char *bytes, uint64_t value, int size);

/* Whether what the operation has received, and nothing else, is what the outcome says. */
bool worker_received(const struct worker *worker, const struct outcome *outcome);

#endif
