/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - the commit protocol under random schedules
 *
 *     sim [--seeds A..B] [--seed N --trace] [--break=fence|start|readback]
 *         [--months] [--no-checkpoints]
 *
 * Exit 0: no fault.  With --break the oracle is on trial: exit 0 when a fault was found.
 */
#include "world.h"

#include "trace.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAULTS_SHOWN   10
#define PROGRESS_SEEDS 10000

static struct {
    uint64_t first, last;
    bool checkpoints;
    struct sim_options options;
} args = {.first = 1, .last = 1000, .checkpoints = true};

static volatile uint64_t seed_now;

/* An assertion of the engine is a fault of the schedule that broke it. */
static void on_abort(int number)
{
    char text[64];
    int len =
        snprintf(text, sizeof(text), "sim: aborted in seed %llu\n", (unsigned long long)seed_now);
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)len);
    (void)ignored;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: sim [--seeds A..B] [--seed N] [--trace] "
                          "[--break=fence|start|readback] [--months] [--no-checkpoints]\n");
    return 2;
}

static bool parse_seeds(struct str text)
{
    ptrdiff_t dots = str_find_str(text, STR(".."));
    if (dots < 0) {
        bool fine = str_to_u64(text, &args.first);
        args.last = args.first;
        return fine;
    }
    return str_to_u64(str_head(text, (size_t)dots), &args.first) &&
           str_to_u64(str_skip(text, (size_t)dots + 2), &args.last) && args.first <= args.last;
}

static bool parse_break(struct str text)
{
    static const char *const names[] = {"", "fence", "start", "readback"};
    for (size_t i = 1; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(text, names[i])) {
            args.options.broken = (enum net_break)i;
            return true;
        }
    }
    return false;
}

static bool parse_args(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct str arg = str_of(argv[i]);
        bool seeds = str_eq_c(arg, "--seeds") || str_eq_c(arg, "--seed");
        if (str_eq_c(arg, "--trace")) {
            trace_on = true;
        } else if (str_eq_c(arg, "--months")) {
            args.options.months = true;
        } else if (str_eq_c(arg, "--no-checkpoints")) {
            args.checkpoints = false;
        } else if (str_starts(arg, STR("--break="))) {
            if (!parse_break(str_skip(arg, 8))) {
                return false;
            }
        } else if (!seeds || i + 1 == argc || !parse_seeds(str_of(argv[++i]))) {
            return false;
        }
    }
    return true;
}

static void print_counts(const struct sim_counts *c)
{
    (void)printf("%" PRId64 " commits of %" PRId64 " rows, %" PRId64 " starts, %" PRId64
                 " crashes, %" PRId64 " fenced, %" PRId64 " restored, %" PRId64
                 " truncated, %" PRId64 " checkpoints, %" PRId64 " naps, %" PRId64
                 " months, %" PRId64 " steps\n",
                 c->commits, c->rows, c->starts, c->crashes, c->fenced, c->restores, c->truncated,
                 c->checkpoints, c->naps, c->months, c->steps);
}

static int64_t run_all(struct sim_counts *counts)
{
    int64_t faults = 0;
    for (uint64_t seed = args.first; seed <= args.last; seed++) {
        char fault[1024];
        seed_now = seed;
        bool fine = world_run(seed, &args.options, counts, fault);
        if (counts->schedules % PROGRESS_SEEDS == 0 && seed < args.last) {
            (void)fprintf(stderr, "%" PRId64 " schedules, %" PRId64 " faults so far\n",
                          counts->schedules, faults + !fine);
        }
        if (fine) {
            continue;
        }
        if (++faults <= FAULTS_SHOWN) {
            (void)printf("seed %" PRIu64 ": %s\n", seed, fault);
            (void)fflush(stdout);
        }
        if (args.options.broken != NET_BREAK_NONE) {
            break;
        }
    }
    return faults;
}

static int run(void)
{
    static const struct clock_source time = {fiber_clock_us, fiber_sleep_us};
    struct err err;
    AUTO_FREE char *spool = NULL;
    AUTO_SQL_DB struct sql_db *db = NULL;
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct sql_db_options database = {.threads = 1, .memory_bytes = (uint64_t)256 << 20};
    if (fs_make_temp_dir(parent, "sluice-sim-", &spool, &err) < 0 ||
        (args.checkpoints && sql_open(&database, &db, &err) < 0)) {
        (void)fprintf(stderr, "sim: %s\n", err.msg);
        return 2;
    }
    args.options.db = db;
    args.options.spool = spool;
    clock_replace(&time);
    struct sim_counts counts = {0};
    int64_t faults = run_all(&counts);
    clock_replace(NULL);
    fibers_done();
    (void)fs_remove_tree(spool, &err);
    print_counts(&counts);
    (void)printf("%" PRId64 " schedules, %" PRId64 " faults\n", counts.schedules, faults);
    bool wanted = args.options.broken != NET_BREAK_NONE;
    return (faults > 0) == wanted ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (!parse_args(argc, argv)) {
        return usage();
    }
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGSEGV, on_abort);
    return run();
}
