/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_scalar - a scalar into a column that need not be its own
 *
 * Which pairs of kind and column there are is protobuf_plan.c's to say; here no other comes.
 * The usual pairs never come here either: protobuf.c stores them itself.
 *
 * Invariants:
 *  (1) What does not fit is NULL, a bad field and rescued; nothing is cut or wrapped.
 *  (2) Text longer than COLUMN_STRING_INLINE points into the message or the chunk's arena, never
 *      into the schema: the chunk may outlive the codec.
 */
#include "codec/protobuf_scalar.h"

#include <math.h>
#include <stdio.h>

#include "base/base.h"
#include "codec/protobuf_fault.h"
#include "codec/protobuf_rescue.h"

static void put_null(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                     struct codec_protobuf_value value, const char *at, const char *reason,
                     const char *what, struct column *col, size_t row)
{
    codec_protobuf_fault_field(d, node, NULL, at, reason, what);
    column_set_null(col, row);
    if (d->rescues) {
        codec_protobuf_rescue_value(d, node, value, reason);
    }
}

void codec_protobuf_scalar_put_text(struct codec_protobuf *d, struct column *col, size_t row,
                                    struct str text)
{
    column_set_string(col, row, text.len > COLUMN_STRING_INLINE ? arena_str(d->arena, text) : text);
}

static bool is_float_kind(unsigned kind)
{
    return kind == PROTOBUF_DOUBLE || kind == PROTOBUF_FLOAT;
}

