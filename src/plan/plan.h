/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_H
#define PLAN_H

#include "base/base.h"
#include "codec/codec.h"
#include "column/column.h"
#include "connect/connector.h"
#include "sql/sql.h"
#include "store/store.h"

/*
 * plan - pipeline text to a checked plan
 *
 *     CREATE STREAM … USING kafka OPTIONS (…);
 *     CREATE VIEW … AS SELECT …;
 *     CREATE STREAMING TABLE … USING delta LOCATION … AS SELECT …;
 *
 * Everything lives in the plan's arena and is immutable after plan_load, so the jobs share it.
 * Errors are ERR_CONFIG and begin with "file:line:column: ".
 */
struct plan_place {
    uint32_t line, column; /* from 1; columns count characters; 0 = unknown */
};

/* Where the tokens of a body stood in the file: bytes [offset, next mark) began at `place`. */
struct plan_mark {
    uint32_t offset;
    struct plan_place place;
};
struct plan_marks {
    const struct plan_mark *items;
    size_t count;
};

enum plan_bad_record { PLAN_BAD_NULL, PLAN_BAD_DROP, PLAN_BAD_FAIL, PLAN_BAD_DEAD_LETTER };

struct plan_stream {
    struct str name;
    struct plan_place place;      /* of the name */
    const struct type *row_type;  /* the declared columns */
    const struct type *scan_type; /* and all meta columns behind them */
    const struct source_ops *source;
    struct settings settings; /* of source and stream together */
    struct str format;        /* 'value.format' */
    struct codec_options codec;
    enum plan_bad_record on_bad_record;
    double max_bad_ratio;             /* of bad messages, beyond which the query stops; 1 = never */
    uint64_t max_offsets_per_trigger; /* 0 = no limit */
};

struct plan_view {
    struct str name;
    struct plan_place place;
    struct str body;
    struct plan_marks marks;
};

enum plan_trigger { PLAN_TRIGGER_INTERVAL, PLAN_TRIGGER_AVAILABLE_NOW, PLAN_TRIGGER_ONCE };

struct plan_table {
    struct str name;
    struct plan_place place;
    struct str query_name; /* option queryName, else the name */
    struct str location;
    struct str comment;
    VEC(struct str) partition_columns;
    VEC(struct plan_place) partition_places;
    VEC(struct setting) properties; /* TBLPROPERTIES */
    /* Column list with NOT NULL and comments, when the statement has one. */
    size_t declared_count;             /* 0 = taken from the body */
    const struct type_field *declared; /* type NULL = the body's */
    const struct plan_place *declared_places;
    struct settings settings;
    struct str body;                 /* the SELECT as written, after ${} and token rewrites */
    uint32_t body_line, body_column; /* where it begins */
    struct plan_marks marks;         /* of the body */
    enum plan_trigger trigger;
    int64_t trigger_us; /* PLAN_TRIGGER_INTERVAL; 0 = as soon as possible */
    bool merge_schema;
    bool second_query;              /* option: another query on the same table and topic is meant */
    struct str checkpoint_location; /* "" = none */
    struct str compression;
    struct store_options store;
    uint64_t file_bytes, row_group_rows;
    /* Where dead letters go, when a stream has PLAN_BAD_DEAD_LETTER. */
    struct str dead_letter_location; /* a Delta table; its default is beside the table */
    struct str dead_letter_topic;    /* "" = to the table */
    uint64_t dead_letter_value_bytes;
    int64_t replay_id; /* this is not the query itself but a replay of its dead letters; 0 = no */
};

struct plan {
    struct arena arena;
    struct str file; /* for messages */
    VEC(struct plan_stream) streams;
    VEC(struct plan_view) views;
    VEC(struct plan_table) tables;
    uint64_t memory_bytes; /* SET memory_limit, 0 = default */
    int threads;           /* SET threads, 0 = default */
};

