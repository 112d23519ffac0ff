/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_rows - taking back a value that a later one replaces
 *
 * Columns are append-only within a chunk, but the members of a oneof replace each other.
 *
 * Invariants:
 *  (1) A list's children grow only while the one message is decoded that the list is a field
 *      of: however scattered its elements are in the bytes, they stand together here, behind
 *      those of all other messages, so they are dropped by setting child_rows back.
 *  (2) A row that is taken back has its validity bit set again (rows.c).
 */
#include "codec/protobuf_rows.h"

#include "base/base.h"

/* Rows that were written whole, the last ones of the column. */
static void unwrite_rows(struct column *col, uint64_t from, uint64_t to)
{
    codec_rows_set_valid(col, from, to);
    if (col->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], from, to);
        }
    } else if (col->child_count > 0 && from < to) {
        /* Everything from where the first row's elements begin is these rows'. */
        uint64_t first = ((const struct column_list *)col->data)[from].offset;
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], first, col->child_rows);
        }
        col->child_rows = first;
    }
}

void codec_protobuf_rows_unwrite(const struct codec_protobuf_entry *entry, struct column *col,
                                 size_t row)
{
    if (entry->op == OP_LIST || entry->op == OP_MAP) {
        unwrite_rows(col, row, row + 1);
        return;
    }
    column_clear_null(col, row);
    const struct codec_protobuf_node *node = entry->node;
    for (size_t f = 0; entry->op == OP_MESSAGE && f < node->message->field_count; f++) {
        const struct codec_protobuf_entry *inner = &node->entries[f];
        if (inner->node != NULL && (node->seen[f / 64] >> (f % 64) & 1) != 0) {
            codec_protobuf_rows_unwrite(inner, &col->children[inner->column], row);
        }
    }
}
