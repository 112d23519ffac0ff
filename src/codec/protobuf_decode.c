/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_decode - the parts of decoding that fields, lists and maps have in common
 *
 * Messages that become one value (times, wrappers, text), and what is unknown.
 */
#include "codec/protobuf_decode.h"

#include "base/base.h"
#include "codec/protobuf_check.h"
#include "codec/protobuf_rescue.h"
#include "codec/protobuf_text.h"

/* A field that the message has not, or not so; `at` is where its tag is. */
const char *codec_protobuf_decode_unknown(struct codec_protobuf *d,
                                          const struct codec_protobuf_node *node, uint32_t tag,
                                          const char *at, const char *p, const char *end)
{
    if (tag < 8) {
        return codec_protobuf_check_bad_tag(d, node, at, end);
    }
    const char *behind = codec_protobuf_check_skip(d, node, tag, p, end);
    if (behind == NULL) {
        return NULL;
    }
    const struct codec_protobuf_field *field = protobuf_field(node->message, tag >> 3);
    bool is_packed;
    const char *reason = "unknown";
    if (field != NULL && !protobuf_is_wire(field, tag, &is_packed)) {
        codec_protobuf_fault_field(d, node, field, at, "type", "it is written as another type");
        reason = "type";
    } else if (d->notice_unknown) {
        d->codec.unknown_field = true;
    }
    if (d->rescues) {
        codec_protobuf_rescue_unknown(d, node, tag, str_n(p, (size_t)(behind - p)), reason);
    }
    return behind;
}

/* The tag at p; false at the message's end (*ret_behind says where) or when it is bad (NULL). */
bool codec_protobuf_decode_tag(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                               const char *p, const char *end, uint32_t group, uint32_t *ret_tag,
                               const char **ret_behind)
{
    if (p == end) {
        *ret_behind = group == 0 ? p
                                 : codec_protobuf_fault_bad(d, node, NULL, p, "truncated",
                                                            "it ends within a group");
        return false;
    }
    *ret_behind = wire_tag(p, end, ret_tag);
    if (*ret_behind == NULL) {
        codec_protobuf_check_bad_tag(d, node, p, end);
        return false;
    }
    return group == 0 || *ret_tag != (group << 3 | WIRE_END_GROUP);
}

/* Timestamp, Duration; `is_more` when a piece of it came before. */
const char *codec_protobuf_decode_time(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                       uint32_t tag, const char *p, const char *end,
                                       struct column *col, size_t row, bool is_more)
{
    const char *at = p;
    uint32_t group;
    if (!protobuf_open_message(d, node, tag, &p, &end, &group)) {
        return NULL;
    }
    if (!is_more) {
        node->seconds = 0;
        node->nanos = 0;
    }
    const char *behind;
    d->depth++;
    while (codec_protobuf_decode_tag(d, node, p, end, group, &tag, &behind)) {
        uint64_t bits;
        const char *tag_at = p;
        if (tag == (1 << 3 | WIRE_VARINT) || tag == (2 << 3 | WIRE_VARINT)) {
            p = wire_varint(behind, end, &bits);
            if (UNLIKELY(p == NULL)) {
                return codec_protobuf_fault_cut(d, node, NULL, behind, end);
            }
            if (tag >> 3 == 1) {
                node->seconds = (int64_t)bits;
            } else {
                node->nanos = (int32_t)bits;
            }
        } else {
            p = codec_protobuf_decode_unknown(d, node, tag, tag_at, behind, end);
            if (p == NULL) {
                return NULL;
            }
        }
    }
    d->depth--;
    if (LIKELY(behind != NULL)) {
        codec_protobuf_scalar_put_time(d, node, at, col, row);
    }
    return behind;
}

const char *codec_protobuf_decode_wrapper(struct codec_protobuf *d,
                                          struct codec_protobuf_node *node, uint32_t tag,
                                          const char *p, const char *end, struct column *col,
                                          size_t row, bool is_more)
{
    uint32_t group;
    const struct codec_protobuf_field *field = node->field;
    if (!protobuf_open_message(d, node, tag, &p, &end, &group)) {
        return NULL;
    }
    if (!is_more) {
        codec_protobuf_scalar_put(d, node, field->default_value, p, col, row);
    }
    const char *behind;
    d->depth++;
    while (codec_protobuf_decode_tag(d, node, p, end, group, &tag, &behind)) {
        if (tag == field->tag) {
            column_clear_null(col, row);
            p = protobuf_decode_scalar(d, node, behind, end, col, row);
        } else {
            p = codec_protobuf_decode_unknown(d, node, tag, p, behind, end);
        }
        if (p == NULL) {
            return NULL;
        }
    }
    d->depth--;
    return behind;
}

/* The bytes of a message that was checked: from p behind its tag to `behind`. */
struct str codec_protobuf_decode_bytes(const struct codec_protobuf *d, uint32_t tag, const char *p,
                                       const char *behind)
{
    if ((tag & 7) == WIRE_GROUP) {
        return str_n(p, (size_t)(d->group_end - p));
    }
    struct str bytes = STR("");
    wire_bytes(p, behind, &bytes);
    return bytes;
}

void codec_protobuf_decode_piece(struct codec_protobuf_late *late, struct str bytes, bool is_more)
{
    if (!is_more) {
        late->piece = bytes;
        late->piece_count = 1;
        return;
    }
    if (late->piece_count == 1) {
        buf_reset(&late->joined);
        buf_add_str(&late->joined, late->piece);
    }
    buf_add_str(&late->joined, bytes);
    late->piece_count++;
}

/* A whole message as JSON text. */
bool codec_protobuf_decode_text(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                struct str bytes, struct column *col, size_t row)
{
    if (!codec_protobuf_check_required(d, node, node->message, bytes)) {
        return false;
    }
    codec_protobuf_text_put(d, node, bytes, col, row);
    return true;
}
