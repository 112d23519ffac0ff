/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_SCHEMA_H
#define CODEC_AVRO_SCHEMA_H

#include "base/base.h"

/*
 * avro_schema - an Avro schema, read from its JSON text (specification 1.12)
 *
 * A graph in an arena, immutable once parsed: a record may contain itself.  A wrapper such as
 * {"type": {"type": "int"}} is what is inside it.
 */
enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING, /* those up to here are a word in the schema's text */
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_FIXED, /* these three have a name */
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
};

/* A logical type that is unknown, or wrong for its schema, is none, as the specification asks. */
enum avro_logical {
    AVRO_PLAIN,
    AVRO_DECIMAL, /* bytes, fixed */
    AVRO_UUID,    /* string, fixed(16) */
    AVRO_DATE,
    AVRO_TIME_MILLIS,
    AVRO_TIME_MICROS,
    AVRO_TIMESTAMP_MILLIS,
    AVRO_TIMESTAMP_MICROS,
    AVRO_TIMESTAMP_NANOS,
    AVRO_LOCAL_TIMESTAMP_MILLIS,
    AVRO_LOCAL_TIMESTAMP_MICROS,
    AVRO_LOCAL_TIMESTAMP_NANOS,
    AVRO_DURATION, /* fixed(12) */
};

/* Different names in their order; `slots` finds one. */
struct avro_names {
    struct str *items;
    size_t count;
    uint32_t *slots; /* index + 1; 0 = free */
    size_t mask;
};

struct avro_field {
    const struct avro_schema *schema;
    const struct json *preset; /* "default"; NULL = there is none */
    const struct str *aliases;
    size_t alias_count;
};

struct avro_schema {
    enum avro_kind kind;
    enum avro_logical logical;
    uint32_t precision; /* of a decimal; may be beyond what a DECIMAL column holds */
    uint32_t scale;
    struct str full_name; /* "shop.Order" */
    struct str name;      /* what stands behind its last dot */
    const struct str *aliases;
    size_t alias_count;
    struct avro_names names;             /* record: of its fields; enum: its symbols */
    struct avro_field *fields;           /* record */
    const struct avro_schema **branches; /* union; array: [0] its items; map: [0] its values */
    size_t branch_count;
    ptrdiff_t symbol_preset; /* the enum's "default"; -1 = there is none */
    size_t size;             /* fixed */
    size_t bytes_min;        /* no value takes fewer bytes */
    ptrdiff_t bytes_always;  /* every value takes as many; -1 = it depends */
};

#define CODEC_AVRO_SCHEMA_BYTES_MAX ((size_t)16 << 20)

/*
 * The schema in `text`, in `arena`.  Names and defaults point into `text`, which must outlive it.
 * ERR_CONFIG says where: 'avro schema, field "lines[].price": …'.
 */
int codec_avro_schema_parse(struct arena *arena, struct str text,
                            const struct avro_schema **ret_schema, struct err *err);

/* "null", "record" … */
const char *codec_avro_schema_kind_name(enum avro_kind kind);
/* For a person: "int (date)", "record shop.Order", "union". */
void codec_avro_schema_print(const struct avro_schema *schema, struct buf *out);

/* Index of the name; -1 = not there. */
ptrdiff_t codec_avro_schema_find(const struct avro_names *names, struct str name);
/* The same without regard to the case of ASCII letters; -1 also when several fit. */
ptrdiff_t codec_avro_schema_find_nocase(const struct avro_names *names, struct str name);

/* Branches of a union that are not null; *ret_only is the first of them. */
size_t codec_avro_schema_count_values(const struct avro_schema *schema,
                                      const struct avro_schema **ret_first);

#endif
