/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_check - bytes that nobody wants, as strictly read as those that somebody does
 *
 * Whether a message is bad does not depend on which columns are wanted: what lies in a known
 * field is read by the field's type, down to the last string.  What is unknown is only
 * measured, as every reader does.
 *
 * Invariants:
 *  (1) Recursion is bounded by depth_max; unknown groups are skipped without recursion.
 *  (2) Required fields are looked for when a message is there as a whole, since the piece that
 *      lacks one may be followed by the piece that has it.
 */
#include "codec/protobuf_check.h"

#include "base/base.h"
#include "codec/protobuf_fault.h"
#include "codec/protobuf_piece.h"

const char *codec_protobuf_check_bad_tag(struct codec_protobuf *d,
                                         const struct codec_protobuf_node *node, const char *p,
                                         const char *end)
{
    uint64_t tag;
    if (wire_varint(p, end, &tag) == NULL) {
        return codec_protobuf_fault_bad(d, node, NULL, p, wire_reason(p, end),
                                        "it ends within a tag");
    }
    return codec_protobuf_fault_bad(d, node, NULL, p, "wire", "a field number that none can have");
}

/* A value that is no group; NULL without a fault when there is none. */
static const char *skip_plain(uint32_t tag, const char *p, const char *end)
{
    uint64_t value;
    struct str bytes;
    switch (tag & 7) {
    case WIRE_VARINT:
        return wire_varint(p, end, &value);
    case WIRE_FIXED64:
        return end - p < 8 ? NULL : p + 8;
    case WIRE_FIXED32:
        return end - p < 4 ? NULL : p + 4;
    case WIRE_BYTES:
        return wire_bytes(p, end, &bytes);
    default:
        return NULL;
    }
}

/* From behind a group's tag to behind the tag that closes it. */
static const char *skip_group(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                              uint32_t tag, const char *p, const char *end)
{
    uint32_t depth = d->depth;
    size_t open = 0;
    const char *tag_at = p;
    for (;;) {
        const char *at = p;
        if ((tag & 7) == WIRE_GROUP) {
            if (depth == d->depth_max) {
                return codec_protobuf_fault_bad(d, node, NULL, p, "depth", "nested too deep");
            }
            depth++;
            d->groups[open++] = tag >> 3;
        } else if ((tag & 7) == WIRE_END_GROUP) {
            if (d->groups[--open] != tag >> 3) {
                return codec_protobuf_fault_bad(d, node, NULL, p, "wire",
                                                "a group is closed that is not open");
            }
            depth--;
            if (open == 0) {
                d->group_end = tag_at;
                return p;
            }
        } else {
            p = skip_plain(tag, p, end);
            if (p == NULL) {
                return (tag & 7) > WIRE_FIXED32
                           ? codec_protobuf_fault_bad(d, node, NULL, at, "wire",
                                                      "a wire type that is none")
                           : codec_protobuf_fault_cut(d, node, NULL, at, end);
            }
        }
        if (p == end) {
            return codec_protobuf_fault_bad(d, node, NULL, p, "truncated",
                                            "it ends within a group");
        }
        tag_at = p;
        p = wire_tag(p, end, &tag);
        if (p == NULL) {
            return codec_protobuf_check_bad_tag(d, node, tag_at, end);
        }
    }
}

const char *codec_protobuf_check_skip(struct codec_protobuf *d,
                                      const struct codec_protobuf_node *node, uint32_t tag,
                                      const char *p, const char *end)
{
    if ((tag & 7) == WIRE_GROUP) {
        return skip_group(d, node, tag, p, end);
    }
    const char *behind = skip_plain(tag, p, end);
    if (LIKELY(behind != NULL)) {
        return behind;
    }
    if ((tag & 7) == WIRE_END_GROUP) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "wire",
                                        "a group is closed that is not open");
    }
    if ((tag & 7) > WIRE_FIXED32) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "wire", "a wire type that is none");
    }
    return codec_protobuf_fault_cut(d, node, NULL, p, end);
}

/* The elements of a packed list. */
static const char *check_packed(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                const struct codec_protobuf_field *field, const char *p,
                                const char *end)
{
    enum wire_type type = protobuf_wire_type(field->kind);
    while (p < end) {
        const char *behind = skip_plain((uint32_t)type, p, end);
        if (behind == NULL) {
            return codec_protobuf_fault_cut(d, node, field, p, end);
        }
        p = behind;
    }
    return p;
}

