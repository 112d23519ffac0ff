/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - the table function through which messages enter DuckDB
 *
 * A registered source has columns and, while a statement runs, a scan attached
 * to it.  DuckDB calls local_init once per worker thread and then function
 * until it answers no rows.
 *
 *  (1) A second global init within one statement is an error: two reads of one
 *      stream would each get half of the rows (design.md 1).
 *  (2) What a local handed out at its last call is released at its next one;
 *      DuckDB is done with a chunk's strings by then (measured, design.md 1).
 *  (3) Nothing here may leave DuckDB's frames by anything but a return: they
 *      are C++.
 *  (4) Columns that the statement does not read are not written at all.
 */
#include "sql/session.h"
#include "sql/types.h"
#include "sql/vector.h"

#include <stdatomic.h>

#define SOURCE_MAGIC 0x5c0a4e01u

/* More than a row group, or DuckDB would plan a single thread. */
#define SOURCE_CARDINALITY 100000000

struct sql_source {
    unsigned magic;
    const struct type *row_type;
    duckdb_logical_type *logical; /* of each column */
    const char **names;
    int threads;
    _Atomic(struct sql_scan *) scan;
    atomic_int inits; /* since attach */
    atomic_bool refused;
};

/* One worker thread's part of one statement. */
struct scan_local {
    struct sql_source *source;
    struct sql_scan *scan;
    void *local;
    struct arena arena;      /* the view trees */
    struct column *views;    /* one a projected column */
    struct column **columns; /* by column of the row type; NULL = not wanted */
    bool *wanted;
    size_t projected_count;
    size_t *projected; /* column of the row type at each output position */
};

static struct sql_source *source_of(void *extra)
{
    struct sql_source *source = extra;
    assert(source != NULL && source->magic == SOURCE_MAGIC);
    return source;
}

static void on_bind(duckdb_bind_info info)
{
    struct sql_source *source = source_of(duckdb_bind_get_extra_info(info));
    for (size_t i = 0; i < source->row_type->field_count; i++) {
        duckdb_bind_add_result_column(info, source->names[i], source->logical[i]);
    }
    duckdb_bind_set_cardinality(info, SOURCE_CARDINALITY, false);
}

static void on_init(duckdb_init_info info)
{
    struct sql_source *source = source_of(duckdb_init_get_extra_info(info));
    if (atomic_load(&source->scan) == NULL) {
        atomic_store(&source->refused, true);
        duckdb_init_set_error(info, "a stream can be read only by a running query");
        return;
    }
    if (atomic_fetch_add(&source->inits, 1) != 0) {
        duckdb_init_set_error(info, "the statement reads a stream twice");
        return;
    }
    duckdb_init_set_max_threads(info, (idx_t)source->threads);
}

static void local_free(void *ptr)
{
    struct scan_local *local = ptr;
    if (local->local != NULL) {
        local->scan->ops->close_local(local->scan, local->local);
    }
    arena_done(&local->arena);
    mem_free(local);
}

static void on_local_init(duckdb_init_info info)
{
    struct sql_source *source = source_of(duckdb_init_get_extra_info(info));
    size_t column_count = source->row_type->field_count;
    struct scan_local *local = mem_new(struct scan_local);
    local->source = source;
    local->scan = atomic_load(&source->scan);
    assert(local->scan != NULL);
    local->columns = arena_new_array(&local->arena, struct column *, column_count);
    local->wanted = arena_new_array(&local->arena, bool, column_count);
    local->projected_count = duckdb_init_get_column_count(info);
    local->projected = arena_new_array(&local->arena, size_t, local->projected_count);
    local->views = arena_new_array(&local->arena, struct column, local->projected_count);
    for (size_t i = 0; i < local->projected_count; i++) {
        size_t column = duckdb_init_get_column_index(info, i);
        local->projected[i] = column;
        if (column >= column_count) {
            continue; /* a row id, for count(*): nothing to write */
        }
        vector_view_make(&local->views[i], source->row_type->fields[column].type, &local->arena);
        local->wanted[column] = true;
        local->columns[column] = &local->views[i];
    }
    struct err err;
    if (local->scan->ops->open_local(local->scan, local->wanted, &local->local, &err) < 0) {
        duckdb_init_set_error(info, err.msg);
    }
    duckdb_init_set_init_data(info, local, local_free);
}

static void on_function(duckdb_function_info info, duckdb_data_chunk output)
{
    struct scan_local *local = duckdb_function_get_local_init_data(info);
    size_t capacity = duckdb_vector_size();
    for (size_t i = 0; i < local->projected_count; i++) {
        if (local->views[i].type != NULL) {
            vector_view_attach(&local->views[i], duckdb_data_chunk_get_vector(output, i), capacity);
        }
    }
    struct err err;
    int rows = local->scan->ops->fill(local->scan, local->local, local->columns, capacity, &err);
    if (rows < 0) {
        duckdb_function_set_error(info, err.msg);
        return;
    }
    assert((size_t)rows <= capacity);
    for (size_t i = 0; i < local->projected_count; i++) {
        if (local->views[i].type != NULL) {
            vector_view_seal(&local->views[i]);
        }
    }
    duckdb_data_chunk_set_size(output, (idx_t)rows);
}

static void source_free(void *ptr)
{
    struct sql_source *source = ptr;
    for (size_t i = 0; i < source->row_type->field_count; i++) {
        duckdb_destroy_logical_type(&source->logical[i]);
    }
    mem_free(source->logical);
    mem_free(source->names);
    mem_free(source);
}

static struct sql_source *source_new(struct sql_conn *conn, const struct type *row_type)
{
    struct sql_source *source = mem_new(struct sql_source);
    source->magic = SOURCE_MAGIC;
    source->row_type = row_type;
    source->threads = conn->db->threads;
    source->logical = mem_new_array(duckdb_logical_type, row_type->field_count);
    source->names = mem_new_array(const char *, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        source->logical[i] = sql_logical_of(row_type->fields[i].type);
        source->names[i] = row_type->fields[i].name.ptr;
    }
    return source;
}

int sql_register_source(struct sql_conn *conn, const char *name, const struct type *row_type,
                        struct sql_source **ret_source, struct err *err)
{
    assert(row_type->kind == TYPE_STRUCT);
    struct sql_source *source = source_new(conn, row_type);
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, name);
    duckdb_table_function_set_extra_info(function, source, source_free);
    duckdb_table_function_set_bind(function, on_bind);
    duckdb_table_function_set_init(function, on_init);
    duckdb_table_function_set_local_init(function, on_local_init);
    duckdb_table_function_set_function(function, on_function);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state state = duckdb_register_table_function(conn->conn, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess) {
        return err_set(err, ERR_CONFIG, "cannot register the source \"%s\"", name);
    }
    *ret_source = source;
    return 0;
}

void sql_source_attach(struct sql_source *source, struct sql_scan *scan)
{
    assert(source->magic == SOURCE_MAGIC);
    atomic_store(&source->inits, 0);
    atomic_store(&source->scan, scan);
}

bool sql_source_was_refused(const struct sql_source *source)
{
    assert(source->magic == SOURCE_MAGIC);
    return atomic_load(&source->refused);
}
