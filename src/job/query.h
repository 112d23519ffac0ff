/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_QUERY_H
#define JOB_QUERY_H

#include "job/batch.h"
#include "job/holds.h"
#include "job/job.h"
#include "job/reason.h"

/*
 * query - one streaming table while it runs, private to job/
 *
 * Three threads and two queues of batches:
 *
 *     reader ──► to_encode ──► encoder ──► to_commit ──► committer
 *     polls the sources,       runs one COPY             uploads, commits,
 *     cuts batches             a batch                   tells the source
 *
 * The reader hands a batch over with its first message and goes on filling it, so that it is
 * decoded and encoded while it arrives.  Batch N+1 is encoded while N uploads and commits;
 * commits stay in order because the queues do.
 */

/* What the reader has to deal with. */
enum query_trouble {
    TROUBLE_NONE,
    TROUBLE_RETRY,  /* a batch failed for the data's sake: read it again in smaller pieces */
    TROUBLE_EVOLVE, /* a batch has fields that are to become columns: read it again with them */
    TROUBLE_FATAL,  /* .err says why; the attempt ends */
};

/* The table as our last look at its log has it; -1 = unknown, or none. */
struct query_table {
    int64_t version, files, bytes, checkpoint_version, checkpoint_us;
};

/* The last commit of a batch; version -1 = none in this run. */
struct query_committed {
    int64_t version, batch_id, wall_us, output_rows, files, bytes;
};

/* Figures for people and programs; a copy is taken under the lock. */
struct query_figures {
    enum job_state state;
    int64_t state_since_us;                /* wall clock */
    int64_t stop_us;                       /* wall clock, when it was told to stop; 0 = not */
    char id[UUID_TEXT], run_id[UUID_TEXT]; /* "" = not yet */
    int64_t attempts;
    int64_t input_bytes;     /* keys and values of input_rows */
    int64_t failed, retried; /* batches that came to nothing; that are read again in pieces */
    int64_t commit_failures;
    int64_t bad_reasons[REASON_COUNT], dead_reasons[REASON_COUNT]; /* of bad_records and dead */
    struct delta_counters delta;                                   /* of all attempts */
    struct query_table at;
    struct query_committed last_commit;
    bool is_settled;  /* has been running, or what it waits for is outside */
    char reason[256]; /* for JOB_WAITING and JOB_FAILED */
    int64_t input_rows, output_rows, bad_records, bad_fields, dropped, dead;
    int64_t batches, files, bytes;
    int64_t version;    /* of the table; -1 = none */
    int64_t lag;        /* messages behind the ends of the logs; -1 = unknown */
    int64_t latency_us; /* oldest record of the last batch to its commit; -1 = unknown */
    int64_t last_commit_mono_us;
    int64_t under_way_us; /* mono: since when nothing has become of complete batches; 0 = none */
    double input_rate;    /* rows a second of the last batch */
};

/* Messages of one input of late, for maxBadRatio. */
struct query_seen {
    int64_t messages, bad;
};

/* What is outside of this process, or needs an end; made for each attempt. */
struct query_parts {
    struct arena arena;
    struct sql_db *db;         /* runs the user's SQL, sandboxed */
    struct sql_db *service_db; /* checkpoints */
    struct sql_conn *conn;     /* the encoder's */
    struct sql_conn *watch;    /* the reader's, to ask for db's memory; NULL = nobody looks */
    struct plan_query *query;
    struct source **sources; /* one an input */
    struct delta_sink *sink; /* the committer's while it runs */
    struct dead_table *dead; /* NULL = no stream sends dead letters; encoder and committer */
    char *spool;
    int spool_lock;
    bool created;      /* the table, by this attempt */
    bool **fresh;      /* by input and partition: the table had no position at the start */
    char *copy_select; /* with the table's spelling of names */
    const char *const *not_null; /* quoted paths of NOT NULL columns, NULL-terminated */
    const bool *partition_not_null;
    struct sql_partitions partitions; /* owned by the encoder; of this attempt */
};

struct query {
    const struct plan *plan;
    const struct plan_table *table; /* = &own_table */
    struct plan_table own_table;    /* its streams change as columns are added */
    struct arena arena;             /* what own_table has beside the plan's */
    const struct job_options *options;
    struct monitor_query *shown; /* NULL = nobody looks */
    struct stop *stop;           /* finish what is under way and end; = &own_stop */
    struct stop own_stop;        /* set with the run's, or for this query alone */
    int64_t stop_deadline_us;    /* mono; owned by the run's thread; INT64_MAX = not stopping */
    atomic_bool pause_wanted;    /* finish the batch and read no more */
    struct stop cancel;          /* give up what is under way */
    char run_id[UUID_TEXT];
    char id[UUID_TEXT];
    struct thread supervisor;
    struct pulse pulse; /* of all that works for it */
    int64_t begun_us;   /* mono; the supervisor's */

