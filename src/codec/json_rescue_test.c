/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_rescue_test - what did not fit, as JSON text; and the notice of unknown fields
 */
#include "codec/json.h"
#include "codec/json_test_util.h"
#include "codec/rescue.h"

/* {"a": BIGINT, "rest": STRING, "t": TINYINT, "s": STRUCT<x: DOUBLE, y: ARRAY<BIGINT>>,
 *  "l": ARRAY<STRUCT<x, y>>, "m": MAP<STRING, BIGINT>, "n": MAP<STRING, STRUCT<x, y>>,
 *  "d": DATE}; what does not fit goes to "rest" */
static void open_options(struct json_fixture *f, struct codec_options options)
{
    const struct type *number = type_simple(TYPE_BIGINT);
    const struct type *string = type_simple(TYPE_STRING);
    struct type_field inner[] = {test_field("x", type_simple(TYPE_DOUBLE)),
                                 test_field("y", type_array(&f->types, number, true))};
    const struct type *pair = type_struct(&f->types, inner, 2);
    struct type_field fields[] = {
        test_field("a", number),
        test_field("rest", string),
        test_field("t", type_simple(TYPE_TINYINT)),
        test_field("s", pair),
        test_field("l", type_array(&f->types, pair, true)),
        test_field("m", type_map(&f->types, string, number, true)),
        test_field("n", type_map(&f->types, string, pair, true)),
        test_field("d", type_simple(TYPE_DATE)),
    };
    fixture_open(f, type_struct(&f->types, fields, ARRAY_COUNT(fields)), 16, options);
}

static void open_rest(struct json_fixture *f)
{
    open_options(f, (struct codec_options){.rescued_column = STR("rest")});
}

/* The rescued text of a message; "NULL" when nothing was rescued. */
static struct str rescued(struct json_fixture *f, struct str message, size_t row)
{
    fixture_decode(f, message, row);
    return column_is_valid(f->columns[1], row) ? column_get_string(f->columns[1], row)
                                               : STR("NULL");
}

static void assert_rescues(struct json_fixture *f, struct str message, const char *want)
{
    column_memory_reset(f->memory);
    for (size_t row = 0; row < 2; row++) {
        struct str got = rescued(f, message, row);
        if (!str_eq_c(got, want)) {
            fail_msg("%.*s: got %.*s, wanted %s", STR_FMT(message), STR_FMT(got), want);
        }
        assert_true(str_eq_c(got, "NULL") || codec_json_validate(got));
    }
}

struct rescue_case {
    struct str message;
    const char *want;
};

static void assert_all_rescue(struct json_fixture *f, const struct rescue_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_rescues(f, cases[i].message, cases[i].want);
    }
}

static void a_message_that_fits_rescues_nothing(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    static const struct rescue_case cases[] = {
        {STR("{}"), "NULL"},
        {STR("{\"a\":1,\"t\":2,\"s\":{\"x\":1.5,\"y\":[1]},\"l\":[{}],\"m\":{\"k\":1}}"), "NULL"},
        {STR("{\"a\":null,\"s\":{\"x\":null,\"y\":null},\"d\":\"2026-01-02\"}"), "NULL"},
    };
    assert_all_rescue(&f, cases, ARRAY_COUNT(cases));
}

