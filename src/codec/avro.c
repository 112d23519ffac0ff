/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro - Avro messages straight into columns
 *
 * A message has no names and no types, only values in the order of the writer's schema; the plan
 * (avro_plan.h) says of each what becomes of it.  One pass over the bytes follows the plan and
 * writes each value where it belongs.  Functions take a position and return the one behind what
 * they read, or NULL when the message is bad (the fault is written then).
 *
 * Invariants:
 *  (1) Nothing is read beyond a->end, whatever a length or count says.
 *  (2) A message that turns out bad leaves nothing but a row of NULLs: rows.h.
 *  (3) A column's data is looked up anew for each value, since growing a list moves it.
 *  (4) Recursion is as deep as the plan, and the plan as deep as a message may be.
 *
 * Single-object encoding and bare datum: a message that begins with C3 01 and the fingerprint of
 * the writer's schema is the former; everything else is the latter.
 *
 * Not here: values without a fast path (avro_scalar.c), skipping (avro_skip.c), what does not fit
 * (avro_rescue.c), faults.
 */
#include "codec/avro.h"

#include "base/base.h"
#include "codec/avro_canon.h"
#include "codec/avro_fault.h"
#include "codec/avro_plan.h"
#include "codec/avro_read.h"
#include "codec/avro_rescue.h"
#include "codec/avro_scalar.h"
#include "codec/avro_skip.h"
#include "codec/avro_type.h"
#include "codec/rows.h"

#define DEPTH_DEFAULT 512
#define DEPTH_MAX     1024 /* the C stack's sake */

#define SINGLE_OBJECT_BYTES 10

static const char *decode_nested(struct codec_avro *a, struct avro_op *op, const char *p,
                                 struct column *col, size_t row);

/* --- values ------------------------------------------------------------------- */

static COLD const char *ends_early(struct codec_avro *a, const struct avro_op *op)
{
    return codec_avro_fault_bad(a, op, a->end, "truncated", "the message ends in a value");
}

AVRO_HOT const char *decode_string(struct codec_avro *a, const struct avro_op *op, const char *p,
                                   struct column *col, size_t row, bool is_text)
{
    int64_t len;
    const char *bytes = avro_read_small(p, a->end, &len);
    if (UNLIKELY(bytes == NULL)) {
        return codec_avro_fault_number(a, op, p);
    }
    if (UNLIKELY((uint64_t)len > (uint64_t)(a->end - bytes))) {
        return codec_avro_fault_length(a, op, p, len);
    }
    bool is_ascii =
        avro_put_string((struct column_string *)col->data + row, bytes, (size_t)len, a->end);
    if (UNLIKELY(is_text && !is_ascii && !str_is_utf8(str_n(bytes, (size_t)len)))) {
        return codec_avro_fault_bad(a, op, bytes, "utf8", "a string that is not UTF-8");
    }
    return bytes + len;
}

static const char *decode_enum(struct codec_avro *a, const struct avro_op *op, const char *p,
                               struct column *col, size_t row)
{
    int64_t index;
    const char *behind = avro_read_small(p, a->end, &index);
    if (UNLIKELY(behind == NULL)) {
        return codec_avro_fault_number(a, op, p);
    }
    if (UNLIKELY((uint64_t)index >= op->writer->names.count)) {
        return codec_avro_fault_bad(a, op, p, "enum", "the schema has no symbol at that index");
    }
    struct str symbol = op->symbols[index];
    if (UNLIKELY(symbol.ptr == NULL)) {
        codec_avro_fault_field(a, op, p, "unresolved", "a symbol that the reader's schema has not");
        column_set_null(col, row);
        return behind;
    }
    /* The schema may be gone before the chunk is. */
    column_set_string(col, row,
                      symbol.len > COLUMN_STRING_INLINE ? arena_str(a->arena, symbol) : symbol);
    return behind;
}

/* A value of the writer's that the reader has nothing for. */
static COLD const char *decode_unresolved(struct codec_avro *a, const struct avro_op *op,
                                          const char *p)
{
    codec_avro_fault_field(a, op, p, "unresolved", "a %s, which the reader's schema does not have",
                           codec_avro_schema_kind_name(op->writer->kind));
    return codec_avro_skip(a, op, op->writer, p, AVRO_VALUES);
}

static COLD const char *no_branch(struct codec_avro *a, const struct avro_op *op, const char *p)
{
    int64_t index;
    if (avro_read_small(p, a->end, &index) == NULL) {
        return codec_avro_fault_number(a, op, p);
    }
    return codec_avro_fault_bad(a, op, p, "union", "the schema has no branch at that index");
}

