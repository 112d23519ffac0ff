/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types - DuckDB's logical types as ours and back
 *
 * DuckDB's TIMESTAMP has no zone (our TIMESTAMP_NTZ); its TIMESTAMP WITH TIME
 * ZONE is an instant (our TIMESTAMP): delta.md, decision 2.
 */
#include "sql/types.h"

#include "sql/session.h"

struct simple_pair {
    duckdb_type duckdb;
    enum type_kind kind;
};

static const struct simple_pair simple_pairs[] = {
    {DUCKDB_TYPE_BOOLEAN, TYPE_BOOLEAN},
    {DUCKDB_TYPE_TINYINT, TYPE_TINYINT},
    {DUCKDB_TYPE_SMALLINT, TYPE_SMALLINT},
    {DUCKDB_TYPE_INTEGER, TYPE_INTEGER},
    {DUCKDB_TYPE_BIGINT, TYPE_BIGINT},
    {DUCKDB_TYPE_FLOAT, TYPE_FLOAT},
    {DUCKDB_TYPE_DOUBLE, TYPE_DOUBLE},
    {DUCKDB_TYPE_VARCHAR, TYPE_STRING},
    {DUCKDB_TYPE_BLOB, TYPE_BINARY},
    {DUCKDB_TYPE_DATE, TYPE_DATE},
    {DUCKDB_TYPE_TIMESTAMP_TZ, TYPE_TIMESTAMP},
    {DUCKDB_TYPE_TIMESTAMP, TYPE_TIMESTAMP_NTZ},
};

/* Types that DuckDB has and Delta has not: what to write instead. */
struct refused_type {
    duckdb_type duckdb;
    const char *name;
    const char *cast;
};

static const struct refused_type refused_types[] = {
    {DUCKDB_TYPE_HUGEINT, "HUGEINT", "BIGINT or DECIMAL(38,0)"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT", "DECIMAL(38,0)"},
    {DUCKDB_TYPE_UTINYINT, "UTINYINT", "SMALLINT"},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT", "INTEGER"},
    {DUCKDB_TYPE_UINTEGER, "UINTEGER", "BIGINT"},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT", "DECIMAL(20,0)"},
    {DUCKDB_TYPE_TIME, "TIME", "VARCHAR"},
    {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE", "VARCHAR"},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL", "BIGINT with epoch_us()"},
    {DUCKDB_TYPE_UUID, "UUID", "VARCHAR"},
    {DUCKDB_TYPE_BIT, "BIT", "VARCHAR"},
    {DUCKDB_TYPE_ENUM, "ENUM", "VARCHAR"},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S", "TIMESTAMPTZ"},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS", "TIMESTAMPTZ"},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS", "TIMESTAMPTZ"},
    {DUCKDB_TYPE_UNION, "UNION", "VARCHAR"},
    {DUCKDB_TYPE_ARRAY, "a fixed-size ARRAY", "a list, T[]"},
    {DUCKDB_TYPE_SQLNULL, "NULL", "the type that is meant"},
    {DUCKDB_TYPE_BIGNUM, "BIGNUM", "DECIMAL(38,0)"},
};

static duckdb_logical_type logical_of_struct(const struct type *t)
{
    duckdb_logical_type *members = mem_new_array(duckdb_logical_type, t->field_count);
    const char **names = mem_new_array(const char *, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        members[i] = sql_logical_of(t->fields[i].type);
        names[i] = t->fields[i].name.ptr;
    }
    duckdb_logical_type made = duckdb_create_struct_type(members, names, t->field_count);
    for (size_t i = 0; i < t->field_count; i++) {
        duckdb_destroy_logical_type(&members[i]);
    }
    mem_free(members);
    mem_free(names);
    return made;
}

duckdb_logical_type sql_logical_of(const struct type *t)
{
    switch (t->kind) {
    case TYPE_DECIMAL:
        return duckdb_create_decimal_type(t->precision, t->scale);
    case TYPE_STRUCT:
        return logical_of_struct(t);
    case TYPE_ARRAY: {
        AUTO_LOGICAL duckdb_logical_type element = sql_logical_of(t->fields[0].type);
        return duckdb_create_list_type(element);
    }
    case TYPE_MAP: {
        AUTO_LOGICAL duckdb_logical_type key = sql_logical_of(t->fields[0].type);
        AUTO_LOGICAL duckdb_logical_type value = sql_logical_of(t->fields[1].type);
        return duckdb_create_map_type(key, value);
    }
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_COUNT(simple_pairs); i++) {
        if (simple_pairs[i].kind == t->kind) {
            return duckdb_create_logical_type(simple_pairs[i].duckdb);
        }
    }
    assert(false && "a type without a DuckDB twin");
    return NULL;
}