static void unknown_fields_are_rescued_whole_by_their_path(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    static const struct rescue_case cases[] = {
        {STR("{\"u\":1}"), "{\"u\":1,\"_reason\":{\"u\":\"unknown\"}}"},
        {STR("{\"a\":1,\"u\" : [ 1, {\"v\":null} ] ,\"t\":1}"),
         "{\"u\":[ 1, {\"v\":null} ],\"_reason\":{\"u\":\"unknown\"}}"},
        {STR("{\"s\":{\"x\":1,\"u\":true}}"), "{\"s.u\":true,\"_reason\":{\"s.u\":\"unknown\"}}"},
        {STR("{\"l\":[{},null,{\"u\":\"x\"},{\"x\":1,\"v\":2}]}"),
         "{\"l[2].u\":\"x\",\"l[3].v\":2,\"_reason\":{\"l[2].u\":\"unknown\","
         "\"l[3].v\":\"unknown\"}}"},
        {STR("{\"n\":{\"k\":{\"u\":1}}}"), "{\"n.k.u\":1,\"_reason\":{\"n.k.u\":\"unknown\"}}"},
        {STR("{\"A\":1,\"a\":2}"), "{\"A\":1,\"_reason\":{\"A\":\"unknown\"}}"},
        {STR("{\"u\":null}"), "{\"u\":null,\"_reason\":{\"u\":\"unknown\"}}"},
        {STR("\xef\xbb\xbf {\"u\":1} "), "{\"u\":1,\"_reason\":{\"u\":\"unknown\"}}"},
    };
    assert_all_rescue(&f, cases, ARRAY_COUNT(cases));
}

static void bad_values_are_rescued_with_their_reason(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    static const struct rescue_case cases[] = {
        {STR("{\"a\":\"1\"}"), "{\"a\":\"1\",\"_reason\":{\"a\":\"type\"}}"},
        {STR("{\"t\":300}"), "{\"t\":300,\"_reason\":{\"t\":\"range\"}}"},
        {STR("{\"d\":\"2026-13-01\"}"), "{\"d\":\"2026-13-01\",\"_reason\":{\"d\":\"format\"}}"},
        {STR("{\"a\":1.0,\"t\":true}"),
         "{\"a\":1.0,\"t\":true,\"_reason\":{\"a\":\"type\",\"t\":\"type\"}}"},
        {STR("{\"s\":[ 1 ]}"), "{\"s\":[ 1 ],\"_reason\":{\"s\":\"type\"}}"},
        {STR("{\"s\":{\"y\":[1,\"x\",2,{}]}}"),
         "{\"s.y[1]\":\"x\",\"s.y[3]\":{},\"_reason\":{\"s.y[1]\":\"type\","
         "\"s.y[3]\":\"type\"}}"},
        {STR("{\"l\":{\"x\":1},\"m\":{\"k\":\"v\",\"j\":1}}"),
         "{\"l\":{\"x\":1},\"m.k\":\"v\",\"_reason\":{\"l\":\"type\",\"m.k\":\"type\"}}"},
        {STR("{\"a\":\"\\u00fc\\n\",\"u\":\"\\ud83d\\ude80\"}"),
         "{\"a\":\"\\u00fc\\n\",\"u\":\"\\ud83d\\ude80\",\"_reason\":{\"a\":\"type\","
         "\"u\":\"unknown\"}}"},
    };
    assert_all_rescue(&f, cases, ARRAY_COUNT(cases));
}

static void names_that_would_be_misread_stand_between_backticks(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    static const struct rescue_case cases[] = {
        {STR("{\"s.x\":1}"), "{\"`s.x`\":1,\"_reason\":{\"`s.x`\":\"unknown\"}}"},
        {STR("{\"s\":{\"l[0]\":1}}"), "{\"s.`l[0]`\":1,\"_reason\":{\"s.`l[0]`\":\"unknown\"}}"},
        {STR("{\"a`b\":1,\"\":2}"),
         "{\"`a``b`\":1,\"``\":2,\"_reason\":{\"`a``b`\":\"unknown\",\"``\":\"unknown\"}}"},
        {STR("{\"_reason\":1,\"_truncated\":2,\"s\":{\"_reason\":3}}"),
         "{\"`_reason`\":1,\"`_truncated`\":2,\"s._reason\":3,\"_reason\":{\"`_reason`\":"
         "\"unknown\",\"`_truncated`\":\"unknown\",\"s._reason\":\"unknown\"}}"},
        {STR("{\"a b\":1,\"x\\\"y\\u0001\":2,\"\\u00e9\":3}"),
         "{\"a b\":1,\"x\\\"y\\u0001\":2,\"\xc3\xa9\":3,\"_reason\":{\"a b\":\"unknown\","
         "\"x\\\"y\\u0001\":\"unknown\",\"\xc3\xa9\":\"unknown\"}}"},
        {STR("{\"m\":{\"a.b\":true}}"), "{\"m.`a.b`\":true,\"_reason\":{\"m.`a.b`\":\"type\"}}"},
    };
    assert_all_rescue(&f, cases, ARRAY_COUNT(cases));
}

