/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_piece - the known fields of a message in order, for those who need it as a whole
 *
 * A message on the wire may have its fields in any order and its submessages in pieces.  JSON
 * text and the search for required fields want them field by field.
 *
 * Invariants:
 *  (1) d->pieces is a stack: a message's pieces lie on those of the messages around it, and are
 *      addressed by index, since it moves when it grows.
 *  (2) Joined bytes are bounded for each message: nested messages, each in pieces, would
 *      otherwise be copied once a level.
 */
#include "codec/protobuf_piece.h"

#include <stdlib.h>

#include "base/base.h"
#include "codec/protobuf_check.h"

#define JOINED_BYTES_MAX ((size_t)64 << 20)

static int compare_pieces(const void *a, const void *b)
{
    const struct codec_protobuf_piece *x = a;
    const struct codec_protobuf_piece *y = b;
    if (x->field != y->field) {
        return x->field < y->field ? -1 : 1; /* one array, by number */
    }
    return (x->order > y->order) - (x->order < y->order);
}

/* Drops the pieces of a oneof before its last change of member. */
static size_t settle_oneofs(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                            size_t base)
{
    AUTO_FREE const struct codec_protobuf_field **winners =
        mem_new_array(const struct codec_protobuf_field *, message->oneof_count + 1);
    AUTO_FREE bool *closed = mem_new_array(bool, message->oneof_count + 1);
    size_t out = d->pieces.count;
    for (size_t i = d->pieces.count; i > base; i--) {
        const struct codec_protobuf_piece piece = d->pieces.items[i - 1];
        uint32_t oneof = piece.field->oneof;
        if (oneof > 0) {
            if (winners[oneof] == NULL) {
                winners[oneof] = piece.field;
            }
            closed[oneof] |= winners[oneof] != piece.field;
            if (closed[oneof]) {
                continue;
            }
        }
        d->pieces.items[--out] = piece;
    }
    size_t count = d->pieces.count - out;
    memmove(d->pieces.items + base, d->pieces.items + out, count * sizeof(*d->pieces.items));
    d->pieces.count = base + count;
    return count;
}

size_t codec_protobuf_piece_gather(struct codec_protobuf *d,
                                   const struct codec_protobuf_message *message, struct str bytes)
{
    size_t base = d->pieces.count;
    const char *p = bytes.len > 0 ? bytes.ptr : "";
    const char *end = p + bytes.len;
    while (p < end) {
        uint32_t tag = 0;
        const char *value = wire_tag(p, end, &tag);
        assert(value != NULL);
        p = codec_protobuf_check_skip(d, &d->root, tag, value, end);
        assert(p != NULL);
        const struct codec_protobuf_field *field = protobuf_field(message, tag >> 3);
        bool is_packed;
        if (field == NULL || !protobuf_is_wire(field, tag, &is_packed)) {
            continue;
        }
        struct codec_protobuf_piece *piece = vec_push(&d->pieces);
        *piece = (struct codec_protobuf_piece){
            .field = field, .tag = tag, .order = (uint32_t)(d->pieces.count - base), .p = value};
        piece->end = p;
        if ((tag & 7) == WIRE_BYTES) {
            struct str inner = STR("");
            wire_bytes(value, end, &inner);
            piece->p = inner.ptr;
        } else if ((tag & 7) == WIRE_GROUP) {
            piece->end = d->group_end;
        }
    }
    size_t count = d->pieces.count - base;
    if (message->oneof_count > 0) {
        count = settle_oneofs(d, message, base);
    }
    if (count > 1) {
        qsort(d->pieces.items + base, count, sizeof(*d->pieces.items), compare_pieces);
    }
    return count;
}

bool codec_protobuf_piece_join(struct codec_protobuf *d, size_t first, size_t count,
                               struct str *ret_bytes)
{
    const struct codec_protobuf_piece *pieces = d->pieces.items + first;
    if (count == 1) {
        *ret_bytes = str_n(pieces->p, (size_t)(pieces->end - pieces->p));
        return true;
    }
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)(pieces[i].end - pieces[i].p);
    }
    d->joined_bytes += len;
    if (d->joined_bytes > JOINED_BYTES_MAX) {
        return false;
    }
    char *out = arena_alloc(d->arena, len + 1);
    *ret_bytes = str_n(out, len);
    for (size_t i = 0; i < count; i++) {
        size_t piece = (size_t)(pieces[i].end - pieces[i].p);
        memcpy(out, pieces[i].p, piece);
        out += piece;
    }
    return true;
}
