/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf - Protobuf messages straight into columns
 *
 * One pass over the bytes, led by the message's fields: each value is written where it belongs
 * as it is read.  Functions take a position and return the one behind what they read, or NULL
 * when the message is bad (the fault is written then).
 *
 * The wire allows more than writers do: fields in any order, scalars twice (the last counts),
 * submessages in pieces (they are merged), lists in pieces, packed or not.  So a value is
 * written when it comes, and a message is finished when nothing can follow: the row, an element
 * of a list, a value of a map with all submessages below it.  Finishing writes what did not
 * come (NULL, defaults, empty lists), texts, and looks for required fields.
 *
 * Invariants:
 *  (1) A node's scratch (seen, oneofs, late pieces, seconds) is of the one message at its place
 *      that is not finished yet; it is reset when a new one begins.
 *  (2) A message that turns out bad leaves nothing but a row of NULLs: protobuf_rows.h.
 *  (3) A column's data is looked up anew for each value, since growing a list moves it.
 *  (4) Recursion is as deep as the row type; the depth of the message is counted.
 *  (5) Bytes before d->end may be read even when they lie behind a submessage.
 *
 * Not here: scalars into other columns (protobuf_scalar.c), what nobody wants
 * (protobuf_check.c), JSON text (protobuf_text.c), the compiled type (protobuf_plan.c),
 * descriptors (protobuf_schema.c, protobuf_link.c), faults.
 */
#include "codec/protobuf.h"

#include "base/base.h"
#include "codec/protobuf_check.h"
#include "codec/protobuf_fault.h"
#include "codec/protobuf_plan.h"
#include "codec/protobuf_rescue.h"
#include "codec/protobuf_rows.h"
#include "codec/protobuf_scalar.h"
#include "codec/protobuf_text.h"

#define DEPTH_DEFAULT 100

/* For what runs once a field: measured, gcc -O2 leaves some of it out of line. */
#define HOT static inline __attribute__((always_inline))

static bool finish(struct codec_protobuf *d, struct codec_protobuf_node *node,
                   struct column *const *wanted, struct column *children, size_t row);
static const char *decode_message(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  const char *p, const char *end, uint32_t group,
                                  struct column *col, size_t row);

static void reset_node(struct codec_protobuf_node *node)
{
    for (size_t w = 0; w < node->words; w++) {
        node->seen[w] = 0;
    }
    if (node->message->oneof_count > 0) {
        memset(node->oneofs, 0, ((size_t)node->message->oneof_count + 1) * sizeof(*node->oneofs));
    }
}

/* True when the bytes are all ASCII or, looked at closely, UTF-8; more than 12 of them. */
HOT bool is_utf8_far(const char *s, size_t len)
{
    if (len > 64) {
        return str_is_utf8(str_n(s, len));
    }
    uint64_t any = wire_load64(s + len - 8);
    for (size_t i = 0; i + 8 < len; i += 8) {
        any |= wire_load64(s + i);
    }
    return LIKELY((any & UINT64_C(0x8080808080808080)) == 0) || str_is_utf8(str_n(s, len));
}

/* A string or bytes; false when it is not UTF-8 though it should be. */
HOT bool put_string(const struct codec_protobuf *d, bool checks, const char *s, size_t len,
                    struct column *col, size_t row)
{
    struct column_string *out = (struct column_string *)col->data + row;
    if (len > COLUMN_STRING_INLINE) {
        out->far.len = (uint32_t)len;
        memcpy(out->far.prefix, s, sizeof(out->far.prefix));
        out->far.ptr = s;
        return !checks || is_utf8_far(s, len);
    }
    if (UNLIKELY(d->end - s < 12)) {
        column_set_string(col, row, str_n(s, len));
        return !checks || str_is_utf8(str_n(s, len));
    }
    /* Twelve bytes at once, without those that are not the string's. */
    uint64_t low = wire_load64(s);
    uint64_t high = wire_load32(s + 8);
    low &= len >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * len)) - 1;
    high &= len <= 8 ? 0 : (UINT64_C(1) << (8 * (len - 8))) - 1;
    uint64_t words[2] = {len | low << 32, low >> 32 | high << 32};
    memcpy(out, words, sizeof(words));
    return !checks || LIKELY(((low | high) & UINT64_C(0x8080808080808080)) == 0) ||
           str_is_utf8(str_n(s, len));
}