static void of_duplicates_only_the_last_is_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    static const struct rescue_case cases[] = {
        {STR("{\"a\":\"x\",\"a\":1}"), "NULL"},
        {STR("{\"a\":1,\"a\":\"x\"}"), "{\"a\":\"x\",\"_reason\":{\"a\":\"type\"}}"},
        {STR("{\"a\":\"x\",\"a\":\"y\"}"), "{\"a\":\"y\",\"_reason\":{\"a\":\"type\"}}"},
        {STR("{\"a\":\"x\",\"a\":1,\"a\":\"z\"}"), "{\"a\":\"z\",\"_reason\":{\"a\":\"type\"}}"},
        {STR("{\"u\":1,\"u\":2}"), "{\"u\":2,\"_reason\":{\"u\":\"unknown\"}}"},
        {STR("{\"u\":1,\"\\u0075\":2}"), "{\"u\":2,\"_reason\":{\"u\":\"unknown\"}}"},
        {STR("{\"s\":{\"x\":\"b\",\"u\":1},\"s\":{\"x\":1}}"), "NULL"},
        {STR("{\"s\":{\"x\":\"b\",\"u\":1},\"s\":{\"u\":2}}"),
         "{\"s.u\":2,\"_reason\":{\"s.u\":\"unknown\"}}"},
        {STR("{\"s\":{\"x\":\"b\"},\"s\":null}"), "NULL"},
        {STR("{\"s\":{\"x\":\"b\",\"x\":\"c\"},\"s\":[],\"s\":{\"x\":\"d\"}}"),
         "{\"s.x\":\"d\",\"_reason\":{\"s.x\":\"type\"}}"},
        {STR("{\"m\":{\"k\":\"x\",\"j\":\"y\",\"k\":1}}"),
         "{\"m.j\":\"y\",\"_reason\":{\"m.j\":\"type\"}}"},
        {STR("{\"n\":{\"k\":{\"x\":\"b\"},\"k\":{\"x\":1}}}"), "NULL"},
        /* The same name in another object is another member. */
        {STR("{\"l\":[{\"u\":1},{\"u\":2}],\"s\":{\"u\":3},\"u\":4}"),
         "{\"l[0].u\":1,\"l[1].u\":2,\"s.u\":3,\"u\":4,\"_reason\":{\"l[0].u\":\"unknown\","
         "\"l[1].u\":\"unknown\",\"s.u\":\"unknown\",\"u\":\"unknown\"}}"},
    };
    assert_all_rescue(&f, cases, ARRAY_COUNT(cases));
}

static void many_duplicates_leave_the_last_of_each(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    AUTO_BUF struct buf message = {0};
    buf_add_c(&message, "{\"u\":0");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            buf_printf(&message, ",\"k%d\":%d", i, round);
        }
    }
    buf_add_char(&message, '}');
    struct str got = rescued(&f, buf_str(&message), 0);
    AUTO_ARENA struct arena arena = {0};
    struct json *root;
    struct err err;
    assert_int_equal(json_parse(&arena, got, &root, &err), 0);
    assert_int_equal(root->count, 5002); /* each k, u, _reason */
    int64_t value = 0;
    assert_true(json_get_i64(json_find(root, "k4999"), &value));
    assert_int_equal(value, 2);
}

