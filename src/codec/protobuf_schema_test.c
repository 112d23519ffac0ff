/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_schema_test - descriptor sets: what is refused and how, names, the row a message is
 */
#include "codec/protobuf_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/protobuf.h"
#include "codec/protobuf_test_util.h"

/* The described type of a message of the set, or the error's text. */
static void describe(struct str set, const char *message, struct codec_options options,
                     struct buf *out)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_FREE char *copy = mem_alloc(set.len + 1);
    memcpy(copy, set.len > 0 ? set.ptr : "", set.len);
    options.protobuf_descriptors = str_n(copy, set.len);
    options.protobuf_message = str_of(message);
    const struct type *type;
    struct err err = {0};
    int rc = codec_describe(STR("protobuf"), &options, &arena, &type, &err);
    buf_reset(out);
    if (rc < 0) {
        assert_int_equal(rc, ERR_CONFIG);
        buf_add_c(out, err.msg);
    } else {
        type_print(type, out);
    }
}

static void expect(struct str set, const char *message, const char *want)
{
    AUTO_BUF struct buf text = {0};
    describe(set, message, (struct codec_options){0}, &text);
    if (strstr(text.ptr, want) == NULL) {
        fail_msg("%s", text.ptr);
    }
}

static void expect_set(const char *syntax, const struct test_message *messages, size_t count,
                       const char *message, const char *want)
{
    AUTO_BUF struct buf set = {0};
    put_set(&set, syntax, messages, count);
    expect(buf_str(&set), message, want);
}

static void expect_field(struct test_field field, const char *want)
{
    const struct test_message message = {.name = "M", .fields = &field, .field_count = 1};
    expect_set("proto3", &message, 1, "M", want);
}

static void a_message_is_described_by_sparks_rules(void **state)
{
    (void)state;
    AUTO_BUF struct buf set = {0};
    put_rich_set(&set, "proto3");
    AUTO_BUF struct buf text = {0};
    describe(buf_str(&set), "p.M", (struct codec_options){.recursive_depth = 1}, &text);
    const char *sub = "STRUCT<a: INT, b: STRING, c: ARRAY<BIGINT>>";
    AUTO_FREE char *want = mem_printf(
        "STRUCT<f_double: DOUBLE, f_float: FLOAT, f_int64: BIGINT, f_uint64: DECIMAL(20,0), "
        "f_int32: INT, f_fixed64: DECIMAL(20,0), f_fixed32: BIGINT, f_bool: BOOLEAN, "
        "f_string: STRING, f_bytes: BINARY, f_uint32: BIGINT, f_enum: STRING, f_sfixed32: INT, "
        "f_sfixed64: BIGINT, f_sint32: INT, f_sint64: BIGINT, sub: %s, subs: ARRAY<%s>, "
        "ints: ARRAY<INT>, doubles: ARRAY<DOUBLE>, enums: ARRAY<STRING>, strings: ARRAY<STRING>, "
        "by_int: MAP<INT, STRING>, by_name: MAP<STRING, %s>, pick_int: INT, pick_text: STRING, "
        "pick_sub: %s, ts: TIMESTAMP, took: BIGINT, far: INT, `group`: %s>",
        sub, sub, sub, sub, sub);
    AUTO_FREE char *plain = mem_printf("%s", want);
    if (strcmp(text.ptr, want) != 0) {
        /* Whether a name needs quotes is type_print's to say. */
        char *quoted = strstr(plain, "`group`");
        memmove(quoted, "group: ", 7);
        memmove(quoted + 5, quoted + 7, strlen(quoted + 7) + 1);
        assert_string_equal(text.ptr, plain);
    }
    describe(buf_str(&set), "M",
             (struct codec_options){.recursive_depth = 1, .enums_as_ints = true}, &text);
    assert_non_null(strstr(text.ptr, "f_enum: INT"));
    assert_non_null(strstr(text.ptr, "enums: ARRAY<INT>"));
}

