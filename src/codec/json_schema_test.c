/* SPDX-License-Identifier: Apache-2.0 */
/* json_schema_test - row types from JSON Schemas */
#include "codec/json_schema.h"
#include "codec/json_test_util.h"

/* A schema whose names and values are in single quotes, for reading. */
static char *quoted(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, str_of(text));
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

static int describe(struct arena *arena, const char *text, const struct codec_schema_file *files,
                    size_t file_count, struct buf *out, struct err *err)
{
    const struct type *type;
    char *json = quoted(arena, text);
    int rc = codec_json_schema_describe(str_of(json), files, file_count, arena, &type, err);
    if (rc >= 0) {
        type_print(type, out);
    }
    return rc;
}

/* The type of a property with this schema. */
static void property_is(const char *schema, const char *wanted)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    AUTO_FREE char *text = mem_printf("{'type':'object','properties':{'a':%s}}", schema);
    AUTO_FREE char *full = mem_printf("STRUCT<a: %s>", wanted);
    if (describe(&arena, text, NULL, 0, &out, &err) < 0) {
        fail_msg("%s: %s", schema, err.msg);
    }
    assert_string_equal(out.ptr, full);
}

static void document_is(const char *text, const char *wanted)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    if (describe(&arena, text, NULL, 0, &out, &err) < 0) {
        fail_msg("%s: %s", text, err.msg);
    }
    assert_string_equal(out.ptr, wanted);
}

static void refused(const char *text, const char *why)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    assert_int_equal(describe(&arena, text, NULL, 0, &out, &err), ERR_CONFIG);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", err.msg, why);
    }
}

static void scalars_have_the_type_they_say(void **state)
{
    (void)state;
    property_is("{'type':'boolean'}", "BOOLEAN");
    property_is("{'type':'integer'}", "BIGINT");
    property_is("{'type':'number'}", "DOUBLE");
    property_is("{'type':['integer','number']}", "DOUBLE");
    property_is("{'type':'string'}", "STRING");
    property_is("{'type':['null','integer']}", "BIGINT");
    property_is("{'type':'string','format':'date-time'}", "TIMESTAMP");
    property_is("{'type':'string','format':'date'}", "DATE");
    property_is("{'type':'string','format':'uuid'}", "STRING");
    property_is("{'type':'string','contentEncoding':'base64'}", "BINARY");
    property_is("{'type':'string','enum':['x','y']}", "STRING");
    property_is("{'type':'string','format':'date','enum':['x','y']}", "STRING");
}

static void what_has_no_one_type_is_json_text(void **state)
{
    (void)state;
    property_is("true", "STRING");
    property_is("{}", "STRING");
    property_is("{'type':'null'}", "STRING");
    property_is("{'enum':['x',1]}", "STRING");
    property_is("{'type':['string','integer']}", "STRING");
    property_is("{'oneOf':[{'type':'string'},{'type':'integer'}]}", "STRING");
    property_is("{'type':'object'}", "STRING");
    property_is("{'type':'object','additionalProperties':true}", "STRING");
    property_is("{'type':'object','additionalProperties':false}", "STRING");
    property_is("{'type':7}", "STRING");
}

static void kafka_connects_hints_are_followed(void **state)
{
    (void)state;
    property_is("{'type':'integer','connect.type':'int8'}", "TINYINT");
    property_is("{'type':'integer','connect.type':'int16'}", "SMALLINT");
    property_is("{'type':'integer','connect.type':'int32'}", "INT");
    property_is("{'type':'integer','connect.type':'int64'}", "BIGINT");
    property_is("{'type':'number','connect.type':'float32'}", "FLOAT");
    property_is("{'type':'number','connect.type':'float64'}", "DOUBLE");
    property_is("{'type':'number','connect.type':'int8'}", "DOUBLE");
    property_is("{'type':'integer','connect.type':'float32'}", "BIGINT");
    property_is("{'type':'string','connect.type':'bytes'}", "BINARY");
    property_is("{'type':'integer','connect.type':'int32',"
                "'title':'org.apache.kafka.connect.data.Date'}",
                "DATE");
    property_is("{'type':'number','connect.type':'bytes','connect.parameters':{'scale':'3'},"
                "'title':'org.apache.kafka.connect.data.Decimal'}",
                "DECIMAL(38,3)");
    property_is("{'type':'number','connect.parameters':{'scale':'39'},"
                "'title':'org.apache.kafka.connect.data.Decimal'}",
                "DOUBLE");
    property_is("{'oneOf':[{'type':'null'},{'type':'integer','connect.type':'int16'}]}",
                "SMALLINT");
}

