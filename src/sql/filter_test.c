/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct sql_db *db;
static struct sql_conn *conn;
static struct arena arena;

/* The columns of the source, with what is known of each in the tests below. */
enum { COL_ID, COL_NAME, COL_DAY, COL_AT, COL_PRICE, COL_RATIO, COL_FLAG, COL_EMPTY, COL_NESTED };

#define NUMBER(x)                                                                                  \
    {                                                                                              \
        .kind = SQL_VALUE_NUMBER, .number = (x)                                                    \
    }
#define REAL(x)                                                                                    \
    {                                                                                              \
        .kind = SQL_VALUE_REAL, .real = (x)                                                        \
    }
#define TEXT(x)                                                                                    \
    {                                                                                              \
        .kind = SQL_VALUE_TEXT, .text = STR(x)                                                     \
    }

static const struct sql_range known[] = {
    [COL_ID] = {.row_count = 10, .null_count = 0, .min = NUMBER(100), .max = NUMBER(200)},
    [COL_NAME] = {.row_count = 10, .null_count = 2, .min = TEXT("b"), .max = TEXT("m")},
    [COL_DAY] = {.row_count = 10, .null_count = 0, .min = NUMBER(20454), .max = NUMBER(20456)},
    [COL_AT] = {.row_count = 10,
                .null_count = -1,
                .min = NUMBER(1767225600000000),
                .max = NUMBER(1767225600001000)},
    [COL_PRICE] = {.row_count = 10, .null_count = 0, .min = NUMBER(150), .max = NUMBER(325)},
    [COL_RATIO] = {.row_count = 10,
                   .null_count = 0,
                   .min = REAL(0.5),
                   .max = REAL(1.5),
                   .may_have_nan = true},
    [COL_FLAG] = {.row_count = 10, .null_count = 0, .min = NUMBER(1), .max = NUMBER(1)},
    [COL_EMPTY] = {.row_count = 10, .null_count = 10},
    [COL_NESTED] = {.row_count = 10, .null_count = -1},
};

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.threads = 1};
    struct err err;
    struct sql_source *source = NULL;
    const struct type *row_type = NULL;
    if (sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0) {
        return -1;
    }
    return sql_describe(conn,
                        "SELECT 1::BIGINT id, 'x' \"name\", DATE '2026-01-01' \"day\", "
                        "TIMESTAMPTZ '2026-01-01 00:00:00+00' ts, 1.5::DECIMAL(9,2) price, "
                        "1.5::DOUBLE ratio, true flag, 1::INTEGER \"empty\", {'x': 1} nested",
                        &arena, &row_type, &err) < 0 ||
                   sql_register_source(conn, "__src_0", row_type, &source, &err) < 0
               ? -1
               : 0;
}

static int close_db(void **state)
{
    (void)state;
    sql_disconnect(conn);
    sql_close(db);
    arena_done(&arena);
    return 0;
}

static const struct sql_range *known_range(void *user, size_t column)
{
    (void)user;
    assert(column < ARRAY_COUNT(known));
    return &known[column];
}

static bool excludes(const char *condition)
{
    struct err err;
    struct sql_gets gets;
    AUTO_FREE char *sql = mem_printf("SELECT count(*) FROM __src_0() WHERE %s", condition);
    int rc = sql_gets_of(conn, sql, &arena, &gets, &err);
    if (rc == 0) {
        return false; /* NaN cannot be shown in JSON */
    }
    if (rc < 0 || gets.count != 1) {
        fail_msg("no plan of %s", condition);
    }
    return sql_filter_excludes(gets.items[0].filter, known_range, NULL);
}

static void conditions_that_no_row_within_the_bounds_can_pass_exclude(void **state)
{
    (void)state;
    static const char *const conditions[] = {
        "id < 100",
        "id <= 99",
        "id > 200",
        "id >= 201",
        "id = 99",
        "id = 201",
        "201 <= id",
        "100 > id",
        "id IN (1, 2, 300)",
        "id BETWEEN 201 AND 300",
        "id BETWEEN 1 AND 99",
        "id = 150 AND day = '2026-02-01'",
        "id = 1 OR id = 300",
        "(id = 1 AND flag) OR name = 'a'",
        "id IS NULL",
        "name < 'b'",
        "name > 'm'",
        "name = 'mm'",
        "name IN ('a', 'z')",
        "day = DATE '2025-12-31'",
        "day > '2026-01-03'",
        "ts > '2026-01-01 00:00:00.001+00'",
        "ts < '2026-01-01 00:00:00+00'",
        "price < 1.5",
        "price > 3.25",
        "price = 100",
        "ratio < 0.5",
        "ratio = 2",
        "NOT flag",
        "flag = false",
        "empty = 1",
        "empty IS NOT NULL",
        "empty > 1 OR id < 3",
    };
    for (size_t i = 0; i < ARRAY_COUNT(conditions); i++) {
        if (!excludes(conditions[i])) {
            fail_msg("does not exclude: %s", conditions[i]);
        }
    }
}

