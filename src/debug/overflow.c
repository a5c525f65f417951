/* SPDX-License-Identifier: Apache-2.0
 *
 * overflow.c - a goroutine has run into its stack's guard.
 *
 * The handler of SIGSEGV and SIGBUS runs on an alternate stack that each machine gets. An address in a guard is reported with
 * the goroutine, its spawn site and the stack's size; any other fault goes to the handler that was there before, or to the
 * default action.
 *
 * The report has no stack trace: the handler may have interrupted malloc or the loader, whose locks symbols.c would wait for. The
 * goroutine's frames are those of a recursion anyway. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "debug/debug.h"

#define ALTERNATE_SIZE ((size_t)64 << 10)

static struct sigaction before[2]; /* SIGSEGV, SIGBUS */
static __thread void *alternate __attribute__((tls_model("initial-exec")));

static void pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *old = &before[number == SIGBUS];
    if ((old->sa_flags & SA_SIGINFO) != 0 && old->sa_sigaction != NULL) {
        old->sa_sigaction(number, info, context);
    } else if ((old->sa_flags & SA_SIGINFO) == 0 && old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(number);
    } else {
        /* The faulting instruction runs again and meets the default action. */
        struct sigaction usual;
        memset(&usual, 0, sizeof usual);
        usual.sa_handler = SIG_DFL;
        sigaction(number, &usual, NULL);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    size_t size;
    const struct weft__task *task = weft__overflowed(info->si_addr, &size);
    if (task == NULL) {
        pass_on(number, info, context);
        return;
    }
    const char *name = weft__task_name(task);
    const struct weft_site *site = weft__task_site(task);
    weft__report_begin();
    weft__out(
        WEFT__STDERR,
        "fatal error: stack overflow: goroutine %llu%s%s%s, spawned at %s:%d in %s, has used up its stack of %zu KiB\n"
        "give it a larger one (stack_size with weft_go_with), or raise the default (weft_stack_size, WEFT_STACK)\n",
        (unsigned long long)weft__task_id(task), name != NULL ? " (" : "", name != NULL ? name : "",
        name != NULL ? ")" : "", site != NULL ? site->file : "?", site != NULL ? site->line : 0,
        site != NULL ? site->function : "?", size >> 10);
    weft__report_end();
}

void weft__overflow_install(void)
{
    static const int numbers[2] = {SIGSEGV, SIGBUS};
    for (int i = 0; i < 2; i++) {
        struct sigaction action, old;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        sigaction(numbers[i], NULL, &old);
        if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction == on_fault)
            continue;
        before[i] = old;
        sigaction(numbers[i], &action, NULL);
    }
}

void weft__overflow_thread_start(void)
{
    stack_t old;
    if (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0)
        return; /* a sanitizer gives each thread one */
    void *memory =
        mmap(NULL, ALTERNATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return; /* an overflow is then a plain SIGSEGV */
    stack_t stack = {.ss_sp = memory, .ss_size = ALTERNATE_SIZE};
    sigaltstack(&stack, NULL);
    alternate = memory;
}

void weft__overflow_thread_stop(void)
{
    if (alternate == NULL)
        return;
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    munmap(alternate, ALTERNATE_SIZE);
    alternate = NULL;
}
