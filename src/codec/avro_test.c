/* SPDX-License-Identifier: Apache-2.0 */
/* avro_test - messages: the encoding, what makes a message bad, and what a bad one leaves */
#include <stdio.h>

#include "codec/avro_test_util.h"

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values)  "{\"type\":\"map\",\"values\":" values "}"

/* A record with every kind of schema, and a message of it. */
static const char rich_schema[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"b\","
    "\"type\":\"boolean\"},{\"name\":\"i\",\"type\":\"int\"},"
    "{\"name\":\"l\",\"type\":\"long\"},{\"name\":\"f\",\"type\":\"float\"},"
    "{\"name\":\"d\",\"type\":\"double\"},{\"name\":\"y\",\"type\":\"bytes\"},"
    "{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\","
    "\"B\"]}},"
    "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"X\",\"size\":3}},"
    "{\"name\":\"n\",\"type\":\"null\"},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"int\"]}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\","
    "\"items\":\"string\"}}},{\"name\":\"u\",\"type\":[\"null\",\"string\",\"int\"]},"
    "{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"S\","
    "\"fields\":[{\"name\":\"p\",\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"q\",\"type\":{\"type\":\"array\",\"items\":\"double\"}}]}}]}";

static const char rich_message[] =
    "01 7f feffffffffffffffff01 0000c03f 000000000000f8bf 04 0001 06 68c3a9 02 aabbcc "
    "05 0a 00 0203 0208 00 02 026b 02 0278 00 00 02 0278 02 0a 02 000000000000f03f 00";

static const char rich_row[] =
    "{\"b\":true,\"i\":-64,\"l\":9223372036854775807,\"f\":1.5,\"d\":-1.5,\"y\":\"AAE=\","
    "\"s\":\"h\xc3\xa9\",\"e\":\"B\",\"x\":\"qrvM\",\"a\":[null,-2,4],\"m\":{\"k\":[\"x\"]},"
    "\"u\":{\"member0\":\"x\",\"member1\":null},\"r\":{\"p\":5,\"q\":[1]}}";

static void every_kind_of_value_is_decoded(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, rich_schema);
    avro_assert(&f, rich_message, rich_row);
}

static void every_prefix_of_a_message_is_truncated(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, rich_schema);
    char bytes[sizeof(rich_message)];
    struct str message = unhex(rich_message, bytes);
    for (size_t len = 0; len < message.len; len++) {
        column_memory_reset(f.memory);
        assert_int_equal(fixture_decode(&f, str_head(message, len), 0), CODEC_ROW_BAD);
        assert_string_equal(f.codec->fault.reason, "truncated");
        assert_true(f.codec->fault.position <= len);
    }
}

static void bytes_behind_the_datum_are_refused(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("a", "\"int\"")));
    avro_assert_bad(&f, "02 00", "trailing");
    assert_int_equal(f.codec->fault.position, 1);
    avro_assert(&f, "02", "{\"a\":1}");
}

static void changed_bytes_never_do_harm(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, rich_schema);
    struct rng rng;
    rng_init(&rng, 1);
    char bytes[sizeof(rich_message)];
    struct str message = unhex(rich_message, bytes);
    AUTO_FREE char *copy = mem_alloc(message.len);
    for (int i = 0; i < 100000; i++) {
        memcpy(copy, message.ptr, message.len);
        for (uint64_t k = rng_below(&rng, 3) + 1; k > 0; k--) {
            copy[rng_below(&rng, message.len)] = (char)rng_next(&rng);
        }
        column_memory_reset(f.memory);
        arena_reset(&f.arena);
        enum codec_row rc = fixture_decode(&f, str_n(copy, message.len), 0);
        AUTO_BUF struct buf row = {0};
        fixture_print(&f, 0, &row);
        if (rc == CODEC_ROW_BAD) {
            assert_non_null(strstr(row.ptr, "\"i\":null"));
        }
    }
}

static void a_tombstone_is_a_row_of_nulls(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("a", "\"int\"") "," FIELD("l", ARRAY("\"int\""))));
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 0, &f.arena), CODEC_ROW_OK);
    avro_assert_row(&f, 0, "{\"a\":null,\"l\":null}");
    avro_assert_bad(&f, "", "truncated");
}

