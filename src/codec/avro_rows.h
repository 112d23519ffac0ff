/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_ROWS_H
#define CODEC_AVRO_ROWS_H

#include "codec/avro_plan.h"

/*
 * avro_rows - taking back what was written, and the keys of maps
 */

/* Notes how long the list was before this message, once a message and list. */
static inline void avro_rows_touch(struct codec_avro *a, struct avro_op *op, struct column *col)
{
    if (op->touched != a->message_number) {
        op->touched = a->message_number;
        a->marks[a->mark_count++] = (struct avro_mark){col, col->child_rows};
    }
}

/* Every list is as long as before this message, its children's rows as if never written. */
void codec_avro_rows_roll_back(struct codec_avro *a);

/* The value of a map's entry is as if never written; elements of its lists stay, unreferenced. */
void codec_avro_rows_abandon(struct column *col, size_t row);

/*
 * The entry of a map being decoded, whose keys are rows [offset, at) of `keys`, that has the
 * same key as row `at`; `at` when there is none (and then it is remembered).  Linear for small
 * maps, by a hash seeded per codec for larger ones: O(1) an entry.  Set map->keys.slot_count to
 * 0 before a map's first key.
 */
uint64_t codec_avro_rows_find_key(struct codec_avro *a, struct avro_op *map,
                                  const struct column *keys, uint64_t offset, uint64_t at);

#endif