static int refuse(duckdb_type id, struct str name, struct err *err)
{
    for (size_t i = 0; i < ARRAY_COUNT(refused_types); i++) {
        if (refused_types[i].duckdb == id) {
            return err_set(err, ERR_CONFIG,
                           "column \"%.*s\" is %s, which Delta has not; cast it to %s",
                           STR_FMT(name), refused_types[i].name, refused_types[i].cast);
        }
    }
    return err_set(err, ERR_CONFIG,
                   "column \"%.*s\" has a type that Delta has not; cast it to VARCHAR",
                   STR_FMT(name));
}

static int type_of_struct(duckdb_logical_type logical, struct str name, struct arena *arena,
                          const struct type **ret_type, struct err *err)
{
    size_t count = duckdb_struct_type_child_count(logical);
    struct type_field *fields = arena_new_array(arena, struct type_field, count);
    for (size_t i = 0; i < count; i++) {
        char *child_name = duckdb_struct_type_child_name(logical, i);
        fields[i].name = arena_str(arena, str_of(child_name));
        duckdb_free(child_name);
        fields[i].nullable = true;
        char *path = arena_printf(arena, "%.*s.%.*s", STR_FMT(name), STR_FMT(fields[i].name));
        AUTO_LOGICAL duckdb_logical_type child = duckdb_struct_type_child_type(logical, i);
        TRY(sql_type_of(child, str_of(path), arena, &fields[i].type, err));
    }
    *ret_type = type_struct(arena, fields, count);
    return 0;
}

int sql_type_of(duckdb_logical_type logical, struct str name, struct arena *arena,
                const struct type **ret_type, struct err *err)
{
    duckdb_type id = duckdb_get_type_id(logical);
    switch (id) {
    case DUCKDB_TYPE_DECIMAL:
        *ret_type =
            type_decimal(arena, duckdb_decimal_width(logical), duckdb_decimal_scale(logical));
        return 0;
    case DUCKDB_TYPE_STRUCT:
        return type_of_struct(logical, name, arena, ret_type, err);
    case DUCKDB_TYPE_LIST: {
        const struct type *element = NULL;
        AUTO_LOGICAL duckdb_logical_type child = duckdb_list_type_child_type(logical);
        TRY(sql_type_of(child, name, arena, &element, err));
        *ret_type = type_array(arena, element, true);
        return 0;
    }
    case DUCKDB_TYPE_MAP: {
        const struct type *key = NULL;
        const struct type *value = NULL;
        AUTO_LOGICAL duckdb_logical_type k = duckdb_map_type_key_type(logical);
        AUTO_LOGICAL duckdb_logical_type v = duckdb_map_type_value_type(logical);
        TRY(sql_type_of(k, name, arena, &key, err));
        TRY(sql_type_of(v, name, arena, &value, err));
        *ret_type = type_map(arena, key, value, true);
        return 0;
    }
    default:
        break;
    }
    for (size_t i = 0; i < ARRAY_COUNT(simple_pairs); i++) {
        if (simple_pairs[i].duckdb == id) {
            /* JSON is a VARCHAR with an alias: it stays text. */
            *ret_type = type_simple(simple_pairs[i].kind);
            return 0;
        }
    }
    return refuse(id, name, err);
}

int sql_describe(struct sql_conn *conn, const char *select, struct arena *arena,
                 const struct type **ret_row_type, struct err *err)
{
    AUTO_PREPARED duckdb_prepared_statement statement = NULL;
    bool prepared = duckdb_prepare(conn->conn, select, &statement) == DuckDBSuccess;
    if (atomic_load(&conn->interrupted)) {
        return err_set(err, ERR_CANCELED, "interrupted"); /* the error would not say so */
    }
    if (!prepared) {
        return err_set(err, ERR_CONFIG, "%s", duckdb_prepare_error(statement));
    }
    if (duckdb_prepared_statement_type(statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
        return err_set(err, ERR_CONFIG, "only a SELECT can be described");
    }
    size_t count = duckdb_prepared_statement_column_count(statement);
    struct type_field *fields = arena_new_array(arena, struct type_field, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        fields[i].name = arena_str(arena, str_of(name));
        duckdb_free((void *)(uintptr_t)name);
        fields[i].nullable = true;
        AUTO_LOGICAL duckdb_logical_type logical =
            duckdb_prepared_statement_column_logical_type(statement, i);
        TRY(sql_type_of(logical, fields[i].name, arena, &fields[i].type, err));
    }
    *ret_row_type = type_struct(arena, fields, count);
    return 0;
}
