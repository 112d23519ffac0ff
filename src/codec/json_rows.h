/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_ROWS_H
#define CODEC_JSON_ROWS_H

#include "codec/json_plan.h"

/*
 * json_rows - taking back what was written, and the keys of maps
 */

/* The last row of `col` is as if never written: for the second value of a duplicate field. */
void codec_json_rows_unwrite(struct column *col, size_t row);
/* The same for the value of a map's entry: its lists' elements stay, unreferenced, since those
 * of other entries may have been written later. */
void codec_json_rows_abandon(struct column *col, size_t row);

/* Notes how long the list was before this message, once a message and list. */
static inline void json_rows_touch(struct codec_json *j, struct codec_json_node *node,
                                   struct column *col)
{
    if (node->touched != j->message_number) {
        node->touched = j->message_number;
        j->marks[j->mark_count++] = (struct codec_json_mark){col, col->child_rows};
    }
}

/* Every list is as long as before this message, its children's rows as if never written. */
void codec_json_rows_roll_back(struct codec_json *j);

/*
 * The entry of a map being decoded, whose keys are rows [offset, at) of `keys`, that has the
 * same key as row `at`; `at` when there is none (and then it is remembered).  Linear for
 * small maps, by a hash seeded per codec for larger ones: O(1) an entry.  Set
 * map->keys.slot_count to 0 before a map's first key.
 */
uint64_t codec_json_rows_find_key(struct codec_json *j, struct codec_json_node *map,
                                  const struct column *keys, uint64_t offset, uint64_t at);

#endif
