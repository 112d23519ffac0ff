/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_TEST_UTIL_H
#define CODEC_PROTOBUF_TEST_UTIL_H

#include "base/base.h"
#include "codec/codec.h"
#include "codec/protobuf_schema.h"
#include "column/column.h"
#include "column/memory.h"

/*
 * protobuf_test_util - writes messages and descriptor sets, and a decoder with columns in memory
 *
 * Messages are decoded from a heap copy of exactly their size, so that the address
 * sanitizer sees a read past the end.
 */
static inline void put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        buf_add_char(out, (char)(value | 0x80));
    }
    buf_add_char(out, (char)value);
}

static inline void put_tag(struct buf *out, uint32_t number, enum wire_type type)
{
    put_varint(out, (uint64_t)number << 3 | (uint64_t)type);
}

static inline void put_int(struct buf *out, uint32_t number, int64_t value)
{
    put_tag(out, number, WIRE_VARINT);
    put_varint(out, (uint64_t)value);
}

static inline void put_bytes(struct buf *out, uint32_t number, struct str bytes)
{
    put_tag(out, number, WIRE_BYTES);
    put_varint(out, bytes.len);
    buf_add_str(out, bytes);
}

static inline void put_c(struct buf *out, uint32_t number, const char *text)
{
    put_bytes(out, number, str_of(text));
}

static inline void put_double(struct buf *out, uint32_t number, double value)
{
    put_tag(out, number, WIRE_FIXED64);
    buf_add(out, &value, sizeof(value));
}

static inline void put_float(struct buf *out, uint32_t number, float value)
{
    put_tag(out, number, WIRE_FIXED32);
    buf_add(out, &value, sizeof(value));
}

/* A FieldDescriptorProto, as far as tests need one. */
struct test_field {
    const char *name;
    uint32_t number;
    unsigned kind;
    unsigned label;        /* 0 = optional, 2 = required, 3 = repeated */
    const char *type_name; /* ".p.M" */
    uint32_t oneof;        /* index + 1 */
    const char *default_text;
};

/* A message of the file. */
struct test_message {
    const char *name;
    const struct test_field *fields;
    size_t field_count;
    const struct test_message *nested; /* the entries of its maps */
    size_t nested_count;
    size_t oneof_count;
    bool is_map_entry;
};

static inline void put_field(struct buf *out, const struct test_field *field)
{
    AUTO_BUF struct buf text = {0};
    put_c(&text, 1, field->name);
    put_int(&text, 3, field->number);
    put_int(&text, 4, field->label == 0 ? 1 : field->label);
    put_int(&text, 5, field->kind);
    if (field->type_name != NULL) {
        put_c(&text, 6, field->type_name);
    }
    if (field->default_text != NULL) {
        put_c(&text, 7, field->default_text);
    }
    if (field->oneof > 0) {
        put_int(&text, 9, field->oneof - 1);
    }
    put_bytes(out, 2, buf_str(&text));
}

static inline void put_message(struct buf *out, uint32_t number, const struct test_message *message)
{
    AUTO_BUF struct buf text = {0};
    put_c(&text, 1, message->name);
    for (size_t i = 0; i < message->field_count; i++) {
        put_field(&text, &message->fields[i]);
    }
    for (size_t i = 0; i < message->nested_count; i++) {
        put_message(&text, 3, &message->nested[i]);
    }
    for (size_t i = 0; i < message->oneof_count; i++) {
        AUTO_BUF struct buf oneof = {0};
        put_c(&oneof, 1, "o");
        put_bytes(&text, 8, buf_str(&oneof));
    }
    if (message->is_map_entry) {
        put_bytes(&text, 7, STR("\x38\x01"));
    }
    put_bytes(out, number, buf_str(&text));
}

/* enum E { ZERO = 0; ONE = 1; MINUS = -1; A_NAME_THAT_IS_LONG = 7; } */
static inline void put_enum(struct buf *out)
{
    static const struct {
        const char *name;
        int number;
    } values[] = {{"ZERO", 0}, {"ONE", 1}, {"MINUS", -1}, {"A_NAME_THAT_IS_LONG", 7}};
    AUTO_BUF struct buf text = {0};
    put_c(&text, 1, "E");
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        AUTO_BUF struct buf value = {0};
        put_c(&value, 1, values[i].name);
        put_int(&value, 2, values[i].number);
        put_bytes(&text, 2, buf_str(&value));
    }
    put_bytes(out, 5, buf_str(&text));
}

/* A FileDescriptorSet of one file of package p: the messages, and the enum E. */
static inline void put_set(struct buf *out, const char *syntax, const struct test_message *messages,
                           size_t count)
{
    AUTO_BUF struct buf file = {0};
    put_c(&file, 1, "test.proto");
    put_c(&file, 2, "p");
    for (size_t i = 0; i < count; i++) {
        put_message(&file, 4, &messages[i]);
    }
    put_enum(&file);
    put_c(&file, 12, syntax);
    put_bytes(out, 1, buf_str(&file));
}

#define FIELDS(array) .fields = (array), .field_count = ARRAY_COUNT(array)

