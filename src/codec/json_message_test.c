/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_message_test - whole messages: members, duplicates, lists, what a bad message leaves
 */
#include "codec/json.h"
#include "codec/json_test_util.h"

static const struct type *list_of(struct json_fixture *f, const struct type *element)
{
    return type_array(&f->types, element, true);
}

static const struct type *map_of(struct json_fixture *f, const struct type *value)
{
    return type_map(&f->types, type_simple(TYPE_STRING), value, true);
}

static void open_row(struct json_fixture *f, const struct type_field *fields, size_t count)
{
    fixture_open(f, type_struct(&f->types, fields, count), 16, (struct codec_options){0});
}

/* {"a": BIGINT, "s": STRUCT<x: BIGINT, y: ARRAY<BIGINT>>, "l": ARRAY<STRUCT<x, y>>,
 *  "m": MAP<STRING, ARRAY<BIGINT>>, "t": STRING} */
static void open_mixed(struct json_fixture *f)
{
    const struct type *number = type_simple(TYPE_BIGINT);
    struct type_field inner[] = {test_field("x", number), test_field("y", list_of(f, number))};
    const struct type *pair = type_struct(&f->types, inner, 2);
    struct type_field fields[] = {
        test_field("a", number),
        test_field("s", pair),
        test_field("l", list_of(f, pair)),
        test_field("m", map_of(f, list_of(f, number))),
        test_field("t", type_simple(TYPE_STRING)),
    };
    open_row(f, fields, ARRAY_COUNT(fields));
}

static void assert_reads(struct json_fixture *f, struct str message, size_t row,
                         enum codec_row want_rc, const char *want)
{
    enum codec_row rc = fixture_decode(f, message, row);
    AUTO_BUF struct buf got = {0};
    fixture_print(f, row, &got);
    if (rc != want_rc || strcmp(got.ptr, want) != 0) {
        fail_msg("%.*s: got %u %s (%s), wanted %u %s", STR_FMT(message), rc, got.ptr,
                 f->codec->fault.message, want_rc, want);
    }
}

#define ALL_NULL "{\"a\":null,\"s\":null,\"l\":null,\"m\":null,\"t\":null}"