static void conditions_that_a_row_may_pass_do_not_exclude(void **state)
{
    (void)state;
    static const char *const conditions[] = {
        "id = 100",           "id = 200",
        "id <= 100",          "id >= 200",
        "id <> 150",          "id IN (1, 150)",
        "id = 1 OR id = 150", "id = 1 OR name LIKE '%x'",
        "id * id = 2",        "id % 2 = 7",
        "id % 7 = 5",         "name IS NULL",
        "name = 'b'",         "name = 'm'",
        "name LIKE 'q%'",     "lower(name) = 'zzz'",
        "day = '2026-01-01'", "ts >= '2026-01-01 00:00:00.001+00'",
        "price = 3.25",       "ratio > 1.5",
        "ratio >= 100",       "ratio = 'nan'",
        "ratio <> 1",         "flag",
        "empty IS NULL",      "nested IS NULL",
        "nested.x = 5",       "id IS DISTINCT FROM 7",
        "random() < 0",
    };
    for (size_t i = 0; i < ARRAY_COUNT(conditions); i++) {
        if (excludes(conditions[i])) {
            fail_msg("excludes: %s", conditions[i]);
        }
    }
}

static const struct sql_range *nothing_known(void *user, size_t column)
{
    (void)column;
    return user;
}

static void without_knowledge_nothing_is_excluded(void **state)
{
    (void)state;
    struct err err;
    struct sql_gets gets;
    const struct sql_range nothing = {.row_count = -1, .null_count = -1};
    assert_int_equal(1, sql_gets_of(conn,
                                    "SELECT 1 FROM __src_0() WHERE id = 1 AND empty IS NOT NULL "
                                    "AND name < 'a' AND flag AND day IS NULL",
                                    &arena, &gets, &err));
    struct sql_range copy = nothing;
    assert_false(sql_filter_excludes(gets.items[0].filter, nothing_known, &copy));
    assert_false(sql_filter_excludes(gets.items[0].filter, nothing_known, NULL));
}

/* ---- against DuckDB ------------------------------------------------------------------------ */

static struct sql_range measured[4];

static const struct sql_range *measured_range(void *user, size_t column)
{
    (void)user;
    static const int at[] = {[COL_ID] = 0, [COL_NAME] = 1, [COL_PRICE] = 2, [COL_RATIO] = 3};
    return column == COL_ID || column == COL_NAME || column == COL_PRICE || column == COL_RATIO
               ? &measured[at[column]]
               : NULL;
}

static struct str ask(const char *sql)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct err err;
    struct str cell = STR_NULL;
    if (sql_query(conn, sql, &rows, &err) < 0 || sql_rows_next(rows, &cell, &err) != 1) {
        fail_msg("%s: %s", sql, err.msg);
    }
    return arena_str(&arena, cell);
}

static int64_t ask_number(const char *sql)
{
    int64_t value = -1;
    assert_true(str_to_i64(ask(sql), &value));
    return value;
}

static void measure(void)
{
    const int64_t rows = ask_number("SELECT count(*)::VARCHAR FROM part");
    static const char *const names[] = {"id", "\"name\"", "price * 100", "ratio"};
    for (size_t i = 0; i < 4; i++) {
        AUTO_FREE char *nulls =
            mem_printf("SELECT count(*) FILTER (%s IS NULL)::VARCHAR FROM part", names[i]);
        AUTO_FREE char *low = mem_printf(i == 1 ? "SELECT min(%s) FROM part"
                                                : "SELECT min(%s)::DOUBLE::VARCHAR FROM part",
                                         names[i]);
        AUTO_FREE char *high = mem_printf(
            i == 1 ? "SELECT max(%s) FROM part"
                   : "SELECT (max(x) FILTER (NOT isnan(x)))::VARCHAR FROM (SELECT (%s)::DOUBLE x "
                     "FROM part)",
            names[i]);
        struct sql_range *r = &measured[i];
        *r = (struct sql_range){.row_count = rows, .null_count = ask_number(nulls)};
        struct str texts[] = {ask(low), ask(high)};
        struct sql_value *values[] = {&r->min, &r->max};
        for (size_t k = 0; k < 2; k++) {
            double real = 0;
            if (i == 1) {
                values[k]->kind = texts[k].ptr == NULL ? SQL_VALUE_NONE : SQL_VALUE_TEXT;
                values[k]->text = texts[k];
            } else if (texts[k].ptr != NULL && str_to_double(texts[k], &real) && real == real) {
                values[k]->kind = i == 3 ? SQL_VALUE_REAL : SQL_VALUE_NUMBER;
                values[k]->real = real;
                values[k]->number = (int64_t)(real < 0 ? real - 0.5 : real + 0.5);
            }
        }
        r->may_have_nan = i == 3;
    }
}

