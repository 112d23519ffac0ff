/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/schema.h"

/*
 * schema_fit - what a query makes against what a table holds
 *
 * The table's schema and the query's row type are walked together.  Each
 * difference becomes one line; additions go into the JSON tree of the table's
 * schemaString, at the end of their struct, so that everything that was there
 * keeps its text and place.
 *
 *  (1) Top-level columns match with ASCII case ignored: the writer names them
 *      as the table does.  Fields inside a struct must match to the letter:
 *      nobody renames those.
 *  (2) Types are never widened or cast here: the user writes the CAST.
 *  (3) What is added is nullable, whatever the query says.
 */

struct fit {
    struct arena *arena;
    struct buf problems; /* one line each */
    bool merge;
    bool wider;
};

static void problem(struct fit *fit, const char *fmt, ...) PRINTF(2, 3);

static void problem(struct fit *fit, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (fit->problems.len > 0) {
        buf_add_char(&fit->problems, '\n');
    }
    buf_vprintf(&fit->problems, fmt, args);
    va_end(args);
}

static struct str child_path(struct fit *fit, struct str path, struct str name)
{
    if (path.len == 0) {
        return name;
    }
    return str_of(arena_printf(fit->arena, "%.*s.%.*s", STR_FMT(path), STR_FMT(name)));
}

/* The same type, all nullable: what is added must have no NOT NULL in it. */
static const struct type *nullable_copy(struct arena *arena, const struct type *type)
{
    if (type->kind == TYPE_ARRAY) {
        return type_array(arena, nullable_copy(arena, type->fields[0].type), true);
    }
    if (type->kind == TYPE_MAP) {
        return type_map(arena, nullable_copy(arena, type->fields[0].type),
                        nullable_copy(arena, type->fields[1].type), true);
    }
    if (type->kind != TYPE_STRUCT) {
        return type;
    }
    struct type_field *fields = arena_new_array(arena, struct type_field, type->field_count + 1);
    for (size_t i = 0; i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].nullable = true;
        fields[i].type = nullable_copy(arena, type->fields[i].type);
    }
    return type_struct(arena, fields, type->field_count);
}

/* Appends a field to the "fields" of a struct's JSON node. */
static void add_field(struct fit *fit, struct json *node, const struct type_field *field,
                      struct str path)
{
    struct json *fields = json_find(node, "fields");
    assert(fields != NULL && fields->kind == JSON_ARRAY);
    struct type_field added = *field;
    added.nullable = true;
    added.type = nullable_copy(fit->arena, field->type);

    AUTO_BUF struct buf text = {0};
    struct json_writer w;
    struct json *tree = NULL;
    struct err err;
    json_begin(&w, &text);
    delta_schema_write_field(&w, &added);
    int rc = json_parse(fit->arena, arena_str(fit->arena, buf_str(&text)), &tree, &err);
    assert(rc >= 0);
    (void)rc;
    (void)path;
    json_append(fields, STR(""), tree);
    fit->wider = true;
}

static void fit_type(struct fit *fit, struct json *node, const struct type *table,
                     const struct type *query, struct str path);

static void type_differs(struct fit *fit, const struct type *table, const struct type *query,
                         struct str path)
{
    AUTO_BUF struct buf has = {0};
    AUTO_BUF struct buf gives = {0};
    type_print(table, &has);
    type_print(query, &gives);
    if (type_is_nested(table) || type_is_nested(query)) {
        problem(fit, "column \"%.*s\": the table has %.*s, the query gives %.*s", STR_FMT(path),
                STR_FMT(buf_str(&has)), STR_FMT(buf_str(&gives)));
    } else {
        problem(fit,
                "column \"%.*s\": the table has %.*s, the query gives %.*s; write CAST(… AS %.*s)",
                STR_FMT(path), STR_FMT(buf_str(&has)), STR_FMT(buf_str(&gives)),
                STR_FMT(buf_str(&has)));
    }
}

/* Field of the JSON node at the place of a table's field. */
static struct json *field_node(struct json *node, size_t index)
{
    struct json *fields = json_find(node, "fields");
    struct json *it = fields == NULL ? NULL : fields->child;
    while (it != NULL && index > 0) {
        it = it->next;
        index--;
    }
    assert(it != NULL);
    return it;
}

