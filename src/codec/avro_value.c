/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_value - one value that is not nested, read from a message, and its text
 *
 * For what has no fast path: STRING columns of other values, and rescued data.  Times and dates
 * are ISO 8601; what cannot be one (a time of day of 25 hours) is the bare number.
 */
#include "codec/avro_value.h"

#include <math.h>
#include <stdio.h>

#include "base/base.h"
#include "codec/avro_fault.h"
#include "codec/avro_read.h"

static const char *read_bytes(struct codec_avro *a, const struct avro_op *op,
                              const struct avro_schema *schema, const char *p,
                              struct str *ret_bytes)
{
    int64_t len = (int64_t)schema->size;
    const char *at = p;
    if (schema->kind != AVRO_FIXED) {
        p = avro_read_small(p, a->end, &len);
        if (UNLIKELY(p == NULL)) {
            return codec_avro_fault_number(a, op, at);
        }
    }
    if (UNLIKELY(len < 0 || len > a->end - p)) {
        return codec_avro_fault_length(a, op, at, len);
    }
    *ret_bytes = str_n(p, (size_t)len);
    return p + len;
}

static const char *read_real(struct codec_avro *a, const struct avro_op *op,
                             const struct avro_schema *schema, const char *p, double *ret_value)
{
    float narrow;
    size_t bytes = schema->kind == AVRO_FLOAT ? sizeof(narrow) : sizeof(*ret_value);
    if (UNLIKELY((size_t)(a->end - p) < bytes)) {
        return codec_avro_fault_bad(a, op, a->end, "truncated", "the message ends in a value");
    }
    if (schema->kind == AVRO_FLOAT) {
        memcpy(&narrow, p, sizeof(narrow));
        *ret_value = (double)narrow;
    } else {
        memcpy(ret_value, p, sizeof(*ret_value));
    }
    return p + bytes;
}

const char *codec_avro_value_read(struct codec_avro *a, const struct avro_op *op,
                                  const struct avro_schema *schema, const char *p,
                                  struct avro_value *ret_value)
{
    const char *behind = NULL;
    switch (schema->kind) {
    case AVRO_NULL:
        return p;
    case AVRO_BOOLEAN:
        if (p == a->end) {
            return codec_avro_fault_bad(a, op, p, "truncated", "the message ends in a value");
        }
        ret_value->integer = (unsigned char)*p;
        if (ret_value->integer > 1) {
            return codec_avro_fault_bad(a, op, p, "boolean", "a boolean that is not 0 or 1");
        }
        return p + 1;
    case AVRO_INT:
        behind = avro_read_int(p, a->end, &ret_value->integer);
        break;
    case AVRO_LONG:
        behind = avro_read_long(p, a->end, &ret_value->integer);
        break;
    case AVRO_ENUM:
        behind = avro_read_small(p, a->end, &ret_value->integer);
        if (behind != NULL && (uint64_t)ret_value->integer >= schema->names.count) {
            return codec_avro_fault_bad(a, op, p, "enum", "the schema has no symbol at that index");
        }
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return read_real(a, op, schema, p, &ret_value->real);
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_FIXED:
        return read_bytes(a, op, schema, p, &ret_value->bytes);
    default:
        assert(false);
    }
    return LIKELY(behind != NULL) ? behind : codec_avro_fault_number(a, op, p);
}

bool codec_avro_value_decimal(struct str bytes, __int128 *ret_value)
{
    if (bytes.len == 0) {
        return false;
    }
    bool is_negative = ((unsigned char)bytes.ptr[0] & 0x80) != 0;
    unsigned char sign = is_negative ? 0xff : 0;
    /* Of bytes that only repeat the sign, none is needed while the next has the sign's bit. */
    while (bytes.len > 1 && (unsigned char)bytes.ptr[0] == sign &&
           (((unsigned char)bytes.ptr[1] & 0x80) != 0) == is_negative) {
        bytes = str_skip(bytes, 1);
    }
    if (bytes.len > 16) {
        return false;
    }
    unsigned __int128 value = is_negative ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (unsigned char)bytes.ptr[i];
    }
    *ret_value = (__int128)value;
    return true;
}

/* --- text --------------------------------------------------------------------- */

static bool print_decimal(struct str bytes, uint32_t scale, struct buf *out)
{
    __int128 value;
    if (!codec_avro_value_decimal(bytes, &value) || scale > 1000) {
        return false;
    }
    char digits[48];
    char *at = digits + sizeof(digits);
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0);
    size_t count = (size_t)(digits + sizeof(digits) - at);
    buf_add_c(out, value < 0 ? "-" : "");
    if (count <= scale) {
        buf_add_c(out, "0.");
        for (size_t i = count; i < scale; i++) {
            buf_add_char(out, '0');
        }
        buf_add(out, at, count);
        return true;
    }
    buf_add(out, at, count - scale);
    if (scale > 0) {
        buf_add_char(out, '.');
        buf_add(out, at + count - scale, scale);
    }
    return true;
}

