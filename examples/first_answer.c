/* SPDX-License-Identifier: Apache-2.0
 *
 * first_answer.c - three mirrors are asked at once; the first answer counts, and the others are given up. */
#include <stdio.h>

#include <weft/words.h>

static int ask(weft_scope *asking, const char *mirror, int milliseconds, send_chan(const char *) answer)
{
    int error = weft_sleep_ctx(weft_context_current(), milliseconds * WEFT_MILLISECOND); /* in place of the network */
    if (error != 0) {
        printf("%s was given up\n", mirror);
        return error;
    }
    chan_try_send(answer, mirror); /* there is room for one */
    weft_scope_cancel(asking);
    return 0;
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    chan(const char *) answer = chan_make(const char *, 1);
    int64_t start = weft_now();
    weft_with_scope(asking, .timeout = 10 * WEFT_SECOND) {
        weft_scope_go(&asking, ask, &asking, "mirror one", 5000, send_only(answer));
        weft_scope_go(&asking, ask, &asking, "mirror two", 50, send_only(answer));
        weft_scope_go(&asking, ask, &asking, "mirror three", 8000, send_only(answer));
        if (weft_scope_wait(&asking) == 0)
            printf("%s was first, after %.1f s\n", chan_recv(answer), (double)(weft_now() - start) / WEFT_SECOND);
    }
    chan_free(answer);
    return 0;
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