/* Message p.M with everything in it; `syntax` proto2 or proto3. */
static inline void put_rich_set(struct buf *out, const char *syntax)
{
    static const struct test_field scalars[] = {
        {"f_double", 1, PROTOBUF_DOUBLE, 0, NULL, 0, NULL},
        {"f_float", 2, PROTOBUF_FLOAT, 0, NULL, 0, NULL},
        {"f_int64", 3, PROTOBUF_INT64, 0, NULL, 0, NULL},
        {"f_uint64", 4, PROTOBUF_UINT64, 0, NULL, 0, NULL},
        {"f_int32", 5, PROTOBUF_INT32, 0, NULL, 0, NULL},
        {"f_fixed64", 6, PROTOBUF_FIXED64, 0, NULL, 0, NULL},
        {"f_fixed32", 7, PROTOBUF_FIXED32, 0, NULL, 0, NULL},
        {"f_bool", 8, PROTOBUF_BOOL, 0, NULL, 0, NULL},
        {"f_string", 9, PROTOBUF_STRING, 0, NULL, 0, NULL},
        {"f_bytes", 10, PROTOBUF_BYTES, 0, NULL, 0, NULL},
        {"f_uint32", 11, PROTOBUF_UINT32, 0, NULL, 0, NULL},
        {"f_enum", 12, PROTOBUF_ENUM, 0, ".p.E", 0, NULL},
        {"f_sfixed32", 13, PROTOBUF_SFIXED32, 0, NULL, 0, NULL},
        {"f_sfixed64", 14, PROTOBUF_SFIXED64, 0, NULL, 0, NULL},
        {"f_sint32", 15, PROTOBUF_SINT32, 0, NULL, 0, NULL},
        {"f_sint64", 16, PROTOBUF_SINT64, 0, NULL, 0, NULL},
        {"sub", 20, PROTOBUF_MESSAGE, 0, ".p.Sub", 0, NULL},
        {"subs", 21, PROTOBUF_MESSAGE, 3, ".p.Sub", 0, NULL},
        {"ints", 22, PROTOBUF_INT32, 3, NULL, 0, NULL},
        {"doubles", 23, PROTOBUF_DOUBLE, 3, NULL, 0, NULL},
        {"enums", 24, PROTOBUF_ENUM, 3, ".p.E", 0, NULL},
        {"strings", 25, PROTOBUF_STRING, 3, NULL, 0, NULL},
        {"by_int", 26, PROTOBUF_MESSAGE, 3, ".p.M.ByInt", 0, NULL},
        {"by_name", 27, PROTOBUF_MESSAGE, 3, ".p.M.ByName", 0, NULL},
        {"pick_int", 30, PROTOBUF_INT32, 0, NULL, 1, NULL},
        {"pick_text", 31, PROTOBUF_STRING, 0, NULL, 1, NULL},
        {"pick_sub", 32, PROTOBUF_MESSAGE, 0, ".p.Sub", 1, NULL},
        {"ts", 33, PROTOBUF_MESSAGE, 0, ".p.Timestamp", 0, NULL},
        {"took", 34, PROTOBUF_MESSAGE, 0, ".p.Duration", 0, NULL},
        {"far", 536870911, PROTOBUF_INT32, 0, NULL, 0, NULL},
        {"self", 40, PROTOBUF_MESSAGE, 0, ".p.M", 0, NULL},
        {"group", 41, PROTOBUF_GROUP, 0, ".p.Sub", 0, NULL},
    };
    static const struct test_field by_int[] = {{"key", 1, PROTOBUF_INT32, 0, NULL, 0, NULL},
                                               {"value", 2, PROTOBUF_ENUM, 0, ".p.E", 0, NULL}};
    static const struct test_field by_name[] = {
        {"key", 1, PROTOBUF_STRING, 0, NULL, 0, NULL},
        {"value", 2, PROTOBUF_MESSAGE, 0, ".p.Sub", 0, NULL}};
    static const struct test_message entries[] = {
        {.name = "ByInt", FIELDS(by_int), .is_map_entry = true},
        {.name = "ByName", FIELDS(by_name), .is_map_entry = true}};
    static const struct test_field sub[] = {{"a", 1, PROTOBUF_INT32, 0, NULL, 0, NULL},
                                            {"b", 2, PROTOBUF_STRING, 0, NULL, 0, NULL},
                                            {"c", 3, PROTOBUF_INT64, 3, NULL, 0, NULL}};
    static const struct test_field time[] = {{"seconds", 1, PROTOBUF_INT64, 0, NULL, 0, NULL},
                                             {"nanos", 2, PROTOBUF_INT32, 0, NULL, 0, NULL}};
    const struct test_message messages[] = {
        {.name = "M", FIELDS(scalars), .nested = entries, .nested_count = 2, .oneof_count = 1},
        {.name = "Sub", FIELDS(sub)},
        {.name = "Timestamp", FIELDS(time)},
        {.name = "Duration", FIELDS(time)},
    };
    put_set(out, syntax, messages, ARRAY_COUNT(messages));
}

#endif
