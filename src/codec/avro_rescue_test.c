/* SPDX-License-Identifier: Apache-2.0 */
/* avro_rescue_test - what did not fit, kept as JSON text, and fields that are new */
#include "codec/avro_test_util.h"

#define ARRAY(items)        "{\"type\":\"array\",\"items\":" items "}"
#define NAMED(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
    "\"type\":\"int\"},{\"name\":\"new\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
    "\"name\":\"L\",\"fields\":[{\"name\":\"p\",\"type\":\"int\"},"
    "{\"name\":\"q\",\"type\":\"double\"}]}}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"int\"}}]}";

/* a TINYINT, l ARRAY<STRUCT<p: SMALLINT>>, m MAP<STRING, TINYINT>, rest STRING */
static const struct type *row_type(struct arena *arena)
{
    struct type_field inner[] = {test_field("p", type_simple(TYPE_SMALLINT))};
    struct type_field fields[] = {
        test_field("a", type_simple(TYPE_TINYINT)),
        test_field("l", type_array(arena, type_struct(arena, inner, 1), true)),
        test_field("m", type_map(arena, type_simple(TYPE_STRING), type_simple(TYPE_TINYINT), true)),
        test_field("rest", type_simple(TYPE_STRING)),
    };
    return type_struct(arena, fields, ARRAY_COUNT(fields));
}

static void open_rescue(struct json_fixture *f, const struct type *type, const char *text)
{
    avro_open_with(
        f, type,
        (struct codec_options){.avro_schema = str_of(text), .rescued_column = STR("rest")});
}

static void assert_rest(struct json_fixture *f, const char *hex, enum codec_row want_rc,
                        const char *want)
{
    column_memory_reset(f->memory);
    arena_reset(&f->arena);
    assert_int_equal(avro_decode(f, hex, 0), want_rc);
    struct column *rest = f->columns[f->row_type->field_count - 1];
    if (want == NULL) {
        assert_false(column_is_valid(rest, 0));
        return;
    }
    assert_true(column_is_valid(rest, 0));
    struct str got = column_get_string(rest, 0);
    AUTO_FREE char *text = str_dup(got);
    assert_string_equal(text, want);
}

static void what_fits_leaves_nothing(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_BIGINT)),
                                  test_field("rest", type_simple(TYPE_STRING))};
    open_rescue(&f, avro_row(&f, fields, 2), RECORD(FIELD("a", "\"int\"")));
    assert_rest(&f, "02", CODEC_ROW_OK, NULL);
    assert_rest(&f, "02 00", CODEC_ROW_BAD, NULL);
}

static void unknown_fields_are_rescued_unless_null(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rescue(&f, row_type(&f.types), schema);
    assert_rest(&f, "02 00 00 00", CODEC_ROW_OK, NULL);
    assert_rest(&f, "02 02 0478 22 00 00", CODEC_ROW_OK,
                "{\"new\":\"x\\\"\",\"_reason\":{\"new\":\"unknown\"}}");
    assert_rest(&f, "02 00 04 02 000000000000f03f 04 000000000000f07f 00 00", CODEC_ROW_OK,
                "{\"l[0].q\":1.0,\"l[1].q\":\"Infinity\","
                "\"_reason\":{\"l[0].q\":\"unknown\",\"l[1].q\":\"unknown\"}}");
}

static void values_out_of_range_are_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rescue(&f, row_type(&f.types), schema);
    assert_rest(&f,
                "d804 00 02 80a00c 0000000000000000 00 04 0278 02 0379 2e7a d804 00 00"
                /* the second key has a negative length: bad */,
                CODEC_ROW_BAD, NULL);
    assert_rest(&f, "d804 00 02 80a00c 0000000000000000 00 04 0278 02 04792e d804 00",
                CODEC_ROW_BAD_FIELD,
                "{\"a\":300,\"l[0].p\":100352,\"l[0].q\":0.0,\"m.`y.`\":300,\"_reason\":"
                "{\"a\":\"range\",\"l[0].p\":\"range\",\"l[0].q\":\"unknown\","
                "\"m.`y.`\":\"range\"}}");
}

static void of_duplicate_keys_the_last_value_is_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rescue(&f, row_type(&f.types), schema);
    /* x is bad, then good; y good, then bad; z bad twice. */
    assert_rest(&f, "02 00 00 0c 0278 d804 0279 02 027a d804 0278 02 0279 d604 027a da04 00",
                CODEC_ROW_BAD_FIELD,
                "{\"m.y\":299,\"m.z\":301,\"_reason\":{\"m.y\":\"range\",\"m.z\":\"range\"}}");
}

