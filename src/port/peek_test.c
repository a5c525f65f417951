/* SPDX-License-Identifier: Apache-2.0
 *
 * peek_test.c - reading memory that may not be there, by either way; and the barrier in all threads.
 * test-link: -Wl,--wrap=syscall */
#include "port/port.h"

#include "support.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static bool without_readv, without_barrier;
static int refused;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
/* As libc does, it takes six words whatever the number is: some of them were not given. */
__attribute__((no_sanitize_address)) long __wrap_syscall(long number, ...)
{
    long words[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(arguments, long);
    va_end(arguments);
    if ((number == SYS_process_vm_readv && without_readv) || (number == SYS_membarrier && without_barrier)) {
        refused++;
        errno = ENOSYS;
        return -1;
    }
    return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* ---- peek ---- */

/* Three pages, the middle one of which can be read. */
static char *pages(size_t page)
{
    char *base = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(base != MAP_FAILED);
    ck_assert_int_eq(mprotect(base + page, page, PROT_READ | PROT_WRITE), 0);
    return base + page;
}

START_TEST(port_peek)
{
    without_readv = _i == 1;
    size_t page = weft__port_page_size();
    char *middle = pages(page), *copy = malloc(page);
    for (size_t i = 0; i < page; i++)
        middle[i] = (char)(i * 7 + i / 256);
    for (size_t size = 1; size <= page; size = size * 3 + 1) {
        memset(copy, 0, page);
        ck_assert(weft__port_peek(copy, middle + page - size, size));
        ck_assert_mem_eq(copy, middle + page - size, size);
        ck_assert(!weft__port_peek(copy, middle + page - size, size + 1));
        ck_assert(!weft__port_peek(copy, middle - 1, size));
    }
    ck_assert(!weft__port_peek(copy, middle - page, 1));
    ck_assert(!weft__port_peek(copy, NULL, 1));
    ck_assert(!weft__port_peek(copy, (void *)(UINTPTR_MAX / 2 + 100), 1)); /* no address at all */
    ck_assert_int_eq(munmap(middle, page), 0);
    ck_assert(!weft__port_peek(copy, middle, 1));
    ck_assert(without_readv == (refused > 0));
    ck_assert_msg(refused <= 1, "what is refused is asked for once, not %d times", refused);
    free(copy);
}
END_TEST

START_TEST(port_peek_text)
{
    without_readv = _i == 1;
    size_t page = weft__port_page_size();
    char *middle = pages(page), text[10];
    memset(middle, 'a', page);
    ck_assert(weft__port_peek_text(text, middle, sizeof text)); /* cut off */
    ck_assert_str_eq(text, "aaaaaaaaa");
    strcpy(middle + page - 4, "end");
    ck_assert(weft__port_peek_text(text, middle + page - 4, sizeof text)); /* the next page is not asked for */
    ck_assert_str_eq(text, "end");
    ck_assert(weft__port_peek_text(text, middle + page - 1, sizeof text));
    ck_assert_str_eq(text, "");
    middle[page - 1] = 'x';
    ck_assert(!weft__port_peek_text(text, middle + page - 4, sizeof text));
    ck_assert_str_eq(text, "endx");
    ck_assert(!weft__port_peek_text(text, middle + page, sizeof text));
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(mprotect(middle + page, page, PROT_READ | PROT_WRITE), 0);
    strcpy(middle + page, "tra");
    ck_assert(weft__port_peek_text(text, middle + page - 4, sizeof text));
    ck_assert_str_eq(text, "endxtra");
}
END_TEST

/* ---- the barrier ---- */

/* Two threads announce themselves and look for the other one, one of them without a fence: Dekker's exclusion, which fails within
 * some thousand turns on x86 if the barrier is none. */
static atomic_int light, heavy, inside, gone, turns;

static void *light_side(void *unused)
{
    while (!atomic_load(&gone)) {
        atomic_store_explicit(&light, 1, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        if (atomic_load_explicit(&heavy, memory_order_relaxed) == 0) {
            test_check(atomic_fetch_add(&inside, 1) == 0);
            atomic_fetch_sub(&inside, 1);
            atomic_fetch_add(&turns, 1);
        }
        atomic_store_explicit(&light, 0, memory_order_release);
        for (int i = 0; i < 20; i++)
            __asm__ __volatile__("" ::: "memory");
    }
    return unused;
}

START_TEST(port_barrier_excludes)
{
    if (!weft__port_barrier())
        return; /* this kernel has none; port_barrier_refused says what then */
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, light_side, NULL), 0);
    int n = test_iterations(20000);
    for (int i = 0; i < n || atomic_load(&turns) == 0; i++) {
        atomic_store_explicit(&heavy, 1, memory_order_relaxed);
        test_check(weft__port_barrier());
        if (atomic_load_explicit(&light, memory_order_relaxed) == 0) {
            test_check(atomic_fetch_add(&inside, 1) == 0);
            atomic_fetch_sub(&inside, 1);
        }
        atomic_store_explicit(&heavy, 0, memory_order_release);
    }
    atomic_store(&gone, 1);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(port_barrier_refused)
{
    without_barrier = true;
    ck_assert(!weft__port_barrier());
    ck_assert(!weft__port_barrier());
    ck_assert_int_eq(refused, 1);
}
END_TEST

/* ---- the end of a thread ---- */

static atomic_int ended;

static void at_exit(void *arg)
{
    atomic_fetch_add(&ended, *(int *)arg);
}

static void *leaves(void *arg)
{
    ck_assert_int_eq(weft__port_thread_at_exit(at_exit, arg), 0);
    ck_assert_int_eq(ended, 0);
    return NULL;
}

START_TEST(port_thread_at_exit)
{
    int value = 5;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, leaves, &value), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(ended, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peek");
    TCase *tests = tcase_create("peek");
    tcase_add_loop_test(tests, port_peek, 0, 2);
    tcase_add_loop_test(tests, port_peek_text, 0, 2);
    tcase_add_test(tests, port_barrier_excludes);
    tcase_add_test(tests, port_barrier_refused);
    tcase_add_test(tests, port_thread_at_exit);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
