/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_fault - what is wrong with a message, for the program and for a person
 *
 * The fault lies in the codec until the next message that has one.  A message that is bad says
 * why it is bad, whatever fields were bad before; one with bad fields tells of the first.  Texts
 * name the field and what was found, never the data.
 */
#include "codec/avro_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"
#include "codec/avro_rescue.h"

static void PRINTF(5, 0) write_fault(struct codec_avro *a, const struct avro_op *op, const char *at,
                                     const char *reason, const char *fmt, va_list args)
{
    struct codec_fault *fault = &a->codec.fault;
    fault->reason = reason;
    fault->position = (size_t)(at - a->start);
    AUTO_BUF struct buf text = {0};
    if (op != NULL) {
        codec_avro_plan_path(op, &text);
    }
    /* A long path keeps its end, which tells more; a cut UTF-8 sequence is cut off. */
    struct str path = buf_str(&text);
    if (path.len > 96) {
        path = str_skip(path, path.len - 96);
        while (path.len > 0 && ((unsigned char)path.ptr[0] & 0xc0) == 0x80) {
            path = str_skip(path, 1);
        }
    }
    int len = 0;
    if (path.len > 0) {
        len = snprintf(fault->message, sizeof(fault->message), "field \"%.*s\": ", STR_FMT(path));
    }
    vsnprintf(fault->message + len, sizeof(fault->message) - (size_t)len, fmt, args);
}

const char *codec_avro_fault_bad(struct codec_avro *a, const struct avro_op *op, const char *at,
                                 const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_fault(a, op, at, reason, fmt, args);
    va_end(args);
    return NULL;
}

const char *codec_avro_fault_number(struct codec_avro *a, const struct avro_op *op, const char *at)
{
    for (const char *p = at; p < a->end && p - at < 10; p++) {
        if (((unsigned char)*p & 0x80) == 0) {
            return codec_avro_fault_bad(a, op, at, "varint", "a number with too many bits");
        }
    }
    if (a->end - at < 10) {
        return codec_avro_fault_bad(a, op, a->end, "truncated", "the message ends in a number");
    }
    return codec_avro_fault_bad(a, op, at, "varint", "a number with too many bytes");
}

const char *codec_avro_fault_length(struct codec_avro *a, const struct avro_op *op, const char *at,
                                    int64_t length)
{
    if (length < 0) {
        return codec_avro_fault_bad(a, op, at, "length", "a length below zero");
    }
    return codec_avro_fault_bad(a, op, at, "truncated",
                                "a length that goes beyond the message's end");
}

void codec_avro_fault_field(struct codec_avro *a, const struct avro_op *op, const char *at,
                            const char *reason, const char *fmt, ...)
{
    if (a->rescue != NULL) {
        codec_avro_rescue_note(a->rescue, op, at, reason);
    }
    if (a->has_bad_field) {
        return;
    }
    a->has_bad_field = true;
    va_list args;
    va_start(args, fmt);
    write_fault(a, op, at, reason, fmt, args);
    va_end(args);
}
