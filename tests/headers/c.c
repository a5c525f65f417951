/* SPDX-License-Identifier: Apache-2.0
 *
 * Every macro of the public headers, compiled (not run) by scripts/check-headers as C11, gnu11, gnu17 and gnu2x. */
#include <weft/words.h>

#include <stdio.h>

struct result {
    int worker, job;
};

enum colour { RED, GREEN };

static void nothing(void)
{
}

static int one(long value)
{
    return (int)value;
}

static void mixed(int a, double b, const char *c, unsigned char d, float e, enum colour f, void *g, int64_t h)
{
    printf("%d %f %s %d %f %d %p %lld\n", a, b, c, d, (double)e, (int)f, g, (long long)h);
}

static void copied(void *copy)
{
    struct result *result = copy;
    printf("%d\n", result->job);
}

static void worker(int id, recv_chan(int) jobs, send_chan(struct result) results)
{
    chan_range(int, job, jobs) {
        if (job == 3)
            continue;
        weft_blocking
        {
            putchar('.');
        }
        chan_send(results, ((struct result){id, job}));
    }
}

static int with_context(weft_context *context, recv_chan(int) jobs, send_chan(struct result) results)
{
    struct result result = {1, 2};
    int job, error = chan_recv_ctx(context, jobs, &job);
    bool ok;

    error = error != 0 ? error : chan_recv_ctx(context, jobs, &job, &ok);
    error = error != 0 ? error : chan_recv_ctx(context, jobs, NULL);
    error = error != 0 ? error : chan_send_ctx(context, results, result);
    chan_range_ctx(context, int, each, jobs)
        printf("%d\n", each);
    switch (chan_select(on_done(context), on_recv(jobs, &job))) {
    case 0:
        return weft_context_err(context);
    default:
        return chan_recv(weft_context_done(context)) ? -1 : error;
    }
}

static int scoped(int number)
{
    struct result result = {1, number};
    int error = 0;

    weft_with_scope(plain)
        weft_scope_go(&plain, nothing);
    weft_with_scope(limited, .limit = 2, .timeout = WEFT_SECOND) {
        weft_with_scope(inner, .parent = weft_scope_context(&limited), .deadline = weft_now() + 1, .limit = -1,
                        .timeout = 3)
            weft_scope_go(&inner, one, number);
        weft_scope_go_with(&limited, ((struct weft_go_options){.name = "named"}), mixed, 1, 2.0, "three", 4, 5.0f,
                           GREEN, NULL, 8);
        weft_scope_go_copy(&limited, copied, &result, sizeof result);
        weft_scope_set_limit(&limited, weft_scope_try_go(&limited, one, 3));
        if (number > 3)
            break;
        weft_scope_cancel(&limited);
        error = weft_scope_wait(&limited);
    }
    return error;
}

static void said(void *text)
{
    puts(text);
}

static int app(int argc, char **argv)
{
    chan(int) jobs = chan_make(int, 10);
    chan(struct result) results = chan_make(struct result, 10);
    chan(const char *) names = chan_make(const char *, 0);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    struct result result = {0, 0}, many[2];
    bool ok;
    int i;
    char word[] = "scope";

    (void)argc;
    (void)argv;
    defer(said, word);
    go(nothing);
    go(one, 1);
    go(mixed, 1, 2.0, "three", 4, 5.0f, GREEN, NULL, 8);
    if (go_with(((struct weft_go_options){.name = "named", .stack_size = 1 << 16}), one, 2L) != 0)
        return 1;
    weft_go_copy(copied, &result, sizeof result);
    for (i = 0; i < 3; i++)
        weft_waitgroup_go(&wg, worker, i, recv_only(jobs), send_only(results));
    go(scoped, 3);
    go(with_context, weft_context_background(), recv_only(jobs), send_only(results));
    chan_send(jobs, i);
    chan_try_send(jobs, 4);
    chan_send(names, "constant");
    chan_close(jobs);
    result = chan_recv(results);
    ok = chan_recv(results, &result);
    ok = chan_try_recv(results, &result) && ok;
    ok = chan_try_recv(results, NULL, &ok);
    switch (chan_select(on_recv(results, &result), on_recv(jobs, &i, &ok), on_send(jobs, 5), on_timeout(WEFT_SECOND),
                        otherwise())) {
    case 0:
        break;
    default:
        weft_yield();
    }
    weft_map_stream(WEFT_MAP_ORDERED, 2, jobs, results, NULL, NULL);
    weft_map(0, NULL, 0, many, sizeof many[0], 2, NULL, NULL);
    ok = chan_recv(weft_after(WEFT_MILLISECOND)) > 0;
    printf("%zu %zu %d\n", chan_len(jobs), chan_cap(results), ok);
    chan_release(chan_retain(jobs));
    chan_free(names);
    chan_free(results);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