    struct query_parts parts;
    struct thread encoder, committer;
    struct queue *to_encode, *to_commit;

    struct mutex lock;
    struct cond changed;
    /* guarded by .lock */
    enum query_trouble trouble;
    struct err err;
    struct batch *failed;       /* with TROUBLE_RETRY */
    struct batch *reader_has;   /* handed over, but the reader is still filling it */
    int64_t handed, finished;   /* batches: to the encoder, out of the pipeline */
    struct sql_conn *live_conn; /* for cancel */
    struct store *live_dead_store;
    struct store *live_store;
    struct query_figures figures;
    struct query_seen *seen; /* by input; the encoder's, in the attempt's arena */
    bool ended;
    struct err end_err;
    int end_rc;

    /* owned by the reader */
    int64_t batch_number;
    int64_t next_tick_us;
    size_t message_limit;              /* 0 = none */
    size_t message_limit_goal;         /* no limit again beyond this */
    VEC(struct batch_outcast) poisons; /* what the SQL fails on, found by bisecting */
    struct arena poison_arena;
    struct holds holds;
    const struct batch *filling;      /* the batch being filled, while the reader has it */
    struct delta_counters delta_seen; /* of the sink; whoever has the sink */
    int64_t txns_written_us;          /* mono, when all positions were last written */
    int64_t txn_retention_us;         /* of the table; 0 = txn actions do not expire */
};

/* Memory of the user's database unless SET memory_limit says otherwise; of the one for checkpoints;
 * and of the messages that wait for DuckDB, over all batches of a query. */
#define QUERY_MEMORY_BYTES_PRESET  ((uint64_t)512 << 20)
#define QUERY_SERVICE_MEMORY_BYTES ((uint64_t)512 << 20)
#define QUERY_QUEUE_BYTES          ((uint64_t)8 << 20)

/* ---- query.c: an attempt's parts ------------------------------------------------------------ */

/* Opens everything and makes the start commit. On error query_close_parts is still to be called. */
int query_open_parts(struct query *q, struct err *err);
void query_close_parts(struct query *q);
/* Makes every wait of the attempt end; any thread. */
void query_cancel(struct query *q);
bool query_is_canceled(struct query *q);
/* Tells it to finish what is under way and to end; any thread. */
void query_stop(struct query *q);
/* Counts what the sink has done and looks at its table; whoever has the sink. */
void query_note_table(struct query *q);
/* Records the first trouble and wakes the reader. */
void query_fail(struct query *q, const struct err *err);
/* Waits until no batch is under way, trouble or cancel; true = idle. */
bool query_wait_idle(struct query *q);
/* The reason is kept without secrets. */
void query_set_state(struct query *q, enum job_state state, const char *reason);
/* From here on the service is up: it runs, or what it waits for is not in this process. */
void query_settle(struct query *q);
/* Reads what is there at the start, and ends. */
bool query_is_bounded(const struct query *q);
/* Positions of all started partitions; in `arena`. */
struct sink_position *query_positions(struct query *q, struct arena *arena, size_t *ret_count);

/*
 * Takes the fields that a batch found into the streams' columns: remembers them, binds the query
 * anew and tells the sink, which adds the table's columns with the next commit. The pipeline is
 * drained. 1 = there are new columns, 0 = none could be added.
 */
int query_evolve(struct query *q, const struct batch *batch, struct err *err);

/* ---- the threads ----------------------------------------------------------------------------- */

int query_read(struct query *q, struct err *err); /* reader.c: until stopped or drained */
void query_encode(void *query);                   /* encoder.c: thread */
void query_commit(void *query);                   /* committer.c: thread */
/* Frees a batch at the end of its way; encoder or committer. */
void query_let_go(struct query *q, struct batch *batch);

/* ---- progress.c ------------------------------------------------------------------------------ */

/* Counts a committed batch and logs its StreamingQueryProgress. */
void query_report(struct query *q, struct batch *batch);
/* The batch's progress as JSON (streaming.md 1.10). */
void query_progress_print(const struct query *q, const struct batch *batch, struct buf *out);

#endif
