/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_PIECE_H
#define CODEC_PROTOBUF_PIECE_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_piece - the known fields of a message in order, for those who need it as a whole
 */

/*
 * Appends the pieces of a checked message to d->pieces, by field number, then as they came; of a
 * oneof only those of the member that came last.  Returns how many.  The caller sets
 * d->pieces.count back when it is done with them.
 */
size_t codec_protobuf_piece_gather(struct codec_protobuf *d,
                                   const struct codec_protobuf_message *message, struct str bytes);

/*
 * The bytes of `count` pieces of one message field, one behind the other, which is the same as
 * merging them.  False when the message asks for too much memory that way.
 */
bool codec_protobuf_piece_join(struct codec_protobuf *d, size_t first, size_t count,
                               struct str *ret_bytes);

/* How many pieces from `first` to `behind` are of the first one's field. */
static inline size_t protobuf_piece_run(const struct codec_protobuf *d, size_t first, size_t behind)
{
    size_t at = first + 1;
    while (at < behind && d->pieces.items[at].field == d->pieces.items[first].field) {
        at++;
    }
    return at - first;
}

#endif
