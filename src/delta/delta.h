/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_H
#define DELTA_H

#include "base/base.h"
#include "column/column.h"
#include "sql/sql.h"
#include "store/store.h"

/*
 * delta - the Delta Lake protocol over a store (PROTOCOL.md of delta-io/delta)
 *
 * The face of the folder.  A struct delta_table is a handle on one table: the
 * store and the newest snapshot that was read.  It belongs to one thread.
 */

/* ---- what a table is ---------------------------------------------------------------------- */

struct delta_protocol {
    int min_reader, min_writer;
    VEC(struct str) reader_features; /* only with min_reader 3 */
    VEC(struct str) writer_features; /* only with min_writer 7 */
};

struct delta_property {
    struct str name, value;
};

struct delta_metadata {
    struct str id; /* UUID */
    struct str name, description;
    struct str schema_string;  /* as in the log, field metadata kept byte for byte */
    const struct type *schema; /* parsed */
    VEC(struct str) partition_columns;
    VEC(struct delta_property) configuration;
    int64_t created_ms;
};

struct delta_txn {
    struct str app_id;
    int64_t version;
    int64_t last_updated_ms; /* 0 = not there */
};

/* A snapshot without its files: what a writer needs. Strings live as long as the snapshot. */
struct delta_snapshot {
    int64_t version; /* -1 = there is no table */
    struct delta_protocol protocol;
    struct delta_metadata metadata;
    VEC(struct delta_txn) txns;     /* newest of each app id, sorted by it */
    int64_t checkpoint_version;     /* of the newest checkpoint; -1 = none */
    int64_t in_commit_timestamp_ms; /* of `version`, when the feature is on */
    int64_t checkpoint_us;          /* wall clock, when it was written; -1 = unknown */
    int64_t refreshed_boot_us;      /* clock_boot_us when the log was last looked at */
    /* Live files and their bytes, as the log counts them; -1 = unknown: the checkpoint does not
     * say and was not looked into. */
    int64_t file_count, file_bytes;
    /* The newest commit that is not an append (overwrite, RESTORE, CREATE OR REPLACE); -1. */
    int64_t replaced_version;
    struct str replaced_operation;
    /* domainMetadata: domain and configuration, sorted. */
    VEC(struct delta_property) domains;
};

struct delta_table;

struct delta_options {
    struct sql_db *db; /* reads and writes checkpoints; borrowed; not sandboxed */
    const char *spool; /* local folder for checkpoint files; borrowed */
    bool keep_store;   /* the store is only borrowed: delta_close leaves it open */
};

/*
 * Takes `store`, unless options say otherwise.  Reads the newest snapshot (version -1 when the log
 * is empty).  Falls back past a missing, stale or broken _last_checkpoint or checkpoint.
 * ERR_CORRUPT names the file and line for a log that cannot be replayed: a gap, bad JSON, an empty
 * N.json.
 */
int delta_open(struct store *store, const struct delta_options *options,
               struct delta_table **ret_table, struct err *err);
void delta_close(struct delta_table *table); /* NULL is fine */
void delta_closep(struct delta_table **table);
#define AUTO_DELTA AUTO(delta_closep)

struct store *delta_store(struct delta_table *table);
/* Borrowed until the next refresh, commit or close. */
const struct delta_snapshot *delta_snapshot(struct delta_table *table);
/* Reads commits that were added since; 1 = something new. Tail only. */
int delta_refresh(struct delta_table *table, struct err *err);
/* NULL = no such app id. */
const struct delta_txn *delta_find_txn(const struct delta_snapshot *snapshot, struct str app_id);
/* A table property; STR_NULL = not set. */
struct str delta_property(const struct delta_snapshot *snapshot, const char *name);

/* ERR_CONFIG naming the feature (or property, constraint, generated column…) that an appender
 * could not honour (delta.md 1.2); 0 when an append is safe. */
int delta_check_append(const struct delta_snapshot *snapshot, struct err *err);
/* The same for reading. */
int delta_check_read(const struct delta_snapshot *snapshot, struct err *err);

/* ---- schema.c: Spark's schema JSON --------------------------------------------------------- */

int delta_schema_parse(struct arena *arena, struct str schema_string, const struct type **ret_type,
                       struct err *err);
void delta_schema_print(const struct type *row_type, struct buf *out);
/* ERR_CONFIG for a column list that Delta cannot hold: names equal but for case, forbidden
 * characters without column mapping, void. */
int delta_schema_check(const struct type *row_type, struct err *err);

