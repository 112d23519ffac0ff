/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_plan - writer's schema, reader's schema and row type made one program
 *
 * The three are walked together once: the row type leads, since it is finite where schemas may
 * contain themselves.  What the writer's record has and no column takes becomes a step without an
 * op, to be skipped; what the row type has and the writer's record has not reads the default of
 * the reader's field, or is NULL.
 *
 * Invariants:
 *  (1) Steps are in the order of the writer's fields, all of them.
 *  (2) Every field of a STRUCT is in exactly one step or among the missing: each row of a column
 *      is written once.
 *  (3) A branch of the writer's union that the reader cannot read is no error here but a bad field
 *      of the messages that have it; the same anywhere else is an error.
 */
#include "codec/avro_plan.h"

#include <stdio.h>

#include "base/base.h"
#include "codec/avro_preset.h"
#include "codec/avro_resolve.h"
#include "codec/avro_scalar.h"
#include "codec/avro_type.h"

#define OPS_MAX 1000000
/* Defaults that take more are refused: each row without the field has one of its own. */
#define PRESET_BYTES_MAX ((size_t)1 << 20)

struct planner {
    struct codec_avro *a;
    struct str rescued_column;
    bool notice_unknown;
    bool is_unresolved; /* the error is the reader's schema, not the row type's */
    unsigned preset_depth;
};

/* What is to be planned: a value of `writer` as `reader` sees it into a column of `type`. */
struct task {
    const struct avro_schema *writer;
    const struct avro_schema *reader;
    const struct type *type;
    const struct avro_op *parent;
    struct str name;
    const struct avro_scope *scope; /* the reader's records around it */
};

static int plan_value(struct planner *p, const struct task *t, struct avro_op **ret_op,
                      struct err *err);

void codec_avro_plan_path(const struct avro_op *op, struct buf *out)
{
    if (op->parent == NULL) {
        return;
    }
    codec_avro_plan_path(op->parent, out);
    if (out->len > 0 && op->name.len > 0 && op->name.ptr[0] != '[') {
        buf_add_char(out, '.');
    }
    buf_add_str(out, op->name);
}

static COLD PRINTF(4, 5) int fail(const struct task *t, const char *joint, struct err *err,
                                  const char *fmt, ...)
{
    AUTO_BUF struct buf path = {0};
    AUTO_BUF struct buf what = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&what, fmt, args);
    va_end(args);
    if (t->parent != NULL) {
        struct avro_op here = {.parent = t->parent, .name = t->name};
        codec_avro_plan_path(&here, &path);
    }
    if (path.len == 0) {
        return err_set(err, ERR_CONFIG, "the row %.*s", STR_FMT(buf_str(&what)));
    }
    return err_set(err, ERR_CONFIG, "field \"%.*s\"%s%.*s", STR_FMT(str_head(buf_str(&path), 256)),
                   joint, STR_FMT(buf_str(&what)));
}

static COLD int refuse(struct planner *p, const struct task *t, struct err *err)
{
    p->is_unresolved = false;
    AUTO_BUF struct buf schema = {0};
    AUTO_BUF struct buf type = {0};
    codec_avro_schema_print(t->reader, &schema);
    type_print(t->type, &type);
    return fail(t, " ", err, "is %.*s in the avro schema, which does not go into %.*s",
                STR_FMT(buf_str(&schema)), STR_FMT(str_head(buf_str(&type), 128)));
}

static COLD int unreadable(struct planner *p, const struct task *t, struct err *err)
{
    AUTO_BUF struct buf writer = {0};
    AUTO_BUF struct buf reader = {0};
    codec_avro_schema_print(t->writer, &writer);
    codec_avro_schema_print(t->reader, &reader);
    p->is_unresolved = true;
    return fail(t, ": ", err, "the writer's schema has %.*s, which the reader's %.*s cannot read",
                STR_FMT(buf_str(&writer)), STR_FMT(buf_str(&reader)));
}

static bool is_nested(enum avro_kind kind)
{
    return kind == AVRO_RECORD || kind == AVRO_ARRAY || kind == AVRO_MAP;
}

static int new_op(struct planner *p, const struct task *t, struct avro_op **ret_op, struct err *err)
{
    struct codec_avro *a = p->a;
    if (++a->op_count > OPS_MAX) {
        return fail(t, ": ", err, "the schemas and the row type make more than %d steps", OPS_MAX);
    }
    struct avro_op *op = arena_new(&a->memory, struct avro_op);
    op->writer = t->writer;
    op->type = t->type;
    op->parent = t->parent;
    op->name = t->name;
    op->depth = (t->parent != NULL ? t->parent->depth : 0) + is_nested(t->writer->kind);
    if (op->depth > a->depth_max) {
        return fail(t, " ", err, "is nested deeper than a message may be");
    }
    *ret_op = op;
    return 0;
}

