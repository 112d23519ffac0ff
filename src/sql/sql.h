/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_H
#define SQL_H

#include "base/base.h"
#include "column/column.h"
#include "sql/body.h"
#include "sql/gets.h"
#include "sql/macros.h"
#include "sql/sparse.h"

/*
 * sql - DuckDB behind our own words
 *
 * The only folder that sees duckdb.h.  A struct sql_db is one database instance
 * in memory; a struct sql_conn belongs to one thread at a time.  Errors of
 * DuckDB come out as ERR_CONFIG (parser, binder, catalog), ERR_DATA (conversion,
 * out of range: a row's fault), ERR_IO with retry (out of memory, disk full) or
 * ERR_CANCELED (interrupted).
 */
struct sql_db;
struct sql_conn;

struct sql_db_options {
    uint64_t memory_bytes; /* 0 = 1 GiB */
    int threads;           /* 0 = number of cores */
    const char *temp_dir;  /* the one folder that SQL may touch, NULL = none */
    bool sandbox;          /* no files, network, extensions; configuration locked */
    /* With `sandbox`, more folders (absolute paths, no links) that SQL may touch; ends with NULL.
     */
    const char *const *allowed_dirs; /* NULL = none */
};

int sql_open(const struct sql_db_options *options, struct sql_db **ret_db, struct err *err);
void sql_close(struct sql_db *db); /* after all its connections; NULL is fine */
void sql_closep(struct sql_db **db);
#define AUTO_SQL_DB AUTO(sql_closep)
int sql_connect(struct sql_db *db, struct sql_conn **ret_conn, struct err *err);
void sql_disconnect(struct sql_conn *conn); /* NULL is fine */
void sql_disconnectp(struct sql_conn **conn);
#define AUTO_SQL_CONN AUTO(sql_disconnectp)

/* Runs one or more statements and drops their results. */
int sql_run(struct sql_conn *conn, const char *text, struct err *err);

/*
 * Makes the statement that runs on `conn`, or the next one to start, end with
 * ERR_CANCELED; from any thread. Cleared by sql_uninterrupt.
 */
void sql_interrupt(struct sql_conn *conn);
void sql_uninterrupt(struct sql_conn *conn);

/*
 * Rows as text.  Every column of the query must be VARCHAR (cast it in SQL;
 * to_json(x)::VARCHAR for nested values).
 */
struct sql_rows;
int sql_query(struct sql_conn *conn, const char *text, struct sql_rows **ret_rows, struct err *err);
size_t sql_rows_column_count(const struct sql_rows *rows);
/* 1 = cells[0…column_count-1] are set (ptr NULL = SQL NULL), valid until the next call; 0 = end. */
int sql_rows_next(struct sql_rows *rows, struct str *cells, struct err *err);
void sql_rows_free(struct sql_rows *rows); /* NULL is fine */
void sql_rows_freep(struct sql_rows **rows);
#define AUTO_SQL_ROWS AUTO(sql_rows_freep)

/* What the connection's database holds now, in memory and in temporary files; -1 = unknown. */
struct sql_memory {
    int64_t bytes, temp_bytes;
};
int sql_memory(struct sql_conn *conn, struct sql_memory *ret_memory, struct err *err);

/* 'text' with quotes doubled; "name" with quotes doubled. */
void sql_quote_text(struct buf *out, struct str text);
void sql_quote_name(struct buf *out, struct str name);

/*
 * Result columns of a SELECT as a STRUCT type (names, types; all nullable), without running it.
 * ERR_CONFIG for a type that Delta has not (HUGEINT, UBIGINT, TIME, INTERVAL, …): names the
 * column and the cast to write.
 */
int sql_describe(struct sql_conn *conn, const char *select, struct arena *arena,
                 const struct type **ret_row_type, struct err *err);

/* ---- scan.c: our table function --------------------------------------------------------- */

/*
 * What a registered scan reads from, implemented by job/.  Called on DuckDB's worker threads,
 * each with a local of its own; `fill` may block until there are rows.
 */
struct sql_scan;
struct sql_scan_ops {
    /* `wanted[i]`: column i is read by the statement (points into the registration). */
    int (*open_local)(struct sql_scan *scan, const bool *wanted, void **ret_local, struct err *err);
    /* Writes rows 0…n-1 (n <= capacity) of the wanted columns (columns[i] is NULL for others)
     * and answers n; 0 = end. What was handed out at this local's last call is released by
     * this one. */
    int (*fill)(struct sql_scan *scan, void *local, struct column *const *columns, size_t capacity,
                struct err *err);
    /* The local goes; if it never answered 0, the statement failed or ended early. */
    void (*close_local)(struct sql_scan *scan, void *local);
};
struct sql_scan {
    const struct sql_scan_ops *ops;
};