static void members_come_in_any_order_missing_or_unknown(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {
        test_field("a", type_simple(TYPE_BIGINT)),
        test_field("ab", type_simple(TYPE_BIGINT)),
        test_field("a_name_of_16_byt", type_simple(TYPE_BIGINT)),
        test_field("a_name_of_16_byte", type_simple(TYPE_BIGINT)),
        test_field("", type_simple(TYPE_BIGINT)),
    };
    open_row(&f, fields, ARRAY_COUNT(fields));
    static const struct {
        struct str message;
        const char *want;
    } cases[] = {
        {STR("{\"a\":1,\"ab\":2,\"a_name_of_16_byt\":3,\"a_name_of_16_byte\":4,\"\":5}"),
         "{\"a\":1,\"ab\":2,\"a_name_of_16_byt\":3,\"a_name_of_16_byte\":4,\"\":5}"},
        {STR("{\"\":5,\"a_name_of_16_byte\":4,\"a_name_of_16_byt\":3,\"ab\":2,\"a\":1}"),
         "{\"a\":1,\"ab\":2,\"a_name_of_16_byt\":3,\"a_name_of_16_byte\":4,\"\":5}"},
        {STR("{\"ab\":2}"),
         "{\"a\":null,\"ab\":2,\"a_name_of_16_byt\":null,\"a_name_of_16_byte\":null,\"\":null}"},
        {STR("{}"), "{\"a\":null,\"ab\":null,\"a_name_of_16_byt\":null,\"a_name_of_16_byte\":null,"
                    "\"\":null}"},
        {STR(" { } "),
         "{\"a\":null,\"ab\":null,\"a_name_of_16_byt\":null,\"a_name_of_16_byte\":null,"
         "\"\":null}"},
        {STR("{\"abc\":9,\"A\":9,\"a\":1,\"x\":{\"a\":[{}]},\"\\u0061b\":2,\"a\\u0000\":7}"),
         "{\"a\":1,\"ab\":2,\"a_name_of_16_byt\":null,\"a_name_of_16_byte\":null,\"\":null}"},
        {STR("\t{ \"a\" : 1 ,\r\n\"ab\"\n:\t2 } \n"),
         "{\"a\":1,\"ab\":2,\"a_name_of_16_byt\":null,\"a_name_of_16_byte\":null,\"\":null}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_reads(&f, cases[i].message, i, CODEC_ROW_OK, cases[i].want);
    }
}

static void names_that_need_escapes_are_found(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {
        test_field("q\"", type_simple(TYPE_BIGINT)),
        test_field("b\\", type_simple(TYPE_BIGINT)),
        test_field("gr\xc3\xbc", type_simple(TYPE_BIGINT)),
    };
    open_row(&f, fields, ARRAY_COUNT(fields));
    assert_reads(&f, STR("{\"q\\\"\":1,\"b\\\\\":2,\"gr\\u00fc\":3}"), 0, CODEC_ROW_OK,
                 "{\"q\\\"\":1,\"b\\\\\":2,\"gr\xc3\xbc\":3}");
    /* Not normalised: u with a combining diaeresis is another name. */
    assert_reads(&f, STR("{\"gru\xcc\x88\":3}"), 1, CODEC_ROW_OK,
                 "{\"q\\\"\":null,\"b\\\\\":null,\"gr\xc3\xbc\":null}");
    /* The name's bytes as they are would end the key early. */
    assert_reads(&f, STR("{\"q\"\":1}"), 2, CODEC_ROW_BAD,
                 "{\"q\\\"\":null,\"b\\\\\":null,\"gr\xc3\xbc\":null}");
}

static void the_last_of_duplicate_members_wins_wholly(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    assert_reads(&f, STR("{\"a\":1,\"a\":2,\"t\":\"x\",\"t\":null,\"s\":null,\"s\":{\"x\":1}}"), 0,
                 CODEC_ROW_OK,
                 "{\"a\":2,\"s\":{\"x\":1,\"y\":null},\"l\":null,\"m\":null,\"t\":null}");
    assert_reads(&f, STR("{\"s\":{\"x\":1,\"y\":[1,2]},\"s\":{\"y\":[3],\"y\":[null,4]}}"), 1,
                 CODEC_ROW_OK,
                 "{\"a\":null,\"s\":{\"x\":null,\"y\":[null,4]},\"l\":null,\"m\":null,"
                 "\"t\":null}");
    assert_int_equal(f.columns[1]->children[1].child_rows, 2);
    assert_reads(&f,
                 STR("{\"l\":[{\"y\":[1]},null],\"l\":[{\"y\":[2,3],\"x\":1}],\"a\":1,\"a\":\"\"}"),
                 2, CODEC_ROW_BAD_FIELD,
                 "{\"a\":null,\"s\":null,\"l\":[{\"x\":1,\"y\":[2,3]}],\"m\":null,\"t\":null}");
    assert_int_equal(f.columns[2]->child_rows, 1);
    assert_int_equal(f.columns[2]->children[0].children[1].child_rows, 2);
    assert_reads(&f, STR("{\"\\u0061\":1,\"a\":null}"), 3, CODEC_ROW_OK, ALL_NULL);
}

static void the_last_of_duplicate_map_keys_wins(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    assert_reads(&f, STR("{\"m\":{\"k\":[1],\"j\":null,\"k\":[2,3],\"\\u006a\":[4],\"k\":null}}"),
                 0, CODEC_ROW_OK,
                 "{\"a\":null,\"s\":null,\"l\":null,\"m\":{\"k\":null,\"j\":[4]},\"t\":null}");
    assert_reads(&f, STR("{\"m\":{\"k\":[1]},\"m\":{\"i\":[5],\"i\":[6]}}"), 1, CODEC_ROW_OK,
                 "{\"a\":null,\"s\":null,\"l\":null,\"m\":{\"i\":[6]},\"t\":null}");
    assert_reads(&f, STR("{\"m\":{}}"), 2, CODEC_ROW_OK,
                 "{\"a\":null,\"s\":null,\"l\":null,\"m\":{},\"t\":null}");
    assert_reads(&f, STR("{\"m\":{\"k\":[1]}"), 3, CODEC_ROW_BAD, ALL_NULL);
    assert_reads(&f, STR("{\"m\":{\"k\" [1]}}"), 4, CODEC_ROW_BAD, ALL_NULL);
    assert_reads(&f, STR("{\"m\":{k:[1]}}"), 5, CODEC_ROW_BAD, ALL_NULL);
    assert_reads(&f, STR("{\"m\":{\"k\":[1],}}"), 6, CODEC_ROW_BAD, ALL_NULL);
}

static void big_maps_find_duplicates_in_linear_time(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field field = test_field("m", map_of(&f, type_simple(TYPE_BIGINT)));
    open_row(&f, &field, 1);
    AUTO_BUF struct buf message = {0};
    const uint64_t keys = 200000;
    buf_add_c(&message, "{\"m\":{");
    for (uint64_t i = 0; i < 2 * keys; i++) {
        buf_printf(&message, "%s\"key number %" PRIu64 "\":%" PRIu64, i > 0 ? "," : "", i % keys,
                   i);
    }
    buf_add_c(&message, "}}");
    int64_t began = clock_thread_cpu_us();
    assert_int_equal(fixture_decode(&f, buf_str(&message), 0), CODEC_ROW_OK);
    assert_true(clock_thread_cpu_us() - began < INT64_C(20000000)); /* quadratic: minutes */
    struct column_list list = ((struct column_list *)f.columns[0]->data)[0];
    assert_int_equal(list.len, keys);
    const int64_t *values = f.columns[0]->children[1].data;
    for (uint64_t i = 0; i < keys; i++) {
        assert_int_equal(values[i], keys + i);
    }
}

static void a_bad_message_leaves_nulls_and_no_elements(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    const char *good = "{\"a\":1,\"s\":{\"x\":2,\"y\":[3]},\"l\":[{\"x\":4,\"y\":[5,6]},"
                       "{\"x\":7,\"y\":[8]}],\"m\":{\"k\":[9]},\"t\":\"text\"}";
    /* Everything NULL that can be, so that bits stay behind if they are not put back. */
    struct str bad = STR("{\"a\":null,\"s\":{\"x\":null,\"y\":[null,null]},\"l\":[null,{\"x\":null,"
                         "\"y\":null},{\"y\":[null,null,null],\"x\":\"no\"},null,null],"
                         "\"m\":{\"k\":null,\"k\":[null]},\"t\":null,!}");
    for (size_t row = 0; row < 12; row += 2) {
        assert_reads(&f, str_of(good), row, CODEC_ROW_OK, good);
        assert_reads(&f, bad, row + 1, CODEC_ROW_BAD, ALL_NULL);
        assert_string_equal(f.codec->fault.reason, "syntax");
        assert_int_equal(f.columns[2]->child_rows, row + 2);
        assert_int_equal(f.columns[2]->children[0].children[1].child_rows, (row / 2 + 1) * 3);
        assert_int_equal(f.columns[3]->child_rows, row / 2 + 1);
    }
    for (size_t row = 0; row < 12; row += 2) {
        AUTO_BUF struct buf got = {0};
        fixture_print(&f, row, &got);
        assert_string_equal(got.ptr, good);
    }
}

static void every_prefix_is_refused_and_the_whole_accepted(void **state)
{
    (void)state;
    static const char *const documents[] = {
        ("{\"a\":-12345678901,\"s\":{\"x\":1,\"y\":[1,2]},\"l\":[{\"x\":1,\"y\":[]},null],"
         "\"m\":{\"k\":[1],\"k2\":null},\"t\":\"a text that is longer than 16 bytes "
         "\\ud83d\\ude00\"}"),
        ("{\"unknown\":{\"a\":[true,false,null,1.5e-7,\"x\\n\"],\"b\":{}},\"t\":"
         "\"\xf0\x9f\x98\x80\"}"),
        "  {\"l\" : [ ] , \"m\" : { } , \"s\" : { } } ",
    };
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    for (size_t d = 0; d < ARRAY_COUNT(documents); d++) {
        struct str whole = str_trim(str_of(documents[d]));
        assert_int_equal(fixture_decode(&f, str_of(documents[d]), 0), CODEC_ROW_OK);
        for (size_t len = 0; len < whole.len; len++) {
            struct str prefix = str_head(whole, len);
            assert_int_equal(fixture_decode(&f, prefix, 1), CODEC_ROW_BAD);
            assert_true(f.codec->fault.position <= len);
            assert_false(codec_json_validate(prefix));
            /* Ending in '}', so that the decoder itself has to notice. */
            AUTO_BUF struct buf closed = {0};
            buf_add_str(&closed, prefix);
            buf_add_char(&closed, '}');
            enum codec_row rc = fixture_decode(&f, buf_str(&closed), 1);
            assert_int_equal(rc != CODEC_ROW_BAD, codec_json_validate(buf_str(&closed)));
            column_memory_reset(f.memory);
        }
    }
}

static void what_is_not_one_object_is_bad(void **state)
{
    (void)state;
    static const struct {
        struct str message;
        const char *why;
    } cases[] = {
        {STR(""), "empty"},
        {STR(" \n\t "), "empty"},
        {STR("\xef\xbb\xbf"), "empty"},
        {STR("[]"), "object"},
        {STR("[{\"a\":1}]"), "object"},
        {STR("null"), "object"},
        {STR("\"{}\""), "object"},
        {STR("7"), "object"},
        {STR("{} {}"), "behind"},
        {STR("{\"a\":1}{\"a\":2}"), "behind"},
        {STR("{\"a\":1}x"), "behind"},
        {STR("{\"a\":1},"), "behind"},
        {STR("{\"a\":1}}"), "behind"},
        {STR("{\"a\":1}\0"), "behind"},
        {STR("\xef\xbb\xbf\xef\xbb\xbf{}"), "not a JSON value"},
        {STR("\xff\xfe{\0}\0"), "not a JSON value"},
        {STR("{\0}\0"), "name in quotes"},
        {STR("}"), "not a JSON value"},
        {STR("{"), "too early"},
        {STR("{\"a\":1,}"), "name in quotes"},
        {STR("{,}"), "name in quotes"},
        {STR("{\"a\"}"), "':'"},
        {STR("{\"a\":}"), "not a JSON value"},
        {STR("{\"a\":1 \"t\":2}"), "','"},
        {STR("{'a':1}"), "name in quotes"},
        {STR("{\"a\":1/**/}"), "','"},
        {STR("{\"zz\":[1,2}"), "','"},
        {STR("{\"zz\":{\"a\":1]}"), "','"},
        {STR("\v{}"), "not a JSON value"},
    };
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f.codec->fault.message[0] = '\0';
        assert_reads(&f, cases[i].message, 0, CODEC_ROW_BAD, ALL_NULL);
        assert_string_equal(f.codec->fault.reason, "syntax");
        if (strstr(f.codec->fault.message, cases[i].why) == NULL) {
            fail_msg("%.*s: %s", STR_FMT(cases[i].message), f.codec->fault.message);
        }
    }
    column_memory_reset(f.memory);
    assert_reads(&f, STR("\xef\xbb\xbf {\"a\":1}"), 0, CODEC_ROW_OK,
                 "{\"a\":1,\"s\":null,\"l\":null,\"m\":null,\"t\":null}");
}

