/* SPDX-License-Identifier: Apache-2.0
 *
 * port_test.c - memory, guards, futex, threads, files. What the kernel may refuse is refused by wrapped functions.
 *
 * test-link: -Wl,--wrap=syscall,--wrap=madvise,--wrap=pthread_create */
#include "port/port.h"

#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* --- the kernel, when it refuses ---------------------------------------------------------------------------------- */

enum kernel {
    KERNEL_REAL,
    KERNEL_WITHOUT_MYSELF,          /* before Linux 6.14: process_madvise wants a pidfd */
    KERNEL_WITHOUT_PIDFD,           /* neither */
    KERNEL_WITHOUT_PROCESS_MADVISE, /* before Linux 5.10 */
    KERNEL_REMOTE_ADVICE_ONLY,      /* before Linux 6.13: EINVAL for these kinds of advice */
    KERNEL_SHORT,                   /* advises three ranges at a time */
    KERNEL_INTERRUPTED,             /* EINTR each other time */
    KERNEL_WITHOUT_GUARDS,
    KERNEL_LYING, /* says yes and does nothing, as some emulators do */
    KERNELS
};
static enum kernel kernel = KERNEL_REAL;
static int calls, refused, interruptions;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_madvise(void *base, size_t size, int advice);
int __wrap_madvise(void *base, size_t size, int advice);

static long refuse(int error)
{
    refused++;
    errno = error;
    return -1;
}

static long process_madvise_as(int pidfd, const struct iovec *ranges, size_t count, int advice)
{
    calls++;
    switch (kernel) {
    case KERNEL_WITHOUT_MYSELF:
    case KERNEL_WITHOUT_PIDFD:
        if (pidfd < 0)
            return refuse(EBADF);
        break;
    case KERNEL_WITHOUT_PROCESS_MADVISE:
        return refuse(ENOSYS);
    case KERNEL_REMOTE_ADVICE_ONLY:
    case KERNEL_WITHOUT_GUARDS:
        return refuse(EINVAL);
    case KERNEL_SHORT:
        count = count > 3 ? 3 : count;
        break;
    case KERNEL_INTERRUPTED:
        if (interruptions++ % 2 == 0)
            return refuse(EINTR);
        break;
    case KERNEL_LYING:
        return refuse(ENOSYS);
    default:
        break;
    }
    return __real_syscall(SYS_process_madvise, pidfd, ranges, count, advice, 0);
}

/* How many arguments follow: no more may be read than were given. */
static int count_arguments(long number)
{
    switch (number) {
    case SYS_futex:
        return 6;
    case SYS_process_madvise:
        return 5;
    case SYS_faccessat:
        return 3;
    case SYS_pidfd_open:
        return 2;
    default:
        return 0;
    }
}

