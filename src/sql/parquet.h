/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_PARQUET_H
#define SQL_PARQUET_H

#include "column/column.h"
#include "sql/filter.h"

/*
 * parquet - the footer of a Parquet file: what its columns are and where their bytes lie
 *
 * Part of the face, included by sql.h.  Everything in the arena; strings point into the footer's
 * bytes, which must live as long.
 */

/* A column chunk: one leaf column in one row group. */
struct parquet_chunk {
    size_t column;          /* of the file's top-level columns */
    uint64_t begin;         /* of its first page, within the file */
    uint64_t bytes;         /* as the footer says */
    uint64_t bloom;         /* begin of its Bloom filter; 0 = none */
    struct sql_range range; /* min and max only of columns with a type */
};
struct parquet_group {
    int64_t row_count;
    const struct parquet_chunk *chunks; /* chunk_count of the footer */
    struct str bytes;                   /* as in the footer */
};
struct parquet_element {
    struct str name;
    int64_t field_id; /* -1 = none */
    size_t child_count;
};
/* A top-level column: elements first … end - 1 of the schema. */
struct parquet_column {
    size_t first, end;
    /* Of a column that is a leaf and has a type of ours whose values are ordered as in a struct
     * sql_range; else NULL. Integers are BIGINT. */
    const struct type *type;
};

struct parquet_footer {
    int64_t row_count;
    size_t element_count;
    const struct parquet_element *elements; /* in pre-order, without the root */
    size_t column_count;
    const struct parquet_column *columns;
    size_t chunk_count; /* leaf columns: of every row group */
    size_t group_count;
    const struct parquet_group *groups;
    size_t start_count;
    const uint64_t *starts; /* ascending: whatever the footer says begins somewhere */
    uint64_t end;           /* of the data: where the footer begins */
    struct str bytes;
    size_t rows_begin, rows_end;     /* of the value of num_rows in `bytes` */
    size_t groups_begin, groups_end; /* of row_groups */
};

enum { PARQUET_TAIL_BYTES = 8 }; /* length and magic behind the footer */

/*
 * The length of the footer from a file's last PARQUET_TAIL_BYTES; ERR_CORRUPT when it is no
 * Parquet file of `file_bytes` or encrypted.
 */
int sql_parquet_tail(struct str tail, uint64_t file_bytes, uint64_t *ret_bytes, struct err *err);
/* ERR_CORRUPT for a footer that is damaged or that points out of the file. */
int sql_parquet_parse(struct arena *arena, struct str footer, uint64_t file_bytes,
                      struct parquet_footer *ret_footer, struct err *err);
/*
 * The end of what begins at `begin`: where the next thing begins that the footer knows of. No
 * length is believed, so a reader never gets past it.
 */
uint64_t sql_parquet_end(const struct parquet_footer *footer, uint64_t begin);
/* True when ranges of the column say something about values read as `type`. */
bool sql_parquet_fits(const struct parquet_column *column, const struct type *type);
/* Appends the footer with those row groups only, its length and the magic. */
void sql_parquet_print(const struct parquet_footer *footer, const bool *keep, struct buf *out);

#endif
