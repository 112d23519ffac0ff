/* SPDX-License-Identifier: Apache-2.0 */
/* framed_test - the wire format, with an inner codec that shows what it was given */
#include "codec/json_test_util.h"
#include "codec/registry_test_util.h"

#include "codec/framed.h"
#include "codec/framed_probe_fake.h"

#define REF_TO_ITSELF "{\"name\":\"a\",\"subject\":\"s\",\"version\":1}"

/* A message of schema `id`, with bytes behind the header. */
static struct str framed(struct arena *arena, uint32_t id, const char *bytes, size_t len)
{
    char *out = arena_alloc(arena, 5 + len);
    out[0] = 0;
    out[1] = (char)(id >> 24);
    out[2] = (char)(id >> 16);
    out[3] = (char)(id >> 8);
    out[4] = (char)id;
    memcpy(out + 5, bytes, len);
    return str_n(out, 5 + len);
}

#define FRAMED(f, id, bytes) framed(&(f)->arena, (id), (bytes), sizeof(bytes) - 1)

/* A codec of one STRING column "x" around probes, and where its rows are. */
struct table {
    const struct type *row_type;
    struct codec *codec;
    struct column_memory *memory;
    struct column *columns[1];
};

static void table_done(struct table *t)
{
    codec_close(t->codec);
    column_memory_free(t->memory);
}
#define AUTO_TABLE AUTO(table_done)

static struct table table_open(struct fixture *f, const char *format, struct codec_options options)
{
    struct table t = {0};
    struct type_field field = test_field("x", type_simple(TYPE_STRING));
    t.row_type = type_struct(&f->arena, &field, 1);
    options.registry = f->registry;
    if (codec_framed_open(str_of(format), t.row_type, &options, framed_probe_open, &t.codec,
                          &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    t.memory = column_memory_new(t.row_type, 4096);
    t.columns[0] = &column_memory_columns(t.memory)[0];
    return t;
}

static enum codec_row decode(struct fixture *f, struct table *t, struct str value, size_t row)
{
    return codec_decode(t->codec, value, t->columns, row, &f->arena);
}

static void assert_row(struct table *t, size_t row, const char *wanted)
{
    AUTO_BUF struct buf out = {0};
    column_print(t->columns[0], row, &out);
    assert_string_equal(out.ptr, wanted);
}

static void assert_bad(struct fixture *f, struct table *t, struct str value, const char *reason,
                       const char *why)
{
    static size_t row;
    row = (row + 1) % 4096;
    assert_int_equal(decode(f, t, value, row), CODEC_ROW_BAD);
    assert_row(t, row, "null");
    assert_string_equal(t->codec->fault.reason, reason);
    assert_has(t->codec->fault.message, why);
}

/* ---- the header ---- */

static void the_id_is_four_bytes_behind_a_zero(void **state)
{
    (void)state;
    uint32_t id = 7;
    assert_true(codec_framed_id(str_n("\0\x01\x02\x03\x04rest", 9), &id));
    assert_int_equal(id, 0x01020304);
    assert_true(codec_framed_id(str_n("\0\xff\xff\xff\xff", 5), &id));
    assert_int_equal(id, UINT32_MAX);
    assert_false(codec_framed_id(str_n("\0\x01\x02\x03", 4), &id));
    assert_false(codec_framed_id(str_n("\x01\x01\x02\x03\x04", 5), &id));
    assert_false(codec_framed_id(STR(""), &id));
    assert_false(codec_framed_id(STR_NULL, &id));
    assert_true(codec_framed_needs_schema(STR("avro")));
    assert_true(codec_framed_needs_schema(STR("Protobuf")));
    assert_false(codec_framed_needs_schema(STR("json")));
}

static void read_is(struct str bytes, const uint32_t *indexes, size_t count, size_t header_bytes)
{
    AUTO_BUF struct buf value = {0};
    struct codec_framed_header h;
    buf_add(&value, "\0\0\0\0\x05", 5);
    buf_add_str(&value, bytes);
    const char *reason = codec_framed_read(buf_str(&value), true, &h);
    assert_null(reason);
    assert_int_equal(h.id, 5);
    assert_int_equal(h.bytes, header_bytes);
    assert_int_equal(h.index_count, count);
    assert_memory_equal(h.indexes, indexes, count * sizeof(indexes[0]));
}

static void message_indexes_are_zigzag_varints(void **state)
{
    (void)state;
    read_is(str_n("\0", 1), (const uint32_t[]){0}, 1, 6);
    read_is(str_n("\x02\0", 2), (const uint32_t[]){0}, 1, 7);
    read_is(str_n("\x02\x04", 2), (const uint32_t[]){2}, 1, 7);
    read_is(str_n("\x04\x02\0rest", 7), (const uint32_t[]){1, 0}, 2, 8);
    read_is(str_n("\x02\xd8\x04", 3), (const uint32_t[]){300}, 1, 8);
    static const struct str bad[] = {
        {"", 0},         {"\x01", 1},                     /* -1 indexes */
        {"\x02", 1},     {"\x02\x01", 2},                 /* index -1 */
        {"\x80", 1},     {"\x80\x80\x80\x80\x80\x01", 6}, /* a varint without end */
        {"\x42\x02", 2}, {"\x02\xff\xff\xff\xff\xff", 6}};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_BUF struct buf value = {0};
        struct codec_framed_header h;
        buf_add(&value, "\0\0\0\0\x05", 5);
        buf_add_str(&value, bad[i]);
        assert_string_equal(codec_framed_read(buf_str(&value), true, &h), "index");
        assert_null(codec_framed_read(buf_str(&value), false, &h));
        assert_int_equal(h.bytes, 5);
    }
}

/* ---- decoding ---- */

static void each_message_is_decoded_with_its_own_schema(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"one\"", "");
    add_schema(f, "/schemas/ids/2", 2, "", "\"two\"", "");
    assert_found(f, fetch(f, 1));
    assert_found(f, fetch(f, 2));
    AUTO_TABLE struct table t =
        table_open(f, "avro", (struct codec_options){.avro_reader_schema = STR("reader")});
    static const uint32_t ids[] = {1, 2, 2, 1, 2};
    unsigned opened = framed_probe_opened();
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        assert_int_equal(decode(f, &t, FRAMED(f, ids[i], "payload"), i), CODEC_ROW_OK);
        assert_row(&t, i,
                   ids[i] == 1 ? "\"avro \\\"one\\\" reader payload\""
                               : "\"avro \\\"two\\\" reader payload\"");
    }
    assert_int_equal(framed_probe_opened() - opened, 2);
    assert_string_equal(t.codec->ops->name, "avro");
    assert_int_equal(decode(f, &t, STR_NULL, 9), CODEC_ROW_OK);
    assert_row(&t, 9, "null");
    assert_int_equal(decode(f, &t, FRAMED(f, 1, ""), 10), CODEC_ROW_OK);
    assert_row(&t, 10, "\"avro \\\"one\\\" reader \"");
}