/* --- records ------------------------------------------------------------------ */

/* True when describing the schema would give the field a column. */
static bool has_column(const struct planner *p, const struct avro_schema *schema,
                       const struct avro_scope *scope)
{
    AUTO_ARENA struct arena arena = {0};
    const struct type *type = NULL;
    struct err err;
    return codec_avro_type_of(schema, scope, p->a->recursive_depth, &arena, &type, &err) < 0 ||
           type != NULL;
}

/* Whether a field is null always, so that there is nothing to lose. */
static bool is_always_null(const struct avro_schema *schema)
{
    const struct avro_schema *first;
    return schema->kind == AVRO_NULL ||
           (schema->kind == AVRO_UNION && codec_avro_schema_count_values(schema, &first) == 0);
}

/* For each field of the STRUCT the reader's field + 1, or 0: by exact name, else by the only one
 * that differs in case alone. */
static uint32_t *match_fields(struct planner *p, const struct type *type,
                              const struct avro_schema *reader, bool is_row)
{
    uint32_t *matches = arena_new_array(&p->a->memory, uint32_t, type->field_count);
    AUTO_FREE bool *is_taken = mem_new_array(bool, reader->names.count + 1);
    for (size_t i = 0; i < type->field_count; i++) {
        ptrdiff_t found = codec_avro_schema_find(&reader->names, type->fields[i].name);
        if (found >= 0 && !(is_row && str_eq(type->fields[i].name, p->rescued_column))) {
            matches[i] = (uint32_t)found + 1;
            is_taken[found] = true;
        }
    }
    for (size_t i = 0; i < type->field_count; i++) {
        if (matches[i] != 0 || (is_row && str_eq(type->fields[i].name, p->rescued_column))) {
            continue;
        }
        ptrdiff_t found = codec_avro_schema_find_nocase(&reader->names, type->fields[i].name);
        if (found >= 0 && !is_taken[found]) {
            matches[i] = (uint32_t)found + 1;
            is_taken[found] = true;
        }
    }
    return matches;
}

/* Whether the reader's record has fields that would have a column and have none. */
static void find_unknown(struct planner *p, const struct avro_op *op, const uint32_t *matches,
                         const struct avro_scope *scope)
{
    const struct avro_schema *reader = scope->record;
    if (!p->notice_unknown || p->preset_depth > 0) {
        return;
    }
    AUTO_FREE bool *is_matched = mem_new_array(bool, reader->names.count + 1);
    for (size_t i = 0; i < op->type->field_count; i++) {
        is_matched[matches[i]] = true;
    }
    for (size_t i = 0; i < reader->names.count && !p->a->has_unknown; i++) {
        p->a->has_unknown = !is_matched[i + 1] && has_column(p, reader->fields[i].schema, scope);
    }
}

/* The field's default, as bytes and the op that reads them. */
static int plan_preset(struct planner *p, const struct avro_field *field, const struct task *t,
                       struct avro_missing *missing, struct err *err)
{
    AUTO_BUF struct buf bytes = {.max = PRESET_BYTES_MAX};
    int rc = codec_avro_preset_encode(field->schema, field->preset, &bytes, err);
    if (rc >= 0 && bytes.overflow) {
        rc = err_set(err, ERR_CONFIG, "the default has more than %zu bytes", PRESET_BYTES_MAX);
    }
    if (rc < 0) {
        struct err why = *err;
        return fail(t, ": ", err, "%s", why.msg);
    }
    p->preset_depth++;
    rc = plan_value(p, t, &missing->op, err);
    p->preset_depth--;
    missing->preset = arena_str(&p->a->memory, buf_str(&bytes));
    missing->is_copied = bytes.len > COLUMN_STRING_INLINE;
    return rc;
}

/* The column `column` of the reader's field `index`: a step's op, or one among the missing. */
static int plan_field(struct planner *p, const struct task *t, struct avro_op *op, size_t index,
                      uint32_t column, const struct avro_scope *scope, struct err *err)
{
    const struct avro_field *field = &t->reader->fields[index];
    struct task part = {.reader = field->schema,
                        .type = op->type->fields[column].type,
                        .parent = op,
                        .name = op->type->fields[column].name,
                        .scope = scope};
    ptrdiff_t at = codec_avro_resolve_field(t->writer, t->reader, index);
    if (at >= 0 && op->steps[at].op == NULL) {
        struct avro_step *step = &op->steps[at];
        part.writer = step->writer;
        step->column = column;
        return plan_value(p, &part, &step->op, err);
    }
    if (field->preset == NULL) {
        p->is_unresolved = true;
        return fail(&part, ": ", err,
                    "the writer's schema has no such field and the reader's gives no default");
    }
    struct avro_missing *missing = &op->missing[op->missing_count++];
    missing->column = column;
    part.writer = field->schema;
    return plan_preset(p, field, &part, missing, err);
}

