/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - the command line. See options.h. */
#define _GNU_SOURCE
#include "options.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/words.h>

#define MAX_WORKERS 4096
#define MAX_QUEUE 10000000
#define DEFAULT_QUEUE 1024
#define EXIT_USAGE 2

static const char help[] = "Usage: treesum [OPTION]... [--] DIRECTORY|FILE...\n"
                           "Print the SHA-256 digest of every regular file below the directories, as sha256sum\n"
                           "does; sha256sum -c checks the output. Symbolic links below them are not followed.\n"
                           "\n"
                           "  --workers N             digest N files at a time (default: one per core)\n"
                           "  --ordered               print in the order of the walk: the files of a directory by\n"
                           "                          name, then its subdirectories (default: as they get ready)\n"
                           "  --db FILE               store the results in the SQLite database FILE, too\n"
                           "  --timeout TIME          give up a file that takes longer; TIME is a number of seconds\n"
                           "                          or has a suffix: 500ms, 2.5s, 10m, 1h (default: 0, no limit)\n"
                           "  --queue N               let the walk be N files ahead of the workers (default: 1024)\n"
                           "  --when-full block|drop  if it is, let it wait (default), or drop files and count them\n"
                           "  --progress              show progress (default: if standard error is a terminal)\n"
                           "  --no-progress           show none\n"
                           "  --summary               print a line of totals to standard error at the end (without\n"
                           "                          this: if there was progress, or something is amiss)\n"
                           "  --stats                 print files=N bytes=N seconds=S workers=N to standard error\n"
                           "  --help                  print this and exit\n"
                           "  --version               print the version and exit\n"
                           "\n"
                           "The exit code is 0 if every file was digested, 1 if one was not or the output failed,\n"
                           "2 for a wrong command line, 130 after SIGINT and 143 after SIGTERM: the first one\n"
                           "stops the walk and finishes the files in hand, the second ends at once.\n";

enum option_code {
    OPTION_WORKERS = 256,
    OPTION_ORDERED,
    OPTION_DATABASE,
    OPTION_TIMEOUT,
    OPTION_QUEUE,
    OPTION_WHEN_FULL,
    OPTION_PROGRESS,
    OPTION_NO_PROGRESS,
    OPTION_SUMMARY,
    OPTION_STATS,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"ordered", no_argument, NULL, OPTION_ORDERED},
    {"db", required_argument, NULL, OPTION_DATABASE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"queue", required_argument, NULL, OPTION_QUEUE},
    {"when-full", required_argument, NULL, OPTION_WHEN_FULL},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"summary", no_argument, NULL, OPTION_SUMMARY},
    {"stats", no_argument, NULL, OPTION_STATS},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int usage_error(void)
{
    report("try 'treesum --help'");
    return EXIT_USAGE;
}

/* A decimal number of lowest to highest. strtoll would also take blanks, signs and a number with something behind it. */
static bool parse_number(const char *name, const char *text, int64_t lowest, int64_t highest, int64_t *number)
{
    errno = 0;
    if (*text && text[strspn(text, "0123456789")] == '\0') {
        *number = strtoll(text, NULL, 10);
        if (errno == 0 && *number >= lowest && *number <= highest)
            return true;
    }
    report("--%s: '%s' is not a number from %lld to %lld", name, text, (long long)lowest, (long long)highest);
    return false;
}

/* Seconds, or a number with a suffix, in ns. */
static bool parse_duration(const char *name, const char *text, int64_t *duration)
{
    static const struct {
        const char *suffix;
        int64_t unit;
    } units[] = {{"", WEFT_SECOND}, {"s", WEFT_SECOND}, {"ms", WEFT_MILLISECOND}, {"m", WEFT_MINUTE}, {"h", WEFT_HOUR}};
    size_t length = strspn(text, "0123456789.");
    char *end;
    double value = strtod(text, &end);

    if (length > 0 && end == text + length)
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(end, units[i].suffix) == 0 && value * (double)units[i].unit < 9e18) {
                *duration = (int64_t)(value * (double)units[i].unit);
                if (*duration == 0 && value > 0)
                    *duration = 1; /* 0 would mean no limit */
                return true;
            }
    report("--%s: '%s' is not a time such as 10, 2.5s, 500ms, 10m or 1h", name, text);
    return false;
}

static bool parse_when_full(const char *text, enum when_full *when_full)
{
    if (strcmp(text, "block") == 0)
        *when_full = WHEN_FULL_BLOCK;
    else if (strcmp(text, "drop") == 0)
        *when_full = WHEN_FULL_DROP;
    else {
        report("--when-full: '%s' is neither block nor drop", text);
        return false;
    }
    return true;
}

/* What was written to standard output must have arrived there. */
static int exit_after_printing(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    report("standard output: %s", strerror(errno));
    return EXIT_FAILURE;
}

static int print_version(void)
{
    printf("treesum (Weft) %s\n%s, SQLite %s\n", weft_version(), OpenSSL_version(OPENSSL_VERSION),
           sqlite3_libversion());
    return exit_after_printing();
}

/* The places to start from; false (and said) if there is none that can be walked. */
static bool take_paths(struct options *options, int count, char **paths)
{
    options->paths = paths;
    options->path_count = count;
    if (count == 0)
        report("no directory was given");
    for (int i = 0; i < count; i++)
        if (strcmp(paths[i], "-") == 0) { /* to sha256sum -c that name is standard input */
            report("standard input is not read; a file called '-' is './-'");
            return false;
        }
    return count > 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.workers = weft_procs(0), .queue = DEFAULT_QUEUE};
    int letter;

    optind = 0;
    while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int64_t number = 0;
        bool good = true;
        switch (letter) {
        case OPTION_WORKERS:
            good = parse_number("workers", optarg, 1, MAX_WORKERS, &number);
            options->workers = (int)number;
            break;
        case OPTION_QUEUE:
            good = parse_number("queue", optarg, 0, MAX_QUEUE, &options->queue);
            break;
        case OPTION_WHEN_FULL:
            good = parse_when_full(optarg, &options->when_full);
            break;
        case OPTION_TIMEOUT:
            good = parse_duration("timeout", optarg, &options->timeout);
            break;
        case OPTION_DATABASE:
            options->database = optarg;
            good = *optarg != '\0';
            if (!good)
                report("--db: the file's name is empty");
            break;
        case OPTION_ORDERED:
            options->ordered = true;
            break;
        case OPTION_PROGRESS:
            options->progress = PROGRESS_ALWAYS;
            break;
        case OPTION_NO_PROGRESS:
            options->progress = PROGRESS_NEVER;
            break;
        case OPTION_SUMMARY:
            options->summary = true;
            break;
        case OPTION_STATS:
            options->stats = true;
            break;
        case OPTION_HELP:
            fputs(help, stdout);
            return exit_after_printing();
        case OPTION_VERSION:
            return print_version();
        default: /* getopt_long has said what is wrong */
            good = false;
        }
        if (!good)
            return usage_error();
    }
    if (!take_paths(options, argc - optind, argv + optind))
        return usage_error();
    return -1;
}
