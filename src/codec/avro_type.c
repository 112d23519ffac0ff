/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_type - the column types that a schema amounts to, by Spark's SchemaConverters
 *
 * Everything is nullable, as from_avro makes it in PERMISSIVE mode: a message that cannot be
 * decoded is a row of NULLs.  What Spark gives a type without values (null) or without fields (an
 * empty record) has no column here, for neither Delta nor Parquet can hold it.
 */
#include "codec/avro_type.h"

#include "base/base.h"

#define DEPTH_MAX 512
/* A schema that names a record twice in the next doubles with every step. */
#define TYPES_MAX 100000

struct describer {
    struct arena *arena;
    uint32_t recursive_depth;
    size_t type_count;
    struct buf path;
    size_t depth;
};

static int describe(struct describer *d, const struct avro_schema *s,
                    const struct avro_scope *scope, const struct type **ret_type, struct err *err);

static COLD PRINTF(3, 4) int fail(const struct describer *d, struct err *err, const char *fmt, ...)
{
    AUTO_BUF struct buf what = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&what, fmt, args);
    va_end(args);
    if (d->path.len == 0) {
        return err_set(err, ERR_CONFIG, "avro schema: %.*s", STR_FMT(buf_str(&what)));
    }
    return err_set(err, ERR_CONFIG, "avro schema, field \"%.*s\": %.*s",
                   STR_FMT(str_head(buf_str(&d->path), 256)), STR_FMT(buf_str(&what)));
}

/* What a part of the schema called `name` amounts to. */
static int describe_part(struct describer *d, struct str name, const struct avro_schema *s,
                         const struct avro_scope *scope, const struct type **ret_type,
                         struct err *err)
{
    size_t before = d->path.len;
    if (before > 0 && name.len > 0 && name.ptr[0] != '[') {
        buf_add_char(&d->path, '.');
    }
    buf_add_str(&d->path, name);
    TRY(describe(d, s, scope, ret_type, err));
    d->path.len = before;
    return 0;
}

static int describe_record(struct describer *d, const struct avro_schema *s,
                           const struct avro_scope *scope, const struct type **ret_type,
                           struct err *err)
{
    uint32_t inside = 0;
    for (const struct avro_scope *around = scope; around != NULL; around = around->parent) {
        inside += around->record == s;
    }
    if (inside > 0 && d->recursive_depth == 0) {
        return fail(d, err,
                    "record %.*s contains itself; option recursiveFieldMaxDepth says how often "
                    "to follow it",
                    STR_FMT(str_head(s->full_name, 128)));
    }
    if (inside > 0 && inside >= d->recursive_depth) {
        *ret_type = NULL;
        return 0;
    }
    struct avro_scope here = {scope, s};
    struct type_field *fields = arena_new_array(d->arena, struct type_field, s->names.count);
    size_t count = 0;
    for (size_t i = 0; i < s->names.count; i++) {
        const struct type *type = NULL;
        TRY(describe_part(d, s->names.items[i], s->fields[i].schema, &here, &type, err));
        if (type != NULL) {
            fields[count++] = (struct type_field){
                .name = arena_str(d->arena, s->names.items[i]), .type = type, .nullable = true};
        }
    }
    *ret_type = count > 0 ? type_struct(d->arena, fields, count) : NULL;
    return 0;
}

/* True for the kinds a and b in either order, and nothing else but null. */
static bool is_union_of(const struct avro_schema *s, enum avro_kind a, enum avro_kind b)
{
    size_t found_a = 0;
    size_t found_b = 0;
    size_t others = 0;
    for (size_t i = 0; i < s->branch_count; i++) {
        enum avro_kind kind = s->branches[i]->kind;
        found_a += kind == a;
        found_b += kind == b;
        others += kind != a && kind != b && kind != AVRO_NULL;
    }
    return found_a == 1 && found_b == 1 && others == 0;
}

static int describe_union(struct describer *d, const struct avro_schema *s,
                          const struct avro_scope *scope, const struct type **ret_type,
                          struct err *err)
{
    const struct avro_schema *first = NULL;
    size_t count = codec_avro_schema_count_values(s, &first);
    *ret_type = NULL;
    if (count < 2) {
        return count == 0 ? 0 : describe(d, first, scope, ret_type, err);
    }
    if (is_union_of(s, AVRO_INT, AVRO_LONG)) {
        *ret_type = type_simple(TYPE_BIGINT);
        return 0;
    }
    if (is_union_of(s, AVRO_FLOAT, AVRO_DOUBLE)) {
        *ret_type = type_simple(TYPE_DOUBLE);
        return 0;
    }
    struct type_field *fields = arena_new_array(d->arena, struct type_field, count);
    size_t member = 0;
    size_t used = 0;
    for (size_t i = 0; i < s->branch_count; i++) {
        if (s->branches[i]->kind == AVRO_NULL) {
            continue;
        }
        const char *name = arena_printf(d->arena, "member%zu", member++);
        const struct type *type = NULL;
        TRY(describe_part(d, str_of(name), s->branches[i], scope, &type, err));
        if (type != NULL) {
            fields[used++] =
                (struct type_field){.name = str_of(name), .type = type, .nullable = true};
        }
    }
    *ret_type = used > 0 ? type_struct(d->arena, fields, used) : NULL;
    return 0;
}

