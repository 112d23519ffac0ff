/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

#include "delta/feature.h"
#include "delta/schema.h"

static const char everything[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"s\",\"type\":\"string\",\"nullable\":false,\"metadata\":{\"comment\":\"hi\"}},"
    "{\"name\":\"l\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"i\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"h\",\"type\":\"short\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"b\",\"type\":\"byte\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"f\",\"type\":\"float\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"d\",\"type\":\"double\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"n\",\"type\":\"decimal(38,18)\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"o\",\"type\":\"boolean\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"y\",\"type\":\"binary\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"t\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"z\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"w\",\"type\":\"timestamp_ntz\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"st\",\"type\":{\"type\":\"struct\",\"fields\":[{\"name\":\"q\",\"type\":\"long\","
    "\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"ar\",\"type\":{\"type\":\"array\",\"elementType\":\"string\",\"containsNull\":"
    "false},"
    "\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"ma\",\"type\":{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":{\"type\":"
    "\"array\",\"elementType\":\"long\",\"containsNull\":true},\"valueContainsNull\":true},"
    "\"nullable\":true,\"metadata\":{}}]}";

static const struct type *parse(struct arena *arena, const char *text)
{
    const struct type *type = NULL;
    struct err err;
    OK(delta_schema_parse(arena, str_of(text), &type, &err));
    return type;
}

static void a_schema_reads_back_to_the_letter(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    delta_schema_print(parse(&arena, everything), &out);
    assert_string_equal(out.ptr, everything);
}

static void a_bare_decimal_is_10_0(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    const struct type *type =
        parse(&arena, "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal\"}]}");
    assert_int_equal(type->fields[0].type->precision, 10);
    assert_int_equal(type->fields[0].type->scale, 0);
}

static void types_that_we_have_not_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *type, *words;
        int rc;
    } cases[] = {
        {"\"void\"", "column \"a\": the type \"void\" is not supported", ERR_CONFIG},
        {"\"variant\"", "variant", ERR_CONFIG},
        {"\"decimal(39,2)\"", "decimal(39,2)", ERR_CONFIG},
        {"\"decimal(3,4)\"", "decimal(3,4)", ERR_CONFIG},
        {"{\"type\":\"udt\"}", "udt", ERR_CONFIG},
        {"{\"type\":\"array\",\"elementType\":\"interval\"}", "interval", ERR_CONFIG},
        {"7", "neither", ERR_CORRUPT},
        {"{\"type\":\"struct\"}", "fields", ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_ARENA struct arena arena = {0};
        struct err err;
        const struct type *type = NULL;
        char *text =
            arena_printf(&arena, "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":%s}]}",
                         cases[i].type);
        FAILS(delta_schema_parse(&arena, str_of(text), &type, &err), cases[i].rc, cases[i].words);
    }
}

/* ---- what a query makes against a table ----------------------------------------------------- */

#define LONG(name)                                                                                 \
    "{\"name\":\"" name "\",\"type\":\"long\",\"nullable\":true,"                                  \
    "\"metadata\":{\"k\":1.50,\"é\":[]}}"
static const char table_schema[] = "{\"type\":\"struct\",\"fields\":[" LONG(
    "Id") ",{\"name\":\"st\",\"type\":{\"type\":\"struct\","
          "\"fields\":[" LONG(
              "q") "]},\"nullable\":true,\"metadata\":{}},{\"name\":\"must\",\"type\":"
                   "\"string\",\"nullable\":false,\"metadata\":{}}]}";

static struct type_field field(const char *name, const struct type *type)
{
    return (struct type_field){str_of(name), type, true, STR("")};
}

static int fit(struct arena *arena, const struct type_field *fields, size_t count, bool merge,
               struct str *ret_text, struct err *err)
{
    struct delta_snapshot table = {.metadata = {.schema_string = str_of(table_schema)}};
    const struct type *schema = NULL;
    return delta_schema_fit(arena, &table, type_struct(arena, fields, count), merge, ret_text,
                            &schema, err);
}

static void columns_match_whatever_their_case(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct str text;
    struct type_field fields[] = {field("ID", type_simple(TYPE_BIGINT)),
                                  field("must", type_simple(TYPE_STRING))};
    assert_int_equal(OK(fit(&arena, fields, 2, true, &text, &err)), DELTA_SCHEMA_SAME);
    assert_true(str_eq_c(text, table_schema));
}