/* The shortest text that reads back as the same value, with a point or an exponent. */
static void print_real(double value, bool is_float, struct buf *out)
{
    if (isnan(value) || isinf(value)) {
        buf_add_c(out, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    char text[40];
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        double back = 0;
        if (str_to_double(str_of(text), &back) &&
            (is_float ? (float)back == (float)value : back == value)) {
            break;
        }
    }
    buf_add_c(out, text);
    buf_add_c(out, strpbrk(text, ".e") == NULL ? ".0" : "");
}

/* Time of day; false when it is none. */
static bool print_time(int64_t value, int64_t second, int digits, struct buf *out)
{
    if (value < 0 || value >= 86400 * second) {
        return false;
    }
    int64_t seconds = value / second;
    buf_printf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%0*" PRId64, seconds / 3600,
               seconds / 60 % 60, seconds % 60, digits, value % second);
    return true;
}

/* An instant, or without the zone; false when µs do not hold it. */
static bool print_timestamp(int64_t value, enum avro_logical logical, struct buf *out)
{
    int64_t us = value;
    int64_t nanos;
    switch (logical) {
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_LOCAL_TIMESTAMP_MILLIS:
        if (__builtin_mul_overflow(value, 1000, &us)) {
            return false;
        }
        clock_add_iso_ms(out, us);
        break;
    case AVRO_TIMESTAMP_NANOS:
    case AVRO_LOCAL_TIMESTAMP_NANOS:
        nanos = value % 1000 + (value % 1000 < 0 ? 1000 : 0);
        clock_add_iso_us(out, value / 1000 - (value % 1000 < 0));
        out->len--; /* the Z */
        buf_printf(out, "%03" PRId64 "Z", nanos);
        break;
    default:
        clock_add_iso_us(out, us);
    }
    if (logical >= AVRO_LOCAL_TIMESTAMP_MILLIS) {
        out->len--;
        out->ptr[out->len] = '\0';
    }
    return true;
}

static bool print_integer(int64_t value, enum avro_logical logical, struct buf *out)
{
    switch (logical) {
    case AVRO_DATE:
        clock_add_date(out, value);
        return true;
    case AVRO_TIME_MILLIS:
        return print_time(value, 1000, 3, out);
    case AVRO_TIME_MICROS:
        return print_time(value, 1000000, 6, out);
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
    case AVRO_TIMESTAMP_NANOS:
    case AVRO_LOCAL_TIMESTAMP_MILLIS:
    case AVRO_LOCAL_TIMESTAMP_MICROS:
    case AVRO_LOCAL_TIMESTAMP_NANOS:
        return print_timestamp(value, logical, out);
    default:
        return false;
    }
}

static void print_uuid(struct str bytes, struct buf *out)
{
    static const size_t parts[] = {4, 2, 2, 2, 6};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        buf_add_c(out, i > 0 ? "-" : "");
        buf_add_hex(out, bytes.ptr + at, parts[i]);
        at += parts[i];
    }
}

static void print_duration(struct str bytes, struct buf *out)
{
    uint32_t parts[3]; /* months, days, milliseconds */
    memcpy(parts, bytes.ptr, sizeof(parts));
    buf_printf(out, "P%uM%uDT%u.%03uS", parts[0], parts[1], parts[2] / 1000, parts[2] % 1000);
}

bool codec_avro_value_print(const struct avro_value *value, enum avro_kind kind,
                            enum avro_logical logical, uint32_t scale, struct buf *out)
{
    switch (kind) {
    case AVRO_BOOLEAN:
        buf_add_c(out, value->integer != 0 ? "true" : "false");
        return true;
    case AVRO_INT:
    case AVRO_LONG:
        if (!print_integer(value->integer, logical, out)) {
            buf_add_i64(out, value->integer);
        }
        return true;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        print_real(value->real, kind == AVRO_FLOAT, out);
        return true;
    case AVRO_STRING:
        buf_add_str(out, value->bytes);
        return true;
    default: /* bytes, fixed */
        break;
    }
    if (logical == AVRO_DECIMAL) {
        return print_decimal(value->bytes, scale, out);
    }
    if (logical == AVRO_UUID) {
        print_uuid(value->bytes, out);
    } else if (logical == AVRO_DURATION) {
        print_duration(value->bytes, out);
    } else {
        buf_add_base64(out, value->bytes.ptr, value->bytes.len);
    }
    return true;
}
