/* SPDX-License-Identifier: Apache-2.0 */
/* avro_schema_test - reading schemas: names, logical types, sizes, and what is refused */
#include "codec/avro_schema.h"
#include "codec/avro_test_util.h"

static const struct avro_schema *parse(struct arena *arena, const char *text)
{
    struct err err;
    const struct avro_schema *schema = NULL;
    if (codec_avro_schema_parse(arena, str_of(text), &schema, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    return schema;
}

static void assert_refused(const char *text, const char *want)
{
    AUTO_ARENA struct arena arena = {0};
    struct err err = {0};
    const struct avro_schema *schema;
    assert_int_equal(codec_avro_schema_parse(&arena, str_of(text), &schema, &err), ERR_CONFIG);
    assert_string_equal(err.msg, want);
}

static void assert_str(struct str got, const char *want)
{
    if (!str_eq_c(got, want)) {
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(got), want);
    }
}

static void primitives_are_read_in_every_form(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    static const char *const forms[] = {"%s", " \"%s\" ", "{\"type\":\"%s\"}",
                                        "{\"type\":{\"type\":\"%s\"}, \"doc\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(forms); k++) {
            AUTO_BUF struct buf text = {0};
            for (const char *c = forms[k]; *c != '\0'; c++) {
                if (c[0] == '%') {
                    buf_add_c(&text, names[i]);
                    c++;
                } else {
                    buf_add_char(&text, *c);
                }
            }
            assert_int_equal(parse(&arena, text.ptr)->kind, (int)i);
        }
    }
}

static void names_are_found_in_their_namespaces(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct avro_schema *s =
        parse(&arena,
              "{\"type\":\"record\",\"name\":\"A\",\"namespace\":\"x.y\",\"fields\":["
              "{\"name\":\"b\",\"type\":{\"type\":\"enum\",\"name\":\"B\",\"symbols\":[\"S\"]}},"
              "{\"name\":\"c\",\"type\":{\"type\":\"fixed\",\"name\":\"z.C\",\"namespace\":\"no\","
              "\"size\":3}},"
              "{\"name\":\"d\",\"type\":{\"type\":\"record\",\"name\":\"D\",\"namespace\":\"\","
              "\"fields\":[{\"name\":\"self\",\"type\":[\"null\",\"D\"]}]}},"
              "{\"name\":\"e\",\"type\":\"B\"},{\"name\":\"f\",\"type\":\"x.y.B\"},"
              "{\"name\":\"g\",\"type\":\"z.C\"},{\"name\":\"h\",\"type\":\"D\"},"
              "{\"name\":\"i\",\"type\":{\"type\":\"A\"}}]}");
    assert_str(s->full_name, "x.y.A");
    assert_str(s->name, "A");
    assert_str(s->fields[0].schema->full_name, "x.y.B");
    assert_str(s->fields[1].schema->full_name, "z.C");
    assert_str(s->fields[2].schema->full_name, "D");
    assert_ptr_equal(s->fields[3].schema, s->fields[0].schema);
    assert_ptr_equal(s->fields[4].schema, s->fields[0].schema);
    assert_ptr_equal(s->fields[5].schema, s->fields[1].schema);
    assert_ptr_equal(s->fields[6].schema, s->fields[2].schema);
    assert_ptr_equal(s->fields[7].schema, s);
    assert_ptr_equal(s->fields[2].schema->fields[0].schema->branches[1], s->fields[2].schema);
    assert_int_equal(codec_avro_schema_find(&s->names, STR("h")), 6);
    assert_int_equal(codec_avro_schema_find(&s->names, STR("H")), -1);
    assert_int_equal(codec_avro_schema_find_nocase(&s->names, STR("H")), 6);
}

static void logical_types_are_known_where_they_may_stand(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    static const struct {
        const char *text;
        enum avro_logical logical;
    } cases[] = {
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", AVRO_DATE},
        {"{\"type\":\"long\",\"logicalType\":\"date\"}", AVRO_PLAIN},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", AVRO_TIME_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", AVRO_TIME_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", AVRO_TIMESTAMP_NANOS},
        {"{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}", AVRO_PLAIN},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}",
         AVRO_LOCAL_TIMESTAMP_MICROS},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", AVRO_UUID},
        {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":16,\"logicalType\":\"uuid\"}", AVRO_UUID},
        {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":15,\"logicalType\":\"uuid\"}", AVRO_PLAIN},
        {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":12,\"logicalType\":\"duration\"}",
         AVRO_DURATION},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}", AVRO_DECIMAL},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":5}",
         AVRO_PLAIN},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":0}", AVRO_PLAIN},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\"}", AVRO_PLAIN},
        {"{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":4}", AVRO_PLAIN},
        /* 2^(8·4-1) has ten digits, of which nine may be any. */
        {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":4,\"logicalType\":\"decimal\","
         "\"precision\":9}",
         AVRO_DECIMAL},
        {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":4,\"logicalType\":\"decimal\","
         "\"precision\":10}",
         AVRO_PLAIN},
        {"{\"type\":\"long\",\"logicalType\":\"no-such\"}", AVRO_PLAIN},
        {"{\"type\":\"long\",\"logicalType\":7}", AVRO_PLAIN},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct avro_schema *s = parse(&arena, cases[i].text);
        if (s->logical != cases[i].logical) {
            fail_msg("%s is %d", cases[i].text, (int)s->logical);
        }
    }
}

