/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_skip - over a value that no column takes
 *
 * What only the writer has is skipped by its schema alone, which may contain itself: the recursion
 * is bounded by the depth that a message may have.  What a column could take is skipped along the
 * plan, so that the verdict on a message does not hang on who wants what.
 *
 * Elements without bytes (null, empty records) cost a message nothing, and a count of them could
 * be any number: a message may have EMPTY_ELEMENTS_MAX of them.
 */
#include "codec/avro_skip.h"

#include "base/base.h"
#include "codec/avro_fault.h"
#include "codec/avro_read.h"

#define EMPTY_ELEMENTS_MAX 65536

struct skipper {
    struct codec_avro *a;
    const struct avro_op *op;
    enum avro_care care;
};

static const char *skip_value(const struct skipper *s, const struct avro_schema *schema,
                              const char *p, uint32_t depth);
static const char *skip_index(const struct skipper *s, const char *p, size_t count,
                              const char *reason, int64_t *ret_index);

static const char *jump(const struct skipper *s, const char *p, uint64_t bytes)
{
    if (UNLIKELY(bytes > (uint64_t)(s->a->end - p))) {
        return codec_avro_fault_bad(s->a, s->op, s->a->end, "truncated",
                                    "the message ends in a value");
    }
    return p + bytes;
}

const char *codec_avro_skip_head(struct codec_avro *a, const struct avro_op *op,
                                 const struct avro_schema *list, const char *p, uint64_t *ret_count,
                                 int64_t *ret_bytes)
{
    const char *at = p;
    int64_t count;
    p = avro_read_small(at, a->end, &count);
    if (UNLIKELY(p == NULL)) {
        return codec_avro_fault_number(a, op, at);
    }
    *ret_bytes = -1;
    if (count < 0) {
        const char *size = p;
        p = avro_read_small(size, a->end, ret_bytes);
        if (UNLIKELY(p == NULL)) {
            return codec_avro_fault_number(a, op, size);
        }
        if (UNLIKELY(*ret_bytes < 0 || *ret_bytes > a->end - p)) {
            return codec_avro_fault_length(a, op, size, *ret_bytes);
        }
    }
    uint64_t elements = count < 0 ? -(uint64_t)count : (uint64_t)count;
    size_t least = list->branches[0]->bytes_min + (list->kind == AVRO_MAP);
    if (UNLIKELY(least == 0)) {
        if (elements > EMPTY_ELEMENTS_MAX - a->empty_elements) {
            return codec_avro_fault_bad(a, op, at, "size", "more than %d elements without bytes",
                                        EMPTY_ELEMENTS_MAX);
        }
        a->empty_elements += elements;
    } else if (UNLIKELY(elements > (uint64_t)(a->end - p) / least)) {
        return codec_avro_fault_bad(a, op, at, "truncated",
                                    "more elements than the message has bytes for");
    }
    *ret_count = elements;
    return p;
}

static const char *skip_text(const struct skipper *s, const char *p, bool is_checked)
{
    int64_t len;
    const char *at = p;
    p = avro_read_small(p, s->a->end, &len);
    if (UNLIKELY(p == NULL)) {
        return codec_avro_fault_number(s->a, s->op, at);
    }
    if (UNLIKELY(len < 0 || len > s->a->end - p)) {
        return codec_avro_fault_length(s->a, s->op, at, len);
    }
    if (is_checked && !str_is_utf8(str_n(p, (size_t)len))) {
        return codec_avro_fault_bad(s->a, s->op, p, "utf8", "a string that is not UTF-8");
    }
    return p + len;
}

static const char *skip_list(const struct skipper *s, const struct avro_schema *schema,
                             const char *p, uint32_t depth)
{
    const struct avro_schema *held = schema->branches[0];
    bool is_map = schema->kind == AVRO_MAP;
    for (;;) {
        uint64_t count = 0;
        int64_t bytes = -1;
        p = codec_avro_skip_head(s->a, s->op, schema, p, &count, &bytes);
        if (p == NULL || count == 0) {
            return p;
        }
        if (s->care == AVRO_LENGTHS && bytes >= 0) {
            p += bytes;
            continue;
        }
        const char *first = p;
        if (s->care == AVRO_LENGTHS && held->bytes_always >= 0 && !is_map) {
            p += count * (uint64_t)held->bytes_always; /* the head saw to it that they are there */
            continue;
        }
        for (uint64_t i = 0; i < count; i++) {
            if (is_map) {
                p = skip_text(s, p, s->care == AVRO_VALUES);
            }
            p = p == NULL ? NULL : skip_value(s, held, p, depth);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
        }
        if (UNLIKELY(bytes >= 0 && p - first != bytes)) {
            return codec_avro_fault_bad(s->a, s->op, first, "length",
                                        "a block of another size than it says");
        }
    }
}

static const char *skip_nested(const struct skipper *s, const struct avro_schema *schema,
                               const char *p, uint32_t depth)
{
    if (UNLIKELY(depth >= s->a->depth_max)) {
        return codec_avro_fault_bad(s->a, s->op, p, "depth", "nested deeper than %u",
                                    s->a->depth_max);
    }
    if (schema->kind != AVRO_RECORD) {
        return skip_list(s, schema, p, depth + 1);
    }
    if (schema->bytes_always == 0 || (schema->bytes_always > 0 && s->care == AVRO_LENGTHS)) {
        return jump(s, p, (uint64_t)schema->bytes_always);
    }
    for (size_t i = 0; p != NULL && i < schema->names.count; i++) {
        p = skip_value(s, schema->fields[i].schema, p, depth + 1);
    }
    return p;
}