long __wrap_syscall(long number, ...)
{
    long a[6] = {0};
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < count_arguments(number); i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_process_madvise)
        return process_madvise_as((int)a[0], (const struct iovec *)a[1], (size_t)a[2], (int)a[3]);
    if (number == SYS_pidfd_open && kernel == KERNEL_WITHOUT_PIDFD)
        return refuse(ENOSYS);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_madvise(void *base, size_t size, int advice)
{
    if (kernel == KERNEL_WITHOUT_GUARDS && advice == 102)
        return (int)refuse(EINVAL);
    if (kernel == KERNEL_LYING)
        return 0;
    if (kernel == KERNEL_INTERRUPTED && interruptions++ % 2 == 0)
        return (int)refuse(EINTR);
    return __real_madvise(base, size, advice);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

#define PIECES 700 /* more than two batches */

struct pieces {
    char *base;
    size_t page, stride;
    void *at[PIECES];
    size_t sizes[PIECES];
};

static struct pieces *pieces_make(void)
{
    static struct pieces pieces;
    pieces.page = weft__port_page_size();
    pieces.stride = 4 * pieces.page;
    pieces.base = weft__port_reserve(PIECES * pieces.stride);
    ck_assert_ptr_nonnull(pieces.base);
    for (size_t i = 0; i < PIECES; i++) {
        pieces.at[i] = pieces.base + i * pieces.stride;
        pieces.sizes[i] = pieces.page * (1 + i % 3);
    }
    return &pieces;
}

/* Writes where base points; how a child ends that does so. */
static int touch(void *base)
{
    signal(SIGSEGV, SIG_DFL); /* not the sanitizer's report */
    *(char *)base = 1;
    return 0;
}

static bool faults(void *base)
{
    struct test_child child = test_child(touch, base, 60);
    bool fault = child.signal == SIGSEGV;
    test_child_free(&child);
    return fault;
}

/* Whether this kernel has guards at all (Linux 6.13); emulators have not. */
static bool kernel_has_guards(void)
{
    size_t page = weft__port_page_size();
    char *base = weft__port_reserve(page);
    return __real_madvise(base, page, 102) == 0 && faults(base);
}

START_TEST(memory_is_reserved_zeroed_and_given_back)
{
    size_t page = weft__port_page_size();
    ck_assert_uint_ge(page, 4096);
    char *base = weft__port_reserve(64 * page);
    ck_assert_ptr_nonnull(base);
    for (size_t i = 0; i < 64 * page; i += 512)
        test_check(base[i] == 0);
    memset(base, 1, 64 * page);
    weft__port_release(base, 64 * page);
    ck_assert_int_eq(msync(base, page, MS_ASYNC), -1);
    ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(an_impossible_reservation_is_refused)
{
    ck_assert_ptr_null(weft__port_reserve((size_t)1 << 60));
}
END_TEST

/* Every way of asking guards every first page and nothing else. */
START_TEST(l03_guards_hold_whatever_the_kernel_refuses)
{
    if (!kernel_has_guards())
        return; /* the next test but one covers such a kernel */
    kernel = (enum kernel)_i;
    struct pieces *pieces = pieces_make();
    ck_assert_int_eq(weft__port_guard_install(pieces->at, PIECES, pieces->page), 0);
    for (size_t i = 0; i < PIECES; i++) {
        test_check(__real_syscall(SYS_faccessat, AT_FDCWD, pieces->at[i], F_OK) == -1 && errno == EFAULT);
        pieces->base[i * pieces->stride + pieces->page] = 1;
        pieces->base[i * pieces->stride + pieces->stride - 1] = 1;
    }
    ck_assert(faults(pieces->at[0]));
    ck_assert(faults(pieces->at[PIECES - 1]));
    /* One alone, the usual case of a single new stack. */
    void *single = pieces->base + 2 * pieces->page;
    ck_assert_int_eq(weft__port_guard_install(&single, 1, pieces->page), 0);
    ck_assert(faults(single));
}
END_TEST

START_TEST(a_refused_way_of_asking_is_tried_once)
{
    if (!kernel_has_guards())
        return;
    kernel = (enum kernel)_i;
    struct pieces *pieces = pieces_make();
    ck_assert_int_eq(weft__port_guard_install(pieces->at, PIECES, pieces->page), 0);
    calls = refused = 0;
    ck_assert_int_eq(weft__port_guard_install(pieces->at, PIECES, pieces->page), 0);
    ck_assert_int_eq(refused, 0);
    if (kernel == KERNEL_WITHOUT_MYSELF) { /* many ranges in a call; how many is memory.c's business */
        ck_assert_int_ge(calls, 1);
        ck_assert_int_le(calls, PIECES / 10);
    } else {
        ck_assert_int_eq(calls, 0);
    }
}
END_TEST

START_TEST(a_kernel_without_guards_or_a_lying_one_is_found_out)
{
    struct pieces *pieces = pieces_make();
    kernel = (enum kernel)_i;
    ck_assert_int_eq(weft__port_guard_install(pieces->at, PIECES, pieces->page), -EINVAL);
    ck_assert_int_eq(weft__port_guard_install(pieces->at, 1, pieces->page), -EINVAL);
    *(char *)pieces->at[0] = 1;
}
END_TEST

static int guard_in_child(void *arg)
{
    struct pieces *pieces = arg;
    if (weft__port_guard_install(pieces->at, PIECES, pieces->page) != 0)
        return 1;
    for (size_t i = 0; i < PIECES; i++)
        if (__real_syscall(SYS_faccessat, AT_FDCWD, pieces->at[i], F_OK) != -1 || errno != EFAULT)
            return 2;
    return 0;
}

/* A descriptor of the parent would make the child advise the parent's memory. */
START_TEST(after_a_fork_the_child_advises_itself)
{
    if (!kernel_has_guards())
        return;
    kernel = (enum kernel)_i;
    struct pieces *other = pieces_make();
    ck_assert_int_eq(weft__port_guard_install(other->at, PIECES, other->page), 0);
    struct pieces *pieces = pieces_make();
    struct test_child child = test_child(guard_in_child, pieces, 60);
    test_child_check(child, 0, NULL);
    test_child_free(&child);
    for (size_t i = 0; i < PIECES; i++)
        *(char *)pieces->at[i] = 1;
}
END_TEST

START_TEST(discarded_memory_is_zero_and_the_rest_is_kept)
{
    struct pieces *pieces = pieces_make();
    memset(pieces->base, 7, PIECES * pieces->stride);
    kernel = (enum kernel)_i;
    weft__port_discard(pieces->at, pieces->sizes, PIECES);
    for (size_t i = 0; i < PIECES; i++) {
        const char *piece = pieces->at[i];
        for (size_t j = 0; j < pieces->stride; j += 64)
            test_check(piece[j] == (j < pieces->sizes[i] ? 0 : 7));
    }
}
END_TEST

START_TEST(protected_memory_faults)
{
    size_t page = weft__port_page_size();
    char *base = weft__port_reserve(2 * page);
    ck_assert_int_eq(weft__port_protect(base, page), 0);
    base[page] = 1;
    ck_assert(faults(base));
    ck_assert_int_eq(weft__port_protect(base + 1, page), -EINVAL);
}
END_TEST

START_TEST(mappings_are_counted)
{
    long limit = weft__port_map_limit(), before = weft__port_map_count();
    ck_assert_int_gt(limit, 0);
    if (test_emulated())
        return; /* an emulator makes up /proc/self/maps */
    ck_assert_int_gt(before, 5);
    size_t page = weft__port_page_size();
    char *base = weft__port_reserve(200 * page);
    for (size_t i = 0; i < 200; i += 2)
        ck_assert_int_eq(weft__port_protect(base + i * page, page), 0);
    ck_assert_int_ge(weft__port_map_count(), before + 199);
}
END_TEST

START_TEST(allocations_are_aligned)
{
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        for (size_t size = 0; size <= 200; size += 25) {
            char *memory = weft__port_alloc(size, alignment);
            test_check(memory && (uintptr_t)memory % alignment == 0);
            memset(memory, 1, size);
            weft__port_free(memory);
        }
    }
    ck_assert_ptr_null(weft__port_alloc(SIZE_MAX - 5, 64));
    size_t enormous = SIZE_MAX / 2; /* not a constant the compiler may warn of */
    if (!TEST_ASAN && !TEST_TSAN)
        ck_assert_ptr_null(weft__port_alloc(enormous, 8));
}
END_TEST

/* --- futex, clock --------------------------------------------------------------------------------------------------- */

static uint32_t word;

START_TEST(a_futex_does_not_wait_for_another_value_and_its_timeout_is_not_early)
{
    weft__port_futex_wait(&word, 1, -1);
    int64_t before = weft__port_now();
    int64_t left = 20000000;
    while (left > 0) { /* it may return for no reason */
        weft__port_futex_wait(&word, 0, left);
        left = before + 20000000 - weft__port_now();
    }
    weft__port_futex_wait(&word, 0, 0);
}
END_TEST

static void *set_and_wake(void *arg)
{
    weft__port_thread_sleep(5000000);
    __atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
    weft__port_futex_wake(arg, 1);
    return NULL;
}

START_TEST(a_futex_wakes)
{
    for (int i = 0; i < 20; i++) {
        __atomic_store_n(&word, 0, __ATOMIC_RELAXED);
        ck_assert_int_eq(weft__port_thread_start(set_and_wake, &word, 0), 0);
        while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
            weft__port_futex_wait(&word, 0, -1);
    }
}
END_TEST

static void ignore(int number)
{
    (void)number;
}

/* T-01: a pause is never short, signals or not. */
START_TEST(t01_sleeping_is_never_early)
{
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval interval = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &interval, NULL);
    for (int i = 0; i < 20; i++) {
        int64_t before = weft__port_now();
        weft__port_thread_sleep(3000000);
        int64_t after = weft__port_now();
        test_check(after - before >= 3000000);
    }
    weft__port_thread_sleep(0);
    weft__port_thread_sleep(-5);
}
END_TEST