static void protobuf_messages_say_which_one_they_are(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "PROTOBUF",
               "syntax = \"proto3\"; package p; message A { message B {} } message C {}", "");
    assert_found(f, fetch(f, 1));
    AUTO_TABLE struct table t = table_open(f, "protobuf", (struct codec_options){0});
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "\0x"), 0), CODEC_ROW_OK);
    assert_row(&t, 0, "\"protobuf p.A x\"");
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "\x04\0\0y"), 1), CODEC_ROW_OK);
    assert_row(&t, 1, "\"protobuf p.A.B y\"");
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "\x02\x02"), 2), CODEC_ROW_OK);
    assert_row(&t, 2, "\"protobuf p.C \"");
    assert_bad(f, &t, FRAMED(f, 1, "\x02\x04z"), "index", "no message number 2");
    assert_bad(f, &t, FRAMED(f, 1, "\x02"), "index", "malformed");
    assert_int_equal(t.codec->fault.position, 5);
}

static void json_needs_no_schema(void **state)
{
    struct fixture *f = *state;
    AUTO_FIXTURE struct json_fixture j = {0};
    struct type_field fields[] = {test_field("a", type_simple(TYPE_BIGINT))};
    fixture_open(&j, type_struct(&j.types, fields, 1), 8,
                 (struct codec_options){.registry = f->registry, .notice_unknown = true});
    assert_string_equal(j.codec->ops->name, "json");
    j.codec->unknown_field = false;
    assert_int_equal(fixture_decode(&j, FRAMED(f, 99, "{\"a\":1}"), 0), CODEC_ROW_OK);
    AUTO_BUF struct buf out = {0};
    fixture_print(&j, 0, &out);
    assert_string_equal(out.ptr, "{\"a\":1}");
    assert_int_equal(fixture_decode(&j, FRAMED(f, 99, "{\"a\":"), 1), CODEC_ROW_BAD);
    assert_string_equal(j.codec->fault.reason, "syntax");
    assert_true(j.codec->fault.position >= 5);
    assert_int_equal(fixture_decode(&j, STR("{\"a\":1}"), 2), CODEC_ROW_BAD);
    assert_string_equal(j.codec->fault.reason, "magic");
    assert_int_equal(http_fake_count(f->fake, "*"), 0);
}