static void recursion_is_refused_or_cut_where_asked(void **state)
{
    (void)state;
    static const struct test_field fields[] = {
        {"name", 1, PROTOBUF_STRING, 0, NULL, 0, NULL},
        {"bff", 2, PROTOBUF_MESSAGE, 0, ".p.Person", 0, NULL}};
    static const struct test_field only[] = {{"next", 1, PROTOBUF_MESSAGE, 0, ".p.Only", 0, NULL}};
    const struct test_message messages[] = {{.name = "Person", FIELDS(fields)},
                                            {.name = "Only", FIELDS(only)}};
    AUTO_BUF struct buf set = {0};
    put_set(&set, "proto3", messages, 2);
    static const char *const want[] = {
        "can lie in itself (field \"bff\" of \"p.Person\")",
        "STRUCT<name: STRING>",
        "STRUCT<name: STRING, bff: STRUCT<name: STRING>>",
        "STRUCT<name: STRING, bff: STRUCT<name: STRING, bff: STRUCT<name: STRING>>>",
    };
    AUTO_BUF struct buf text = {0};
    for (uint32_t depth = 0; depth < ARRAY_COUNT(want); depth++) {
        describe(buf_str(&set), "Person", (struct codec_options){.recursive_depth = depth}, &text);
        assert_non_null(strstr(text.ptr, want[depth]));
    }
    describe(buf_str(&set), "Person", (struct codec_options){.recursive_depth = 11}, &text);
    assert_non_null(strstr(text.ptr, "at most 10"));
    describe(buf_str(&set), "Only", (struct codec_options){.recursive_depth = 3}, &text);
    assert_non_null(strstr(text.ptr, "has no fields that could be columns"));
}