static void a_tombstone_is_a_row_of_nulls(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 0, &f.arena), CODEC_ROW_OK);
    AUTO_BUF struct buf got = {0};
    fixture_print(&f, 0, &got);
    assert_string_equal(got.ptr, ALL_NULL);
}

static void unwanted_columns_are_checked_all_the_same(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    struct column *list = f.columns[2];
    f.columns[2] = NULL;
    assert_reads(&f, STR("{\"l\":[{\"x\":\"a\"}],\"a\":1}"), 0, CODEC_ROW_OK,
                 "{\"a\":1,\"s\":null,\"l\":,\"m\":null,\"t\":null}");
    assert_reads(&f, STR("{\"a\":1,\"l\":[{]}"), 1, CODEC_ROW_BAD,
                 "{\"a\":null,\"s\":null,\"l\":,\"m\":null,\"t\":null}");
    assert_int_equal(list->child_rows, 0);
}

/* {"<name>": [[[…]]]} or with objects, `levels` deep beside the message itself. */
static void nested_message(const char *name, char open, size_t levels, struct buf *out)
{
    buf_reset(out);
    buf_printf(out, "{\"%s\":", name);
    for (size_t i = 0; i < levels; i++) {
        buf_add_c(out, open == '[' ? "[" : "{\"k\":");
    }
    buf_add_c(out, "1");
    for (size_t i = 0; i < levels; i++) {
        buf_add_char(out, open == '[' ? ']' : '}');
    }
    buf_add_char(out, '}');
}

