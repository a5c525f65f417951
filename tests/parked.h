/* SPDX-License-Identifier: Apache-2.0
 *
 * parked.h - to wait until somebody is parked, or whatever else a dump says of him, however late the machine is that he runs on. A
 * sleep of some milliseconds is no such thing on a busy computer. */
#ifndef TESTS_PARKED_H
#define TESTS_PARKED_H

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/run.h>
#include <weft/time.h>

#include "chan/waiters.h"

static inline void parked_await(struct weft__chan *chan, const weft__waiters *list, int number)
{
    for (int parked = 0; parked < number;) {
        weft_sleep(100 * WEFT_MICROSECOND);
        parked = 0;
        weft__chan_lock(chan);
        const struct weft__waiter *oldest = weft__waiters_oldest(list), *waiter = oldest;
        while (waiter != NULL) {
            parked++;
            waiter = waiter->next == oldest ? NULL : waiter->next;
        }
        weft__chan_unlock(chan);
    }
}

/* Wait until so many wait at the channel. */
static inline void parked_await_senders(void *channel, int number)
{
    struct weft__chan *chan = channel;
    parked_await(chan, &chan->senders, number);
}
static inline void parked_await_receivers(void *channel, int number)
{
    struct weft__chan *chan = channel;
    parked_await(chan, &chan->receivers, number);
}

/* Wait until a dump has so many places that are like an extended regular expression. For threads, too. */
static inline void parked_await_dump(const char *regex, int number)
{
    regex_t compiled;
    if (regcomp(&compiled, regex, REG_EXTENDED) != 0)
        abort();
    for (int found = 0; found < number;) {
        weft_sleep(WEFT_MILLISECOND);
        found = 0;
        int fd = memfd_create("dump", MFD_CLOEXEC);
        weft_dump(fd);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) != 0)
            abort();
        char *text = calloc(1, (size_t)status.st_size + 1), *at = text;
        if (text == NULL || pread(fd, text, (size_t)status.st_size, 0) != status.st_size)
            abort();
        for (regmatch_t match; regexec(&compiled, at, 1, &match, 0) == 0; at += match.rm_eo)
            found++;
        free(text);
        close(fd);
    }
    regfree(&compiled);
}

#endif
