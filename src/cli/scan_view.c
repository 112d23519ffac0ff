/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_view - a version of a Delta table as a view
 *
 * Files with equal partition values are read together, the values standing as
 * typed constants:
 *
 *     SELECT c0 AS "a", CAST('2026-01-01' AS DATE) AS "p"
 *     FROM read_parquet([…], schema = MAP {'a': {name: 'c0', …}, …})
 *     UNION ALL …
 *
 * With many combinations of values (GROUPS_MAX) the statement would grow out of
 * hand: then one read_parquet reads all files, and a table of file names brings
 * the values.
 *
 *  (1) The schema given to read_parquet is the table's: columns are found by
 *      their physical name, or by their field id, one that a file lacks is NULL,
 *      an INT96 or narrower value is cast to the table's type (in UTC: the
 *      session's zone).
 *  (2) There, columns are called c0, c1, … by their place in the table's schema:
 *      no name of a user's can be taken for one of ours or of DuckDB's own
 *      (filename, file_row_number).
 *  (3) Folder names mean nothing: hive_partitioning is off.
 *  (4) Deleted rows (scan_deleted.c) are taken out by an ANTI JOIN on the file's
 *      name and the row's number; only files that have any go through it.
 *  (5) Names, paths and values become SQL only through sql_quote_*.
 */
#include "cli/scan_view.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX 200
#define MAP_ROWS   500 /* of one INSERT */

/* A file and its partition values in the order of the table's partition columns. */
struct view_file {
    const struct cli_scan_file *file;
    struct str *values; /* ptr NULL = NULL */
    size_t count;
};

struct view {
    struct sql_conn *conn;
    const char *name;
    const struct cli_scan_files *files;
    const struct type *schema;
    struct arena arena;
    struct view_file *items; /* sorted by values */
    size_t count;
    size_t groups;
};

static void view_done(struct view *v)
{
    arena_done(&v->arena);
}
#define AUTO_VIEW AUTO(view_done)

/* ---- files by their values ----------------------------------------------------------------- */

static int read_values(struct view *v, const struct cli_scan_file *file, struct str *ret_values,
                       struct err *err)
{
    const struct delta_metadata *m = &v->files->snapshot.metadata;
    if (m->partition_columns.count == 0) {
        return 0;
    }
    struct json *root = NULL;
    if (json_parse(&v->arena, file->values, &root, err) < 0) {
        return err_wrap(err, "partition values of \"%.*s\"", STR_FMT(file->key));
    }
    for (size_t i = 0; i < v->schema->field_count; i++) {
        const struct delta_column *column = &v->files->columns[i];
        struct str value = STR_NULL;
        if (column->partition < 0) {
            continue;
        }
        /* The empty string is NULL for every type (delta.md 1.3). */
        if (!json_get_str(json_find(root, column->name.ptr), &value) || value.len == 0) {
            value = STR_NULL;
        }
        if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) {
            return err_set(err, ERR_CONFIG, "partition value of \"%.*s\" has a NUL",
                           STR_FMT(column->name));
        }
        ret_values[column->partition] = value;
    }
    return 0;
}

static bool has_deleted(const struct view_file *item)
{
    return item->file->deletion_vector.len > 0;
}