static void columns_that_nobody_wants_are_not_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    open_rescue(&f, row_type(&f.types), schema);
    f.columns[0] = NULL;
    f.columns[1] = NULL;
    assert_rest(&f, "d804 02 0278 02 80a00c 0000000000000000 00 02 0278 d804 00",
                CODEC_ROW_BAD_FIELD,
                "{\"new\":\"x\",\"m.x\":300,\"_reason\":{\"new\":\"unknown\",\"m.x\":\"range\"}}");
    f.columns[3] = NULL;
    assert_int_equal(avro_decode(&f, "d804 02 0278 00 00", 1), CODEC_ROW_OK);
}

static void every_kind_of_value_has_a_text(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("none", type_simple(TYPE_BIGINT)),
                                  test_field("rest", type_simple(TYPE_STRING))};
    open_rescue(&f, avro_row(&f, fields, 2),
                "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"r\","
                "\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"b\","
                "\"type\":\"boolean\"},{\"name\":\"n\",\"type\":\"null\"},"
                "{\"name\":\"i\",\"type\":\"int\"},"
                "{\"name\":\"t\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
                "{\"name\":\"y\",\"type\":\"bytes\"},"
                "{\"name\":\"c\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\","
                "\"precision\":4,\"scale\":2}},"
                "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\","
                "\"symbols\":[\"A\"]}},"
                "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"float\"]}},"
                "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}}]}");
    assert_rest(&f, "01 03 01 04 0001 02 fb 00 03 10 02 0000803f 02 0000c07f 02 00 02 0261 0262 00",
                CODEC_ROW_BAD, NULL); /* the block has another size than it says */
    assert_rest(&f, "01 03 01 04 0001 02 fb 00 03 0c 02 0000803f 00 02 00 02 0261 0262 00",
                CODEC_ROW_BAD, NULL);
    assert_rest(&f, "01 03 01 04 0001 02 fb 00 03 0c 02 0000803f 00 00 02 0261 0262 00",
                CODEC_ROW_OK,
                "{\"r\":{\"b\":true,\"n\":null,\"i\":-2,\"t\":\"1969-12-31\",\"y\":\"AAE=\","
                "\"c\":-0.05,\"e\":\"A\",\"l\":[1.0,null],\"m\":{\"a\":\"b\"}},"
                "\"_reason\":{\"r\":\"unknown\"}}");
}

static void branches_without_a_column_are_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field inner[] = {test_field("member1", type_simple(TYPE_TINYINT))};
    struct type_field fields[] = {test_field("u", type_struct(&f.types, inner, 1)),
                                  test_field("rest", type_simple(TYPE_STRING))};
    open_rescue(&f, avro_row(&f, fields, 2), RECORD(FIELD("u", "[\"string\",\"int\"]")));
    assert_rest(&f, "00 0278", CODEC_ROW_OK, "{\"u\":\"x\",\"_reason\":{\"u\":\"unknown\"}}");
    assert_rest(&f, "02 02", CODEC_ROW_OK, NULL);
    assert_rest(&f, "02 d804", CODEC_ROW_BAD_FIELD,
                "{\"u.member1\":300,\"_reason\":{\"u.member1\":\"range\"}}");
}

static void what_the_reader_cannot_resolve_is_rescued(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_BIGINT)),
                                  test_field("rest", type_simple(TYPE_STRING))};
    avro_open_with(
        &f, avro_row(&f, fields, 2),
        (struct codec_options){.avro_schema = STR(RECORD(FIELD("a", "[\"int\",\"string\"]"))),
                               .avro_reader_schema = STR(RECORD(FIELD("a", "\"long\""))),
                               .rescued_column = STR("rest")});
    assert_rest(&f, "02 0278", CODEC_ROW_BAD_FIELD,
                "{\"a\":\"x\",\"_reason\":{\"a\":\"unresolved\"}}");
}

static bool notices(const struct type_field *fields, size_t count, const char *text,
                    const char *reader, uint32_t recursive_depth)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    const struct type *type = count > 0 ? avro_row(&f, fields, count) : NULL;
    avro_open_with(&f, type,
                   (struct codec_options){.avro_schema = str_of(text),
                                          .avro_reader_schema = str_of(reader),
                                          .recursive_depth = recursive_depth,
                                          .notice_unknown = true});
    f.codec->unknown_field = true;
    assert_int_equal(codec_decode(f.codec, STR_NULL, f.columns, 0, &f.arena), CODEC_ROW_OK);
    assert_false(f.codec->unknown_field);
    assert_int_equal(avro_decode(&f, "02 00 00 00", 0), CODEC_ROW_OK);
    bool is_noticed = f.codec->unknown_field;
    assert_int_equal(avro_decode(&f, "02", 0), CODEC_ROW_BAD);
    assert_false(f.codec->unknown_field);
    return is_noticed;
}