static void members_of_many_objects_are_kept_apart(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    AUTO_BUF struct buf message = {0};
    buf_add_c(&message, "{\"l\":[{}");
    for (int i = 0; i < 3000; i++) {
        buf_printf(&message, ",{\"u\":%d,\"v\":1}", i);
    }
    buf_add_c(&message, "]}");
    struct str got = rescued(&f, buf_str(&message), 0);
    AUTO_ARENA struct arena arena = {0};
    struct json *root;
    struct err err;
    assert_int_equal(json_parse(&arena, got, &root, &err), 0);
    assert_int_equal(root->count, 2 * 3000 + 1);
}

static void a_member_with_the_rescued_columns_name_is_unknown(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    for (int i = 0; i < 3; i++) { /* the guess must not find it either */
        assert_rescues(&f, STR("{\"a\":1,\"rest\":\"mine\",\"t\":1}"),
                       "{\"rest\":\"mine\",\"_reason\":{\"rest\":\"unknown\"}}");
    }
}

static void a_bad_message_and_a_tombstone_rescue_nothing(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    assert_rescues(&f, STR("{\"u\":1,\"a\":\"x\""), "NULL");
    assert_rescues(&f, STR("[1]"), "NULL");
    assert_rescues(&f, STR(""), "NULL");
    rescued(&f, STR("{\"u\":1}"), 3);
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 4, &f.arena), CODEC_ROW_OK);
    assert_false(column_is_valid(f.columns[1], 4));
}

static void what_nobody_wants_is_not_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    f.columns[3] = NULL;
    assert_rescues(&f, STR("{\"s\":{\"u\":1,\"x\":\"b\"},\"a\":\"x\"}"),
                   "{\"a\":\"x\",\"_reason\":{\"a\":\"type\"}}");
    f.columns[1] = NULL;
    assert_int_equal(fixture_decode(&f, STR("{\"u\":1,\"a\":\"x\"}"), 5), CODEC_ROW_BAD_FIELD);
}

static void bare_nan_becomes_json(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_options(&f, (struct codec_options){.rescued_column = STR("rest"), .allow_nan = true});
    assert_rescues(&f, STR("{\"a\":NaN,\"u\":[-Infinity,Infinity,\"NaN\\\"NaN\",1]}"),
                   "{\"a\":\"NaN\",\"u\":[\"-Infinity\",\"Infinity\",\"NaN\\\"NaN\",1],"
                   "\"_reason\":{\"a\":\"type\",\"u\":\"unknown\"}}");
}

static void what_is_too_long_is_left_out_and_counted(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    AUTO_BUF struct buf message = {0};
    buf_add_c(&message, "{\"u\":\"");
    for (size_t i = 0; i < CODEC_RESCUE_MAX / 10; i++) {
        buf_add_c(&message, "0123456789");
    }
    buf_add_c(&message, "\",\"a\":\"x\"}");
    struct str got = rescued(&f, buf_str(&message), 0);
    assert_true(str_eq_c(got, "{\"a\":\"x\",\"_reason\":{\"a\":\"type\"},\"_truncated\":1}"));

    /* Many values, and a path so long that none with it fits. */
    buf_reset(&message);
    buf_add_c(&message, "{\"m\":{\"");
    for (size_t i = 0; i < CODEC_RESCUE_MAX / 10; i++) {
        buf_add_c(&message, "0123456789");
    }
    buf_add_c(&message, "\":\"x\"},\"s\":{\"y\":[\"x\"");
    size_t count = 300000;
    for (size_t i = 1; i < count; i++) {
        buf_add_c(&message, ",\"x\"");
    }
    buf_add_c(&message, "]}}");
    got = rescued(&f, buf_str(&message), 1);
    assert_true(got.len <= CODEC_RESCUE_MAX + 64 && got.len > CODEC_RESCUE_MAX / 2);
    AUTO_ARENA struct arena arena = {0};
    struct json *root;
    struct err err;
    assert_int_equal(json_parse(&arena, got, &root, &err), 0);
    int64_t left_out = 0;
    assert_true(json_get_i64(json_find(root, "_truncated"), &left_out));
    assert_int_equal((size_t)left_out + root->count - 2, count + 1);
    assert_rescues(&f, STR("{\"a\":\"x\"}"), "{\"a\":\"x\",\"_reason\":{\"a\":\"type\"}}");
}