/* --- threads -------------------------------------------------------------------------------------------------------- */

static int starts, refusals, refused_with;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
    starts++;
    if (starts <= refusals)
        return refused_with;
    return __real_pthread_create(thread, attributes, fn, arg);
}

static sigset_t mask_of_new_thread;

static void *take_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, &mask_of_new_thread);
    __atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
    weft__port_futex_wake(arg, 1);
    return NULL;
}

static void wait_for_word(void)
{
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
        weft__port_futex_wait(&word, 0, -1);
}

START_TEST(a_new_thread_takes_only_its_own_faults)
{
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    ck_assert_int_eq(weft__port_thread_start(take_mask, &word, 128 << 10), 0);
    wait_for_word();
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    static const int taken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    for (int number = 1; number < 32; number++) {
        ck_assert_int_eq(sigismember(&before, number), sigismember(&after, number));
        bool expected = number == SIGKILL || number == SIGSTOP || number == SIGSYS;
        for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
            expected |= taken[i] == number;
        ck_assert_msg(!sigismember(&mask_of_new_thread, number) == expected, "signal %d", number);
    }
}
END_TEST

START_TEST(a_small_stack_size_is_raised)
{
    ck_assert_int_eq(weft__port_thread_start(take_mask, &word, 1), 0);
    wait_for_word();
}
END_TEST