static void numbers_have_the_lengths_that_they_may(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("i", "\"int\"") "," FIELD("l", "\"long\"")));
    avro_assert(&f, "00 00", "{\"i\":0,\"l\":0}");
    avro_assert(&f, "01 01", "{\"i\":-1,\"l\":-1}");
    avro_assert(&f, "feffffff0f feffffffffffffffff01",
                "{\"i\":2147483647,\"l\":9223372036854775807}");
    avro_assert(&f, "ffffffff0f ffffffffffffffffff01",
                "{\"i\":-2147483648,\"l\":-9223372036854775808}");
    avro_assert(&f, "8280808000 82808080808080808000", "{\"i\":1,\"l\":1}");
    /* Of every length, long ones both near the end of the message and far from it. */
    avro_assert(&f, "ac02 808080808001", "{\"i\":150,\"l\":17179869184}");
    avro_assert_bad(&f, "828080808000 00", "varint");
    avro_assert_bad(&f, "ffffffff1f 00", "varint");
    avro_assert_bad(&f, "00 ffffffffffffffffff02", "varint");
    avro_assert_bad(&f, "00 8280808080808080808000", "varint");
    avro_assert_bad(&f, "ffffffffffffffffffffffffffffffffff", "varint");
    avro_assert_bad(&f, "00 8080", "truncated");
}

static void numbers_are_decoded_as_the_definition_says(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("l", "\"long\"") "," FIELD("m", "\"long\"")));
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < 20000; i++) {
        int64_t values[2];
        char bytes[24];
        size_t len = 0;
        for (size_t k = 0; k < 2; k++) {
            values[k] = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
            values[k] = rng_below(&rng, 2) == 0 ? values[k] : -values[k];
            uint64_t rest = ((uint64_t)values[k] << 1) ^ (uint64_t)(values[k] >> 63);
            for (; rest >= 0x80; rest >>= 7) {
                bytes[len++] = (char)(rest | 0x80);
            }
            bytes[len++] = (char)rest;
        }
        assert_int_equal(fixture_decode(&f, str_n(bytes, len), 0), CODEC_ROW_OK);
        assert_true(((int64_t *)f.columns[0]->data)[0] == values[0]);
        assert_true(((int64_t *)f.columns[1]->data)[0] == values[1]);
    }
}

static void strings_of_every_length_are_decoded(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("a", "\"string\"") "," FIELD("b", "\"string\"")));
    for (size_t len = 0; len < 63; len++) {
        for (size_t other = 0; other < 18; other += 17) {
            char bytes[128];
            char want[128];
            bytes[0] = (char)(2 * len);
            for (size_t i = 0; i < len; i++) {
                bytes[1 + i] = want[i] = (char)('a' + i % 26);
            }
            bytes[1 + len] = (char)(2 * other);
            memset(bytes + 2 + len, 'z', other);
            assert_int_equal(fixture_decode(&f, str_n(bytes, 2 + len + other), 0), CODEC_ROW_OK);
            assert_true(str_eq(column_get_string(f.columns[0], 0), str_n(want, len)));
            assert_int_equal(column_get_string(f.columns[1], 0).len, other);
            /* Inline strings are padded with zeros. */
            const struct column_string *s = f.columns[0]->data;
            for (size_t i = len; i < COLUMN_STRING_INLINE; i++) {
                assert_int_equal(s->near.bytes[i], 0);
            }
        }
    }
}

static void strings_must_be_utf8(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("a", "\"string\"")));
    avro_assert(&f, "06 e282ac", "{\"a\":\"\xe2\x82\xac\"}");
    avro_assert_bad(&f, "02 ff", "utf8");
    avro_assert_bad(&f, "04 c0af", "utf8");
    avro_assert_bad(&f, "28 6162636465666768696a6b6c6d6e6f7071727380", "utf8");
    avro_assert_bad(&f, "03", "length");
    avro_assert_bad(&f, "04 61", "truncated");
    avro_assert_bad(&f, "feffffffffffffffff01 61", "truncated");
}