HOT const char *decode_string(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                              bool checks, const char *p, const char *end, struct column *col,
                              size_t row)
{
    uint64_t len;
    const char *s = wire_varint(p, end, &len);
    if (UNLIKELY(s == NULL || len > (uint64_t)(end - s))) {
        return codec_protobuf_fault_cut(d, node, NULL, p, end);
    }
    if (UNLIKELY(!put_string(d, checks, s, (size_t)len, col, row))) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "utf8", "a string is not UTF-8");
    }
    return s + len;
}

/* One scalar into one row. */
HOT const char *decode_scalar(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                              const char *p, const char *end, struct column *col, size_t row)
{
    struct codec_protobuf_value value = {0};
    const char *behind = NULL;
    switch (node->op) {
    case OP_VARINT8:
        behind = wire_varint(p, end, &value.bits);
        ((uint64_t *)col->data)[row] = value.bits;
        break;
    case OP_VARINT4:
        behind = wire_varint(p, end, &value.bits);
        ((uint32_t *)col->data)[row] = (uint32_t)value.bits;
        break;
    case OP_UVARINT4:
        behind = wire_varint(p, end, &value.bits);
        ((uint64_t *)col->data)[row] = (uint32_t)value.bits;
        break;
    case OP_BOOL:
        behind = wire_varint(p, end, &value.bits);
        ((uint8_t *)col->data)[row] = value.bits != 0;
        break;
    case OP_COPY8:
        if (LIKELY(end - p >= 8)) {
            ((uint64_t *)col->data)[row] = wire_load64(p);
            behind = p + 8;
        }
        break;
    case OP_COPY4:
        if (LIKELY(end - p >= 4)) {
            ((uint32_t *)col->data)[row] = wire_load32(p);
            behind = p + 4;
        }
        break;
    case OP_STRING:
        return decode_string(d, node, true, p, end, col, row);
    case OP_BYTES:
        if (UNLIKELY(node->field->checks_utf8)) {
            return decode_string(d, node, true, p, end, col, row);
        }
        return decode_string(d, node, false, p, end, col, row);
    default:
        behind = protobuf_scalar(node->field->kind, p, end, &value);
        if (UNLIKELY(behind == NULL)) {
            break;
        }
        if (UNLIKELY(node->field->checks_utf8 && !str_is_utf8(value.bytes))) {
            return codec_protobuf_fault_bad(d, node, NULL, p, "utf8", "a string is not UTF-8");
        }
        codec_protobuf_scalar_put(d, node, value, p, col, row);
    }
    return LIKELY(behind != NULL) ? behind : codec_protobuf_fault_cut(d, node, NULL, p, end);
}

/* A field that the message has not, or not so; `at` is where its tag is. */
static const char *decode_unknown(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                  uint32_t tag, const char *at, const char *p, const char *end)
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

/* Where a message begins and ends; false when it is cut off. */
HOT bool open_message(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                      uint32_t tag, const char **p, const char **end, uint32_t *ret_group)
{
    if (UNLIKELY(d->depth == d->depth_max)) {
        codec_protobuf_fault_bad(d, node, NULL, *p, "depth", "nested too deep");
        return false;
    }
    *ret_group = 0;
    if (UNLIKELY((tag & 7) == WIRE_GROUP)) {
        *ret_group = tag >> 3;
        return true;
    }
    uint64_t len;
    const char *body = wire_varint(*p, *end, &len);
    if (UNLIKELY(body == NULL || len > (uint64_t)(*end - body))) {
        codec_protobuf_fault_cut(d, node, NULL, *p, *end);
        return false;
    }
    *p = body;
    *end = body + len;
    return true;
}

