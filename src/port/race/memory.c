/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c - memcpy, memmove and memset for weft_race. ThreadSanitizer watches those of libc, whoever calls them, and would take
 * the library's accesses to its own memory for the program's. So the build gives these names to the library's calls
 * (CMakeLists.txt), those that the compiler makes of assignments included.
 *
 * Plain loops, which the compiler must not take for what they are. */
#include <stddef.h>
#include <stdint.h>

void *weft__race_memcpy(void *to, const void *from, size_t size);
void *weft__race_memmove(void *to, const void *from, size_t size);
void *weft__race_memset(void *to, int value, size_t size);

#define COMPILER_BARRIER __asm__ __volatile__("" ::: "memory")

/* may_alias: whatever the memory holds. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *weft__race_memcpy(void *to, const void *from, size_t size)
{
    char *out = to;
    const char *in = from;
    for (; size >= sizeof(word); size -= sizeof(word), out += sizeof(word), in += sizeof(word)) {
        *(word *)out = *(const word *)in;
        COMPILER_BARRIER;
    }
    for (; size > 0; size--) {
        *out++ = *in++;
        COMPILER_BARRIER;
    }
    return to;
}

void *weft__race_memmove(void *to, const void *from, size_t size)
{
    char *out = to;
    const char *in = from;
    if (out <= in)
        return weft__race_memcpy(to, from, size);
    while (size-- > 0) {
        out[size] = in[size];
        COMPILER_BARRIER;
    }
    return to;
}

void *weft__race_memset(void *to, int value, size_t size)
{
    char *out = to;
    for (; size > 0; size--) {
        *out++ = (char)value;
        COMPILER_BARRIER;
    }
    return to;
}