static void booleans_enums_and_unions_have_values_of_their_own(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"b\","
                  "\"type\":\"boolean\"},"
                  "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\","
                  "\"a_symbol_of_more_than_12\"]}},{\"name\":\"u\",\"type\":[\"int\",\"null\"]}]}");
    avro_assert(&f, "00 02 00 06", "{\"b\":false,\"e\":\"a_symbol_of_more_than_12\",\"u\":3}");
    avro_assert(&f, "01 00 02", "{\"b\":true,\"e\":\"A\",\"u\":null}");
    avro_assert_bad(&f, "02 00 02", "boolean");
    avro_assert_bad(&f, "01 04 02", "enum");
    avro_assert_bad(&f, "01 01 02", "enum");
    avro_assert_bad(&f, "01 00 04", "union");
    avro_assert_bad(&f, "01 00 01", "union");
    assert_non_null(strstr(f.codec->fault.message, "field \"u\": "));
}

static void arrays_come_in_blocks(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("a", ARRAY("\"int\"")) "," FIELD("z", "\"int\"")));
    avro_assert(&f, "00 02", "{\"a\":[],\"z\":1}");
    avro_assert(&f, "04 0204 02 06 00 02", "{\"a\":[1,2,3],\"z\":1}");
    avro_assert(&f, "03 04 0204 02 06 00 02", "{\"a\":[1,2,3],\"z\":1}");
    avro_assert_bad(&f, "03 06 0204 00 02", "length");
    avro_assert_bad(&f, "03 05 0204 00 02", "length");
    avro_assert_bad(&f, "03 40 0204 00 02", "truncated");
    avro_assert_bad(&f, "40 0204 00 02", "truncated");
    avro_assert_bad(&f, "feffffffffffffffff01 02", "truncated");
    avro_assert_bad(&f, "ffffffffffffffffff01 00 02", "truncated");
    avro_assert_bad(&f, "04 0204", "truncated");
}

static void elements_without_bytes_have_a_limit(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {
        test_field("a", type_array(&f.types, type_simple(TYPE_INTEGER), true)),
        test_field("z", type_simple(TYPE_INTEGER))};
    avro_open_with(
        &f, avro_row(&f, fields, 2),
        (struct codec_options){
            .avro_schema =
                STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                    "\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
                    "{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
                    "\"name\":\"N\",\"fields\":[]}}},{\"name\":\"z\",\"type\":\"int\"}]}")});
    avro_assert(&f, "06 00 06 00 02", "{\"a\":[null,null,null],\"z\":1}");
    avro_assert_bad(&f, "feffffffffffffffff01 00 00 02", "size");
    avro_assert_bad(&f, "00 feffffffffffffffff01 00 02", "size");
    /* 40,000 and 40,000 are too many together. */
    avro_assert_bad(&f, "80f104 00 80f104 00 02", "size");
}

static void maps_have_each_key_once(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("m", MAP("[\"null\",\"int\"]"))));
    avro_assert(&f, "00", "{\"m\":{}}");
    avro_assert(&f, "04 0261 0202 0262 00 00", "{\"m\":{\"a\":1,\"b\":null}}");
    /* The last value counts, in the place of the first. */
    avro_assert(&f, "06 0261 00 0262 0204 0261 0206 00", "{\"m\":{\"a\":3,\"b\":2}}");
    avro_assert(&f, "04 0261 0202 0262 0204 02 0261 00 00", "{\"m\":{\"a\":null,\"b\":2}}");
    avro_assert_bad(&f, "02 02ff 00 00", "utf8");
}

static void maps_of_many_keys_are_searched_by_hash(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, RECORD(FIELD("m", MAP("\"boolean\""))));
    AUTO_BUF struct buf message = {0};
    for (int i = 0; i < 5000; i++) {
        char key[32];
        int len =
            snprintf(key, sizeof(key), "%s%d", i % 2 == 0 ? "" : "a longer key with ", i % 2000);
        buf_add_char(&message, 2); /* a block of one */
        buf_add_char(&message, (char)(2 * len));
        buf_add(&message, key, (size_t)len);
        buf_add_char(&message, i >= 4000);
    }
    buf_add_char(&message, 0);
    assert_int_equal(fixture_decode(&f, buf_str(&message), 0), CODEC_ROW_OK);
    const struct column *map = f.columns[0];
    assert_int_equal(map->child_rows, 2000);
    size_t count = 0;
    for (size_t i = 0; i < 2000; i++) {
        count += ((uint8_t *)map->children[1].data)[i];
    }
    assert_int_equal(count, 1000);
}

