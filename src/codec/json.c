/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - JSON messages straight into columns
 *
 * One pass over the bytes, led by the row type: each value is written where it belongs as
 * it is read, nothing is kept in between.  Functions take a position and return the one
 * behind what they read, or NULL when the message is bad (the fault is written then).
 *
 * Invariants:
 *  (1) The message's last byte that is not white space is '}' (checked first), so scans
 *      stop by themselves: json_scan.h.  Behind an inner '}' one looks at the end.
 *  (2) A message that turns out bad leaves nothing but a row of NULLs: rows.h.
 *  (3) A column's data is looked up anew for each value, since growing a list moves it.
 *  (4) Recursion is as deep as the row type; the depth of the message is counted, and
 *      unknown values are skipped without recursion.
 *
 * Not here: what a value means to a type (json_scalar.c), strings (json_string.c), numbers
 * (json_number.c), skipping (json_skip.c), the compiled type (json_plan.c), faults.
 */
#include "codec/json.h"

#include <locale.h>

#include "base/base.h"
#include "codec/json_fault.h"
#include "codec/json_number.h"
#include "codec/json_plan.h"
#include "codec/json_rescue.h"
#include "codec/json_rows.h"
#include "codec/json_scalar.h"
#include "codec/json_scan.h"
#include "codec/json_skip.h"
#include "codec/json_string.h"

#define DEPTH_DEFAULT 512

/* For what runs once a member: measured, gcc -O2 leaves some of it out of line. */
#define HOT static inline __attribute__((always_inline))

static const char *decode_nested(struct codec_json *j, struct codec_json_node *node, const char *p,
                                 struct column *col, size_t row);

/* A string at p, a quote: sixteen plain bytes at a time. */
HOT const char *decode_string(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, struct column *col, size_t row)
{
    const char *first = p + 1;
    struct column_string *out = (struct column_string *)col->data + row;
    if (UNLIKELY(j->end - first < 16)) {
        return codec_json_scalar_string(j, node, p, col, row);
    }
    uint32_t special = scan_special16(first);
    const char *quote;
    if (special != 0) {
        quote = first + __builtin_ctz(special);
        if (LIKELY(*quote == '"' && quote - first <= COLUMN_STRING_INLINE)) {
            scan_put_inline(out, first, (size_t)(quote - first));
            return quote + 1;
        }
    } else {
        quote = scan_plain(first + 16, j->start, j->end);
        if (UNLIKELY(quote == j->end)) {
            return codec_json_scalar_string(j, node, p, col, row);
        }
    }
    if (UNLIKELY(*quote != '"')) {
        return codec_json_scalar_string(j, node, p, col, row);
    }
    out->far.len = (uint32_t)(quote - first);
    memcpy(out->far.prefix, first, sizeof(out->far.prefix));
    out->far.ptr = first;
    return quote + 1;
}

/* A timestamp in the usual layout, else NULL. */
HOT const char *decode_usual_time(struct codec_json *j, const char *p, bool may_have_zone,
                                  int64_t *out)
{
    const char *quote = scan_plain(p + 1, j->start, j->end);
    bool has_zone;
    if (quote == j->end || *quote != '"' ||
        !codec_json_scalar_usual_time(str_n(p + 1, (size_t)(quote - p - 1)), out, &has_zone) ||
        (has_zone && !may_have_zone)) {
        return NULL;
    }
    return quote + 1;
}

HOT const char *decode_double(struct codec_json *j, const struct codec_json_node *node,
                              const char *p, struct column *col, size_t row)
{
    struct codec_json_number n;
    const char *behind = codec_json_number_scan(j, node, p, &n);
    if (UNLIKELY(behind == NULL)) {
        return NULL;
    }
    if (LIKELY(codec_json_number_double(j, &n, (double *)col->data + row))) {
        return behind;
    }
    return codec_json_scalar_decode(j, node, p, col, row);
}

