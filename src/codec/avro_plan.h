/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_PLAN_H
#define CODEC_AVRO_PLAN_H

#include "codec/avro_schema.h"
#include "codec/codec.h"
#include "codec/rows.h"

/*
 * avro_plan - writer's schema, reader's schema and row type made one program, and the state of
 * one decoder
 */
#define AVRO_NO_COLUMN UINT32_MAX

/* What to do with a value of the writer's schema; what is fused here costs one branch. */
enum avro_code {
    AVRO_OP_NULL, /* null: no bytes */
    AVRO_OP_BOOLEAN,
    AVRO_OP_INT32,  /* int as it is */
    AVRO_OP_INT64,  /* long as it is */
    AVRO_OP_MILLIS, /* long, times 1,000 */
    AVRO_OP_FLOAT,
    AVRO_OP_DOUBLE,
    AVRO_OP_STRING,   /* string to STRING */
    AVRO_OP_BINARY,   /* string, bytes to BINARY */
    AVRO_OP_ENUM,     /* to STRING */
    AVRO_OP_SCALAR,   /* all other values that are not nested: avro_scalar.c */
    AVRO_OP_NULLABLE, /* a union of null and one other */
    AVRO_OP_RECORD,
    AVRO_OP_ARRAY,
    AVRO_OP_MAP,
    AVRO_OP_UNION,      /* each branch into the same column */
    AVRO_OP_MEMBERS,    /* each branch into a field of a STRUCT */
    AVRO_OP_UNRESOLVED, /* a branch that the reader cannot read: NULL, a bad field */
};

struct avro_op;

/* A field of the writer's record, in its order. */
struct avro_step {
    struct avro_op *op; /* NULL = no column takes it */
    const struct avro_schema *writer;
    struct str name;
    uint32_t column; /* field of the row type or STRUCT */
};

/* A field of the row type or STRUCT that the writer's record lacks. */
struct avro_missing {
    uint32_t column;
    struct avro_op *op; /* reads `preset`, the default's bytes; NULL = the field is NULL */
    struct str preset;
    bool is_copied; /* columns will point into it: read a copy in the message's arena */
};

struct avro_op {
    enum avro_code code;
    uint32_t depth; /* of the writer's value in the message; the row is 1 */
    const struct avro_schema *writer;
    const struct type *type;
    const struct avro_op *parent; /* of which this is `name`; NULL for the row */
    struct str name;              /* "[]" for elements */

    /* SCALAR, and what it was made from: */
    enum avro_kind reader;     /* the kind that the reader promotes to */
    enum avro_logical logical; /* what the number or bytes mean */
    uint32_t scale;            /* of the decimal that is read */

    struct avro_step *steps; /* RECORD */
    size_t step_count;
    struct avro_missing *missing;
    size_t missing_count;

    /* NULLABLE: [0], [1]; UNION: by the writer's index; MEMBERS: NULL = no column takes it;
     * ARRAY, MAP: [0] elements or values. */
    struct avro_op **branches;
    size_t branch_count;
    uint32_t *columns; /* MEMBERS: the field of the STRUCT that each branch goes to */
    bool has_index;    /* MEMBERS: false = the writer has no union, there is one branch */

    struct str *symbols; /* ENUM: by the writer's index; ptr NULL = the reader has no such */

    /* ARRAY, MAP while decoding: */
    uint64_t touched; /* number of the message that last wrote elements */
    struct codec_rows_keys keys;
};

struct codec_avro_rescue;

struct codec_avro {
    struct codec codec;
    struct arena memory; /* owns schemas and plan */
    const struct avro_schema *writer;
    const struct avro_schema *reader; /* the same when none was given */
    struct avro_op *root;
    size_t op_count;
    size_t list_count;
    uint32_t depth_max;
    uint32_t recursive_depth;
    uint64_t fingerprint; /* of the writer's schema */
    bool notice_unknown;
    bool has_unknown;                 /* the reader's schema has fields that the row type has not */
    bool has_rescued;                 /* the writer's schema has values that no column takes */
    struct codec_avro_rescue *rescue; /* NULL = there is no such column */
    uint64_t hash_seed;
    /* The message being decoded. */
    const char *start;
    const char *end;
    struct arena *arena;
    bool has_bad_field;
    bool has_duplicate_key;
    uint64_t empty_elements; /* elements without bytes so far */
    struct codec_rows rows;  /* room for list_count marks */
};

/* Builds a->root from a->writer, a->reader and the row type.  ERR_CONFIG names the field that
 * cannot be decoded. */
int codec_avro_plan_init(struct codec_avro *a, const struct type *row_type,
                         const struct codec_options *options, struct err *err);
void codec_avro_plan_done(struct codec_avro *a);

/* "entity[].vehicle.trip_id", empty for the row. */
void codec_avro_plan_path(const struct avro_op *op, struct buf *out);

#endif