/* Of the same group: equal values, and deleted rows or none. */
static int compare_values(const void *a, const void *b)
{
    const struct view_file *x = a;
    const struct view_file *y = b;
    if (has_deleted(x) != has_deleted(y)) {
        return has_deleted(x) ? 1 : -1;
    }
    for (size_t i = 0; i < x->count; i++) {
        bool x_null = x->values[i].ptr == NULL;
        bool y_null = y->values[i].ptr == NULL;
        int order =
            x_null || y_null ? (int)x_null - (int)y_null : str_cmp(x->values[i], y->values[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    int order = compare_values(a, b);
    const struct view_file *x = a;
    const struct view_file *y = b;
    return order != 0 ? order : strcmp(x->file->path, y->file->path);
}

static int sort_files(struct view *v, struct err *err)
{
    size_t columns = v->files->snapshot.metadata.partition_columns.count;
    v->count = v->files->items.count;
    v->items = arena_new_array(&v->arena, struct view_file, v->count + 1);
    for (size_t i = 0; i < v->count; i++) {
        v->items[i] = (struct view_file){
            .file = &v->files->items.items[i],
            .values = arena_new_array(&v->arena, struct str, columns + 1),
            .count = columns,
        };
        TRY(read_values(v, v->items[i].file, v->items[i].values, err));
    }
    if (v->count > 1) {
        qsort(v->items, v->count, sizeof(v->items[0]), compare_files);
    }
    for (size_t i = 0; i < v->count; i++) {
        v->groups += i == 0 || compare_values(&v->items[i - 1], &v->items[i]) != 0 ? 1 : 0;
    }
    return 0;
}

/* ---- SQL ----------------------------------------------------------------------------------- */

static void add_cast(struct buf *sql, const struct type *type)
{
    buf_add_c(sql, " AS ");
    type_print_duckdb(type, sql);
    buf_add_char(sql, ')');
}

static void add_value(struct buf *sql, const struct type *type, struct str value)
{
    bool binary = value.ptr != NULL && type->kind == TYPE_BINARY;
    buf_add_c(sql, binary ? "CAST(encode(" : "CAST(");
    if (value.ptr == NULL) {
        buf_add_c(sql, "NULL");
    } else {
        sql_quote_text(sql, value);
    }
    if (binary) {
        buf_add_char(sql, ')');
    }
    add_cast(sql, type);
}

/*
 * A value of the files as one of the table: fields of structs get the table's names. `value` is
 * SQL; `depth` keeps the names of lambdas' parameters apart.
 */
static void add_logical(struct str value, const struct type *physical, const struct type *logical,
                        size_t depth, struct buf *sql);

static void add_struct(struct str value, const struct type *physical, const struct type *logical,
                       size_t depth, struct buf *sql)
{
    buf_printf(sql, "CASE WHEN %.*s IS NULL THEN NULL ELSE {", STR_FMT(value));
    for (size_t i = 0; i < logical->field_count; i++) {
        AUTO_BUF struct buf field = {0};
        buf_printf(&field, "%.*s.", STR_FMT(value));
        sql_quote_name(&field, physical->fields[i].name);
        buf_add_c(sql, i == 0 ? "" : ", ");
        sql_quote_name(sql, logical->fields[i].name);
        buf_add_c(sql, ": ");
        add_logical(buf_str(&field), physical->fields[i].type, logical->fields[i].type, depth, sql);
    }
    buf_add_c(sql, "} END");
}

static void add_logical(struct str value, const struct type *physical, const struct type *logical,
                        size_t depth, struct buf *sql)
{
    char item[32];
    if (type_eq_shape(physical, logical)) {
        buf_add_str(sql, value);
        return;
    }
    if (logical->kind == TYPE_STRUCT) {
        add_struct(value, physical, logical, depth, sql);
        return;
    }
    (void)snprintf(item, sizeof(item), "x%zu", depth);
    bool is_map = logical->kind == TYPE_MAP;
    buf_printf(sql,
               is_map ? "map_from_entries(list_transform(map_entries(%.*s), lambda %s: "
                      : "list_transform(%.*s, lambda %s: ",
               STR_FMT(value), item);
    if (is_map) {
        AUTO_FREE char *key = mem_printf("%s.key", item);
        AUTO_FREE char *entry = mem_printf("%s.value", item);
        buf_add_c(sql, "{'key': ");
        add_logical(str_of(key), physical->fields[0].type, logical->fields[0].type, depth + 1, sql);
        buf_add_c(sql, ", 'value': ");
        add_logical(str_of(entry), physical->fields[1].type, logical->fields[1].type, depth + 1,
                    sql);
        buf_add_c(sql, "}))");
    } else {
        add_logical(str_of(item), physical->fields[0].type, logical->fields[0].type, depth + 1,
                    sql);
        buf_add_char(sql, ')');
    }
}

/* c3 AS "name" */
static void add_column(const struct view *v, size_t index, struct buf *sql)
{
    char name[32];
    const struct type_field *field = &v->schema->fields[index];
    (void)snprintf(name, sizeof(name), "c%zu", index);
    add_logical(str_of(name), v->files->columns[index].type, field->type, 0, sql);
    buf_add_c(sql, " AS ");
    sql_quote_name(sql, field->name);
}

/* 'a': {name: 'c0', type: 'BIGINT', default_value: NULL} */
static void add_schema_field(const struct view *v, size_t index, struct buf *sql)
{
    const struct delta_column *column = &v->files->columns[index];
    AUTO_BUF struct buf type = {0};
    type_print_duckdb(column->type, &type);
    if (column->field_id >= 0) {
        buf_add_i64(sql, column->field_id);
    } else {
        sql_quote_text(sql, column->name);
    }
    buf_printf(sql, ": {name: 'c%zu', type: ", index);
    sql_quote_text(sql, buf_str(&type));
    buf_add_c(sql, ", default_value: NULL}");
}

/* read_parquet(['…', …], schema = MAP {…}) of the files first … end - 1. */
static void add_read(const struct view *v, size_t first, size_t end, struct buf *sql)
{
    buf_add_c(sql, "read_parquet([");
    for (size_t i = first; i < end; i++) {
        buf_add_c(sql, i == first ? "" : ", ");
        sql_quote_text(sql, str_of(v->items[i].file->path));
    }
    buf_add_c(sql, "], schema = MAP {");
    bool comma = false;
    for (size_t i = 0; i < v->schema->field_count; i++) {
        if (v->files->columns[i].partition < 0) {
            buf_add_c(sql, comma ? ", " : "");
            add_schema_field(v, i, sql);
            comma = true;
        }
    }
    buf_add_c(sql, "}, hive_partitioning = false)");
}

static void add_without_deleted(const struct view *v, struct buf *sql)
{
    assert(v->files->deleted != NULL);
    buf_add_c(sql, " ANTI JOIN ");
    sql_quote_name(sql, str_of(v->files->deleted));
    buf_add_c(sql, " d ON d.file = f.filename AND d.row = f.file_row_number");
}

static void add_group(const struct view *v, size_t first, size_t end, struct buf *sql)
{
    buf_add_c(sql, "SELECT ");
    for (size_t i = 0; i < v->schema->field_count; i++) {
        const struct type_field *field = &v->schema->fields[i];
        ptrdiff_t partition = v->files->columns[i].partition;
        buf_add_c(sql, i == 0 ? "" : ", ");
        if (partition >= 0) {
            add_value(sql, field->type, v->items[first].values[partition]);
            buf_add_c(sql, " AS ");
            sql_quote_name(sql, field->name);
        } else {
            add_column(v, i, sql);
        }
    }
    buf_add_c(sql, " FROM ");
    add_read(v, first, end, sql);
    if (has_deleted(&v->items[first])) {
        buf_add_c(sql, " f");
        add_without_deleted(v, sql);
    }
}

static void add_groups(const struct view *v, struct buf *sql)
{
    size_t first = 0;
    for (size_t i = 1; i <= v->count; i++) {
        if (i < v->count && compare_values(&v->items[first], &v->items[i]) == 0) {
            continue;
        }
        buf_add_c(sql, first == 0 ? "" : " UNION ALL ");
        add_group(v, first, i, sql);
        first = i;
    }
}

static void add_nothing(const struct view *v, struct buf *sql)
{
    buf_add_c(sql, "SELECT ");
    for (size_t i = 0; i < v->schema->field_count; i++) {
        buf_add_c(sql, i == 0 ? "CAST(NULL" : ", CAST(NULL");
        add_cast(sql, v->schema->fields[i].type);
        buf_add_c(sql, " AS ");
        sql_quote_name(sql, v->schema->fields[i].name);
    }
    buf_add_c(sql, " WHERE false");
}

/* ---- many groups --------------------------------------------------------------------------- */

static void add_map_row(const struct view_file *item, struct buf *sql)
{
    buf_add_char(sql, '(');
    sql_quote_text(sql, str_of(item->file->path));
    for (size_t k = 0; k < item->count; k++) {
        buf_add_c(sql, ", ");
        if (item->values[k].ptr == NULL) {
            buf_add_c(sql, "NULL");
        } else {
            sql_quote_text(sql, item->values[k]);
        }
    }
    buf_add_char(sql, ')');
}

static void add_map_name(const struct view *v, struct buf *sql)
{
    AUTO_FREE char *name = mem_printf("__map_%s", v->name);
    sql_quote_name(sql, str_of(name));
}

static int make_map(struct view *v, struct err *err)
{
    size_t columns = v->files->snapshot.metadata.partition_columns.count;
    AUTO_BUF struct buf sql = {0};
    buf_add_c(&sql, "CREATE TABLE ");
    add_map_name(v, &sql);
    buf_add_c(&sql, "(file VARCHAR");
    for (size_t k = 0; k < columns; k++) {
        buf_printf(&sql, ", p%zu VARCHAR", k);
    }
    buf_add_char(&sql, ')');
    TRY(sql_run(v->conn, sql.ptr, err));
    for (size_t i = 0; i < v->count; i += MAP_ROWS) {
        buf_reset(&sql);
        buf_add_c(&sql, "INSERT INTO ");
        add_map_name(v, &sql);
        buf_add_c(&sql, " VALUES ");
        for (size_t k = i; k < v->count && k < i + MAP_ROWS; k++) {
            buf_add_c(&sql, k == i ? "" : ", ");
            add_map_row(&v->items[k], &sql);
        }
        TRY(sql_run(v->conn, sql.ptr, err));
    }
    return 0;
}

static void add_joined(const struct view *v, struct buf *sql)
{
    buf_add_c(sql, "SELECT ");
    for (size_t i = 0; i < v->schema->field_count; i++) {
        const struct type_field *field = &v->schema->fields[i];
        ptrdiff_t partition = v->files->columns[i].partition;
        buf_add_c(sql, i == 0 ? "" : ", ");
        if (partition >= 0) {
            bool binary = field->type->kind == TYPE_BINARY;
            buf_printf(sql, binary ? "CAST(encode(m.p%zu)" : "CAST(m.p%zu", (size_t)partition);
            add_cast(sql, field->type);
            buf_add_c(sql, " AS ");
            sql_quote_name(sql, field->name);
        } else {
            add_column(v, i, sql);
        }
    }
    buf_add_c(sql, " FROM ");
    add_read(v, 0, v->count, sql);
    buf_add_c(sql, " f JOIN ");
    add_map_name(v, sql);
    buf_add_c(sql, " m ON f.filename = m.file");
    if (v->files->deleted != NULL) {
        add_without_deleted(v, sql);
    }
}

int cli_scan_view_create(struct sql_conn *conn, const char *name,
                         const struct cli_scan_files *files, struct err *err)
{
    AUTO_VIEW struct view v = {
        .conn = conn, .name = name, .files = files, .schema = files->snapshot.metadata.schema};
    TRY(sort_files(&v, err));
    AUTO_BUF struct buf sql = {0};
    buf_add_c(&sql, "CREATE OR REPLACE VIEW ");
    sql_quote_name(&sql, str_of(name));
    buf_add_c(&sql, " AS ");
    if (v.count == 0) {
        add_nothing(&v, &sql);
    } else if (v.groups <= GROUPS_MAX) {
        add_groups(&v, &sql);
    } else {
        TRY(make_map(&v, err));
        add_joined(&v, &sql);
    }
    TRY(buf_check(&sql, "the statement", err));
    return sql_run(conn, sql.ptr, err);
}
