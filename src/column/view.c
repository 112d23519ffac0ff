/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - what writing through a column view needs beyond a store
 *
 * Invariants:
 *  (1) The entry of a NULL list is {child_rows at that time, 0}: the offset of a row's
 *      entry is where its elements would have begun, so a codec can take a row back.
 *  (2) Room in a list's children at least doubles when it grows: appending n elements
 *      costs O(n) moves.
 *
 * Who owns the memory: sql/ (DuckDB's vectors) or memory.c.
 */
#include "column/view.h"

#include "base/base.h"

static_assert(sizeof(struct column_string) == 16, "as DuckDB's duckdb_string_t");
static_assert(sizeof(struct column_list) == 16, "as DuckDB's duckdb_list_entry");

void column_set_null(struct column *col, size_t row)
{
    column_set_null_bit(col, row);
    switch (col->type->kind) {
    case TYPE_STRUCT:
        for (size_t i = 0; i < col->child_count; i++) {
            column_set_null(&col->children[i], row);
        }
        break;
    case TYPE_ARRAY:
    case TYPE_MAP:
        ((struct column_list *)col->data)[row] = (struct column_list){.offset = col->child_rows};
        break;
    default:
        break;
    }
}

void column_clear_null(struct column *col, size_t row)
{
    if (col->validity != NULL) {
        col->validity[row / 64] |= (uint64_t)1 << (row % 64);
    }
    /* A list's elements are not the row's: the next list begins behind them. */
    for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
        column_clear_null(&col->children[i], row);
    }
}

struct str column_get_string(const struct column *col, size_t row)
{
    assert(col->type->kind == TYPE_STRING || col->type->kind == TYPE_BINARY);
    const struct column_string *s = (const struct column_string *)col->data + row;
    uint32_t len = s->near.len;
    return (struct str){len <= COLUMN_STRING_INLINE ? s->near.bytes : s->far.ptr, len};
}

uint64_t column_open_list(struct column *col, size_t row, size_t count)
{
    assert(col->type->kind == TYPE_ARRAY || col->type->kind == TYPE_MAP);
    uint64_t offset = col->child_rows;
    column_reserve_children(col, offset + count);
    col->child_rows += count;
    ((struct column_list *)col->data)[row] = (struct column_list){.offset = offset, .len = count};
    return offset;
}

void column_reserve_children(struct column *col, size_t rows)
{
    assert(col->child_count > 0);
    size_t capacity = col->children[0].capacity;
    if (rows <= capacity) {
        return;
    }
    col->ops->reserve_children(col, rows < 2 * capacity ? 2 * capacity : rows);
    assert(col->children[0].capacity >= rows);
}