static void messages_are_found_by_name_or_the_nearest_are_told(void **state)
{
    (void)state;
    static const struct test_field fields[] = {{"x", 1, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    static const struct test_message inner[] = {{.name = "Event", FIELDS(fields)}};
    const struct test_message messages[] = {
        {.name = "Event", FIELDS(fields)},
        {.name = "Other", FIELDS(fields), .nested = inner, .nested_count = 1},
        {.name = "Third", FIELDS(fields)}};
    AUTO_BUF struct buf set = {0};
    put_set(&set, "proto3", messages, ARRAY_COUNT(messages));
    expect(buf_str(&set), "p.Event", "STRUCT<x: INT>");
    expect(buf_str(&set), ".p.Event", "STRUCT<x: INT>");
    expect(buf_str(&set), "Third", "STRUCT<x: INT>");
    expect(buf_str(&set), "Other.Event", "STRUCT<x: INT>");
    expect(buf_str(&set), "Event", "one of 2: \"p.Event\", \"p.Other.Event\"");
    expect(buf_str(&set), "p.Evnet", "did you mean \"p.Event\"");
    expect(buf_str(&set), "Thrid", "did you mean \"p.Third\"");
    expect(buf_str(&set), "SomethingElse", "it has \"p.Event\", \"p.Other\"");
    expect(buf_str(&set), "", "no message is named");
    expect(buf_str(&set), "ird", "no message \"ird\"");
}

static void bytes_that_are_no_set_are_refused(void **state)
{
    (void)state;
    expect(STR(""), "M", "not a serialized FileDescriptorSet: no files");
    expect(STR("syntax = \"proto3\";"), "M", "not a serialized FileDescriptorSet");
    expect(STR("{\"file\": []}"), "M", "not a serialized FileDescriptorSet");
    expect(str_n("\x0a\x05\x0a\x01", 4), "M", "a value is cut off at byte 1");
    expect(str_n("\x0a\x02\x22\x00", 4), "M", "a file without a valid name");
    AUTO_BUF struct buf set = {0};
    put_set(&set, "proto4", NULL, 0);
    expect(buf_str(&set), "M", "syntax \"proto4\" 0 is not known");
}

static void wrong_declarations_are_refused_by_name(void **state)
{
    (void)state;
    expect_field((struct test_field){"x", 0, PROTOBUF_INT32, 0, NULL, 0, NULL},
                 "message \"p.M\", field \"x\": its number is not between");
    expect_field((struct test_field){"x", 1, 19, 0, NULL, 0, NULL}, "a type that is not known");
    expect_field((struct test_field){"x", 1, PROTOBUF_INT32, 4, NULL, 0, NULL}, "a label");
    expect_field((struct test_field){"x", 1, PROTOBUF_INT32, 0, NULL, 2, NULL},
                 "its oneof is not there");
    expect_field((struct test_field){"x", 1, PROTOBUF_INT32, 0, NULL, 0, "x"},
                 "its default is not of its type");
    expect_field((struct test_field){"x", 1, PROTOBUF_BYTES, 0, NULL, 0, "\\9"}, "its default");
    expect_field((struct test_field){"x", 1, PROTOBUF_ENUM, 0, ".p.E", 0, "TWO"},
                 "its default is not of its enum");
    expect_field((struct test_field){"", 1, PROTOBUF_INT32, 0, NULL, 0, NULL},
                 "a field without a valid name");
    expect_field((struct test_field){"x", 1, PROTOBUF_MESSAGE, 0, ".p.E", 0, NULL},
                 "its type is not what it says");
    expect_field((struct test_field){"x", 1, PROTOBUF_MESSAGE, 0, NULL, 0, NULL},
                 "its type has no name");
    static const struct test_field same_number[] = {{"x", 1, PROTOBUF_INT32, 0, NULL, 0, NULL},
                                                    {"y", 1, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    static const struct test_field same_name[] = {{"x", 1, PROTOBUF_INT32, 0, NULL, 0, NULL},
                                                  {"x", 2, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    static const struct test_field entry[] = {{"key", 1, PROTOBUF_DOUBLE, 0, NULL, 0, NULL},
                                              {"value", 2, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    static const struct test_field map[] = {{"x", 1, PROTOBUF_MESSAGE, 3, ".p.En", 0, NULL}};
    const struct test_message numbers = {.name = "M", FIELDS(same_number)};
    expect_set("proto3", &numbers, 1, "M", "its number is used twice");
    const struct test_message names = {.name = "M", FIELDS(same_name)};
    expect_set("proto3", &names, 1, "M", "its name is used twice");
    const struct test_message twice[] = {{.name = "M", FIELDS(map)}, {.name = "M", FIELDS(map)}};
    expect_set("proto3", twice, 2, "M", "\"p.M\" is declared twice");
    const struct test_message maps[] = {{.name = "M", FIELDS(map)},
                                        {.name = "En", FIELDS(entry), .is_map_entry = true}};
    expect_set("proto3", maps, 2, "M", "its map entry is malformed");
}

static void a_type_that_is_not_there_is_named_with_its_import(void **state)
{
    (void)state;
    static const struct test_field field = {
        "ts", 1, PROTOBUF_MESSAGE, 0, ".google.protobuf.Timestamp", 0, NULL};
    static const struct test_field plain = {"x", 1, PROTOBUF_INT32, 0, NULL, 0, NULL};
    const struct test_message bad = {.name = "M", .fields = &field, .field_count = 1};
    const struct test_message good = {.name = "N", .fields = &plain, .field_count = 1};
    AUTO_BUF struct buf file = {0};
    put_c(&file, 1, "test.proto");
    put_c(&file, 2, "p");
    put_c(&file, 3, "google/protobuf/timestamp.proto");
    put_message(&file, 4, &bad);
    put_message(&file, 4, &good);
    put_c(&file, 12, "proto3");
    AUTO_BUF struct buf set = {0};
    put_bytes(&set, 1, buf_str(&file));
    expect(buf_str(&set), "M",
           "message \"p.M\", field \"ts\": its type \".google.protobuf.Timestamp\" is not in the "
           "descriptor set; its file \"test.proto\" imports \"google/protobuf/timestamp.proto\", "
           "which is not there either; make the set with protoc --include_imports");
    expect(buf_str(&set), "N", "STRUCT<x: INT>");
}

static void a_file_may_be_there_twice_when_it_is_the_same(void **state)
{
    (void)state;
    static const struct test_field plain = {"x", 1, PROTOBUF_INT32, 0, NULL, 0, NULL};
    static const struct test_field other = {"y", 1, PROTOBUF_INT32, 0, NULL, 0, NULL};
    const struct test_message one = {.name = "M", .fields = &plain, .field_count = 1};
    const struct test_message two = {.name = "N", .fields = &other, .field_count = 1};
    AUTO_BUF struct buf set = {0};
    put_set(&set, "proto3", &one, 1);
    put_set(&set, "proto3", &one, 1);
    expect(buf_str(&set), "M", "STRUCT<x: INT>");
    put_set(&set, "proto3", &two, 1);
    expect(buf_str(&set), "M", "two different files of that name");
}

static void no_prefix_of_a_set_does_harm(void **state)
{
    (void)state;
    AUTO_BUF struct buf set = {0};
    AUTO_BUF struct buf text = {0};
    put_rich_set(&set, "proto2");
    for (size_t len = 0; len < set.len; len++) {
        describe(buf_str(&set).len > 0 ? str_head(buf_str(&set), len) : STR_NULL, "M",
                 (struct codec_options){.recursive_depth = 2}, &text);
        assert_non_null(strstr(text.ptr, "not a serialized FileDescriptorSet"));
    }
    /* And no byte that is another. */
    for (size_t i = 0; i < set.len; i++) {
        char was = set.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            set.ptr[i] = (char)(was ^ (1 << bit));
            describe(buf_str(&set), "M", (struct codec_options){.recursive_depth = 1}, &text);
        }
        set.ptr[i] = was;
    }
}

static void fields_are_found_by_number_wherever_they_are(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    AUTO_FREE struct test_field *fields = mem_new_array(struct test_field, COUNT);
    AUTO_ARENA struct arena arena = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t number = i < 1000 ? 2 * i + 1 : i * 250000 + 7;
        fields[i] = (struct test_field){
            arena_printf(&arena, "f%u", i), number, PROTOBUF_INT32, 0, NULL, 0, NULL};
    }
    const struct test_message message = {.name = "M", .fields = fields, .field_count = COUNT};
    AUTO_BUF struct buf set = {0};
    put_set(&set, "proto3", &message, 1);
    struct codec_protobuf_schema schema;
    const struct codec_protobuf_message *found;
    struct err err;
    assert_int_equal(codec_protobuf_schema_read(&schema, buf_str(&set), &arena, &err), 0);
    assert_int_equal(codec_protobuf_schema_find(&schema, STR("M"), &found, &err), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct codec_protobuf_field *field = protobuf_field(found, fields[i].number);
        assert_true(field != NULL && field->declared == i);
        assert_null(protobuf_field(found, fields[i].number + 1));
    }
    assert_null(protobuf_field(found, 0));
    assert_null(protobuf_field(found, WIRE_NUMBER_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_described_by_sparks_rules),
        cmocka_unit_test(recursion_is_refused_or_cut_where_asked),
        cmocka_unit_test(messages_are_found_by_name_or_the_nearest_are_told),
        cmocka_unit_test(bytes_that_are_no_set_are_refused),
        cmocka_unit_test(wrong_declarations_are_refused_by_name),
        cmocka_unit_test(a_type_that_is_not_there_is_named_with_its_import),
        cmocka_unit_test(a_file_may_be_there_twice_when_it_is_the_same),
        cmocka_unit_test(no_prefix_of_a_set_does_harm),
        cmocka_unit_test(fields_are_found_by_number_wherever_they_are),
    };
    return cmocka_run_group_tests_name("protobuf_schema", tests, NULL, NULL);
}