/* One value at p into one row: the usual forms here, all others in json_scalar.c. */
HOT const char *decode_value(struct codec_json *j, struct codec_json_node *node, const char *p,
                             struct column *col, size_t row)
{
    const char *behind = NULL;
    int64_t integer;
    switch (node->kind) {
    case TYPE_STRING:
        if (LIKELY(*p == '"')) {
            return decode_string(j, node, p, col, row);
        }
        break;
    case TYPE_BIGINT:
        behind = number_short_integer(p, j->end, (int64_t *)col->data + row);
        break;
    case TYPE_INTEGER:
        behind = number_short_integer(p, j->end, &integer);
        if (UNLIKELY(behind == NULL || integer != (int32_t)integer)) {
            behind = NULL;
            break;
        }
        ((int32_t *)col->data)[row] = (int32_t)integer;
        break;
    case TYPE_DOUBLE:
        if (LIKELY(scan_is_digit(*p) || (*p == '-' && scan_is_digit(p[1])))) {
            return decode_double(j, node, p, col, row);
        }
        break;
    case TYPE_BOOLEAN:
        if (j->end - p > 5) {
            uint32_t word = scan_load32(p);
            bool is_true = word == UINT32_C(0x65757274); /* "true" */
            if (LIKELY(is_true || (word == UINT32_C(0x736c6166) && p[4] == 'e'))) {
                ((uint8_t *)col->data)[row] = is_true;
                return p + (is_true ? 4 : 5);
            }
        }
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        if (LIKELY(*p == '"')) {
            behind =
                decode_usual_time(j, p, node->kind == TYPE_TIMESTAMP, (int64_t *)col->data + row);
        }
        break;
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        return decode_nested(j, node, p, col, row);
    default:
        break;
    }
    return LIKELY(behind != NULL) ? behind : codec_json_scalar_decode(j, node, p, col, row);
}

/* A key that was not guessed, at p behind its quote: behind its closing quote, and its field. */
static __attribute__((noinline)) const char *find_field(struct codec_json *j,
                                                        const struct codec_json_node *node,
                                                        const char *p, uint32_t *ret_field)
{
    struct str name;
    p = codec_json_string_read(j, node, p - 1, &name);
    if (p != NULL) {
        *ret_field = codec_json_plan_find(node, name);
        j->has_unknown |= *ret_field == CODEC_JSON_NO_FIELD;
    }
    return p;
}

/* NULL in every wanted field that the object did not have. */
static void set_missing(struct codec_json_node *node, struct column *const *wanted,
                        struct column *children, size_t row)
{
    for (size_t w = 0; w < node->seen_words; w++) {
        uint64_t missing = ~node->seen[w];
        if (w == node->seen_words - 1 && node->child_count % 64 != 0) {
            missing &= (UINT64_C(1) << (node->child_count % 64)) - 1;
        }
        for (; missing != 0; missing &= missing - 1) {
            size_t field = w * 64 + (size_t)__builtin_ctzll(missing);
            struct column *col = wanted != NULL ? wanted[field] : &children[field];
            if (col != NULL) {
                column_set_null(col, row);
            }
        }
    }
}

/* From the quote of a key at p to its value; *guess is where the field was expected. */
HOT const char *decode_key(struct codec_json *j, struct codec_json_node *node, const char *p,
                           uint32_t *guess, uint32_t *ret_field)
{
    if (UNLIKELY(*p != '"')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected a member's name in quotes");
    }
    p++;
    uint32_t field = *guess;
    if (LIKELY(field != CODEC_JSON_NO_FIELD && scan_is_name(&node->names[field], p, j->end))) {
        p += node->names[field].len + 1;
    } else {
        p = find_field(j, node, p, &field);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        if (field != CODEC_JSON_NO_FIELD) {
            *guess = field;
        }
    }
    p = scan_space(p);
    if (UNLIKELY(*p != ':')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected ':'");
    }
    *ret_field = field;
    return scan_space(p + 1);
}

/*
 * The members of the object at p, a brace.  The columns of the fields are wanted[i] (the row:
 * NULL = nobody wants it) or, when `wanted` is NULL, children[i].
 */