/* The writer's branch of a union at p. */
AVRO_HOT const char *decode_branch(struct codec_avro *a, const struct avro_op *op, const char *p,
                                   size_t *ret_index)
{
    int64_t index;
    const char *behind = avro_read_small(p, a->end, &index);
    if (UNLIKELY(behind == NULL || (uint64_t)index >= op->branch_count)) {
        return no_branch(a, op, p);
    }
    *ret_index = (size_t)index;
    return behind;
}

/* One value at p into one row. */
AVRO_HOT const char *decode_value(struct codec_avro *a, struct avro_op *op, const char *p,
                                  struct column *col, size_t row)
{
    int64_t number = 0;
    const char *behind;
    if (op->code == AVRO_OP_NULLABLE) {
        size_t index = 0;
        p = decode_branch(a, op, p, &index);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        op = op->branches[index];
    }
    switch (op->code) {
    case AVRO_OP_NULL:
        column_set_null(col, row);
        return p;
    case AVRO_OP_BOOLEAN:
        if (UNLIKELY(p == a->end)) {
            return ends_early(a, op);
        }
        if (UNLIKELY((unsigned char)*p > 1)) {
            return codec_avro_fault_bad(a, op, p, "boolean", "a boolean that is not 0 or 1");
        }
        ((uint8_t *)col->data)[row] = (uint8_t)*p;
        return p + 1;
    case AVRO_OP_INT32:
        behind = avro_read_int(p, a->end, &number);
        ((int32_t *)col->data)[row] = (int32_t)number;
        break;
    case AVRO_OP_INT64:
        behind = avro_read_long(p, a->end, (int64_t *)col->data + row);
        break;
    case AVRO_OP_MILLIS:
        behind = avro_read_long(p, a->end, &number);
        if (UNLIKELY(behind != NULL && __builtin_mul_overflow(number, 1000, &number))) {
            return codec_avro_scalar_decode(a, op, p, col, row);
        }
        ((int64_t *)col->data)[row] = number;
        break;
    case AVRO_OP_FLOAT:
        if (UNLIKELY(a->end - p < 4)) {
            return ends_early(a, op);
        }
        memcpy((float *)col->data + row, p, 4);
        return p + 4;
    case AVRO_OP_DOUBLE:
        if (UNLIKELY(a->end - p < 8)) {
            return ends_early(a, op);
        }
        memcpy((double *)col->data + row, p, 8);
        return p + 8;
    case AVRO_OP_STRING:
        return decode_string(a, op, p, col, row, true);
    case AVRO_OP_BINARY:
        return decode_string(a, op, p, col, row, false);
    default:
        return decode_nested(a, op, p, col, row);
    }
    return LIKELY(behind != NULL) ? behind : codec_avro_fault_number(a, op, p);
}

/* --- records ------------------------------------------------------------------ */

/* A field that the writer has not, from its default. */
static void decode_preset(struct codec_avro *a, const struct avro_missing *missing,
                          struct column *col, size_t row)
{
    const char *start = a->start;
    const char *end = a->end;
    struct codec_avro_rescue *rescue = a->rescue;
    uint64_t empty_elements = a->empty_elements;
    struct str bytes = missing->preset;
    if (missing->is_copied) {
        bytes = arena_str(a->arena, bytes);
    }
    a->start = bytes.ptr;
    a->end = bytes.ptr + bytes.len;
    a->empty_elements = 0;
    a->rescue = NULL; /* what is not in the message is not rescued */
    const char *p = decode_value(a, missing->op, bytes.ptr, col, row);
    assert(p == a->end);
    a->start = start;
    a->end = end;
    a->empty_elements = empty_elements;
    a->rescue = rescue;
}

/* Over a field that only the writer has; checked as others are when it may have to be rescued. */
AVRO_HOT const char *skip_unknown(struct codec_avro *a, const struct avro_op *op,
                                  const struct avro_schema *writer, const char *p)
{
    if (UNLIKELY(a->rescue != NULL)) {
        return codec_avro_skip(a, op, writer, p, AVRO_VALUES);
    }
    if (writer->bytes_always >= 0 && writer->bytes_always <= a->end - p) {
        return p + writer->bytes_always;
    }
    int64_t number = 0;
    const char *behind = NULL;
    if (writer->kind == AVRO_LONG) {
        behind = avro_read_long(p, a->end, &number);
        number = 0;
    } else if (writer->kind == AVRO_STRING || writer->kind == AVRO_BYTES) {
        behind = avro_read_small(p, a->end, &number);
    }
    if (LIKELY(behind != NULL && (uint64_t)number <= (uint64_t)(a->end - behind))) {
        return behind + number;
    }
    return codec_avro_skip(a, op, writer, p, AVRO_LENGTHS);
}