static void sizes_of_values_are_known(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    static const struct {
        const char *text;
        size_t least;
        ptrdiff_t always;
    } cases[] = {
        {"null", 0, 0},
        {"double", 8, 8},
        {"long", 1, -1},
        {"[\"null\",\"double\"]", 1, -1},
        {"[\"float\",\"double\"]", 5, -1},
        {"{\"type\":\"array\",\"items\":\"double\"}", 1, -1},
        {RECORD(FIELD("a", "\"float\"") "," FIELD("b", "\"boolean\"")), 5, 5},
        {RECORD(FIELD("a", "\"float\"") "," FIELD("b", "\"int\"")), 5, -1},
        {RECORD(""), 0, 0},
        {RECORD(FIELD("a", "\"null\"")), 0, 0},
        {RECORD(FIELD("a", "\"double\"") "," FIELD("r", "\"R\"")), 8, -1},
        {RECORD(FIELD("r", "[\"null\",\"R\"]")), 1, -1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct avro_schema *s = parse(&arena, cases[i].text);
        assert_int_equal(s->bytes_min, cases[i].least);
        assert_int_equal(s->bytes_always, cases[i].always);
    }
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    assert_refused("", "avro schema: invalid JSON at line 1, column 1: a value is missing");
    assert_refused("{}", "avro schema: a schema has no \"type\"");
    assert_refused("7", "avro schema: a schema must be a name, an object or an array");
    assert_refused("strnig",
                   "avro schema: type \"strnig\" is not defined; did you mean \"string\"?");
    assert_refused(RECORD(FIELD("a", "\"Order\"")),
                   "avro schema, field \"a\": type \"Order\" is not defined");
    assert_refused(
        RECORD(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"x.L\","
                          "\"fields\":[" FIELD("price", "\"monney\"") "]}}")),
        "avro schema, field \"a[].price\": type \"monney\" is not defined");
    assert_refused(RECORD(FIELD("a", "{\"type\":\"fixed\",\"name\":\"x.L\",\"size\":1}") "," FIELD(
                       "b", "\"L\"")),
                   "avro schema, field \"b\": type \"L\" is not defined; did you mean \"x.L\"?");
    assert_refused(RECORD(FIELD("a", "[\"int\",[\"null\",\"long\"]]")),
                   "avro schema, field \"a\": a union is directly inside a union");
    assert_refused(RECORD(FIELD("a", "[\"int\",\"int\"]")),
                   "avro schema, field \"a\": a union has \"int\" twice");
    assert_refused(RECORD(FIELD("a", "\"int\"") "," FIELD("a", "\"long\"")),
                   "avro schema, field \"a\": the field is there twice");
    assert_refused(RECORD("{\"name\":\"a\"}"), "avro schema, field \"a\": a field has no \"type\"");
    assert_refused(RECORD(FIELD("1a", "\"int\"")),
                   "avro schema, field \"1a\": this is no name; letters, digits and '_' are");
    assert_refused(RECORD(FIELD("a", "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}")),
                   "avro schema, field \"a\": \"R\" is defined twice");
    assert_refused("{\"type\":\"fixed\",\"name\":\"R\",\"namespace\":\".\",\"size\":1}",
                   "avro schema: \"..R\" is no name; letters, digits and '_' are");
    assert_refused("{\"type\":\"fixed\",\"name\":\"a..R\",\"size\":1}",
                   "avro schema: \"a..R\" is no name; letters, digits and '_' are");
    assert_refused("{\"type\":\"record\",\"name\":\"R\"}",
                   "avro schema: record \"R\" has no array \"fields\"");
    assert_refused("{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}",
                   "avro schema: \"int\" is the name of a primitive type");
    assert_refused("{\"type\":\"record\",\"fields\":[]}", "avro schema: a record has no \"name\"");
    assert_refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}",
                   "avro schema: symbol \"A\" of enum \"E\" is there twice");
    assert_refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}",
                   "avro schema: the default of enum \"E\" is none of its symbols");
    assert_refused("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}",
                   "avro schema: fixed \"F\" has no \"size\" of 0 to 2147483647");
    assert_refused("{\"type\":\"array\"}", "avro schema: an array has no \"items\"");
    assert_refused("{\"type\":\"map\"}", "avro schema: a map has no \"values\"");
}

static void a_schema_of_many_names_is_read(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    for (int i = 0; i < 20000; i++) {
        buf_printf(
            &text,
            "%s{\"name\":\"f%d\",\"type\":{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":%d}}",
            i > 0 ? "," : "", i, i, i);
    }
    buf_add_c(&text, "]}");
    const struct avro_schema *s = parse(&arena, text.ptr);
    assert_int_equal(s->names.count, 20000);
    assert_int_equal(s->bytes_always, 20000 * 19999 / 2);
    assert_int_equal(codec_avro_schema_find(&s->names, STR("f19999")), 19999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(primitives_are_read_in_every_form),
        cmocka_unit_test(names_are_found_in_their_namespaces),
        cmocka_unit_test(logical_types_are_known_where_they_may_stand),
        cmocka_unit_test(sizes_of_values_are_known),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(a_schema_of_many_names_is_read),
    };
    return cmocka_run_group_tests_name("avro_schema", tests, NULL, NULL);
}
