/* SPDX-License-Identifier: Apache-2.0
 *
 * walk.c - the goroutine that finds the files. See walk.h.
 *
 * Data:  a stack of the directories still to be read, as paths. A directory is read to its end and closed before the
 *        next, so that one descriptor is enough for a tree of any depth. Its files go out while it is being read, so that
 *        the workers have something to do; with --ordered its names are gathered and sorted first. */
#define _GNU_SOURCE
#include "walk.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct strings {
    char **items;
    size_t count, room;
};

struct walk {
    const struct options *options;
    const struct own_files *own;
    flag_recv_chan stop;
    job_send_chan jobs;
    job_send_chan results;
    bool stopped;
    struct strings pending; /* directories to read, the next one last; heap */
    struct strings files;   /* with --ordered: names in the directory that is being read; heap */
};

/* Takes the string over. */
static void strings_push(struct strings *strings, char *string)
{
    if (strings->count == strings->room) {
        strings->room = strings->room ? 2 * strings->room : 64;
        strings->items = realloc(strings->items, strings->room * sizeof *strings->items);
        if (!strings->items)
            die_out_of_memory();
    }
    strings->items[strings->count++] = string;
}

static void strings_free(struct strings *strings)
{
    while (strings->count > 0)
        free(strings->items[--strings->count]);
    free(strings->items);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void strings_sort(struct strings *strings, size_t from)
{
    if (strings->count > from) /* there may be no items at all */
        qsort(strings->items + from, strings->count - from, sizeof *strings->items, compare_names);
}

/* prefix bytes that the caller needs in front, then "directory/name"; just directory if name is NULL. */
static void *allocate_path(size_t prefix, const char *directory, const char *name)
{
    size_t length = strlen(directory), more = name ? strlen(name) : 0;
    char *memory = malloc(prefix + length + more + 2);
    if (!memory)
        die_out_of_memory();
    char *end = mempcpy(memory + prefix, directory, length);
    if (name && length > 0 && end[-1] != '/')
        *end++ = '/';
    *(char *)mempcpy(end, name ? name : "", more) = '\0';
    return memory;
}

static struct job *new_job(const char *directory, const char *name)
{
    struct job *job = allocate_path(offsetof(struct job, path), directory, name);
    job->outcome = (struct outcome){.state = JOB_LEFT};
    job->follow = !name;
    return job;
}

/* A result without a worker. */
static void tell(struct walk *walk, struct job *job, enum job_state state)
{
    job->outcome.state = state;
    chan_send(walk->results, job);
}

static void tell_error(struct walk *walk, const char *path, int error, const char *reason)
{
    struct job *job = new_job(path, NULL);
    job->outcome.error = error;
    job->outcome.reason = reason;
    tell(walk, job, JOB_FAILED);
}

/* A regular file was found: the one place where the pipeline is fed. */
static void feed(struct walk *walk, const char *directory, const char *name)
{
    struct job *job = new_job(directory, name);

    if (walk->options->when_full == WHEN_FULL_DROP) {
        walk->stopped = is_closed(walk->stop);
        if (!chan_try_send(walk->jobs, job))
            tell(walk, job, JOB_DROPPED);
        return;
    }
    switch (chan_select(on_send(walk->jobs, job), on_recv(walk->stop, NULL))) {
    case 0:
        break;
    case 1:
        walk->stopped = true;
        tell(walk, job, JOB_LEFT);
    }
}

/* The type of an entry, as readdir says it; some file systems leave that to fstatat. */
static unsigned char entry_type(int directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return DT_REG; /* let the worker find out, and say so */
    return S_ISREG(status.st_mode) ? DT_REG : S_ISDIR(status.st_mode) ? DT_DIR : DT_UNKNOWN;
}

static bool is_own(const struct walk *walk, int directory, const struct dirent *entry)
{
    struct stat status;
    return own_files_may_have(walk->own, entry->d_ino) &&
           fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && own_files_have(walk->own, &status);
}

static void take_entry(struct walk *walk, int directory, const char *path, const struct dirent *entry)
{
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    switch (entry_type(directory, entry)) {
    case DT_DIR:
        strings_push(&walk->pending, allocate_path(0, path, name));
        break;
    case DT_REG:
        if (is_own(walk, directory, entry))
            tell(walk, new_job(path, name), JOB_OUTPUT);
        else if (walk->options->ordered)
            strings_push(&walk->files, allocate_path(0, name, NULL));
        else
            feed(walk, path, name);
    }
}

/* Send what --ordered has gathered, and put the subdirectories, which came last, in order. */
static void feed_in_order(struct walk *walk, const char *path, size_t first_pending)
{
    strings_sort(&walk->files, 0);
    for (size_t i = 0; i < walk->files.count; i++) {
        if (!walk->stopped)
            feed(walk, path, walk->files.items[i]);
        free(walk->files.items[i]);
    }
    walk->files.count = 0;

    if (walk->pending.count == first_pending)
        return;
    strings_sort(&walk->pending, first_pending);
    char **low = walk->pending.items + first_pending, **high = walk->pending.items + walk->pending.count;
    while (low < high) { /* the first by name is the next to be read, so it goes last */
        char *swapped = *low;
        *low++ = *--high;
        *high = swapped;
    }
}

/* fdopendir(3): 0 or -errno; takes fd over. */
READS_ERRNO static int open_stream(int fd, DIR **stream)
{
    *stream = fdopendir(fd);
    if (*stream)
        return 0;
    int error = -errno;
    close(fd);
    return error;
}

/* readdir(3): NULL at the end, and on an error, which is then in *error. */
READS_ERRNO static const struct dirent *next_entry(DIR *stream, int *error)
{
    errno = 0;
    const struct dirent *entry = readdir(stream);
    *error = entry ? 0 : errno;
    return entry;
}

static void read_directory(struct walk *walk, const char *path, int flags)
{
    size_t first_pending = walk->pending.count;
    DIR *directory = NULL;
    int fd = open_path(path, O_DIRECTORY | flags);
    int error = fd < 0 ? fd : open_stream(fd, &directory);
    if (error < 0) {
        tell_error(walk, path, -error, NULL);
        return;
    }
    while (!walk->stopped) {
        const struct dirent *entry = next_entry(directory, &error);
        if (!entry) {
            if (error != 0)
                tell_error(walk, path, error, NULL);
            break;
        }
        take_entry(walk, fd, path, entry);
    }
    closedir(directory);
    if (walk->options->ordered)
        feed_in_order(walk, path, first_pending);
    walk->stopped = walk->stopped || is_closed(walk->stop);
}

/* Read a directory and everything below it. */
static void read_tree(struct walk *walk, const char *root)
{
    read_directory(walk, root, 0);
    while (walk->pending.count > 0 && !walk->stopped) {
        char *path = walk->pending.items[--walk->pending.count];
        read_directory(walk, path, O_NOFOLLOW);
        free(path);
    }
}

/* stat(2): 0 or -errno. */
READS_ERRNO static int status_of(const char *path, struct stat *status)
{
    return stat(path, status) < 0 ? -errno : 0;
}

static void take_argument(struct walk *walk, const char *path)
{
    struct stat status;
    int error = status_of(path, &status);
    if (error < 0)
        tell_error(walk, path, -error, NULL);
    else if (S_ISDIR(status.st_mode))
        read_tree(walk, path);
    else if (!S_ISREG(status.st_mode))
        tell_error(walk, path, 0, "neither a directory nor a regular file");
    else if (own_files_have(walk->own, &status))
        tell(walk, new_job(path, NULL), JOB_OUTPUT);
    else
        feed(walk, path, NULL);
}

void walk(const struct options *options, const struct own_files *own, const struct halt *halt, job_send_chan jobs,
          job_send_chan results)
{
    struct walk walk = {
        .options = options, .own = own, .stop = recv_only(halt->stop), .jobs = jobs, .results = results};

    for (int i = 0; i < options->path_count && !walk.stopped; i++)
        take_argument(&walk, options->paths[i]);
    strings_free(&walk.pending);
    strings_free(&walk.files);
    chan_close(jobs);
}