static double real_of(unsigned kind, uint64_t bits)
{
    if (kind == PROTOBUF_FLOAT) {
        float narrow;
        memcpy(&narrow, &bits, sizeof(narrow));
        return (double)narrow;
    }
    double wide;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

static __int128 integer_of(unsigned kind, uint64_t bits)
{
    bool is_unsigned = kind == PROTOBUF_UINT64 || kind == PROTOBUF_FIXED64;
    return is_unsigned ? (__int128)bits : (__int128)(int64_t)bits;
}

/* value * 10^scale with at most `precision` digits into a DECIMAL column. */
static bool put_decimal(__int128 value, struct column *col, size_t row)
{
    __int128 limit = 1;
    for (unsigned i = 0; i < col->type->precision; i++) {
        limit *= 10;
    }
    for (unsigned i = 0; i < col->type->scale; i++) {
        limit /= 10; /* the integer's own digits */
    }
    if (value >= limit || value <= -limit) {
        return false;
    }
    for (unsigned i = 0; i < col->type->scale; i++) {
        value *= 10;
    }
    if (col->type->precision <= 4) {
        ((int16_t *)col->data)[row] = (int16_t)value;
    } else if (col->type->precision <= 9) {
        ((int32_t *)col->data)[row] = (int32_t)value;
    } else if (col->type->precision <= 18) {
        ((int64_t *)col->data)[row] = (int64_t)value;
    } else {
        memcpy((char *)col->data + row * sizeof(value), &value, sizeof(value));
    }
    return true;
}

/* An integer in the column's unit of time, as µs; what is finer goes towards the past. */
static bool epoch_us(enum codec_epoch unit, __int128 value, int64_t *ret_us)
{
    switch (unit) {
    case CODEC_EPOCH_SECONDS:
        value *= 1000000;
        break;
    case CODEC_EPOCH_MILLIS:
        value *= 1000;
        break;
    case CODEC_EPOCH_MICROS:
        break;
    case CODEC_EPOCH_NANOS:
        value = (value - (value < 0 ? 999 : 0)) / 1000;
        break;
    }
    *ret_us = (int64_t)value;
    return value == (__int128)*ret_us;
}

/* False when it is out of the column's range. */
static bool put_integer(const struct codec_protobuf *d, __int128 value, struct column *col,
                        size_t row)
{
    int64_t us;
    switch (col->type->kind) {
    case TYPE_TINYINT:
        ((int8_t *)col->data)[row] = (int8_t)value;
        return value == (int8_t)value;
    case TYPE_SMALLINT:
        ((int16_t *)col->data)[row] = (int16_t)value;
        return value == (int16_t)value;
    case TYPE_INTEGER:
        ((int32_t *)col->data)[row] = (int32_t)value;
        return value == (int32_t)value;
    case TYPE_BIGINT:
        ((int64_t *)col->data)[row] = (int64_t)value;
        return value == (int64_t)value;
    case TYPE_DOUBLE:
        ((double *)col->data)[row] = (double)value;
        return true;
    case TYPE_DECIMAL:
        return put_decimal(value, col, row);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        if (!epoch_us(d->timestamp_unit, value, &us)) {
            return false;
        }
        ((int64_t *)col->data)[row] = us;
        return true;
    default:
        assert(false);
        return false;
    }
}

/* The shortest text that reads back as the same number. */
static void print_real(unsigned kind, double value, struct buf *out)
{
    if (isnan(value)) {
        buf_add_c(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_add_c(out, value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    char text[40];
    bool is_float = kind == PROTOBUF_FLOAT;
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        double back = 0;
        if (str_to_double(str_of(text), &back) &&
            (is_float ? (float)back == (float)value : back == value)) {
            break;
        }
    }
    buf_add_c(out, text);
}

/* Without quotes; for all kinds but STRING. */
static void print_bare(const struct codec_protobuf_field *field, struct codec_protobuf_value value,
                       struct buf *out)
{
    switch (field->kind) {
    case PROTOBUF_DOUBLE:
    case PROTOBUF_FLOAT:
        print_real(field->kind, real_of(field->kind, value.bits), out);
        break;
    case PROTOBUF_BOOL:
        buf_add_c(out, value.bits != 0 ? "true" : "false");
        break;
    case PROTOBUF_BYTES:
        buf_add_base64(out, value.bytes.ptr, value.bytes.len);
        break;
    case PROTOBUF_ENUM: {
        const struct codec_protobuf_enum_value *named =
            codec_protobuf_enum_find(field->enumeration, (int32_t)value.bits);
        if (named != NULL) {
            buf_add_str(out, named->name);
        } else {
            buf_add_i64(out, (int64_t)value.bits);
        }
        break;
    }
    case PROTOBUF_UINT64:
    case PROTOBUF_FIXED64:
        buf_add_u64(out, value.bits);
        break;
    default:
        buf_add_i64(out, (int64_t)value.bits);
    }
}

static bool is_quoted(const struct codec_protobuf_field *field, uint64_t bits)
{
    switch (field->kind) {
    case PROTOBUF_INT64:
    case PROTOBUF_UINT64:
    case PROTOBUF_FIXED64:
    case PROTOBUF_SFIXED64:
    case PROTOBUF_SINT64:
    case PROTOBUF_BYTES:
        return true;
    case PROTOBUF_DOUBLE:
    case PROTOBUF_FLOAT:
        return !isfinite(real_of(field->kind, bits));
    case PROTOBUF_ENUM:
        return codec_protobuf_enum_find(field->enumeration, (int32_t)bits) != NULL;
    default:
        return false;
    }
}

void codec_protobuf_scalar_print(const struct codec_protobuf_field *field,
                                 struct codec_protobuf_value value, struct buf *out)
{
    if (field->kind == PROTOBUF_STRING) {
        json_quote(out, value.bytes);
        return;
    }
    bool quotes = is_quoted(field, value.bits);
    buf_add_c(out, quotes ? "\"" : "");
    print_bare(field, value, out);
    buf_add_c(out, quotes ? "\"" : "");
}

static void put_as_text(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                        struct codec_protobuf_value value, const char *at, struct column *col,
                        size_t row)
{
    if (node->field->kind == PROTOBUF_STRING) {
        if (!node->field->checks_utf8 && !str_is_utf8(value.bytes)) {
            put_null(d, node, value, at, "utf8", "a string is not UTF-8", col, row);
            return;
        }
        column_set_string(col, row, value.bytes);
        return;
    }
    buf_reset(&d->text);
    print_bare(node->field, value, &d->text);
    codec_protobuf_scalar_put_text(d, col, row, buf_str(&d->text));
}

void codec_protobuf_scalar_put(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                               struct codec_protobuf_value value, const char *at,
                               struct column *col, size_t row)
{
    unsigned kind = node->field->kind;
    if (col->type->kind == TYPE_STRING) {
        put_as_text(d, node, value, at, col, row);
    } else if (col->type->kind == TYPE_BINARY) {
        column_set_string(col, row, value.bytes);
    } else if (col->type->kind == TYPE_BOOLEAN) {
        ((uint8_t *)col->data)[row] = value.bits != 0;
    } else if (col->type->kind == TYPE_FLOAT) {
        ((float *)col->data)[row] = (float)real_of(kind, value.bits);
    } else if (is_float_kind(kind)) {
        ((double *)col->data)[row] = real_of(kind, value.bits);
    } else if (!put_integer(d, integer_of(kind, value.bits), col, row)) {
        put_null(d, node, value, at, "range", "a number out of the column's range", col, row);
    }
}

void codec_protobuf_scalar_put_time(struct codec_protobuf *d,
                                    const struct codec_protobuf_node *node, const char *at,
                                    struct column *col, size_t row)
{
    __int128 us = (__int128)node->seconds * 1000000;
    int64_t nanos = node->nanos;
    us += (nanos - (nanos < 0 ? 999 : 0)) / 1000; /* towards the past */
    if (UNLIKELY(us != (int64_t)us)) {
        codec_protobuf_fault_field(d, node, NULL, at, "range", "a time out of range");
        column_set_null(col, row);
        if (d->rescues) {
            codec_protobuf_rescue_time(d, node, "range");
        }
        return;
    }
    ((int64_t *)col->data)[row] = (int64_t)us;
}

/* ".123" for the digits that are needed, three at a time. */
static void print_nanos(uint32_t nanos, struct buf *out)
{
    if (nanos % 1000000 == 0) {
        buf_printf(out, ".%03u", nanos / 1000000);
    } else if (nanos % 1000 == 0) {
        buf_printf(out, ".%06u", nanos / 1000);
    } else {
        buf_printf(out, ".%09u", nanos);
    }
}

bool codec_protobuf_scalar_print_timestamp(int64_t seconds, int32_t nanos, struct buf *out)
{
    const int64_t day = 86400;
    /* Years 1 to 9999. */
    if (seconds < INT64_C(-62135596800) || seconds > INT64_C(253402300799) || nanos < 0 ||
        nanos > 999999999) {
        return false;
    }
    int64_t days = seconds / day - (seconds % day < 0);
    int64_t rest = seconds - days * day;
    clock_add_date(out, days);
    buf_printf(out, "T%02" PRId64 ":%02" PRId64 ":%02" PRId64, rest / 3600, rest / 60 % 60,
               rest % 60);
    if (nanos != 0) {
        print_nanos((uint32_t)nanos, out);
    }
    buf_add_char(out, 'Z');
    return true;
}

bool codec_protobuf_scalar_print_duration(int64_t seconds, int32_t nanos, struct buf *out)
{
    const int64_t limit = INT64_C(315576000000);
    if (seconds < -limit || seconds > limit || nanos < -999999999 || nanos > 999999999 ||
        (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0)) {
        return false;
    }
    buf_add_c(out, seconds < 0 || nanos < 0 ? "-" : "");
    buf_add_u64(out, (uint64_t)(seconds < 0 ? -seconds : seconds));
    if (nanos != 0) {
        print_nanos((uint32_t)(nanos < 0 ? -nanos : nanos), out);
    }
    buf_add_char(out, 's');
    return true;
}
