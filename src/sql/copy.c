/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - one SELECT into Parquet files, with the statistics DuckDB gathered
 *
 * Without partitions all threads write one file, and go on to the next when it
 * has its size; with them DuckDB splits by the text keys into folders whose
 * names mean nothing to us.
 *
 *  (1) Only files named by RETURN_STATS of a statement that succeeded count; an
 *      aborted COPY leaves partial and even valid files behind (design.md 1).
 *  (2) Files without rows are left out.
 *  (3) Statistics are read from the vectors: their text form is NULL.
 */
#include "sql/session.h"

/* Strings of more distinct values than this in a row group are written plainly. */
#define DICTIONARY_VALUES_MAX 10000
#define FILE_BYTES_PRESET     ((uint64_t)128 << 20)

enum stats_column { COL_FILENAME, COL_COUNT, COL_SIZE, COL_FOOTER, COL_STATISTICS, COL_KEYS };

static struct str text_at(duckdb_vector vector, size_t row, struct arena *arena)
{
    uint64_t *validity = duckdb_vector_get_validity(vector);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        return STR_NULL;
    }
    duckdb_string_t *strings = duckdb_vector_get_data(vector);
    struct str s = str_n(duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row]));
    return arena_str(arena, s);
}

static uint64_t number_at(duckdb_data_chunk chunk, enum stats_column column, size_t row)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    return ((uint64_t *)duckdb_vector_get_data(vector))[row];
}

/* The entries of a MAP at `row`: *ret_entries is the vector of {key, value} structs. */
static duckdb_list_entry map_at(duckdb_vector map, size_t row, duckdb_vector *ret_entries)
{
    duckdb_list_entry entry = ((duckdb_list_entry *)duckdb_vector_get_data(map))[row];
    uint64_t *validity = duckdb_vector_get_validity(map);
    if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
        entry = (duckdb_list_entry){0};
    }
    *ret_entries = duckdb_list_vector_get_child(map);
    return entry;
}

static void take_stat(struct sql_column_stats *stats, struct str name, struct str value)
{
    if (value.ptr == NULL) {
        return;
    }
    if (str_eq(name, STR("min"))) {
        stats->min = value;
        stats->has_min = true;
    } else if (str_eq(name, STR("max"))) {
        stats->max = value;
        stats->has_max = true;
    } else if (str_eq(name, STR("null_count"))) {
        stats->has_null_count = str_to_i64(value, &stats->null_count);
    } else if (str_eq(name, STR("has_nan"))) {
        (void)str_to_bool(value, &stats->has_nan);
    }
}

static void take_stats(struct sql_file *file, duckdb_vector map, size_t row, struct arena *arena)
{
    duckdb_vector entries = NULL;
    duckdb_list_entry outer = map_at(map, row, &entries);
    duckdb_vector paths = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector inner = duckdb_struct_vector_get_child(entries, 1);
    struct sql_column_stats *stats = arena_new_array(arena, struct sql_column_stats, outer.length);
    for (size_t i = 0; i < outer.length; i++) {
        size_t at = outer.offset + i;
        stats[i].path = text_at(paths, at, arena);
        duckdb_vector pairs = NULL;
        duckdb_list_entry list = map_at(inner, at, &pairs);
        duckdb_vector names = duckdb_struct_vector_get_child(pairs, 0);
        duckdb_vector values = duckdb_struct_vector_get_child(pairs, 1);
        for (size_t j = list.offset; j < list.offset + list.length; j++) {
            take_stat(&stats[i], text_at(names, j, arena), text_at(values, j, arena));
        }
    }
    file->stats = stats;
    file->stats_count = outer.length;
}