static void fit_query_field(struct fit *fit, struct json *node, const struct type *table,
                            const struct type_field *field, struct str path)
{
    struct str here = child_path(fit, path, field->name);
    ptrdiff_t at = type_find_field(table, field->name);
    ptrdiff_t near = type_find_field_nocase(table, field->name);
    if (at < 0 && near >= 0 && path.len > 0) {
        problem(fit, "column \"%.*s\": the table's field is spelled \"%.*s\"", STR_FMT(here),
                STR_FMT(table->fields[near].name));
        return;
    }
    at = at < 0 ? near : at;
    if (at >= 0) {
        struct json *child = json_find(field_node(node, (size_t)at), "type");
        fit_type(fit, child, table->fields[at].type, field->type, here);
    } else if (fit->merge) {
        add_field(fit, node, field, here);
    } else {
        AUTO_BUF struct buf type = {0};
        type_print(field->type, &type);
        problem(fit, "column \"%.*s\" %.*s is not in the table; set mergeSchema = true to add it",
                STR_FMT(here), STR_FMT(buf_str(&type)));
    }
}

static void fit_struct(struct fit *fit, struct json *node, const struct type *table,
                       const struct type *query, struct str path)
{
    for (size_t i = 0; i < query->field_count; i++) {
        fit_query_field(fit, node, table, &query->fields[i], path);
    }
    for (size_t i = 0; i < table->field_count; i++) {
        const struct type_field *field = &table->fields[i];
        if (!field->nullable && type_find_field_nocase(query, field->name) < 0) {
            problem(fit, "column \"%.*s\" is NOT NULL in the table and missing from the query",
                    STR_FMT(child_path(fit, path, field->name)));
        }
    }
}

static void fit_type(struct fit *fit, struct json *node, const struct type *table,
                     const struct type *query, struct str path)
{
    if (table->kind != query->kind || table->precision != query->precision ||
        table->scale != query->scale) {
        type_differs(fit, table, query, path);
        return;
    }
    if (table->kind == TYPE_STRUCT) {
        fit_struct(fit, node, table, query, path);
    } else if (table->kind == TYPE_ARRAY) {
        fit_type(fit, json_find(node, "elementType"), table->fields[0].type, query->fields[0].type,
                 child_path(fit, path, STR("element")));
    } else if (table->kind == TYPE_MAP) {
        fit_type(fit, json_find(node, "keyType"), table->fields[0].type, query->fields[0].type,
                 child_path(fit, path, STR("key")));
        fit_type(fit, json_find(node, "valueType"), table->fields[1].type, query->fields[1].type,
                 child_path(fit, path, STR("value")));
    }
}

static void fit_partitions(struct fit *fit, const struct delta_snapshot *table,
                           const struct type *query)
{
    for (size_t i = 0; i < table->metadata.partition_columns.count; i++) {
        struct str name = table->metadata.partition_columns.items[i];
        if (type_find_field_nocase(query, name) < 0) {
            problem(fit, "partition column \"%.*s\" of the table is missing from the query",
                    STR_FMT(name));
        }
    }
}

int delta_schema_fit(struct arena *arena, const struct delta_snapshot *table,
                     const struct type *query, bool merge, struct str *ret_schema_string,
                     const struct type **ret_schema, struct err *err)
{
    struct json *root = NULL;
    const struct type *schema = NULL;
    struct str text = arena_str(arena, table->metadata.schema_string);
    TRY(delta_schema_check(query, err));
    TRY(delta_schema_parse(arena, text, &schema, err));
    TRY(json_parse(arena, text, &root, err));
    struct fit fit = {.arena = arena, .merge = merge};
    AUTO_BUF struct buf merged = {0};
    fit_type(&fit, root, schema, query, STR(""));
    fit_partitions(&fit, table, query);
    if (fit.problems.len > 0) {
        int rc = err_set(err, ERR_CONFIG, "%.*s", STR_FMT(buf_str(&fit.problems)));
        buf_done(&fit.problems);
        return rc;
    }
    if (!fit.wider) {
        *ret_schema_string = text;
        *ret_schema = schema;
        return DELTA_SCHEMA_SAME;
    }
    json_print(root, &merged);
    *ret_schema_string = arena_str(arena, buf_str(&merged));
    TRY(delta_schema_parse(arena, *ret_schema_string, ret_schema, err));
    return DELTA_SCHEMA_WIDER;
}
