/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scalar - our scalar functions: any simple type to text
 *
 * Results are handed to DuckDB by copy, so the arena lives for one chunk.
 */
#include "sql/session.h"
#include "sql/types.h"
#include "sql/vector.h"

#define SCALAR_MAGIC 0x5c0a4e02u

struct scalar {
    unsigned magic;
    sql_scalar_fn fn;
};

/* Writes strings of a plain column into DuckDB's heap. */
static void assign(duckdb_vector output, const struct column *out, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        if (!column_is_valid(out, row)) {
            duckdb_vector_ensure_validity_writable(output);
            duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
            continue;
        }
        struct str s = column_get_string(out, row);
        duckdb_vector_assign_string_element_len(output, row, s.ptr, s.len);
    }
}

static void plain_validity(struct column *col)
{
    size_t words = (col->capacity + 63) / 64;
    col->validity = col->vector;
    memset(col->validity, 0xff, words * sizeof(uint64_t));
}

static const struct column_ops plain_ops = {.make_validity = plain_validity};

static void on_call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    struct scalar *scalar = duckdb_scalar_function_get_extra_info(info);
    assert(scalar->magic == SCALAR_MAGIC);
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    duckdb_vector in_vector = duckdb_data_chunk_get_vector(input, 0);
    AUTO_LOGICAL duckdb_logical_type logical = duckdb_vector_get_column_type(in_vector);
    const struct type *in_type = NULL;
    if (sql_type_of(logical, STR("argument"), &arena, &in_type, &err) < 0) {
        duckdb_scalar_function_set_error(info, err.msg);
        return;
    }
    size_t rows = duckdb_data_chunk_get_size(input);
    struct column in;
    vector_view_make(&in, in_type, &arena);
    vector_view_read(&in, in_vector, rows);
    struct column out = {.type = type_simple(TYPE_STRING), .ops = &plain_ops, .capacity = rows};
    out.data = arena_new_array(&arena, struct column_string, rows + 1);
    out.vector = arena_new_array(&arena, uint64_t, (rows + 63) / 64 + 1);
    if (scalar->fn(&in, rows, &out, &arena, &err) < 0) {
        duckdb_scalar_function_set_error(info, err.msg);
        return;
    }
    assign(output, &out, rows);
}

int sql_register_text_function(struct sql_conn *conn, const char *name, sql_scalar_fn fn,
                               struct err *err)
{
    struct scalar *scalar = mem_new(struct scalar);
    *scalar = (struct scalar){.magic = SCALAR_MAGIC, .fn = fn};
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, name);
    /* ANY: an overload per type would let a cast change a decimal's scale on the way in. */
    AUTO_LOGICAL duckdb_logical_type any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_scalar_function_add_parameter(function, any);
    AUTO_LOGICAL duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_scalar_function_set_return_type(function, text);
    duckdb_scalar_function_set_special_handling(function); /* NULLs come to us too */
    duckdb_scalar_function_set_extra_info(function, scalar, mem_free);
    duckdb_scalar_function_set_function(function, on_call);
    duckdb_state state = duckdb_register_scalar_function(conn->conn, function);
    duckdb_destroy_scalar_function(&function);
    if (state != DuckDBSuccess) {
        return err_set(err, ERR_CONFIG, "cannot register the function \"%s\"", name);
    }
    return 0;
}
