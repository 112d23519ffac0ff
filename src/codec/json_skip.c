/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_skip - checking values without storing them
 *
 * A loop over tokens with one bit of memory for each open level (object or array), taken
 * from the codec, which has depth_max of them.
 */
#include "codec/json_skip.h"

#include "base/base.h"
#include "codec/json_fault.h"
#include "codec/json_number.h"
#include "codec/json_scan.h"
#include "codec/json_string.h"

const char *codec_json_skip_literal(const struct codec_json *j, const char *p, struct str literal)
{
    bool is_there = (size_t)(j->end - p) > literal.len && memcmp(p, literal.ptr, literal.len) == 0;
    return is_there ? p + literal.len : NULL;
}

static const char *skip_string(struct codec_json *j, const struct codec_json_node *node,
                               const char *p)
{
    bool escaped;
    const char *quote = codec_json_string_scan(j, node, p + 1, &escaped);
    return quote == NULL ? NULL : quote + 1;
}

/* Anything but a string, object or array. */
static const char *skip_scalar(struct codec_json *j, const struct codec_json_node *node,
                               const char *p)
{
    const char *behind = NULL;
    switch (*p) {
    case 't':
        behind = codec_json_skip_literal(j, p, STR("true"));
        break;
    case 'f':
        behind = codec_json_skip_literal(j, p, STR("false"));
        break;
    case 'n':
        behind = codec_json_skip_literal(j, p, STR("null"));
        break;
    case 'N':
        behind = j->allow_nan ? codec_json_skip_literal(j, p, STR("NaN")) : NULL;
        break;
    case 'I':
        behind = j->allow_nan ? codec_json_skip_literal(j, p, STR("Infinity")) : NULL;
        break;
    default: {
        if (*p == '-' && j->allow_nan) {
            behind = codec_json_skip_literal(j, p, STR("-Infinity"));
            if (behind != NULL) {
                return behind;
            }
        }
        struct codec_json_number number;
        return codec_json_number_scan(j, node, p, &number);
    }
    }
    if (behind == NULL) {
        return codec_json_fault_bad(j, node, p, "syntax", "not a JSON value");
    }
    return behind;
}

/* From a quote at p over a member's name and colon to its value. */
static const char *skip_name(struct codec_json *j, const struct codec_json_node *node,
                             const char *p)
{
    if (UNLIKELY(*p != '"')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected a member's name in quotes");
    }
    p = skip_string(j, node, p);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    p = scan_space(p);
    if (UNLIKELY(*p != ':')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected ':'");
    }
    return scan_space(p + 1);
}

static void set_open(struct codec_json *j, uint32_t level, bool is_object)
{
    uint64_t bit = UINT64_C(1) << (level % 64);
    if (is_object) {
        j->open_objects[level / 64] |= bit;
    } else {
        j->open_objects[level / 64] &= ~bit;
    }
}

static bool is_open_object(const struct codec_json *j, uint32_t level)
{
    return (j->open_objects[level / 64] >> (level % 64) & 1) != 0;
}

/* Behind the bracket that opens a level at p; *ret_empty when it is closed again at once. */
static const char *open_level(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, uint32_t level, bool *ret_empty)
{
    bool is_object = *p == '{';
    if (UNLIKELY(level > j->depth_max)) {
        return codec_json_fault_bad(j, node, p, "depth", "nested deeper than %u", j->depth_max);
    }
    set_open(j, level, is_object);
    p = scan_space(p + 1);
    *ret_empty = *p == (is_object ? '}' : ']');
    return *ret_empty || !is_object ? p : skip_name(j, node, p);
}

const char *codec_json_skip(struct codec_json *j, const struct codec_json_node *node, const char *p)
{
    uint32_t level = j->depth; /* those that are open outside */
    for (;;) {
        /* At a value. */
        bool is_closing = false;
        if (*p == '"') {
            p = skip_string(j, node, p);
        } else if (*p == '{' || *p == '[') {
            p = open_level(j, node, p, ++level, &is_closing);
            if (LIKELY(p != NULL) && !is_closing) {
                continue;
            }
        } else {
            p = skip_scalar(j, node, p);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        /* Behind a value, or at the bracket that closes an empty level. */
        for (;;) {
            if (!is_closing) {
                if (level == j->depth) {
                    return p;
                }
                p = scan_space(p);
                if (*p == ',') {
                    break;
                }
            }
            is_closing = false;
            if (UNLIKELY(*p != (is_open_object(j, level) ? '}' : ']'))) {
                return codec_json_fault_bad(j, node, p, "syntax", "expected ',' or '%c'",
                                            is_open_object(j, level) ? '}' : ']');
            }
            p++;
            level--;
            if (UNLIKELY(p == j->end)) {
                return codec_json_fault_bad(j, node, p, "syntax", "the message ends too early");
            }
        }
        p = scan_space(p + 1);
        if (is_open_object(j, level)) {
            p = skip_name(j, node, p);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
        }
    }
}