static void nesting_is_limited_by_a_counter(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    AUTO_BUF struct buf message = {0};
    static const char *const fields[] = {"unknown", "t", "a", "l"};
    for (size_t i = 0; i < 2 * ARRAY_COUNT(fields); i++) {
        char open = i % 2 == 0 ? '[' : '{';
        column_memory_reset(f.memory);
        nested_message(fields[i / 2], open, 511, &message);
        assert_int_not_equal(fixture_decode(&f, buf_str(&message), 0), CODEC_ROW_BAD);
        nested_message(fields[i / 2], open, 512, &message);
        assert_int_equal(fixture_decode(&f, buf_str(&message), 1), CODEC_ROW_BAD);
        assert_string_equal(f.codec->fault.reason, "depth");
        nested_message(fields[i / 2], open, 1000000, &message);
        assert_int_equal(fixture_decode(&f, buf_str(&message), 2), CODEC_ROW_BAD);
    }
    assert_true(codec_json_validate(STR("[[[[{\"a\":[{}]}]]]]")));
    message.len--;
    assert_false(codec_json_validate(buf_str(&message)));
}

static void the_depth_limit_is_an_option(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    const struct type *number = type_simple(TYPE_BIGINT);
    struct type_field field = test_field("l", list_of(&f, list_of(&f, number)));
    fixture_open(&f, type_struct(&f.types, &field, 1), 2, (struct codec_options){.depth_max = 3});
    assert_reads(&f, STR("{\"l\":[[1]]}"), 0, CODEC_ROW_OK, "{\"l\":[[1]]}");
    assert_reads(&f, STR("{\"l\":[[1,[2]]]}"), 1, CODEC_ROW_BAD, "{\"l\":null}");
    assert_string_equal(f.codec->fault.reason, "depth");
    struct err err;
    struct codec *codec;
    struct codec_options options = {.depth_max = 2};
    assert_int_equal(codec_open(STR("json"), f.row_type, &options, &codec, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"l[]\""));
}