HOT const char *decode_members(struct codec_json *j, struct codec_json_node *node, const char *p,
                               struct column *const *wanted, struct column *children, size_t row)
{
    memset(node->seen, 0, node->seen_words * sizeof(*node->seen));
    size_t unseen = node->child_count;
    uint32_t *guess = node->next;
    p = scan_space(p + 1);
    if (UNLIKELY(*p == '}')) {
        set_missing(node, wanted, children, row);
        return p + 1;
    }
    for (;;) {
        uint32_t field = CODEC_JSON_NO_FIELD;
        p = decode_key(j, node, p, guess, &field);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        struct column *col = NULL;
        if (LIKELY(field != CODEC_JSON_NO_FIELD)) {
            guess = &node->next[field + 1];
            col = wanted != NULL ? wanted[field] : &children[field];
            uint64_t bit = UINT64_C(1) << (field % 64);
            if (UNLIKELY((node->seen[field / 64] & bit) != 0)) {
                if (col != NULL) {
                    codec_json_rows_unwrite(col, row);
                }
            } else {
                node->seen[field / 64] |= bit;
                unseen--;
            }
        }
        p = LIKELY(col != NULL) ? decode_value(j, &node->children[field], p, col, row)
                                : codec_json_skip(j, node, p);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        p = scan_space(p);
        if (LIKELY(*p == ',')) {
            p = scan_space(p + 1);
        } else if (LIKELY(*p == '}')) {
            break;
        } else {
            return codec_json_fault_bad(j, node, p, "syntax", "expected ',' or '}'");
        }
    }
    if (unseen > 0) {
        set_missing(node, wanted, children, row);
    }
    return p + 1;
}

static const char *decode_struct(struct codec_json *j, struct codec_json_node *node, const char *p,
                                 struct column *col, size_t row)
{
    p = decode_members(j, node, p, NULL, col->children, row);
    if (UNLIKELY(p == j->end)) {
        return codec_json_fault_bad(j, node, p, "syntax", "the message ends too early");
    }
    return p;
}

static const char *decode_array(struct codec_json *j, struct codec_json_node *node, const char *p,
                                struct column *col, size_t row)
{
    codec_rows_touch(&j->rows, &node->touched, col);
    uint64_t offset = col->child_rows;
    p = scan_space(p + 1);
    if (*p != ']') {
        for (;;) {
            uint64_t at = col->child_rows;
            if (UNLIKELY(at >= col->children->capacity)) {
                column_reserve_children(col, at + 1);
            }
            p = decode_value(j, node->children, p, col->children, at);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
            col->child_rows = at + 1;
            p = scan_space(p);
            if (*p != ',') {
                break;
            }
            p = scan_space(p + 1);
        }
        if (UNLIKELY(*p != ']')) {
            return codec_json_fault_bad(j, node, p, "syntax", "expected ',' or ']'");
        }
    }
    ((struct column_list *)col->data)[row] =
        (struct column_list){.offset = offset, .len = col->child_rows - offset};
    return p + 1;
}

/* One member of a map, at p; an earlier entry with its key gets the value. */
static const char *decode_entry(struct codec_json *j, struct codec_json_node *node, const char *p,
                                struct column *col, uint64_t offset)
{
    if (UNLIKELY(*p != '"')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected a key in quotes");
    }
    uint64_t at = col->child_rows;
    if (UNLIKELY(at >= col->children->capacity)) {
        column_reserve_children(col, at + 1);
    }
    p = decode_string(j, &node->children[0], p, &col->children[0], at);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    p = scan_space(p);
    if (UNLIKELY(*p != ':')) {
        return codec_json_fault_bad(j, node, p, "syntax", "expected ':'");
    }
    p = scan_space(p + 1);
    uint64_t entry = codec_rows_find_key(&node->keys, j->hash_seed, &col->children[0], offset, at);
    if (entry == at) {
        p = decode_value(j, &node->children[1], p, &col->children[1], at);
        col->child_rows = at + (p != NULL);
        return p;
    }
    column_clear_null(&col->children[1], entry);
    return decode_value(j, &node->children[1], p, &col->children[1], entry);
}

