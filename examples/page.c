/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c - the parts of a page are fetched at once: all of them come, or the page fails, by its deadline or the first error. */
#include <errno.h>
#include <stdio.h>

#include <weft/words.h>

struct part {
    const char *name;
    int milliseconds; /* negative: it fails at once */
    char text[40];
};

/* In place of the network. What it has written can be read when the scope has waited for it. */
static int fetch(struct part *part)
{
    if (part->milliseconds < 0)
        return -EIO;
    int error = weft_sleep_ctx(weft_context_current(), part->milliseconds * WEFT_MILLISECOND);
    if (error == 0)
        snprintf(part->text, sizeof part->text, "[%s]", part->name);
    return error;
}

static void show(const char *what, int article, int comments)
{
    struct part parts[] = {{.name = "head", .milliseconds = 5},
                           {.name = "article", .milliseconds = article},
                           {.name = "comments", .milliseconds = comments}};
    int64_t start = weft_now();
    int error = 0;
    weft_with_scope(page, .timeout = 500 * WEFT_MILLISECOND) { /* after what its goroutines use */
        for (int i = 0; i < 3; i++)
            weft_scope_go(&page, fetch, &parts[i]);
        error = weft_scope_wait(&page);
    }
    if (error == 0)
        printf("%s: %s%s%s\n", what, parts[0].text, parts[1].text, parts[2].text);
    else
        printf("%s: %s after %.1f s\n", what, error == -ETIMEDOUT ? "too late" : "an error",
               (double)(weft_now() - start) / WEFT_SECOND);
}

static int app(int argc, char **argv)
{
    (void)argc, (void)argv;
    show("a good day", 20, 30);
    show("a slow one", 20, 60000);
    show("a bad one", -1, 60000);
    return 0;
}

static int run(void *unused)
{
    (void)unused;
    return app(0, NULL);
}

/* In simulated time, so that the good day is one however busy the machine is;
 * weft_run(app, argc, argv) runs the same on the real clock. */
int main(void)
{
    return weft_sim(1, run, NULL);
}
