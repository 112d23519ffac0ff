/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_DECODE_H
#define CODEC_PROTOBUF_DECODE_H

#include "codec/protobuf_fault.h"
#include "codec/protobuf_plan.h"
#include "codec/protobuf_scalar.h"

/*
 * protobuf_decode - the parts of decoding that fields, lists and maps have in common
 *
 * Invariants and conventions: protobuf.c.  Functions take a position behind a tag and return the
 * one behind its value, NULL when the message is bad.
 */

/* For what runs once a field: measured, gcc -O2 leaves some of it out of line. */
#define PROTOBUF_HOT static inline __attribute__((always_inline))

/* protobuf.c: the fields of a message from p to its end (group = 0) or the tag that closes it.
 * Goes on where an earlier piece ended; protobuf_reset_node begins a new one. */
const char *codec_protobuf_decode_message(struct codec_protobuf *d,
                                          struct codec_protobuf_node *node, const char *p,
                                          const char *end, uint32_t group, struct column *col,
                                          size_t row);
/* protobuf.c: what remains to be done once a message is there as a whole; false when it is bad.
 * The columns are wanted[i] or, when that is NULL, children[i]. */
bool codec_protobuf_decode_finish(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                  struct column *const *wanted, struct column *children,
                                  size_t row);

/* A field that the message has not, or not so; `at` is where its tag is. */
const char *codec_protobuf_decode_unknown(struct codec_protobuf *d,
                                          const struct codec_protobuf_node *node, uint32_t tag,
                                          const char *at, const char *p, const char *end);

/* The tag at p; false at the message's end (*ret_behind says where) or when it is bad (NULL). */
bool codec_protobuf_decode_tag(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                               const char *p, const char *end, uint32_t group, uint32_t *ret_tag,
                               const char **ret_behind);

/* Timestamp, Duration, wrappers; `is_more` when a piece of it came before. */
const char *codec_protobuf_decode_time(struct codec_protobuf *d, struct codec_protobuf_node *node,
                                       uint32_t tag, const char *p, const char *end,
                                       struct column *col, size_t row, bool is_more);
const char *codec_protobuf_decode_wrapper(struct codec_protobuf *d,
                                          struct codec_protobuf_node *node, uint32_t tag,
                                          const char *p, const char *end, struct column *col,
                                          size_t row, bool is_more);

/* The bytes of a message that was checked: from p behind its tag to `behind`. */
struct str codec_protobuf_decode_bytes(const struct codec_protobuf *d, uint32_t tag, const char *p,
                                       const char *behind);
/* One more piece of a message, or the first. */
void codec_protobuf_decode_piece(struct codec_protobuf_late *late, struct str bytes, bool is_more);
/* A whole message as JSON text; false when it lacks a required field. */
bool codec_protobuf_decode_text(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                struct str bytes, struct column *col, size_t row);

static inline void protobuf_reset_node(struct codec_protobuf_node *node)
{
    for (size_t w = 0; w < node->words; w++) {
        node->seen[w] = 0;
    }
    if (node->message->oneof_count > 0) {
        memset(node->oneofs, 0, ((size_t)node->message->oneof_count + 1) * sizeof(*node->oneofs));
    }
}

/* Room in the list for `count` more elements; returns where the first goes. */
PROTOBUF_HOT uint64_t protobuf_reserve(struct column *col, uint64_t count)
{
    uint64_t at = col->child_rows;
    if (UNLIKELY(at + count > col->children->capacity)) {
        column_reserve_children(col, at + count);
    }
    return at;
}

/* True when the bytes are all ASCII or, looked at closely, UTF-8; more than 12 of them. */
PROTOBUF_HOT bool protobuf_is_utf8_far(const char *s, size_t len)
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
PROTOBUF_HOT bool protobuf_put_string(const struct codec_protobuf *d, bool checks, const char *s,
                                      size_t len, struct column *col, size_t row)
{
    struct column_string *out = (struct column_string *)col->data + row;
    if (len > COLUMN_STRING_INLINE) {
        out->far.len = (uint32_t)len;
        memcpy(out->far.prefix, s, sizeof(out->far.prefix));
        out->far.ptr = s;
        return !checks || protobuf_is_utf8_far(s, len);
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

PROTOBUF_HOT const char *protobuf_decode_string(struct codec_protobuf *d,
                                                const struct codec_protobuf_node *node, bool checks,
                                                const char *p, const char *end, struct column *col,
                                                size_t row)
{
    uint64_t len;
    const char *s = wire_varint(p, end, &len);
    if (UNLIKELY(s == NULL || len > (uint64_t)(end - s))) {
        return codec_protobuf_fault_cut(d, node, NULL, p, end);
    }
    if (UNLIKELY(!protobuf_put_string(d, checks, s, (size_t)len, col, row))) {
        return codec_protobuf_fault_bad(d, node, NULL, p, "utf8", "a string is not UTF-8");
    }
    return s + len;
}

/* One scalar into one row. */
PROTOBUF_HOT const char *protobuf_decode_scalar(struct codec_protobuf *d,
                                                const struct codec_protobuf_node *node,
                                                const char *p, const char *end, struct column *col,
                                                size_t row)
{
    struct codec_protobuf_value value = {0};
    const char *behind = NULL;
    switch (node->op) {
    case OP_VARINT8:
        behind = wire_varint(p, end, &value.bits);
        if (LIKELY(behind != NULL)) { /* else the row need not be there */
            ((uint64_t *)col->data)[row] = value.bits;
        }
        break;
    case OP_VARINT4:
        behind = wire_varint(p, end, &value.bits);
        if (LIKELY(behind != NULL)) {
            ((uint32_t *)col->data)[row] = (uint32_t)value.bits;
        }
        break;
    case OP_UVARINT4:
        behind = wire_varint(p, end, &value.bits);
        if (LIKELY(behind != NULL)) {
            ((uint64_t *)col->data)[row] = (uint32_t)value.bits;
        }
        break;
    case OP_BOOL:
        behind = wire_varint(p, end, &value.bits);
        if (LIKELY(behind != NULL)) {
            ((uint8_t *)col->data)[row] = value.bits != 0;
        }
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
        return protobuf_decode_string(d, node, true, p, end, col, row);
    case OP_BYTES:
        if (UNLIKELY(node->field->checks_utf8)) {
            return protobuf_decode_string(d, node, true, p, end, col, row);
        }
        return protobuf_decode_string(d, node, false, p, end, col, row);
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

/* Where a message begins and ends; false when it is cut off. */
PROTOBUF_HOT bool protobuf_open_message(struct codec_protobuf *d,
                                        const struct codec_protobuf_node *node, uint32_t tag,
                                        const char **p, const char **end, uint32_t *ret_group)
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

#endif
