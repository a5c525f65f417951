/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/run.h - starting and ending the runtime, and what a goroutine may ask of the scheduler. */
#ifndef WEFT_RUN_H
#define WEFT_RUN_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/** weft_run - start the runtime and run app(argc, argv) as its main goroutine.
 *  Parameters: app, the program's first goroutine; argc and argv, handed to it untouched.
 *  Blocks: the calling thread, until app returns. It waits (and keeps watch over the scheduler) and never
 *  runs a goroutine itself, so a goroutine that is stuck in a system call cannot keep weft_run from returning.
 *  Callable from: any thread that is not inside a goroutine, again after it has returned, one run at a time.
 *  Ordering: everything before the call happens before app; what app did happens before the return.
 *  Note: Other goroutines are cut off when app returns, as in Go: their deferred calls do not run. Parked ones are
 *  forgotten; one that is computing goes on until its next operation of this library, where it ends.
 *  Standard output and standard error are flushed.
 *  Returns: app's result; or -EBUSY (a run is going on), -EDEADLK (called from a goroutine), -EAGAIN or -ENOMEM
 *  (no thread or no memory to start with; a line on standard error says which limit to raise).
 *  Source: Go's runtime.main. */
WEFT_API int weft_run(int (*app)(int argc, char **argv), int argc, char **argv);

/** weft_procs - set how many goroutines may run at the same time; GOMAXPROCS.
 *  Parameters: n, 1 to 256; less than 1 only asks. Before weft_run it sets the number for the next run;
 *  the environment's WEFT_PROCS does the same from outside and is what counts if neither was said by the program.
 *  The default is the number of processors that the affinity mask and the cgroup's quota allow.
 *  Blocks: never. Callable from: anywhere but signal handlers. Ordering: none.
 *  Returns: the number that was in force before.
 *  Source: Go's runtime.GOMAXPROCS. */
WEFT_API int weft_procs(int n);

/** weft_stack_size - set the stack size of goroutines that are spawned without a size of their own.
 *  Parameters: bytes, 16 KiB to 1 GiB, rounded up to a power of two; 0 only asks. Address space is reserved, memory
 *  is taken as it is touched. The environment's WEFT_STACK (bytes, or with the suffix K or M) does the same.
 *  Blocks: never. Callable from: a thread, while no run is going on.
 *  Returns: the size that was in force before, or 0 if the new size was refused (out of range, or a run is going on).
 *  Source: pthread_attr_setstacksize(3). */
WEFT_API size_t weft_stack_size(size_t bytes);

/** weft_yield - let other goroutines run; the caller goes to the end of the global queue.
 *  Blocks: until its turn comes again. Callable from: goroutines; in a plain thread it is sched_yield(2).
 *  Ordering: none. Source: Go's runtime.Gosched. */
WEFT_API void weft_yield(void);

/** weft_exit - end the calling goroutine: its deferred calls run, then it is gone.
 *  Note: From the main goroutine the others go on, and when they have all ended the deadlock report says so (exit 2).
 *  Blocks: never returns. Callable from: goroutines; elsewhere it panics.
 *  Source: Go's runtime.Goexit. */
WEFT__NORETURN WEFT_API void weft_exit(void);

/** weft_panic - report a fault that the program cannot go on from and end the process.
 *  Parameters: format and what follows, as for printf(3).
 *  Note: The caller's deferred calls run first, then message, goroutine, spawn site and backtrace go to
 *  standard error and the process ends with exit code 2. Panics of several goroutines at once are printed one whole.
 *  Blocks: never returns. Callable from: goroutines and threads; not from signal handlers.
 *  Source: Go's panic. */
