/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan/plan.h"
#include "store/http_fake.h"

struct fixture {
    char *dir;
    struct plan *plan;
    struct stop stop;
    struct err err;
};

#define OK(f, expr)                                                                                \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s", (f)->err.msg);                                                          \
        }                                                                                          \
    } while (0)

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    OK(f, fs_make_temp_dir("/tmp", "sluice-resolve", &f->dir, &f->err));
    stop_init(&f->stop);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    plan_free(f->plan);
    OK(f, fs_remove_tree(f->dir, &f->err));
    stop_done(&f->stop);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

/* In the text "@" is the test's folder. */
static int resolve(struct fixture *f, const char *text, bool connect)
{
    AUTO_BUF struct buf pipeline = {0};
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '@') {
            buf_add_c(&pipeline, f->dir);
        } else {
            buf_add_char(&pipeline, *c);
        }
    }
    plan_free(f->plan);
    f->plan = NULL;
    TRY(plan_load(STR("p.sql"), buf_str(&pipeline), &f->plan, &f->err));
    struct plan_resolve_options options = {
        .connect = connect, .stop = &f->stop, .wait_us = 5000000};
    return plan_resolve(f->plan, &options, &f->err);
}

static void write_file(struct fixture *f, const char *name, const char *text)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    OK(f, fs_write_file(path, str_of(text), &f->err));
}

static void assert_columns(const struct fixture *f, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    type_print(f->plan->tables.items[0].streams[0].row_type, &text);
    assert_string_equal(text.ptr, expected);
}

#define TABLE       " CREATE STREAMING TABLE t LOCATION '@/table' AS SELECT * FROM s"
#define FILE_STREAM "CREATE STREAM s USING file OPTIONS (path = '@/in.json'"

static void formats_with_one_column_need_nothing(void **state)
{
    struct fixture *f = *state;
    OK(f, resolve(f, FILE_STREAM ", 'value.format' = 'text');" TABLE, false));
    assert_columns(f, "STRUCT<value: STRING>");
    OK(f, resolve(f, FILE_STREAM ", 'value.format' = 'raw');" TABLE, false));
    assert_columns(f, "STRUCT<value: BINARY>");
}

static void avro_columns_come_from_the_text_or_a_file(void **state)
{
    struct fixture *f = *state;
    static const char schema[] = "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\","
                                 "\"type\":\"long\"},{\"name\":\"b\",\"type\":\"string\"}]}";
    AUTO_FREE char *text = mem_printf(
        FILE_STREAM ", 'value.format' = 'avro', jsonFormatSchema = '%s');" TABLE, schema);
    OK(f, resolve(f, text, false));
    assert_columns(f, "STRUCT<a: BIGINT, b: STRING>");
    write_file(f, "r.avsc", schema);
    OK(f, resolve(
              f, FILE_STREAM ", 'value.format' = 'avro', jsonFormatSchemaFile = '@/r.avsc');" TABLE,
              false));
    assert_columns(f, "STRUCT<a: BIGINT, b: STRING>");
    assert_int_equal(resolve(f,
                             FILE_STREAM ", 'value.format' = 'avro', jsonFormatSchemaFile = "
                                         "'@/none');" TABLE,
                             false),
                     ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "p.sql:1:15: stream \"s\": "));
}

static void json_columns_are_inferred_only_when_connected(void **state)
{
    struct fixture *f = *state;
    write_file(f, "in.json", "{\"a\": 1, \"b\": {\"c\": \"x\"}}\nno JSON\n{\"a\": 1.5}\n");
    assert_int_equal(resolve(f, FILE_STREAM ");" TABLE, false), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "check --connect"));
    OK(f, resolve(f, FILE_STREAM ", schemaHints = 'b.c DATE, d TINYINT');" TABLE, true));
    assert_columns(f, "STRUCT<a: DOUBLE, b: STRUCT<c: DATE>, d: TINYINT>");
    assert_true(f->plan->tables.items[0].streams[0].must_keep);
}

static void what_a_query_has_kept_comes_before_a_sample(void **state)
{
    struct fixture *f = *state;
    write_file(f, "in.json", "{\"a\": 1}\n");
    OK(f, resolve(f, FILE_STREAM ");" TABLE, true));
    const struct plan_table *table = &f->plan->tables.items[0];
    OK(f, plan_keep_schema(table, &table->streams[0], &f->err));
    write_file(f, "in.json", "{\"z\": 1}\n");
    OK(f, resolve(f, FILE_STREAM ");" TABLE, true));
    assert_columns(f, "STRUCT<a: BIGINT>");
    assert_false(f->plan->tables.items[0].streams[0].must_keep);
    /* Another query has not kept it. */
    OK(f, resolve(f, FILE_STREAM ");CREATE STREAMING TABLE u LOCATION '@/table' AS SELECT * FROM s",
                  true));
    assert_columns(f, "STRUCT<z: BIGINT>");
}

