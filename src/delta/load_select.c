/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/load.h"

/*
 * load_select - one SELECT over the file actions of a checkpoint
 *
 * Whatever columns a checkpoint's files have, the SELECT gives
 *     path, dv, "add" DELTA_LOAD_ADD, "remove" DELTA_LOAD_REMOVE
 * one row an action, the other struct NULL.
 *
 *  (1) Files with the same columns share a read_parquet; others get a SELECT of
 *      their own, joined by UNION ALL.
 *  (2) add.stats is JSON text.  Where a checkpoint has statistics as a struct
 *      only (stats_parsed), the text is made from it by the table's schema:
 *      timestamps as Delta writes them, everything else by to_json.
 */

static bool has(const struct delta_load_file *file, const char *path, size_t len)
{
    for (size_t i = 0; i < file->columns.count; i++) {
        if (str_eq(file->columns.items[i], str_n(path, len))) {
            return true;
        }
    }
    return false;
}

static bool has_field(const struct delta_load_file *file, const char *action, const char *field)
{
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s" DELTA_LOAD_SEP "%s", action, field);
    return has(file, path.ptr, path.len);
}

/* ---- stats_parsed to text
 * -------------------------------------------------------------------------- */

struct stats_walk {
    const struct delta_load_file *file;
    struct buf path;  /* of the column in the file */
    struct buf value; /* the same as an SQL expression */
    struct buf *sql;
    bool is_count; /* below nullCount: leaves are numbers */
};

static void walk_leaf(struct stats_walk *walk, const struct type *type)
{
    bool is_time =
        !walk->is_count && (type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMP_NTZ);
    if (is_time) {
        buf_printf(walk->sql,
                   "strftime(make_timestamp(epoch_us(%.*s)), '%%Y-%%m-%%dT%%H:%%M:%%S.%%g%s')",
                   STR_FMT(buf_str(&walk->value)), type->kind == TYPE_TIMESTAMP ? "Z" : "");
    } else {
        buf_add_str(walk->sql, buf_str(&walk->value));
    }
}

/* {'a': <leaf>, …} of the fields that the file has. Answers how many. */
static size_t walk_struct(struct stats_walk *walk, const struct type *type)
{
    size_t path_len = walk->path.len;
    size_t value_len = walk->value.len;
    size_t sql_len = walk->sql->len;
    size_t count = 0;
    buf_add_c(walk->sql, "{");
    for (size_t i = 0; i < type->field_count; i++) {
        const struct type_field *field = &type->fields[i];
        buf_add_c(&walk->path, DELTA_LOAD_SEP);
        buf_add_str(&walk->path, field->name);
        buf_add_c(&walk->value, ".");
        sql_quote_name(&walk->value, field->name);
        if (has(walk->file, walk->path.ptr, walk->path.len)) {
            size_t before = walk->sql->len;
            buf_add_c(walk->sql, count == 0 ? "" : ", ");
            sql_quote_text(walk->sql, field->name);
            buf_add_c(walk->sql, ": ");
            if (field->type->kind != TYPE_STRUCT) {
                walk_leaf(walk, field->type);
                count++;
            } else if (walk_struct(walk, field->type) > 0) {
                count++;
            } else {
                walk->sql->len = before;
            }
        }
        walk->path.len = path_len;
        walk->value.len = value_len;
    }
    buf_add_c(walk->sql, "}");
    if (count == 0) {
        walk->sql->len = sql_len;
    }
    return count;
}

static void walk_part(const struct delta_load_file *file, const struct type *schema,
                      const char *name, struct buf *sql)
{
    struct stats_walk walk = {.file = file, .sql = sql, .is_count = strcmp(name, "nullCount") == 0};
    AUTO_BUF struct buf part = {0};
    walk.sql = &part;
    buf_printf(&walk.path, "add" DELTA_LOAD_SEP "stats_parsed" DELTA_LOAD_SEP "%s", name);
    buf_printf(&walk.value, "\"add\".stats_parsed.%s", name);
    if (walk_struct(&walk, schema) > 0) {
        buf_printf(sql, ", '%s': %.*s", name, STR_FMT(buf_str(&part)));
    }
    buf_done(&walk.path);
    buf_done(&walk.value);
}

