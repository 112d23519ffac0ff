/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct sql_db *db;
static struct sql_conn *conn;
static struct arena arena;

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.sandbox = true, .threads = 1};
    struct err err;
    struct sql_source *source = NULL;
    const struct type_field fields[] = {
        {.name = STR("id"), .type = type_simple(TYPE_BIGINT), .nullable = true},
        {.name = STR("l"),
         .type = type_array(&arena, type_simple(TYPE_BIGINT), true),
         .nullable = true},
    };
    const struct type *row_type = type_struct(&arena, fields, ARRAY_COUNT(fields));
    return sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0 ||
                   sql_register_source(conn, "__src_0", row_type, &source, &err) < 0 ||
                   sql_register_source(conn, "__src_1", row_type, &source, &err) < 0
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

/* Every clause is also looked at through the binder, in plan/bind_test.c. */
static const struct {
    const char *select;
    size_t reads;
    const char *stateful;
} cases[] = {
    {"SELECT 1", 0, NULL},
    {"SELECT id FROM __src_0()", 1, NULL},
    {"SELECT id FROM __src_0() UNION ALL SELECT id FROM __src_1()", 2, NULL},
    {"SELECT count(*) FROM range(5)", 0, NULL},
    {"SELECT DISTINCT range FROM range(5) ORDER BY 1 LIMIT 3", 0, NULL},
    {"SELECT count(*) FROM __src_0()", 1, "count(*)"},
    {"SELECT id FROM __src_0() GROUP BY id", 1, "GROUP BY"},
    {"SELECT (SELECT sum(x) FROM unnest(l) t(x)) FROM __src_0()", 1, NULL},
    {"SELECT (SELECT sum(id) FROM __src_1()) FROM __src_0()", 2, "a join of two streams"},
    {"SELECT id, (SELECT max(range) FROM range(5)) FROM __src_0()", 1, NULL},
    {"SELECT row_number() OVER () AS delim_index FROM __src_0()", 1, "a window function"},
    {"SELECT delim_index, (SELECT sum(x) FROM unnest(l) t(x)) FROM (SELECT l, row_number() OVER () "
     "AS delim_index FROM __src_0())",
     1, "a window function"},
    {"WITH f AS (SELECT * FROM __src_0()) SELECT id FROM f", 1, NULL},
    {"WITH f AS (SELECT * FROM __src_0()) SELECT id FROM f UNION ALL SELECT id FROM f", 2, NULL},
    {"WITH f AS (SELECT * FROM __src_0()), g AS (SELECT * FROM f UNION ALL SELECT * FROM f) SELECT "
     "id FROM g UNION ALL SELECT id FROM g",
     4, NULL},
    {"WITH f AS (SELECT * FROM __src_0()) SELECT 1", 0, NULL},
    {"WITH f AS MATERIALIZED (SELECT * FROM __src_0()) SELECT a.id FROM f a JOIN f b ON a.id = "
     "b.id",
     2, "a join of two streams"},
    {"WITH f AS (SELECT count(*) AS n FROM __src_0()) SELECT n FROM f", 1, "count(*)"},
};

static void shapes_count_reads_and_name_clauses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sql_shape shape;
        struct err err;
        if (sql_shape_of(conn, cases[i].select, &arena, &shape, &err) < 0) {
            fail_msg("%s: %s", cases[i].select, err.msg);
        }
        const char *stateful = shape.stateful == NULL ? "" : shape.stateful;
        const char *expected = cases[i].stateful == NULL ? "" : cases[i].stateful;
        if (shape.source_reads != cases[i].reads || strcmp(stateful, expected) != 0) {
            fail_msg("%s: %zu reads, \"%s\"", cases[i].select, shape.source_reads, stateful);
        }
    }
}

static void optimised_plans_count_scans(void **state)
{
    (void)state;
    static const struct {
        const char *select;
        size_t reads;
    } scans[] = {
        {"WITH f AS MATERIALIZED (SELECT * FROM __src_0()) SELECT id FROM f WHERE id > 1 UNION ALL "
         "SELECT id FROM f WHERE id < 1",
         1},
        {"WITH f AS NOT MATERIALIZED (SELECT * FROM __src_0()) SELECT id FROM f WHERE id > 1 UNION "
         "ALL SELECT id FROM f WHERE id < 1",
         2},
        {"WITH f AS NOT MATERIALIZED (SELECT * FROM __src_0()) SELECT id FROM f", 1},
        {"SELECT (SELECT sum(x) FROM unnest(l) t(x)) FROM __src_0()", 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(scans); i++) {
        struct sql_look look;
        struct sql_place place;
        struct err err;
        assert_int_equal(sql_shape_look(conn, scans[i].select, true, &arena, &look, &place, &err),
                         0);
        assert_int_equal(look.read_count, 1);
        assert_true(str_eq_c(look.reads[0].source, "__src_0"));
        assert_int_equal(look.reads[0].count, scans[i].reads);
    }
}

static void binder_errors_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *select;
        const char *error;
        int64_t offset;
    } errors[] = {
        {"SELECT 'é', idd FROM __src_0()", "there is no column \"idd\"; did you mean \"id\"?", 13},
        {"SELECT zzz FROM __src_0()", "there is no column \"zzz\"", 7},
        {"SELECT lenght('x')", "there is no function \"lenght\"; did you mean \"length\"?", 7},
        {"SELECT 1::varchr", "there is no type \"varchr\"; did you mean \"varchar\"?", 10},
        {"SELECT 1 FROM", "syntax error at end of input", 13},
    };
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        struct sql_look look;
        struct sql_place place = {0};
        struct err err;
        assert_int_equal(sql_shape_look(conn, errors[i].select, false, &arena, &look, &place, &err),
                         ERR_CONFIG);
        assert_string_equal(err.msg, errors[i].error);
        assert_int_equal(place.offset, errors[i].offset);
    }
}

static void foreign_table_functions_are_named(void **state)
{
    (void)state;
    struct sql_look look;
    struct sql_place place;
    struct err err;
    assert_int_equal(sql_shape_look(conn, "SELECT id FROM __src_0(), duckdb_settings()", false,
                                    &arena, &look, &place, &err),
                     0);
    assert_true(str_eq_c(look.foreign, "duckdb_settings"));
    assert_int_equal(sql_shape_look(conn, "SELECT id FROM __src_0(), range(3)", false, &arena,
                                    &look, &place, &err),
                     0);
    assert_int_equal(look.foreign.len, 0);
}

static void ctes_that_grow_without_end_are_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    struct sql_shape shape;
    struct err err;
    buf_add_c(&text, "WITH c0 AS (SELECT id FROM __src_0())");
    for (int i = 1; i < 40; i++) {
        buf_printf(&text, ", c%d AS (SELECT * FROM c%d UNION ALL SELECT * FROM c%d)", i, i - 1,
                   i - 1);
    }
    buf_add_c(&text, " SELECT * FROM c39");
    assert_int_equal(sql_shape_of(conn, text.ptr, &arena, &shape, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "too complex"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_count_reads_and_name_clauses),
        cmocka_unit_test(optimised_plans_count_scans),
        cmocka_unit_test(binder_errors_have_a_place),
        cmocka_unit_test(foreign_table_functions_are_named),
        cmocka_unit_test(ctes_that_grow_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
