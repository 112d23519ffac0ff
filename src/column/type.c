/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type - the tree of types, its equality and its two spellings
 *
 * Invariants:
 *  (1) A type is never changed after it was built; the simple ones are shared constants.
 *  (2) ARRAY has one field "element", MAP has "key" and "value"; their names carry no
 *      meaning and are not compared.
 *
 * Parsing a spelling is not here: DDL is read in plan/, Delta's schema JSON in delta/.
 */
#include "column/type.h"

#include "base/base.h"

static const struct type simple_types[] = {
    [TYPE_BOOLEAN] = {.kind = TYPE_BOOLEAN},
    [TYPE_TINYINT] = {.kind = TYPE_TINYINT},
    [TYPE_SMALLINT] = {.kind = TYPE_SMALLINT},
    [TYPE_INTEGER] = {.kind = TYPE_INTEGER},
    [TYPE_BIGINT] = {.kind = TYPE_BIGINT},
    [TYPE_FLOAT] = {.kind = TYPE_FLOAT},
    [TYPE_DOUBLE] = {.kind = TYPE_DOUBLE},
    [TYPE_DECIMAL] = {.kind = TYPE_DECIMAL},
    [TYPE_STRING] = {.kind = TYPE_STRING},
    [TYPE_BINARY] = {.kind = TYPE_BINARY},
    [TYPE_DATE] = {.kind = TYPE_DATE},
    [TYPE_TIMESTAMP] = {.kind = TYPE_TIMESTAMP},
    [TYPE_TIMESTAMP_NTZ] = {.kind = TYPE_TIMESTAMP_NTZ},
};

/* Both spellings of the kinds that are one word. */
static const char *const spark_names[] = {
    [TYPE_BOOLEAN] = "BOOLEAN",     [TYPE_TINYINT] = "TINYINT",
    [TYPE_SMALLINT] = "SMALLINT",   [TYPE_INTEGER] = "INT",
    [TYPE_BIGINT] = "BIGINT",       [TYPE_FLOAT] = "FLOAT",
    [TYPE_DOUBLE] = "DOUBLE",       [TYPE_STRING] = "STRING",
    [TYPE_BINARY] = "BINARY",       [TYPE_DATE] = "DATE",
    [TYPE_TIMESTAMP] = "TIMESTAMP", [TYPE_TIMESTAMP_NTZ] = "TIMESTAMP_NTZ",
};
static const char *const duckdb_names[] = {
    [TYPE_BOOLEAN] = "BOOLEAN",
    [TYPE_TINYINT] = "TINYINT",
    [TYPE_SMALLINT] = "SMALLINT",
    [TYPE_INTEGER] = "INTEGER",
    [TYPE_BIGINT] = "BIGINT",
    [TYPE_FLOAT] = "FLOAT",
    [TYPE_DOUBLE] = "DOUBLE",
    [TYPE_STRING] = "VARCHAR",
    [TYPE_BINARY] = "BLOB",
    [TYPE_DATE] = "DATE",
    [TYPE_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE",
    [TYPE_TIMESTAMP_NTZ] = "TIMESTAMP",
};
static_assert(ARRAY_COUNT(spark_names) == TYPE_STRUCT, "a name for every simple kind");
static_assert(ARRAY_COUNT(duckdb_names) == TYPE_STRUCT, "a name for every simple kind");

const struct type *type_simple(enum type_kind kind)
{
    assert(kind < TYPE_STRUCT && kind != TYPE_DECIMAL);
    return &simple_types[kind];
}

const struct type *type_decimal(struct arena *arena, uint8_t precision, uint8_t scale)
{
    assert(precision >= 1 && precision <= 38);
    assert(scale <= precision);
    struct type *t = arena_new(arena, struct type);
    *t = (struct type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
    return t;
}

static const struct type *new_nested(struct arena *arena, enum type_kind kind,
                                     const struct type_field *fields, size_t count)
{
    struct type *t = arena_new(arena, struct type);
    struct type_field *copy = arena_new_array(arena, struct type_field, count);
    if (count > 0) {
        memcpy(copy, fields, count * sizeof(*fields));
    }
    *t = (struct type){.kind = kind, .field_count = count, .fields = copy};
    return t;
}

const struct type *type_array(struct arena *arena, const struct type *element, bool contains_null)
{
    assert(element != NULL);
    struct type_field field = {.name = STR("element"), .type = element, .nullable = contains_null};
    return new_nested(arena, TYPE_ARRAY, &field, 1);
}

const struct type *type_map(struct arena *arena, const struct type *key, const struct type *value,
                            bool value_contains_null)
{
    assert(key != NULL && value != NULL);
    struct type_field fields[] = {
        {.name = STR("key"), .type = key, .nullable = false},
        {.name = STR("value"), .type = value, .nullable = value_contains_null},
    };
    return new_nested(arena, TYPE_MAP, fields, 2);
}

const struct type *type_struct(struct arena *arena, const struct type_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert(fields[i].type != NULL);
    }
    return new_nested(arena, TYPE_STRUCT, fields, count);
}

bool type_is_nested(const struct type *t)
{
    return t->kind >= TYPE_STRUCT;
}

static bool types_equal(const struct type *a, const struct type *b, bool with_nullability)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->field_count != b->field_count) {
        return false;
    }
    for (size_t i = 0; i < a->field_count; i++) {
        const struct type_field *x = &a->fields[i];
        const struct type_field *y = &b->fields[i];
        if ((a->kind == TYPE_STRUCT && !str_eq(x->name, y->name)) ||
            (with_nullability && x->nullable != y->nullable) ||
            !types_equal(x->type, y->type, with_nullability)) {
            return false;
        }
    }
    return true;
}

