/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_rescue - what has no place in the columns, as JSON text
 *
 * Values are gathered while the message is read, path and value one behind the other in a
 * buffer, and put in order at its end: {"path": value, …, "_reason": {"path": reason, …}}.
 * What comes more than once under a path (a repeated unknown field, elements of a list) is an
 * array, in the order it came, with the first one's reason.
 */
#include "codec/protobuf_rescue.h"

#include <stdlib.h>

#include "base/base.h"
#include "codec/protobuf_scalar.h"

static struct codec_protobuf_rescued *begin(struct codec_protobuf *d,
                                            const struct codec_protobuf_node *node, uint32_t number,
                                            const char *reason)
{
    struct codec_protobuf_rescued *r = vec_push(&d->rescued);
    r->path = d->rescue_text.len;
    r->reason = reason;
    codec_protobuf_plan_path(node, &d->rescue_text);
    if (number != 0) {
        buf_add_c(&d->rescue_text, d->rescue_text.len > r->path ? "." : "");
        buf_add_u64(&d->rescue_text, number);
    }
    r->value = d->rescue_text.len;
    return r;
}

static void add_base64(struct buf *out, struct str bytes)
{
    buf_add_char(out, '"');
    buf_add_base64(out, bytes.ptr, bytes.len);
    buf_add_char(out, '"');
}

void codec_protobuf_rescue_unknown(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   uint32_t tag, struct str value, const char *reason)
{
    struct codec_protobuf_rescued *r = begin(d, node, tag >> 3, reason);
    const char *end = value.ptr + value.len;
    struct codec_protobuf_value scalar = {0};
    switch (tag & 7) {
    case WIRE_VARINT:
        protobuf_scalar(PROTOBUF_UINT64, value.ptr, end, &scalar);
        buf_add_u64(&d->rescue_text, scalar.bits);
        break;
    case WIRE_FIXED64:
        buf_add_u64(&d->rescue_text, wire_load64(value.ptr));
        break;
    case WIRE_FIXED32:
        buf_add_u64(&d->rescue_text, wire_load32(value.ptr));
        break;
    case WIRE_BYTES:
        wire_bytes(value.ptr, end, &scalar.bytes);
        add_base64(&d->rescue_text, scalar.bytes);
        break;
    default: /* a group without its closing tag */
        add_base64(&d->rescue_text, str_n(value.ptr, (size_t)(d->group_end - value.ptr)));
    }
    r->end = d->rescue_text.len;
}

void codec_protobuf_rescue_value(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                 struct codec_protobuf_value value, const char *reason)
{
    struct codec_protobuf_rescued *r = begin(d, node, 0, reason);
    if (node->field->kind == PROTOBUF_STRING) {
        add_base64(&d->rescue_text, value.bytes); /* it is not UTF-8 */
    } else {
        codec_protobuf_scalar_print(node->field, value, &d->rescue_text);
    }
    r->end = d->rescue_text.len;
}

void codec_protobuf_rescue_time(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                const char *reason)
{
    struct codec_protobuf_rescued *r = begin(d, node, 0, reason);
    buf_printf(&d->rescue_text, "{\"seconds\":\"%" PRId64 "\",\"nanos\":%" PRId32 "}",
               node->seconds, node->nanos);
    r->end = d->rescue_text.len;
}

void codec_protobuf_rescue_message(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   struct str bytes, const char *reason)
{
    struct codec_protobuf_rescued *r = begin(d, node, 0, reason);
    add_base64(&d->rescue_text, bytes);
    r->end = d->rescue_text.len;
}

static struct str path_of(const struct codec_protobuf *d, const struct codec_protobuf_rescued *r)
{
    return str_n(d->rescue_text.ptr + r->path, r->value - r->path);
}

static int compare_rescued(const void *a, const void *b, void *user)
{
    const struct codec_protobuf *d = user;
    const struct codec_protobuf_rescued *x = a;
    const struct codec_protobuf_rescued *y = b;
    int order = str_cmp(path_of(d, x), path_of(d, y));
    return order != 0 ? order : (x->path > y->path) - (x->path < y->path);
}

void codec_protobuf_rescue_write(struct codec_protobuf *d, struct column *col, size_t row)
{
    size_t count = d->rescued.count;
    if (count == 0) {
        column_set_null(col, row);
        return;
    }
    const struct codec_protobuf_rescued *items = d->rescued.items;
    qsort_r(d->rescued.items, count, sizeof(*items), compare_rescued, d);
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf reasons = {0};
    for (size_t i = 0, next; i < count; i = next) {
        struct str path = path_of(d, &items[i]);
        for (next = i + 1; next < count && str_eq(path_of(d, &items[next]), path); next++) {
        }
        buf_add_c(&out, i == 0 ? "{" : ",");
        json_quote(&out, path);
        buf_add_c(&out, next > i + 1 ? ":[" : ":");
        for (size_t v = i; v < next; v++) {
            buf_add_c(&out, v > i ? "," : "");
            buf_add(&out, d->rescue_text.ptr + items[v].value, items[v].end - items[v].value);
        }
        buf_add_c(&out, next > i + 1 ? "]" : "");
        buf_add_c(&reasons, i == 0 ? "" : ",");
        json_quote(&reasons, path);
        buf_printf(&reasons, ":\"%s\"", items[i].reason);
    }
    buf_add_c(&out, ",\"_reason\":{");
    buf_add_str(&out, buf_str(&reasons));
    buf_add_c(&out, "}}");
    codec_protobuf_scalar_put_text(d, col, row, buf_str(&out));
}