static void fields_that_the_row_type_has_not_are_noticed(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field inner[] = {test_field("p", type_simple(TYPE_INTEGER)),
                                 test_field("q", type_simple(TYPE_DOUBLE))};
    struct type_field fields[] = {
        test_field("a", type_simple(TYPE_INTEGER)),
        test_field("new", type_simple(TYPE_STRING)),
        test_field("l", type_array(&arena, type_struct(&arena, inner, 2), true)),
        test_field("m", type_map(&arena, type_simple(TYPE_STRING), type_simple(TYPE_BIGINT), true)),
    };
    assert_false(notices(fields, 4, schema, NULL, 0));
    assert_false(notices(NULL, 0, schema, NULL, 0));
    assert_true(notices(fields, 3, schema, NULL, 0));
    fields[2].type = type_array(&arena, type_struct(&arena, inner, 1), true);
    assert_true(notices(fields, 4, schema, NULL, 0));
    /* What the reader's schema leaves out is not new. */
    assert_false(notices(fields, 2, schema,
                         RECORD(FIELD("a", "\"int\"") "," FIELD("new", "[\"null\",\"string\"]")),
                         0));
}

static void fields_that_could_not_be_columns_are_not_noticed(void **state)
{
    (void)state;
    assert_false(notices(NULL, 0,
                         "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                         "\"type\":\"int\"},{\"name\":\"n\",\"type\":\"null\"},"
                         "{\"name\":\"r\",\"type\":[\"null\",\"R\"]},"
                         "{\"name\":\"s\",\"type\":[\"null\",\"R\"]},"
                         "{\"name\":\"t\",\"type\":[\"null\",\"R\"]}]}",
                         NULL, 1));
    struct type_field fields[] = {test_field("a", type_simple(TYPE_INTEGER))};
    assert_true(notices(fields, 1,
                        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                        "\"type\":\"int\"},{\"name\":\"r\",\"type\":[\"null\",\"R\"]},"
                        "{\"name\":\"s\",\"type\":[\"null\",\"R\"]},"
                        "{\"name\":\"t\",\"type\":[\"null\",\"R\"]}]}",
                        NULL, 2));
}

static void the_rescued_column_must_be_a_string_of_the_row_type(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct codec_options options = {.avro_schema = STR(RECORD(FIELD("a", "\"int\""))),
                                    .rescued_column = STR("a")};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_INTEGER))};
    avro_assert_refused(options, type_struct(&arena, fields, 1),
                        "the rescued column \"a\" is not a STRING field");
    options.rescued_column = STR("none");
    avro_assert_refused(options, type_struct(&arena, fields, 1), "\"none\" is not a STRING");
}

static void a_field_with_the_rescued_columns_name_is_unknown(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    struct type_field fields[] = {test_field("rest", type_simple(TYPE_STRING))};
    open_rescue(&f, avro_row(&f, fields, 1), RECORD(FIELD("rest", "\"string\"")));
    assert_rest(&f, "02 78", CODEC_ROW_OK, "{\"rest\":\"x\",\"_reason\":{\"rest\":\"unknown\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_leaves_nothing),
        cmocka_unit_test(unknown_fields_are_rescued_unless_null),
        cmocka_unit_test(values_out_of_range_are_rescued),
        cmocka_unit_test(of_duplicate_keys_the_last_value_is_rescued),
        cmocka_unit_test(columns_that_nobody_wants_are_not_rescued),
        cmocka_unit_test(every_kind_of_value_has_a_text),
        cmocka_unit_test(branches_without_a_column_are_rescued),
        cmocka_unit_test(what_the_reader_cannot_resolve_is_rescued),
        cmocka_unit_test(fields_that_the_row_type_has_not_are_noticed),
        cmocka_unit_test(fields_that_could_not_be_columns_are_not_noticed),
        cmocka_unit_test(the_rescued_column_must_be_a_string_of_the_row_type),
        cmocka_unit_test(a_field_with_the_rescued_columns_name_is_unknown),
    };
    return cmocka_run_group_tests_name("avro_rescue", tests, NULL, NULL);
}