/* An index below `count`. */
static const char *skip_index(const struct skipper *s, const char *p, size_t count,
                              const char *reason, int64_t *ret_index)
{
    const char *at = p;
    p = avro_read_small(p, s->a->end, ret_index);
    if (UNLIKELY(p == NULL)) {
        return codec_avro_fault_number(s->a, s->op, at);
    }
    if (UNLIKELY((uint64_t)*ret_index >= count)) {
        return codec_avro_fault_bad(s->a, s->op, at, reason, "the schema has no %s at that index",
                                    strcmp(reason, "enum") == 0 ? "symbol" : "branch");
    }
    return p;
}

/* `depth` is that of what is around the value. */
static const char *skip_value(const struct skipper *s, const struct avro_schema *schema,
                              const char *p, uint32_t depth)
{
    int64_t number = 0;
    const char *behind;
    switch (schema->kind) {
    case AVRO_NULL:
        return p;
    case AVRO_BOOLEAN:
        behind = jump(s, p, 1);
        if (behind != NULL && (unsigned char)*p > 1) {
            return codec_avro_fault_bad(s->a, s->op, p, "boolean", "a boolean that is not 0 or 1");
        }
        return behind;
    case AVRO_INT:
        behind = avro_read_int(p, s->a->end, &number);
        return LIKELY(behind != NULL) ? behind : codec_avro_fault_number(s->a, s->op, p);
    case AVRO_LONG:
        behind = avro_read_long(p, s->a->end, &number);
        return LIKELY(behind != NULL) ? behind : codec_avro_fault_number(s->a, s->op, p);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_FIXED:
        return jump(s, p, (uint64_t)schema->bytes_always);
    case AVRO_BYTES:
    case AVRO_STRING:
        return skip_text(s, p, s->care == AVRO_VALUES && schema->kind == AVRO_STRING);
    case AVRO_ENUM:
        return skip_index(s, p, schema->names.count, "enum", &number);
    case AVRO_UNION:
        p = skip_index(s, p, schema->branch_count, "union", &number);
        return p == NULL ? NULL : skip_value(s, schema->branches[number], p, depth);
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
        return skip_nested(s, schema, p, depth);
    }
    return NULL;
}

const char *codec_avro_skip(struct codec_avro *a, const struct avro_op *op,
                            const struct avro_schema *schema, const char *p, enum avro_care care)
{
    struct skipper s = {.a = a, .op = op, .care = care};
    return skip_value(&s, schema, p, op->depth);
}

/* --- along the plan ------------------------------------------------------------- */

static const char *skip_elements(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    struct skipper s = {.a = a, .op = op, .care = AVRO_VALUES};
    for (;;) {
        uint64_t count = 0;
        int64_t bytes = -1;
        p = codec_avro_skip_head(a, op, op->writer, p, &count, &bytes);
        if (p == NULL || count == 0) {
            return p;
        }
        const char *first = p;
        for (uint64_t i = 0; i < count; i++) {
            if (op->code == AVRO_OP_MAP) {
                p = skip_text(&s, p, true);
            }
            p = p == NULL ? NULL : codec_avro_skip_unwanted(a, op->branches[0], p);
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
        }
        if (UNLIKELY(bytes >= 0 && p - first != bytes)) {
            return codec_avro_fault_bad(a, op, first, "length",
                                        "a block of another size than it says");
        }
    }
}

static const char *skip_fields(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    enum avro_care care = a->rescue != NULL ? AVRO_VALUES : AVRO_LENGTHS;
    for (size_t i = 0; p != NULL && i < op->step_count; i++) {
        const struct avro_step *step = &op->steps[i];
        p = step->op != NULL ? codec_avro_skip_unwanted(a, step->op, p)
                             : codec_avro_skip(a, op, step->writer, p, care);
    }
    return p;
}

static const char *skip_branch(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    struct skipper s = {.a = a, .op = op, .care = AVRO_VALUES};
    int64_t index = 0;
    bool has_index = op->code != AVRO_OP_MEMBERS || op->has_index;
    if (has_index) {
        p = skip_index(&s, p, op->branch_count, "union", &index);
    }
    if (p == NULL || op->branches[index] != NULL) {
        return p == NULL ? NULL : codec_avro_skip_unwanted(a, op->branches[index], p);
    }
    return codec_avro_skip(a, op, has_index ? op->writer->branches[index] : op->writer, p,
                           a->rescue != NULL ? AVRO_VALUES : AVRO_LENGTHS);
}

const char *codec_avro_skip_unwanted(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    switch (op->code) {
    case AVRO_OP_RECORD:
        return skip_fields(a, op, p);
    case AVRO_OP_ARRAY:
    case AVRO_OP_MAP:
        return skip_elements(a, op, p);
    case AVRO_OP_NULLABLE:
    case AVRO_OP_UNION:
    case AVRO_OP_MEMBERS:
        return skip_branch(a, op, p);
    case AVRO_OP_STRING:
    case AVRO_OP_UNRESOLVED:
        return codec_avro_skip(a, op, op->writer, p, AVRO_VALUES);
    default: /* what is not text to a column need not be */
        return codec_avro_skip(a, op, op->writer, p, AVRO_LENGTHS);
    }
}
