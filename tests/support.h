/* SPDX-License-Identifier: Apache-2.0
 *
 * support.h - what the tests share: how much to do, runs at several processor counts, child processes.
 *
 * Child processes are for what ends a process (panic, deadlock, overflow, exit codes): test_child runs a function in a
 * forked child, test_child_exec another program; both collect standard output and standard error, the exit code
 * and the signal, and end the child when its time is up.
 *
 * libcheck writes to a file at each ck_assert, so loops use test_check, which costs a compare. Both may fail in any
 * goroutine and thread: in fork mode a failure ends the test's own process. */
#ifndef WEFT_TESTS_SUPPORT_H
#define WEFT_TESTS_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/run.h>

#define TEST_HELPER static __attribute__((unused))

#if defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_ASAN 1
#endif
#endif
#ifndef TEST_TSAN
#define TEST_TSAN 0
#endif
#ifndef TEST_ASAN
#define TEST_ASAN 0
#endif
#ifndef TEST_LTO /* the build says: library and test are compiled as one, and --wrap is not to be relied on */
#define TEST_LTO 0
#endif
/* gcc 12's TSan dies above about 8,000 fibers, clang 14's does not. */
#if TEST_TSAN && defined(__GNUC__) && !defined(__clang__)
#define TEST_MAX_GOROUTINES 4000
#elif TEST_TSAN || TEST_ASAN
#define TEST_MAX_GOROUTINES 16000
#else
#define TEST_MAX_GOROUTINES 1000000
#endif

/* The part of a stress loop's turns that is left when a test should do less. gcc's TSan, which is the slowest, does what clang's does,
 * too. */
#if TEST_TSAN && defined(__GNUC__) && !defined(__clang__)
#define TEST_QUICK_PART 80
#else
#define TEST_QUICK_PART 20
#endif

/* An assertion for loops. */
#define test_check(x) ((x) ? (void)0 : ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x))

/* Whether the program runs under an emulator (cross builds). */
TEST_HELPER bool test_emulated(void)
{
    const char *emulator = getenv("WEFT_TEST_EMULATOR");
    return emulator && *emulator;
}

/* Whether the test should do less: a sanitizer, an emulator, or WEFT_TEST_QUICK=1. */
TEST_HELPER bool test_quick(void)
{
    const char *quick = getenv("WEFT_TEST_QUICK");
    return TEST_TSAN || TEST_ASAN || test_emulated() || (quick && *quick && *quick != '0');
}

/* How many turns a stress loop takes, where n is for a release build: a part of them when quick, at least 1. */
TEST_HELPER int test_iterations(int n)
{
    if (!test_quick())
        return n;
    return n >= TEST_QUICK_PART ? n / TEST_QUICK_PART : 1;
}

/* The same for a loop each of whose turns starts goroutines: a fiber costs TSan up to a millisecond. */
TEST_HELPER int test_spawning_iterations(int n)
{
    return test_iterations(TEST_TSAN ? (n + 9) / 10 : n);
}

/* How many goroutines may exist at once, where n is for a release build. */
TEST_HELPER int test_goroutines(int n)
{
    int most = test_quick() && n > 2000 ? (n / 20 > 2000 ? n / 20 : 2000) : n;
    return most < TEST_MAX_GOROUTINES ? most : TEST_MAX_GOROUTINES;
}

/* One run of app with a number of processors; app's result must be 0. */
TEST_HELPER void test_run_at(int processors, int (*app)(int argc, char **argv))
{
    char name[] = "test", *argv[] = {name, NULL};
    weft_procs(processors);
    ck_assert_msg(weft_run(app, 1, argv) == 0, "the run with %d processors failed", processors);
}

/* Runs with 1, 2 and 4 processors. */
TEST_HELPER void test_run(int (*app)(int argc, char **argv))
{
    for (int processors = 1; processors <= 4; processors *= 2)
        test_run_at(processors, app);
}

#ifndef __cplusplus /* the C++ tests end no process */

/* --- child processes ------------------------------------------------------------------------------------------------ */

struct test_child {
    int code;       /* the exit code; -1: ended by a signal */
    int signal;     /* the signal, or 0 */
    bool timed_out; /* it was killed because its time was up */
    char *out;      /* standard output, NUL-terminated; test_child_free gives it back */
    char *err;      /* standard error */
};

struct test_pipe {
    int fd;
    char *text;
    size_t length, room;
};

TEST_HELPER int64_t test_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One read; false at the end. */
TEST_HELPER bool test_pipe_take(struct test_pipe *pipe_)
{
    if (pipe_->room - pipe_->length < 4097) {
        pipe_->room = pipe_->room * 2 + 8192;
        pipe_->text = realloc(pipe_->text, pipe_->room);
        ck_assert_ptr_nonnull(pipe_->text);
    }
    ssize_t got;
    do
        got = read(pipe_->fd, pipe_->text + pipe_->length, 4096);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        pipe_->length += (size_t)got;
    pipe_->text[pipe_->length] = '\0';
    if (got > 0)
        return true;
    close(pipe_->fd);
    pipe_->fd = -1;
    return false;
}

