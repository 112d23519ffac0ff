/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLUMN_TYPE_H
#define COLUMN_TYPE_H

#include "base/base.h"

/*
 * type - the types of a column, as Spark and Delta name them
 *
 * A tree in an arena; immutable once built, so it may be shared by threads.
 * TIMESTAMP is an instant (Delta `timestamp`, DuckDB TIMESTAMPTZ), TIMESTAMP_NTZ
 * is without a zone (DuckDB TIMESTAMP): delta.md decision 2.
 */
enum type_kind {
    TYPE_BOOLEAN,
    TYPE_TINYINT,  /* Delta byte */
    TYPE_SMALLINT, /* Delta short */
    TYPE_INTEGER,
    TYPE_BIGINT, /* Delta long */
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL, /* precision 1-38, scale 0-precision */
    TYPE_STRING,
    TYPE_BINARY,
    TYPE_DATE,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMP_NTZ,
    TYPE_STRUCT, /* fields */
    TYPE_ARRAY,  /* fields[0] = element */
    TYPE_MAP,    /* fields[0] = key, fields[1] = value */
};

struct type;

struct type_field {
    struct str name; /* NUL-terminated too */
    const struct type *type;
    bool nullable;
    struct str comment; /* empty when none */
};

struct type {
    enum type_kind kind;
    uint8_t precision;
    uint8_t scale;
    size_t field_count;
    const struct type_field *fields;
};

/* A shared constant for every kind without parameters. */
const struct type *type_simple(enum type_kind kind);
const struct type *type_decimal(struct arena *arena, uint8_t precision, uint8_t scale);
const struct type *type_array(struct arena *arena, const struct type *element, bool contains_null);
const struct type *type_map(struct arena *arena, const struct type *key, const struct type *value,
                            bool value_contains_null);
/* Copies the array (names and types are shared). */
const struct type *type_struct(struct arena *arena, const struct type_field *fields, size_t count);

bool type_is_nested(const struct type *t);
/* Same kinds, parameters, field names (bytewise) and nullability, all the way down. */
bool type_eq(const struct type *a, const struct type *b);
/* Equal but for nullability and comments. */
bool type_eq_shape(const struct type *a, const struct type *b);

/* Spark DDL: "STRUCT<a: BIGINT, `b c`: ARRAY<STRING>>", "DECIMAL(10,2)". */
void type_print(const struct type *t, struct buf *out);
/* DuckDB: STRUCT("a" BIGINT, …), VARCHAR[], MAP(VARCHAR, …), TIMESTAMP WITH TIME ZONE. */
void type_print_duckdb(const struct type *t, struct buf *out);

/* Index of the field with that name; exact bytes, or ASCII case ignored. -1 = not there. */
ptrdiff_t type_find_field(const struct type *t, struct str name);
ptrdiff_t type_find_field_nocase(const struct type *t, struct str name);

#endif