/*
 * Parses the text of a pipeline file and checks every option. ${NAME} and ${NAME:-default} are
 * replaced from the environment first (a missing one without default is an error), outside of
 * comments and dollar-quoted strings; inside quotes, values are escaped and $$ is a $.
 */
int plan_load(struct str file, struct str text, struct plan **ret_plan, struct err *err);
int plan_load_file(const char *path, struct plan **ret_plan, struct err *err);
void plan_free(struct plan *plan); /* NULL is fine */
void plan_freep(struct plan **plan);
#define AUTO_PLAN AUTO(plan_freep)

/* Columns that a body may name beside the declared ones; not part of `*`. */
enum plan_meta {
    PLAN_META_KEY,
    PLAN_META_VALUE,
    PLAN_META_TOPIC,
    PLAN_META_PARTITION,
    PLAN_META_OFFSET,
    PLAN_META_TIMESTAMP,
    PLAN_META_HEADERS
};
#define PLAN_META_COUNT 7
extern const char *const plan_meta_names[PLAN_META_COUNT + 1]; /* "_key", …, NULL */
/* key BINARY, value BINARY, topic STRING, partition INTEGER, offset BIGINT, timestamp TIMESTAMP,
 * headers ARRAY<STRUCT<key: STRING, value: BINARY>> as Spark's includeHeaders has them. */
const struct type *plan_meta_type(enum plan_meta meta);

/*
 * A table's query bound to a database: what the job runs.  A stream that the query reads is one
 * table function whose columns are the declared ones and then the meta columns; what the query
 * does not name is not wanted by the scan.
 */
struct plan_input {
    const struct plan_stream *stream;
    const struct type *row_type; /* declared + meta columns: the stream's scan_type */
    size_t declared_count;       /* the first ones */
    size_t meta_count;
    enum plan_meta meta[PLAN_META_COUNT]; /* of columns declared_count… */
    bool wants_headers;                   /* _headers is named */
    struct sql_source *source;            /* registered with the connection */
};

struct plan_query {
    const struct plan_table *table;
    VEC(struct plan_input) inputs;
    const struct type *row_type; /* the result: column names and Delta types */
    char *select;                /* result columns in order, each cast to row_type's type */
    char *copy_select; /* the same with partition columns replaced by text keys "__p0"… (equal to
                          `select` without partitions), for sql_copy */
    const char *const *partition_keys;   /* "__p0"…; NULL without partitions */
    const struct str *partition_columns; /* the table's, spelled as in row_type */
    struct arena arena;
};

/* In the error that a row with NULL in a declared NOT NULL column raises. */
#define PLAN_NOT_NULL_TEXT ", which is NOT NULL"

/* The function that the job registers for partition keys; copy_select calls it. */
#define PLAN_PARTITION_FUNCTION "sluice_partition_key"

/*
 * Binds: registers the streams with `conn`, refuses what is stateful or reads files, names the
 * clause and its position, works out the result type.  Reads nothing.  One table may be bound in
 * a database (the names of the sources are fixed), once; the plan must outlive the database.
 */
int plan_bind(const struct plan *plan, const struct plan_table *table, struct sql_conn *conn,
              struct plan_query **ret_query, struct err *err);
void plan_query_free(struct plan_query *query); /* NULL is fine */
void plan_query_freep(struct plan_query **query);
#define AUTO_PLAN_QUERY AUTO(plan_query_freep)

/* DDL type text, Spark's or DuckDB's words: "STRUCT<a: BIGINT>", "VARCHAR[]", "DECIMAL(10,2)". */
int plan_parse_type(struct arena *arena, struct str text, const struct type **ret_type,
                    struct err *err);

/* The option tables of streams and streaming tables, for docs and --help. */
extern const struct option plan_stream_options[];
extern const struct option plan_table_options[];
/* All option tables as Markdown, for docs/options.md. */
void plan_options_markdown(struct buf *out);
/* `sluice check`: streams, tables, schemas, options as text (secrets as ***). */
void plan_explain(const struct plan *plan, const struct plan_query *query, struct buf *out);

#endif