static void a_column_list_is_newer_than_what_was_kept(void **state)
{
    struct fixture *f = *state;
    static const char wide[] = "CREATE STREAM s (a INT, b STRING) USING file OPTIONS (path = "
                               "'@/in.json', schemaEvolutionMode = 'addNewColumns');" TABLE;
    OK(f, resolve(f, wide, true));
    const struct plan_table *table = &f->plan->tables.items[0];
    AUTO_ARENA struct arena arena = {0};
    const struct type *grown = NULL;
    OK(f, plan_parse_type(&arena, STR("STRUCT<a: INT, b: STRING, new: DATE>"), &grown, &f->err));
    OK(f, plan_keep_schema(table, plan_widen_stream(&arena, &table->streams[0], grown), &f->err));
    OK(f, resolve(f,
                  "CREATE STREAM s (a BIGINT, c INT) USING file OPTIONS (path = '@/in.json', "
                  "schemaEvolutionMode = 'addNewColumns');" TABLE,
                  true));
    assert_columns(f, "STRUCT<a: BIGINT, c: INT, b: STRING, new: DATE>");
}

static void names_that_cannot_be_columns_are_left_out_at_every_depth(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    struct err err;
    const struct type *row_type = NULL;
    assert_int_equal(plan_parse_type(&arena,
                                     STR("STRUCT<`a b`: INT, _key: INT, c: STRUCT<`x;`: INT, "
                                         "_key: INT>, d: ARRAY<STRUCT<`=`: INT>>, e: INT>"),
                                     &row_type, &err),
                     0);
    type_print(plan_usable_columns(&arena, row_type), &text);
    assert_string_equal(text.ptr, "STRUCT<c: STRUCT<_key: INT>, e: INT>");
}

static void the_registry_gives_columns_to_who_has_the_password(void **state)
{
    struct fixture *f = *state;
    /* "user:secret" */
    struct http_fake_options options = {.authorization = "Basic dXNlcjpzZWNyZXQ="};
    struct http_fake *fake = http_fake_open(&options);
    http_fake_add(fake,
                  (struct http_fake_rule){
                      .match = "GET /subjects/orders/versions/latest*",
                      .body = "{\"id\":7,\"version\":1,\"schema\":\"{\\\"type\\\":\\\"record\\\","
                              "\\\"name\\\":\\\"r\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\","
                              "\\\"type\\\":\\\"long\\\"}]}\"}"});
    static const char text[] =
        FILE_STREAM ", 'value.format' = 'avro', 'schema.registry.url' = '%s', "
                    "'schema.registry.subject' = 'orders', "
                    "'schema.registry.basic.auth.user.info' = 'user:%s');" TABLE;
    AUTO_FREE char *right = mem_printf(text, http_fake_url(fake), "secret");
    AUTO_FREE char *wrong = mem_printf(text, http_fake_url(fake), "guessed");
    OK(f, resolve(f, right, true));
    assert_columns(f, "STRUCT<a: BIGINT>");
    assert_int_equal(resolve(f, right, false), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "check --connect"));
    assert_int_equal(resolve(f, wrong, true), ERR_CONFIG);
    assert_null(strstr(f->err.msg, "guessed"));
    plan_free(f->plan);
    f->plan = NULL;
    http_fake_close(fake);
}

static void keys_have_types_of_their_own(void **state)
{
    struct fixture *f = *state;
    OK(f, resolve(f,
                  "CREATE STREAM s (a INT) USING file OPTIONS (path = '@/in.json', "
                  "'key.format' = 'json', 'key.schema' = 'id BIGINT');" TABLE,
                  false));
    AUTO_BUF struct buf text = {0};
    type_print(f->plan->tables.items[0].streams[0].scan_type->fields[1].type, &text);
    assert_string_equal(text.ptr, "STRUCT<id: BIGINT>");
}

static void the_rescued_column_comes_behind_the_others(void **state)
{
    struct fixture *f = *state;
    OK(f, resolve(f,
                  "CREATE STREAM s (a INT) USING file OPTIONS (path = '@/in.json', "
                  "rescuedDataColumn = 'rest');" TABLE,
                  false));
    assert_columns(f, "STRUCT<a: INT, rest: STRING>");
    OK(f, resolve(f,
                  "CREATE STREAM s (_rescued_data STRING, a INT) USING file OPTIONS (path = "
                  "'@/in.json');" TABLE,
                  false));
    assert_columns(f, "STRUCT<_rescued_data: STRING, a: INT>");
    assert_true(str_eq(f->plan->streams.items[0].codec.rescued_column, STR("_rescued_data")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(formats_with_one_column_need_nothing),
        TEST(avro_columns_come_from_the_text_or_a_file),
        TEST(json_columns_are_inferred_only_when_connected),
        TEST(what_a_query_has_kept_comes_before_a_sample),
        TEST(a_column_list_is_newer_than_what_was_kept),
        TEST(names_that_cannot_be_columns_are_left_out_at_every_depth),
        TEST(the_registry_gives_columns_to_who_has_the_password),
        TEST(keys_have_types_of_their_own),
        TEST(the_rescued_column_comes_behind_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
