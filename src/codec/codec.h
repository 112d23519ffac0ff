/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_H
#define CODEC_H

#include "base/base.h"
#include "column/column.h"

/*
 * codec - message bytes to columns
 *
 * A codec instance belongs to one thread (it keeps scratch space and guesses,
 * such as the order in which the fields of the last message came); it is made
 * for one row type, a STRUCT, and writes a message as one row of its columns.
 *
 * Contract of decode:
 *  - `columns[i]` is field i of the row type, or NULL when nobody wants it: the
 *    bytes are then checked and skipped.
 *  - Row `row` of every wanted column is written in every case, NULL included.
 *  - Strings longer than COLUMN_STRING_INLINE point into `value` or `arena`;
 *    both stay until the chunk is released.
 *  - It never fails for the data's sake: see enum codec_row.
 */
enum codec_row {
    CODEC_ROW_OK,
    CODEC_ROW_BAD_FIELD, /* at least one field did not fit its column and is NULL */
    CODEC_ROW_BAD,       /* not a message of this format: all columns are NULL */
};

/* Why the last message was not CODEC_ROW_OK: the first thing that was wrong with it. */
struct codec_fault {
    const char *reason; /* stable code for metrics: "syntax", "utf8", "range", "type", "depth"… */
    size_t position;    /* byte in the value */
    char message[192];  /* for a person; names the field when there is one */
};

struct codec;

struct codec_ops {
    const char *name; /* the value of 'value.format' */
    enum codec_row (*decode)(struct codec *codec, struct str value, struct column *const *columns,
                             size_t row, struct arena *arena);
    void (*close)(struct codec *codec);
};

struct codec {
    const struct codec_ops *ops;
    const struct type *row_type;
    struct codec_fault fault; /* of the last decode that was not CODEC_ROW_OK */
    bool unknown_field;       /* with notice_unknown: the last message had one; else not touched */
};

/* What a number means in a TIMESTAMP column; Spark's from_json takes seconds. */
enum codec_epoch { CODEC_EPOCH_SECONDS, CODEC_EPOCH_MILLIS, CODEC_EPOCH_MICROS, CODEC_EPOCH_NANOS };

struct codec_registry;

/* All text and bytes are borrowed for the codec's life. A format ignores what is not its own. */
struct codec_options {
    enum codec_epoch timestamp_unit; /* option timestampUnit */
    bool allow_nan;     /* NaN, Infinity, -Infinity as bare numbers (allowNonNumericNumbers) */
    uint32_t depth_max; /* nesting; 0 = the format's own: 512, protobuf 100 */

    /* The STRING field of the row type that takes, as JSON text, what does not fit: unknown
     * fields, values of a wrong type or out of range, each by its path, and the reasons under
     * "_reason"; NULL in rows without such. Empty = none. Format: README.md, "Rescued data". */
    struct str rescued_column;
    /* Tells in codec->unknown_field of fields that the row type has not, nested ones too. */
    bool notice_unknown;

    struct str avro_schema;        /* the writer's, JSON text */
    struct str avro_reader_schema; /* empty = the writer's */

    struct str protobuf_descriptors; /* a serialized FileDescriptorSet, imports included */
    struct str protobuf_message;     /* "package.Message"; the bare name when it is unique */
    bool enums_as_ints;              /* Spark's enums.as.ints */
    bool emit_default_values;        /* Spark's emit.default.values */
    uint32_t recursive_depth;        /* Spark's recursive.fields.max.depth; 0 = refuse recursion */

    struct str csv_separator; /* one character; empty = "," */
    struct str csv_quote;     /* one character; empty = '"' */
    struct str csv_escape;    /* one character; empty = "\\" */
    struct str csv_null;      /* text that is NULL; Spark's nullValue, empty = "" */

    /* Messages in Confluent's wire format, their schemas from here; NULL = bare messages. Shared.
     */
    struct codec_registry *registry;
    struct str subject;       /* codec_describe: whose schema; registry.h, codec_registry_subject */
    uint32_t subject_version; /* 0 = the latest */
};

/*
 * Opens the codec named `format` ("json"; others follow) for a row type, which must outlive it.
 * ERR_CONFIG for an unknown format (lists the known ones) or a type it cannot decode (names the
 * field).
 */
int codec_open(struct str format, const struct type *row_type, const struct codec_options *options,
               struct codec **ret_codec, struct err *err);
void codec_close(struct codec *codec); /* NULL is fine */

/*
 * The row type that the options' schema amounts to, by Spark's rules for the format (a STRUCT, in
 * `arena`). ERR_CONFIG when the format has no schema of its own, or the schema is wrong: says
 * where.
 */
int codec_describe(struct str format, const struct codec_options *options, struct arena *arena,
                   const struct type **ret_row_type, struct err *err);

/* A tombstone (value.ptr == NULL) is a row of NULLs and CODEC_ROW_OK. */
static inline enum codec_row codec_decode(struct codec *codec, struct str value,
                                          struct column *const *columns, size_t row,
                                          struct arena *arena)
{
    return codec->ops->decode(codec, value, columns, row, arena);
}

#endif