static void a_bad_message_leaves_lists_as_they_were(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, rich_schema);
    assert_int_equal(avro_decode(&f, rich_message, 0), CODEC_ROW_OK);
    char bytes[sizeof(rich_message)];
    struct str message = unhex(rich_message, bytes);
    for (size_t len = 0; len < message.len; len++) {
        assert_int_equal(fixture_decode(&f, str_head(message, len), 1), CODEC_ROW_BAD);
        assert_int_equal(f.columns[9]->child_rows, 3);
        assert_int_equal(f.columns[10]->child_rows, 1);
        assert_int_equal(f.columns[10]->children[1].child_rows, 1);
        assert_int_equal(f.columns[12]->children[1].child_rows, 1);
        for (size_t i = 0; i < f.row_type->field_count; i++) {
            assert_false(column_is_valid(f.columns[i], 1));
            column_clear_null(f.columns[i], 1);
        }
    }
    avro_decode(&f, rich_message, 1);
    avro_assert_row(&f, 0, rich_row);
    avro_assert_row(&f, 1, rich_row);
}

static void a_list_that_two_branches_wrote_is_taken_back_as_a_whole(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    const struct type *numbers = type_array(&f.types, type_simple(TYPE_BIGINT), true);
    struct type_field inner[] = {test_field("x", numbers)};
    struct type_field fields[] = {
        test_field("a", type_array(&f.types, type_struct(&f.types, inner, 1), true))};
    avro_open_with(
        &f, avro_row(&f, fields, 1),
        (struct codec_options){
            .avro_schema = STR(
                "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                "\"type\":{\"type\":\"array\",\"items\":[{\"type\":\"record\",\"name\":\"A\","
                "\"fields\":[{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}]},"
                "{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"x\","
                "\"type\":{\"type\":\"array\",\"items\":\"long\"}}]}]}}]}")});
    avro_assert(&f, "04 00 02 02 00 02 02 04 00 00", "{\"a\":[{\"x\":[1]},{\"x\":[2]}]}");
    avro_assert_bad(&f, "04 00 02 02 00 02 02 04 00 00 ff", "trailing");
    assert_int_equal(f.columns[0]->children[0].children[0].child_rows, 0);
}

static void columns_that_nobody_wants_are_checked_and_skipped(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, rich_schema);
    char bytes[sizeof(rich_message)];
    struct str message = unhex(rich_message, bytes);
    for (size_t i = 0; i < f.row_type->field_count; i++) {
        f.columns[i] = i == 1 ? &column_memory_columns(f.memory)[i] : NULL;
    }
    assert_int_equal(fixture_decode(&f, message, 0), CODEC_ROW_OK);
    assert_int_equal(((int32_t *)f.columns[1]->data)[0], -64);
    for (size_t len = 0; len < message.len; len++) {
        assert_int_equal(fixture_decode(&f, str_head(message, len), 0), CODEC_ROW_BAD);
    }
}

static void fields_that_the_row_type_has_not_are_skipped_by_length(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("l", type_simple(TYPE_BIGINT)),
                                  test_field("nowhere", type_simple(TYPE_DATE)),
                                  test_field("e", type_simple(TYPE_STRING))};
    avro_open_with(&f, avro_row(&f, fields, 3),
                   (struct codec_options){.avro_schema = str_of(rich_schema)});
    avro_assert(&f, rich_message, "{\"l\":9223372036854775807,\"nowhere\":null,\"e\":\"B\"}");

    AUTO_FIXTURE struct json_fixture g = {0};
    avro_open_with(&g, avro_row(&g, fields, 1),
                   (struct codec_options){
                       .avro_schema = STR(
                           "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"s\","
                           "\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
                           "{\"name\":\"d\",\"type\":{\"type\":\"array\",\"items\":\"double\"}},"
                           "{\"name\":\"l\",\"type\":\"long\"}]}")});
    avro_assert(&g, "03 08 02ff 02ff 00 02 0000000000000000 00 04", "{\"l\":2}");
    avro_assert_bad(&g, "03 60 02ff 02ff 00 02 0000000000000000 00 04", "truncated");
    avro_assert_bad(&g, "00 04 0000000000000000 00 04", "truncated");
}

