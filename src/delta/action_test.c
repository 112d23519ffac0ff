/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

#include "delta/path.h"

static struct delta_action parse(struct arena *arena, const char *line)
{
    struct delta_action action;
    struct err err;
    OK(delta_action_parse(arena, str_of(line), &action, &err));
    return action;
}

static void unknown_actions_and_members_are_ignored(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    assert_int_equal(parse(&arena, "{\"some_new_action\":{\"a\":1}}").kind, DELTA_ACTION_UNKNOWN);
    assert_int_equal(parse(&arena, "{}").kind, DELTA_ACTION_UNKNOWN);
    assert_int_equal(parse(&arena, "{\"add\":null}").kind, DELTA_ACTION_UNKNOWN);
    struct delta_action action =
        parse(&arena, "{\"zzz\":1,\"txn\":{\"appId\":\"a\",\"version\":-3,\"new\":[1,{}]}}");
    assert_int_equal(action.kind, DELTA_ACTION_TXN);
    assert_int_equal(action.txn.version, -3);
    assert_int_equal(action.txn.last_updated_ms, 0);
}

static void null_is_the_same_as_not_there(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct delta_action action =
        parse(&arena, "{\"add\":{\"path\":\"p\",\"size\":1,\"stats\":null,\"tags\":null,"
                      "\"deletionVector\":null,\"baseRowId\":null,\"partitionValues\":null}}");
    assert_int_equal(action.kind, DELTA_ACTION_ADD);
    assert_null(action.file.stats.ptr);
    assert_null(action.file.deletion_vector);
    assert_int_equal(action.file.base_row_id, -1);
    assert_int_equal(action.file.dv_id.len, 0);
}

static void what_an_action_must_have_is_demanded(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"add\":{\"size\":1}}",
        "{\"add\":{\"path\":\"\",\"size\":1}}",
        "{\"add\":{\"path\":\"p\",\"size\":-1}}",
        "{\"add\":{\"path\":\"p\"}}",
        "{\"remove\":{}}",
        "{\"txn\":{\"appId\":\"a\"}}",
        "{\"txn\":{\"version\":1}}",
        "{\"protocol\":{\"minReaderVersion\":1}}",
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":99999999999}}",
        "{\"metaData\":{\"id\":\"x\"}}",
        "{\"metaData\":{\"schemaString\":\"x\"}}",
        "{\"domainMetadata\":{}}",
        "{\"add\":{\"path\":\"p\",\"size\":1,\"deletionVector\":{\"storageType\":\"u\"}}}",
        "[]",
        "{\"add\":",
        "",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        AUTO_ARENA struct arena arena = {0};
        struct delta_action action;
        struct err err;
        if (delta_action_parse(&arena, str_of(lines[i]), &action, &err) != ERR_DATA) {
            fail_msg("%s", lines[i]);
        }
    }
}

static void a_deletion_vector_has_an_id(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    struct delta_action action =
        parse(&arena, "{\"remove\":{\"path\":\"p\",\"deletionVector\":{\"storageType\":\"u\","
                      "\"pathOrInlineDv\":\"ab^-\",\"offset\":4,\"sizeInBytes\":3}}}");
    assert_true(str_eq_c(action.file.dv_id, "uab^-@4"));
    action = parse(&arena, "{\"remove\":{\"path\":\"p\",\"deletionVector\":{\"storageType\":\"i\","
                           "\"pathOrInlineDv\":\"x\"}}}");
    assert_true(str_eq_c(action.file.dv_id, "ix"));
}

static void printed_actions_read_back(void **state)
{
    (void)state;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    struct str features[] = {STR("appendOnly"), STR("v2Checkpoint")};
    struct delta_protocol protocol = {.min_reader = 3, .min_writer = 7};
    protocol.reader_features.items = features + 1;
    protocol.reader_features.count = 1;
    protocol.writer_features.items = features;
    protocol.writer_features.count = 2;
    delta_action_print_protocol(&protocol, &out);
    struct delta_action action = parse(&arena, out.ptr);
    assert_int_equal(action.kind, DELTA_ACTION_PROTOCOL);
    assert_int_equal(action.protocol.writer_features.count, 2);
    assert_true(str_eq_c(action.protocol.reader_features.items[0], "v2Checkpoint"));

    struct delta_property property = {STR("k\"\n"), STR("v\\")};
    struct str column = STR("p");
    struct delta_metadata metadata = {
        .id = STR("u"), .schema_string = STR("{\"type\":\"struct\"}"), .created_ms = 4};
    metadata.configuration.items = &property;
    metadata.configuration.count = 1;
    metadata.partition_columns.items = &column;
    metadata.partition_columns.count = 1;
    buf_reset(&out);
    delta_action_print_metadata(&metadata, &out);
    assert_int_equal(str_find(buf_str(&out), '\n'), (ptrdiff_t)out.len - 1);
    action = parse(&arena, out.ptr);
    assert_true(str_eq(action.metadata.schema_string, metadata.schema_string));
    assert_true(str_eq(action.metadata.configuration.items[0].name, property.name));
    assert_true(str_eq(action.metadata.configuration.items[0].value, property.value));
    assert_int_equal(action.metadata.created_ms, 4);
}

