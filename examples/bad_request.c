/* SPDX-License-Identifier: Apache-2.0
 *
 * bad_request.c - a server that survives its request handlers: one that panics ends its request, not the program. */
#include <stdio.h>

#include <weft/words.h>

struct request {
    const char *text;
    send_chan(int) answer;
};

static void close_answer(void *answer)
{
    chan_close((chan(int))answer);
}

/* "divide A B". Whatever happens, the client hears of the end. */
static void handle(void *arg)
{
    struct request *request = arg;
    int a, b;
    weft_defer(close_answer, request->answer);
    if (sscanf(request->text, "divide %d %d", &a, &b) != 2)
        weft_panic("cannot read \"%s\"", request->text);
    if (b == 0)
        weft_panic("%d divided by zero", a);
    if (a % b != 0)
        weft_timer_stop(NULL); /* a bug in the handler: misuse of the library */
    chan_send(request->answer, a / b);
}

static void server(recv_chan(struct request) requests)
{
    chan_range(struct request, request, requests) {
        struct weft_panic_info info;
        if (weft_recover(handle, &request, &info))
            printf("  a handler failed: %s\n", info.message); /* weft_panic_info_print has the trace, too */
    }
}

static void ask(send_chan(struct request) requests, const char *text)
{
    chan(int) answer = chan_make(int, 1);
    bool answered = false;
    chan_send(requests, ((struct request){text, send_only(answer)}));
    chan_range(int, result, answer) {
        printf("%s: %d\n", text, result);
        answered = true;
    }
    if (!answered)
        printf("%s: no answer\n", text);
    chan_free(answer);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(struct request) requests = chan_make(struct request, 10);
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    for (int i = 0; i < 3; i++)
        weft_waitgroup_go(&wg, server, recv_only(requests));
    ask(send_only(requests), "divide 84 2");
    ask(send_only(requests), "multiply 84 2");
    ask(send_only(requests), "divide 84 0");
    ask(send_only(requests), "divide 84 5");
    ask(send_only(requests), "divide 84 4");
    chan_close(requests);
    weft_waitgroup_wait(&wg);
    chan_free(requests);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