WEFT__NORETURN WEFT_API void weft_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** weft_dump - write down what all goroutines do, and go on: for each its number and name, whether it runs or can run or what it
 *  waits on, its frames, and where it was spawned; the first hundred in full, the caller first.
 *  Parameters: fd, a file descriptor such as STDERR_FILENO.
 *  Blocks: the thread, while it looks for symbols (the first time that takes some 10 ms) and writes, and while another dump
 *  is under way. Callable from: goroutines and threads, at any time; not from signal handlers. Ordering: none.
 *  Note: Goroutines that run are not stopped: they are listed without frames, and what they do meanwhile may or may not be
 *  seen. The others are held for a moment, while their frames are copied. On SIGQUIT (Control-\) the runtime
 *  writes the same to standard error and ends the process with exit code 2, unless the program handled or ignored that
 *  signal when the run began.
 *  Source: Go's runtime.Stack(buf, true), and what it does on SIGQUIT. */
WEFT_API void weft_dump(int fd);

/** weft_lock_thread - have the calling goroutine keep the kernel thread that it runs on: for libraries, and state of the kernel,
 *  that belong to a thread (a graphics context, name spaces, affinity, thread-local variables).
 *  Note: It nests: the goroutine keeps the thread until weft_unlock_thread was called as often. No other goroutine runs on it
 *  meanwhile; goroutines that it starts have no part in it. One that ends without having unlocked ends its thread, whatever was done
 *  to it, main's included, which is a thread of the runtime and not the one that called weft_run. Threads that
 *  the runtime needs are never started from a locked one. Each park of a locked goroutine costs two switches of threads.
 *  In a simulated run all goroutines have one thread anyway, so nothing happens.
 *  Blocks: never. Callable from: goroutines; no effect in a plain thread, which is its own. Ordering: none.
 *  Source: Go's runtime.LockOSThread. */
WEFT_API void weft_lock_thread(void);

/** weft_unlock_thread - undo one weft_lock_thread of the calling goroutine.
 *  Note: The last one lets other goroutines run on the thread: what was changed of it should be as it was. Without a lock to undo
 *  it does nothing.
 *  Blocks: never. Callable from: goroutines; no effect in a plain thread. Ordering: none.
 *  Source: Go's runtime.UnlockOSThread. */
WEFT_API void weft_unlock_thread(void);

/** weft_goid - the number of the calling goroutine: 1 for main, never used twice in a run.
 *  Blocks: never. Callable from: anywhere. Returns: the number, 0 in a plain thread.
 *  Source: the N of "goroutine N" in Go's traces. */
WEFT_API uint64_t weft_goid(void);

/** weft_goroutines - how many goroutines exist now, the caller's included.
 *  Blocks: never. Callable from: anywhere. Ordering: none; the number may be old when it is read.
 *  Returns: the count, 0 outside a run. Source: Go's runtime.NumGoroutine. */
WEFT_API size_t weft_goroutines(void);

/** weft_blocking_begin - say that a call follows which blocks the thread: the right to run goroutines is handed on at once.
 *  Blocks: never. Callable from: goroutines; no effect in a plain thread. Note: Sections nest; no other operation of
 *  this library may be used inside one. Prefer the statement weft_blocking { ... }.
 *  Source: Go's entersyscallblock. */
WEFT_API void weft_blocking_begin(void);

/** weft_blocking_end - the blocking call is over.
 *  Blocks: the goroutine, until a processor is free to run it; it may go on in another thread.
 *  Callable from: where weft_blocking_begin was called. Source: Go's exitsyscall. */
WEFT_API void weft_blocking_end(void);

WEFT_END_DECLS

/* weft_blocking { read(fd, buffer, n); } - a blocking section as a statement. It ends at the closing brace and
 * on break, return and goto alike. errno is the thread's own: read it inside the section. */
static inline void weft__blocking_leave(const int *entered)
{
    if (*entered)
        weft_blocking_end();
}
#define weft_blocking                                                                                                  \
    for (int weft__in_ __attribute__((unused, cleanup(weft__blocking_leave))) = (weft_blocking_begin(), 1),            \
                                              weft__once_ = 1;                                                         \
         weft__once_; weft__once_ = 0)

#endif