static void what_the_inner_codec_says_is_passed_on(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"one\"", "");
    assert_found(f, fetch(f, 1));
    AUTO_TABLE struct table t = table_open(f, "avro", (struct codec_options){0});
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "!field"), 0), CODEC_ROW_BAD_FIELD);
    assert_string_equal(t.codec->fault.reason, "probe");
    assert_int_equal(t.codec->fault.position, 5 + 3);
    t.codec->unknown_field = false;
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "?"), 1), CODEC_ROW_OK);
    assert_true(t.codec->unknown_field);
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "x"), 2), CODEC_ROW_OK);
    assert_true(t.codec->unknown_field); /* not touched */
}

static void a_message_without_header_is_bad(void **state)
{
    struct fixture *f = *state;
    AUTO_TABLE struct table t = table_open(f, "avro", (struct codec_options){0});
    assert_bad(f, &t, STR("{\"a\":1}"), "magic", "0x7b");
    assert_bad(f, &t, str_n("\0\0\0", 3), "magic", "3 bytes");
    assert_bad(f, &t, STR(""), "magic", "0 bytes");
}

static void an_id_that_is_not_cached_is_bad_until_it_is(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"one\"", "");
    AUTO_TABLE struct table t = table_open(f, "avro", (struct codec_options){0});
    assert_bad(f, &t, FRAMED(f, 1, "x"), "schema_id", "schema 1 is not known");
    assert_int_equal(http_fake_count(f->fake, "*"), 0); /* decoding asks nobody */
    assert_found(f, fetch(f, 1));
    assert_int_equal(decode(f, &t, FRAMED(f, 1, "x"), 0), CODEC_ROW_OK);
}

static void a_schema_that_cannot_be_opened_is_bad_and_tried_once(void **state)
{
    struct fixture *f = *state;
    add_schema(f, "/schemas/ids/1", 1, "", "\"refused\"", "");
    add_schema(f, "/schemas/ids/2", 2, "JSON", "{}", "");
    add_schema(f, "/schemas/ids/3", 3, "", "\"a\"", "[" REF_TO_ITSELF "]");
    add_schema(f, "/subjects/s/versions/1?deleted=true", 4, "", "\"a\"", "[" REF_TO_ITSELF "]");
    for (uint32_t id = 1; id <= 3; id++) {
        assert_found(f, fetch(f, id));
    }
    AUTO_TABLE struct table t = table_open(f, "avro", (struct codec_options){0});
    unsigned opened = framed_probe_opened();
    for (int i = 0; i < 3; i++) {
        assert_bad(f, &t, FRAMED(f, 1, "x"), "schema", "schema 1: the probe refuses");
        assert_bad(f, &t, FRAMED(f, 2, "x"), "schema", "schema 2 is of kind json, wanted avro");
        assert_bad(f, &t, FRAMED(f, 3, "x"), "schema", "leads back to itself");
    }
    assert_int_equal(framed_probe_opened() - opened, 1);
}

static void the_number_of_codecs_is_bounded(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "syntax = \"proto3\";");
    for (int i = 0; i < 1500; i++) {
        buf_printf(&text, "message M%d {}\n", i);
    }
    add_schema(f, "/schemas/ids/1", 1, "PROTOBUF", text.ptr, "");
    assert_found(f, fetch(f, 1));
    AUTO_TABLE struct table t = table_open(f, "protobuf", (struct codec_options){0});
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1500; i++) {
            uint32_t zigzag = i * 2;
            char place[] = {2, (char)(zigzag | 0x80), (char)(zigzag >> 7)};
            AUTO_FREE char *wanted = mem_printf("\"protobuf M%" PRIu32 " \"", i);
            size_t row = round * 1500 + i;
            assert_int_equal(decode(f, &t, framed(&f->arena, 1, place, 3), row), CODEC_ROW_OK);
            assert_row(&t, row, wanted);
            assert_in_range(framed_probe_open_now(), 1, 1024);
        }
    }
}

static void only_formats_of_registries_are_framed(void **state)
{
    struct fixture *f = *state;
    struct codec_options options = {.registry = f->registry};
    struct codec *codec;
    struct type_field field = test_field("x", type_simple(TYPE_STRING));
    const struct type *row_type = type_struct(&f->arena, &field, 1);
    assert_int_equal(
        codec_framed_open(STR("csv"), row_type, &options, framed_probe_open, &codec, &f->err),
        ERR_CONFIG);
    assert_has(f->err.msg, "\"csv\"");
    assert_int_equal(codec_open(STR("jsn"), row_type, &options, &codec, &f->err), ERR_CONFIG);
    assert_has(f->err.msg, "did you mean");
}

