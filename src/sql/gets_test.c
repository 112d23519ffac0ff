/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"

static struct sql_db *db;
static struct sql_conn *conn;
static struct arena arena;

enum { COL_ID, COL_NAME, COL_PRICE };

/* ids of 100 … 200 */
static const struct sql_range *known_range(void *user, size_t column)
{
    static const struct sql_range id = {.row_count = 10,
                                        .null_count = 0,
                                        .min = {.kind = SQL_VALUE_NUMBER, .number = 100},
                                        .max = {.kind = SQL_VALUE_NUMBER, .number = 200}};
    static const struct sql_range price = {.row_count = 10,
                                           .null_count = 0,
                                           .min = {.kind = SQL_VALUE_NUMBER, .number = 1},
                                           .max = {.kind = SQL_VALUE_NUMBER, .number = 5}};
    (void)user;
    return column == COL_ID ? &id : column == COL_PRICE ? &price : NULL;
}

static int open_db(void **state)
{
    (void)state;
    struct sql_db_options options = {.threads = 1};
    struct err err;
    struct sql_source *source = NULL;
    const struct type_field fields[] = {
        {.name = STR("id"), .type = type_simple(TYPE_BIGINT), .nullable = true},
        {.name = STR("name"), .type = type_simple(TYPE_STRING), .nullable = true},
        {.name = STR("price"), .type = type_simple(TYPE_INTEGER), .nullable = true},
    };
    const struct type *row_type = type_struct(&arena, fields, ARRAY_COUNT(fields));
    return sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0 ||
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

static void every_read_has_its_own_columns_and_filter(void **state)
{
    (void)state;
    struct err err;
    struct sql_gets gets;
    assert_int_equal(1,
                     sql_gets_of(conn,
                                 "SELECT a.name FROM __src_0() a JOIN __src_0() b ON a.id = b.id "
                                 "WHERE a.id < 3 AND b.price > 7",
                                 &arena, &gets, &err));
    assert_int_equal(2, gets.count);
    for (size_t i = 0; i < 2; i++) {
        const struct sql_get *get = &gets.items[i];
        bool has_name = false;
        bool has_price = false;
        assert_true(str_eq_c(get->function, "__src_0"));
        for (size_t c = 0; c < get->column_count; c++) {
            has_name = has_name || get->columns[c] == COL_NAME;
            has_price = has_price || get->columns[c] == COL_PRICE;
        }
        assert_int_equal(2, get->column_count);
        assert_true(has_name != has_price);
        assert_true(sql_filter_excludes(get->filter, known_range, NULL));
    }
}

static void a_cte_that_is_used_twice_keeps_what_either_use_needs(void **state)
{
    (void)state;
    struct err err;
    struct sql_gets gets;
    assert_int_equal(1,
                     sql_gets_of(conn,
                                 "WITH x AS MATERIALIZED (SELECT * FROM __src_0()) SELECT a.name "
                                 "FROM x a, x b WHERE a.id = 1 AND b.id = 150",
                                 &arena, &gets, &err));
    for (size_t i = 0; i < gets.count; i++) {
        assert_false(sql_filter_excludes(gets.items[i].filter, known_range, NULL));
    }
}

static void a_statement_without_a_plan_to_show_is_an_outcome(void **state)
{
    (void)state;
    struct err err;
    struct sql_gets gets;
    assert_int_equal(0, sql_gets_of(conn, "SELECT nothing FROM nowhere", &arena, &gets, &err));
}

static void files_are_told_by_the_first_and_columns_that_are_not_read_are_not_listed(void **state)
{
    (void)state;
    struct err err;
    struct sql_gets gets;
    char *dir = NULL;
    assert_true(fs_make_temp_dir("/tmp", "gets", &dir, &err) >= 0);
    AUTO_FREE char *copy =
        mem_printf("COPY (SELECT 1 AS a, 2 AS b, 3 AS c) TO '%s/x.parquet' (FORMAT parquet)", dir);
    AUTO_FREE char *select = mem_printf(
        "SELECT c, file_row_number, filename FROM read_parquet(['%s/x.parquet'], schema = MAP "
        "{'a': "
        "{name: 'c0', type: 'BIGINT', default_value: NULL}, 'c': {name: 'c', type: 'BIGINT', "
        "default_value: NULL}}) WHERE c > 1",
        dir);
    AUTO_FREE char *path = mem_printf("%s/x.parquet", dir);
    assert_true(sql_run(conn, copy, &err) >= 0);
    assert_int_equal(1, sql_gets_of(conn, select, &arena, &gets, &err));
    assert_int_equal(1, gets.count);
    assert_true(str_eq_c(gets.items[0].function, "read_parquet"));
    assert_true(str_eq_c(gets.items[0].file, path));
    assert_int_equal(1, gets.items[0].column_count);
    assert_int_equal(1, gets.items[0].columns[0]);
    assert_true(fs_remove_tree(dir, &err) >= 0);
    mem_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_read_has_its_own_columns_and_filter),
        cmocka_unit_test(a_cte_that_is_used_twice_keeps_what_either_use_needs),
        cmocka_unit_test(a_statement_without_a_plan_to_show_is_an_outcome),
        cmocka_unit_test(files_are_told_by_the_first_and_columns_that_are_not_read_are_not_listed),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
