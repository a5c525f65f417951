/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h - bytes that are a program of channel, select, timer and context operations; run and compared with what must come out.
 *
 * The first byte chooses the mode, the next two the seed of the simulated run (weft_sim):
 *   settled  one operation at a time is given to a worker, all that follows from it takes place, and everything that can be
 *            seen is compared with the model (model.h)
 *   free     the workers run on their own, in an order that the seed draws; what was sent must be what was received
 * Any bytes are a program: what an operation cannot be done with is taken modulo what there is, or skipped. When the bytes
 * are at their end, so is the program. */
#ifndef WEFT_TESTS_FUZZ_FUZZ_H
#define WEFT_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *at, *end;
};

/* The next byte modulo n; 0 at the end. */
static inline uint32_t take(struct input *input, uint32_t n)
{
    return input->at == input->end ? 0 : *input->at++ % n;
}

/* Run one program; a failure says what is wrong and aborts. */
void fuzz_one(const uint8_t *data, size_t size);

/* The two modes, as main functions of a simulated run. */
int fuzz_settled(void *input);
int fuzz_free(void *input);

/* Each step on standard error, if WEFT_FUZZ_TRACE is set. */
void fuzz_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fuzz_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FUZZ_CHECK(x) ((x) ? (void)0 : fuzz_failed("%s:%d: %s", __FILE__, __LINE__, #x))

#endif
