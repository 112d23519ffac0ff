/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct sql_db *db;
static struct sql_conn *conn;
static char *dir;
static struct arena arena;

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.threads = 1};
    struct err err;
    return fs_make_temp_dir("/tmp", "parquet", &dir, &err) < 0 ||
                   sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0
               ? -1
               : 0;
}

static int close_db(void **state)
{
    (void)state;
    struct err ignored;
    sql_disconnect(conn);
    sql_close(db);
    (void)fs_remove_tree(dir, &ignored);
    mem_free(dir);
    arena_done(&arena);
    return 0;
}

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        fail_msg("%s", err->msg);
    }
}

/* The bytes of a Parquet file with these rows, in the arena. */
static struct str make_file(const char *select, const char *options)
{
    struct err err;
    AUTO_FREE char *path = mem_printf("%s/file.parquet", dir);
    AUTO_FREE char *sql = mem_printf("COPY (%s) TO '%s' (FORMAT parquet%s)", select, path, options);
    AUTO_BUF struct buf body = {0};
    must(sql_run(conn, sql, &err), &err);
    must(fs_read_file(path, &body, &err), &err);
    return arena_str(&arena, buf_str(&body));
}

static int parse(struct str file, struct parquet_footer *ret_footer, struct err *err)
{
    uint64_t bytes = 0;
    struct str tail = str_skip(file, file.len - PARQUET_TAIL_BYTES);
    TRY(sql_parquet_tail(tail, file.len, &bytes, err));
    struct str footer = {tail.ptr - bytes, (size_t)bytes};
    return sql_parquet_parse(&arena, footer, file.len, ret_footer, err);
}

#define MANY                                                                                       \
    "SELECT i::INTEGER AS i, i::TINYINT AS t, i AS l, i::FLOAT AS f, i::DOUBLE AS d, 's' || i AS " \
    "s,"                                                                                           \
    " (i - 5)::DECIMAL(5,2) AS d5, i::DECIMAL(18,3) AS d18, (i - 5)::DECIMAL(38,1) AS d38, i = 2 " \
    "AS "                                                                                          \
    "b, DATE '1970-01-01' + i::INT AS day, TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_seconds(i) "  \
    "AS "                                                                                          \
    "at, i::UINTEGER AS u, 'x'::BLOB AS bl, {'x': i, 'y': [i]} AS st, CASE WHEN i > 7 THEN i END " \
    "AS gaps FROM range(10) t(i)"

static const struct parquet_chunk *chunk_of(const struct parquet_footer *footer, const char *name,
                                            const struct parquet_column **ret_column)
{
    for (size_t i = 0; i < footer->chunk_count; i++) {
        const struct parquet_chunk *chunk = &footer->groups[0].chunks[i];
        const struct parquet_column *column = &footer->columns[chunk->column];
        if (str_eq_c(footer->elements[column->first].name, name)) {
            *ret_column = column;
            return chunk;
        }
    }
    fail_msg("no column %s", name);
    return NULL;
}

static void minima_and_maxima_come_out_as_values_of_the_type(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum type_kind kind;
        int64_t min, max, nulls;
    } cases[] = {
        {"i", TYPE_BIGINT, 0, 9, 0},       {"t", TYPE_BIGINT, 0, 9, 0},
        {"l", TYPE_BIGINT, 0, 9, 0},       {"d5", TYPE_DECIMAL, -500, 400, 0},
        {"d18", TYPE_DECIMAL, 0, 9000, 0}, {"d38", TYPE_DECIMAL, -50, 40, 0},
        {"day", TYPE_DATE, 0, 9, 0},       {"at", TYPE_TIMESTAMP, 0, 9000000, 0},
        {"gaps", TYPE_BIGINT, 8, 9, 8},
    };
    struct parquet_footer footer;
    struct err err;
    must(parse(make_file(MANY, ""), &footer, &err), &err);
    assert_int_equal(10, footer.row_count);
    assert_int_equal(16, footer.column_count);
    assert_int_equal(17, footer.chunk_count);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct parquet_column *column = NULL;
        const struct parquet_chunk *chunk = chunk_of(&footer, cases[i].name, &column);
        if (column->type == NULL || column->type->kind != cases[i].kind ||
            chunk->range.min.kind != SQL_VALUE_NUMBER || chunk->range.min.number != cases[i].min ||
            chunk->range.max.kind != SQL_VALUE_NUMBER || chunk->range.max.number != cases[i].max ||
            chunk->range.null_count != cases[i].nulls) {
            fail_msg("column %s", cases[i].name);
        }
    }
}