const char *codec_protobuf_check_value(struct codec_protobuf *d,
                                       const struct codec_protobuf_node *node,
                                       const struct codec_protobuf_field *field, uint32_t tag,
                                       const char *p, const char *end)
{
    if (protobuf_is_message(field) && d->depth == d->depth_max) {
        return codec_protobuf_fault_bad(d, node, field, p, "depth", "nested too deep");
    }
    if ((tag & 7) == WIRE_GROUP) {
        d->depth++;
        p = codec_protobuf_check_message(d, node, field->message, p, end, field->number);
        d->depth--;
        return p;
    }
    if ((tag & 7) != WIRE_BYTES) {
        const char *behind = skip_plain(tag, p, end);
        return LIKELY(behind != NULL) ? behind : codec_protobuf_fault_cut(d, node, field, p, end);
    }
    struct str bytes;
    const char *behind = wire_bytes(p, end, &bytes);
    if (behind == NULL) {
        return codec_protobuf_fault_cut(d, node, field, p, end);
    }
    switch (field->kind) {
    case PROTOBUF_MESSAGE:
        d->depth++;
        p = codec_protobuf_check_message(d, node, field->message, bytes.ptr, behind, 0);
        d->depth--;
        return p;
    case PROTOBUF_STRING:
        if (field->checks_utf8 && !str_is_utf8(bytes)) {
            return codec_protobuf_fault_bad(d, node, field, p, "utf8", "a string is not UTF-8");
        }
        return behind;
    case PROTOBUF_BYTES:
        return behind;
    default:
        return check_packed(d, node, field, bytes.ptr, behind);
    }
}

const char *codec_protobuf_check_message(struct codec_protobuf *d,
                                         const struct codec_protobuf_node *node,
                                         const struct codec_protobuf_message *message,
                                         const char *p, const char *end, uint32_t group)
{
    while (p < end) {
        uint32_t tag;
        const char *value = wire_tag(p, end, &tag);
        if (value == NULL) {
            return codec_protobuf_check_bad_tag(d, node, p, end);
        }
        if (group != 0 && tag == (group << 3 | WIRE_END_GROUP)) {
            d->group_end = p;
            return value;
        }
        const struct codec_protobuf_field *field = protobuf_field(message, tag >> 3);
        bool is_packed;
        if (field == NULL || !protobuf_is_wire(field, tag, &is_packed)) {
            if (field == NULL && d->notice_unknown) {
                d->codec.unknown_field = true;
            }
            p = codec_protobuf_check_skip(d, node, tag, value, end);
        } else {
            p = codec_protobuf_check_value(d, node, field, tag, value, end);
        }
        if (p == NULL) {
            return NULL;
        }
    }
    if (group != 0) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "truncated", "it ends within a group");
    }
    return p;
}

/* The run of pieces from `first` on, all of one field of messages. */
static bool check_run(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                      size_t first, size_t count)
{
    const struct codec_protobuf_field *field = d->pieces.items[first].field;
    if (!protobuf_is_message(field) || !field->message->has_required) {
        return true;
    }
    size_t step = field->is_repeated ? 1 : count;
    bool good = true;
    for (size_t i = first; good && i < first + count; i += step) {
        struct str bytes;
        if (!codec_protobuf_piece_join(d, i, step, &bytes)) {
            codec_protobuf_fault_bad(d, node, field, d->start, "size", "too many pieces");
            return false;
        }
        good = codec_protobuf_check_required(d, node, field->message, bytes);
    }
    return good;
}

bool codec_protobuf_check_required(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   const struct codec_protobuf_message *message, struct str bytes)
{
    if (!message->has_required) {
        return true;
    }
    size_t base = d->pieces.count;
    size_t behind = base + codec_protobuf_piece_gather(d, message, bytes);
    size_t at = base;
    bool good = true;
    for (size_t f = 0; f < message->field_count && good; f++) {
        const struct codec_protobuf_field *field = &message->fields[f];
        if (at < behind && d->pieces.items[at].field == field) {
            size_t run = protobuf_piece_run(d, at, behind);
            good = check_run(d, node, at, run);
            at += run;
        } else if (field->is_required) {
            codec_protobuf_fault_bad(d, node, field, d->start, "required",
                                     "a required field is missing");
            good = false;
        }
    }
    d->pieces.count = base;
    return good;
}
