/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_ROWS_H
#define CODEC_ROWS_H

#include "base/base.h"
#include "column/column.h"

/*
 * rows - taking back the lists of a bad message, and the keys of maps
 *
 * For all formats with lists.  Columns are append-only within a chunk, but a message may turn out
 * bad half-way.
 */

/* A list that the current message has appended to, and how long it was before. */
struct codec_rows_mark {
    struct column *col;
    uint64_t child_rows;
};

/* The message being decoded; at its start the number grows and mark_count is 0. */
struct codec_rows {
    uint64_t message_number;
    struct codec_rows_mark *marks; /* room for every place that touches */
    size_t mark_count;
};

/* Notes how long the list was before this message, once a message and `touched`. */
static inline void codec_rows_touch(struct codec_rows *rows, uint64_t *touched, struct column *col)
{
    if (*touched != rows->message_number) {
        *touched = rows->message_number;
        rows->marks[rows->mark_count++] = (struct codec_rows_mark){col, col->child_rows};
    }
}

/* Every list is as long as before this message, its children's rows as if never written. */
void codec_rows_roll_back(struct codec_rows *rows);

/* Rows [from, to) of this column are valid, as rows that were never written are. */
void codec_rows_set_valid(struct column *col, uint64_t from, uint64_t to);

/* Where the keys of the map being decoded are; open addressing, filled from the 17th key on. */
struct codec_rows_keys {
    uint32_t *slots;   /* entry + 1; 0 = free */
    size_t slot_count; /* a power of two; 0 = not filled for this map */
    size_t slot_cap;
};

/*
 * The entry of a map being decoded, whose keys are rows [offset, at) of `keys`, that has the
 * same key as row `at`; `at` when there is none (and then it is remembered).  Linear for
 * small maps, by a hash with the codec's own seed for larger ones: O(1) an entry.  Set
 * index->slot_count to 0 before a map's first key.
 */
uint64_t codec_rows_find_key(struct codec_rows_keys *index, uint64_t hash_seed,
                             const struct column *keys, uint64_t offset, uint64_t at);

#endif