enum delta_schema_fit {
    DELTA_SCHEMA_SAME,  /* every column of the query is in the table with its type */
    DELTA_SCHEMA_WIDER, /* the query adds columns or nested fields: *ret_merged */
};
/*
 * Compares what a query makes with what a table holds. Columns are matched by name, case
 * ignored; columns that the query lacks are written as NULL (refused when NOT NULL).
 * With `merge`, new nullable columns and struct fields are added at the end (mergeSchema) and
 * *ret_schema_string is the new schemaString (existing metadata kept byte for byte); without it,
 * they are an error.  ERR_CONFIG holds a readable difference: one line a column.
 */
int delta_schema_fit(struct arena *arena, const struct delta_snapshot *table,
                     const struct type *query, bool merge, struct str *ret_schema_string,
                     const struct type **ret_schema, struct err *err);

/* ---- partition.c --------------------------------------------------------------------------- */

/*
 * Row `row` of `col` by Delta's partition value rules (delta.md 1.3), appended to `out`.
 * 1 = written, 0 = the value is NULL (or the empty string, which Delta cannot tell from it).
 * ERR_DATA for a value that has none (binary that is not UTF-8).
 */
int delta_partition_value(const struct column *col, size_t row, struct buf *out, struct err *err);
/* ERR_CONFIG when a partition column is not there, is nested, or all columns are. */
int delta_partition_check(const struct type *row_type, const struct str *names, size_t count,
                          struct err *err);

/* ---- data files ----------------------------------------------------------------------------- */

struct delta_add {
    struct str key;                     /* object key, relative to the table's root, not encoded */
    size_t partition_count;             /* = table's partition columns, in their order */
    const struct str *partition_values; /* ptr NULL = NULL */
    uint64_t size_bytes;
    int64_t modified_ms;
    int64_t row_count; /* -1 = unknown */
    struct str stats;  /* JSON text; empty = none */
};

/* A fresh key: Spark's partition folders and "part-<uuid>.snappy.parquet" (delta.md 1.4). */
void delta_file_key(const struct str *partition_columns, const struct str *partition_values,
                    size_t partition_count, const char *codec, struct buf *out);
/* add.stats of a file that sql_copy wrote (delta.md 1.5, 1.11), with the table's settings for
 * how many columns and how long strings. `schema` is the table's. */
void delta_stats_print(const struct delta_snapshot *table, const struct type *schema,
                       const struct sql_file *file, struct buf *out);

/* ---- commit.c: the one commit point ---------------------------------------------------------- */

/* What a commit does. Everything is borrowed during the call. */
struct delta_change {
    const char *operation; /* "STREAMING UPDATE", "CREATE TABLE", … */
    struct str parameters; /* JSON object text with string values; empty = {} */
    struct str info;       /* more members of commitInfo as JSON object text; empty = none */
    size_t add_count;
    const struct delta_add *adds;
    size_t txn_count;
    const struct delta_txn *txns; /* last_updated_ms 0 = now */
    /* Set to create the table or to change its schema or properties; else NULL. */
    const struct delta_metadata *metadata;
    const struct delta_protocol *protocol;
};

enum delta_commit {
    DELTA_COMMITTED,
    DELTA_SCHEMA_CHANGED, /* a foreign commit changed metadata or protocol: snapshot() is the new
                             one; plan again and call again, nothing was written */
};

/*
 * Appends one version: body complete in memory, one put-if-absent at snapshot version + 1; any
 * unclear answer is resolved by reading N.json back whole (design.md 2.3, delta.md 2.3) for as
 * long as it takes (back-off; ends by store_cancel).  Foreign commits are passed by the conflict
 * table of delta.md 1.10 for blind appends.
 *
 * ERR_FENCED: a foreign commit carries one of our app ids.  ERR_CORRUPT: the store kept a prefix
 * of our body, or a log that cannot be read.  ERR_CONFIG: refused by the store, a feature that we
 * cannot honour came in.  ERR_IO, ERR_CANCELED: gave up; the outcome is unknown.
 */
int delta_commit(struct delta_table *table, const struct delta_change *change, int64_t *ret_version,
                 struct err *err);
/* Counters since open, for progress and metrics. */
struct delta_counters {
    int64_t commits, rebases, unknown_answers, foreign_commits;
    int64_t conflicts; /* foreign commits that could not be passed: planned anew, or fenced off */
};
const struct delta_counters *delta_counters(const struct delta_table *table);

/* Metadata and protocol of a table to be created; strings in `arena`. ERR_CONFIG as
 * delta_schema_check and delta_partition_check; properties are checked by name. */
int delta_table_make(struct arena *arena, const struct type *row_type,
                     const struct str *partition_columns, size_t partition_count,
                     const struct delta_property *properties, size_t property_count,
                     struct delta_metadata *ret_metadata, struct delta_protocol *ret_protocol,
                     struct err *err);