static int plan_record(struct planner *p, const struct task *t, struct avro_op *op, struct err *err)
{
    struct arena *memory = &p->a->memory;
    const struct avro_schema *writer = t->writer;
    const struct avro_schema *reader = t->reader;
    struct avro_scope scope = {t->scope, reader};
    op->code = AVRO_OP_RECORD;
    op->step_count = writer->names.count;
    op->steps = arena_new_array(memory, struct avro_step, op->step_count);
    for (size_t i = 0; i < op->step_count; i++) {
        op->steps[i] = (struct avro_step){
            .writer = writer->fields[i].schema,
            .name = writer->names.items[i],
            .column = AVRO_NO_COLUMN,
        };
    }
    op->missing = arena_new_array(memory, struct avro_missing, op->type->field_count);
    const uint32_t *matches = match_fields(p, op->type, reader, t->parent == NULL);
    find_unknown(p, op, matches, &scope);
    for (uint32_t i = 0; i < op->type->field_count; i++) {
        if (matches[i] == 0) {
            op->missing[op->missing_count++] = (struct avro_missing){.column = i};
        } else {
            TRY(plan_field(p, t, op, matches[i] - 1, i, &scope, err));
        }
    }
    for (size_t i = 0; i < op->step_count; i++) {
        p->a->has_rescued =
            p->a->has_rescued || (op->steps[i].op == NULL && !is_always_null(op->steps[i].writer));
    }
    return 0;
}

/* A message that is no record: a record of one field, "value". */
static int plan_lone_value(struct planner *p, const struct task *t, struct avro_op **ret_op,
                           struct err *err)
{
    TRY(new_op(p, t, ret_op, err));
    struct avro_op *op = *ret_op;
    op->code = AVRO_OP_RECORD;
    op->depth = 0;
    op->missing = arena_new_array(&p->a->memory, struct avro_missing, t->type->field_count);
    op->steps = arena_new(&p->a->memory, struct avro_step);
    op->step_count = 1;
    op->steps[0] = (struct avro_step){.writer = t->writer, .name = STR("value")};
    for (uint32_t i = 0; i < t->type->field_count; i++) {
        const struct type_field *field = &t->type->fields[i];
        if (!str_eq_nocase_c(field->name, "value") || op->steps[0].op != NULL ||
            str_eq(field->name, p->rescued_column)) {
            op->missing[op->missing_count++] = (struct avro_missing){.column = i};
            continue;
        }
        struct task part = {.writer = t->writer,
                            .reader = t->reader,
                            .type = field->type,
                            .parent = op,
                            .name = field->name};
        op->steps[0].column = i;
        TRY(plan_value(p, &part, &op->steps[0].op, err));
    }
    if (op->steps[0].op == NULL) {
        AUTO_BUF struct buf schema = {0};
        codec_avro_schema_print(t->reader, &schema);
        return fail(t, "", err, "is %.*s in the avro schema, no record: its column is \"value\"",
                    STR_FMT(buf_str(&schema)));
    }
    return 0;
}

/* --- unions ------------------------------------------------------------------- */

/* Spark's way to show a union: STRUCT<member0: …, member1: …>. */
static bool has_members(const struct type *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        struct str name = type->fields[i].name;
        uint64_t number;
        if (!str_starts(name, STR("member")) || !str_to_u64(str_skip(name, 6), &number)) {
            return false;
        }
    }
    return type->kind == TYPE_STRUCT && type->field_count > 0;
}

static bool is_shown_as_members(const struct avro_schema *reader, const struct type *type)
{
    const struct avro_schema *first;
    return reader->kind == AVRO_UNION && codec_avro_schema_count_values(reader, &first) > 1 &&
           has_members(type);
}

/* The field of the STRUCT for a branch of the reader's union; -1 = it has none. */
static ptrdiff_t find_member(const struct type *type, const struct avro_schema *reader,
                             const struct avro_schema *branch)
{
    size_t number = 0;
    for (size_t i = 0; i < reader->branch_count && reader->branches[i] != branch; i++) {
        number += reader->branches[i]->kind != AVRO_NULL;
    }
    char name[32];
    snprintf(name, sizeof(name), "member%zu", number);
    return type_find_field(type, str_of(name));
}