static void a_message_may_be_in_single_object_encoding(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    /* "long" has the fingerprint -3434872931120570953. */
    avro_open(&f, "long");
    avro_assert(&f, "c301 b71df49344e154d0 06", "{\"value\":3}");
    avro_assert(&f, "c301", "{\"value\":-98}"); /* bare, though it begins the same */
    avro_assert_bad(&f, "c301 b71df49344e154d1 06", "fingerprint");
    assert_non_null(strstr(f.codec->fault.message, "d154e14493f41db7"));
    avro_assert_bad(&f, "c301 b71df49344e154d0", "truncated");
    avro_assert_bad(&f, "c301 b71df49344e154d0 06 00", "trailing");
}

static void a_message_has_a_depth(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("v", type_simple(TYPE_INTEGER))};
    avro_open_with(
        &f, avro_row(&f, fields, 1),
        (struct codec_options){
            .avro_schema = STR(RECORD(FIELD("next", "[\"null\",\"R\"]") "," FIELD("v", "\"int\""))),
            .depth_max = 4});
    avro_assert(&f, "02 02 02 00 02 04 06 08", "{\"v\":4}");
    avro_assert_bad(&f, "02 02 02 02 00 02 04 06 08 0a", "depth");

    /* Nothing ends this one, and it has no bytes. */
    AUTO_FIXTURE struct json_fixture g = {0};
    avro_open_with(
        &g, avro_row(&g, fields, 1),
        (struct codec_options){
            .avro_schema = STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"self\","
                               "\"type\":\"R\"},{\"name\":\"other\",\"type\":\"R\"},"
                               "{\"name\":\"v\",\"type\":\"int\"}]}")});
    avro_assert_bad(&g, "02", "depth");
}

static void a_row_may_be_a_record_in_a_union_with_null(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open(&f, "[\"null\"," RECORD(FIELD("a", "\"int\"")) "]");
    avro_assert(&f, "02 06", "{\"a\":3}");
    avro_assert(&f, "00", "{\"a\":null}");
    avro_assert_bad(&f, "04", "union");
    avro_assert_bad(&f, "00 00", "trailing");
}

static void unions_of_many_become_one_column_when_each_fits(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field inner[] = {test_field("x", type_simple(TYPE_INTEGER)),
                                 test_field("y", type_simple(TYPE_STRING))};
    struct type_field fields[] = {test_field("u", type_simple(TYPE_STRING)),
                                  test_field("r", type_struct(&f.types, inner, 2))};
    avro_open_with(
        &f, avro_row(&f, fields, 2),
        (struct codec_options){
            .avro_schema = STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"u\","
                               "\"type\":[\"int\",\"string\",\"null\",\"double\"]},"
                               "{\"name\":\"r\",\"type\":[{\"type\":\"record\",\"name\":\"A\","
                               "\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]},"
                               "{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"y\","
                               "\"type\":\"string\"},{\"name\":\"x\",\"type\":\"int\"}]}]}]}")});
    avro_assert(&f, "00 0e 00 02", "{\"u\":\"7\",\"r\":{\"x\":1,\"y\":null}}");
    avro_assert(&f, "02 0278 02 0279 04", "{\"u\":\"x\",\"r\":{\"x\":2,\"y\":\"y\"}}");
    avro_assert(&f, "04 00 02", "{\"u\":null,\"r\":{\"x\":1,\"y\":null}}");
    avro_assert(&f, "06 000000000000e03f 00 02", "{\"u\":\"0.5\",\"r\":{\"x\":1,\"y\":null}}");
}

static void members_that_the_column_lacks_are_left_out(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field inner[] = {test_field("member2", type_simple(TYPE_BIGINT)),
                                 test_field("member0", type_simple(TYPE_STRING))};
    struct type_field fields[] = {test_field("u", type_struct(&f.types, inner, 2))};
    avro_open_with(&f, avro_row(&f, fields, 1),
                   (struct codec_options){.avro_schema = STR(RECORD(FIELD(
                                              "u", "[\"null\",\"string\",\"boolean\",\"int\"]")))});
    avro_assert(&f, "00", "{\"u\":null}");
    avro_assert(&f, "02 0278", "{\"u\":{\"member2\":null,\"member0\":\"x\"}}");
    avro_assert(&f, "04 01", "{\"u\":{\"member2\":null,\"member0\":null}}");
    avro_assert(&f, "06 02", "{\"u\":{\"member2\":1,\"member0\":null}}");
}

