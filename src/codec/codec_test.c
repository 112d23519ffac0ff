/* SPDX-License-Identifier: Apache-2.0 */
/* codec_test - opening a codec */
#include "codec/json_test_util.h"

static void open_refuses_what_it_cannot_decode(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {0};
    const struct type *number = type_simple(TYPE_BIGINT);
    struct type_field inner = test_field("b", type_map(&arena, number, number, true));
    struct type_field fields[] = {test_field("a", type_struct(&arena, &inner, 1)),
                                  test_field("a", number)};
    const struct type *row = type_struct(&arena, fields, 1);
    assert_int_equal(codec_open(STR("json"), row, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"a.b\""));
    assert_int_equal(
        codec_open(STR("json"), type_struct(&arena, fields, 2), &options, &codec, &err),
        ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"a\" is there twice"));
    assert_int_equal(codec_open(STR("json"), number, &options, &codec, &err), ERR_CONFIG);
}

static void an_unknown_format_is_told_with_the_known_ones(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {0};
    struct type_field field = test_field("a", type_simple(TYPE_BIGINT));
    const struct type *row = type_struct(&arena, &field, 1);
    assert_int_equal(codec_open(STR("jsn"), row, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "did you mean \"json\"?"));
    assert_int_equal(codec_open(STR("parquet"), row, &options, &codec, &err), ERR_CONFIG);
    assert_null(strstr(err.msg, "did you mean"));
    assert_non_null(strstr(err.msg, "known: \"json\""));
    codec_close(NULL);
}

static void the_format_is_found_in_any_case(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {0};
    struct type_field field = test_field("a", type_simple(TYPE_BIGINT));
    const struct type *row = type_struct(&arena, &field, 1);
    assert_int_equal(codec_open(STR("JSON"), row, &options, &codec, &err), 0);
    assert_string_equal(codec->ops->name, "json");
    assert_ptr_equal(codec->row_type, row);
    codec_close(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_refuses_what_it_cannot_decode),
        cmocka_unit_test(an_unknown_format_is_told_with_the_known_ones),
        cmocka_unit_test(the_format_is_found_in_any_case),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
