/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "connect/delta_sink.h"
#include "job/job.h"
#include "net_store.h"
#include "topic.h"

/*
 * world - one schedule: a topic, a table behind a bad network, instances of a query, strangers
 */
#define SIM_QUERY    "q"
#define SIM_TOPIC    "t" /* and the stream's number */
#define SIM_STREAM   "s" /* the same */
#define SIM_LOCATION "memory://sim"
#define SIM_LETTERS  SIM_LOCATION "_deadletters"

struct world;

/* One `sluice run`. */
struct instance {
    struct world *world;
    struct net_client client;
    struct fiber *main;
    struct stop stop;   /* SIGTERM */
    struct stop now;    /* the second one */
    bool start_latest;  /* startingOffsets of this start */
    bool available_now; /* --available-now: what is there, then the end */
    bool of_the_drain;
    bool ended;
    int end_rc;
    struct err end_err;
    char run_id[UUID_TEXT];       /* of the present attempt */
    int64_t own_version;          /* of its newest commit; -1 = none */
    int generation;               /* of its schema and SQL */
    struct delta_sink *dead_sink; /* of the present attempt; NULL = none yet */
    bool opens_dead;              /* its next connection is for dead letters */
    /* What its statement reads, by stream: fake_sql.c. */
    void *attached[TOPIC_STREAMS];
    /* What happened to it, which excuses how it ends. */
    bool cut_short; /* a statement ended without having read all */
    bool refused;   /* one could not be run at all */
    bool lost;      /* offsets it was to read are gone from the topic */
    /* With available_now: where it was to come to; -1 = not asked. */
    int64_t bounds[TOPIC_PARTITIONS_MAX];
};

/* What goes wrong beside the store, in parts of 1000. */
struct world_weather {
    unsigned source_down;   /* a poll finds the broker away, for a while */
    unsigned source_fail;   /* a question to the broker fails for good */
    unsigned source_lost;   /* a poll finds that offsets are gone */
    unsigned out_of_memory; /* a statement */
    unsigned cut_short;     /* a statement ends well without having read all */
    unsigned refused;       /* a statement cannot be run */
};

/* Rules of job/ that can be broken on purpose, to see that the oracle notices. */
enum job_break {
    JOB_BREAK_NONE,
    JOB_BREAK_START,  /* the start commit records no positions */
    JOB_BREAK_TAKEN,  /* a batch is committed although fewer messages were taken than pushed */
    JOB_BREAK_LATE,   /* positions are read when the batch commits, not when it is sealed */
    JOB_BREAK_VERIFY, /* a topic that was made again looks like the old one */
    JOB_BREAK_KNOWN,  /* dead letters that are there already are not read at the start */
    JOB_BREAK_AGAIN,  /* no commit in the table after the start of the dead letters */
    JOB_BREAK_REWIND, /* the source goes on where it was when a batch is to be read again */
};

/* Which generation a run was of. */
struct sim_run {
    char run_id[UUID_TEXT];
    int generation;
};

/* What oracle.c has read of the log. */
struct oracle;

struct world {
    uint64_t seed;
    struct rng rng;
    struct net net;      /* the table */
    struct net dead_net; /* its dead letters */
    enum job_break broken;
    struct sql_db *db;     /* NULL = no checkpoints; borrowed */
    struct plan *plans[2]; /* of even and odd generations */
    int generation;        /* of who is started next */
    VEC(struct sim_run) runs;
    bool with_generations;
    enum plan_bad_record on_bad_record;
    int stream_count;       /* that the query reads */
    struct topic topics[2]; /* before and after they were made again */
    int epoch;              /* which is there now */
    struct topic_mix mix;
    struct world_weather weather;
    VEC(struct instance *) instances; /* all that ever were */
    /* Where the first reader of a partition was told to begin; -1 = nobody yet. */
    int64_t intents[TOPIC_PARTITIONS_MAX];
    struct oracle *oracle;
    int64_t restored_version; /* of a stranger's RESTORE; -1 = none */
    int foreign_count;
    bool with_restore;
    bool with_recreation;
    bool with_months;
    int month_count;
    struct instance *asleep; /* stopped (SIGSTOP, a suspended machine); NULL = none */
    int64_t wakes_at;        /* step */
    bool draining;
    int64_t steps;
    char fault[1024]; /* the first thing that must not be; "" = fine */
};

/* Options of all schedules. */
struct sim_options {
    enum net_break broken;
    enum job_break job_broken;
    bool months;       /* checkpoints and months in every schedule */
    struct sql_db *db; /* NULL = no checkpoints anywhere */
};

/* What came of many schedules. */
struct sim_counts {
    int64_t schedules, commits, rows, nulls, crashes, stops, starts, fenced, foreign, restores,
        recreations, letters, generations, truncated, checkpoints, steps, naps, months,
        ended_by_data;
};

/* Runs schedule `seed`. True = no fault; else *fault says what. */
bool world_run(uint64_t seed, const struct sim_options *options, struct sim_counts *counts,
               char fault[1024]);

void world_fault(struct world *world, const char *fmt, ...) PRINTF(2, 3);
bool world_chance(struct world *world, unsigned per_mille);
struct topic *world_topic(struct world *world);
/* Of a position, among those of all streams. */
int world_partition(const struct sink_position *position);
/* A rule is broken on purpose: only the log is judged. */
bool world_is_broken(const struct world *world);
/* A commit of one of the tables was cut. */
bool world_is_truncated(const struct world *world);
void world_note_run(struct world *world, const char *run_id, int generation);
int world_generation(const struct world *world, const char *run_id);

/* ---- instance.c ----------------------------------------------------------------------------- */

void instance_start(struct world *world, bool available_now);
void instance_stop(struct instance *in); /* SIGTERM; the second time: now */
void instance_crash(struct instance *in);
void instance_free(struct instance *in);
/* That of the running fiber; NULL = none runs, or a real thread asks. */
struct instance *instance_now(void);
struct instance *instance_self(void); /* there must be one */

/* ---- oracle.c: what the log says, read without the engine's code ------------------------------
 */

struct oracle_log {
    int64_t positions[TOPIC_PARTITIONS_MAX]; /* -1 = none */
    int64_t starts[TOPIC_PARTITIONS_MAX];
    int64_t sequence;
    int64_t commits; /* of the query */
    int64_t rows, nulls, letters;
    int64_t newest_own;     /* version of the query's newest commit; -1 = none */
    char run_id[UUID_TEXT]; /* who made it */
};

/* Replays versions 0 … last and checks every rule on the way; faults go to the world. */
void oracle_replay(struct world *world, int64_t last, struct oracle_log *ret_log);
/* The log of dead letters, as it is now. */
void oracle_replay_dead(struct world *world, struct oracle_log *ret_log);
/* Who made commit `version` of the table or of its dead letters; "" = a stranger. */
void oracle_run_id(struct world *world, bool dead, int64_t version, char ret_run_id[UUID_TEXT]);
/* True when a message of the partition between the position and `end` is not dealt with. */
bool oracle_is_behind(struct world *world, const struct oracle_log *log, int partition,
                      int64_t end);
/* True when some partition stands at a record that ends the query. */
bool oracle_is_at_the_end(struct world *world, const struct oracle_log *log);
/* At the end of a schedule. */
void oracle_check_end(struct world *world, struct sim_counts *counts);
void oracle_free(struct oracle *oracle);

#endif
