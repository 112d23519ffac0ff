/* SPDX-License-Identifier: Apache-2.0 */
/* text_test - messages as they are: text, binary, raw */
#include "codec/json_test_util.h"

static void open_as(struct json_fixture *f, const char *format, enum type_kind kind)
{
    struct type_field field = test_field("value", type_simple(kind));
    fixture_open_as(f, format, type_struct(&f->types, &field, 1), 16, (struct codec_options){0});
}

static void a_text_is_the_message_and_is_not_copied(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_as(&f, "text", TYPE_STRING);
    struct str message = STR("  \xc3\xbc {not json\n, longer than twelve \0 bytes ");
    assert_int_equal(fixture_decode(&f, message, 0), CODEC_ROW_OK);
    assert_true(str_eq(column_get_string(f.columns[0], 0), message));
    assert_ptr_equal(column_get_string(f.columns[0], 0).ptr, f.message);
    assert_int_equal(fixture_decode(&f, STR(""), 1), CODEC_ROW_OK);
    assert_true(column_is_valid(f.columns[0], 1));
    assert_int_equal(column_get_string(f.columns[0], 1).len, 0);
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 2, &f.arena), CODEC_ROW_OK);
    assert_false(column_is_valid(f.columns[0], 2));
}

static void text_that_is_not_utf8_is_bad(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_as(&f, "text", TYPE_STRING);
    assert_int_equal(fixture_decode(&f, STR("abc\xff"), 0), CODEC_ROW_BAD);
    assert_false(column_is_valid(f.columns[0], 0));
    assert_string_equal(f.codec->fault.reason, "utf8");
    assert_int_equal(f.codec->fault.position, 3);
    f.columns[0] = NULL;
    assert_int_equal(fixture_decode(&f, STR("\xc3"), 1), CODEC_ROW_BAD);
    assert_int_equal(fixture_decode(&f, STR("fine"), 1), CODEC_ROW_OK);
}

static void bytes_are_taken_as_they_are(void **state)
{
    (void)state;
    static const char *const formats[] = {"binary", "raw"};
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        AUTO_FIXTURE struct json_fixture f = {0};
        open_as(&f, formats[i], TYPE_BINARY);
        struct str message = STR("\xff\0\x80 not text, and long");
        assert_int_equal(fixture_decode(&f, message, 0), CODEC_ROW_OK);
        assert_true(str_eq(column_get_string(f.columns[0], 0), message));
        assert_ptr_equal(column_get_string(f.columns[0], 0).ptr, f.message);
        assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 1, &f.arena), CODEC_ROW_OK);
        assert_false(column_is_valid(f.columns[0], 1));
    }
}

static void a_row_type_of_another_shape_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct codec *codec;
    struct codec_options options = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_STRING)),
                                  test_field("b", type_simple(TYPE_BINARY))};
    const struct type *both = type_struct(&arena, fields, 2);
    const struct type *string = type_struct(&arena, fields, 1);
    assert_int_equal(codec_open(STR("text"), both, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "exactly one column, a STRING"));
    assert_int_equal(codec_open(STR("raw"), string, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "a BINARY"));
    assert_int_equal(codec_open(STR("text"), type_simple(TYPE_STRING), &options, &codec, &err),
                     ERR_CONFIG);
    options.rescued_column = STR("a");
    assert_int_equal(codec_open(STR("text"), string, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "nothing to rescue"));
}

static void the_formats_describe_their_one_column(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    static const struct {
        const char *format;
        const char *type;
    } cases[] = {{"text", "STRUCT<value: STRING>"},
                 {"binary", "STRUCT<value: BINARY>"},
                 {"raw", "STRUCT<value: BINARY>"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        struct codec_options options = {0};
        const struct type *type;
        assert_int_equal(codec_describe(str_of(cases[i].format), &options, &arena, &type, &err), 0);
        AUTO_BUF struct buf text = {0};
        type_print(type, &text);
        assert_string_equal(text.ptr, cases[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_the_message_and_is_not_copied),
        cmocka_unit_test(text_that_is_not_utf8_is_bad),
        cmocka_unit_test(bytes_are_taken_as_they_are),
        cmocka_unit_test(a_row_type_of_another_shape_is_refused),
        cmocka_unit_test(the_formats_describe_their_one_column),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
