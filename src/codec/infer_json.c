/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer_json - a JSON message into the tree of inference
 *
 * A message is checked first, by the rules of the decoder, so that a bad one leaves no trace;
 * then it is read once more, by recursion as deep as depth_max.
 */
#include "base/base.h"
#include "codec/infer_tree.h"
#include "codec/json_number.h"
#include "codec/json_scan.h"
#include "codec/json_skip.h"
#include "codec/json_string.h"

static const char *walk_value(struct codec_infer *infer, struct codec_infer_node *node,
                              const char *p, uint32_t level);

/* DATE or TIMESTAMP when the text is one, else STRING. */
static enum codec_infer_kind kind_of_text(struct str text)
{
    int32_t days;
    int64_t us;
    bool has_zone;
    if (clock_parse_date(text, &days)) {
        return INFER_DATE;
    }
    return clock_parse_timestamp(text, &us, &has_zone) ? INFER_TIMESTAMP : INFER_STRING;
}

static const char *walk_string(struct codec_infer *infer, struct codec_infer_node *node,
                               const char *p)
{
    struct str text;
    p = codec_json_string_read(&infer->json, &infer->json.root, p, &text);
    if (text.len > 0) { /* some senders write "" for null, says Spark */
        enum codec_infer_kind kind =
            infer->tree.options.timestamps ? kind_of_text(text) : INFER_STRING;
        codec_infer_tree_join(&infer->tree, node, kind, 0);
    }
    return p;
}

static const char *walk_number(struct codec_infer *infer, struct codec_infer_node *node,
                               const char *p)
{
    struct codec_json_number n;
    p = codec_json_number_scan(&infer->json, &infer->json.root, p, &n);
    enum codec_infer_kind kind = INFER_DOUBLE;
    size_t digits = 0;
    if (n.is_integer && n.digit_count <= 38) {
        bool is_short =
            n.digit_count < 19 ||
            (n.digit_count == 19 && n.mantissa <= (uint64_t)INT64_MAX + (uint64_t)n.is_negative);
        kind = is_short ? INFER_BIGINT : INFER_DECIMAL;
        digits = is_short ? 0 : n.digit_count;
    }
    codec_infer_tree_join(&infer->tree, node, kind, digits);
    return p;
}

/* The members of the object at p into a STRUCT or MAP. */
static const char *walk_object(struct codec_infer *infer, struct codec_infer_node *node,
                               const char *p, uint32_t level)
{
    uint32_t count = 0;
    p = scan_space(p + 1);
    while (*p != '}') {
        struct str name;
        p = codec_json_string_read(&infer->json, &infer->json.root, p, &name);
        p = scan_space(scan_space(p) + 1);
        struct codec_infer_node *member = codec_infer_tree_member(&infer->tree, node, name);
        p = walk_value(infer, member, p, level + 1);
        count++;
        p = scan_space(p);
        if (*p == ',') {
            p = scan_space(p + 1);
        }
    }
    if (node->largest < count) {
        node->largest = count;
    }
    return p + 1;
}

static const char *walk_array(struct codec_infer *infer, struct codec_infer_node *node,
                              const char *p, uint32_t level)
{
    p = scan_space(p + 1);
    while (*p != ']') {
        p = walk_value(infer, codec_infer_tree_element(&infer->tree, node), p, level + 1);
        p = scan_space(p);
        if (*p == ',') {
            p = scan_space(p + 1);
        }
    }
    return p + 1;
}

/* The value at p, `level` levels deep; `node` is NULL when nobody asks for it. */
static const char *walk_value(struct codec_infer *infer, struct codec_infer_node *node,
                              const char *p, uint32_t level)
{
    struct codec_infer_tree *t = &infer->tree;
    if (node == NULL) {
        return codec_json_skip(&infer->json, &infer->json.root, p);
    }
    switch (*p) {
    case '{':
    case '[': {
        enum codec_infer_kind kind = level > t->options.depth_max ? INFER_STRING
                                     : *p == '{'                  ? INFER_STRUCT
                                                                  : INFER_ARRAY;
        if (codec_infer_tree_join(t, node, kind, 0) == INFER_STRING) {
            return codec_json_skip(&infer->json, &infer->json.root, p);
        }
        return *p == '{' ? walk_object(infer, node, p, level) : walk_array(infer, node, p, level);
    }
    case '"':
        return walk_string(infer, node, p);
    case 'n':
        return p + 4;
    case 't':
    case 'f':
        codec_infer_tree_join(t, node, INFER_BOOLEAN, 0);
        return p + (*p == 't' ? 4 : 5);
    case 'N':
    case 'I':
        break;
    default:
        if (*p != '-' || p[1] != 'I') {
            return walk_number(infer, node, p);
        }
    }
    codec_infer_tree_join(t, node, INFER_DOUBLE, 0);
    return codec_json_skip(&infer->json, &infer->json.root, p);
}

/* Whether the object at p is well-formed and ends the message. */
static bool is_message(struct codec_json *j, const char *p)
{
    p = scan_space(p + 1);
    while (*p != '}') {
        bool escaped;
        p = *p == '"' ? codec_json_string_scan(j, &j->root, p + 1, &escaped) : NULL;
        if (p == NULL) {
            return false;
        }
        p = scan_space(p + 1);
        p = *p == ':' ? codec_json_skip(j, &j->root, scan_space(p + 1)) : NULL;
        if (p == NULL) {
            return false;
        }
        p = scan_space(p);
        if (*p == ',') {
            p = scan_space(p + 1);
            if (*p == '}') {
                return false;
            }
        } else if (*p != '}') {
            return false;
        }
    }
    return p + 1 == j->end;
}

bool codec_infer_json_add(struct codec_infer *infer, struct str value)
{
    struct codec_json *j = &infer->json;
    if (str_starts(value, STR("\xef\xbb\xbf"))) {
        value = str_skip(value, 3);
    }
    while (value.len > 0 && strchr(" \n\r\t", value.ptr[value.len - 1]) != NULL &&
           value.ptr[value.len - 1] != '\0') {
        value.len--;
    }
    if (value.len < 2 || value.len >= UINT32_MAX || value.ptr[value.len - 1] != '}') {
        return false;
    }
    j->start = value.ptr;
    j->end = value.ptr + value.len;
    j->depth = 1;
    const char *p = scan_space(value.ptr);
    if (*p != '{' || !is_message(j, p)) {
        return false;
    }
    AUTO_ARENA struct arena arena = {0};
    j->arena = &arena;
    walk_value(infer, &infer->tree.root, p, 1);
    return true;
}
