/* SPDX-License-Identifier: Apache-2.0 */
/* avro_evolve_test - writer's and reader's schema resolved, and defaults */
#include "codec/avro_test_util.h"

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define PRESET(name, type, preset)                                                                 \
    "{\"name\":\"" name "\",\"type\":" type ",\"default\":" preset "}"
#define ALIAS(name, type, alias)                                                                   \
    "{\"name\":\"" name "\",\"type\":" type ",\"aliases\":[\"" alias "\"]}"
#define ENUM(symbols)       "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]}"
#define LOGICAL(kind, name) "{\"type\":\"" kind "\",\"logicalType\":\"" name "\"}"

static void assert_evolves(const char *writer, const char *reader, const char *hex,
                           const char *want)
{
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open_with(&f, NULL,
                   (struct codec_options){.avro_schema = str_of(writer),
                                          .avro_reader_schema = str_of(reader)});
    avro_assert(&f, hex, want);
}

static void assert_unresolved(const char *writer, const char *reader, const char *part)
{
    avro_assert_refused(
        (struct codec_options){.avro_schema = str_of(writer), .avro_reader_schema = str_of(reader)},
        NULL, part);
}

static void numbers_are_promoted(void **state)
{
    (void)state;
    static const struct {
        const char *writer;
        const char *reader;
        const char *hex;
        const char *want;
    } cases[] = {
        {"int", "long", "06", "{\"value\":3}"},
        {"int", "float", "06", "{\"value\":3}"},
        {"int", "double", "06", "{\"value\":3}"},
        {"long", "float", "06", "{\"value\":3}"},
        {"long", "double", "06", "{\"value\":3}"},
        {"float", "double", "0000c03f", "{\"value\":1.5}"},
        {"string", "bytes", "02 61", "{\"value\":\"YQ==\"}"},
        {"bytes", "string", "02 61", "{\"value\":\"a\"}"},
        /* 2^24 + 1 is no float. */
        {"int", "float", "82808010", "{\"value\":16777216}"},
        {"int", "[\"null\",\"string\",\"double\",\"long\"]", "06",
         "{\"value\":{\"member0\":null,\"member1\":3,\"member2\":null}}"},
        {"int", "[\"null\",\"string\",\"double\",\"int\"]", "06",
         "{\"value\":{\"member0\":null,\"member1\":null,\"member2\":3}}"},
        {"[\"int\",\"null\"]", "long", "00 06", "{\"value\":3}"},
        {"[\"int\",\"null\"]", "long", "02", "{\"value\":null}"},
        {"[\"int\",\"string\"]", "[\"null\",\"string\",\"long\"]", "00 06",
         "{\"value\":{\"member0\":null,\"member1\":3}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_evolves(cases[i].writer, cases[i].reader, cases[i].hex, cases[i].want);
    }
    assert_unresolved("long", "int", "the writer's schema has long, which the reader's int cannot");
    assert_unresolved("int", "string", "cannot read");
    assert_unresolved("double", "float", "cannot read");
    assert_unresolved("[\"string\",\"bytes\",\"null\"]", "int",
                      "has union, which the reader's int");
}

static void fields_are_found_by_name_or_alias(void **state)
{
    (void)state;
    static const char writer[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\","
                                 "\"type\":\"int\"},{\"name\":\"b\",\"type\":\"string\"},"
                                 "{\"name\":\"c\",\"type\":\"boolean\"}]}";
    assert_evolves(writer, RECORD(FIELD("c", "\"boolean\"") "," FIELD("a", "\"long\"")),
                   "02 0278 01", "{\"c\":true,\"a\":1}");
    assert_evolves(writer, RECORD(ALIAS("text", "\"string\"", "b")), "02 0278 01",
                   "{\"text\":\"x\"}");
    /* A field that is there itself comes before one of the other's aliases. */
    assert_evolves(writer, RECORD(ALIAS("a", "\"int\"", "b") "," FIELD("b", "\"string\"")),
                   "02 0278 01", "{\"a\":1,\"b\":\"x\"}");
    assert_unresolved(writer, RECORD(FIELD("d", "\"int\"")),
                      "field \"d\": the writer's schema has no such field and the reader's gives "
                      "no default");
    assert_unresolved(writer, RECORD(FIELD("b", "\"int\"")),
                      "field \"b\": the writer's schema has string");
}

static void missing_fields_have_their_defaults(void **state)
{
    (void)state;
    static const char writer[] = RECORD(FIELD("a", "\"int\""));
    assert_evolves(
        writer,
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"b\","
        "\"type\":\"boolean\",\"default\":true},"
        "{\"name\":\"i\",\"type\":\"int\",\"default\":-5},"
        "{\"name\":\"l\",\"type\":\"long\",\"default\":9223372036854775807},"
        "{\"name\":\"f\",\"type\":\"float\",\"default\":1.5},"
        "{\"name\":\"d\",\"type\":\"double\",\"default\":\"NaN\"},"
        "{\"name\":\"y\",\"type\":\"bytes\",\"default\":\"\\u00ff\\u0000A\"},"
        "{\"name\":\"s\",\"type\":\"string\",\"default\":\"a text of more than twelve\"},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\","
        "\"B\"]},\"default\":\"B\"},"
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"X\",\"size\":2},"
        "\"default\":\"ab\"},"
        "{\"name\":\"n\",\"type\":[\"null\",\"int\"],\"default\":null},"
        "{\"name\":\"m\",\"type\":[\"int\",\"null\"],\"default\":4},"
        "{\"name\":\"k\",\"type\":[\"null\",\"int\"],\"default\":6},"
        "{\"name\":\"a\",\"type\":\"int\"}]}",
        "02",
        "{\"b\":true,\"i\":-5,\"l\":9223372036854775807,\"f\":1.5,\"d\":\"NaN\",\"y\":\"/wBB\","
        "\"s\":\"a text of more than twelve\",\"e\":\"B\",\"x\":\"YWI=\",\"n\":null,\"m\":4,"
        "\"k\":6,\"a\":1}");
    assert_evolves(
        writer,
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"l\","
        "\"type\":{\"type\":\"array\",\"items\":\"int\"},\"default\":[1,2]},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"long\"},"
        "\"default\":{\"x\":1}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"array\",\"items\":\"int\"},\"default\":[]},"
        "{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"S\","
        "\"fields\":[{\"name\":\"p\",\"type\":\"int\",\"default\":7},"
        "{\"name\":\"q\",\"type\":[\"null\",\"string\"]}]},\"default\":{\"q\":null}},"
        "{\"name\":\"o\",\"type\":[\"null\",\"S\"],\"default\":null}]}",
        "02", "{\"l\":[1,2],\"m\":{\"x\":1},\"e\":[],\"r\":{\"p\":7,\"q\":null},\"o\":null}");
}

static void defaults_are_given_anew_for_every_row(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open_with(
        &f, NULL,
        (struct codec_options){.avro_schema = STR(ARRAY(RECORD(FIELD("a", "\"int\"")))),
                               .avro_reader_schema = STR(ARRAY(RECORD(FIELD(
                                   "a", "\"int\"") "," PRESET("l", ARRAY("\"int\""), "[8]"))))});
    avro_assert(&f, "04 02 04 00", "{\"value\":[{\"a\":1,\"l\":[8]},{\"a\":2,\"l\":[8]}]}");
    avro_assert_bad(&f, "04 02 04 00 00", "trailing");
    assert_int_equal(f.columns[0]->children[0].children[1].child_rows, 0);
}

static void defaults_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *preset;
        const char *part;
    } cases[] = {
        {"\"int\"", "\"x\"", "field \"b\": the default is no value of int"},
        {"\"int\"", "2147483648", "no value of int"},
        {"\"int\"", "1.5", "no value of int"},
        {"\"string\"", "null", "no value of string"},
        {"\"bytes\"", "\"\\u0100\"", "no value of bytes"},
        {"[\"null\",\"int\"]", "\"x\"", "no value of union"},
        {ENUM("\"A\""), "\"B\"", "no value of enum E"},
        {"{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}", "\"abc\"", "no value of fixed X"},
        {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[" FIELD("p", "\"int\"") "]}", "{}",
         "the default lacks field \"p\" of record S"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf reader = {0};
        buf_printf(&reader, RECORD(PRESET("b", "%s", "%s")), cases[i].type, cases[i].preset);
        assert_unresolved(RECORD(FIELD("a", "\"int\"")), reader.ptr, cases[i].part);
    }
    /* Each contains the one before twice: what no default may be. */
    AUTO_BUF struct buf reader = {0};
    buf_add_c(&reader,
              "{\"type\":\"record\",\"name\":\"A0\",\"fields\":[" FIELD("x", "\"int\"") "]}");
    for (int i = 1; i < 40; i++) {
        AUTO_BUF struct buf outer = {0};
        buf_printf(&outer,
                   "{\"type\":\"record\",\"name\":\"A%d\",\"fields\":["
                   "{\"name\":\"x\",\"type\":%s,\"default\":%s},"
                   "{\"name\":\"y\",\"type\":\"A%d\",\"default\":%s}]}",
                   i, reader.ptr, i == 1 ? "{\"x\":1}" : "{}", i - 1, i == 1 ? "{\"x\":1}" : "{}");
        buf_reset(&reader);
        buf_add_str(&reader, buf_str(&outer));
    }
    AUTO_ARENA struct arena arena = {0};
    struct type_field inner = test_field("x", type_simple(TYPE_INTEGER));
    struct type_field row = test_field("x", type_struct(&arena, &inner, 1));
    avro_assert_refused((struct codec_options){.avro_schema = STR(RECORD(FIELD("a", "\"int\""))),
                                               .avro_reader_schema = buf_str(&reader)},
                        type_struct(&arena, &row, 1), "the default has more than 65536 values");
}

static void enums_are_matched_by_symbol(void **state)
{
    (void)state;
    assert_evolves(ENUM("\"A\",\"B\""), ENUM("\"B\",\"A\",\"C\""), "02", "{\"value\":\"B\"}");
    assert_evolves(ENUM("\"A\",\"B\""),
                   "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"Z\"],\"default\":\"Z\"}",
                   "02", "{\"value\":\"Z\"}");
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open_with(&f, NULL,
                   (struct codec_options){.avro_schema = STR(ENUM("\"A\",\"B\"")),
                                          .avro_reader_schema = STR(ENUM("\"A\""))});
    avro_assert(&f, "00", "{\"value\":\"A\"}");
    avro_assert_field(&f, "02", "unresolved", "{\"value\":null}");
    assert_unresolved(ENUM("\"A\""), "{\"type\":\"enum\",\"name\":\"F\",\"symbols\":[\"A\"]}",
                      "has enum E, which the reader's enum F cannot read");
    assert_evolves(ENUM("\"A\""),
                   "{\"type\":\"enum\",\"name\":\"F\",\"aliases\":[\"E\"],\"symbols\":[\"A\"]}",
                   "00", "{\"value\":\"A\"}");
    /* The namespace does not matter. */
    assert_evolves("{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":[\"A\"]}", ENUM("\"A\""), "00",
                   "{\"value\":\"A\"}");
}

static void fixeds_have_one_size(void **state)
{
    (void)state;
    static const char two[] = "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}";
    assert_evolves(two, two, "6162", "{\"value\":\"YWI=\"}");
    assert_unresolved(two, "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "cannot read");
}

static void branches_that_the_reader_lacks_are_bad_fields(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture f = {0};
    avro_open_with(
        &f, NULL,
        (struct codec_options){
            .avro_schema =
                STR(RECORD(FIELD("a", "[\"null\",\"int\",\"string\"]") "," FIELD("b", "\"int\""))),
            .avro_reader_schema =
                STR(RECORD(FIELD("a", "[\"null\",\"long\"]") "," FIELD("b", "\"int\"")))});
    avro_assert(&f, "02 06 08", "{\"a\":3,\"b\":4}");
    avro_assert(&f, "00 08", "{\"a\":null,\"b\":4}");
    avro_assert_field(&f, "04 0278 08", "unresolved", "{\"a\":null,\"b\":4}");
    assert_string_equal(f.codec->fault.message,
                        "field \"a\": a string, which the reader's schema does not have");
    avro_assert_bad(&f, "04 0478 08", "truncated");
}

static void records_in_unions_are_found_by_name_then_by_shape(void **state)
{
    (void)state;
#define NAMED(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
    static const char writer[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"u\","
        "\"type\":[{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\","
        "\"type\":\"int\"}]},"
        "{\"type\":\"record\",\"name\":\"n.B\",\"fields\":[{\"name\":\"y\","
        "\"type\":\"int\"}]}]}]}";
    /* A and n.B by full name; the order is the reader's. */
    assert_evolves(writer,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"u\","
                   "\"type\":[{\"type\":\"record\",\"name\":\"n.B\",\"fields\":[{\"name\":\"y\","
                   "\"type\":\"long\"}]},"
                   "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\","
                   "\"type\":\"int\"}]}]}]}",
                   "00 06", "{\"u\":{\"member0\":null,\"member1\":{\"x\":3}}}");
    /* B by its name without a namespace, A by its fields. */
    assert_evolves(writer,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"u\","
                   "\"type\":[{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"y\","
                   "\"type\":\"int\"}]},"
                   "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[{\"name\":\"x\","
                   "\"type\":\"int\"}]}]}]}",
                   "02 06", "{\"u\":{\"member0\":{\"y\":3},\"member1\":null}}");
    assert_evolves(writer,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"u\","
                   "\"type\":[{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"y\","
                   "\"type\":\"int\"}]},"
                   "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[{\"name\":\"x\","
                   "\"type\":\"int\"}]}]}]}",
                   "00 06", "{\"u\":{\"member0\":null,\"member1\":{\"x\":3}}}");
}

static void the_writers_unit_of_time_holds(void **state)
{
    (void)state;
    assert_evolves(LOGICAL("long", "timestamp-millis"), LOGICAL("long", "timestamp-micros"), "02",
                   "{\"value\":\"1970-01-01T00:00:00.001000Z\"}");
    assert_evolves(LOGICAL("long", "timestamp-millis"), LOGICAL("long", "local-timestamp-micros"),
                   "02", "{\"value\":\"1970-01-01T00:00:00.001000\"}");
    assert_evolves("long", LOGICAL("long", "timestamp-micros"), "02",
                   "{\"value\":\"1970-01-01T00:00:00.000001Z\"}");
    assert_evolves(LOGICAL("long", "timestamp-micros"), "long", "02", "{\"value\":1}");
    assert_evolves("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":1}",
                   "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":3}",
                   "02 0f", "{\"value\":1.500}");
}

static void a_reader_of_another_names_record_reads_it(void **state)
{
    (void)state;
    assert_evolves(
        "{\"type\":\"record\",\"name\":\"x.Old\",\"fields\":[" FIELD("a", "\"int\"") "]}",
        RECORD(FIELD("a", "\"long\"")), "06", "{\"a\":3}");
    assert_evolves("[\"null\"," RECORD(FIELD("a", "\"int\"")) "]", RECORD(FIELD("a", "\"int\"")),
                   "02 06", "{\"a\":3}");
    assert_evolves(RECORD(FIELD("a", "\"int\"")), "[\"null\"," RECORD(FIELD("a", "\"int\"")) "]",
                   "06", "{\"a\":3}");
}

static void lists_and_maps_are_resolved_within(void **state)
{
    (void)state;
    assert_evolves(
        RECORD(FIELD("l", ARRAY("\"int\"")) "," FIELD("m", "{\"type\":\"map\",\"values\":"
                                                           "\"int\"}")),
        RECORD(FIELD("l", ARRAY("[\"null\",\"double\"]")) "," FIELD(
            "m", "{\"type\":\"map\",\"values\":\"long\"}")),
        "02 06 00 02 026b 08 00", "{\"l\":[3],\"m\":{\"k\":4}}");
    assert_unresolved(RECORD(FIELD("l", ARRAY("\"string\""))), RECORD(FIELD("l", ARRAY("\"int\""))),
                      "field \"l[]\": the writer's schema has string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_promoted),
        cmocka_unit_test(fields_are_found_by_name_or_alias),
        cmocka_unit_test(missing_fields_have_their_defaults),
        cmocka_unit_test(defaults_are_given_anew_for_every_row),
        cmocka_unit_test(defaults_that_do_not_fit_are_refused),
        cmocka_unit_test(enums_are_matched_by_symbol),
        cmocka_unit_test(fixeds_have_one_size),
        cmocka_unit_test(branches_that_the_reader_lacks_are_bad_fields),
        cmocka_unit_test(records_in_unions_are_found_by_name_then_by_shape),
        cmocka_unit_test(the_writers_unit_of_time_holds),
        cmocka_unit_test(a_reader_of_another_names_record_reads_it),
        cmocka_unit_test(lists_and_maps_are_resolved_within),
    };
    return cmocka_run_group_tests_name("avro_evolve", tests, NULL, NULL);
}