/* to_json of a rebuilt struct; NULL where there are no statistics. */
static void add_parsed_stats(const struct delta_load_file *file, const struct type *schema,
                             struct buf *sql)
{
    buf_add_c(sql, "CASE WHEN \"add\".stats_parsed.numRecords IS NULL THEN NULL ELSE to_json("
                   "{'numRecords': \"add\".stats_parsed.numRecords");
    if (schema != NULL) {
        walk_part(file, schema, "minValues", sql);
        walk_part(file, schema, "maxValues", sql);
        walk_part(file, schema, "nullCount", sql);
    }
    buf_add_c(sql, "})::VARCHAR END");
}

/* ---- the SELECT
 * --------------------------------------------------------------------------------------- */

struct select_field {
    const char *name;
    const char *type;
};
static const struct select_field add_fields[] = {
    {"path", "VARCHAR"},
    {"partitionValues", DELTA_LOAD_MAP},
    {"size", "BIGINT"},
    {"modificationTime", "BIGINT"},
    {"dataChange", "BOOLEAN"},
    {"stats", "VARCHAR"},
    {"tags", DELTA_LOAD_MAP},
    {"deletionVector", DELTA_LOAD_DV},
    {"baseRowId", "BIGINT"},
    {"defaultRowCommitVersion", "BIGINT"},
    {"clusteringProvider", "VARCHAR"},
};
static const struct select_field remove_fields[] = {
    {"path", "VARCHAR"},
    {"deletionTimestamp", "BIGINT"},
    {"dataChange", "BOOLEAN"},
    {"extendedFileMetadata", "BOOLEAN"},
    {"partitionValues", DELTA_LOAD_MAP},
    {"size", "BIGINT"},
    {"deletionVector", DELTA_LOAD_DV},
    {"baseRowId", "BIGINT"},
    {"defaultRowCommitVersion", "BIGINT"},
};
static const struct select_field dv_fields[] = {
    {"storageType", "VARCHAR"}, {"pathOrInlineDv", "VARCHAR"}, {"offset", "INTEGER"},
    {"sizeInBytes", "INTEGER"}, {"cardinality", "BIGINT"},     {"maxRowIndex", "BIGINT"},
};

static void add_deletion_vector(const struct delta_load_file *file, const char *action,
                                struct buf *sql)
{
    buf_printf(sql, "CASE WHEN \"%s\".deletionVector.storageType IS NULL THEN NULL ELSE {", action);
    for (size_t i = 0; i < ARRAY_COUNT(dv_fields); i++) {
        AUTO_BUF struct buf path = {0};
        buf_printf(&path, "deletionVector" DELTA_LOAD_SEP "%s", dv_fields[i].name);
        buf_printf(sql, "%s'%s': ", i == 0 ? "" : ", ", dv_fields[i].name);
        if (has_field(file, action, path.ptr)) {
            buf_printf(sql, "\"%s\".deletionVector.\"%s\"::%s", action, dv_fields[i].name,
                       dv_fields[i].type);
        } else {
            buf_printf(sql, "NULL::%s", dv_fields[i].type);
        }
    }
    buf_add_c(sql, "} END");
}

