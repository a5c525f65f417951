/* SPDX-License-Identifier: Apache-2.0
 *
 * soak.c - a mixed load for a long time, with the invariants checked and memory constant.
 *
 *   soak [-t TIME] [-p PROCESSORS] [-s SEED]      TIME: 30, 30s, 30m or 8h; default 30s
 *
 * The time is cut into runs (weft_run) of some seconds, at 1, 2 and 4 processors in turn (or at PROCESSORS). A run consists of
 * rounds: all loads (soak.h) beside each other, each in a goroutine, and a check when they have ended: the goroutines are back to
 * the main one, and what the process holds is looked at (figures.h). Each load checks its own sums.
 *
 * WEFT_SOAK_PLANT plants what the checks must find (tests/soak/run --plants shows that they do):
 *   memory       4 bytes of each operation are kept
 *   goroutine    one of each round stays
 *   descriptor, mapping, thread    as many as PLANTS stay by the end, one after the other, however many rounds there are */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "soak/figures.h"
#include "soak/soak.h"

#define GOROUTINES_PATIENCE (60 * WEFT_SECOND)
#define PLANTS 200

static struct {
    int64_t began, time, warm, run_time; /* ns */
    int64_t run_ends, next_line;
    uint64_t seed;
    int64_t rounds, operations, runs, warm_operations;
    int64_t by_load[32];
    const char *plant;
    int64_t plants;
    struct growth growth;
} soak;

_Noreturn void soak_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "soak: %s:%d: %s (seed %llu, round %lld)\n", file, line, what, (unsigned long long)soak.seed,
            (long long)soak.rounds);
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

/* ---- plants ---- */

static bool planted(const char *name)
{
    return soak.plant != NULL && strcmp(soak.plant, name) == 0;
}

static void *stay_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void stay(weft_chan(bool) never)
{
    weft_chan_recv(never, NULL);
}