static void unknown_fields_are_noticed_where_they_are_looked_for(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_options(&f, (struct codec_options){.notice_unknown = true});
    static const struct {
        struct str message;
        bool has_unknown;
    } cases[] = {
        {STR("{\"a\":1}"), false},
        {STR("{\"u\":1}"), true},
        {STR("{\"a\":1,\"l\":[{\"x\":1},{\"u\":null}]}"), true},
        {STR("{\"a\":\"x\"}"), false},
        {STR("{\"m\":{\"anything\":1}}"), false},
        {STR("{\"n\":{\"k\":{\"u\":1}}}"), true},
        {STR("{\"s\":{\"X\":1}}"), true},
        {STR("{\"u\":1"), false},
        {STR("{}"), false},
    };
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            f.codec->unknown_field = round == 0;
            column_memory_reset(f.memory);
            fixture_decode(&f, cases[i].message, 0);
            if (f.codec->unknown_field != cases[i].has_unknown) {
                fail_msg("%.*s", STR_FMT(cases[i].message));
            }
        }
    }
    f.codec->unknown_field = true;
    codec_decode(f.codec, STR_NULL, f.columns, 1, &f.arena);
    assert_false(f.codec->unknown_field);
}

static void without_the_option_nothing_is_noticed(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rest(&f);
    rescued(&f, STR("{\"u\":1}"), 0);
    assert_false(f.codec->unknown_field);
}

static void the_rescued_column_must_be_a_string_of_the_row_type(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_BIGINT)),
                                  test_field("r", type_simple(TYPE_STRING)),
                                  test_field("r", type_simple(TYPE_STRING))};
    const struct type *row = type_struct(&arena, fields, 2);
    struct codec *codec;
    struct err err;
    struct codec_options options = {.rescued_column = STR("a")};
    assert_int_equal(codec_open(STR("json"), row, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"a\" is not a STRING"));
    options.rescued_column = STR("none");
    assert_int_equal(codec_open(STR("json"), row, &options, &codec, &err), ERR_CONFIG);
    options.rescued_column = STR("r");
    row = type_struct(&arena, fields, 3);
    assert_int_equal(codec_open(STR("json"), row, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"r\" is there twice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_fits_rescues_nothing),
        cmocka_unit_test(unknown_fields_are_rescued_whole_by_their_path),
        cmocka_unit_test(bad_values_are_rescued_with_their_reason),
        cmocka_unit_test(names_that_would_be_misread_stand_between_backticks),
        cmocka_unit_test(of_duplicates_only_the_last_is_rescued),
        cmocka_unit_test(many_duplicates_leave_the_last_of_each),
        cmocka_unit_test(members_of_many_objects_are_kept_apart),
        cmocka_unit_test(a_member_with_the_rescued_columns_name_is_unknown),
        cmocka_unit_test(a_bad_message_and_a_tombstone_rescue_nothing),
        cmocka_unit_test(what_nobody_wants_is_not_rescued),
        cmocka_unit_test(bare_nan_becomes_json),
        cmocka_unit_test(what_is_too_long_is_left_out_and_counted),
        cmocka_unit_test(unknown_fields_are_noticed_where_they_are_looked_for),
        cmocka_unit_test(without_the_option_nothing_is_noticed),
        cmocka_unit_test(the_rescued_column_must_be_a_string_of_the_row_type),
    };
    return cmocka_run_group_tests_name("json_rescue", tests, NULL, NULL);
}