/* ---- describing ---- */

static int describe(struct fixture *f, const char *format, struct codec_options options,
                    struct buf *out)
{
    const struct type *type;
    options.registry = f->registry;
    int rc = codec_framed_describe(str_of(format), &options, framed_probe_describe, &f->arena,
                                   &type, &f->err);
    if (rc >= 0) {
        type_print(type, out);
    }
    return rc;
}

static void the_subjects_latest_schema_is_described(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    add_schema(f, "/subjects/a-value/versions/latest", 1, "", "\"one\"", "");
    add_schema(f, "/subjects/a-value/versions/1", 2, "", "\"two\"", "");
    add_schema(f, "/subjects/p-value/versions/latest", 3, "PROTOBUF",
               "syntax = \"proto3\"; message A {} message B {}", "");
    add_schema(f, "/subjects/j-value/versions/latest", 4, "JSON",
               "{\"properties\":{\"a\":{\"$ref\":\"b.json\"}}}",
               "[{\"name\":\"b.json\",\"subject\":\"b\",\"version\":1}]");
    add_schema(f, "/subjects/b/versions/1?deleted=true", 5, "JSON", "{\"type\":\"integer\"}", "");
    struct codec_options options = {.subject = STR("a-value")};
    assert_int_equal(describe(f, "avro", options, &out), 0);
    options.subject_version = 1;
    assert_int_equal(describe(f, "avro", options, &out), 0);
    options = (struct codec_options){.subject = STR("p-value")};
    assert_int_equal(describe(f, "protobuf", options, &out), 0);
    options.protobuf_message = STR("B");
    assert_int_equal(describe(f, "protobuf", options, &out), 0);
    options = (struct codec_options){.subject = STR("j-value")};
    assert_int_equal(describe(f, "json", options, &out), 0);
    assert_string_equal(out.ptr, "STRUCT<`avro \"one\"  `: STRING>STRUCT<`avro \"two\"  `: STRING>"
                                 "STRUCT<`protobuf A `: STRING>STRUCT<`protobuf B `: STRING>"
                                 "STRUCT<a: BIGINT>");
}

static void what_cannot_be_described_says_why(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    add_schema(f, "/subjects/j/versions/latest", 4, "JSON", "[]", "");
    add_schema(f, "/subjects/p/versions/latest", 5, "PROTOBUF", "syntax = \"proto3\";", "");
    rule(f, .match = "GET /subjects/none/versions/latest", .status = 404,
         .body = "{\"error_code\":40401}");
    struct codec_options options = {.subject = STR("")};
    assert_int_equal(describe(f, "avro", options, &out), ERR_CONFIG);
    assert_has(f->err.msg, "no subject");
    options.subject = STR("none");
    assert_int_equal(describe(f, "avro", options, &out), ERR_CONFIG);
    assert_has(f->err.msg, "\"none\"");
    options.subject = STR("j");
    assert_int_equal(describe(f, "avro", options, &out), ERR_CONFIG);
    assert_has(f->err.msg, "of kind json");
    assert_int_equal(describe(f, "json", options, &out), ERR_CONFIG);
    assert_has(f->err.msg, "schema 4 of \"j\"");
    options.subject = STR("p");
    assert_int_equal(describe(f, "protobuf", options, &out), ERR_CONFIG);
    assert_has(f->err.msg, "no message number 0");
    assert_int_equal(f->err.code, ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_is_four_bytes_behind_a_zero),
        cmocka_unit_test(message_indexes_are_zigzag_varints),
        CASE(each_message_is_decoded_with_its_own_schema),
        CASE(protobuf_messages_say_which_one_they_are),
        CASE(json_needs_no_schema),
        CASE(what_the_inner_codec_says_is_passed_on),
        CASE(a_message_without_header_is_bad),
        CASE(an_id_that_is_not_cached_is_bad_until_it_is),
        CASE(a_schema_that_cannot_be_opened_is_bad_and_tried_once),
        CASE(the_number_of_codecs_is_bounded),
        CASE(only_formats_of_registries_are_framed),
        CASE(the_subjects_latest_schema_is_described),
        CASE(what_cannot_be_described_says_why),
    };
    return cmocka_run_group_tests_name("framed", tests, NULL, NULL);
}
