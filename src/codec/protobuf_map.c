/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_map - the entries of a map
 *
 * An entry is a message with a key and a value, in any order and any number, and either may be
 * missing.  It is gone through twice: for the key, which says in which row the value belongs,
 * then for the value.
 */
#include "codec/protobuf_map.h"

#include "base/base.h"
#include "codec/protobuf_check.h"
#include "codec/protobuf_decode.h"
#include "codec/protobuf_rescue.h"

/* What a map's entry holds, seen once before anything is written: key and value in any order. */
struct map_entry {
    struct codec_protobuf_value key;
    struct codec_protobuf_value value; /* of enums */
    bool has_value;
};

static const char *scan_entry(struct codec_protobuf *d, const struct codec_protobuf_node *map,
                              const char *p, const char *end, struct map_entry *ret_entry)
{
    const struct codec_protobuf_field *key = map->children[0].field;
    const struct codec_protobuf_field *value = protobuf_map_value(map->message);
    ret_entry->key = key->default_value;
    ret_entry->value = value->default_value;
    ret_entry->has_value = false;
    const char *behind;
    uint32_t tag;
    while (codec_protobuf_decode_tag(d, map, p, end, 0, &tag, &behind)) {
        if (tag == key->tag) {
            p = protobuf_scalar(key->kind, behind, end, &ret_entry->key);
            if (UNLIKELY(p == NULL)) {
                return codec_protobuf_fault_cut(d, map, NULL, behind, end);
            }
            if (UNLIKELY(key->checks_utf8 && !str_is_utf8(ret_entry->key.bytes))) {
                return codec_protobuf_fault_bad(d, map, key, behind, "utf8",
                                                "a string is not UTF-8");
            }
        } else if (tag == value->tag) {
            ret_entry->has_value = true;
            if (value->kind == PROTOBUF_ENUM) {
                protobuf_scalar(PROTOBUF_ENUM, behind, end, &ret_entry->value);
            }
            p = codec_protobuf_check_skip(d, map, tag, behind, end);
        } else {
            p = codec_protobuf_decode_unknown(d, map, tag, p, behind, end);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    return behind;
}

/* The message that is a map's value, possibly in pieces, as text. */
static bool put_entry_text(struct codec_protobuf *d, struct codec_protobuf_node *map, const char *p,
                           const char *end, struct column *col, size_t row)
{
    struct codec_protobuf_late late = {0};
    const struct codec_protobuf_field *field = map->children[1].field;
    const char *behind;
    uint32_t tag;
    bool good = true;
    late.piece = STR("");
    while (good && codec_protobuf_decode_tag(d, map, p, end, 0, &tag, &behind)) {
        p = codec_protobuf_check_skip(d, map, tag, behind, end);
        if (tag == field->tag) {
            good = codec_protobuf_check_value(d, map, field, tag, behind, end) != NULL;
            if (good) {
                codec_protobuf_decode_piece(&late, codec_protobuf_decode_bytes(d, tag, behind, p),
                                            late.piece_count > 0);
            }
        }
    }
    good = good && codec_protobuf_decode_text(
                       d, &map->children[1],
                       late.piece_count > 1 ? buf_str(&late.joined) : late.piece, col, row);
    buf_done(&late.joined);
    return good;
}

/* The value of an entry that was scanned, into its row. */
static bool decode_entry_value(struct codec_protobuf *d, struct codec_protobuf_node *map,
                               const char *p, const char *end, bool has_value, struct column *col,
                               size_t row)
{
    struct codec_protobuf_node *node = &map->children[1];
    const struct codec_protobuf_field *field = protobuf_map_value(map->message);
    if (node->op == OP_TEXT) {
        return put_entry_text(d, map, p, end, col, row);
    }
    if (node->op == OP_MESSAGE) {
        protobuf_reset_node(node);
    }
    if (!has_value && (node->op == OP_TIME || node->op == OP_WRAPPER)) {
        /* An empty message, as if it stood there. */
        has_value = true;
        p = "\x12";
        end = p + 2;
    }
    if (!has_value && node->op < OP_TIME) {
        codec_protobuf_scalar_put(d, node, field->default_value, p, col, row);
        return true;
    }
    bool is_more = false;
    const char *behind;
    uint32_t tag;
    while (codec_protobuf_decode_tag(d, map, p, end, 0, &tag, &behind)) {
        const char *body_end = end;
        uint32_t group;
        if (tag != field->tag) {
            p = codec_protobuf_check_skip(d, map, tag, behind, end);
            continue;
        }
        p = behind;
        switch (node->op) {
        case OP_MESSAGE:
            p = protobuf_open_message(d, node, tag, &p, &body_end, &group)
                    ? codec_protobuf_decode_message(d, node, p, body_end, group, col, row)
                    : NULL;
            break;
        case OP_TIME:
            p = codec_protobuf_decode_time(d, node, tag, p, end, col, row, is_more);
            break;
        case OP_WRAPPER:
            p = codec_protobuf_decode_wrapper(d, node, tag, p, end, col, row, is_more);
            break;
        default:
            column_clear_null(col, row);
            p = protobuf_decode_scalar(d, node, p, end, col, row);
        }
        if (p == NULL) {
            return false;
        }
        is_more = true;
    }
    return node->op != OP_MESSAGE ||
           codec_protobuf_decode_finish(d, node, NULL, col->children, row);
}

/* One entry of a map; an earlier one with its key gets the value. */
static const char *decode_entry(struct codec_protobuf *d, struct codec_protobuf_node *map,
                                const char *p, const char *end, struct column *col, uint64_t offset)
{
    struct map_entry entry;
    const struct codec_protobuf_node *key = &map->children[0];
    const struct codec_protobuf_field *value = protobuf_map_value(map->message);
    const char *behind = scan_entry(d, map, p, end, &entry);
    if (UNLIKELY(behind == NULL)) {
        return NULL;
    }
    if (UNLIKELY(value->kind == PROTOBUF_ENUM && value->enumeration->is_closed &&
                 codec_protobuf_enum_find(value->enumeration, (int32_t)entry.value.bits) == NULL)) {
        if (d->notice_unknown) {
            d->codec.unknown_field = true;
        }
        if (d->rescues) {
            codec_protobuf_rescue_message(d, map, str_n(p, (size_t)(end - p)), "unknown");
        }
        return behind;
    }
    if (UNLIKELY(key->field->kind == PROTOBUF_STRING && !key->field->checks_utf8 &&
                 key->type->kind == TYPE_STRING && !str_is_utf8(entry.key.bytes))) {
        if (codec_protobuf_check_message(d, map, map->message, p, end, 0) == NULL ||
            !codec_protobuf_check_required(d, map, map->message, str_n(p, (size_t)(end - p)))) {
            return NULL;
        }
        codec_protobuf_fault_field(d, map, NULL, p, "utf8", "a key is not UTF-8");
        if (d->rescues) {
            codec_protobuf_rescue_message(d, map, str_n(p, (size_t)(end - p)), "utf8");
        }
        return behind;
    }
    uint64_t at = protobuf_reserve(col, 1);
    codec_protobuf_scalar_put(d, key, entry.key, p, &col->children[0], at);
    uint64_t row = codec_rows_find_key(&map->keys, d->hash_seed, &col->children[0], offset, at);
    if (row != at) {
        column_clear_null(&col->children[1], row);
    }
    if (!decode_entry_value(d, map, p, end, entry.has_value, &col->children[1], row)) {
        return NULL;
    }
    col->child_rows += row == at;
    return behind;
}

const char *codec_protobuf_map_decode(struct codec_protobuf *d,
                                      const struct codec_protobuf_entry *e, uint32_t tag,
                                      const char *p, const char *end, struct column *col,
                                      size_t row, bool is_more)
{
    struct column_list *list = (struct column_list *)col->data + row;
    if (!is_more) {
        e->node->keys.slot_count = 0;
    }
    for (;;) {
        const char *body_end = end;
        uint32_t group;
        if (UNLIKELY(!protobuf_open_message(d, e->node, tag, &p, &body_end, &group))) {
            return NULL;
        }
        d->depth++;
        p = decode_entry(d, e->node, p, body_end, col, list->offset);
        d->depth--;
        uint32_t next;
        const char *behind = p == NULL ? NULL : wire_tag(p, end, &next);
        if (behind == NULL || next != tag) {
            break;
        }
        p = behind;
    }
    list->len = col->child_rows - list->offset;
    return p;
}
