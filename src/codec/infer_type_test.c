/* SPDX-License-Identifier: Apache-2.0 */
/* infer_type_test - hints, widening and printing of row types */
#include "codec/infer.h"
#include "codec/json_test_util.h"

static const struct type *list_of(struct arena *a, const struct type *element)
{
    return type_array(a, element, true);
}

static const struct type *map_of(struct arena *a, const struct type *value)
{
    return type_map(a, type_simple(TYPE_STRING), value, true);
}

static const struct type *one_field(struct arena *a, const char *name, const struct type *type)
{
    struct type_field field = test_field(name, type);
    return type_struct(a, &field, 1);
}

/* STRUCT<id: BIGINT, s: STRUCT<x: BIGINT>, l: ARRAY<STRUCT<x: BIGINT>>,
 *        m: MAP<STRING, STRUCT<x: BIGINT>>, Text: STRING> */
static const struct type *row_type(struct arena *a)
{
    const struct type *number = type_simple(TYPE_BIGINT);
    const struct type *x = one_field(a, "x", number);
    struct type_field fields[] = {test_field("id", number), test_field("s", x),
                                  test_field("l", list_of(a, x)), test_field("m", map_of(a, x)),
                                  test_field("Text", type_simple(TYPE_STRING))};
    return type_struct(a, fields, ARRAY_COUNT(fields));
}

