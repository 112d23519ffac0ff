/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - a result as text, row by row
 */
#include "sql/session.h"

struct sql_rows {
    duckdb_result result;
    duckdb_data_chunk chunk;
    size_t column_count;
    size_t chunk_rows;
    size_t row;
};

int sql_query(struct sql_conn *conn, const char *text, struct sql_rows **ret_rows, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = mem_new(struct sql_rows);
    TRY(sql_execute(conn, text, &rows->result, err));
    rows->column_count = duckdb_column_count(&rows->result);
    for (size_t i = 0; i < rows->column_count; i++) {
        duckdb_type id = duckdb_column_type(&rows->result, i);
        if (id != DUCKDB_TYPE_VARCHAR && id != DUCKDB_TYPE_BLOB) {
            return err_set(err, ERR_CONFIG, "column \"%s\" of the query is not VARCHAR",
                           duckdb_column_name(&rows->result, i));
        }
    }
    *ret_rows = TAKE(rows);
    return 0;
}

size_t sql_rows_column_count(const struct sql_rows *rows)
{
    return rows->column_count;
}

static struct str cell_at(duckdb_vector vector, size_t row)
{
    uint64_t *validity = duckdb_vector_get_validity(vector);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        return STR_NULL;
    }
    duckdb_string_t *strings = duckdb_vector_get_data(vector);
    return str_n(duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row]));
}

int sql_rows_next(struct sql_rows *rows, struct str *cells, struct err *err)
{
    while (rows->row == rows->chunk_rows) {
        duckdb_destroy_data_chunk(&rows->chunk);
        rows->chunk = duckdb_fetch_chunk(rows->result);
        if (rows->chunk == NULL) {
            const char *message = duckdb_result_error(&rows->result);
            return message == NULL || message[0] == '\0'
                       ? 0
                       : sql_result_error(err, &rows->result, NULL);
        }
        rows->chunk_rows = duckdb_data_chunk_get_size(rows->chunk);
        rows->row = 0;
    }
    for (size_t i = 0; i < rows->column_count; i++) {
        cells[i] = cell_at(duckdb_data_chunk_get_vector(rows->chunk, i), rows->row);
    }
    rows->row++;
    return 1;
}

void sql_rows_free(struct sql_rows *rows)
{
    if (rows != NULL) {
        duckdb_destroy_data_chunk(&rows->chunk);
        duckdb_destroy_result(&rows->result);
        mem_free(rows);
    }
}

void sql_rows_freep(struct sql_rows **rows)
{
    sql_rows_free(*rows);
}

int sql_memory(struct sql_conn *conn, struct sql_memory *ret_memory, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[2];
    TRY(sql_query(conn,
                  "SELECT sum(memory_usage_bytes)::BIGINT::VARCHAR, "
                  "sum(temporary_storage_bytes)::BIGINT::VARCHAR FROM duckdb_memory()",
                  &rows, err));
    *ret_memory = (struct sql_memory){-1, -1};
    if (TRY(sql_rows_next(rows, cells, err)) == 1) {
        (void)str_to_i64(cells[0], &ret_memory->bytes);
        (void)str_to_i64(cells[1], &ret_memory->temp_bytes);
    }
    return 0;
}
