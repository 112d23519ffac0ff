/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLUMN_VIEW_H
#define COLUMN_VIEW_H

#include "column/type.h"

/*
 * view - a typed view on a vector of values, to write into
 *
 * `sql/` fills it in from DuckDB's vectors (column_of_vector), codecs and
 * operators write through it and never see duckdb.h.  The view owns nothing;
 * it is valid until the chunk it was made from is handed on.
 *
 * Layout of `data` per row:
 *   BOOLEAN uint8_t 0/1 · TINYINT…BIGINT int8_t…int64_t · FLOAT, DOUBLE ·
 *   DECIMAL precision <= 4 int16_t, <= 9 int32_t, <= 18 int64_t, else __int128
 *   (little-endian two's complement, scaled) · STRING, BINARY struct column_string ·
 *   DATE int32_t days · TIMESTAMP(_NTZ) int64_t µs since 1970-01-01 ·
 *   ARRAY, MAP struct column_list · STRUCT no data, one child a field.
 * An ARRAY's child is its element vector; a MAP has two children, key and
 * value, with equal length.
 */

/* 16 bytes: strings up to 12 bytes are inline, longer ones hold a prefix and a pointer. */
struct column_string {
    union {
        struct {
            uint32_t len;
            char prefix[4];
            const char *ptr;
        } far;
        struct {
            uint32_t len;
            char bytes[12]; /* zero-padded */
        } near;
    };
};
#define COLUMN_STRING_INLINE 12

struct column_list {
    uint64_t offset; /* of the first element in the child */
    uint64_t len;
};

struct column {
    const struct type *type;
    void *data;         /* NULL for STRUCT */
    uint64_t *validity; /* a bit a row, 1 = valid; NULL = all valid until column_set_null */
    struct column *children;
    size_t child_count;
    size_t capacity;   /* rows there is room for in `data` */
    size_t child_rows; /* ARRAY, MAP: elements written so far */
    void *vector;      /* sql/'s handle */
    const struct column_ops *ops;
};

/* What sql/ provides; tests have their own over plain memory (column/memory.h). */
struct column_ops {
    /* Makes col->validity a bitmap of capacity bits, all valid. */
    void (*make_validity)(struct column *col);
    /* ARRAY, MAP: room for `rows` elements in the child(ren); their data, validity and, all the
     * way down, their children's views are refreshed. May move data. */
    void (*reserve_children)(struct column *col, size_t rows);
};

/* Rows of all vectors but nested ones are written in any order; a row must be written once. */
static inline void column_set_null_bit(struct column *col, size_t row)
{
    if (UNLIKELY(col->validity == NULL)) {
        col->ops->make_validity(col);
    }
    col->validity[row / 64] &= ~((uint64_t)1 << (row % 64));
}

/* NULL, and for a STRUCT every field too, for a list an empty entry. */
void column_set_null(struct column *col, size_t row);

/* Undoes column_set_null, so that the row may be written again. */
void column_clear_null(struct column *col, size_t row);

static inline bool column_is_valid(const struct column *col, size_t row)
{
    return col->validity == NULL || ((col->validity[row / 64] >> (row % 64)) & 1) != 0;
}

/*
 * Bytes must stay where they are until the chunk is released when longer than
 * COLUMN_STRING_INLINE.  For STRING they must be valid UTF-8 (caller checks).
 */
static inline void column_set_string(struct column *col, size_t row, struct str s)
{
    struct column_string *out = (struct column_string *)col->data + row;
    if (s.len <= COLUMN_STRING_INLINE) {
        *out = (struct column_string){.near = {.len = (uint32_t)s.len}};
        if (s.len > 0) {
            memcpy(out->near.bytes, s.ptr, s.len);
        }
        return;
    }
    out->far.len = (uint32_t)s.len;
    memcpy(out->far.prefix, s.ptr, sizeof(out->far.prefix));
    out->far.ptr = s.ptr;
}

struct str column_get_string(const struct column *col, size_t row);

/* Makes room for `count` more elements in a list's child(ren); returns the offset of the first.
 * The entry at `row` becomes {offset, count}. */
uint64_t column_open_list(struct column *col, size_t row, size_t count);
/* For a list whose length is not known beforehand: open, then reserve as one goes, then close. */
void column_reserve_children(struct column *col, size_t rows);

#endif
