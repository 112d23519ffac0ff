/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_ROWS_H
#define CODEC_PROTOBUF_ROWS_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_rows - taking back what was written, and the keys of maps
 */

/* The value of a field that came in the message being decoded is as if never written, its lists'
 * elements included: for the member of a oneof that gives way. */
void codec_protobuf_rows_unwrite(const struct codec_protobuf_entry *entry, struct column *col,
                                 size_t row);
/* The same for a whole value of a list or map: its own lists' elements stay, unreferenced. */
void codec_protobuf_rows_abandon(struct column *col, size_t row);

/* Notes how long the list was before this message, once a message and list. */
static inline void protobuf_rows_touch(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                       struct column *col)
{
    if (node->touched != d->message_number) {
        node->touched = d->message_number;
        d->marks[d->mark_count++] = (struct codec_protobuf_mark){col, col->child_rows};
    }
}

/* Every list is as long as before this message, its children's rows as if never written. */
void codec_protobuf_rows_roll_back(struct codec_protobuf *d);

/*
 * The entry of a map being decoded, whose keys are rows [offset, at) of `keys`, that has the
 * same key as row `at`; `at` when there is none (and then it is remembered).  Linear for
 * small maps, by a hash seeded per codec for larger ones: O(1) an entry.  Set
 * map->keys.slot_count to 0 before a map's first key.
 */
uint64_t codec_protobuf_rows_find_key(struct codec_protobuf *d, struct codec_protobuf_node *map,
                                      const struct column *keys, uint64_t offset, uint64_t at);

#endif
