/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_MONITOR_QUERY_H
#define JOB_MONITOR_QUERY_H

#include "job/monitor.h"
#include "job/query.h"

/*
 * monitor_query - what the monitor keeps of one query, private to job/
 *
 * It outlives the query.  Writers are the query's threads, by the functions below, all of which
 * do nothing when nobody looks (q->shown is NULL); readers take a copy, struct monitor_view.
 *
 * Locks: that of a monitor_query comes before that of its struct query, the monitor's own last.
 */
#define MONITOR_SAMPLES        3600
#define MONITOR_PROGRESS_MAX   1000
#define MONITOR_PROGRESS_BYTES ((size_t)4 << 20)
#define MONITOR_ERRORS         50
/* Topics told apart; what comes from further ones (a pattern, over years) is counted together. */
#define MONITOR_TOPICS_MAX   1000
#define MONITOR_TOPICS_OTHER "_other"
/* Reading nothing for so long is being idle. */
#define MONITOR_IDLE_US ((int64_t)5000000)
/* Rates are over so many of the last samples. */
#define MONITOR_RATE_SAMPLES 10

enum monitor_phase {
    MONITOR_PHASE_READ,
    MONITOR_PHASE_ENCODE,
    MONITOR_PHASE_UPLOAD,
    MONITOR_PHASE_COMMIT,
};
#define MONITOR_PHASES 4

struct monitor_partition {
    const char *stream, *topic; /* interned: as long as the monitor */
    int32_t number;
    bool held;
    int64_t next_offset, log_end; /* -1 = unknown */
    int64_t newest_us;            /* timestamp of the last record read; 0 = unknown */
    double rate;                  /* offsets a second, over the last second or so */
};

struct monitor_topic {
    const char *name; /* interned */
    int64_t records, bytes;
};

struct monitor_error {
    int64_t wall_us;
    const char *kind; /* "attempt", "bad record", "batch" */
    const char *code;
    bool retry;
    char message[512];
};

/* One second; NAN = unknown. */
enum monitor_series {
    MONITOR_INPUT_RATE,
    MONITOR_OUTPUT_RATE,
    MONITOR_LATENCY_MS,
    MONITOR_LAG,
    MONITOR_MEMORY,
    MONITOR_DEAD_LETTERS,
    MONITOR_BAD_RECORDS,
};
#define MONITOR_SERIES 7
struct monitor_sample {
    int64_t second; /* since 1970; 0 = none yet */
    double values[MONITOR_SERIES];
};

struct monitor_progress {
    char *json;
    size_t bytes;
};

struct monitor_query {
    struct job_monitor *monitor;
    char *name, *location, *file, *pipeline;
    int64_t started_us;
    uint64_t memory_limit_bytes, budget_bytes;
    struct store_stats store;
    struct histogram latency;
    struct histogram phases[MONITOR_PHASES];
    atomic_llong read_rows;    /* also those that are read again */
    atomic_llong read_mono_us; /* when something was last read, or reading began */

    struct mutex lock;
    /* guarded by .lock */
    struct query *query; /* while it runs */
    struct query_figures last;
    VEC(char *) names; /* of topics and streams; never freed before the monitor */
    size_t name_hint;
    VEC(struct monitor_topic) topics;
    struct monitor_partition *partitions;
    size_t partition_count;
    char hold_reason[256];
    struct source_client client;
    struct sql_memory duckdb;
    int64_t queue_bytes; /* messages on their way to DuckDB; -1 = unknown */
    struct monitor_error errors[MONITOR_ERRORS];
    size_t error_count; /* so far */
    struct monitor_error last_error;
    VEC(struct monitor_progress) progress; /* a ring, of MONITOR_PROGRESS_MAX */
    size_t progress_first, progress_count, progress_bytes;
    struct monitor_sample *samples; /* MONITOR_SAMPLES; by second modulo their number */
    char *plan, *schema;            /* text of EXPLAIN; JSON; NULL = not yet */

    uint64_t schema_hash; /* of whoever has the sink */

    /* the reader's */
    struct monitor_partition *spare;
    size_t spare_cap, partition_cap;
    int64_t published_us;
    /* the sampler's: the totals at the last sample */
    int64_t seen_read, seen_output, seen_batches, seen_dead, seen_bad;
};

/* ---- told by the query's threads ------------------------------------------------------------- */

void monitor_attach(struct job_monitor *m, const struct plan *plan, struct query *queries,
                    size_t count);
void monitor_start(struct job_monitor *m); /* the sampler, until monitor_detach */
void monitor_detach(struct job_monitor *m, struct query *queries, size_t count);
/* A state has changed: those who wait are woken. */
void monitor_changed(const struct query *q);
/* The reader, often: about once a second it shows positions, queues and memory. */
void monitor_publish(struct query *q);
/* An attempt has closed: its queues and its database are no more. What its client knew of brokers
 * stays, as of the last statistics. */
void monitor_forget(const struct query *q);
/* The reader: a packet was read. */
void monitor_count_read(const struct query *q, size_t messages);
/* The committer: a batch is committed. */
void monitor_count_batch(const struct query *q, const struct batch *batch);
/* Takes the text. */
void monitor_keep_progress(const struct query *q, struct buf *json);
void monitor_keep_error(const struct query *q, const char *kind, const char *code,
                        const char *message, bool retry);
/* Once the query is bound, and bound anew; whoever has the encoder's connection. */
void monitor_show_plan(struct query *q);
/* The table's columns, if they are others than the last time; whoever has the sink. */
void monitor_show_schema(struct query *q);

/* ---- for the printers ------------------------------------------------------------------------ */

struct monitor_view {
    const struct monitor_query *of; /* for what is constant or atomic */
    struct query_figures figures;
    const char *state; /* one of monitor_states */
    int64_t state_since_us;
    size_t partition_count;
    struct monitor_partition *partitions;
    size_t stream_count; /* that they belong to */
    size_t topic_count;
    struct monitor_topic *topics;
    char hold_reason[256];
    struct source_client client;
    struct sql_memory duckdb;
    int64_t queue_bytes;
    int64_t lag;                    /* -1 = unknown */
    double lag_seconds;             /* the largest; NAN = unknown */
    double input_rate, output_rate; /* NAN = unknown */
    bool has_error;
    struct monitor_error last_error;
};
#define MONITOR_STATES 8
extern const char *const monitor_states[MONITOR_STATES];

/* A copy of the facts; what it points to is in `arena` or lives as long as the monitor. */
void monitor_look(struct monitor_query *mq, struct arena *arena, struct monitor_view *ret_view);
/* Seconds that the partition is behind; NAN = unknown. */
double monitor_lag_seconds(const struct monitor_partition *p, int64_t now_us);

/* All queries, constant once attached; the count is 0 before. */
struct monitor_query *monitor_queries(struct job_monitor *m, size_t *ret_count);
struct monitor_query *monitor_find(struct job_monitor *m, struct str name);
/* HTTP answers by status, below MONITOR_STATUS_END. */
#define MONITOR_STATUS_END 600
uint64_t monitor_requests(const struct job_monitor *m, int status);
int64_t monitor_ready_lag_us(const struct job_monitor *m);
/* One sample of every query; for the sampler, and tests. */
void monitor_sample(struct job_monitor *m, int64_t wall_us);

#endif
