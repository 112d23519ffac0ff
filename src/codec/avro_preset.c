/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_preset - a field's default as the bytes that a writer would have sent
 *
 * So that a missing field needs no code of its own: its default is read by the program that
 * would have read it from the message.  A union's default is of the first branch that it fits
 * (the specification once said of the first only), bytes are the code points of a string.
 */
#include "codec/avro_preset.h"

#include <math.h>

#include "base/base.h"

#define DEPTH_MAX 512
/* Defaults within defaults may double with every record, branches with every union; and no more
 * elements without bytes than a message may have (avro_skip.c). */
#define VALUES_MAX 65536

struct encoder {
    struct buf *out;
    unsigned depth;
    size_t value_count;
};

static int encode(struct encoder *e, const struct avro_schema *s, const struct json *v,
                  struct err *err);

static void put_long(struct buf *out, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; rest >= 0x80; rest >>= 7) {
        buf_add_char(out, (char)(rest | 0x80));
    }
    buf_add_char(out, (char)rest);
}

static COLD int misfit(const struct avro_schema *s, struct err *err)
{
    AUTO_BUF struct buf name = {0};
    codec_avro_schema_print(s, &name);
    return err_set(err, ERR_CONFIG, "the default is no value of %.*s", STR_FMT(buf_str(&name)));
}

/* The bytes that a string's characters up to U+00FF stand for. */
static bool put_bytes(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80) {
            if (c > 0xc3) {
                return false;
            }
            i++;
            c = (unsigned char)((c << 6) | ((unsigned char)text.ptr[i] & 0x3f));
        }
        buf_add_char(out, (char)c);
    }
    return true;
}

static bool get_double(const struct json *v, double *ret_value)
{
    struct str text;
    if (json_get_double(v, ret_value)) {
        return true;
    }
    if (!json_get_str(v, &text)) {
        return false;
    }
    bool is_negative = str_eq_c(text, "-Infinity");
    *ret_value = str_eq_c(text, "NaN") ? (double)NAN : is_negative ? -HUGE_VAL : HUGE_VAL;
    return is_negative || str_eq_c(text, "NaN") || str_eq_c(text, "Infinity");
}

static int encode_number(const struct avro_schema *s, const struct json *v, struct buf *out,
                         struct err *err)
{
    int64_t integer;
    double real;
    float narrow;
    switch (s->kind) {
    case AVRO_INT:
    case AVRO_LONG:
        if (!json_get_i64(v, &integer) || (s->kind == AVRO_INT && integer != (int32_t)integer)) {
            return misfit(s, err);
        }
        put_long(out, integer);
        return 0;
    case AVRO_FLOAT:
        if (!get_double(v, &real)) {
            return misfit(s, err);
        }
        narrow = (float)real;
        buf_add(out, &narrow, sizeof(narrow));
        return 0;
    default:
        if (!get_double(v, &real)) {
            return misfit(s, err);
        }
        buf_add(out, &real, sizeof(real));
        return 0;
    }
}

static int encode_text(const struct avro_schema *s, const struct json *v, struct buf *out,
                       struct err *err)
{
    struct str text;
    if (!json_get_str(v, &text)) {
        return misfit(s, err);
    }
    if (s->kind == AVRO_STRING) {
        put_long(out, (int64_t)text.len);
        buf_add_str(out, text);
        return 0;
    }
    if (s->kind == AVRO_ENUM) {
        ptrdiff_t symbol = codec_avro_schema_find(&s->names, text);
        if (symbol < 0) {
            return misfit(s, err);
        }
        put_long(out, symbol);
        return 0;
    }
    AUTO_BUF struct buf bytes = {0};
    if (!put_bytes(text, &bytes) || (s->kind == AVRO_FIXED && bytes.len != s->size)) {
        return misfit(s, err);
    }
    if (s->kind == AVRO_BYTES) {
        put_long(out, (int64_t)bytes.len);
    }
    buf_add_str(out, buf_str(&bytes));
    return 0;
}

static int encode_record(struct encoder *e, const struct avro_schema *s, const struct json *v,
                         struct err *err)
{
    if (v->kind != JSON_OBJECT) {
        return misfit(s, err);
    }
    for (size_t i = 0; i < s->names.count; i++) {
        struct str name = s->names.items[i];
        const struct json *value = s->fields[i].preset;
        json_foreach (member, v) {
            if (str_eq(member->name, name)) {
                value = member;
            }
        }
        if (value == NULL) {
            return err_set(err, ERR_CONFIG, "the default lacks field \"%.*s\" of record %.*s",
                           STR_FMT(str_head(name, 128)), STR_FMT(str_head(s->full_name, 128)));
        }
        TRY(encode(e, s->fields[i].schema, value, err));
    }
    return 0;
}

static int encode_list(struct encoder *e, const struct avro_schema *s, const struct json *v,
                       struct err *err)
{
    if (v->kind != (s->kind == AVRO_ARRAY ? JSON_ARRAY : JSON_OBJECT)) {
        return misfit(s, err);
    }
    if (v->count > 0) {
        put_long(e->out, (int64_t)v->count);
    }
    json_foreach (element, v) {
        if (s->kind == AVRO_MAP) {
            put_long(e->out, (int64_t)element->name.len);
            buf_add_str(e->out, element->name);
        }
        TRY(encode(e, s->branches[0], element, err));
    }
    put_long(e->out, 0);
    return 0;
}

static int encode_union(struct encoder *e, const struct avro_schema *s, const struct json *v,
                        struct err *err)
{
    size_t before = e->out->len;
    for (size_t i = 0; i < s->branch_count; i++) {
        put_long(e->out, (int64_t)i);
        if (encode(e, s->branches[i], v, err) >= 0) {
            return 0;
        }
        e->out->len = before;
    }
    return s->branch_count == 1 ? err->code : misfit(s, err);
}

static int encode_value(struct encoder *e, const struct avro_schema *s, const struct json *v,
                        struct err *err)
{
    bool flag;
    switch (s->kind) {
    case AVRO_NULL:
        return v->kind == JSON_NULL ? 0 : misfit(s, err);
    case AVRO_BOOLEAN:
        if (!json_get_bool(v, &flag)) {
            return misfit(s, err);
        }
        buf_add_char(e->out, flag ? 1 : 0);
        return 0;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return encode_number(s, v, e->out, err);
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_FIXED:
        return encode_text(s, v, e->out, err);
    case AVRO_RECORD:
        return encode_record(e, s, v, err);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return encode_list(e, s, v, err);
    case AVRO_UNION:
        return encode_union(e, s, v, err);
    }
    return misfit(s, err);
}

static int encode(struct encoder *e, const struct avro_schema *s, const struct json *v,
                  struct err *err)
{
    if (e->depth == DEPTH_MAX || e->value_count == VALUES_MAX) {
        return err_set(err, ERR_CONFIG, "the default has more than %d values, or %d levels",
                       VALUES_MAX, DEPTH_MAX);
    }
    e->depth++;
    e->value_count++;
    int rc = encode_value(e, s, v, err);
    e->depth--;
    return rc;
}

int codec_avro_preset_encode(const struct avro_schema *schema, const struct json *preset,
                             struct buf *out, struct err *err)
{
    struct encoder e = {.out = out};
    return encode(&e, schema, preset, err);
}
