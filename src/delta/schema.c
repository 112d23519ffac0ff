/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/schema.h"

/*
 * schema - Spark's schema JSON, to and from types (delta.md 1.6)
 *
 *     {"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}},…]}
 *
 *  (1) Of a field's metadata only the comment is kept in a type; whoever writes
 *      a schema back edits the JSON itself (schema_fit.c), never prints a type
 *      over it.
 *  (2) Names are unique with ASCII case ignored; a table where they are not is
 *      refused.
 *  (3) void, variant, interval, geometry and whatever comes next are refused by
 *      name, not guessed.
 */

static const struct {
    const char *name;
    enum type_kind kind;
} simple_types[] = {
    {"string", TYPE_STRING},  {"long", TYPE_BIGINT},         {"integer", TYPE_INTEGER},
    {"short", TYPE_SMALLINT}, {"byte", TYPE_TINYINT},        {"float", TYPE_FLOAT},
    {"double", TYPE_DOUBLE},  {"boolean", TYPE_BOOLEAN},     {"binary", TYPE_BINARY},
    {"date", TYPE_DATE},      {"timestamp", TYPE_TIMESTAMP}, {"timestamp_ntz", TYPE_TIMESTAMP_NTZ},
};

/* "decimal(10,2)", "decimal" */
static bool read_decimal(struct arena *arena, struct str text, const struct type **ret_type)
{
    if (str_eq_c(text, "decimal")) {
        *ret_type = type_decimal(arena, 10, 0);
        return true;
    }
    if (!str_starts(text, STR("decimal(")) || !str_ends(text, STR(")"))) {
        return false;
    }
    struct str rest = str_n(text.ptr + 8, text.len - 9);
    struct str precision = STR_NULL;
    uint64_t p = 0;
    uint64_t s = 0;
    (void)str_split(&rest, ',', &precision);
    if (!str_to_u64(str_trim(precision), &p) || !str_to_u64(str_trim(rest), &s) || p < 1 ||
        p > 38 || s > p) {
        return false;
    }
    *ret_type = type_decimal(arena, (uint8_t)p, (uint8_t)s);
    return true;
}

static int read_simple(struct arena *arena, struct str text, const struct type **ret_type,
                       struct err *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(simple_types); i++) {
        if (str_eq_c(text, simple_types[i].name)) {
            *ret_type = type_simple(simple_types[i].kind);
            return 0;
        }
    }
    if (read_decimal(arena, text, ret_type)) {
        return 0;
    }
    return err_set(err, ERR_CONFIG, "the type \"%.*s\" is not supported", STR_FMT(text));
}

static int read_struct(struct arena *arena, const struct json *node, const struct type **ret_type,
                       struct err *err)
{
    const struct json *fields = json_find(node, "fields");
    if (fields == NULL || fields->kind != JSON_ARRAY) {
        return err_set(err, ERR_CORRUPT, "schema: a struct has no array \"fields\"");
    }
    struct type_field *items = arena_new_array(arena, struct type_field, fields->count + 1);
    size_t count = 0;
    json_foreach (it, fields) {
        struct type_field *field = &items[count++];
        struct str name;
        if (!json_get_str(json_find(it, "name"), &name)) {
            return err_set(err, ERR_CORRUPT, "schema: a field has no \"name\"");
        }
        field->name = arena_str(arena, name);
        field->nullable = true;
        field->comment = STR("");
        (void)json_get_bool(json_find(it, "nullable"), &field->nullable);
        struct str comment;
        if (json_get_str(json_find(json_find(it, "metadata"), "comment"), &comment)) {
            field->comment = arena_str(arena, comment);
        }
        int rc = delta_schema_read(arena, json_find(it, "type"), &field->type, err);
        if (rc < 0) {
            return err_wrap(err, "column \"%.*s\"", STR_FMT(name));
        }
    }
    *ret_type = type_struct(arena, items, count);
    return 0;
}