static const char *decode_map(struct codec_json *j, struct codec_json_node *node, const char *p,
                              struct column *col, size_t row)
{
    codec_rows_touch(&j->rows, &node->touched, col);
    node->keys.slot_count = 0;
    uint64_t offset = col->child_rows;
    p = scan_space(p + 1);
    if (*p != '}') {
        for (;;) {
            p = decode_entry(j, node, p, col, offset);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
            p = scan_space(p);
            if (*p != ',') {
                break;
            }
            p = scan_space(p + 1);
        }
        if (UNLIKELY(*p != '}')) {
            return codec_json_fault_bad(j, node, p, "syntax", "expected ',' or '}'");
        }
    }
    if (UNLIKELY(p + 1 == j->end)) {
        return codec_json_fault_bad(j, node, p + 1, "syntax", "the message ends too early");
    }
    ((struct column_list *)col->data)[row] =
        (struct column_list){.offset = offset, .len = col->child_rows - offset};
    return p + 1;
}

static const char *decode_nested(struct codec_json *j, struct codec_json_node *node, const char *p,
                                 struct column *col, size_t row)
{
    if (UNLIKELY(*p != (node->kind == TYPE_ARRAY ? '[' : '{'))) {
        return codec_json_scalar_decode(j, node, p, col, row);
    }
    if (UNLIKELY(j->depth == j->depth_max)) {
        return codec_json_fault_bad(j, node, p, "depth", "nested deeper than %u", j->depth_max);
    }
    j->depth++;
    if (node->kind == TYPE_STRUCT) {
        p = decode_struct(j, node, p, col, row);
    } else if (node->kind == TYPE_ARRAY) {
        p = decode_array(j, node, p, col, row);
    } else {
        p = decode_map(j, node, p, col, row);
    }
    j->depth--;
    return p;
}

/*
 * What is wrong with a message that does not begin with '{' or end with '}': reads it as a
 * copy with a '}' behind it, so that the fault names the first place that is wrong.
 */
static COLD const char *explain(struct codec_json *j, struct str value, const char *first)
{
    AUTO_FREE char *copy = mem_alloc(value.len + 1);
    memcpy(copy, value.ptr, value.len);
    copy[value.len] = '}';
    j->start = copy;
    j->end = copy + value.len + 1;
    const char *p = copy + (first - value.ptr);
    bool is_object = *p == '{';
    const char *behind = codec_json_skip(j, &j->root, p);
    if (behind != NULL && !is_object) {
        return codec_json_fault_bad(j, &j->root, p, "syntax", "a message must be an object");
    }
    if (behind != NULL) {
        return codec_json_fault_bad(j, &j->root, behind, "syntax", "text behind the message's end");
    }
    if (j->codec.fault.position >= value.len && strcmp(j->codec.fault.reason, "syntax") == 0) {
        /* It met the '}' that is not there. */
        return codec_json_fault_bad(j, &j->root, copy + value.len, "syntax",
                                    "the message ends too early");
    }
    return NULL;
}

static const char *decode_message(struct codec_json *j, struct str value,
                                  struct column *const *columns, size_t row)
{
    const char *p = value.ptr;
    const char *end = p + value.len;
    j->start = p;
    if (UNLIKELY(value.len >= UINT32_MAX)) {
        j->end = end;
        return codec_json_fault_bad(j, &j->root, p, "size", "the message has 4 GiB or more");
    }
    if (value.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }
    while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t')) {
        end--;
    }
    if (UNLIKELY(end == p)) {
        return codec_json_fault_bad(j, &j->root, p, "syntax", "the message is empty");
    }
    p = scan_space(p); /* stops at end[-1] at the latest */
    if (UNLIKELY(end - p < 2 || *p != '{' || end[-1] != '}')) {
        return explain(j, value, p);
    }
    j->end = end;
    p = decode_members(j, &j->root, p, columns, NULL, row);
    if (UNLIKELY(p != NULL && p != end)) {
        return codec_json_fault_bad(j, &j->root, p, "syntax", "text behind the message's end");
    }
    return p;
}

