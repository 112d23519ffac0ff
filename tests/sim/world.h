/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "connect/delta_sink.h"
#include "net_store.h"

/*
 * world - one schedule: topics, a table behind a bad network, instances of a query, strangers
 */
#define SIM_PARTITIONS_MAX 4
#define SIM_QUERY          "q"
#define SIM_TOPIC          "t"
#define SIM_TOPIC_ID       "id-1"
#define SIM_STREAM         "s"

struct world;

/* One `sluice run`. */
struct instance {
    struct world *world;
    struct net_client client;
    struct fiber *main;
    bool start_latest; /* startingOffsets of this start */
    bool drained;      /* has committed everything there is, in the drain */
    bool ended;
    int end_rc;
    struct err end_err;
    char run_id[UUID_TEXT]; /* of the present attempt */
    int64_t own_version;    /* of its newest commit; -1 = none */
    int attempts;
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct net net;
    struct sql_db *db; /* NULL = no checkpoints; borrowed */
    const char *spool;
    VEC(struct instance *) instances; /* all that ever were */
    int64_t ends[SIM_PARTITIONS_MAX]; /* of the topic's partitions */
    int partition_count;
    /* Where the first reader of a partition was told to begin; -1 = nobody yet. */
    int64_t intents[SIM_PARTITIONS_MAX];
    int64_t restored_version; /* of a stranger's RESTORE; -1 = none */
    int foreign_count;
    bool with_restore;
    bool with_months;
    struct instance *asleep; /* stopped (SIGSTOP, a suspended machine); NULL = none */
    int64_t wakes_at;        /* step */
    bool draining;
    int64_t steps;
    char fault[1024]; /* the first thing that must not be; "" = fine */
};

/* Options of all schedules. */
struct sim_options {
    enum net_break broken;
    bool months;       /* checkpoints and months in every schedule */
    struct sql_db *db; /* NULL = no checkpoints anywhere */
    const char *spool;
};

/* What came of many schedules. */
struct sim_counts {
    int64_t schedules, commits, rows, crashes, starts, fenced, unknown_answers, rebases, foreign,
        restores, truncated, checkpoints, steps, naps, months;
};

/* Runs schedule `seed`. True = no fault; else *fault says what. */
bool world_run(uint64_t seed, const struct sim_options *options, struct sim_counts *counts,
               char fault[1024]);

void world_fault(struct world *world, const char *fmt, ...) PRINTF(2, 3);

/* ---- instance.c ----------------------------------------------------------------------------- */

void instance_start(struct world *world, bool latest);
void instance_crash(struct instance *instance);
void instance_free(struct instance *instance);

/* ---- oracle.c: what the log says, read without the engine's code ------------------------------
 */

struct oracle_log {
    int64_t positions[SIM_PARTITIONS_MAX]; /* -1 = none */
    int64_t starts[SIM_PARTITIONS_MAX];
    int64_t sequence;
    int64_t commits; /* of the query */
    int64_t rows;
    int64_t newest_own;     /* version of the query's newest commit; -1 = none */
    char run_id[UUID_TEXT]; /* who made it */
};

/* Replays versions 0 … last and checks every rule on the way; faults go to the world. */
void oracle_replay(struct world *world, int64_t last, struct oracle_log *ret_log);
/* Who made commit `version`; "" = a stranger. */
void oracle_run_id(struct world *world, int64_t version, char ret_run_id[UUID_TEXT]);
/* At the end of a schedule. */
void oracle_check_end(struct world *world, struct sim_counts *counts);

#endif
