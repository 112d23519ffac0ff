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

/* What becomes of fields that nobody has declared (schemaEvolutionMode). */
enum plan_evolution {
    PLAN_EVOLVE_NONE,   /* skipped */
    PLAN_EVOLVE_ADD,    /* new columns, from the batch on that has them first */
    PLAN_EVOLVE_RESCUE, /* kept in _rescued_data */
    PLAN_EVOLVE_FAIL,   /* the end of the query */
};

/* Where the schema of a key or a value comes from, as the options say; resolve.c reads them. */
struct plan_schema_from {
    struct str avro_file;       /* the writer's schema; "" = given as text, or by the registry */
    struct str descriptor_file; /* Protobuf: a FileDescriptorSet */
    struct str proto_files;     /* or .proto files, separated by commas */
    struct str proto_paths;     /* and the folders of their imports */
};

#define PLAN_KEY_FIELDS_MAX 1024

struct plan_stream {
    struct str name;
    struct plan_place place;      /* of the name */
    bool is_inferred;             /* without a column list: row_type is NULL until plan_resolve */
    const struct type *row_type;  /* the declared columns */
    const struct type *scan_type; /* and all meta columns behind them */
    const struct source_ops *source;
    struct settings settings; /* of source and stream together */
    struct str format;        /* 'value.format' */
    struct codec_options codec;
    struct plan_schema_from value_from;
    struct str key_format;           /* 'key.format' */
    const struct type *key_type;     /* of _key: BINARY, STRING, or what the format makes of it */
    const struct type *key_row_type; /* what its codec decodes; NULL = the bytes as they are */
    struct codec_options key_codec;  /* at most PLAN_KEY_FIELDS_MAX fields */
    struct plan_schema_from key_from;
    enum plan_evolution evolution;
    bool must_keep; /* the columns are not yet what the query has kept: plan_keep_schema */
    const struct type *hints; /* schemaHints, a STRUCT; NULL = none */
    uint64_t sample_rows;     /* for inference: so many messages, */
    int64_t sample_us;        /* or for so long */
    bool infer_timestamps;
    enum plan_bad_record on_bad_record;
    uint64_t message_bytes_max;       /* a larger value is a bad message */
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
    /* The plan's streams as this table's query sees them, by the same index: with the columns that
     * it has kept or inferred. NULL until plan_resolve. */
    struct plan_stream *streams;
    int64_t replay_id; /* this is not the query itself but a replay of its dead letters; 0 = no */
};

struct plan {
    struct arena arena;
    struct str file; /* for messages */
    struct str text; /* as written: ${} not replaced */
    VEC(struct plan_stream) streams;
    VEC(struct plan_view) views;
    VEC(struct plan_table) tables;
    VEC(struct codec_registry *) registries; /* the streams', opened by plan_resolve */
    uint64_t memory_bytes;                   /* SET memory_limit, 0 = default */
    int threads;                             /* SET threads, 0 = default */
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

/*
 * Settles what the text leaves open: reads schema files, asks the registry, looks at messages.
 * Called once, before anything is bound; after it the plan is immutable again.  Without `connect`
 * nothing but local files is read, and a stream whose columns only the outside knows is
 * ERR_CONFIG.
 *
 * Inferred columns are kept with the query (design.md 2a), so that a restart has the same ones:
 * read here, written by plan_keep_schema.
 */
struct plan_resolve_options {
    bool connect;
    struct stop *stop; /* ends waiting: ERR_CANCELED */
    int64_t wait_us;   /* for a first message to infer from; INT64_MAX = until the stop */
    /* Told what sources wait for, with the name of the stream as user; NULL = nobody. */
    source_status_fn on_source_status;
};
int plan_resolve(struct plan *plan, const struct plan_resolve_options *options, struct err *err);

/* Remembers the stream's columns for the query; durable on return. */
int plan_keep_schema(const struct plan_table *table, const struct plan_stream *stream,
                     struct err *err);
/* The same stream with other declared columns, in `arena`. */
const struct plan_stream *plan_widen_stream(struct arena *arena, const struct plan_stream *stream,
                                            const struct type *row_type);
/* Columns that come from outside, without those that cannot be columns: names that every stream
 * has, and at any depth those that Delta has not (space , ; { } ( ) = and control characters). */
const struct type *plan_usable_columns(struct arena *arena, const struct type *row_type);
/* The stream of that index as the table's query sees it. */
const struct plan_stream *plan_stream_of(const struct plan *plan, const struct plan_table *table,
                                         size_t index);

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
/* key BINARY (unless key.format says otherwise), value BINARY, topic STRING, partition INTEGER,
 * offset BIGINT, timestamp TIMESTAMP, headers ARRAY<STRUCT<key: STRING, value: BINARY>> as Spark's
 * includeHeaders has them. */
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