static void real_numbers_and_text_come_out_too(void **state)
{
    (void)state;
    struct parquet_footer footer;
    struct err err;
    const struct parquet_column *column = NULL;
    must(parse(make_file(MANY, ""), &footer, &err), &err);
    const struct parquet_chunk *chunk = chunk_of(&footer, "f", &column);
    assert_int_equal(SQL_VALUE_REAL, chunk->range.max.kind);
    assert_true(chunk->range.max.real == 9.0 && chunk->range.may_have_nan);
    chunk = chunk_of(&footer, "d", &column);
    assert_true(chunk->range.max.real == 9.0 && chunk->range.min.real == 0.0);
    chunk = chunk_of(&footer, "s", &column);
    assert_int_equal(SQL_VALUE_TEXT, chunk->range.min.kind);
    assert_true(str_eq_c(chunk->range.min.text, "s0") && str_eq_c(chunk->range.max.text, "s9"));
}

static void nothing_is_said_of_types_without_a_known_order(void **state)
{
    (void)state;
    static const char *const names[] = {"u", "bl", "st"};
    struct parquet_footer footer;
    struct err err;
    must(parse(make_file(MANY, ""), &footer, &err), &err);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct parquet_column *column = NULL;
        const struct parquet_chunk *chunk = chunk_of(&footer, names[i], &column);
        assert_null(column->type);
        assert_int_equal(SQL_VALUE_NONE, chunk->range.min.kind);
        assert_int_equal(SQL_VALUE_NONE, chunk->range.max.kind);
    }
}

static void a_column_fits_a_type_that_reads_the_same_numbers(void **state)
{
    (void)state;
    struct parquet_column column = {.type = type_decimal(&arena, 9, 2)};
    assert_true(sql_parquet_fits(&column, type_decimal(&arena, 12, 2)));
    assert_false(sql_parquet_fits(&column, type_decimal(&arena, 12, 3)));
    assert_false(sql_parquet_fits(&column, type_simple(TYPE_BIGINT)));
    column.type = type_simple(TYPE_BIGINT);
    assert_true(sql_parquet_fits(&column, type_simple(TYPE_TINYINT)));
    assert_false(sql_parquet_fits(&column, type_simple(TYPE_DOUBLE)));
    column.type = type_simple(TYPE_FLOAT);
    assert_true(sql_parquet_fits(&column, type_simple(TYPE_DOUBLE)));
    column.type = type_simple(TYPE_DATE);
    assert_false(sql_parquet_fits(&column, type_simple(TYPE_TIMESTAMP_NTZ)));
    column.type = NULL;
    assert_false(sql_parquet_fits(&column, type_simple(TYPE_BIGINT)));
}

static void ids_of_fields_and_the_tree_are_read(void **state)
{
    (void)state;
    struct parquet_footer footer;
    struct err err;
    must(parse(make_file("SELECT 1 AS a, {'x': 1, 'y': {'z': 2}} AS st",
                         ", FIELD_IDS {a: 7, st: {__duckdb_field_id: 8, x: 9}}"),
               &footer, &err),
         &err);
    assert_int_equal(2, footer.column_count);
    assert_int_equal(5, footer.element_count);
    assert_int_equal(7, footer.elements[0].field_id);
    assert_int_equal(8, footer.elements[1].field_id);
    assert_int_equal(2, footer.elements[1].child_count);
    assert_int_equal(9, footer.elements[2].field_id);
    assert_int_equal(-1, footer.elements[3].field_id);
    assert_int_equal(1, footer.columns[1].first);
    assert_int_equal(5, footer.columns[1].end);
}

static void a_footer_with_all_row_groups_prints_as_it_was(void **state)
{
    (void)state;
    struct parquet_footer footer;
    struct err err;
    struct str file =
        make_file("SELECT i, 's' || i AS s FROM range(100000) t(i)", ", ROW_GROUP_SIZE 2048");
    bool keep[128];
    AUTO_BUF struct buf out = {0};
    memset(keep, true, sizeof(keep));
    must(parse(file, &footer, &err), &err);
    assert_true(footer.group_count > 15 && footer.group_count < ARRAY_COUNT(keep));
    sql_parquet_print(&footer, keep, &out);
    assert_true(str_eq(buf_str(&out), str_skip(file, (size_t)footer.end)));
}