/* The tag at p; false at the message's end (*ret_behind says where) or when it is bad (NULL). */
static bool next_tag(struct codec_protobuf *d, const struct codec_protobuf_node *node,
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
static const char *decode_time(struct codec_protobuf *d, struct codec_protobuf_node *node,
                               uint32_t tag, const char *p, const char *end, struct column *col,
                               size_t row, bool is_more)
{
    const char *at = p;
    uint32_t group;
    if (!open_message(d, node, tag, &p, &end, &group)) {
        return NULL;
    }
    if (!is_more) {
        node->seconds = 0;
        node->nanos = 0;
    }
    const char *behind;
    d->depth++;
    while (next_tag(d, node, p, end, group, &tag, &behind)) {
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
            p = decode_unknown(d, node, tag, tag_at, behind, end);
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

static const char *decode_wrapper(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  uint32_t tag, const char *p, const char *end, struct column *col,
                                  size_t row, bool is_more)
{
    uint32_t group;
    const struct codec_protobuf_field *field = node->field;
    if (!open_message(d, node, tag, &p, &end, &group)) {
        return NULL;
    }
    if (!is_more) {
        codec_protobuf_scalar_put(d, node, field->default_value, p, col, row);
    }
    const char *behind;
    d->depth++;
    while (next_tag(d, node, p, end, group, &tag, &behind)) {
        if (tag == field->tag) {
            column_clear_null(col, row);
            p = decode_scalar(d, node, behind, end, col, row);
        } else {
            p = decode_unknown(d, node, tag, p, behind, end);
        }
        if (p == NULL) {
            return NULL;
        }
    }
    d->depth--;
    return behind;
}

/* The bytes of a message that was checked: from p behind its tag to `behind`. */
static struct str message_bytes(const struct codec_protobuf *d, uint32_t tag, const char *p,
                                const char *behind)
{
    if ((tag & 7) == WIRE_GROUP) {
        return str_n(p, (size_t)(d->group_end - p));
    }
    struct str bytes = STR("");
    wire_bytes(p, behind, &bytes);
    return bytes;
}

static void add_piece(struct codec_protobuf_late *late, struct str bytes, bool is_more)
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

/* A field that nobody wants, or whose message is looked at when it is there as a whole. */
static const char *decode_late(struct codec_protobuf *d, struct codec_protobuf_node *node,
                               const struct codec_protobuf_entry *e, uint32_t tag, const char *p,
                               const char *end, bool is_more)
{
    const char *behind = codec_protobuf_check_value(d, node, e->field, tag, p, end);
    if (behind == NULL || !protobuf_is_message(e->field)) {
        return behind;
    }
    if (e->late != NULL) {
        add_piece(e->late, message_bytes(d, tag, p, behind), is_more);
    } else if (e->field->message->has_required &&
               !codec_protobuf_check_required(d, node, e->field->message,
                                              message_bytes(d, tag, p, behind))) {
        return NULL;
    }
    return behind;
}

/* A whole message as JSON text. */
static bool put_text(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                     struct str bytes, struct column *col, size_t row)
{
    if (!codec_protobuf_check_required(d, node, node->message, bytes)) {
        return false;
    }
    codec_protobuf_text_put(d, node, bytes, col, row);
    return true;
}

/* An element of a list, which is all there is of it. */
static const char *decode_element(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  const struct codec_protobuf_field *field, uint32_t tag,
                                  const char *p, const char *end, struct column *col, size_t row)
{
    const char *behind;
    switch (node->op) {
    case OP_MESSAGE: {
        uint32_t group;
        if (!open_message(d, node, tag, &p, &end, &group)) {
            return NULL;
        }
        reset_node(node);
        p = decode_message(d, node, p, end, group, col, row);
        return p != NULL && finish(d, node, NULL, col->children, row) ? p : NULL;
    }
    case OP_TIME:
        return decode_time(d, node, tag, p, end, col, row, false);
    case OP_WRAPPER:
        return decode_wrapper(d, node, tag, p, end, col, row, false);
    case OP_TEXT:
        behind = codec_protobuf_check_value(d, node, field, tag, p, end);
        return behind != NULL && put_text(d, node, message_bytes(d, tag, p, behind), col, row)
                   ? behind
                   : NULL;
    default:
        return decode_scalar(d, node, p, end, col, row);
    }
}

/* True when the enum is closed and the number at p none of its values. */
static bool is_foreign_number(const struct codec_protobuf_field *field, const char *p,
                              const char *end)
{
    struct codec_protobuf_value value;
    return protobuf_scalar(PROTOBUF_ENUM, p, end, &value) != NULL &&
           codec_protobuf_enum_find(field->enumeration, (int32_t)value.bits) == NULL;
}

/* Room in the list for `count` more elements; returns where the first goes. */
HOT uint64_t reserve(struct column *col, uint64_t count)
{
    uint64_t at = col->child_rows;
    if (UNLIKELY(at + count > col->children->capacity)) {
        column_reserve_children(col, at + count);
    }
    return at;
}

/* The elements of a packed list, from p to its end. */
static const char *decode_packed(struct codec_protobuf *d, struct codec_protobuf_node *list,
                                 bool is_closed_enum, const char *p, const char *end,
                                 struct column *col)
{
    struct codec_protobuf_node *node = list->children;
    struct column *child = col->children;
    size_t bytes = (size_t)(end - p);
    size_t width = node->op == OP_COPY8 ? 8 : node->op == OP_COPY4 ? 4 : 0;
    if (width > 0) {
        uint64_t at = reserve(col, bytes / width);
        memcpy((char *)child->data + at * width, p, bytes - bytes % width);
        col->child_rows += bytes / width;
        p += bytes - bytes % width;
        return p == end ? p : codec_protobuf_fault_cut(d, list, NULL, p, end);
    }
    size_t count = 0;
    for (const char *c = p; c < end; c++) {
        count += (unsigned char)*c < 0x80;
    }
    enum wire_type type = protobuf_wire_type(node->field->kind);
    count = type == WIRE_FIXED64 ? bytes / 8 : type == WIRE_FIXED32 ? bytes / 4 : count;
    reserve(col, count);
    while (p < end) {
        if (UNLIKELY(is_closed_enum && is_foreign_number(node->field, p, end))) {
            uint32_t tag = node->field->number << 3 | WIRE_VARINT;
            p = decode_unknown(d, list->parent, tag, p, p, end);
            continue;
        }
        p = decode_scalar(d, node, p, end, child, col->child_rows);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        col->child_rows++;
    }
    return p;
}

/* Elements of a list, as many as follow each other. */
static const char *decode_list(struct codec_protobuf *d, struct codec_protobuf_node *node,
                               const struct codec_protobuf_entry *e, uint32_t tag, const char *p,
                               const char *end, struct column *col, size_t row)
{
    struct codec_protobuf_node *element = e->node->children;
    bool is_packed;
    protobuf_is_wire(e->field, tag, &is_packed);
    for (;;) {
        if (is_packed) {
            struct str packed;
            const char *behind = wire_bytes(p, end, &packed);
            if (UNLIKELY(behind == NULL)) {
                return codec_protobuf_fault_cut(d, e->node, NULL, p, end);
            }
            p = decode_packed(d, e->node, e->is_closed_enum, packed.ptr, behind, col);
        } else if (UNLIKELY(e->is_closed_enum && is_foreign_number(e->field, p, end))) {
            p = decode_unknown(d, node, tag, p, p, end);
        } else {
            uint64_t at = reserve(col, 1);
            p = decode_element(d, element, e->field, tag, p, end, col->children, at);
            col->child_rows = at + (p != NULL);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        uint32_t next;
        const char *behind = wire_tag(p, end, &next);
        if (behind == NULL || next != tag) {
            break;
        }
        p = behind;
    }
    struct column_list *list = (struct column_list *)col->data + row;
    list->len = col->child_rows - list->offset;
    return p;
}

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
    while (next_tag(d, map, p, end, 0, &tag, &behind)) {
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
            p = decode_unknown(d, map, tag, p, behind, end);
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
    while (good && next_tag(d, map, p, end, 0, &tag, &behind)) {
        p = codec_protobuf_check_skip(d, map, tag, behind, end);
        if (tag == field->tag) {
            good = codec_protobuf_check_value(d, map, field, tag, behind, end) != NULL;
            if (good) {
                add_piece(&late, message_bytes(d, tag, behind, p), late.piece_count > 0);
            }
        }
    }
    good = good && put_text(d, &map->children[1],
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
        reset_node(node);
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
    while (next_tag(d, map, p, end, 0, &tag, &behind)) {
        const char *body_end = end;
        uint32_t group;
        if (tag != field->tag) {
            p = codec_protobuf_check_skip(d, map, tag, behind, end);
            continue;
        }
        p = behind;
        switch (node->op) {
        case OP_MESSAGE:
            p = open_message(d, node, tag, &p, &body_end, &group)
                    ? decode_message(d, node, p, body_end, group, col, row)
                    : NULL;
            break;
        case OP_TIME:
            p = decode_time(d, node, tag, p, end, col, row, is_more);
            break;
        case OP_WRAPPER:
            p = decode_wrapper(d, node, tag, p, end, col, row, is_more);
            break;
        default:
            column_clear_null(col, row);
            p = decode_scalar(d, node, p, end, col, row);
        }
        if (p == NULL) {
            return false;
        }
        is_more = true;
    }
    return node->op != OP_MESSAGE || finish(d, node, NULL, col->children, row);
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
        codec_protobuf_fault_field(d, map, NULL, p, "utf8", "a key is not UTF-8");
        if (d->rescues) {
            codec_protobuf_rescue_message(d, map, str_n(p, (size_t)(end - p)), "utf8");
        }
        return behind;
    }
    uint64_t at = reserve(col, 1);
    codec_protobuf_scalar_put(d, key, entry.key, p, &col->children[0], at);
    uint64_t row = codec_protobuf_rows_find_key(d, map, &col->children[0], offset, at);
    if (row != at) {
        codec_protobuf_rows_abandon(&col->children[1], row);
    }
    if (!decode_entry_value(d, map, p, end, entry.has_value, &col->children[1], row)) {
        return NULL;
    }
    col->child_rows += row == at;
    return behind;
}

static const char *decode_map(struct codec_protobuf *d, const struct codec_protobuf_entry *e,
                              uint32_t tag, const char *p, const char *end, struct column *col,
                              size_t row, bool is_more)
{
    struct column_list *list = (struct column_list *)col->data + row;
    if (!is_more) {
        e->node->keys.slot_count = 0;
    }
    for (;;) {
        const char *body_end = end;
        uint32_t group;
        if (UNLIKELY(!open_message(d, e->node, tag, &p, &body_end, &group))) {
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

/* The value of a field, of a wire type that it may have. */
HOT const char *decode_value(struct codec_protobuf *d, struct codec_protobuf_node *node,
                             const struct codec_protobuf_entry *e, uint32_t tag, const char *p,
                             const char *end, struct column *col, size_t row, bool is_more)
{
    switch (e->op) {
    case OP_TIME:
        return decode_time(d, e->node, tag, p, end, col, row, is_more);
    case OP_WRAPPER:
        return decode_wrapper(d, e->node, tag, p, end, col, row, is_more);
    case OP_TEXT:
    case OP_CHECK:
        return decode_late(d, node, e, tag, p, end, is_more);
    case OP_MESSAGE: {
        uint32_t group;
        if (UNLIKELY(!open_message(d, e->node, tag, &p, &end, &group))) {
            return NULL;
        }
        if (LIKELY(!is_more)) {
            reset_node(e->node);
        }
        return decode_message(d, e->node, p, end, group, col, row);
    }
    case OP_LIST:
    case OP_MAP:
        protobuf_rows_touch(d, e->node, col);
        if (!is_more) {
            ((struct column_list *)col->data)[row] =
                (struct column_list){.offset = col->child_rows};
        }
        return e->op == OP_LIST ? decode_list(d, node, e, tag, p, end, col, row)
                                : decode_map(d, e, tag, p, end, col, row, is_more);
    default:
        return decode_scalar(d, e->node, p, end, col, row);
    }
}

/* The entry of a tag that was not guessed; NULL = the message has no such field. */
static const struct codec_protobuf_entry *find_entry(const struct codec_protobuf_node *node,
                                                     uint32_t tag)
{
    const struct codec_protobuf_field *field = protobuf_field(node->message, tag >> 3);
    bool is_packed;
    if (field == NULL || !protobuf_is_wire(field, tag, &is_packed)) {
        return NULL;
    }
    return &node->entries[field - node->message->fields];
}

/* Another member of the oneof came: the one before it is as if it had not. */
static void switch_oneof(struct codec_protobuf_node *node, const struct codec_protobuf_entry *e,
                         struct column *const *wanted, struct column *children, size_t row)
{
    const struct codec_protobuf_entry *last = node->oneofs[e->oneof];
    node->oneofs[e->oneof] = e;
    if (last == NULL || last == e) {
        return;
    }
    struct column *col = last->column == UINT32_MAX ? NULL
                         : wanted != NULL           ? wanted[last->column]
                                                    : &children[last->column];
    if (col != NULL) {
        codec_protobuf_rows_unwrite(last, col, row);
    }
    size_t f = (size_t)(last - node->entries);
    node->seen[f / 64] &= ~(UINT64_C(1) << (f % 64));
}

/*
 * The fields of a message until its end or, in a group, the tag that closes it.  The columns are
 * wanted[i] (the row: NULL = nobody wants it) or, when `wanted` is NULL, children[i].
 */
HOT const char *decode_fields(struct codec_protobuf *d, struct codec_protobuf_node *node,
                              const char *p, const char *end, uint32_t group,
                              struct column *const *wanted, struct column *children, size_t row)
{
    const struct codec_protobuf_entry *guess = node->entries;
    while (LIKELY(p < end)) {
        uint32_t tag;
        const char *at = p;
        p = wire_tag(at, end, &tag);
        if (UNLIKELY(p == NULL)) {
            return codec_protobuf_check_bad_tag(d, node, at, end);
        }
        const struct codec_protobuf_entry *e = guess;
        if (UNLIKELY(tag != e->tag)) {
            if (group != 0 && tag == (group << 3 | WIRE_END_GROUP)) {
                return p;
            }
            e = find_entry(node, tag);
        }
        if (UNLIKELY(e == NULL ||
                     (e->is_closed_enum && (tag & 7) == WIRE_VARINT && !e->field->is_repeated &&
                      is_foreign_number(e->field, p, end)))) {
            p = decode_unknown(d, node, tag, at, p, end);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
            continue;
        }
        guess = e + 1;
        size_t f = (size_t)(e - node->entries);
        uint64_t bit = UINT64_C(1) << (f % 64);
        if (UNLIKELY(e->oneof != 0)) {
            switch_oneof(node, e, wanted, children, row);
        }
        bool is_more = (node->seen[f / 64] & bit) != 0;
        node->seen[f / 64] |= bit;
        struct column *col = NULL;
        if (LIKELY(e->column != UINT32_MAX)) {
            col = wanted != NULL ? wanted[e->column] : &children[e->column];
        }
        if (LIKELY(col != NULL)) {
            if (UNLIKELY(is_more && e->op <= OP_TIME)) {
                column_clear_null(col, row); /* the value before may have been a bad field */
            }
            p = decode_value(d, node, e, tag, p, end, col, row, is_more);
        } else {
            p = decode_late(d, node, e, tag, p, end, is_more);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    if (UNLIKELY(group != 0)) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "truncated", "it ends within a group");
    }
    return p;
}

static const char *decode_message(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  const char *p, const char *end, uint32_t group,
                                  struct column *col, size_t row)
{
    d->depth++;
    p = decode_fields(d, node, p, end, group, NULL, col->children, row);
    d->depth--;
    return p;
}

/* A field that did not come: its default, nothing, or an empty list. */
static void set_missing(struct codec_protobuf *d, const struct codec_protobuf_entry *e,
                        struct column *col, size_t row)
{
    const struct codec_protobuf_field *field = e->field;
    if (field->is_repeated) {
        ((struct column_list *)col->data)[row] = (struct column_list){.offset = col->child_rows};
    } else if (!protobuf_is_message(field) && field->oneof == 0 &&
               (field->has_default || (d->emit_default_values && !field->has_presence))) {
        struct codec_protobuf_value value = field->default_value;
        if (value.bytes.len > COLUMN_STRING_INLINE) {
            value.bytes = arena_str(d->arena, value.bytes);
        }
        codec_protobuf_scalar_put(d, e->node, value, d->end, col, row);
    } else {
        column_set_null(col, row);
    }
}

/* A message that came and can get no more pieces. */
static bool finish_value(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                         const struct codec_protobuf_entry *e, struct column *col, size_t row)
{
    if (e->op == OP_MESSAGE && col != NULL) {
        return finish(d, e->node, NULL, col->children, row);
    }
    const struct codec_protobuf_late *late = e->late;
    if (late == NULL) {
        return true;
    }
    struct str bytes = late->piece_count > 1 ? buf_str(&late->joined) : late->piece;
    return e->op == OP_TEXT && col != NULL
               ? put_text(d, e->node, bytes, col, row)
               : codec_protobuf_check_required(d, node, e->field->message, bytes);
}

static COLD bool lacks_required(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                size_t f)
{
    codec_protobuf_fault_bad(d, node, &node->message->fields[f], d->end, "required",
                             "a required field is missing");
    return false;
}

/* What remains to be done once a message is there as a whole; false when it is bad. */
static bool finish(struct codec_protobuf *d, struct codec_protobuf_node *node,
                   struct column *const *wanted, struct column *children, size_t row)
{
    for (size_t w = 0; w < node->words; w++) {
        uint64_t seen = node->seen[w];
        uint64_t lacking = node->required[w] & ~seen;
        if (UNLIKELY(lacking != 0)) {
            return lacks_required(d, node, w * 64 + (size_t)__builtin_ctzll(lacking));
        }
        for (uint64_t left = node->wanted[w] & ~seen; left != 0; left &= left - 1) {
            const struct codec_protobuf_entry *e =
                &node->entries[w * 64 + (size_t)__builtin_ctzll(left)];
            struct column *col = wanted != NULL ? wanted[e->column] : &children[e->column];
            if (col != NULL) {
                set_missing(d, e, col, row);
            }
        }
        for (uint64_t left = node->finished[w] & seen; left != 0; left &= left - 1) {
            const struct codec_protobuf_entry *e =
                &node->entries[w * 64 + (size_t)__builtin_ctzll(left)];
            struct column *col = e->column == UINT32_MAX ? NULL
                                 : wanted != NULL        ? wanted[e->column]
                                                         : &children[e->column];
            if (!finish_value(d, node, e, col, row)) {
                return false;
            }
        }
    }
    return true;
}

static bool decode_row(struct codec_protobuf *d, struct str value, struct column *const *columns,
                       size_t row)
{
    if (UNLIKELY(value.len >= UINT32_MAX)) {
        codec_protobuf_fault_bad(d, &d->root, NULL, value.ptr, "size",
                                 "the message has 4 GiB or more");
        return false;
    }
    reset_node(&d->root);
    return decode_fields(d, &d->root, d->start, d->end, 0, columns, NULL, row) != NULL &&
           finish(d, &d->root, columns, NULL, row);
}

static void set_all_null(const struct codec_protobuf *d, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < d->root.child_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

static enum codec_row protobuf_decode(struct codec *codec, struct str value,
                                      struct column *const *columns, size_t row,
                                      struct arena *arena)
{
    struct codec_protobuf *d = (struct codec_protobuf *)codec;
    if (value.ptr == NULL) {
        set_all_null(d, columns, row);
        return CODEC_ROW_OK;
    }
    d->start = value.ptr;
    d->end = value.ptr + value.len;
    d->arena = arena;
    d->depth = 1;
    d->has_bad_field = false;
    d->mark_count = 0;
    d->message_number++;
    d->joined_bytes = 0;
    d->pieces.count = 0;
    if (d->notice_unknown) {
        codec->unknown_field = false;
    }
    d->rescues = d->rescued_column != SIZE_MAX && columns[d->rescued_column] != NULL;
    if (d->rescues) {
        d->rescued.count = 0;
        buf_reset(&d->rescue_text);
    }
    if (UNLIKELY(!decode_row(d, value, columns, row))) {
        codec_protobuf_rows_roll_back(d);
        set_all_null(d, columns, row);
        return CODEC_ROW_BAD;
    }
    if (d->rescues) {
        codec_protobuf_rescue_write(d, columns[d->rescued_column], row);
    }
    return LIKELY(!d->has_bad_field) ? CODEC_ROW_OK : CODEC_ROW_BAD_FIELD;
}

static void protobuf_close(struct codec *codec)
{
    struct codec_protobuf *d = (struct codec_protobuf *)codec;
    codec_protobuf_plan_done(d);
    mem_free(d);
}

static const struct codec_ops protobuf_ops = {
    .name = "protobuf",
    .decode = protobuf_decode,
    .close = protobuf_close,
};

int codec_protobuf_open(const struct type *row_type, const struct codec_options *options,
                        struct codec **ret_codec, struct err *err)
{
    struct codec_protobuf *d = mem_new(struct codec_protobuf);
    d->codec.ops = &protobuf_ops;
    d->codec.row_type = row_type;
    d->emit_default_values = options->emit_default_values;
    d->notice_unknown = options->notice_unknown;
    d->timestamp_unit = options->timestamp_unit;
    d->depth_max = options->depth_max > 0 ? options->depth_max : DEPTH_DEFAULT;
    rand_bytes(&d->hash_seed, sizeof(d->hash_seed));
    const struct codec_protobuf_message *message;
    int rc = codec_protobuf_schema_read(&d->schema, options->protobuf_descriptors, &d->memory, err);
    if (rc >= 0) {
        rc = codec_protobuf_schema_find(&d->schema, options->protobuf_message, &message, err);
    }
    if (rc >= 0) {
        rc = codec_protobuf_plan_init(d, message, row_type, options->rescued_column, err);
    }
    if (rc < 0) {
        protobuf_close(&d->codec);
        return rc;
    }
    *ret_codec = &d->codec;
    return 0;
}