static void set_all_null(const struct codec_json *j, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < j->root.child_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

static __attribute__((noinline)) enum codec_row json_decode(struct codec *codec, struct str value,
                                                            struct column *const *columns,
                                                            size_t row, struct arena *arena)
{
    struct codec_json *j = (struct codec_json *)codec;
    if (value.ptr == NULL) {
        set_all_null(j, columns, row);
        return CODEC_ROW_OK;
    }
    j->arena = arena;
    j->depth = 1;
    j->has_bad_field = false;
    j->rows.mark_count = 0;
    j->rows.message_number++;
    if (UNLIKELY(decode_message(j, value, columns, row) == NULL)) {
        codec_rows_roll_back(&j->rows);
        set_all_null(j, columns, row);
        return CODEC_ROW_BAD;
    }
    return LIKELY(!j->has_bad_field) ? CODEC_ROW_OK : CODEC_ROW_BAD_FIELD;
}

/* The same for a decoder that is to tell of what does not fit. */
static enum codec_row json_decode_watched(struct codec *codec, struct str value,
                                          struct column *const *columns, size_t row,
                                          struct arena *arena)
{
    struct codec_json *j = (struct codec_json *)codec;
    j->has_unknown = false;
    if (j->rescue != NULL) {
        codec_json_rescue_begin(j->rescue);
    }
    enum codec_row rc = json_decode(codec, value, columns, row, arena);
    bool is_message = value.ptr != NULL && rc != CODEC_ROW_BAD;
    if (j->notice_unknown) {
        codec->unknown_field = is_message && j->has_unknown;
    }
    if (j->rescue != NULL && is_message) {
        const char *first = memchr(value.ptr, '{', value.len);
        codec_json_rescue_write(j, first, columns, row);
    }
    return rc;
}

static void json_close(struct codec *codec)
{
    struct codec_json *j = (struct codec_json *)codec;
    codec_json_rescue_free(j->rescue);
    codec_json_plan_done(j);
    if (j->locale != NULL) {
        freelocale((locale_t)j->locale);
    }
    mem_free(j);
}

static const struct codec_ops json_ops = {
    .name = "json",
    .decode = json_decode,
    .close = json_close,
};

static const struct codec_ops json_watched_ops = {
    .name = "json",
    .decode = json_decode_watched,
    .close = json_close,
};

/* Finds the field that takes what does not fit, when there is to be one. */
static int find_rescued(struct codec_json *j, const struct type *row_type, struct str name,
                        struct err *err)
{
    j->rescued_field = CODEC_JSON_NO_FIELD;
    if (name.len == 0 || row_type->kind != TYPE_STRUCT) {
        return 0;
    }
    ptrdiff_t field = type_find_field(row_type, name);
    if (field < 0 || row_type->fields[field].type->kind != TYPE_STRING) {
        return err_set(err, ERR_CONFIG, "the rescued column \"%.*s\" is not a STRING field",
                       STR_FMT(str_head(name, 96)));
    }
    j->rescued_field = (uint32_t)field;
    j->rescue = codec_json_rescue_new(j, j->rescued_field);
    return 0;
}

int codec_json_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err)
{
    struct codec_json *j = mem_new(struct codec_json);
    bool is_watched = options->notice_unknown || options->rescued_column.len > 0;
    j->codec.ops = is_watched ? &json_watched_ops : &json_ops;
    j->codec.row_type = row_type;
    j->allow_nan = options->allow_nan;
    j->timestamp_unit = options->timestamp_unit;
    j->depth_max = options->depth_max > 0 ? options->depth_max : DEPTH_DEFAULT;
    rand_bytes(&j->hash_seed, sizeof(j->hash_seed));
    j->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    j->notice_unknown = options->notice_unknown;
    int rc = find_rescued(j, row_type, options->rescued_column, err);
    if (rc == 0) {
        rc = codec_json_plan_init(j, row_type, err);
    }
    if (rc < 0) {
        json_close(&j->codec);
        return rc;
    }
    *ret_codec = &j->codec;
    return 0;
}

bool codec_json_validate(struct str document)
{
    AUTO_FREE char *copy = mem_alloc(document.len + 1);
    if (document.len > 0) {
        memcpy(copy, document.ptr, document.len);
    }
    copy[document.len] = '}';
    uint64_t open_objects[512 / 64 + 1] = {0};
    struct codec_json j = {.depth_max = 512, .open_objects = open_objects, .start = copy};
    j.end = copy + document.len + 1;
    const char *p = copy;
    if (document.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }
    p = codec_json_skip(&j, &j.root, scan_space(p));
    return p != NULL && scan_space(p) == j.end - 1;
}