static void a_hint_overrides_what_its_path_leads_to(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    const struct type *date = type_simple(TYPE_DATE);
    static const struct {
        const char *path;
        const char *want;
    } cases[] = {
        {"id", "id DATE,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
               "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING\n"},
        {"s.x", "id BIGINT,\ns STRUCT<x: DATE>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING\n"},
        {"S.y", "id BIGINT,\ns STRUCT<x: BIGINT, y: DATE>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING\n"},
        {"l.element.x", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: DATE>>,\n"
                        "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING\n"},
        {"m.value", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                    "m MAP<STRING, DATE>,\nText STRING\n"},
        {"l", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl DATE,\n"
              "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING\n"},
        {"text", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                 "m MAP<STRING, STRUCT<x: BIGINT>>,\nText DATE\n"},
        {"id.`a.b``c`.d", "id STRUCT<`a.b``c`: STRUCT<d: DATE>>,\ns STRUCT<x: BIGINT>,\n"
                          "l ARRAY<STRUCT<x: BIGINT>>,\nm MAP<STRING, STRUCT<x: BIGINT>>,\n"
                          "Text STRING\n"},
        {"new", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING,\nnew DATE\n"},
        {"`s.x`", "id BIGINT,\ns STRUCT<x: BIGINT>,\nl ARRAY<STRUCT<x: BIGINT>>,\n"
                  "m MAP<STRING, STRUCT<x: BIGINT>>,\nText STRING,\n`s.x` DATE\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        const struct type *got;
        AUTO_BUF struct buf text = {0};
        const struct type *hints = one_field(&a, cases[i].path, date);
        assert_int_equal(codec_infer_hint(row_type(&a), hints, &a, &got, &err), 0);
        codec_infer_print_columns(got, &text);
        assert_string_equal(text.ptr, cases[i].want);
    }
}

static void hints_are_applied_one_after_the_other(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    struct type_field fields[] = {test_field("s.n.p", type_simple(TYPE_INTEGER)),
                                  test_field("s.n.q", type_simple(TYPE_DATE)),
                                  test_field("id", type_simple(TYPE_STRING))};
    fields[2].nullable = false;
    fields[2].comment = STR("it's the key");
    struct err err;
    const struct type *got;
    AUTO_BUF struct buf text = {0};
    assert_int_equal(codec_infer_hint(row_type(&a), type_struct(&a, fields, 3), &a, &got, &err), 0);
    codec_infer_print_columns(got, &text);
    assert_non_null(strstr(text.ptr, "s STRUCT<x: BIGINT, n: STRUCT<p: INT, q: DATE>>"));
    assert_non_null(strstr(text.ptr, "id STRING NOT NULL COMMENT 'it''s the key',\n"));
    assert_int_equal(codec_infer_hint(row_type(&a), type_struct(&a, NULL, 0), &a, &got, &err), 0);
    assert_true(type_eq(got, row_type(&a)));
}

static void a_hint_that_leads_nowhere_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    static const struct {
        const char *path;
        const char *why;
    } cases[] = {
        {"l.x", "\".element\""},     {"m.x", "\".value\""}, {"", "empty"},
        {"a..b", "empty"},           {".a", "empty"},       {"a.", "ends in a point"},
        {"`a", "not closed"},        {"`a`b", "missing"},   {"``", "empty"},
        {"`a`.", "ends in a point"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        const struct type *got;
        const struct type *hints = one_field(&a, cases[i].path, type_simple(TYPE_DATE));
        if (codec_infer_hint(row_type(&a), hints, &a, &got, &err) != ERR_CONFIG ||
            strstr(err.msg, cases[i].why) == NULL) {
            fail_msg("%s: %s", cases[i].path, err.msg);
        }
    }
}

static void widening_appends_what_is_new_and_tells_where(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    const struct type *number = type_simple(TYPE_BIGINT);
    struct type_field xy[] = {test_field("y.z", number), test_field("x", type_simple(TYPE_DATE))};
    const struct type *pair = type_struct(&a, xy, 2);
    struct type_field keys[] = {test_field("k1", pair),
                                test_field("k2", one_field(&a, "w", number)),
                                test_field("k3", pair)};
    struct type_field fields[] = {
        test_field("new", list_of(&a, pair)),
        test_field("l", list_of(&a, pair)),
        test_field("ID", number),
        test_field("m", type_struct(&a, keys, 3)),
        test_field("s", pair),
        test_field("Text", pair),
    };
    struct codec_infer_paths added;
    const struct type *have = row_type(&a);
    const struct type *wide =
        codec_infer_widen(have, type_struct(&a, fields, ARRAY_COUNT(fields)), &a, &added);
    AUTO_BUF struct buf text = {0};
    codec_infer_print_columns(wide, &text);
    assert_string_equal(text.ptr, "id BIGINT,\n"
                                  "s STRUCT<x: BIGINT, `y.z`: BIGINT>,\n"
                                  "l ARRAY<STRUCT<x: BIGINT, `y.z`: BIGINT>>,\n"
                                  "m MAP<STRING, STRUCT<x: BIGINT, `y.z`: BIGINT, w: BIGINT>>,\n"
                                  "Text STRING,\n"
                                  "new ARRAY<STRUCT<`y.z`: BIGINT, x: DATE>>\n");
    static const char *const paths[] = {"new", "l.element.`y.z`", "m.value.`y.z`", "m.value.w",
                                        "s.`y.z`"};
    assert_int_equal(added.count, ARRAY_COUNT(paths));
    for (size_t i = 0; i < added.count; i++) {
        assert_true(str_eq_c(added.items[i], paths[i]));
    }
    /* Once is enough. */
    assert_ptr_equal(
        codec_infer_widen(wide, type_struct(&a, fields, ARRAY_COUNT(fields)), &a, &added), wide);
    assert_int_equal(added.count, 0);
}

static void what_is_there_keeps_its_type(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    const struct type *have = row_type(&a);
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field fields[] = {
        test_field("id", type_simple(TYPE_DOUBLE)),
        test_field("s", string),
        test_field("l", map_of(&a, string)),
        test_field("m", string),
        test_field("TEXT", one_field(&a, "q", string)),
    };
    struct codec_infer_paths added;
    assert_ptr_equal(
        codec_infer_widen(have, type_struct(&a, fields, ARRAY_COUNT(fields)), &a, &added), have);
    assert_int_equal(added.count, 0);
    assert_ptr_equal(codec_infer_widen(have, type_struct(&a, NULL, 0), &a, &added), have);
    const struct type *map = one_field(&a, "m", map_of(&a, one_field(&a, "v", string)));
    const struct type *wide = codec_infer_widen(have, map, &a, &added);
    assert_int_equal(added.count, 1);
    assert_true(str_eq_c(added.items[0], "m.value.v"));
    assert_int_equal(wide->fields[3].type->fields[1].type->field_count, 2);
}

static void columns_are_printed_so_that_they_can_be_pasted(void **state)
{
    (void)state;
    AUTO_ARENA struct arena a = {0};
    const struct type *number = type_simple(TYPE_BIGINT);
    struct type_field inner[] = {test_field("1st", number), test_field("a b", number)};
    struct type_field fields[] = {
        test_field("plain_1", type_decimal(&a, 20, 0)),
        test_field("2nd", map_of(&a, type_struct(&a, inner, 2))),
        test_field("a`b", list_of(&a, type_simple(TYPE_TIMESTAMP))),
        test_field("\xc3\xbc", number),
        test_field("", number),
    };
    AUTO_BUF struct buf text = {0};
    codec_infer_print_columns(type_struct(&a, fields, ARRAY_COUNT(fields)), &text);
    assert_string_equal(text.ptr, "plain_1 DECIMAL(20,0),\n"
                                  "`2nd` MAP<STRING, STRUCT<`1st`: BIGINT, `a b`: BIGINT>>,\n"
                                  "`a``b` ARRAY<TIMESTAMP>,\n"
                                  "`\xc3\xbc` BIGINT,\n"
                                  "`` BIGINT\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hint_overrides_what_its_path_leads_to),
        cmocka_unit_test(hints_are_applied_one_after_the_other),
        cmocka_unit_test(a_hint_that_leads_nowhere_is_refused),
        cmocka_unit_test(widening_appends_what_is_new_and_tells_where),
        cmocka_unit_test(what_is_there_keeps_its_type),
        cmocka_unit_test(columns_are_printed_so_that_they_can_be_pasted),
    };
    return cmocka_run_group_tests_name("infer_type", tests, NULL, NULL);
}