static void faults_name_the_field_and_the_place(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    static const struct {
        const char *message;
        enum codec_row rc;
        const char *reason;
        size_t position;
        const char *text;
    } cases[] = {
        {"{\"l\":[{\"x\":\"no\"}],\"a\":true}", CODEC_ROW_BAD_FIELD, "type", 11,
         "field \"l[].x\": a string, wanted BIGINT"},
        {"{\"s\":{\"y\":[1,99999999999999999999]}}", CODEC_ROW_BAD_FIELD, "range", 13,
         "field \"s.y[]\": out of range for BIGINT"},
        {"{\"m\":{\"k\":5}}", CODEC_ROW_BAD_FIELD, "type", 10,
         "field \"m[]\": a number, wanted ARRAY<BIGINT>"},
        {"{\"s\":{\"x\":1.5},\"t\":\"\xff\"}", CODEC_ROW_BAD, "utf8", 20, "field \"t\": not UTF-8"},
        {"{\"s\":{\"x\":01}}", CODEC_ROW_BAD, "syntax", 10,
         "field \"s.x\": a number with a leading zero"},
        {"{\"a\":1", CODEC_ROW_BAD, "syntax", 6, "the message ends too early"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(fixture_decode(&f, str_of(cases[i].message), 0), cases[i].rc);
        assert_string_equal(f.codec->fault.reason, cases[i].reason);
        assert_int_equal(f.codec->fault.position, cases[i].position);
        assert_string_equal(f.codec->fault.message, cases[i].text);
        column_memory_reset(f.memory);
    }
}

static void long_paths_fit_the_fault(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    char name[400];
    for (size_t i = 0; i + 2 < sizeof(name); i += 2) {
        memcpy(name + i, "\xc3\xbc", 2);
    }
    name[sizeof(name) - 2] = '\0';
    struct type_field field = test_field(name, type_simple(TYPE_BIGINT));
    open_row(&f, &field, 1);
    AUTO_FREE char *message = mem_printf("{\"%s\":true}", name);
    assert_int_equal(fixture_decode(&f, str_of(message), 0), CODEC_ROW_BAD_FIELD);
    assert_true(str_is_utf8(str_of(f.codec->fault.message)));
    assert_non_null(strstr(f.codec->fault.message, "a boolean, wanted BIGINT"));
}

static void texts_without_escapes_are_borrowed(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    assert_int_equal(fixture_decode(&f, STR("{\"t\":\"longer than twelve bytes\"}"), 0),
                     CODEC_ROW_OK);
    assert_ptr_equal(column_get_string(f.columns[4], 0).ptr, f.message + 6);
    assert_int_equal(f.arena.total_bytes, 0);
    assert_int_equal(fixture_decode(&f, STR("{\"t\":[\"longer\", \"than twelve bytes\"]}"), 0),
                     CODEC_ROW_OK);
    assert_ptr_equal(column_get_string(f.columns[4], 0).ptr, f.message + 5);
    assert_int_equal(f.arena.total_bytes, 0);
    assert_int_equal(fixture_decode(&f, STR("{\"t\":\"longer\\tthan twelve bytes\"}"), 0),
                     CODEC_ROW_OK);
    f.message[10] = '!';
    assert_true(str_eq(column_get_string(f.columns[4], 0), STR("longer\tthan twelve bytes")));
}

static void values_of_a_hundred_megabytes_work(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_mixed(&f);
    AUTO_BUF struct buf message = {0};
    const size_t len = 100000000;
    buf_add_c(&message, "{\"t\":\"");
    memset(buf_reserve(&message, len), 'x', len);
    message.len += len;
    buf_add_c(&message, "\"}");
    assert_int_equal(codec_decode(f.codec, buf_str(&message), f.columns, 0, &f.arena),
                     CODEC_ROW_OK);
    assert_int_equal(column_get_string(f.columns[4], 0).len, len);
    message.ptr[6] = '\\';
    message.ptr[7] = 'n';
    assert_int_equal(codec_decode(f.codec, buf_str(&message), f.columns, 0, &f.arena),
                     CODEC_ROW_OK);
    assert_int_equal(column_get_string(f.columns[4], 0).len, len - 1);
    message.ptr[message.len - 3] = '\n';
    assert_int_equal(codec_decode(f.codec, buf_str(&message), f.columns, 0, &f.arena),
                     CODEC_ROW_BAD);
}

static void numbers_of_ten_thousand_digits_work(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {
        test_field("i", type_simple(TYPE_BIGINT)),
        test_field("d", type_simple(TYPE_DOUBLE)),
        test_field("f", type_simple(TYPE_FLOAT)),
        test_field("m", type_decimal(&f.types, 38, 2)),
        test_field("t", type_simple(TYPE_TIMESTAMP)),
    };
    open_row(&f, fields, ARRAY_COUNT(fields));
    AUTO_BUF struct buf digits = {0};
    AUTO_BUF struct buf zeros = {0};
    for (int i = 0; i < 10000; i++) {
        buf_add_char(&digits, (char)('1' + i % 9));
        buf_add_char(&zeros, '0');
    }
    AUTO_FREE char *big = mem_printf("{\"i\":%s,\"d\":%s,\"f\":%s,\"m\":%s,\"t\":%s}", digits.ptr,
                                     digits.ptr, digits.ptr, digits.ptr, digits.ptr);
    assert_reads(&f, str_of(big), 0, CODEC_ROW_BAD_FIELD,
                 "{\"i\":null,\"d\":null,\"f\":null,\"m\":null,\"t\":null}");
    AUTO_FREE char *fine =
        mem_printf("{\"i\":5,\"d\":0.5%s1,\"f\":1%se-10000,\"m\":1.005%s1,\"t\":1.5%s}", zeros.ptr,
                   zeros.ptr, zeros.ptr, zeros.ptr);
    assert_reads(&f, str_of(fine), 1, CODEC_ROW_OK,
                 "{\"i\":5,\"d\":0.5,\"f\":1,\"m\":1.01,\"t\":\"1970-01-01T00:00:01.500000Z\"}");
}

static void a_hundred_thousand_columns_work(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    const size_t count = 100000;
    AUTO_FREE struct type_field *fields = mem_new_array(struct type_field, count);
    for (size_t i = 0; i < count; i++) {
        fields[i] = test_field(arena_printf(&f.types, "column_with_a_long_name_%zu_end", i),
                               type_simple(TYPE_BIGINT));
    }
    fixture_open(&f, type_struct(&f.types, fields, count), 1, (struct codec_options){0});
    AUTO_BUF struct buf message = {0};
    buf_add_char(&message, '{');
    for (size_t i = count; i > 0; i--) {
        buf_printf(&message, "\"%s\":%zu%s", fields[i - 1].name.ptr, i, i > 1 ? "," : "}");
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(fixture_decode(&f, buf_str(&message), 0), CODEC_ROW_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(((int64_t *)f.columns[i]->data)[0], i + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_any_order_missing_or_unknown),
        cmocka_unit_test(names_that_need_escapes_are_found),
        cmocka_unit_test(the_last_of_duplicate_members_wins_wholly),
        cmocka_unit_test(the_last_of_duplicate_map_keys_wins),
        cmocka_unit_test(big_maps_find_duplicates_in_linear_time),
        cmocka_unit_test(a_bad_message_leaves_nulls_and_no_elements),
        cmocka_unit_test(every_prefix_is_refused_and_the_whole_accepted),
        cmocka_unit_test(what_is_not_one_object_is_bad),
        cmocka_unit_test(a_tombstone_is_a_row_of_nulls),
        cmocka_unit_test(unwanted_columns_are_checked_all_the_same),
        cmocka_unit_test(nesting_is_limited_by_a_counter),
        cmocka_unit_test(the_depth_limit_is_an_option),
        cmocka_unit_test(faults_name_the_field_and_the_place),
        cmocka_unit_test(long_paths_fit_the_fault),
        cmocka_unit_test(texts_without_escapes_are_borrowed),
        cmocka_unit_test(values_of_a_hundred_megabytes_work),
        cmocka_unit_test(numbers_of_ten_thousand_digits_work),
        cmocka_unit_test(a_hundred_thousand_columns_work),
    };
    return cmocka_run_group_tests_name("json_message", tests, NULL, NULL);
}
