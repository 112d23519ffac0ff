/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "delta/delta.h"

static struct arena arena;

static int clean(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* "a" long, "P" string, "s" struct<x: array<struct<y: map<string, struct<z: long>>>>> */
#define META(id, name)                                                                             \
    "\"metadata\":{\"delta.columnMapping.id\":" id ",\"delta.columnMapping.physicalName\":\"" name \
    "\"}"
#define FIELD(name, type, meta)                                                                    \
    "{\"name\":\"" name "\",\"type\":" type ",\"nullable\":true," meta "}"
#define STRUCT(fields) "{\"type\":\"struct\",\"fields\":[" fields "]}"
#define MAPPED                                                                                     \
    STRUCT(FIELD("a", "\"long\"", META("1", "col-a")) "," FIELD(                                   \
        "P", "\"string\"",                                                                         \
        META("2", "col-p")) "," FIELD("s",                                                         \
                                      STRUCT(FIELD(                                                \
                                          "x",                                                     \
                                          "{\"type\":\"array\",\"containsNull\":true,"             \
                                          "\"elementType\":" STRUCT(FIELD(                         \
                                              "y",                                                 \
                                              "{\"type\":\"map\",\"keyType\":\"string\","          \
                                              "\"valueContainsNull\":true,\"valueType\":" STRUCT(  \
                                                  FIELD("z", "\"long\"", META("6", "col-z"))) "}", \
                                              META("5", "col-y"))) "}",                            \
                                          META("4", "col-x"))),                                    \
                                      META("3", "col-s")))

static int columns_of(const char *schema, const char *mode, struct delta_column **ret_columns,
                      struct err *err)
{
    struct delta_snapshot snapshot = {.version = 1};
    struct str partition = STR("p");
    struct delta_property property = {STR("delta.columnMapping.mode"), str_of(mode)};
    snapshot.metadata.schema_string = str_of(schema);
    TRY(delta_schema_parse(&arena, snapshot.metadata.schema_string, &snapshot.metadata.schema,
                           err));
    snapshot.metadata.partition_columns.items = &partition;
    snapshot.metadata.partition_columns.count = 1;
    snapshot.metadata.configuration.items = &property;
    snapshot.metadata.configuration.count = mode == NULL ? 0 : 1;
    return delta_columns(&arena, &snapshot, ret_columns, err);
}

static void expect_column(const struct delta_column *column, const char *name, int64_t id,
                          ptrdiff_t partition, const char *type)
{
    AUTO_BUF struct buf printed = {0};
    type_print(column->type, &printed);
    assert_true(str_eq_c(column->name, name));
    assert_int_equal(id, column->field_id);
    assert_int_equal(partition, column->partition);
    assert_string_equal(type, printed.ptr);
}

static void without_mapping_columns_are_called_as_in_the_table(void **state)
{
    (void)state;
    static const char *const modes[] = {NULL, "none", ""};
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        struct delta_column *columns = NULL;
        struct err err;
        assert_int_equal(0, columns_of(MAPPED, modes[i], &columns, &err));
        expect_column(&columns[0], "a", -1, -1, "BIGINT");
        expect_column(&columns[1], "P", -1, 0, "STRING");
        expect_column(&columns[2], "s", -1, -1,
                      "STRUCT<x: ARRAY<STRUCT<y: MAP<STRING, STRUCT<z: BIGINT>>>>>");
    }
}

static void by_name_columns_have_physical_names_all_the_way_down(void **state)
{
    (void)state;
    struct delta_column *columns = NULL;
    struct err err;
    assert_int_equal(0, columns_of(MAPPED, "name", &columns, &err));
    expect_column(&columns[0], "col-a", -1, -1, "BIGINT");
    expect_column(&columns[1], "col-p", -1, 0, "STRING");
    expect_column(&columns[2], "col-s", -1, -1,
                  "STRUCT<`col-x`: ARRAY<STRUCT<`col-y`: MAP<STRING, STRUCT<`col-z`: BIGINT>>>>>");
}

static void by_id_columns_have_their_ids_too(void **state)
{
    (void)state;
    struct delta_column *columns = NULL;
    struct err err;
    assert_int_equal(0, columns_of(MAPPED, "id", &columns, &err));
    expect_column(&columns[0], "col-a", 1, -1, "BIGINT");
    expect_column(&columns[1], "col-p", 2, 0, "STRING");
    assert_int_equal(3, columns[2].field_id);
}

static void a_mapping_that_cannot_be_followed_is_an_error(void **state)
{
    (void)state;
    struct delta_column *columns = NULL;
    struct err err;
    const char *bare = STRUCT(FIELD("a", "\"long\"", "\"metadata\":{}"));
    const char *no_id =
        STRUCT(FIELD("a", "\"long\"", "\"metadata\":{\"delta.columnMapping.physicalName\":\"x\"}"));
    const char *inner =
        STRUCT(FIELD("a", STRUCT(FIELD("b", "\"long\"", "\"metadata\":{}")), META("1", "col-a")));
    assert_int_equal(ERR_CORRUPT, columns_of(bare, "name", &columns, &err));
    assert_non_null(strstr(err.msg, "\"a\""));
    assert_int_equal(0, columns_of(no_id, "name", &columns, &err));
    assert_int_equal(ERR_CORRUPT, columns_of(no_id, "id", &columns, &err));
    assert_int_equal(ERR_CORRUPT, columns_of(inner, "name", &columns, &err));
    assert_int_equal(ERR_CONFIG, columns_of(bare, "both", &columns, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_mapping_columns_are_called_as_in_the_table),
        cmocka_unit_test(by_name_columns_have_physical_names_all_the_way_down),
        cmocka_unit_test(by_id_columns_have_their_ids_too),
        cmocka_unit_test(a_mapping_that_cannot_be_followed_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