static void add_action(const struct delta_load_file *file, const struct type *schema,
                       const char *action, const struct select_field *fields, size_t count,
                       struct buf *sql)
{
    buf_printf(sql, "CASE WHEN \"%s\".path IS NULL THEN NULL ELSE {", action);
    for (size_t i = 0; i < count; i++) {
        const char *name = fields[i].name;
        bool is_stats = strcmp(name, "stats") == 0;
        bool there = has_field(file, action, name);
        bool parsed =
            is_stats && has_field(file, "add", "stats_parsed" DELTA_LOAD_SEP "numRecords");
        buf_printf(sql, "%s'%s': ", i == 0 ? "" : ", ", name);
        if (parsed && there) {
            buf_add_c(sql, "coalesce(\"add\".stats, ");
            add_parsed_stats(file, schema, sql);
            buf_add_c(sql, ")");
        } else if (parsed) {
            add_parsed_stats(file, schema, sql);
        } else if (!there) {
            buf_printf(sql, "NULL::%s", fields[i].type);
        } else if (strcmp(name, "deletionVector") == 0) {
            add_deletion_vector(file, action, sql);
        } else {
            buf_printf(sql, "\"%s\".%s::%s", action, name, fields[i].type);
        }
    }
    buf_add_c(sql, "} END");
}

static void add_dv_id(const struct delta_load_file *file, const char *action, struct buf *sql)
{
    if (!has_field(file, action, "deletionVector" DELTA_LOAD_SEP "storageType")) {
        buf_add_c(sql, "''");
        return;
    }
    buf_printf(sql,
               "coalesce(\"%s\".deletionVector.storageType || \"%s\".deletionVector.pathOrInlineDv "
               "|| coalesce('@' || \"%s\".deletionVector.\"offset\"::VARCHAR, ''), '')",
               action, action, action);
}

static bool same_columns(const struct delta_load_file *a, const struct delta_load_file *b)
{
    bool same = a->columns.count == b->columns.count;
    for (size_t i = 0; same && i < a->columns.count; i++) {
        same = str_eq(a->columns.items[i], b->columns.items[i]);
    }
    return same;
}

static void add_from(const struct delta_load *load, size_t first, struct buf *sql)
{
    bool comma = false;
    buf_add_c(sql, " FROM read_parquet([");
    for (size_t i = first; i < load->files.count; i++) {
        if (same_columns(&load->files.items[first], &load->files.items[i])) {
            buf_add_c(sql, comma ? ", " : "");
            sql_quote_text(sql, load->files.items[i].path);
            comma = true;
        }
    }
    buf_add_c(sql, "])");
}

static void add_select(const struct delta_load *load, size_t first, const struct type *schema,
                       bool is_add, struct buf *sql)
{
    const struct delta_load_file *file = &load->files.items[first];
    const char *action = is_add ? "add" : "remove";
    buf_printf(sql, "%sSELECT \"%s\".path AS path, ", sql->len == 0 ? "" : " UNION ALL ", action);
    add_dv_id(file, action, sql);
    buf_add_c(sql, " AS dv, ");
    if (is_add) {
        add_action(file, schema, "add", add_fields, ARRAY_COUNT(add_fields), sql);
        buf_add_c(sql, " AS \"add\", NULL::" DELTA_LOAD_REMOVE " AS \"remove\"");
    } else {
        buf_add_c(sql, "NULL::" DELTA_LOAD_ADD " AS \"add\", ");
        add_action(file, schema, "remove", remove_fields, ARRAY_COUNT(remove_fields), sql);
        buf_add_c(sql, " AS \"remove\"");
    }
    add_from(load, first, sql);
    buf_printf(sql, " WHERE \"%s\".path IS NOT NULL", action);
}

bool delta_load_select(const struct delta_load *load, const struct type *schema, struct buf *sql)
{
    AUTO_BUF struct buf select = {0};
    for (size_t i = 0; i < load->files.count; i++) {
        bool seen = false;
        for (size_t before = 0; before < i && !seen; before++) {
            seen = same_columns(&load->files.items[before], &load->files.items[i]);
        }
        if (!seen && has_field(&load->files.items[i], "add", "path")) {
            add_select(load, i, schema, true, &select);
        }
        if (!seen && has_field(&load->files.items[i], "remove", "path")) {
            add_select(load, i, schema, false, &select);
        }
    }
    buf_add_str(sql, buf_str(&select));
    return select.len > 0;
}
