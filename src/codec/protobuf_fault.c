/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_fault - what is wrong with a message, for the program and for a person
 *
 * The fault lies in the codec until the next message that has one.  A message that is bad
 * says why it is bad, whatever fields were bad before; one with bad fields tells of the
 * first.  Texts name the field, never the data.
 */
#include "codec/protobuf_fault.h"

#include <stdio.h>

#include "base/base.h"

static void write_fault(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                        const struct codec_protobuf_field *field, const char *at,
                        const char *reason, const char *what)
{
    struct codec_fault *fault = &d->codec.fault;
    fault->reason = reason;
    /* Pieces that were put together lie elsewhere; then the position is the message's start. */
    fault->position = at >= d->start && at <= d->end ? (size_t)(at - d->start) : 0;
    AUTO_BUF struct buf text = {0};
    codec_protobuf_plan_path(node, &text);
    if (field != NULL) {
        buf_add_c(&text, text.len > 0 ? "." : "");
        buf_add_str(&text, field->name);
    }
    /* A long path keeps its end, which tells more; a cut UTF-8 sequence is cut off. */
    struct str path = buf_str(&text);
    if (path.len > 96) {
        path = str_skip(path, path.len - 96);
        while (path.len > 0 && ((unsigned char)path.ptr[0] & 0xc0) == 0x80) {
            path = str_skip(path, 1);
        }
    }
    if (path.len > 0) {
        snprintf(fault->message, sizeof(fault->message), "field \"%.*s\": %s", STR_FMT(path), what);
    } else {
        snprintf(fault->message, sizeof(fault->message), "%s", what);
    }
}

const char *codec_protobuf_fault_bad(struct codec_protobuf *d,
                                     const struct codec_protobuf_node *node,
                                     const struct codec_protobuf_field *field, const char *at,
                                     const char *reason, const char *what)
{
    if (!d->is_quiet) {
        write_fault(d, node, field, at, reason, what);
    }
    return NULL;
}

const char *codec_protobuf_fault_cut(struct codec_protobuf *d,
                                     const struct codec_protobuf_node *node,
                                     const struct codec_protobuf_field *field, const char *at,
                                     const char *end)
{
    const char *reason = wire_reason(at, end);
    uint64_t value;
    bool has_length = wire_varint(at, end, &value) != NULL;
    if (has_length) {
        reason = "truncated"; /* what is not there are the bytes behind it */
    }
    return codec_protobuf_fault_bad(d, node, field, at, reason,
                                    *reason == 't' ? "it ends within a value"
                                                   : "a number of more than 10 bytes");
}

void codec_protobuf_fault_field(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                const struct codec_protobuf_field *field, const char *at,
                                const char *reason, const char *what)
{
    if (d->has_bad_field || d->is_quiet) {
        return;
    }
    d->has_bad_field = true;
    write_fault(d, node, field, at, reason, what);
}