bool type_eq(const struct type *a, const struct type *b)
{
    return types_equal(a, b, true);
}

bool type_eq_shape(const struct type *a, const struct type *b)
{
    return types_equal(a, b, false);
}

/* `name` between two `quote` characters, doubled inside. */
static void print_quoted(struct str name, char quote, struct buf *out)
{
    buf_add_char(out, quote);
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == quote) {
            buf_add_char(out, quote);
        }
        buf_add_char(out, name.ptr[i]);
    }
    buf_add_char(out, quote);
}

/* Spark leaves a name bare when it is letters, digits and _, and not digits only. */
static bool is_plain_name(struct str name)
{
    bool has_letter = false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9')) {
            return false;
        }
        has_letter |= letter;
    }
    return has_letter;
}

static void print_field(const struct type_field *field, struct buf *out)
{
    if (is_plain_name(field->name)) {
        buf_add_str(out, field->name);
    } else {
        print_quoted(field->name, '`', out);
    }
    buf_add_c(out, ": ");
    type_print(field->type, out);
    if (!field->nullable) {
        buf_add_c(out, " NOT NULL");
    }
    if (field->comment.len > 0) {
        buf_add_c(out, " COMMENT '");
        for (size_t i = 0; i < field->comment.len; i++) {
            char c = field->comment.ptr[i];
            if (c == '\'' || c == '\\') {
                buf_add_char(out, '\\');
            }
            buf_add_char(out, c);
        }
        buf_add_char(out, '\'');
    }
}

void type_print(const struct type *t, struct buf *out)
{
    switch (t->kind) {
    case TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%u,%u)", t->precision, t->scale);
        return;
    case TYPE_STRUCT:
        buf_add_c(out, "STRUCT<");
        for (size_t i = 0; i < t->field_count; i++) {
            buf_add_c(out, i > 0 ? ", " : "");
            print_field(&t->fields[i], out);
        }
        buf_add_char(out, '>');
        return;
    case TYPE_ARRAY:
        buf_add_c(out, "ARRAY<");
        type_print(t->fields[0].type, out);
        buf_add_char(out, '>');
        return;
    case TYPE_MAP:
        buf_add_c(out, "MAP<");
        type_print(t->fields[0].type, out);
        buf_add_c(out, ", ");
        type_print(t->fields[1].type, out);
        buf_add_char(out, '>');
        return;
    default:
        buf_add_c(out, spark_names[t->kind]);
    }
}

void type_print_duckdb(const struct type *t, struct buf *out)
{
    switch (t->kind) {
    case TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%u,%u)", t->precision, t->scale);
        return;
    case TYPE_STRUCT:
        buf_add_c(out, "STRUCT(");
        for (size_t i = 0; i < t->field_count; i++) {
            buf_add_c(out, i > 0 ? ", " : "");
            print_quoted(t->fields[i].name, '"', out);
            buf_add_char(out, ' ');
            type_print_duckdb(t->fields[i].type, out);
        }
        buf_add_char(out, ')');
        return;
    case TYPE_ARRAY:
        type_print_duckdb(t->fields[0].type, out);
        buf_add_c(out, "[]");
        return;
    case TYPE_MAP:
        buf_add_c(out, "MAP(");
        type_print_duckdb(t->fields[0].type, out);
        buf_add_c(out, ", ");
        type_print_duckdb(t->fields[1].type, out);
        buf_add_char(out, ')');
        return;
    default:
        buf_add_c(out, duckdb_names[t->kind]);
    }
}

ptrdiff_t type_find_field(const struct type *t, struct str name)
{
    for (size_t i = 0; i < t->field_count; i++) {
        if (str_eq(t->fields[i].name, name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

ptrdiff_t type_find_field_nocase(const struct type *t, struct str name)
{
    for (size_t i = 0; i < t->field_count; i++) {
        if (str_eq_nocase(t->fields[i].name, name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}