static void plant(int64_t operations)
{
    if (planted("memory")) {
        static void *volatile kept;
        (void)kept;
        kept = memset(malloc((size_t)operations * 4), 1, (size_t)operations * 4);
    } else if (planted("goroutine")) {
        SOAK_CHECK(weft_go(stay, (weft_chan(bool))NULL) == 0);
    }
    for (; soak.plants < PLANTS * (weft_now() - soak.began) / soak.time; soak.plants++) {
        pthread_t thread;
        if (planted("descriptor"))
            SOAK_CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
        if (planted("mapping")) /* two protections, so that neighbours do not become one */
            SOAK_CHECK(mmap(NULL, 4096, soak.plants % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                       MAP_FAILED);
        if (planted("thread"))
            SOAK_CHECK(pthread_create(&thread, NULL, stay_thread, NULL) == 0);
    }
}

/* ---- rounds ---- */

struct task {
    const struct load *load;
    struct die die;
    int64_t operations;
};

static void run_load(struct task *task)
{
    task->operations = task->load->run(&task->die);
}

static int begin_tasks(struct task *tasks, int count, const struct load *loads, weft_waitgroup *all)
{
    for (; loads->name != NULL; loads++, count++) {
        tasks[count] = (struct task){.load = loads};
        tasks[count].die.state = soak.seed ^ ((uint64_t)soak.rounds << 8 | (uint64_t)count) * 0x2545f4914f6cdd1d;
        SOAK_CHECK(weft_waitgroup_go(all, run_load, &tasks[count]) == 0);
    }
    return count;
}

/* A goroutine that has told its wait group is about to end, so this may take a moment. */
static void wait_for_goroutines(void)
{
    int64_t began = weft_now();
    while (weft_goroutines() != 1) {
        if (weft_now() - began > GOROUTINES_PATIENCE || planted("goroutine")) {
            weft_dump(STDERR_FILENO);
            fprintf(stderr, "soak: %zu goroutines are left\n", weft_goroutines());
            SOAK_CHECK(!"goroutines are left after a round");
        }
        weft_sleep(50 * WEFT_MICROSECOND);
    }
}

static void print_line(const struct figures *figures, int64_t now)
{
    printf("%7.1f s %8lld rounds %12lld operations  resident %lld KiB, heap %lld KiB, %lld mappings, %lld threads, "
           "%lld descriptors\n",
           (double)(now - soak.began) / 1e9, (long long)soak.rounds, (long long)soak.operations,
           (long long)figures->now[RESIDENT], (long long)figures->now[HEAP], (long long)figures->now[MAPPINGS],
           (long long)figures->now[THREADS], (long long)figures->now[DESCRIPTORS]);
    fflush(stdout);
}

static void look(void)
{
    struct figures figures;
    figures_take(&figures);
    int64_t now = weft_now(), after = soak.began + soak.warm;
    if (now < after)
        soak.warm_operations = soak.operations;
    growth_add(&soak.growth, &figures, now < after ? -1 : (double)(now - after) / (double)(soak.time - soak.warm));
    if (now >= soak.next_line) {
        print_line(&figures, now);
        soak.next_line += WEFT_MINUTE;
    }
}

static void one_round(void)
{
    static struct task tasks[32];
    weft_waitgroup all = WEFT_WAITGROUP_INIT;
    int count = begin_tasks(tasks, 0, soak_channel_loads, &all);
    count = begin_tasks(tasks, count, soak_lock_loads, &all);
    count = begin_tasks(tasks, count, soak_life_loads, &all);
    weft_waitgroup_wait(&all);
    int64_t operations = 0;
    for (int i = 0; i < count; i++) {
        operations += tasks[i].operations;
        soak.by_load[i] += tasks[i].operations;
    }
    plant(operations);
    wait_for_goroutines();
    soak.operations += operations;
    soak.rounds++;
    look();
}

static int rounds(int argc, char **argv)
{
    (void)argc, (void)argv;
    do
        one_round();
    while (weft_now() < soak.run_ends);
    return 0;
}

/* ---- main ---- */

static int64_t parse_time(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (strcmp(end, "h") == 0)
        number *= 3600;
    else if (strcmp(end, "m") == 0)
        number *= 60;
    else if (*end != 0 && strcmp(end, "s") != 0)
        number = 0;
    return (int64_t)(number * 1e9);
}

static void print_loads(void)
{
    const struct load *lists[] = {soak_channel_loads, soak_lock_loads, soak_life_loads};
    printf("operations:");
    int at = 0;
    for (int list = 0; list < 3; list++)
        for (const struct load *load = lists[list]; load->name != NULL; load++, at++) {
            printf(" %s %lld%s", load->name, (long long)soak.by_load[at], load[1].name || list < 2 ? "," : "\n");
            SOAK_CHECK(soak.by_load[at] > 0 || strcmp(load->name, "dumps") == 0);
        }
}

int main(int argc, char **argv)
{
    int processors = 0;
    soak.time = 30 * WEFT_SECOND;
    soak.seed = (uint64_t)weft_now();
    for (int option; (option = getopt(argc, argv, "t:p:s:")) >= 0;)
        if (option == 't')
            soak.time = parse_time(optarg);
        else if (option == 'p')
            processors = atoi(optarg);
        else if (option == 's')
            soak.seed = strtoull(optarg, NULL, 0);
        else
            return 2;
    if (soak.time < 5 * WEFT_SECOND || processors < 0) {
        fprintf(stderr, "soak [-t TIME] [-p PROCESSORS] [-s SEED]: at least 5 s\n");
        return 2;
    }
    soak.plant = getenv("WEFT_SOAK_PLANT");
    soak.began = soak.next_line = weft_now();
    soak.warm = soak.time / 5 < 2 * WEFT_MINUTE ? soak.time / 5 : 2 * WEFT_MINUTE;
    soak.run_time = soak.time / 60 > 5 * WEFT_SECOND ? 5 * WEFT_SECOND : soak.time / 60;
    printf("soak: %.0f s, seed %llu\n", (double)soak.time / 1e9, (unsigned long long)soak.seed);
    while (weft_now() < soak.began + soak.time) {
        soak.run_ends = weft_now() + soak.run_time;
        weft_procs(processors > 0 ? processors : 1 << soak.runs % 3);
        SOAK_CHECK(weft_run(rounds, argc, argv) == 0);
        soak.runs++;
    }
    struct figures figures;
    figures_take(&figures);
    print_line(&figures, weft_now());
    printf("%lld runs, %lld rounds, %lld operations\n", (long long)soak.runs, (long long)soak.rounds,
           (long long)soak.operations);
    print_loads();
    bool bounded = growth_is_bounded(&soak.growth, soak.operations - soak.warm_operations);
    printf(bounded ? "soak: all invariants held\n" : "soak: something grows\n");
    return bounded ? EXIT_SUCCESS : EXIT_FAILURE;
}
