/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.c - see fuzz.h. */
#include "fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

enum { HEADER = 3, LENGTH_MAX = 2048 };

void fuzz_trace(const char *format, ...)
{
    static int wanted = -1;
    if (wanted < 0)
        wanted = getenv("WEFT_FUZZ_TRACE") != NULL;
    if (!wanted)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

_Noreturn void fuzz_failed(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n(WEFT_FUZZ_TRACE=1 shows each step)\n", stderr);
    abort();
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size < HEADER || size > LENGTH_MAX)
        return;
    struct input input = {data + HEADER, data + size};
    uint64_t seed = data[1] | (uint64_t)data[2] << 8;
    fuzz_trace("--- %s, seed %llu", data[0] % 4 == 3 ? "free" : "settled", (unsigned long long)seed);
    int result = weft_sim(seed, data[0] % 4 == 3 ? fuzz_free : fuzz_settled, &input);
    if (result != 0)
        fuzz_failed("the run returned %d", result);
}