/* The protocol after `metadata` (same or more features); 1 = it changed, *ret_protocol is set. */
int delta_protocol_for(struct arena *arena, const struct delta_protocol *now,
                       const struct delta_metadata *metadata, struct delta_protocol *ret_protocol,
                       struct err *err);

/* ---- checkpoint.c ---------------------------------------------------------------------------- */

/*
 * True when the tail since the last checkpoint is long for the table's size; the caller then
 * tries. Not again within ten seconds, unless that tail exceeds a thousand commits or the table
 * has a delta.checkpointInterval.
 */
bool delta_checkpoint_due(struct delta_table *table);
/*
 * Writes the checkpoint of `version` and _last_checkpoint; any thread, own connection to `db`.
 * Built by SQL from the previous checkpoint and the commits since, without holding the files in
 * memory. Failing never hurts the table. *ret_row_count is what it holds.
 */
int delta_checkpoint_write(struct store *store, struct sql_db *db, const char *spool,
                           int64_t version, int64_t *ret_row_count, struct err *err);
/* Tells the handle. */
void delta_checkpoint_done(struct delta_table *table, int64_t version, int64_t row_count);

/* ---- reading: files.c, history.c ------------------------------------------------------------- */

/* A live file of a snapshot. */
struct delta_file {
    struct str path; /* add.path as in the log */
    struct str key;  /* decoded; an absolute URI stays one */
    uint64_t size_bytes;
    int64_t modified_ms;
    struct str partition_values; /* JSON object text */
    struct str stats;            /* JSON text or empty */
    struct str deletion_vector;  /* JSON text or empty */
};
typedef int (*delta_file_fn)(void *user, const struct delta_file *file, struct err *err);
/*
 * The table as of `version` (-1 = newest): *ret_snapshot in `arena`, then on_file for each live
 * file, in path order.
 */
int delta_files(struct store *store, struct sql_db *db, const char *spool, int64_t version,
                struct arena *arena, struct delta_snapshot *ret_snapshot, delta_file_fn on_file,
                void *user, struct err *err);
/* The same in two steps; everything is borrowed until close. */
struct delta_listing;
int delta_listing_open(struct store *store, struct sql_db *db, const char *spool, int64_t version,
                       struct arena *arena, struct delta_snapshot *ret_snapshot,
                       struct delta_listing **ret_listing, struct err *err);
int delta_listing_each(struct delta_listing *listing, delta_file_fn on_file, void *user,
                       struct err *err);
void delta_listing_close(struct delta_listing *listing); /* NULL is fine */

/* mapping.c: a column of the schema as it stands in data files and in the log. */
struct delta_column {
    struct str name;     /* physical, NUL-terminated: in files, statistics and partition values */
    int64_t field_id;    /* by which files are to be searched; -1 = by name */
    ptrdiff_t partition; /* place among the partition columns; -1 = in the files */
    const struct type *type; /* the fields of structs by their physical names */
};
/* One for each field of the schema. ERR_CONFIG, ERR_CORRUPT: a column mapping that cannot be
 * followed. */
int delta_columns(struct arena *arena, const struct delta_snapshot *snapshot,
                  struct delta_column **ret_columns, struct err *err);

/*
 * prune.c: true when the log shows that no row of the file can pass the filter, whose columns are
 * places in the schema. `scratch` is for the call.
 */
bool delta_prune(struct arena *scratch, const struct delta_column *columns,
                 const struct delta_file *file, const struct sql_filter *filter);

/* dv.c: the deleted rows of a file, in ascending order. */
struct delta_dv_container;
struct delta_dv {
    struct buf bytes;
    VEC(struct delta_dv_container) containers;
    uint64_t row_count;
    size_t container; /* where delta_dv_next is */
    uint32_t item, inside;
};
/* Reads and checks the vector of an add's descriptor (JSON text). ERR_CORRUPT, ERR_CONFIG. */
int delta_dv_open(struct delta_dv *dv, struct store *store, struct str descriptor, struct err *err);
/* The data alone, which must outlive it; *dv is {0}. */
int delta_dv_parse(struct delta_dv *dv, struct str data, struct err *err);
/* False = no more. */
bool delta_dv_next(struct delta_dv *dv, uint64_t *ret_row);
void delta_dv_close(struct delta_dv *dv); /* {0} is fine */
#define AUTO_DELTA_DV AUTO(delta_dv_close)

/* The log's commits from newest to oldest: version and the commitInfo action's JSON text. A
 * callback that answers 1 ends it. */
typedef int (*delta_history_fn)(void *user, int64_t version, struct str commit_info,
                                struct err *err);
int delta_history(struct store *store, int64_t limit, delta_history_fn on_commit, void *user,
                  struct err *err);

#endif