/* A branch without a value of the row type: NULL, or what the reader cannot read. */
static int plan_no_value(struct planner *p, const struct task *t, struct avro_op **ret_op,
                         struct err *err)
{
    TRY(new_op(p, t, ret_op, err));
    (*ret_op)->code = t->writer->kind == AVRO_NULL ? AVRO_OP_NULL : AVRO_OP_UNRESOLVED;
    (*ret_op)->depth = t->parent != NULL ? t->parent->depth : 0;
    return 0;
}

/* One branch of the writer's union, which is a STRUCT of members. */
static int plan_member(struct planner *p, const struct task *t, struct avro_op *op, size_t index,
                       struct err *err)
{
    struct task part = *t;
    part.writer = op->has_index ? t->writer->branches[index] : t->writer;
    const struct avro_schema *found = codec_avro_resolve_reader(part.writer, t->reader);
    op->columns[index] = AVRO_NO_COLUMN;
    if (part.writer->kind == AVRO_NULL || found == NULL) {
        return plan_no_value(p, &part, &op->branches[index], err);
    }
    ptrdiff_t column = find_member(t->type, t->reader, found);
    if (column < 0) {
        p->a->has_rescued = true;
        p->a->has_unknown = p->a->has_unknown || (p->notice_unknown && p->preset_depth == 0 &&
                                                  has_column(p, found, t->scope));
        return 0;
    }
    op->columns[index] = (uint32_t)column;
    part.parent = op;
    part.reader = found;
    part.type = t->type->fields[column].type;
    part.name = t->type->fields[column].name;
    return plan_value(p, &part, &op->branches[index], err);
}

static int plan_members(struct planner *p, const struct task *t, struct avro_op *op,
                        struct err *err)
{
    struct arena *memory = &p->a->memory;
    assert(t->parent != NULL); /* a row is shown as members of a column "value" */
    op->code = AVRO_OP_MEMBERS;
    op->depth = t->parent->depth;
    op->has_index = t->writer->kind == AVRO_UNION;
    op->branch_count = op->has_index ? t->writer->branch_count : 1;
    op->branches = arena_new_array(memory, struct avro_op *, op->branch_count);
    op->columns = arena_new_array(memory, uint32_t, op->branch_count);
    for (size_t i = 0; i < op->branch_count; i++) {
        TRY(plan_member(p, t, op, i, err));
    }
    return 0;
}

/* A branch of the writer's union into the column of the union. */
static int plan_branch(struct planner *p, const struct task *t, const struct avro_schema *branch,
                       struct avro_op **ret_op, struct err *err)
{
    struct task part = *t;
    part.writer = branch;
    if (branch->kind == AVRO_NULL) {
        return plan_no_value(p, &part, ret_op, err);
    }
    p->is_unresolved = false;
    int rc = plan_value(p, &part, ret_op, err);
    if (rc < 0 && p->is_unresolved) {
        p->is_unresolved = false;
        return plan_no_value(p, &part, ret_op, err);
    }
    return rc;
}

static int plan_union(struct planner *p, const struct task *t, struct avro_op *op, struct err *err)
{
    const struct avro_schema *writer = t->writer;
    op->branch_count = writer->branch_count;
    op->branches = arena_new_array(&p->a->memory, struct avro_op *, op->branch_count);
    size_t nulls = 0;
    size_t unresolved = 0;
    for (size_t i = 0; i < op->branch_count; i++) {
        TRY(plan_branch(p, t, writer->branches[i], &op->branches[i], err));
        nulls += op->branches[i]->code == AVRO_OP_NULL;
        unresolved += op->branches[i]->code == AVRO_OP_UNRESOLVED;
    }
    if (unresolved > 0 && unresolved + nulls == op->branch_count) {
        return unreadable(p, t, err);
    }
    op->code = op->branch_count == 2 && nulls == 1 ? AVRO_OP_NULLABLE : AVRO_OP_UNION;
    return 0;
}

/* --- values ------------------------------------------------------------------- */

/* What an array or map holds. */
static int plan_list(struct planner *p, const struct task *t, struct avro_op *op, struct err *err)
{
    op->code = t->writer->kind == AVRO_ARRAY ? AVRO_OP_ARRAY : AVRO_OP_MAP;
    p->a->list_count++;
    op->branches = arena_new_array(&p->a->memory, struct avro_op *, 1);
    op->branch_count = 1;
    struct task part = {.writer = t->writer->branches[0],
                        .reader = t->reader->branches[0],
                        .type = t->type->fields[t->type->field_count - 1].type,
                        .parent = op,
                        .name = STR("[]"),
                        .scope = t->scope};
    return plan_value(p, &part, &op->branches[0], err);
}

