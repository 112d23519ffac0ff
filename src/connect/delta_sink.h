/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_DELTA_SINK_H
#define CONNECT_DELTA_SINK_H

#include "connect/connector.h"
#include "delta/delta.h"

/*
 * delta_sink - batches into a Delta table, exactly once
 *
 * The table is the checkpoint: what has been read is in its txn actions (design.md 2a).
 *
 *     open   positions   begin   ( upload commit | record )*   close
 *
 * belongs to one thread at a time.  ERR_IDENTITY: topic, query or table is not the one this
 * query wrote before.  ERR_FENCED: another instance has taken over.
 */
struct delta_sink_options {
    struct str query;            /* names the txn actions */
    const char *run_id;          /* UUID, for commitInfo */
    const struct type *row_type; /* what the query makes; must outlive the sink */
    const struct str *partition_columns;
    size_t partition_count;
    const struct delta_property *properties; /* of a table to be created */
    size_t property_count;
    struct str comment;
    const char *codec; /* for file names: "snappy" */
    bool merge_schema;
    bool second_query; /* another query of the same topic is meant */
};

/* Where one partition of one stream stands. */
struct sink_position {
    struct str stream; /* name in the pipeline */
    struct str topic;
    struct str topic_id; /* "" = the source has none */
    int32_t partition;
    int64_t next_offset;  /* -1 = not known */
    int32_t leader_epoch; /* as struct source_partition has it; -1 = not known */
};

struct delta_sink;

/* Takes `store`, if all goes well; on an error it stays the caller's, who may be canceling it on
 * another thread.  Opens the table, or prepares its creation; probes the store. `db` and `spool`
 * are borrowed: an unsandboxed database and a folder for checkpoints. */
int delta_sink_open(struct store *store, struct sql_db *db, const char *spool,
                    const struct delta_sink_options *options, struct delta_sink **ret_sink,
                    struct err *err);
void delta_sink_close(struct delta_sink *sink); /* NULL is fine */

/* Sets next_offset (and leader_epoch) of every position from the table; -1 where it has none. -2
 * where it has none but knows other partitions of the same topic: found later, to be read from the
 * earliest. */
int delta_sink_positions(struct delta_sink *sink, struct sink_position *positions, size_t count,
                         struct err *err);

/*
 * The start commit: creates the table if there is none, merges the schema, fences off every
 * predecessor and records positions the table did not have.  ERR_IDENTITY when another instance
 * moved a position meanwhile is not raised: *ret_moved is true and the caller begins anew.
 */
int delta_sink_begin(struct delta_sink *sink, const struct sink_position *positions, size_t count,
                     bool *ret_moved, struct err *err);

/*
 * From now on the query makes `row_type`, which outlives the sink: new columns come into the table
 * with the next commit of files. Between batches. ERR_CONFIG when the table cannot take them.
 */
int delta_sink_widen(struct delta_sink *sink, const struct type *row_type, struct err *err);

/* A finished batch. */
struct sink_batch {
    const struct sql_file *files;
    size_t file_count;
    const struct sink_position *positions; /* those the batch moved */
    size_t position_count;
    int64_t input_rows, output_rows;
};

/* Uploads the files under fresh keys: *ret_adds in `arena`, one for each file. */
int delta_sink_upload(struct delta_sink *sink, const struct sql_file *files, size_t file_count,
                      struct arena *arena, struct delta_add **ret_adds, struct err *err);
/* Commits what was uploaded. After it the rows are visible and the positions durable. */
int delta_sink_commit(struct delta_sink *sink, const struct sink_batch *batch,
                      const struct delta_add *adds, int64_t *ret_version, struct err *err);
/* A commit without files, for positions of partitions that were found while running. */
int delta_sink_record(struct delta_sink *sink, const struct sink_position *positions, size_t count,
                      struct err *err);

/* Positions recorded in the table for a query, for `sluice offsets`. Strings in `arena`. */
int delta_sink_recorded(const struct delta_snapshot *snapshot, struct str query,
                        struct arena *arena, struct sink_position **ret_positions,
                        size_t *ret_count, struct err *err);

/* appId of a position; also of the query when `position` is NULL. */
void delta_sink_app_id(struct str query, const struct sink_position *position, struct buf *out);

const struct delta_snapshot *delta_sink_snapshot(struct delta_sink *sink);
/* Commits of this query so far: the batch id of the next batch. */
int64_t delta_sink_sequence(const struct delta_sink *sink);

/* The registered function for partition keys: "v" and the value, or "n" for NULL. */
#define DELTA_SINK_KEY_FUNCTION "sluice_partition_key"
int delta_sink_partition_key(const struct column *in, size_t rows, struct column *out,
                             struct arena *arena, struct err *err);

/* delta_sink_checkpoint.c: starts a background checkpoint when one is due. */
void delta_sink_maintain(struct delta_sink *sink);
/* What became of it: 1 = one was written since the last question, of *ret_version; 0 = no news;
 * < 0 = one failed, which does not harm the table: the next one is tried later. */
int delta_sink_checkpoint_news(struct delta_sink *sink, int64_t *ret_version, struct err *err);
/* Of the table, since the sink was opened. */
const struct delta_counters *delta_sink_counters(const struct delta_sink *sink);

#endif
