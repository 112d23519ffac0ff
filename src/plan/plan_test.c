/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan/plan.h"

static struct plan *load(const char *text)
{
    struct plan *plan = NULL;
    struct err err;
    if (plan_load(STR("p.sql"), str_of(text), &plan, &err) < 0) {
        fail_msg("%s\n%s", text, err.msg);
    }
    return plan;
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_eq_c(s, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
    }
}

static void assert_type(const struct type *type, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    type_print(type, &text);
    assert_string_equal(text.ptr, expected);
}

static void a_nul_byte_is_refused_at_its_place(void **state)
{
    (void)state;
    struct plan *plan = NULL;
    struct err err;
    assert_int_equal(plan_load(STR("p.sql"), STR("SET\n thr\0eads = 1"), &plan, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "p.sql:2:5: a NUL byte stands in the text");
}

static void an_empty_file_is_an_empty_plan(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " \n", "-- nothing", ";;;", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO_PLAN struct plan *plan = load(texts[i]);
        assert_int_equal(plan->streams.count + plan->views.count + plan->tables.count, 0);
    }
}

static void a_scan_has_the_meta_columns_behind_the_declared_ones(void **state)
{
    (void)state;
    AUTO_PLAN struct plan *plan = load("CREATE STREAM feed (a INT) USING generator");
    assert_type(plan->streams.items[0].row_type, "STRUCT<a: INT>");
    assert_type(plan->streams.items[0].scan_type,
                "STRUCT<a: INT, _key: BINARY, _value: BINARY, _topic: STRING, _partition: INT, "
                "_offset: BIGINT, _timestamp: TIMESTAMP, "
                "_headers: ARRAY<STRUCT<key: STRING, value: BINARY>>>");
}

static void variables_are_replaced_everywhere_but_in_comments(void **state)
{
    (void)state;
    setenv("SLUICE_TEST_A", "it's", 1);
    setenv("SLUICE_TEST_B", "a + 1", 1);
    AUTO_PLAN struct plan *plan =
        load("-- ${SLUICE_TEST_NOT_SET}\n"
             "CREATE STREAMING TABLE t LOCATION '/x/${SLUICE_TEST_A}/${SLUICE_TEST_C:-y}' AS "
             "SELECT ${SLUICE_TEST_B} AS x /* ${NOT_EITHER} */ FROM f");
    assert_str(plan->tables.items[0].location, "/x/it's/y");
    assert_str(plan->tables.items[0].body, "SELECT a + 1 AS x FROM f");
}

static void a_plan_is_loaded_from_a_file(void **state)
{
    (void)state;
    AUTO_FREE char *dir = NULL;
    struct plan *plan = NULL;
    struct err err;
    assert_int_equal(fs_make_temp_dir("/tmp", "plan-test", &dir, &err), 0);
    AUTO_FREE char *path = mem_printf("%s/x.sql", dir);
    assert_int_equal(plan_load_file(path, &plan, &err), ERR_CONFIG);
    assert_int_equal(fs_write_file(path, STR("SET threads = 2"), &err), 0);
    assert_int_equal(plan_load_file(path, &plan, &err), 0);
    assert_int_equal(plan->threads, 2);
    assert_str(plan->file, path);
    plan_free(plan);
    assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_byte_is_refused_at_its_place),
        cmocka_unit_test(an_empty_file_is_an_empty_plan),
        cmocka_unit_test(a_scan_has_the_meta_columns_behind_the_declared_ones),
        cmocka_unit_test(variables_are_replaced_everywhere_but_in_comments),
        cmocka_unit_test(a_plan_is_loaded_from_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