static void every_difference_is_a_line(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct str text;
    struct type_field inner[] = {field("Q", type_simple(TYPE_BIGINT))};
    struct type_field fields[] = {field("id", type_simple(TYPE_INTEGER)),
                                  field("st", type_struct(&arena, inner, 1)),
                                  field("new", type_array(&arena, type_simple(TYPE_DATE), true))};
    assert_int_equal(fit(&arena, fields, 3, false, &text, &err), ERR_CONFIG);
    assert_string_equal(
        err.msg,
        "column \"id\": the table has BIGINT, the query gives INT; write CAST(… AS BIGINT)\n"
        "column \"st.Q\": the table's field is spelled \"q\"\n"
        "column \"new\" ARRAY<DATE> is not in the table; set mergeSchema = true to add it\n"
        "column \"must\" is NOT NULL in the table and missing from the query");
}

static void new_columns_and_fields_go_to_the_end(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct str text;
    struct type_field inner[] = {field("r", type_simple(TYPE_DATE)),
                                 field("q", type_simple(TYPE_BIGINT))};
    struct type_field fields[] = {
        field("must", type_simple(TYPE_STRING)), field("extra", type_simple(TYPE_DOUBLE)),
        field("st", type_struct(&arena, inner, 2)), field("id", type_simple(TYPE_BIGINT))};
    assert_int_equal(OK(fit(&arena, fields, 4, true, &text, &err)), DELTA_SCHEMA_WIDER);
    assert_string_equal(text.ptr,
                        "{\"type\":\"struct\",\"fields\":[" LONG(
                            "Id") ",{\"name\":\"st\",\"type\":{\"type\":"
                                  "\"struct\",\"fields\":[" LONG(
                                      "q") ",{\"name\":\"r\",\"type\":\"date\",\"nullable\":true,"
                                           "\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}},{"
                                           "\"name\":\"must\",\"type\":\"string\","
                                           "\"nullable\":false,\"metadata\":{}},{\"name\":"
                                           "\"extra\",\"type\":\"double\",\"nullable\":true,"
                                           "\"metadata\":{}}]}");
}

static void what_delta_cannot_hold_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct type_field twice[] = {field("a", type_simple(TYPE_DATE)),
                                 field("A", type_simple(TYPE_DATE))};
    FAILS(delta_schema_check(type_struct(&arena, twice, 2), &err), ERR_CONFIG,
          "columns \"a\" and \"A\" are the same name but for case");
    struct type_field odd[] = {field("count(x)", type_simple(TYPE_DATE))};
    FAILS(delta_schema_check(type_struct(&arena, odd, 1), &err), ERR_CONFIG, "count(x)");
}

/* ---- new tables ------------------------------------------------------------------------------ */

static struct delta_protocol make(struct arena *arena, const struct type_field *fields,
                                  size_t count, const char *property, const char *value)
{
    struct delta_metadata metadata;
    struct delta_protocol protocol;
    struct err err;
    struct delta_property properties = {str_of(property), str_of(value)};
    OK(delta_table_make(arena, type_struct(arena, fields, count), NULL, 0, &properties,
                        property == NULL ? 0 : 1, &metadata, &protocol, &err));
    return protocol;
}

static void a_new_table_asks_for_as_little_as_can_be(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct type_field plain[] = {field("a", type_simple(TYPE_TIMESTAMP))};
    struct delta_protocol p = make(&arena, plain, 1, NULL, NULL);
    assert_int_equal(p.min_reader, 1);
    assert_int_equal(p.min_writer, 2);
    p = make(&arena, plain, 1, "delta.enableChangeDataFeed", "true");
    assert_int_equal(p.min_reader, 1);
    assert_int_equal(p.min_writer, 4);
    p = make(&arena, plain, 1, "delta.enableInCommitTimestamps", "true");
    assert_int_equal(p.min_reader, 1);
    assert_int_equal(p.min_writer, 7);
    assert_int_equal(p.writer_features.count, 3);
    struct type_field nested[] = {
        field("a", type_array(&arena, type_simple(TYPE_TIMESTAMP_NTZ), true))};
    p = make(&arena, nested, 1, NULL, NULL);
    assert_int_equal(p.min_reader, 3);
    assert_int_equal(p.min_writer, 7);
    assert_true(delta_feature_is_on(&p, "timestampNtz"));
    assert_true(delta_feature_is_on(&p, "invariants"));
    assert_true(delta_feature_is_on(&p, "appendOnly"));
    assert_int_equal(p.reader_features.count, 1);
}

