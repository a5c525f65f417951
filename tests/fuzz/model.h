/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h - what channels, selects, timers and contexts must do, as a sequential program: the oracle of the fuzzer.
 *
 * It knows nothing of the library: no goroutine, no lock, no parking. A worker is a record that says what it waits for. One
 * operation is begun at a time, and is carried out at once together with everything that follows from it; so is each
 * instant at which something is due. All rules of the catalogue that can be seen from outside stand here once more, in the
 * plainest form that they have: FIFO of values and of waiters, direct hand-over, close, cancellation, timers.
 *
 * Choice: where the rules leave one (which of several ready cases a select takes, which of several receivers gets a tick) the
 * model is told what was seen, and follows it if it is allowed; otherwise it goes on with another, and the comparison fails. */
#ifndef WEFT_TESTS_FUZZ_MODEL_H
#define WEFT_TESTS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { WORKERS = 4, CHANNELS = 6, TIMERS = 3, CONTEXTS = 4, CASES = 4, CAPACITY_MAX = 3 };

/* One table of channels: the program's, the timers', the contexts' done channels. */
enum { TIMER_CHANNEL = CHANNELS, DONE_CHANNEL = TIMER_CHANNEL + TIMERS, CHANNEL_TABLE = DONE_CHANNEL + CONTEXTS };
enum { NIL = -1, NONE = -1, BACKGROUND = -1 };

enum op_kind {
    OP_SEND,
    OP_RECV,
    OP_TRY_SEND,
    OP_TRY_RECV,
    OP_CLOSE,
    OP_SEND_CTX,
    OP_RECV_CTX,
    OP_SELECT,
    OP_SLEEP,
    OP_SLEEP_CTX
};

enum case_kind { CASE_NONE, CASE_SEND, CASE_RECV, CASE_TIMEOUT, CASE_DEFAULT };

struct op_case {
    enum case_kind kind;
    int channel;    /* of the table, or NIL */
    uint64_t value; /* to send */
    bool drop;      /* a receive without a destination */
    int64_t when;   /* of a time-out */
};

/* An operation; those of one channel have one case. */
struct op {
    enum op_kind kind;
    int context; /* or BACKGROUND */
    int64_t when;
    int count;
    struct op_case cases[CASES];
};

/* How an operation has ended. */
struct outcome {
    int index;         /* of the case; NONE: a try that would wait, an error, a panic */
    bool ok;           /* of a receive */
    uint64_t value;    /* of a receive; 0 if not ok */
    int error;         /* of an operation with a context */
    const char *panic; /* its message, or NULL */
};

struct waiter {
    int worker, index;
};

struct waiters {
    int count;
    struct waiter at[WORKERS * (CASES + 1)];
};

struct model_channel {
    bool exists, closed;
    int size, capacity, count;
    uint64_t values[CAPACITY_MAX];
    struct waiters senders, receivers; /* oldest first */
};

enum timer_kind { TIMER_ONCE, TIMER_TICKER, TIMER_FUNC };

struct model_timer {
    bool exists, armed;
    enum timer_kind kind;
    int64_t when, period;
    int calls; /* of a function */
};

enum context_kind { CONTEXT_CANCEL, CONTEXT_DEADLINE, CONTEXT_VALUE, CONTEXT_WITHOUT };

struct model_context {
    bool exists;
    enum context_kind kind;
    int canceller; /* the context whose state this is: itself, an ancestor, or NONE: never cancelled */
    int parent;    /* of a canceller: the one above, or NONE */
    int error, cause;
    bool armed; /* its own deadline is to come */
    int64_t deadline;
    bool has_deadline; /* it or an ancestor */
    int deadline_cause;
    bool has_function, function_waits;
    int function_calls;
};

struct model_worker {
    bool busy;
    struct op op;
    struct op_case cases[CASES + 1]; /* what it waits for; the context's end last */
    int count, timeout;              /* timeout: index, or NONE */
    int64_t deadline;
    struct outcome outcome; /* when not busy */
};

struct model {
    int64_t now;
    struct model_channel channels[CHANNEL_TABLE];
    struct model_timer timers[TIMERS];
    struct model_context contexts[CONTEXTS];
    struct model_worker workers[WORKERS];
};

/* What was seen of the workers: seen[w] is NULL while w's operation goes on. */
typedef const struct outcome *const seen_outcomes[WORKERS];

#define MODEL_NEVER INT64_MAX

void model_channel_make(struct model *model, int channel, int size, int capacity);
void model_channel_close(struct model *model, int channel);

/* Begin an operation of an idle worker. */
void model_begin(struct model *model, int worker, const struct op *op, seen_outcomes seen);

/* The next instant at which something is due, MODEL_NEVER if there is none; let that instant come. */
int64_t model_next(const struct model *model);
void model_fire(struct model *model, int64_t when, seen_outcomes seen);

/* Timers; stop and reset return what the calls must return. */
void model_timer_make(struct model *model, int timer, enum timer_kind kind, int64_t when, int64_t period);
bool model_timer_stop(struct model *model, int timer, seen_outcomes seen);
bool model_timer_reset(struct model *model, int timer, int64_t when, int64_t period, seen_outcomes seen);

/* Contexts. */
void model_context_make(struct model *model, int context, enum context_kind kind, int parent, int64_t when, int cause);
void model_context_cancel(struct model *model, int context, int cause);
void model_context_free(struct model *model, int context);
int model_context_error(const struct model *model, int context);
int model_context_cause(const struct model *model, int context);
void model_context_function(struct model *model, int context);
bool model_context_function_stop(struct model *model, int context);

/* How many workers wait on a channel for a value, and how many of them have a place in another channel's row as well. */
int model_receivers(const struct model *model, int channel, int *placed);

/* A value as an element of a size holds it. */
uint64_t model_value(uint64_t value, int size);

#endif
