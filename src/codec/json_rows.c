/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_rows - taking back a value that a later one replaces
 *
 * Columns are append-only within a chunk, but a duplicate field replaces a value that was written
 * already.
 *
 * Invariants:
 *  (1) A list's children grow only while a value of that list is decoded; the elements of
 *      one value stand together, so a value that was written last is dropped by setting
 *      child_rows back.  The value of a map entry that is replaced leaves its elements
 *      behind, unreferenced.
 *  (2) A row that is taken back has its validity bit set again (rows.c).
 */
#include "codec/json_rows.h"

#include "base/base.h"

static void unwrite_rows(struct column *col, uint64_t from, uint64_t to)
{
    codec_rows_set_valid(col, from, to);
    switch (col->type->kind) {
    case TYPE_STRUCT:
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], from, to);
        }
        break;
    case TYPE_ARRAY:
    case TYPE_MAP: {
        if (from == to) {
            break;
        }
        const struct column_list *lists = col->data;
        uint64_t first = lists[from].offset;
        uint64_t behind = lists[to - 1].offset + lists[to - 1].len;
        if (behind == col->child_rows && first < behind) {
            for (size_t i = 0; i < col->child_count; i++) {
                unwrite_rows(&col->children[i], first, behind);
            }
            col->child_rows = first;
        }
        break;
    }
    default:
        break;
    }
}

void codec_json_rows_unwrite(struct column *col, size_t row)
{
    unwrite_rows(col, row, row + 1);
}
