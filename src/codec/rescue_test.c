/* SPDX-License-Identifier: Apache-2.0 */
/* rescue_test - the text of a rescued column */
#include "codec/json_test_util.h"
#include "codec/rescue.h"

static void assert_prints(const struct codec_rescue *r, const char *want)
{
    AUTO_ARENA struct arena arena = {0};
    struct str got;
    assert_true(codec_rescue_print(r, &arena, &got));
    assert_string_equal(got.ptr, want);
}

static void texts_are_printed_as_strings(void **state)
{
    (void)state;
    struct codec_rescue r = {0};
    struct codec_rescue_path path = rescue_path_name(NULL, STR("a.b"));
    struct codec_rescue_path element = rescue_path_index(&path, 12);
    codec_rescue_add_text(&r, &path, STR("x\"y"), "type");
    codec_rescue_add_text(&r, &element, STR(""), "format");
    assert_prints(&r, "{\"`a.b`\":\"x\\\"y\",\"`a.b`[12]\":\"\",\"_reason\":{\"`a.b`\":\"type\","
                      "\"`a.b`[12]\":\"format\"}}");
    codec_rescue_done(&r);
}

static void nothing_to_tell_prints_nothing(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct codec_rescue r = {0};
    struct str text;
    assert_false(codec_rescue_print(&r, &arena, &text));
    struct codec_rescue_path path = rescue_path_name(NULL, STR("a"));
    codec_rescue_add(&r, &path, STR("1"), "type");
    codec_rescue_forget(&r, 0, 1);
    codec_rescue_forget(&r, 0, 1);
    assert_false(codec_rescue_print(&r, &arena, &text));
    codec_rescue_add(&r, &path, STR("2"), "range");
    assert_prints(&r, "{\"a\":2,\"_reason\":{\"a\":\"range\"}}");
    codec_rescue_reset(&r);
    assert_false(codec_rescue_print(&r, &arena, &text));
    codec_rescue_done(&r);
}

static void the_text_has_a_maximum_that_escapes_count_for(void **state)
{
    (void)state;
    struct codec_rescue r = {0};
    AUTO_BUF struct buf value = {0};
    while (value.len < CODEC_RESCUE_MAX / 4) {
        buf_add_char(&value, '\1'); /* six bytes as JSON */
    }
    struct codec_rescue_path path = rescue_path_name(NULL, STR("a"));
    codec_rescue_add_text(&r, &path, buf_str(&value), "type");
    assert_prints(&r, "{\"_reason\":{},\"_truncated\":1}");
    codec_rescue_add_text(&r, &path, str_head(buf_str(&value), 1), "type");
    assert_prints(&r, "{\"a\":\"\\u0001\",\"_reason\":{\"a\":\"type\"},\"_truncated\":1}");
    codec_rescue_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_printed_as_strings),
        cmocka_unit_test(nothing_to_tell_prints_nothing),
        cmocka_unit_test(the_text_has_a_maximum_that_escapes_count_for),
    };
    return cmocka_run_group_tests_name("rescue", tests, NULL, NULL);
}