/*
 * The record at p.  The columns of the fields are wanted[i] (the row: NULL = nobody wants it) or,
 * when `wanted` is NULL, children[i].
 */
AVRO_HOT const char *decode_fields(struct codec_avro *a, struct avro_op *op, const char *p,
                                   struct column *const *wanted, struct column *children,
                                   size_t row)
{
    for (size_t i = 0; i < op->step_count; i++) {
        const struct avro_step *step = &op->steps[i];
        if (UNLIKELY(step->op == NULL)) {
            p = skip_unknown(a, op, step->writer, p);
        } else {
            struct column *col = wanted != NULL ? wanted[step->column] : &children[step->column];
            p = LIKELY(col != NULL) ? decode_value(a, step->op, p, col, row)
                                    : codec_avro_skip_unwanted(a, step->op, p);
        }
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    for (size_t i = 0; i < op->missing_count; i++) {
        const struct avro_missing *missing = &op->missing[i];
        struct column *col = wanted != NULL ? wanted[missing->column] : &children[missing->column];
        if (col == NULL) {
            continue;
        }
        if (missing->op == NULL) {
            column_set_null(col, row);
        } else {
            decode_preset(a, missing, col, row);
        }
    }
    return p;
}

static __attribute__((noinline)) const char *decode_record(struct codec_avro *a, struct avro_op *op,
                                                           const char *p, struct column *col,
                                                           size_t row)
{
    return decode_fields(a, op, p, NULL, col->children, row);
}

/* --- lists -------------------------------------------------------------------- */

/* The entry of a map at p; an earlier one with its key gets the value. */
AVRO_HOT const char *decode_entry(struct codec_avro *a, struct avro_op *op, const char *p,
                                  struct column *col, uint64_t offset)
{
    uint64_t at = col->child_rows;
    p = decode_string(a, op, p, &col->children[0], at, true);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    uint64_t entry = codec_rows_find_key(&op->keys, a->hash_seed, &col->children[0], offset, at);
    if (UNLIKELY(entry != at)) {
        a->has_duplicate_key = true;
        column_clear_null(&col->children[1], entry);
        return decode_value(a, op->branches[0], p, &col->children[1], entry);
    }
    p = decode_value(a, op->branches[0], p, &col->children[1], at);
    col->child_rows = at + (p != NULL);
    return p;
}

static const char *decode_list(struct codec_avro *a, struct avro_op *op, const char *p,
                               struct column *col, size_t row)
{
    codec_rows_touch(&a->rows, &op->touched, col);
    op->keys.slot_count = 0;
    uint64_t offset = col->child_rows;
    for (;;) {
        uint64_t count;
        int64_t bytes;
        p = codec_avro_skip_head(a, op, op->writer, p, &count, &bytes);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        if (count == 0) {
            break;
        }
        const char *first = p;
        column_reserve_children(col, col->child_rows + count);
        for (uint64_t i = 0; i < count; i++) {
            if (op->code == AVRO_OP_MAP) {
                p = decode_entry(a, op, p, col, offset);
            } else {
                uint64_t at = col->child_rows;
                p = decode_value(a, op->branches[0], p, col->children, at);
                col->child_rows = at + (p != NULL);
            }
            if (UNLIKELY(p == NULL)) {
                return NULL;
            }
        }
        if (UNLIKELY(bytes >= 0 && p - first != bytes)) {
            return codec_avro_fault_bad(a, op, first, "length",
                                        "a block of another size than it says");
        }
    }
    ((struct column_list *)col->data)[row] =
        (struct column_list){.offset = offset, .len = col->child_rows - offset};
    return p;
}

/* --- unions ------------------------------------------------------------------- */

static const char *decode_union(struct codec_avro *a, struct avro_op *op, const char *p,
                                struct column *col, size_t row)
{
    size_t index = 0;
    p = decode_branch(a, op, p, &index);
    return UNLIKELY(p == NULL) ? NULL : decode_value(a, op->branches[index], p, col, row);
}

/* A union as a STRUCT with a field for each branch, all NULL but one. */
static const char *decode_members(struct codec_avro *a, struct avro_op *op, const char *p,
                                  struct column *col, size_t row)
{
    size_t index = 0;
    if (op->has_index) {
        p = decode_branch(a, op, p, &index);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
    }
    struct avro_op *branch = op->branches[index];
    if (branch != NULL && op->columns[index] == AVRO_NO_COLUMN) {
        return decode_value(a, branch, p, col, row); /* NULL as a whole */
    }
    for (size_t i = 0; i < col->child_count; i++) {
        if (i != op->columns[index]) {
            column_set_null(&col->children[i], row);
        }
    }
    if (branch == NULL) {
        const struct avro_schema *writer = op->has_index ? op->writer->branches[index] : op->writer;
        return skip_unknown(a, op, writer, p);
    }
    return decode_value(a, branch, p, &col->children[op->columns[index]], row);
}

static __attribute__((noinline)) const char *decode_nested(struct codec_avro *a, struct avro_op *op,
                                                           const char *p, struct column *col,
                                                           size_t row)
{
    switch (op->code) {
    case AVRO_OP_RECORD:
        return decode_record(a, op, p, col, row);
    case AVRO_OP_ARRAY:
    case AVRO_OP_MAP:
        return decode_list(a, op, p, col, row);
    case AVRO_OP_ENUM:
        return decode_enum(a, op, p, col, row);
    case AVRO_OP_NULLABLE:
    case AVRO_OP_UNION:
        return decode_union(a, op, p, col, row);
    case AVRO_OP_MEMBERS:
        return decode_members(a, op, p, col, row);
    case AVRO_OP_UNRESOLVED:
        column_set_null(col, row);
        return decode_unresolved(a, op, p);
    default:
        return codec_avro_scalar_decode(a, op, p, col, row);
    }
}

/* --- messages ----------------------------------------------------------------- */

static void set_all_null(const struct codec_avro *a, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < a->codec.row_type->field_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

/* The row at p: a record, or one in a union. */
static const char *decode_row(struct codec_avro *a, struct avro_op *op, const char *p,
                              struct column *const *columns, size_t row)
{
    if (op->code == AVRO_OP_NULLABLE || op->code == AVRO_OP_UNION) {
        size_t index = 0;
        p = decode_branch(a, op, p, &index);
        if (UNLIKELY(p == NULL)) {
            return NULL;
        }
        op = op->branches[index];
    }
    if (LIKELY(op->code == AVRO_OP_RECORD)) {
        return decode_fields(a, op, p, columns, NULL, row);
    }
    set_all_null(a, columns, row);
    return op->code == AVRO_OP_NULL ? p : decode_unresolved(a, op, p);
}

static bool is_single_object(struct str value)
{
    return value.len >= SINGLE_OBJECT_BYTES && (unsigned char)value.ptr[0] == 0xc3 &&
           value.ptr[1] == 1;
}

/* Where the datum begins. */
static const char *find_datum(const struct codec_avro *a, struct str value)
{
    bool is_ours = is_single_object(value) && avro_load64(value.ptr + 2) == a->fingerprint;
    return value.ptr + (is_ours ? SINGLE_OBJECT_BYTES : 0);
}

static const char *decode_message(struct codec_avro *a, struct str value,
                                  struct column *const *columns, size_t row)
{
    const char *datum = find_datum(a, value);
    a->start = value.ptr;
    a->end = value.ptr + value.len;
    if (UNLIKELY(value.len >= UINT32_MAX)) {
        return codec_avro_fault_bad(a, NULL, a->start, "size", "the message has 4 GiB or more");
    }
    const char *p = decode_row(a, a->root, datum, columns, row);
    if (UNLIKELY(p != NULL && p != a->end)) {
        p = codec_avro_fault_bad(a, NULL, p, "trailing", "bytes behind the message's end");
    }
    if (UNLIKELY(p == NULL && datum == value.ptr && is_single_object(value))) {
        return codec_avro_fault_bad(a, NULL, a->start, "fingerprint",
                                    "it seems to be of another schema, of fingerprint %016" PRIx64,
                                    avro_load64(value.ptr + 2));
    }
    return p;
}

static enum codec_row avro_decode(struct codec *codec, struct str value,
                                  struct column *const *columns, size_t row, struct arena *arena)
{
    struct codec_avro *a = (struct codec_avro *)codec;
    if (a->notice_unknown) {
        codec->unknown_field = false;
    }
    if (value.ptr == NULL) {
        set_all_null(a, columns, row);
        return CODEC_ROW_OK;
    }
    a->arena = arena;
    a->has_bad_field = false;
    a->has_duplicate_key = false;
    a->empty_elements = 0;
    a->rows.mark_count = 0;
    a->rows.message_number++;
    if (a->rescue != NULL) {
        codec_avro_rescue_begin(a->rescue);
    }
    if (UNLIKELY(decode_message(a, value, columns, row) == NULL)) {
        codec_rows_roll_back(&a->rows);
        set_all_null(a, columns, row);
        return CODEC_ROW_BAD;
    }
    if (a->notice_unknown) {
        codec->unknown_field = a->has_unknown;
    }
    if (a->rescue != NULL) {
        codec_avro_rescue_write(a, find_datum(a, value), columns, row);
    }
    return LIKELY(!a->has_bad_field) ? CODEC_ROW_OK : CODEC_ROW_BAD_FIELD;
}

static void avro_close(struct codec *codec)
{
    struct codec_avro *a = (struct codec_avro *)codec;
    codec_avro_rescue_free(a->rescue);
    codec_avro_plan_done(a);
    mem_free(a);
}

static const struct codec_ops avro_ops = {
    .name = "avro",
    .decode = avro_decode,
    .close = avro_close,
};

/* --- opening ------------------------------------------------------------------ */

static int parse_schemas(const struct codec_options *options, struct arena *arena,
                         const struct avro_schema **ret_writer,
                         const struct avro_schema **ret_reader, struct err *err)
{
    if (options->avro_schema.len == 0) {
        return err_set(err, ERR_CONFIG, "format \"avro\" needs a schema");
    }
    TRY(codec_avro_schema_parse(arena, options->avro_schema, ret_writer, err));
    *ret_reader = *ret_writer;
    if (options->avro_reader_schema.len > 0) {
        int rc = codec_avro_schema_parse(arena, options->avro_reader_schema, ret_reader, err);
        return rc < 0 ? err_wrap(err, "the reader's schema") : rc;
    }
    return 0;
}

/* Finds the field that takes what does not fit, when there is to be one. */
static int find_rescued(struct codec_avro *a, const struct type *row_type, struct str name,
                        struct err *err)
{
    if (name.len == 0 || row_type->kind != TYPE_STRUCT) {
        return 0;
    }
    ptrdiff_t field = type_find_field(row_type, name);
    if (field < 0 || row_type->fields[field].type->kind != TYPE_STRING) {
        return err_set(err, ERR_CONFIG, "the rescued column \"%.*s\" is not a STRING field",
                       STR_FMT(str_head(name, 96)));
    }
    a->rescue = codec_avro_rescue_new((uint32_t)field);
    return 0;
}

static int open_avro(struct codec_avro *a, const struct type *row_type,
                     const struct codec_options *options, struct err *err)
{
    TRY(parse_schemas(options, &a->memory, &a->writer, &a->reader, err));
    TRY(find_rescued(a, row_type, options->rescued_column, err));
    TRY(codec_avro_plan_init(a, row_type, options, err));
    a->fingerprint = codec_avro_canon_fingerprint(a->writer);
    return 0;
}

int codec_avro_open(const struct type *row_type, const struct codec_options *options,
                    struct codec **ret_codec, struct err *err)
{
    struct codec_avro *a = mem_new(struct codec_avro);
    a->codec.ops = &avro_ops;
    a->codec.row_type = row_type;
    a->depth_max = options->depth_max > 0 ? options->depth_max : DEPTH_DEFAULT;
    a->depth_max = a->depth_max < DEPTH_MAX ? a->depth_max : DEPTH_MAX;
    a->recursive_depth = options->recursive_depth;
    a->notice_unknown = options->notice_unknown;
    rand_bytes(&a->hash_seed, sizeof(a->hash_seed));
    int rc = open_avro(a, row_type, options, err);
    if (rc < 0) {
        avro_close(&a->codec);
        return rc;
    }
    *ret_codec = &a->codec;
    return 0;
}

int codec_avro_describe(const struct codec_options *options, struct arena *arena,
                        const struct type **ret_row_type, struct err *err)
{
    AUTO_ARENA struct arena schemas = {0};
    const struct avro_schema *writer = NULL;
    const struct avro_schema *reader = NULL;
    TRY(parse_schemas(options, &schemas, &writer, &reader, err));
    return codec_avro_type_describe(reader, options->recursive_depth, arena, ret_row_type, err);
}
