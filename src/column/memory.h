/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLUMN_MEMORY_H
#define COLUMN_MEMORY_H

#include "column/view.h"

/*
 * memory - columns over plain memory, for tests, fuzzing and benchmarks of codecs
 */

/* Heap columns for `type` (a STRUCT: one column a field) with room for `capacity` rows. */
struct column_memory;

struct column_memory *column_memory_new(const struct type *row_type, size_t capacity);
void column_memory_free(struct column_memory *m);
/* The columns, in field order; valid until free. */
struct column *column_memory_columns(struct column_memory *m);
/* All rows valid again, lists empty. */
void column_memory_reset(struct column_memory *m);

/* Appends row `row` of `col` as JSON text (decimals exact, timestamps ISO, binary base64). */
void column_print(const struct column *col, size_t row, struct buf *out);

#endif
