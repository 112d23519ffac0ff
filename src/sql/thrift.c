/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thrift - Thrift's compact protocol
 *
 *     field    delta of the id (4 bits) and type (4 bits); delta 0: zigzag id follows
 *     i16-i64  zigzag varint        byte    as it is       double  8 bytes, little end first
 *     bool     in the field's type  binary  varint length, bytes
 *     list     count (4 bits, 15 = varint follows) and element type (4 bits)
 *     map      varint count, then, unless 0, key and value type (4 bits each)
 *     struct   fields, then a zero byte
 *
 *  (1) A list is never taken to be longer than the bytes that are left: an
 *      element has at least one.
 */
#include "sql/thrift.h"

#define DEPTH_MAX 32

void sql_thrift_init(struct thrift *t, struct str bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    *t = (struct thrift){.start = at, .at = at, .end = at + bytes.len};
}

static void fail(struct thrift *t)
{
    t->bad = true;
    t->at = t->end;
}

static uint8_t next_byte(struct thrift *t)
{
    if (t->at == t->end) {
        fail(t);
        return 0;
    }
    return *t->at++;
}

static uint64_t next_varint(struct thrift *t)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = next_byte(t);
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    fail(t);
    return 0;
}

static int64_t next_zigzag(struct thrift *t)
{
    uint64_t value = next_varint(t);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static struct str next_bytes(struct thrift *t, uint64_t len)
{
    if (len > (uint64_t)(t->end - t->at)) {
        fail(t);
        return STR("");
    }
    struct str bytes = {(const char *)t->at, (size_t)len};
    t->at += len;
    return bytes;
}

bool sql_thrift_field(struct thrift *t, struct thrift_struct *s)
{
    s->field = t->at;
    uint8_t head = next_byte(t);
    if (t->bad || (head & 0x0F) == THRIFT_STOP) {
        return false;
    }
    s->type = (enum thrift_type)(head & 0x0F);
    int delta = head >> 4;
    int64_t id = delta != 0 ? s->id + delta : next_zigzag(t);
    if (t->bad || s->type > THRIFT_STRUCT || id < INT16_MIN || id > INT16_MAX) {
        fail(t);
        return false;
    }
    s->id = (int)id;
    return true;
}

int64_t sql_thrift_i64(struct thrift *t, const struct thrift_struct *s)
{
    switch (s->type) {
    case THRIFT_BYTE:
        return (int8_t)next_byte(t);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        return next_zigzag(t);
    default:
        fail(t);
        return 0;
    }
}

bool sql_thrift_bool(struct thrift *t, const struct thrift_struct *s)
{
    if (s->type != THRIFT_TRUE && s->type != THRIFT_FALSE) {
        fail(t);
    }
    return s->type == THRIFT_TRUE;
}

struct str sql_thrift_element_text(struct thrift *t)
{
    return next_bytes(t, next_varint(t));
}

struct str sql_thrift_text(struct thrift *t, const struct thrift_struct *s)
{
    if (s->type != THRIFT_BINARY) {
        fail(t);
        return STR("");
    }
    return sql_thrift_element_text(t);
}

static uint64_t next_list(struct thrift *t, enum thrift_type *ret_type)
{
    uint8_t head = next_byte(t);
    uint64_t count = head >> 4;
    *ret_type = (enum thrift_type)(head & 0x0F);
    if (count == 15) {
        count = next_varint(t);
    }
    if (count > (uint64_t)(t->end - t->at)) {
        fail(t);
        return 0;
    }
    return count;
}

size_t sql_thrift_list(struct thrift *t, const struct thrift_struct *s, enum thrift_type type)
{
    enum thrift_type element = THRIFT_STOP;
    if (s->type != THRIFT_LIST) {
        fail(t);
        return 0;
    }
    uint64_t count = next_list(t, &element);
    if (count > 0 && element != type) {
        fail(t);
        return 0;
    }
    return (size_t)count;
}

bool sql_thrift_is_struct(struct thrift *t, const struct thrift_struct *s)
{
    if (s->type != THRIFT_STRUCT) {
        fail(t);
    }
    return s->type == THRIFT_STRUCT;
}

static void skip_value(struct thrift *t, enum thrift_type type, bool in_list);

static void skip_struct(struct thrift *t)
{
    struct thrift_struct s = {0};
    while (sql_thrift_field(t, &s)) {
        skip_value(t, s.type, false);
    }
}

static void skip_list(struct thrift *t)
{
    enum thrift_type element = THRIFT_STOP;
    uint64_t count = next_list(t, &element);
    for (uint64_t i = 0; i < count && !t->bad; i++) {
        skip_value(t, element, true);
    }
}

static void skip_map(struct thrift *t)
{
    uint64_t count = next_varint(t);
    uint8_t types = count > 0 ? next_byte(t) : 0;
    for (uint64_t i = 0; i < count && !t->bad; i++) {
        skip_value(t, (enum thrift_type)(types >> 4), true);
        skip_value(t, (enum thrift_type)(types & 0x0F), true);
    }
}

/* A bool is in its field's header, and a byte of its own in a list. */
static void skip_value(struct thrift *t, enum thrift_type type, bool in_list)
{
    if (t->depth++ > DEPTH_MAX) {
        fail(t);
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (in_list) {
            (void)next_byte(t);
        }
        break;
    case THRIFT_BYTE:
        (void)next_byte(t);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        (void)next_varint(t);
        break;
    case THRIFT_DOUBLE:
        (void)next_bytes(t, 8);
        break;
    case THRIFT_BINARY:
        (void)sql_thrift_element_text(t);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(t);
        break;
    case THRIFT_MAP:
        skip_map(t);
        break;
    case THRIFT_STRUCT:
        skip_struct(t);
        break;
    case THRIFT_STOP:
    default:
        fail(t);
    }
    t->depth--;
}

void sql_thrift_skip(struct thrift *t, const struct thrift_struct *s)
{
    skip_value(t, s->type, false);
}

void sql_thrift_add_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_add_char(out, (char)((value & 0x7F) | 0x80));
        value >>= 7;
    }
    buf_add_char(out, (char)value);
}

void sql_thrift_add_i64(struct buf *out, int64_t value)
{
    sql_thrift_add_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}