static void nested_schemas_become_nested_types(void **state)
{
    (void)state;
    property_is("{'type':'array','items':{'type':'integer'}}", "ARRAY<BIGINT>");
    property_is("{'items':{'type':'integer'}}", "ARRAY<BIGINT>");
    property_is("{'type':'array'}", "ARRAY<STRING>");
    property_is("{'type':'array','items':[{'type':'integer'},{'type':'string'}]}", "ARRAY<STRING>");
    property_is("{'type':'array','prefixItems':[{}],'items':{'type':'integer'}}", "ARRAY<STRING>");
    property_is("{'type':'object','properties':{'b':{'type':'string'},'c d':{'type':'number'}}}",
                "STRUCT<b: STRING, `c d`: DOUBLE>");
    property_is("{'properties':{'b':{'type':'string'}}}", "STRUCT<b: STRING>");
    property_is("{'type':'object','additionalProperties':{'type':'integer'}}",
                "MAP<STRING, BIGINT>");
    property_is("{'type':'object','additionalProperties':{}}", "MAP<STRING, STRING>");
    property_is("{'type':'object','patternProperties':{'^x':{'type':'number'}}}",
                "MAP<STRING, DOUBLE>");
    property_is("{'type':'object','properties':{'b':{'type':'string'}},"
                "'additionalProperties':{'type':'integer'}}",
                "STRUCT<b: STRING>");
}

static void alternatives_with_one_that_is_not_null_are_that_one(void **state)
{
    (void)state;
    property_is("{'oneOf':[{'type':'null'},{'type':'integer'}]}", "BIGINT");
    property_is("{'anyOf':[{'type':'string','format':'date'},{'const':null}]}", "DATE");
    property_is("{'oneOf':[{'oneOf':[{'type':'boolean'}]}]}", "BOOLEAN");
    property_is("{'allOf':[{'type':'integer'}]}", "BIGINT");
    property_is("{'allOf':[{'properties':{'b':{'type':'string'}}},{'properties':{'c':"
                "{'type':'integer'},'b':{'type':'integer'}}}]}",
                "STRUCT<b: STRING, c: BIGINT>");
    property_is("{'type':'object','properties':{'b':{'type':'string'}},"
                "'oneOf':[{'required':['b']},{'required':['c']}]}",
                "STRUCT<b: STRING>");
}

static void references_are_followed_within_the_document(void **state)
{
    (void)state;
    document_is("{'$ref':'#/definitions/r','definitions':{'r':{'properties':{'a':{'$ref':"
                "'#/definitions/a~1b%20~0'}}},'a/b ~':{'type':'integer'}}}",
                "STRUCT<a: BIGINT>");
    document_is("{'properties':{'a':{'$ref':'#/$defs/x'},'b':{'$ref':'#y'},'c':{'$ref':'#z'},"
                "'d':{'$ref':'#/properties/a'}},'$defs':{'x':{'type':'boolean'},'1':{'$anchor':'y',"
                "'type':'integer'},'2':{'$id':'#z','type':'number'}}}",
                "STRUCT<a: BOOLEAN, b: BIGINT, c: DOUBLE, d: BOOLEAN>");
    document_is("{'properties':{'a':{'oneOf':[{'type':'null'},{'$ref':'#/x/1'}]}},"
                "'x':[0,{'type':'integer'}]}",
                "STRUCT<a: BIGINT>");
}

