/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_view - a version of a Delta table as a view
 *
 * Files with equal partition values are read together, the values standing as
 * typed constants, so that DuckDB prunes by them:
 *
 *     SELECT "a", CAST('2026-01-01' AS DATE) AS "p" FROM read_parquet([…], schema = MAP {…})
 *     UNION ALL …
 *
 * With many combinations of values (GROUPS_MAX) the statement would grow out of
 * hand: then one read_parquet reads all files, and a table of file names brings
 * the values.
 *
 *  (1) The schema given to read_parquet is the table's: columns are found by
 *      name, one that a file lacks is NULL, an INT96 or narrower value is cast to
 *      the table's type (in UTC: the session's zone).
 *  (2) Folder names mean nothing: hive_partitioning is off.
 *  (3) Names, paths and values become SQL only through sql_quote_*.
 */
#include "cli/scan_view.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX  200
#define FILE_COLUMN "__sluice_file"
#define MAP_ROWS    500 /* of one INSERT */

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

/* Index among the partition columns; -1 = in the files. */
static ptrdiff_t partition_of(const struct view *v, struct str name)
{
    const struct delta_metadata *m = &v->files->snapshot.metadata;
    for (size_t i = 0; i < m->partition_columns.count; i++) {
        if (str_eq_nocase(m->partition_columns.items[i], name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

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
    for (size_t i = 0; i < m->partition_columns.count; i++) {
        const char *name = arena_strdup(&v->arena, m->partition_columns.items[i]);
        struct str value = STR_NULL;
        /* The empty string is NULL for every type (delta.md 1.3). */
        if (!json_get_str(json_find(root, name), &value) || value.len == 0) {
            value = STR_NULL;
        }
        if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) {
            return err_set(err, ERR_CONFIG, "partition value of \"%s\" has a NUL", name);
        }
        ret_values[i] = value;
    }
    return 0;
}

static int compare_values(const void *a, const void *b)
{
    const struct view_file *x = a;
    const struct view_file *y = b;
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

/* read_parquet(['…', …], schema = MAP {…}) of the files first … end - 1. */
static void add_read(const struct view *v, size_t first, size_t end, const char *more,
                     struct buf *sql)
{
    buf_add_c(sql, "read_parquet([");
    for (size_t i = first; i < end; i++) {
        buf_add_c(sql, i == first ? "" : ", ");
        sql_quote_text(sql, str_of(v->items[i].file->path));
    }
    buf_add_c(sql, "], schema = MAP {");
    bool comma = false;
    for (size_t i = 0; i < v->schema->field_count; i++) {
        const struct type_field *field = &v->schema->fields[i];
        if (partition_of(v, field->name) >= 0) {
            continue;
        }
        AUTO_BUF struct buf type = {0};
        type_print_duckdb(field->type, &type);
        buf_add_c(sql, comma ? ", " : "");
        sql_quote_text(sql, field->name);
        buf_add_c(sql, ": {name: ");
        sql_quote_text(sql, field->name);
        buf_add_c(sql, ", type: ");
        sql_quote_text(sql, buf_str(&type));
        buf_add_c(sql, ", default_value: NULL}");
        comma = true;
    }
    buf_printf(sql, "}, hive_partitioning = false%s)", more);
}

static void add_group(const struct view *v, size_t first, size_t end, struct buf *sql)
{
    buf_add_c(sql, "SELECT ");
    for (size_t i = 0; i < v->schema->field_count; i++) {
        const struct type_field *field = &v->schema->fields[i];
        ptrdiff_t partition = partition_of(v, field->name);
        buf_add_c(sql, i == 0 ? "" : ", ");
        if (partition >= 0) {
            add_value(sql, field->type, v->items[first].values[partition]);
            buf_add_c(sql, " AS ");
        }
        sql_quote_name(sql, field->name);
    }
    buf_add_c(sql, " FROM ");
    add_read(v, first, end, "", sql);
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

static int make_map(struct view *v, struct err *err)
{
    size_t columns = v->files->snapshot.metadata.partition_columns.count;
    AUTO_BUF struct buf sql = {0};
    buf_printf(&sql, "CREATE TABLE \"__map_%s\"(file VARCHAR", v->name);
    for (size_t k = 0; k < columns; k++) {
        buf_printf(&sql, ", p%zu VARCHAR", k);
    }
    buf_add_char(&sql, ')');
    TRY(sql_run(v->conn, sql.ptr, err));
    for (size_t i = 0; i < v->count; i += MAP_ROWS) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO \"__map_%s\" VALUES ", v->name);
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
        ptrdiff_t partition = partition_of(v, field->name);
        buf_add_c(sql, i == 0 ? "" : ", ");
        if (partition >= 0) {
            bool binary = field->type->kind == TYPE_BINARY;
            buf_printf(sql, binary ? "CAST(encode(m.p%zu)" : "CAST(m.p%zu", (size_t)partition);
            add_cast(sql, field->type);
            buf_add_c(sql, " AS ");
            sql_quote_name(sql, field->name);
        } else {
            buf_add_c(sql, "f.");
            sql_quote_name(sql, field->name);
        }
    }
    buf_add_c(sql, " FROM ");
    add_read(v, 0, v->count, ", filename = '" FILE_COLUMN "'", sql);
    buf_printf(sql, " f JOIN \"__map_%s\" m ON f.\"" FILE_COLUMN "\" = m.file", v->name);
}

int cli_scan_view_create(struct sql_conn *conn, const char *name,
                         const struct cli_scan_files *files, struct err *err)
{
    AUTO_VIEW struct view v = {
        .conn = conn, .name = name, .files = files, .schema = files->snapshot.metadata.schema};
    if (v.schema == NULL || v.schema->field_count == 0) {
        return err_set(err, ERR_CONFIG, "the table has no columns");
    }
    TRY(sort_files(&v, err));
    AUTO_BUF struct buf sql = {0};
    buf_add_c(&sql, "CREATE VIEW ");
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