static void properties_are_checked_by_name_and_value(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct delta_metadata metadata;
    struct delta_protocol protocol;
    struct type_field plain[] = {field("a", type_simple(TYPE_DATE))};
    const struct type *row = type_struct(&arena, plain, 1);
    struct delta_property wrong = {STR("delta.apendOnly"), STR("true")};
    FAILS(delta_table_make(&arena, row, NULL, 0, &wrong, 1, &metadata, &protocol, &err), ERR_CONFIG,
          "did you mean \"delta.appendOnly\"");
    struct delta_property bad = {STR("delta.logRetentionDuration"), STR("soon")};
    FAILS(delta_table_make(&arena, row, NULL, 0, &bad, 1, &metadata, &protocol, &err), ERR_CONFIG,
          "bad value \"soon\"");
}

static void not_null_where_nobody_can_check_it_is_refused(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct err err;
    struct delta_metadata metadata;
    struct delta_protocol protocol;
    struct type_field inner[] = {field("q", type_simple(TYPE_DATE))};
    inner[0].nullable = false;
    struct type_field outer[] = {field("st", type_struct(&arena, inner, 1))};
    FAILS(delta_table_make(&arena, type_struct(&arena, outer, 1), NULL, 0, NULL, 0, &metadata,
                           &protocol, &err),
          ERR_CONFIG, "\"st.q\" is NOT NULL");
}

static int check(int reader, int writer, const char *feature, const char *configuration,
                 const char *metadata_key, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct str name = str_of(feature);
    struct delta_property property = {str_of(configuration), STR("x")};
    struct delta_snapshot snapshot = {.protocol = {.min_reader = reader, .min_writer = writer}};
    snapshot.protocol.writer_features.items = &name;
    snapshot.protocol.writer_features.count = feature == NULL ? 0 : 1;
    snapshot.metadata.configuration.items = &property;
    snapshot.metadata.configuration.count = configuration == NULL ? 0 : 1;
    snapshot.metadata.schema_string = str_of(arena_printf(
        &arena,
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":"
        "true,\"metadata\":{\"%s\":\"x\"}}]}",
        metadata_key));
    assert_true(delta_schema_parse(&arena, snapshot.metadata.schema_string,
                                   &snapshot.metadata.schema, err) >= 0);
    return delta_check_append(&snapshot, err);
}

static void features_count_when_they_are_in_use(void **state)
{
    (void)state;
    struct err err;
    OK(check(1, 4, NULL, NULL, "comment", &err));
    OK(check(1, 6, NULL, NULL, "comment", &err));
    FAILS(check(1, 4, NULL, NULL, "delta.generationExpression", &err), ERR_CONFIG,
          "generatedColumns");
    OK(check(1, 2, NULL, NULL, "delta.generationExpression", &err));
    FAILS(check(1, 3, NULL, "delta.constraints.c", "k", &err), ERR_CONFIG, "checkConstraints");
    FAILS(check(1, 7, "checkConstraints", "delta.constraints.c", "k", &err), ERR_CONFIG,
          "checkConstraints");
    OK(check(1, 7, "checkConstraints", NULL, "k", &err));
    FAILS(check(1, 6, NULL, NULL, "delta.identity.start", &err), ERR_CONFIG, "identityColumns");
    FAILS(check(1, 2, NULL, NULL, "delta.invariants", &err), ERR_CONFIG, "invariants");
    FAILS(check(2, 5, NULL, "delta.columnMapping.mode", "k", &err), ERR_CONFIG, "columnMapping");
    FAILS(check(1, 7, "rowTracking", NULL, "k", &err), ERR_CONFIG, "rowTracking");
    FAILS(check(1, 7, "collations", NULL, "k", &err), ERR_CONFIG, "collations");
    FAILS(check(4, 7, NULL, NULL, "k", &err), ERR_CONFIG, "reader version 4");
    FAILS(check(1, 8, NULL, NULL, "k", &err), ERR_CONFIG, "writer version 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_reads_back_to_the_letter),
        cmocka_unit_test(a_bare_decimal_is_10_0),
        cmocka_unit_test(types_that_we_have_not_are_refused_by_name),
        cmocka_unit_test(columns_match_whatever_their_case),
        cmocka_unit_test(every_difference_is_a_line),
        cmocka_unit_test(new_columns_and_fields_go_to_the_end),
        cmocka_unit_test(what_delta_cannot_hold_is_refused),
        cmocka_unit_test(a_new_table_asks_for_as_little_as_can_be),
        cmocka_unit_test(properties_are_checked_by_name_and_value),
        cmocka_unit_test(not_null_where_nobody_can_check_it_is_refused),
        cmocka_unit_test(features_count_when_they_are_in_use),
    };
    return cmocka_run_group_tests_name("delta/schema", tests, NULL, NULL);
}