static int describe_held(struct describer *d, const struct avro_schema *s,
                         const struct avro_scope *scope, const struct type **ret_type,
                         struct err *err)
{
    const struct type *held = NULL;
    TRY(describe_part(d, STR("[]"), s->branches[0], scope, &held, err));
    if (held == NULL) {
        *ret_type = NULL;
    } else if (s->kind == AVRO_ARRAY) {
        *ret_type = type_array(d->arena, held, true);
    } else {
        *ret_type = type_map(d->arena, type_simple(TYPE_STRING), held, true);
    }
    return 0;
}

static const struct type *simple_type(const struct avro_schema *s)
{
    switch (s->logical) {
    case AVRO_DATE:
        return type_simple(TYPE_DATE);
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
        return type_simple(TYPE_TIMESTAMP);
    case AVRO_LOCAL_TIMESTAMP_MILLIS:
    case AVRO_LOCAL_TIMESTAMP_MICROS:
        return type_simple(TYPE_TIMESTAMP_NTZ);
    default: /* Spark knows neither times of day nor nanoseconds, and they are numbers to it */
        break;
    }
    switch (s->kind) {
    case AVRO_BOOLEAN:
        return type_simple(TYPE_BOOLEAN);
    case AVRO_INT:
        return type_simple(TYPE_INTEGER);
    case AVRO_LONG:
        return type_simple(TYPE_BIGINT);
    case AVRO_FLOAT:
        return type_simple(TYPE_FLOAT);
    case AVRO_DOUBLE:
        return type_simple(TYPE_DOUBLE);
    case AVRO_BYTES:
    case AVRO_FIXED:
        return type_simple(TYPE_BINARY);
    case AVRO_STRING:
    case AVRO_ENUM:
        return type_simple(TYPE_STRING);
    default:
        return NULL; /* null */
    }
}

static int describe(struct describer *d, const struct avro_schema *s,
                    const struct avro_scope *scope, const struct type **ret_type, struct err *err)
{
    if (++d->type_count > TYPES_MAX) {
        return fail(d, err, "the schema amounts to more than %d columns", TYPES_MAX);
    }
    if (d->depth == DEPTH_MAX) {
        return fail(d, err, "the schema is nested deeper than %d", DEPTH_MAX);
    }
    int rc = 0;
    d->depth++;
    switch (s->kind) {
    case AVRO_RECORD:
        rc = describe_record(d, s, scope, ret_type, err);
        break;
    case AVRO_UNION:
        rc = describe_union(d, s, scope, ret_type, err);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        rc = describe_held(d, s, scope, ret_type, err);
        break;
    default:
        if (s->logical != AVRO_DECIMAL) {
            *ret_type = simple_type(s);
        } else if (s->precision > 38) {
            rc = fail(d, err, "a decimal of %u digits; a DECIMAL column has at most 38",
                      s->precision);
        } else {
            *ret_type = type_decimal(d->arena, (uint8_t)s->precision, (uint8_t)s->scale);
        }
    }
    d->depth--;
    return rc;
}

int codec_avro_type_of(const struct avro_schema *schema, const struct avro_scope *scope,
                       uint32_t recursive_depth, struct arena *arena, const struct type **ret_type,
                       struct err *err)
{
    struct describer d = {.arena = arena, .recursive_depth = recursive_depth};
    int rc = describe(&d, schema, scope, ret_type, err);
    buf_done(&d.path);
    return rc;
}

const struct avro_schema *codec_avro_type_record(const struct avro_schema *schema)
{
    if (schema->kind == AVRO_UNION) {
        const struct avro_schema *first = NULL;
        if (codec_avro_schema_count_values(schema, &first) == 1) {
            schema = first;
        }
    }
    return schema->kind == AVRO_RECORD ? schema : NULL;
}

int codec_avro_type_describe(const struct avro_schema *schema, uint32_t recursive_depth,
                             struct arena *arena, const struct type **ret_row_type, struct err *err)
{
    const struct type *type = NULL;
    TRY(codec_avro_type_of(schema, NULL, recursive_depth, arena, &type, err));
    if (type == NULL) {
        return err_set(err, ERR_CONFIG, "avro schema: it holds nothing that could be a column");
    }
    if (codec_avro_type_record(schema) == NULL) {
        struct type_field value = {.name = STR("value"), .type = type, .nullable = true};
        type = type_struct(arena, &value, 1);
    }
    *ret_row_type = type;
    return 0;
}