static void things_end_where_the_next_begins(void **state)
{
    (void)state;
    struct parquet_footer footer;
    struct err err;
    must(parse(make_file(MANY, ""), &footer, &err), &err);
    for (size_t i = 0; i < footer.chunk_count; i++) {
        const struct parquet_chunk *chunk = &footer.groups[0].chunks[i];
        uint64_t end = sql_parquet_end(&footer, chunk->begin);
        assert_true(end >= chunk->begin + chunk->bytes && end <= footer.end);
        if (i + 1 < footer.chunk_count) {
            assert_int_equal(footer.groups[0].chunks[i + 1].begin, end);
        }
    }
}

/* Every cut and every flipped bit: an answer or an error, nothing out of bounds (ASan looks). */
static void damaged_footers_are_errors_or_stay_in_bounds(void **state)
{
    (void)state;
    struct str file = make_file("SELECT i, 's' || i AS s, {'x': i} AS st FROM range(10) t(i)", "");
    struct parquet_footer good;
    struct err err;
    must(parse(file, &good, &err), &err);
    for (size_t at = 0; at < good.bytes.len; at++) {
        struct parquet_footer footer;
        char *cut = arena_alloc(&arena, at + 1);
        memcpy(cut, good.bytes.ptr, at);
        assert_int_equal(ERR_CORRUPT,
                         sql_parquet_parse(&arena, str_n(cut, at), file.len, &footer, &err));
        for (int bit = 0; bit < 8; bit++) {
            char *bent = arena_alloc(&arena, good.bytes.len);
            memcpy(bent, good.bytes.ptr, good.bytes.len);
            bent[at] = (char)(bent[at] ^ (1 << bit));
            if (sql_parquet_parse(&arena, str_n(bent, good.bytes.len), file.len, &footer, &err) <
                0) {
                continue;
            }
            for (size_t i = 0; i < footer.group_count * footer.chunk_count; i++) {
                const struct parquet_chunk *chunk =
                    &footer.groups[i / footer.chunk_count].chunks[i % footer.chunk_count];
                assert_true(chunk->begin <= footer.end && chunk->column < footer.column_count);
            }
        }
    }
}

static void a_number_of_rows_that_comes_twice_is_damage(void **state)
{
    (void)state;
    struct parquet_footer footer;
    struct err err;
    struct str file = make_file("SELECT 1 AS a", "");
    AUTO_BUF struct buf twice = {0};
    must(parse(file, &footer, &err), &err);
    buf_add(&twice, footer.bytes.ptr, footer.bytes.len - 1);
    buf_add(&twice, "\x06\x06\x02", 4); /* field 3, 1 as a number, the end */
    assert_int_equal(ERR_CORRUPT,
                     sql_parquet_parse(&arena, buf_str(&twice), file.len + 3, &footer, &err));
}

static void a_tail_that_is_no_parquet_is_told_from_an_encrypted_one(void **state)
{
    (void)state;
    struct err err;
    uint64_t bytes = 0;
    assert_int_equal(ERR_CORRUPT, sql_parquet_tail(STR("\1\0\0\0NOPE"), 100, &bytes, &err));
    assert_int_equal(ERR_CORRUPT, sql_parquet_tail(STR("\x59\0\0\0PAR1"), 100, &bytes, &err));
    assert_int_equal(0, sql_parquet_tail(STR("\x58\0\0\0PAR1"), 100, &bytes, &err));
    assert_int_equal(88, bytes);
    assert_int_equal(ERR_CONFIG, sql_parquet_tail(STR("\1\0\0\0PARE"), 100, &bytes, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minima_and_maxima_come_out_as_values_of_the_type),
        cmocka_unit_test(real_numbers_and_text_come_out_too),
        cmocka_unit_test(nothing_is_said_of_types_without_a_known_order),
        cmocka_unit_test(a_column_fits_a_type_that_reads_the_same_numbers),
        cmocka_unit_test(ids_of_fields_and_the_tree_are_read),
        cmocka_unit_test(a_footer_with_all_row_groups_prints_as_it_was),
        cmocka_unit_test(things_end_where_the_next_begins),
        cmocka_unit_test(damaged_footers_are_errors_or_stay_in_bounds),
        cmocka_unit_test(a_number_of_rows_that_comes_twice_is_damage),
        cmocka_unit_test(a_tail_that_is_no_parquet_is_told_from_an_encrypted_one),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