static int take_keys(struct sql_file *file, const struct sql_copy_options *options,
                     duckdb_vector map, size_t row, struct arena *arena, struct err *err)
{
    if (options->partition_count == 0) {
        return 0;
    }
    struct str *values = arena_new_array(arena, struct str, options->partition_count);
    duckdb_vector entries = NULL;
    duckdb_list_entry list = map_at(map, row, &entries);
    duckdb_vector names = duckdb_struct_vector_get_child(entries, 0);
    duckdb_vector texts = duckdb_struct_vector_get_child(entries, 1);
    size_t found = 0;
    for (size_t j = list.offset; j < list.offset + list.length; j++) {
        struct str name = text_at(names, j, arena);
        for (size_t k = 0; k < options->partition_count; k++) {
            if (str_eq_c(name, options->partition_names[k])) {
                values[k] = text_at(texts, j, arena);
                found++;
            }
        }
    }
    file->partition_values = values;
    file->partition_count = options->partition_count;
    if (found != options->partition_count) {
        return err_set(err, ERR_CORRUPT, "a file of the batch came without its partition key");
    }
    return 0;
}

static int take_files(duckdb_data_chunk chunk, const struct sql_copy_options *options,
                      struct arena *arena, struct sql_file *files, size_t *count, struct err *err)
{
    size_t rows = duckdb_data_chunk_get_size(chunk);
    duckdb_vector names = duckdb_data_chunk_get_vector(chunk, COL_FILENAME);
    duckdb_vector stats = duckdb_data_chunk_get_vector(chunk, COL_STATISTICS);
    duckdb_vector keys = duckdb_data_chunk_get_vector(chunk, COL_KEYS);
    for (size_t row = 0; row < rows; row++) {
        if (number_at(chunk, COL_COUNT, row) == 0) {
            continue;
        }
        struct sql_file *file = &files[(*count)++];
        file->path = text_at(names, row, arena);
        file->row_count = (int64_t)number_at(chunk, COL_COUNT, row);
        file->size_bytes = number_at(chunk, COL_SIZE, row);
        take_stats(file, stats, row, arena);
        TRY(take_keys(file, options, keys, row, arena, err));
    }
    return 0;
}

static void copy_text(struct buf *out, const char *select, const struct sql_copy_options *options)
{
    buf_printf(out, "COPY (%s) TO ", select);
    sql_quote_text(out, str_of(options->dir));
    buf_printf(out, " (FORMAT parquet, COMPRESSION %s, ROW_GROUP_SIZE %" PRId64,
               options->compression, options->row_group_rows);
    buf_printf(out, ", DICTIONARY_SIZE_LIMIT %d, RETURN_STATS, FILENAME_PATTERN '{uuid}'",
               DICTIONARY_VALUES_MAX);
    if (options->partition_count == 0) {
        uint64_t bytes = options->file_bytes > 0 ? options->file_bytes : FILE_BYTES_PRESET;
        buf_printf(out, ", FILE_SIZE_BYTES '%" PRIu64 "B'", bytes);
    } else {
        buf_add_c(out, ", OVERWRITE_OR_IGNORE, PARTITION_BY (");
        for (size_t i = 0; i < options->partition_count; i++) {
            buf_add_c(out, i == 0 ? "" : ", ");
            sql_quote_name(out, str_of(options->partition_names[i]));
        }
        buf_add_c(out, ")");
    }
    buf_add_c(out, ")");
}

int sql_copy(struct sql_conn *conn, const char *select, const struct sql_copy_options *options,
             struct arena *arena, struct sql_copy_result *ret_result, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    copy_text(&text, select, options);
    AUTO_RESULT duckdb_result result = {0};
    TRY(sql_execute(conn, text.ptr, &result, err));

    /* A result of COPY is materialised: its row count is known. */
    struct sql_file *files = arena_new_array(arena, struct sql_file, duckdb_row_count(&result));
    struct sql_copy_result made = {.files = files};
    for (;;) {
        AUTO_CHUNK duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
        if (chunk == NULL) {
            break;
        }
        TRY(take_files(chunk, options, arena, files, &made.file_count, err));
    }
    for (size_t i = 0; i < made.file_count; i++) {
        made.row_count += files[i].row_count;
    }
    *ret_result = made;
    return 0;
}
