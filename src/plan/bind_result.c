/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind_result - what comes out: names, types, partition columns
 *
 *  (1) Column names of the result are distinct without regard to case, and Delta's: Spark and
 *      Delta without column mapping refuse blanks and ,;{}()= in them.
 *  (2) Every type is one that Delta has; sql_describe says which cast to write where it is not.
 *  (3) A declared column is found by name; its type is cast to and its NOT NULL is checked row by
 *      row: a NULL is an error of that row, which the job brings home to its message.
 */
#include "plan/bind.h"
#include "plan/complain.h"

#define NAME_REFUSED " ,;{}()\n\t="

static int check_name(const struct plan_binder *b, const struct plan_piece *piece, struct str name,
                      const char *what)
{
    char text[PLAN_QUOTE_BYTES];
    if (name.len == 0) {
        return plan_bind_complain(b, piece, 0, "a %s has no name; add AS name", what);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (strchr(NAME_REFUSED, name.ptr[i]) != NULL) {
            return plan_bind_complain(b, piece, 0,
                                      "a Delta table cannot have a %s named %s (blanks and any of "
                                      ",;{}()= are refused); add AS name",
                                      what, plan_complain_quote(name, text));
        }
    }
    return 0;
}

static int check_nested_names(const struct plan_binder *b, const struct plan_piece *piece,
                              const struct type *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->kind == TYPE_STRUCT) {
            TRY(check_name(b, piece, type->fields[i].name, "field"));
            for (size_t k = 0; k < i; k++) {
                if (str_eq_nocase(type->fields[i].name, type->fields[k].name)) {
                    return plan_bind_complain(
                        b, piece, 0, "a struct has two fields \"%.*s\" and \"%.*s\"",
                        STR_FMT(type->fields[k].name), STR_FMT(type->fields[i].name));
                }
            }
        }
        TRY(check_nested_names(b, piece, type->fields[i].type));
    }
    return 0;
}

static int check_names(const struct plan_binder *b, const struct plan_piece *piece,
                       const struct type *result)
{
    for (size_t i = 0; i < result->field_count; i++) {
        struct str name = result->fields[i].name;
        TRY(check_name(b, piece, name, "column"));
        for (size_t k = 0; k < i; k++) {
            struct str other = result->fields[k].name;
            if (str_eq(name, other)) {
                return plan_bind_complain(b, piece, 0,
                                          "the SELECT has two columns \"%.*s\"; name one of them "
                                          "with AS",
                                          STR_FMT(name));
            }
            if (str_eq_nocase(name, other)) {
                return plan_bind_complain(b, piece, 0,
                                          "the SELECT has columns \"%.*s\" and \"%.*s\", which "
                                          "differ only in case; name one of them with AS",
                                          STR_FMT(other), STR_FMT(name));
            }
        }
    }
    return check_nested_names(b, piece, result);
}

static struct plan_near nearest_field(struct str name, const struct type *type)
{
    struct plan_near near = plan_complain_near(name);
    for (size_t i = 0; i < type->field_count; i++) {
        plan_complain_offer(&near, type->fields[i].name);
    }
    return near;
}

/* A column that is not in the result, at its own place in the file. */
static int not_in_result(const struct plan_binder *b, struct plan_place place, const char *what,
                         struct str name, const struct type *result)
{
    struct plan_near near = nearest_field(name, result);
    char text[PLAN_QUOTE_BYTES];
    char hint[PLAN_HINT_BYTES];
    return plan_complain(b->err, b->plan->file, place, "%s %s is not in the result of the SELECT%s",
                         what, plan_complain_quote(name, text), plan_complain_hint(&near, hint));
}