static void a_protocol_without_lists_prints_none(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct delta_protocol protocol = {.min_reader = 1, .min_writer = 2};
    delta_action_print_protocol(&protocol, &out);
    assert_string_equal(out.ptr,
                        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
}

static void an_add_prints_every_partition_column(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct str columns[] = {STR("a"), STR("b")};
    struct str values[] = {STR("x/y"), STR_NULL};
    struct delta_add add = {.key = STR("a=x%2Fy/f.parquet"),
                            .partition_count = 2,
                            .partition_values = values,
                            .size_bytes = 7,
                            .modified_ms = 9};
    delta_action_print_add(&add, columns, &out);
    assert_string_equal(
        out.ptr, "{\"add\":{\"path\":\"a=x%252Fy/f.parquet\",\"partitionValues\":{\"a\":\"x/y"
                 "\",\"b\":null},\"size\":7,\"modificationTime\":9,\"dataChange\":true}}\n");
}

static void paths_have_three_layers(void **state)
{
    (void)state;
    static const struct {
        const char *value, *folder, *path;
    } cases[] = {
        {"Serbia/srb%", "Serbia%2Fsrb%25", "Serbia%252Fsrb%2525"},
        {"a b", "a b", "a%20b"},
        {"", "__HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"},
        {"\xc3\xa9", "\xc3\xa9", "%C3%A9"},
        {"a=b:c", "a%3Db%3Ac", "a%253Db%253Ac"},
        {"<x|y}>", "<x|y}>", "%3Cx%7Cy%7D%3E"},
        {"[q]^{?}#*'\"\\", "%5Bq%5D%5E%7B%3F}%23%2A%27%22%5C",
         "%255Bq%255D%255E%257B%253F%7D%2523%252A%2527%2522%255C"},
        {"\x01\x7f\n", "%01%7F%0A", "%2501%257F%250A"},
        {"2024-01-02T03:04:05.000000Z", "2024-01-02T03%3A04%3A05.000000Z",
         "2024-01-02T03%253A04%253A05.000000Z"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf folder = {0};
        AUTO_BUF struct buf path = {0};
        AUTO_BUF struct buf key = {0};
        struct err err;
        delta_path_escape(str_of(cases[i].value), &folder);
        assert_string_equal(folder.ptr, cases[i].folder);
        delta_path_encode(buf_str(&folder), &path);
        assert_string_equal(path.ptr, cases[i].path);
        assert_int_equal(OK(delta_path_decode(buf_str(&path), &key, &err)), 0);
        assert_string_equal(key.ptr, cases[i].folder);
    }
}

static void a_path_cannot_leave_the_table(void **state)
{
    (void)state;
    struct err err;
    AUTO_BUF struct buf key = {0};
    FAILS(delta_path_decode(STR("a/../../b"), &key, &err), ERR_DATA, "leaves the table");
    FAILS(delta_path_decode(STR("%2e%2E/b"), &key, &err), ERR_DATA, "leaves the table");
    FAILS(delta_path_decode(STR("a%zz"), &key, &err), ERR_DATA, "a%zz");
    assert_int_equal(OK(delta_path_decode(STR("s3://other/x%20y"), &key, &err)), 1);
}

static void a_file_key_has_spark_s_folders(void **state)
{
    (void)state;
    AUTO_BUF struct buf key = {0};
    struct str columns[] = {STR("d"), STR("c")};
    struct str values[] = {STR("2024-01-01"), STR_NULL};
    delta_file_key(columns, values, 2, "snappy", &key);
    assert_true(str_starts(buf_str(&key), STR("d=2024-01-01/c=__HIVE_DEFAULT_PARTITION__/part-")));
    assert_true(str_ends(buf_str(&key), STR(".snappy.parquet")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_actions_and_members_are_ignored),
        cmocka_unit_test(null_is_the_same_as_not_there),
        cmocka_unit_test(what_an_action_must_have_is_demanded),
        cmocka_unit_test(a_deletion_vector_has_an_id),
        cmocka_unit_test(printed_actions_read_back),
        cmocka_unit_test(a_protocol_without_lists_prints_none),
        cmocka_unit_test(an_add_prints_every_partition_column),
        cmocka_unit_test(paths_have_three_layers),
        cmocka_unit_test(a_path_cannot_leave_the_table),
        cmocka_unit_test(a_file_key_has_spark_s_folders),
    };
    return cmocka_run_group_tests_name("delta/action", tests, NULL, NULL);
}
