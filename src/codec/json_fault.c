/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_fault - what is wrong with a message, for the program and for a person
 *
 * The fault lies in the codec until the next message that has one.  A message that is bad
 * says why it is bad, whatever fields were bad before; one with bad fields tells of the
 * first.  Texts name the field and the kind of value, never the data.
 */
#include "codec/json_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

static void PRINTF(5, 0)
    write_fault(struct codec_json *j, const struct codec_json_node *node, const char *at,
                const char *reason, const char *fmt, va_list args)
{
    struct codec_fault *fault = &j->codec.fault;
    fault->reason = reason;
    fault->position = (size_t)(at - j->start);
    AUTO_BUF struct buf text = {0};
    codec_json_plan_path(node, &text);
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

const char *codec_json_fault_bad(struct codec_json *j, const struct codec_json_node *node,
                                 const char *at, const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_fault(j, node, at, reason, fmt, args);
    va_end(args);
    return NULL;
}

void codec_json_fault_field(struct codec_json *j, const struct codec_json_node *node,
                            const char *at, const char *reason, const char *fmt, ...)
{
    if (j->has_bad_field) {
        return;
    }
    j->has_bad_field = true;
    va_list args;
    va_start(args, fmt);
    write_fault(j, node, at, reason, fmt, args);
    va_end(args);
}