int delta_schema_read(struct arena *arena, const struct json *node, const struct type **ret_type,
                      struct err *err)
{
    struct str kind = STR_NULL;
    if (json_get_str(node, &kind)) {
        return read_simple(arena, kind, ret_type, err);
    }
    if (node == NULL || node->kind != JSON_OBJECT ||
        !json_get_str(json_find(node, "type"), &kind)) {
        return err_set(err, ERR_CORRUPT, "schema: a type is neither a name nor an object");
    }
    if (str_eq_c(kind, "struct")) {
        return read_struct(arena, node, ret_type, err);
    }
    bool has_null = true;
    if (str_eq_c(kind, "array")) {
        const struct type *element = NULL;
        TRY(delta_schema_read(arena, json_find(node, "elementType"), &element, err));
        (void)json_get_bool(json_find(node, "containsNull"), &has_null);
        *ret_type = type_array(arena, element, has_null);
        return 0;
    }
    if (str_eq_c(kind, "map")) {
        const struct type *key = NULL;
        const struct type *value = NULL;
        TRY(delta_schema_read(arena, json_find(node, "keyType"), &key, err));
        TRY(delta_schema_read(arena, json_find(node, "valueType"), &value, err));
        (void)json_get_bool(json_find(node, "valueContainsNull"), &has_null);
        *ret_type = type_map(arena, key, value, has_null);
        return 0;
    }
    return err_set(err, ERR_CONFIG, "the type \"%.*s\" is not supported", STR_FMT(kind));
}

int delta_schema_parse(struct arena *arena, struct str schema_string, const struct type **ret_type,
                       struct err *err)
{
    struct json *root = NULL;
    const struct type *type = NULL;
    int rc = json_parse(arena, schema_string, &root, err);
    if (rc < 0) {
        err->code = ERR_CORRUPT;
        return err_wrap(err, "schemaString");
    }
    TRY(delta_schema_read(arena, root, &type, err));
    if (type->kind != TYPE_STRUCT) {
        return err_set(err, ERR_CORRUPT, "schemaString is not a struct");
    }
    *ret_type = type;
    return 0;
}

/* ---- printing -------------------------------------------------------------------------------- */

void delta_schema_write_field(struct json_writer *w, const struct type_field *field)
{
    json_open_object(w);
    json_name(w, "name");
    json_str(w, field->name);
    json_name(w, "type");
    delta_schema_write(w, field->type);
    json_name(w, "nullable");
    json_bool(w, field->nullable);
    json_name(w, "metadata");
    json_open_object(w);
    if (field->comment.len > 0) {
        json_name(w, "comment");
        json_str(w, field->comment);
    }
    json_close_object(w);
    json_close_object(w);
}

static void write_nested(struct json_writer *w, const struct type *type)
{
    json_open_object(w);
    json_name(w, "type");
    if (type->kind == TYPE_STRUCT) {
        json_c(w, "struct");
        json_name(w, "fields");
        json_open_array(w);
        for (size_t i = 0; i < type->field_count; i++) {
            delta_schema_write_field(w, &type->fields[i]);
        }
        json_close_array(w);
    } else if (type->kind == TYPE_ARRAY) {
        json_c(w, "array");
        json_name(w, "elementType");
        delta_schema_write(w, type->fields[0].type);
        json_name(w, "containsNull");
        json_bool(w, type->fields[0].nullable);
    } else {
        assert(type->kind == TYPE_MAP);
        json_c(w, "map");
        json_name(w, "keyType");
        delta_schema_write(w, type->fields[0].type);
        json_name(w, "valueType");
        delta_schema_write(w, type->fields[1].type);
        json_name(w, "valueContainsNull");
        json_bool(w, type->fields[1].nullable);
    }
    json_close_object(w);
}