/*
 * Makes `name()` a table function with the columns of row_type (which must outlive the
 * connection's database).  It can be described and planned at once; it can be read only while
 * a scan is attached.  A second read of it within one statement fails.
 */
struct sql_source;
int sql_register_source(struct sql_conn *conn, const char *name, const struct type *row_type,
                        struct sql_source **ret_source, struct err *err);
void sql_source_attach(struct sql_source *source, struct sql_scan *scan); /* NULL detaches */
/* True when a statement tried to read it without a scan; DuckDB does so to bind a PIVOT. */
bool sql_source_was_refused(const struct sql_source *source);

/* ---- scalar.c: our scalar functions ------------------------------------------------------ */

/* out row i = f(in row i); strings go to `arena`, which is released when the chunk is done. */
typedef int (*sql_scalar_fn)(const struct column *in, size_t rows, struct column *out,
                             struct arena *arena, struct err *err);
/* Makes name(x) a function from every simple type of column/type.h to VARCHAR. NULL goes to fn. */
int sql_register_text_function(struct sql_conn *conn, const char *name, sql_scalar_fn fn,
                               struct err *err);

/* ---- copy.c: SELECT into Parquet files --------------------------------------------------- */

struct sql_column_stats {
    struct str path; /* as DuckDB quotes it: "a"."b" */
    bool has_min, has_max, has_null_count;
    struct str min, max; /* text, see delta.md 1.11 */
    int64_t null_count;
    bool has_nan;
};

struct sql_file {
    struct str path; /* local */
    int64_t row_count;
    uint64_t size_bytes;
    size_t stats_count;
    const struct sql_column_stats *stats;
    size_t partition_count;
    const struct str *partition_values; /* in the order of partition_names; text of the key */
};

/*
 * How many partitions the last batches of a query fell into, so that the next one is split within
 * its memory (docs/decisions/0001).  {0} = nothing known yet.  Belongs to the query.
 */
struct sql_partitions {
    VEC(uint64_t) now, before; /* hashes of keys, sorted; of the last batches and of those before */
    int batch_count;           /* in .now */
    bool known;
};
void sql_partitions_done(struct sql_partitions *partitions);

struct sql_copy_options {
    const char *dir;         /* fresh and empty; files appear below */
    const char *compression; /* "snappy", "zstd", "uncompressed" */
    int64_t row_group_rows;
    uint64_t file_bytes; /* without partitions, about a file's size; 0 = 128 MiB */
    size_t partition_count;
    const char *const *partition_names; /* columns of the select, VARCHAR, left out of the files */
    struct sql_partitions *partitions;  /* borrowed, learns; NULL = a few partitions at most */
};

struct sql_copy_result {
    int64_t row_count;
    size_t file_count;
    const struct sql_file *files; /* in the arena */
    size_t bucket_count;          /* 0 = in one pass */
};

int sql_copy(struct sql_conn *conn, const char *select, const struct sql_copy_options *options,
             struct arena *arena, struct sql_copy_result *ret_result, struct err *err);

/* ---- body.c, plan.c: looking into SELECT bodies ------------------------------------------- */

/* Position of a parser or binder error in the text, in bytes; -1 = unknown. */
struct sql_place {
    int64_t offset;
};

/*
 * Parses `body` as one SELECT. ERR_CONFIG with *ret_place when it is not one.
 */
int sql_check_select(struct sql_conn *conn, struct str body, struct sql_place *ret_place,
                     struct err *err);

/* Calls on_name for every column or table name the body mentions (last part of a.b.c), decoded. */
typedef void (*sql_name_fn)(void *user, struct str name);
int sql_body_names(struct sql_conn *conn, struct str body, sql_name_fn on_name, void *user,
                   struct err *err);

/*
 * The body as text in which every `*` of a SELECT that reads the table `table` directly leaves
 * out the columns `hidden` (unless the user excluded or replaced them).
 */
int sql_body_hide(struct sql_conn *conn, struct str body, const struct str *tables,
                  size_t table_count, const char *const *hidden, size_t hidden_count,
                  struct buf *out, struct err *err);

/*
 * How the bound, unoptimised plan of a SELECT reads the registered sources.
 */
struct sql_shape {
    size_t source_reads;  /* how often any source stands in the plan */
    const char *stateful; /* NULL = every row stands alone; else the clause: "GROUP BY", … */
};
int sql_shape_of(struct sql_conn *conn, const char *select, struct arena *arena,
                 struct sql_shape *ret_shape, struct err *err);

#endif