static bool is_declared(const struct plan_table *table, struct str name)
{
    for (size_t i = 0; i < table->declared_count; i++) {
        if (str_eq_nocase(table->declared[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* DuckDB binds casts that fail on every row, or drop fields of a struct without a word. */
static bool can_cast(const struct type *from, const struct type *to)
{
    if (!type_is_nested(to)) {
        return !type_is_nested(from) || to->kind == TYPE_STRING;
    }
    if (from->kind != to->kind) {
        return false;
    }
    for (size_t i = 0; i < from->field_count; i++) {
        ptrdiff_t at = to->kind == TYPE_STRUCT ? type_find_field_nocase(to, from->fields[i].name)
                                               : (ptrdiff_t)i;
        if (at < 0 || !can_cast(from->fields[i].type, to->fields[at].type)) {
            return false;
        }
    }
    return true;
}

static int cannot_cast(const struct plan_binder *b, struct plan_place place, struct str name,
                       const struct type *from, const struct type *to)
{
    AUTO_BUF struct buf from_text = {0};
    AUTO_BUF struct buf to_text = {0};
    type_print(from, &from_text);
    type_print(to, &to_text);
    return plan_complain(b->err, b->plan->file, place,
                         "column \"%.*s\" is %s, which cannot become %s", STR_FMT(name),
                         from_text.ptr, to_text.ptr);
}

/* The row type with declared names, order, types, NOT NULL and comments. */
static int match_declared(const struct plan_binder *b, const struct plan_piece *piece,
                          const struct type *result, const struct type **ret_type)
{
    const struct plan_table *table = b->table;
    size_t count = table->declared_count;
    struct arena *arena = &b->query->arena;
    struct type_field *fields = arena_new_array(arena, struct type_field, count);
    for (size_t i = 0; i < count; i++) {
        fields[i] = table->declared[i];
        ptrdiff_t at = type_find_field_nocase(result, fields[i].name);
        if (at < 0) {
            return not_in_result(b, table->declared_places[i], "column", fields[i].name, result);
        }
        const struct type *from = result->fields[at].type;
        if (fields[i].type == NULL) {
            fields[i].type = from;
        } else if (!can_cast(from, fields[i].type)) {
            return cannot_cast(b, table->declared_places[i], fields[i].name, from, fields[i].type);
        }
    }
    for (size_t i = 0; i < result->field_count; i++) {
        if (!is_declared(table, result->fields[i].name)) {
            return plan_bind_complain(
                b, piece, 0, "result column \"%.*s\" is not in the column list of table \"%.*s\"",
                STR_FMT(result->fields[i].name), STR_FMT(table->name));
        }
    }
    *ret_type = type_struct(arena, fields, count);
    return 0;
}

static int check_partitions(const struct plan_binder *b, const struct type *row_type)
{
    const struct plan_table *table = b->table;
    for (size_t i = 0; i < table->partition_columns.count; i++) {
        struct str name = table->partition_columns.items[i];
        struct plan_place place = table->partition_places.items[i];
        ptrdiff_t at = type_find_field_nocase(row_type, name);
        if (at < 0) {
            return not_in_result(b, place, "partition column", name, row_type);
        }
        if (type_is_nested(row_type->fields[at].type)) {
            return plan_complain(b->err, b->plan->file, place,
                                 "partition column \"%.*s\" is a STRUCT, ARRAY or MAP; only simple "
                                 "types can be partition columns",
                                 STR_FMT(name));
        }
    }
    return 0;
}

static bool is_partition(const struct plan_table *table, struct str name)
{
    vec_foreach (struct str, column, &table->partition_columns) {
        if (str_eq_nocase(*column, name)) {
            return true;
        }
    }
    return false;
}

/* The expression for one column of the row type, over the body's columns. */
static void add_expression(const struct plan_binder *b, const struct type *result,
                           const struct type_field *field, struct buf *out)
{
    ptrdiff_t at = type_find_field_nocase(result, field->name);
    assert(at >= 0);
    bool cast = !type_eq_shape(result->fields[at].type, field->type);
    buf_add_c(out, field->nullable ? "" : "coalesce(");
    buf_add_c(out, cast ? "CAST(" : "");
    sql_quote_name(out, result->fields[at].name);
    if (cast) {
        buf_add_c(out, " AS ");
        type_print_duckdb(field->type, out);
        buf_add_c(out, ")");
    }
    if (!field->nullable) {
        AUTO_BUF struct buf text = {0};
        buf_printf(&text, "NULL in column \"%.*s\" of table \"%.*s\"" PLAN_NOT_NULL_TEXT,
                   STR_FMT(field->name), STR_FMT(b->table->name));
        buf_add_c(out, ", error(");
        sql_quote_text(out, buf_str(&text));
        buf_add_c(out, "))");
    }
}

static void add_columns(const struct plan_binder *b, const struct type *result,
                        const struct type *row_type, bool keys, struct buf *out)
{
    const char *sep = "";
    for (size_t i = 0; i < row_type->field_count; i++) {
        const struct type_field *field = &row_type->fields[i];
        if (keys && is_partition(b->table, field->name)) {
            continue;
        }
        buf_add_c(out, sep);
        add_expression(b, result, field, out);
        buf_add_c(out, " AS ");
        sql_quote_name(out, field->name);
        sep = ", ";
    }
    for (size_t i = 0; keys && i < b->table->partition_columns.count; i++) {
        ptrdiff_t at = type_find_field_nocase(row_type, b->table->partition_columns.items[i]);
        buf_printf(out, "%s%s(", sep, PLAN_PARTITION_FUNCTION);
        add_expression(b, result, &row_type->fields[at], out);
        buf_printf(out, ") AS \"__p%zu\"", i);
        sep = ", ";
    }
}

static int make_select(const struct plan_binder *b, const struct type *result,
                       const struct type *row_type, bool keys, char **ret_text)
{
    AUTO_BUF struct buf columns = {0};
    AUTO_BUF struct buf text = {0};
    buf_add_c(&columns, "\nSELECT ");
    add_columns(b, result, row_type, keys, &columns);
    buf_add_c(&columns, "\nFROM (");
    plan_bind_text(b, b->plan->views.count, columns.ptr, b->body_hidden, "\n)", &text);
    TRY(buf_check(&text, "the SELECT", b->err));
    *ret_text = arena_strdup(&b->query->arena, buf_str(&text));
    return 0;
}

/* Bytes of the body's own "WITH" or "WITH RECURSIVE"; 0 = it has none. */
static size_t with_bytes(struct str body, bool *ret_recursive)
{
    struct str blanks = STR(" \t\n\v\f\r");
    size_t len = strlen("WITH");
    size_t next = len;
    *ret_recursive = false;
    if (!str_starts_nocase(body, STR("WITH")) || body.len <= len ||
        str_find(blanks, body.ptr[len]) < 0) {
        return 0;
    }
    while (next < body.len && str_find(blanks, body.ptr[next]) >= 0) {
        next++;
    }
    size_t recursive = strlen("RECURSIVE");
    if (str_starts_nocase(str_skip(body, next), STR("RECURSIVE")) && body.len > next + recursive &&
        str_find(blanks, body.ptr[next + recursive]) >= 0) {
        *ret_recursive = true;
        return next + recursive;
    }
    return len;
}

/*
 * The body as a statement, so that its columns have the names they were given: in a subquery
 * DuckDB makes them distinct.  It does not take WITH … (WITH … SELECT …), so the two lists become
 * one.
 */
static void add_statement(const struct plan_binder *b, struct buf *out)
{
    bool recursive = false;
    size_t with = with_bytes(b->body_hidden, &recursive);
    if (with == 0) {
        plan_bind_text(b, b->plan->views.count, "\n(", b->body_hidden, "\n)", out);
        return;
    }
    if (b->shadowed) {
        plan_bind_text(b, b->plan->views.count, "\nSELECT * FROM (", b->body_hidden, "\n)", out);
        return;
    }
    AUTO_BUF struct buf text = {0};
    plan_bind_text(b, b->plan->views.count, ", ", str_skip(b->body_hidden, with), "", &text);
    buf_add_c(out, recursive ? "WITH RECURSIVE " : "WITH ");
    buf_add_str(out, str_skip(buf_str(&text), strlen("WITH ")));
}

static int describe_body(const struct plan_binder *b, const struct plan_piece *piece,
                         const struct type **ret_type)
{
    AUTO_BUF struct buf text = {0};
    struct err inner;
    add_statement(b, &text);
    TRY(buf_check(&text, "the SELECT", b->err));
    if (sql_describe(b->conn, text.ptr, &b->query->arena, ret_type, &inner) < 0) {
        return plan_bind_forward(b, piece, -1, &inner);
    }
    return 0;
}

/* The casts to declared types bind, and give them. */
static int check_types(const struct plan_binder *b, const struct plan_piece *piece)
{
    const struct type *described = NULL;
    struct err inner;
    struct plan_query *query = b->query;
    if (sql_describe(b->conn, query->select, &query->arena, &described, &inner) < 0) {
        return plan_bind_forward(b, piece, -1, &inner);
    }
    for (size_t i = 0; i < described->field_count; i++) {
        if (!type_eq_shape(described->fields[i].type, query->row_type->fields[i].type)) {
            return plan_bind_complain(b, piece, 0, "column \"%.*s\" cannot be cast to its type",
                                      STR_FMT(query->row_type->fields[i].name));
        }
    }
    return 0;
}

int plan_bind_result(struct plan_binder *b, const struct plan_piece *piece)
{
    struct plan_query *query = b->query;
    const struct plan_table *table = b->table;
    const struct type *result = NULL;
    TRY(describe_body(b, piece, &result));
    TRY(check_names(b, piece, result));
    query->row_type = result;
    if (table->declared_count > 0) {
        TRY(match_declared(b, piece, result, &query->row_type));
        TRY(check_names(b, piece, query->row_type));
    }
    TRY(check_partitions(b, query->row_type));
    TRY(make_select(b, result, query->row_type, false, &query->select));
    query->copy_select = query->select;
    size_t keys = table->partition_columns.count;
    if (keys > 0) {
        const char **names = arena_new_array(&query->arena, const char *, keys + 1);
        struct str *columns = arena_new_array(&query->arena, struct str, keys);
        for (size_t i = 0; i < keys; i++) {
            struct str name = table->partition_columns.items[i];
            names[i] = arena_printf(&query->arena, "__p%zu", i);
            columns[i] =
                query->row_type->fields[type_find_field_nocase(query->row_type, name)].name;
        }
        query->partition_keys = names;
        query->partition_columns = columns;
        TRY(make_select(b, result, query->row_type, true, &query->copy_select));
    }
    return check_types(b, piece);
}