void delta_schema_write(struct json_writer *w, const struct type *type)
{
    if (type_is_nested(type)) {
        write_nested(w, type);
        return;
    }
    if (type->kind == TYPE_DECIMAL) {
        AUTO_BUF struct buf text = {0};
        buf_printf(&text, "decimal(%u,%u)", (unsigned)type->precision, (unsigned)type->scale);
        json_str(w, buf_str(&text));
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(simple_types); i++) {
        if (simple_types[i].kind == type->kind) {
            json_c(w, simple_types[i].name);
            return;
        }
    }
    assert(false);
}

void delta_schema_print(const struct type *row_type, struct buf *out)
{
    assert(row_type->kind == TYPE_STRUCT);
    struct json_writer w;
    json_begin(&w, out);
    delta_schema_write(&w, row_type);
}

/* ---- looking for things ---------------------------------------------------------------------- */

static bool node_has_key(const struct json *node, struct str key, bool prefix)
{
    json_foreach (it, node) {
        if (str_eq_c(it->name, "metadata") && it->kind == JSON_OBJECT) {
            json_foreach (member, it) {
                if (prefix ? str_starts(member->name, key) : str_eq(member->name, key)) {
                    return true;
                }
            }
        } else if (node_has_key(it, key, prefix)) {
            return true;
        }
    }
    return false;
}

bool delta_schema_has_key(struct str schema_string, const char *key, bool prefix)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    return json_parse(&arena, schema_string, &root, &err) >= 0 &&
           node_has_key(root, str_of(key), prefix);
}

static bool any_below(const struct type *type, size_t depth, delta_schema_is_fn is,
                      struct buf *path)
{
    size_t start = path->len;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct type_field *field = &type->fields[i];
        path->len = start;
        buf_add_c(path, start == 0 ? "" : ".");
        if (type->kind == TYPE_STRUCT) {
            buf_add_str(path, field->name);
        } else {
            buf_add_c(path, type->kind == TYPE_ARRAY ? "element" : i == 0 ? "key" : "value");
        }
        if ((type->kind == TYPE_STRUCT && is(field, depth)) ||
            any_below(field->type, depth + 1, is, path)) {
            return true;
        }
    }
    path->len = start;
    return false;
}

bool delta_schema_any(const struct type *row_type, delta_schema_is_fn is, struct buf *path)
{
    buf_reset(path);
    return any_below(row_type, 0, is, path);
}

/* ---- checking -------------------------------------------------------------------------------- */

static int check_names(const struct type *type, struct str where, struct err *err)
{
    for (size_t i = 0; type->kind == TYPE_STRUCT && i < type->field_count; i++) {
        struct str name = type->fields[i].name;
        if (name.len == 0) {
            return err_set(err, ERR_CONFIG, "%.*s has a column without a name", STR_FMT(where));
        }
        for (size_t c = 0; c < name.len; c++) {
            if (strchr(" ,;{}()\n\t=", name.ptr[c]) != NULL) {
                return err_set(
                    err, ERR_CONFIG,
                    "column \"%.*s\": Delta names cannot hold any of \" ,;{}()\\n\\t=\"; "
                    "give it another name with AS",
                    STR_FMT(name));
            }
        }
        ptrdiff_t first = type_find_field_nocase(type, name);
        if (first >= 0 && (size_t)first < i) {
            return err_set(err, ERR_CONFIG,
                           "columns \"%.*s\" and \"%.*s\" are the same name but for case",
                           STR_FMT(type->fields[first].name), STR_FMT(name));
        }
    }
    for (size_t i = 0; i < type->field_count; i++) {
        struct str inner = type->kind == TYPE_STRUCT ? type->fields[i].name : where;
        TRY(check_names(type->fields[i].type, inner, err));
    }
    if (type->kind == TYPE_STRUCT && type->field_count == 0) {
        return err_set(err, ERR_CONFIG, "%.*s has no columns", STR_FMT(where));
    }
    return 0;
}

int delta_schema_check(const struct type *row_type, struct err *err)
{
    assert(row_type->kind == TYPE_STRUCT);
    return check_names(row_type, STR("the query"), err);
}
