/* SPDX-License-Identifier: Apache-2.0
 *
 * peer.h - what each program of peers/ in C or C++ is made of: a harness with weft-bench's options and its form of results
 * (peer.c), and the loops (loops.h) over what the system offers. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct peer_run {
    int64_t n;          /* how often to do the operation */
    int64_t operations; /* how often it was done; a case that cannot do n of them says so */
    int procs;
    double cpu, early; /* further figures: ns per operation, ns; below 0: none */
};

struct peer_case {
    const char *name; /* of weft-bench's case; NULL ends the table */
    void (*run)(struct peer_run *r);
};

struct peer_parked {
    long rss, tables;    /* KiB by which they grew */
    int64_t create, end; /* ns */
};

struct peer {
    const char *name;
    int procs_max;
    const struct peer_case *cases;
    /* Start the system with procs processors, call body(arg) in a task of it, end the system. */
    void (*enter)(int procs, void (*body)(void *arg), void *arg);
    /* Tasks that wait, as in ../memory.c: create, then read memory through peer_memory, then wake and end. */
    void (*parked)(int64_t count, struct peer_parked *p);
};

int peer_main(int argc, char **argv, const struct peer *peer);

int64_t peer_now(void);
int64_t peer_cpu(void);

/* Resident pages and page tables of the process, KiB. */
void peer_memory(long *rss, long *tables);

/* Keep all threads of the process on the first procs processors that it may use: for systems that cannot be told. */
void peer_keep_to(int procs);

/* Memory that is there; the program ends when there is none. */
void *peer_allocate(size_t count, size_t size);

/* End with a message, if the condition holds. */
void peer_fail_if(bool condition, const char *message);

#ifdef __cplusplus
}
#endif

#endif
