/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_BATCH_H
#define JOB_BATCH_H

#include "codec/codec.h"
#include "connect/connector.h"
#include "connect/delta_sink.h"
#include "job/ages.h"
#include "job/dead_letter.h"
#include "job/dead_table.h"
#include "job/evolve.h"
#include "job/reason.h"
#include "plan/plan.h"
#include "sql/sql.h"

#include <stdatomic.h>

/*
 * batch - messages on their way into one commit, private to job/
 *
 * The job's thread opens it, pushes packets into its inputs and seals it; the
 * encoder reads it through one scan an input; the committer uploads what came
 * out and commits.  Ownership goes along; only the inputs' queues are shared,
 * between the job's thread and DuckDB's workers.
 */

/* How the messages of one input were decoded; written by workers, read after the statement. */
struct batch_counts {
    atomic_llong messages; /* taken from the queue */
    atomic_llong rows;     /* handed to DuckDB */
    atomic_llong bad_fields;
    atomic_llong bad_records;
    atomic_llong dropped; /* bad records left out (onBadRecord = drop) */
    atomic_llong dead;    /* bad records that became dead letters, in this batch or before */
    /* bad_records and dead by reason.h */
    atomic_llong bad_reasons[REASON_COUNT];
    atomic_llong dead_reasons[REASON_COUNT];
};

/* What was read from one partition; the job's thread's. */
struct batch_intake {
    int64_t records;
    int64_t bytes; /* keys and values */
};

/* A message that the SQL fails on, found by bisecting; it is not decoded any more. */
struct batch_outcast {
    size_t input;
    uint32_t partition;
    int64_t offset;
    struct str reason, message;
};

/* The first bad record of a batch, for the log. */
struct batch_fault {
    bool set;
    struct codec_fault fault;
    const struct source_partition *source; /* which partition */
    int64_t offset;
};

struct batch;

struct batch_input {
    struct sql_scan scan; /* first: the table function reads us */
    struct batch *batch;
    const struct plan_input *input;
    struct source *source;                     /* for the job's thread only */
    const struct source_partition *partitions; /* as of the batch's start, for all threads */
    struct queue *packets;
    int64_t pushed_messages; /* owned by the job's thread until sealed */
    uint64_t pushed_bytes;
    uint32_t single_partition; /* of the first message: with pushed_messages == 1, the only one */
    int64_t single_offset;
    int64_t *start_offsets; /* by partition: where this batch begins and ends */
    int64_t *end_offsets;
    struct batch_intake *intake;     /* by partition */
    const struct dead_known **known; /* by partition; NULL = none has known dead letters */
    int32_t *end_epochs;             /* leader epochs at end_offsets; -1 = unknown */
    int64_t *log_ends; /* last known ends of the logs, when it was sealed; -1 = unknown */
    size_t partition_count;
    uint64_t message_bytes_max;
    struct evolve *evolve; /* NULL = unknown fields are not looked for */
    struct batch_counts counts;
    atomic_int locals_open;
    atomic_bool ended_early; /* a local went without having seen the end */
};

struct batch {
    struct arena arena;  /* everything with the batch's life */
    int64_t number;      /* of this run, from 0 */
    struct pulse *pulse; /* of the query; what DuckDB takes is a step of it */
    struct batch_input *inputs;
    size_t input_count;
    size_t message_limit; /* 0 = none; a retry in smaller pieces */
    atomic_bool sealed;   /* every message is in the queues */
    atomic_bool aborted;  /* the statement is to fail, or has failed */
    atomic_bool given_up; /* by the reader: the failure is not the batch's own */
    /* Messages that do not become rows. */
    struct dead_letters *letters; /* NULL = no stream sends any */
    int64_t replay_id;            /* plan_table's */
    size_t outcast_count;
    const struct batch_outcast *outcasts;
    /* The error of a scan, which DuckDB would flatten to text. */
    struct mutex lock;
    struct err scan_err;      /* guarded by .lock */
    bool scan_failed;         /* guarded by .lock */
    struct batch_fault fault; /* guarded by .lock */
    /* stamps, µs; mono unless said otherwise */
    int64_t opened_us, sealed_us, encoded_us, uploaded_us, committed_us, copy_started_us;
    int64_t oldest_record_us;   /* wall clock; INT64_MAX = none */
    struct ages ages;           /* of the records */
    int64_t wall_us;            /* when it was opened */
    bool wants_columns;         /* it was read for nothing: new fields are to become columns */
    bool is_hopeless;           /* reading it again in pieces cannot help */
    const char *failure_reason; /* of a statement that failed for a row's sake: "sql", "not_null" */
    /* what came out */
    char *dir;
    struct sql_copy_result copied;
    struct sql_copy_result dead_copied;
    int64_t version;
};

struct batch *batch_new(const struct plan_query *query, struct source *const *sources,
                        int64_t number, uint64_t queue_bytes);
/* Before the first push: gives the batch a place for dead letters, and what is one already. */
void batch_take_dead_letters(struct batch *batch, const char *path, const struct dead_table *table,
                             const struct batch_outcast *outcasts, size_t outcast_count);
void batch_free(struct batch *batch); /* drops what is left in the queues; not the folder */

/* Makes the statement that reads it fail, wakes it, and ends pushing. Any thread. */
void batch_abort(struct batch *batch);
/* The same, by the reader: whatever error comes of it means nothing. */
void batch_give_up(struct batch *batch);
int64_t batch_messages(const struct batch *batch);

/* Counts a packet that is to be pushed, once: afterwards it belongs to a worker. The job's thread.
 */
void batch_count(struct batch *batch, size_t input, const struct packet *packet);
/* Between push and seal, the job's thread. Takes the packet when QUEUE_OK. */
enum queue_rc batch_push(struct batch *batch, size_t input, struct packet *packet,
                         int64_t until_mono_us);
/* The same without waiting, however full the input's queue is. */
enum queue_rc batch_push_over(struct batch *batch, size_t input, struct packet *packet);
/* No more messages: end_offsets are the sources' positions. */
void batch_seal(struct batch *batch);

/* ERR_CORRUPT when DuckDB did not take every message that was pushed, or a local ended early. */
int batch_check_taken(struct batch *batch, struct err *err);

/* 1 = messages have fields that their stream has not, and that can become columns. After the
 * statement. */
int batch_find_new_columns(const struct batch *batch, struct err *err);

/* Partitions the batch moved, as positions to commit; strings are borrowed. */
size_t batch_positions(const struct batch *batch, struct sink_position *out, size_t cap);

#endif