static int plan_enum(struct planner *p, const struct task *t, struct avro_op *op)
{
    size_t count = t->writer->names.count;
    op->code = AVRO_OP_ENUM;
    op->symbols = arena_new_array(&p->a->memory, struct str, count);
    for (size_t i = 0; i < count; i++) {
        op->symbols[i] = codec_avro_resolve_symbol(t->writer, t->reader, i);
    }
    return 0;
}

static int plan_plain(struct planner *p, const struct task *t, struct avro_op *op, struct err *err)
{
    enum type_kind kind = t->type->kind;
    switch (t->reader->kind) {
    case AVRO_NULL:
        op->code = AVRO_OP_NULL;
        return 0;
    case AVRO_RECORD:
        return kind == TYPE_STRUCT ? plan_record(p, t, op, err) : refuse(p, t, err);
    case AVRO_ARRAY:
        return kind == TYPE_ARRAY ? plan_list(p, t, op, err) : refuse(p, t, err);
    case AVRO_MAP:
        if (kind != TYPE_MAP || t->type->fields[0].type->kind != TYPE_STRING) {
            return refuse(p, t, err);
        }
        return plan_list(p, t, op, err);
    case AVRO_ENUM:
        return kind == TYPE_STRING ? plan_enum(p, t, op) : refuse(p, t, err);
    default:
        return codec_avro_scalar_choose(op, t->writer, t->reader) ? 0 : refuse(p, t, err);
    }
}

static int check_fields(const struct task *t, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    size_t mask = 4;
    while (mask < 2 * t->type->field_count) {
        mask *= 2;
    }
    uint32_t *slots = arena_new_array(&arena, uint32_t, mask--);
    for (uint32_t i = 0; t->type->kind == TYPE_STRUCT && i < t->type->field_count; i++) {
        struct str name = t->type->fields[i].name;
        uint64_t at = str_hash(name);
        for (; slots[at & mask] != 0; at++) {
            if (str_eq(t->type->fields[slots[at & mask] - 1].name, name)) {
                return fail(t, " ", err, "has field \"%.*s\" twice", STR_FMT(str_head(name, 128)));
            }
        }
        slots[at & mask] = i + 1;
    }
    return 0;
}

static int plan_value(struct planner *p, const struct task *t, struct avro_op **ret_op,
                      struct err *err)
{
    struct avro_op *op = NULL;
    TRY(new_op(p, t, &op, err));
    assert(op != NULL);
    *ret_op = op;
    if (is_shown_as_members(t->reader, t->type)) {
        return plan_members(p, t, op, err);
    }
    if (t->writer->kind == AVRO_UNION) {
        return plan_union(p, t, op, err);
    }
    struct task plain = *t;
    plain.reader = codec_avro_resolve_reader(t->writer, t->reader);
    if (plain.reader == NULL) {
        return unreadable(p, t, err);
    }
    TRY(check_fields(&plain, err));
    return plan_plain(p, &plain, op, err);
}

int codec_avro_plan_init(struct codec_avro *a, const struct type *row_type,
                         const struct codec_options *options, struct err *err)
{
    if (row_type->kind != TYPE_STRUCT) {
        return err_set(err, ERR_CONFIG, "a row type must be a STRUCT");
    }
    struct planner p = {.a = a,
                        .rescued_column = options->rescued_column,
                        .notice_unknown = options->notice_unknown};
    struct task row = {.writer = a->writer, .reader = a->reader, .type = row_type};
    TRY(check_fields(&row, err));
    if (codec_avro_type_record(a->reader) != NULL) {
        TRY(plan_value(&p, &row, &a->root, err));
    } else {
        TRY(plan_lone_value(&p, &row, &a->root, err));
    }
    a->rows.marks = arena_new_array(&a->memory, struct codec_rows_mark, a->list_count);
    return 0;
}

static void op_done(struct avro_op *op)
{
    if (op == NULL) {
        return;
    }
    mem_free(op->keys.slots);
    for (size_t i = 0; i < op->step_count; i++) {
        op_done(op->steps[i].op);
    }
    for (size_t i = 0; i < op->missing_count; i++) {
        op_done(op->missing[i].op);
    }
    for (size_t i = 0; i < op->branch_count; i++) {
        op_done(op->branches[i]);
    }
}

void codec_avro_plan_done(struct codec_avro *a)
{
    op_done(a->root);
    arena_done(&a->memory);
}