START_TEST(a_passing_lack_of_threads_is_waited_out)
{
    refusals = 5;
    refused_with = EAGAIN;
    int64_t before = weft__port_now();
    ck_assert_int_eq(weft__port_thread_start(take_mask, &word, 0), 0);
    wait_for_word();
    ck_assert_int_eq(starts, 6);
    ck_assert_int_ge(weft__port_now() - before, (1 + 2 + 3 + 4 + 5) * 1000000);
}
END_TEST

START_TEST(a_lasting_lack_of_threads_is_an_error)
{
    refusals = 1000000;
    refused_with = EAGAIN;
    ck_assert_int_eq(weft__port_thread_start(take_mask, &word, 0), -EAGAIN);
    ck_assert_int_eq(starts, 20);
    refused_with = EPERM;
    starts = 0;
    ck_assert_int_eq(weft__port_thread_start(take_mask, &word, 0), -EPERM);
    ck_assert_int_eq(starts, 1);
}
END_TEST

static void *wait_until_told(void *arg)
{
    (void)arg;
    wait_for_word();
    return NULL;
}

/* The name of a program may look like the rest of the line. */
START_TEST(threads_are_counted)
{
    if (test_emulated() || TEST_TSAN)
        return; /* an emulator makes up /proc/self/stat; both have threads of their own */
    prctl(PR_SET_NAME, "a) R 1 (b) 7 8");
    /* The first thread may bring a sanitizer's own with it. */
    ck_assert_int_eq(weft__port_thread_start(wait_until_told, NULL, 0), 0);
    int before = weft__port_thread_count();
    ck_assert_int_ge(before, 2);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft__port_thread_start(wait_until_told, NULL, 0), 0);
    ck_assert_int_eq(weft__port_thread_count(), before + 3);
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    weft__port_futex_wake(&word, 1000);
}
END_TEST

/* --- files, random -------------------------------------------------------------------------------------------------- */