/* random numbers of the test's own: the same ones every time */
static uint64_t seed = 7;
static uint64_t next_random(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static void add_condition(struct buf *sql, int depth)
{
    static const char *const ops[] = {"=", "<", "<=", ">", ">=", "<>"};
    uint64_t kind = next_random(depth > 2 ? 6 : 9);
    const char *op = ops[next_random(ARRAY_COUNT(ops))];
    int value = (int)next_random(30) - 8;
    switch (kind) {
    case 0:
    case 1:
        buf_printf(sql, "id %s %d", op, value);
        return;
    case 2:
        buf_printf(sql, "\"name\" %s 'n%d'", op, value);
        return;
    case 3:
        buf_printf(sql, "price %s %d.5", op, value);
        return;
    case 4:
        buf_printf(sql, "ratio %s %s", op, next_random(5) == 0 ? "'nan'::DOUBLE" : "3.5::DOUBLE");
        return;
    case 5:
        buf_printf(sql, "id %s", next_random(2) == 0 ? "IS NULL" : "IS NOT NULL");
        return;
    case 6:
        buf_printf(sql, "id IN (%d, %d, %d)", value, value + 5, value * 2);
        return;
    default:
        buf_add_c(sql, kind == 7 ? "(" : "NOT (");
        add_condition(sql, depth + 1);
        buf_add_c(sql, next_random(2) == 0 ? " AND " : " OR ");
        add_condition(sql, depth + 1);
        buf_add_c(sql, ")");
    }
}

static void what_is_excluded_has_no_row_that_passes(void **state)
{
    (void)state;
    struct err err;
    size_t excluded = 0;
    for (int part = 0; part < 12; part++) {
        AUTO_BUF struct buf make = {0};
        buf_printf(&make,
                   "CREATE OR REPLACE TABLE part AS SELECT CASE WHEN i %% %d = 0 THEN NULL ELSE i "
                   "END AS id, 'n' || i AS \"name\", (i / 2.0)::DECIMAL(9,2) AS price, CASE WHEN i "
                   "%% 5 = %d THEN 'nan'::DOUBLE ELSE i / 3.0 END AS ratio FROM range(%d, %d) t(i)",
                   part == 0 ? 1 : 2 + part, part % 7, part * 2 - 8, part * 2 - 8 + 1 + part % 6);
        assert_true(sql_run(conn, make.ptr, &err) >= 0);
        measure();
        for (int i = 0; i < 60; i++) {
            AUTO_BUF struct buf condition = {0};
            AUTO_BUF struct buf sql = {0};
            struct sql_gets gets;
            add_condition(&condition, 0);
            buf_printf(&sql, "SELECT count(*)::VARCHAR FROM __src_0() WHERE %s", condition.ptr);
            int rc = sql_gets_of(conn, sql.ptr, &arena, &gets, &err);
            assert_true(rc >= 0);
            if (rc == 0 || gets.count == 0 ||
                !sql_filter_excludes(gets.items[0].filter, measured_range, NULL)) {
                continue;
            }
            excluded++;
            buf_reset(&sql);
            buf_printf(&sql, "SELECT count(*)::VARCHAR FROM part WHERE %s", condition.ptr);
            if (ask_number(sql.ptr) != 0) {
                fail_msg("rows of part %d pass: %s", part, condition.ptr);
            }
        }
    }
    assert_true(excluded > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_that_no_row_within_the_bounds_can_pass_exclude),
        cmocka_unit_test(conditions_that_a_row_may_pass_do_not_exclude),
        cmocka_unit_test(without_knowledge_nothing_is_excluded),
        cmocka_unit_test(what_is_excluded_has_no_row_that_passes),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