static void names_are_matched_exactly_or_by_case_alone(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    const struct type *number = type_simple(TYPE_INTEGER);
    struct type_field fields[] = {test_field("ID", number), test_field("id", number),
                                  test_field("NAME", number)};
    avro_open_with(&f, avro_row(&f, fields, 3),
                   (struct codec_options){.avro_schema = STR(RECORD(FIELD(
                                              "name", "\"int\"") "," FIELD("id", "\"int\"")))});
    avro_assert(&f, "02 04", "{\"ID\":null,\"id\":2,\"NAME\":1}");
}

static void what_cannot_be_decoded_is_refused_by_name(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field inner[] = {test_field("p", type_simple(TYPE_DATE))};
    struct type_field fields[] = {test_field("r", type_struct(&arena, inner, 1)),
                                  test_field("r", type_simple(TYPE_DATE))};
    struct codec_options options = {.avro_schema = str_of(rich_schema)};
    avro_assert_refused(options, type_struct(&arena, fields, 1),
                        "field \"r.p\" is long in the avro schema, which does not go into DATE");
    avro_assert_refused(options, type_struct(&arena, fields, 2), "has field \"r\" twice");
    avro_assert_refused(options, type_struct(&arena, fields + 1, 1),
                        "field \"r\" is record S in the avro schema, which does not go into DATE");
    fields[0] =
        test_field("m", type_map(&arena, type_simple(TYPE_BIGINT), type_simple(TYPE_STRING), true));
    avro_assert_refused(options, type_struct(&arena, fields, 1), "field \"m\" is map");
    avro_assert_refused((struct codec_options){.avro_schema = STR("long")},
                        type_struct(&arena, fields, 1), "its column is \"value\"");
    avro_assert_refused((struct codec_options){0}, type_struct(&arena, fields, 1),
                        "format \"avro\" needs a schema");
    avro_assert_refused((struct codec_options){.avro_schema = STR("{")},
                        type_struct(&arena, fields, 1), "avro schema: invalid JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_decoded),
        cmocka_unit_test(every_prefix_of_a_message_is_truncated),
        cmocka_unit_test(bytes_behind_the_datum_are_refused),
        cmocka_unit_test(changed_bytes_never_do_harm),
        cmocka_unit_test(a_tombstone_is_a_row_of_nulls),
        cmocka_unit_test(numbers_have_the_lengths_that_they_may),
        cmocka_unit_test(numbers_are_decoded_as_the_definition_says),
        cmocka_unit_test(strings_of_every_length_are_decoded),
        cmocka_unit_test(strings_must_be_utf8),
        cmocka_unit_test(booleans_enums_and_unions_have_values_of_their_own),
        cmocka_unit_test(arrays_come_in_blocks),
        cmocka_unit_test(elements_without_bytes_have_a_limit),
        cmocka_unit_test(maps_have_each_key_once),
        cmocka_unit_test(maps_of_many_keys_are_searched_by_hash),
        cmocka_unit_test(a_bad_message_leaves_lists_as_they_were),
        cmocka_unit_test(a_list_that_two_branches_wrote_is_taken_back_as_a_whole),
        cmocka_unit_test(columns_that_nobody_wants_are_checked_and_skipped),
        cmocka_unit_test(fields_that_the_row_type_has_not_are_skipped_by_length),
        cmocka_unit_test(a_message_may_be_in_single_object_encoding),
        cmocka_unit_test(a_message_has_a_depth),
        cmocka_unit_test(a_row_may_be_a_record_in_a_union_with_null),
        cmocka_unit_test(unions_of_many_become_one_column_when_each_fits),
        cmocka_unit_test(members_that_the_column_lacks_are_left_out),
        cmocka_unit_test(names_are_matched_exactly_or_by_case_alone),
        cmocka_unit_test(what_cannot_be_decoded_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("avro", tests, NULL, NULL);
}
