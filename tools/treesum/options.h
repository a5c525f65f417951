/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h - the command line. */
#ifndef TREESUM_OPTIONS_H
#define TREESUM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum when_full { WHEN_FULL_BLOCK, WHEN_FULL_DROP };
enum progress_wish { PROGRESS_ON_TERMINAL, PROGRESS_ALWAYS, PROGRESS_NEVER };

struct options {
    char **paths; /* directories and files to digest: the end of argv */
    int path_count;
    int workers;
    int64_t queue;
    enum when_full when_full;
    int64_t timeout; /* ns; 0: none */
    bool ordered;
    const char *database; /* NULL: none */
    enum progress_wish progress;
    bool summary;
    bool stats;
};

/* Fill in options from the command line. Returns -1 to go on, or the exit code if everything has been said (--help,
 * --version, an error). argv is permuted. */
int options_parse(struct options *options, int argc, char **argv);

#endif
