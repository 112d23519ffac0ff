/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - the job and the commit protocol under random schedules
 *
 *     sim [--seeds A..B] [--seed N --trace] [--months] [--no-checkpoints]
 *         [--break=fence|readback|start|taken|late|verify|known|again|rewind]
 *
 * Exit 0: no fault.  With --break the oracle is on trial: exit 0 when a fault was found.
 */
#include "pipeline.h"
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
    (void)fprintf(stderr,
                  "usage: sim [--seeds A..B] [--seed N] [--trace] [--months] [--no-checkpoints] "
                  "[--break=fence|readback|start|taken|late|verify|known|again|rewind]\n");
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

/* The oracle is: a rule is broken. */
static bool is_on_trial(void)
{
    return args.options.broken != NET_BREAK_NONE || args.options.job_broken != JOB_BREAK_NONE;
}

static bool parse_break(struct str text)
{
    static const char *const net[] = {"", "fence", "readback"};
    static const char *const job[] = {"",       "start", "taken", "late",
                                      "verify", "known", "again", "rewind"};
    for (size_t i = 1; i < ARRAY_COUNT(net); i++) {
        if (str_eq_c(text, net[i])) {
            args.options.broken = (enum net_break)i;
        }
    }
    for (size_t i = 1; i < ARRAY_COUNT(job); i++) {
        if (str_eq_c(text, job[i])) {
            args.options.job_broken = (enum job_break)i;
        }
    }
    return is_on_trial();
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
    (void)printf("%" PRId64 " commits of %" PRId64 " rows (%" PRId64 " with a NULL), %" PRId64
                 " letters, %" PRId64 " new generations, %" PRId64 " starts, %" PRId64
                 " crashes, %" PRId64 " stops, %" PRId64 " fenced, %" PRId64 " restored, %" PRId64
                 " recreated, %" PRId64 " ended by a record, %" PRId64 " truncated, %" PRId64
                 " checkpoints, %" PRId64 " naps, %" PRId64 " months, %" PRId64 " steps\n",
                 c->commits, c->rows, c->nulls, c->letters, c->generations, c->starts, c->crashes,
                 c->stops, c->fenced, c->restores, c->recreations, c->ended_by_data, c->truncated,
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
        if (is_on_trial()) {
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
        (args.checkpoints && sql_open(&database, &db, &err) < 0) || pipeline_open(&err) < 0) {
        (void)fprintf(stderr, "sim: %s\n", err.msg);
        return 2;
    }
    args.options.db = db;
    (void)setenv("SLUICE_SPOOL", spool, 1);
    clock_replace(&time);
    struct sim_counts counts = {0};
    int64_t faults = run_all(&counts);
    clock_replace(NULL);
    fibers_done();
    pipeline_close();
    (void)fs_remove_tree(spool, &err);
    print_counts(&counts);
    (void)printf("%" PRId64 " schedules, %" PRId64 " faults\n", counts.schedules, faults);
    return (faults > 0) == is_on_trial() ? 0 : 1;
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