static void references_are_followed_into_files(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    const struct codec_schema_file files[] = {
        {STR("a.json"), str_of(quoted(&arena, "{'properties':{'x':{'$ref':'#/d'}},"
                                              "'d':{'type':'integer'}}"))},
        {STR("http://h/b.json"), str_of(quoted(&arena, "{'$id':'urn:b','type':'boolean'}"))},
    };
    const char *text = "{'$id':'http://h/main.json','properties':{'a':{'$ref':'a.json'},"
                       "'b':{'$ref':'http://other/a.json#/d'},'c':{'$ref':'b.json'},"
                       "'d':{'$ref':'urn:b'},'e':{'$ref':'a.json#/properties/x'},"
                       "'f':{'$ref':'http://h/main.json#/properties/d'}}}";
    if (describe(&arena, text, files, 2, &out, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(out.ptr, "STRUCT<a: STRUCT<x: BIGINT>, b: BIGINT, c: BOOLEAN, d: BOOLEAN, "
                                 "e: BIGINT, f: BOOLEAN>");
}

static void a_schema_within_itself_is_json_text_there(void **state)
{
    (void)state;
    document_is("{'properties':{'v':{'type':'integer'},'next':{'$ref':'#'}}}",
                "STRUCT<v: BIGINT, next: STRING>");
    document_is("{'properties':{'t':{'$ref':'#/d/t'}},'d':{'t':{'properties':{'kids':{'type':"
                "'array','items':{'$ref':'#/d/t'}}}}}}",
                "STRUCT<t: STRUCT<kids: ARRAY<STRING>>>");
    property_is("{'$ref':'#/properties/a'}", "STRING");
}

static void what_makes_no_sense_says_where(void **state)
{
    (void)state;
    refused("{", "JSON Schema");
    refused("[]", "no object");
    refused("{'type':'string'}", "no object");
    refused("{'type':'object'}", "no object");
    refused("{'properties':{'a':{'properties':{'b':{'type':'array','items':{'$ref':'x.json'}}}}}}",
            "field \"a.b.[]\": the \"$ref\" \"x.json\" leads nowhere");
    refused("{'properties':{'a':{'$ref':'#/nothing'}}}", "leads nowhere");
    refused("{'properties':{'a':{'$ref':'#%zz'}}}", "leads nowhere");
}

static void names_and_comments_are_kept_and_the_last_of_a_name_counts(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    const struct type *type;
    char *text = quoted(&arena, "{'properties':{'a':{'type':'integer'},'a':{'type':'boolean',"
                                "'description':'yes or no'}}}");
    assert_int_equal(codec_json_schema_describe(str_of(text), NULL, 0, &arena, &type, &err), 0);
    assert_int_equal(type->field_count, 1);
    assert_int_equal(type->fields[0].type->kind, TYPE_BOOLEAN);
    assert_true(type->fields[0].nullable);
    assert_true(str_eq_c(type->fields[0].comment, "yes or no"));
}

static void a_schema_cannot_grow_without_end(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "{'$ref':'#/d/0','d':{");
    for (int i = 0; i < 40; i++) {
        buf_printf(&text, "%s'%d':{'properties':{'a':{'$ref':'#/d/%d'},'b':{'$ref':'#/d/%d'}}}",
                   i > 0 ? "," : "", i, i + 1, i + 1);
    }
    buf_add_c(&text, ",'40':{'type':'integer'}}}");
    refused(text.ptr, "more than 20000 fields");
    buf_reset(&text);
    for (int i = 0; i < 100; i++) {
        buf_add_c(&text, "{'properties':{'a':");
    }
    buf_add_c(&text, "{}");
    for (int i = 0; i < 100; i++) {
        buf_add_c(&text, "}}");
    }
    refused(text.ptr, "deeper than 64");
    document_is("{'properties':{'a':{'$ref':'#/d/x'}},'d':{'x':{'$ref':'#/d/y'},"
                "'y':{'$ref':'#/d/x'}}}",
                "STRUCT<a: STRING>");
}

static void what_is_described_can_be_decoded(void **state)
{
    (void)state;
    AUTO_FIXTURE struct json_fixture j = {0};
    struct err err;
    const struct type *type;
    char *text = quoted(&j.types, "{'properties':{'id':{'type':'integer'},'at':{'type':'string',"
                                  "'format':'date-time'},'tags':{'type':'object',"
                                  "'additionalProperties':{'type':'number'}},'any':{}}}");
    assert_int_equal(codec_json_schema_describe(str_of(text), NULL, 0, &j.types, &type, &err), 0);
    fixture_open(&j, type, 4, (struct codec_options){0});
    char *message = quoted(&j.types, "{'id':7,'at':'2026-11-24T10:00:00Z','tags':{'x':1.5},"
                                     "'any':{'b':[1]}}");
    assert_int_equal(fixture_decode(&j, str_of(message), 0), CODEC_ROW_OK);
    AUTO_BUF struct buf out = {0};
    fixture_print(&j, 0, &out);
    assert_non_null(strstr(out.ptr, "\"any\":\"{\\\"b\\\":[1]}\""));
    assert_non_null(strstr(out.ptr, "\"id\":7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_have_the_type_they_say),
        cmocka_unit_test(what_has_no_one_type_is_json_text),
        cmocka_unit_test(kafka_connects_hints_are_followed),
        cmocka_unit_test(nested_schemas_become_nested_types),
        cmocka_unit_test(alternatives_with_one_that_is_not_null_are_that_one),
        cmocka_unit_test(references_are_followed_within_the_document),
        cmocka_unit_test(references_are_followed_into_files),
        cmocka_unit_test(a_schema_within_itself_is_json_text_there),
        cmocka_unit_test(what_makes_no_sense_says_where),
        cmocka_unit_test(names_and_comments_are_kept_and_the_last_of_a_name_counts),
        cmocka_unit_test(a_schema_cannot_grow_without_end),
        cmocka_unit_test(what_is_described_can_be_decoded),
    };
    return cmocka_run_group_tests_name("json schema", tests, NULL, NULL);
}