START_TEST(the_first_line_of_a_file_is_read)
{
    char name[] = "/tmp/weft-port-XXXXXX", buffer[16];
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(weft__port_read_file(name, buffer, sizeof buffer), 0);
    ck_assert_str_eq(buffer, "");
    ck_assert_int_eq(write(fd, "first\nsecond\n", 13), 13);
    ck_assert_int_eq(weft__port_read_file(name, buffer, sizeof buffer), 0);
    ck_assert_str_eq(buffer, "first");
    ck_assert_int_eq(weft__port_read_file(name, buffer, 4), 0);
    ck_assert_str_eq(buffer, "fir");
    close(fd);
    unlink(name);
    ck_assert_int_eq(weft__port_read_file(name, buffer, sizeof buffer), -ENOENT);
    ck_assert_int_eq(weft__port_read_file("/", buffer, sizeof buffer), -EISDIR);
}
END_TEST

static int write_an_error(void *arg)
{
    (void)arg;
    errno = 77;
    weft__port_write_error("to the point\nand more", 13);
    close(STDERR_FILENO);
    weft__port_write_error("nobody hears", 12);
    return errno == 77 ? 0 : 1;
}

START_TEST(errors_are_written_and_errno_is_kept)
{
    struct test_child child = test_child(write_an_error, NULL, 60);
    test_child_check(child, 0, NULL);
    ck_assert_str_eq(child.err, "to the point\n");
    test_child_free(&child);
}
END_TEST

START_TEST(random_bits_differ)
{
    uint64_t any = 0, all = UINT64_MAX;
    for (int i = 0; i < 200; i++) {
        uint64_t bits = weft__port_random();
        any |= bits;
        all &= bits;
    }
    /* Each bit was one at least once and zero at least once; by chance it fails once in 2^193. */
    ck_assert_uint_eq(any, UINT64_MAX);
    ck_assert_uint_eq(all, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("port");
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, memory_is_reserved_zeroed_and_given_back);
    tcase_add_test(memory, an_impossible_reservation_is_refused);
    tcase_add_loop_test(memory, l03_guards_hold_whatever_the_kernel_refuses, KERNEL_REAL, KERNEL_WITHOUT_GUARDS);
    tcase_add_loop_test(memory, a_refused_way_of_asking_is_tried_once, KERNEL_WITHOUT_MYSELF, KERNEL_SHORT);
    tcase_add_loop_test(memory, a_kernel_without_guards_or_a_lying_one_is_found_out, KERNEL_WITHOUT_GUARDS, KERNELS);
    tcase_add_loop_test(memory, after_a_fork_the_child_advises_itself, KERNEL_REAL, KERNEL_WITHOUT_PIDFD);
    tcase_add_loop_test(memory, discarded_memory_is_zero_and_the_rest_is_kept, KERNEL_REAL, KERNEL_WITHOUT_GUARDS);
    tcase_add_test(memory, protected_memory_faults);
    tcase_add_test(memory, mappings_are_counted);
    tcase_add_test(memory, allocations_are_aligned);
    suite_add_tcase(all, memory);

    TCase *waiting = tcase_create("futex and clock");
    tcase_add_test(waiting, a_futex_does_not_wait_for_another_value_and_its_timeout_is_not_early);
    tcase_add_test(waiting, a_futex_wakes);
    tcase_add_test(waiting, t01_sleeping_is_never_early);
    suite_add_tcase(all, waiting);

    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, a_new_thread_takes_only_its_own_faults);
    tcase_add_test(threads, a_small_stack_size_is_raised);
    tcase_add_test(threads, a_passing_lack_of_threads_is_waited_out);
    tcase_add_test(threads, a_lasting_lack_of_threads_is_an_error);
    tcase_add_test(threads, threads_are_counted);
    suite_add_tcase(all, threads);

    TCase *files = tcase_create("files and random");
    tcase_add_test(files, the_first_line_of_a_file_is_read);
    tcase_add_test(files, errors_are_written_and_errno_is_kept);
    tcase_add_test(files, random_bits_differ);
    suite_add_tcase(all, files);
    return all;
}

int main(void)
{
    return test_main(suite());
}