/* Read both pipes until they are closed or the time is up, then collect the child. */
TEST_HELPER struct test_child test_child_collect(pid_t pid, int out, int err, int seconds)
{
    struct test_child child = {.code = -1};
    struct test_pipe pipes[2] = {{.fd = out}, {.fd = err}};
    int64_t deadline = test_clock() + (int64_t)seconds * 1000000000;

    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        struct pollfd polled[2] = {{.fd = pipes[0].fd, .events = POLLIN}, {.fd = pipes[1].fd, .events = POLLIN}};
        int64_t left = deadline - test_clock();
        if (left <= 0) {
            child.timed_out = true;
            break;
        }
        if (poll(polled, 2, (int)(left / 1000000) + 1) < 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (pipes[i].fd >= 0 && polled[i].revents)
                test_pipe_take(&pipes[i]);
    }
    /* The streams may be closed before the end, or the end may not come. */
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (child.timed_out || test_clock() >= deadline) {
            child.timed_out = true;
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
        usleep(500);
    }
    for (int i = 0; i < 2; i++) {
        if (pipes[i].fd >= 0)
            close(pipes[i].fd);
        if (!pipes[i].text)
            pipes[i].text = calloc(1, 1);
    }
    if (WIFEXITED(status))
        child.code = WEXITSTATUS(status);
    else
        child.signal = WTERMSIG(status);
    child.out = pipes[0].text;
    child.err = pipes[1].text;
    return child;
}

/* Start a child with its streams in pipes: 0 in the child, else its number. */
TEST_HELPER pid_t test_child_fork(int *out, int *err)
{
    int outs[2], errs[2];
    ck_assert_int_eq(pipe2(outs, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(errs, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(outs[1], STDOUT_FILENO);
        dup2(errs[1], STDERR_FILENO);
        return 0;
    }
    close(outs[1]);
    close(errs[1]);
    *out = outs[0];
    *err = errs[0];
    return pid;
}

/* Run fn(arg) in a forked child; if it returns, the child exits as from main with what it returned. Not to be called
 * while a run is going on. */
TEST_HELPER struct test_child test_child(int (*fn)(void *arg), void *arg, int seconds)
{
    int out, err;
    pid_t pid = test_child_fork(&out, &err);
    if (pid == 0) {
        /* After a fork TSan has two background threads, and qemu-user always has one: they look like foreign ones that may
         * still wake somebody. */
        if (TEST_TSAN || test_emulated())
            setenv("WEFT_DEADLOCK", "on", 0);
        exit(fn(arg));
    }
    return test_child_collect(pid, out, err, seconds);
}

/* Run a program (argv ends with NULL), under the emulator if there is one. */
TEST_HELPER struct test_child test_child_exec(const char *const argv[], int seconds)
{
    int out, err;
    pid_t pid = test_child_fork(&out, &err);
    if (pid == 0) {
        char *words[64], *save = NULL, *emulator = getenv("WEFT_TEST_EMULATOR");
        int count = 0;
        emulator = strdup(emulator ? emulator : "");
        for (char *word = strtok_r(emulator, " ", &save); word; word = strtok_r(NULL, " ", &save))
            words[count++] = word;
        for (int i = 0; argv[i] && count < 63; i++)
            words[count++] = (char *)argv[i];
        words[count] = NULL;
        execvp(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    return test_child_collect(pid, out, err, seconds);
}

TEST_HELPER void test_child_free(struct test_child *child)
{
    free(child->out);
    free(child->err);
    child->out = child->err = NULL;
}

/* Whether text has a match for an extended regular expression ("." matches newlines, ^ and $ are those of the text). */
TEST_HELPER bool test_matches(const char *text, const char *regex)
{
    regex_t compiled;
    ck_assert_msg(regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) == 0, "not a regular expression: %s", regex);
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

/* Assert that a child ended with an exit code and that its standard error matches a regular expression (NULL: any). */
#define test_child_check(child, wanted, regex)                                                                         \
    do {                                                                                                               \
        const struct test_child *child_ = &(child);                                                                    \
        const char *regex_ = (regex);                                                                                  \
        ck_assert_msg(!child_->timed_out, "the child hangs; standard error:\n%s", child_->err);                        \
        ck_assert_msg(child_->code == (wanted), "exit code %d (signal %d), expected %d; standard error:\n%s",          \
                      child_->code, child_->signal, (int)(wanted), child_->err);                                       \
        ck_assert_msg(!regex_ || test_matches(child_->err, regex_), "standard error is not like %s:\n%s",              \
                      regex_ ? regex_ : "", child_->err);                                                              \
    } while (0)

#endif

/* --- main ------------------------------------------------------------------------------------------------------------ */

/* libcheck reads them when a test case is made, and when a test fails: a message that is too long, with all that a child has
 * said, would end it without a word. */
static __attribute__((constructor)) void test_set_limits(void)
{
    setenv("CK_DEFAULT_TIMEOUT", "120", 0);
    setenv("CK_MAX_MSG_SIZE", "1000000", 0);
}

/* int main(void) { return test_main(suite()); } - each test in a process of its own, 120 s at most unless its case (or
 * CK_DEFAULT_TIMEOUT) says otherwise. */
TEST_HELPER int test_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
