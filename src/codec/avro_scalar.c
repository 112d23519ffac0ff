/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_scalar - one value that is not nested into one row of a column
 *
 * What Spark's AvroDeserializer takes, and beyond it what loses nothing: a column of a wider type,
 * a narrower integer where the value fits, a text.  The writer's value is read, promoted to the
 * reader's kind, and put into the column by its type; what is common has an op of its own, which
 * avro.c does without coming here.
 */
#include "codec/avro_scalar.h"

#include <math.h>

#include "base/base.h"
#include "codec/avro_fault.h"
#include "codec/avro_resolve.h"
#include "codec/avro_value.h"

/* --- planning ----------------------------------------------------------------- */

static bool is_integer(enum avro_kind kind)
{
    return kind == AVRO_INT || kind == AVRO_LONG;
}

/* A timestamp column: of the unit that the schema says, of milliseconds when it says none. */
static bool choose_timestamp(struct avro_op *op, enum avro_kind writer)
{
    enum avro_logical millis =
        op->type->kind == TYPE_TIMESTAMP ? AVRO_TIMESTAMP_MILLIS : AVRO_LOCAL_TIMESTAMP_MILLIS;
    if (op->reader != AVRO_LONG) {
        return false;
    }
    if (op->logical == AVRO_PLAIN) {
        op->logical = millis;
    }
    if (op->logical < millis || op->logical > millis + 2) {
        return false;
    }
    if (writer == AVRO_LONG && op->logical != millis + 2) {
        op->code = op->logical == millis ? AVRO_OP_MILLIS : AVRO_OP_INT64;
    }
    return true;
}

static bool choose_decimal(const struct avro_op *op, uint32_t precision)
{
    const struct type *t = op->type;
    if (op->logical == AVRO_DECIMAL) {
        return t->scale >= op->scale &&
               (int64_t)t->precision - t->scale >= (int64_t)precision - op->scale;
    }
    return is_integer(op->reader) && op->logical == AVRO_PLAIN;
}

static bool choose_text(struct avro_op *op, enum avro_kind writer)
{
    switch (op->reader) {
    case AVRO_STRING:
        if (writer == AVRO_STRING) {
            op->code = AVRO_OP_STRING;
        }
        return true;
    case AVRO_FIXED:
        return op->logical != AVRO_PLAIN;
    default:
        return true;
    }
}

bool codec_avro_scalar_choose(struct avro_op *op, const struct avro_schema *writer,
                              const struct avro_schema *reader)
{
    enum avro_kind w = writer->kind;
    enum avro_kind r = reader->kind;
    const struct avro_schema *decimal = writer->logical == AVRO_DECIMAL ? writer : reader;
    op->code = AVRO_OP_SCALAR;
    op->reader = r;
    op->logical = r == AVRO_STRING ? AVRO_PLAIN : codec_avro_resolve_logical(writer, reader);
    op->scale = decimal->scale;
    bool is_number = is_integer(r) && op->logical == AVRO_PLAIN;
    switch (op->type->kind) {
    case TYPE_BOOLEAN:
        op->code = AVRO_OP_BOOLEAN;
        return r == AVRO_BOOLEAN;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
        return is_number;
    case TYPE_INTEGER:
        op->code = r == AVRO_INT ? AVRO_OP_INT32 : AVRO_OP_SCALAR;
        return r == AVRO_INT || is_number;
    case TYPE_BIGINT:
        op->code = w == AVRO_LONG ? AVRO_OP_INT64 : AVRO_OP_SCALAR;
        return is_integer(r);
    case TYPE_FLOAT:
        op->code = w == AVRO_FLOAT ? AVRO_OP_FLOAT : AVRO_OP_SCALAR;
        return r == AVRO_FLOAT;
    case TYPE_DOUBLE:
        op->code = w == AVRO_DOUBLE ? AVRO_OP_DOUBLE : AVRO_OP_SCALAR;
        return r == AVRO_FLOAT || r == AVRO_DOUBLE || is_number;
    case TYPE_DECIMAL:
        return choose_decimal(op, decimal->precision);
    case TYPE_STRING:
        return choose_text(op, w);
    case TYPE_BINARY:
        op->code = r == AVRO_FIXED ? AVRO_OP_SCALAR : AVRO_OP_BINARY;
        return r == AVRO_BYTES || r == AVRO_STRING || r == AVRO_FIXED;
    case TYPE_DATE:
        op->code = AVRO_OP_INT32;
        return r == AVRO_INT && (op->logical == AVRO_DATE || op->logical == AVRO_PLAIN);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return choose_timestamp(op, w);
    default:
        return false;
    }
}

/* --- decoding ----------------------------------------------------------------- */

struct site {
    struct codec_avro *a;
    const struct avro_op *op;
    const char *at; /* where the value begins */
    struct column *col;
    size_t row;
};

static COLD void bad(const struct site *s, const char *reason, const char *what)
{
    codec_avro_fault_field(s->a, s->op, s->at, reason, "%s", what);
    column_set_null(s->col, s->row);
}

static COLD void out_of_range(const struct site *s)
{
    AUTO_BUF struct buf type = {0};
    type_print(s->op->type, &type);
    codec_avro_fault_field(s->a, s->op, s->at, "range", "a number beyond %.*s",
                           STR_FMT(buf_str(&type)));
    column_set_null(s->col, s->row);
}

static void put_integer(const struct site *s, int64_t value)
{
    bool fits = true;
    switch (s->op->type->kind) {
    case TYPE_TINYINT:
        fits = value == (int8_t)value;
        ((int8_t *)s->col->data)[s->row] = (int8_t)value;
        break;
    case TYPE_SMALLINT:
        fits = value == (int16_t)value;
        ((int16_t *)s->col->data)[s->row] = (int16_t)value;
        break;
    case TYPE_INTEGER:
        fits = value == (int32_t)value;
        ((int32_t *)s->col->data)[s->row] = (int32_t)value;
        break;
    default:
        ((int64_t *)s->col->data)[s->row] = value;
    }
    if (!fits) {
        out_of_range(s);
    }
}

static void put_timestamp(const struct site *s, int64_t value)
{
    int64_t us = value;
    switch (s->op->logical) {
    case AVRO_TIMESTAMP_NANOS:
    case AVRO_LOCAL_TIMESTAMP_NANOS:
        us = value / 1000 - (value % 1000 < 0);
        break;
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_LOCAL_TIMESTAMP_MILLIS:
        if (__builtin_mul_overflow(value, 1000, &us)) {
            out_of_range(s);
            return;
        }
        break;
    default:
        break;
    }
    ((int64_t *)s->col->data)[s->row] = us;
}

/* `value` times 10^shift, when it is below 10^precision then. */
static bool scale_up(__int128 value, unsigned shift, unsigned precision, __int128 *ret_value)
{
    __int128 limit = 1;
    for (unsigned i = 0; i < precision; i++) {
        limit *= 10;
    }
    for (unsigned i = 0; i < shift; i++) {
        if (value >= limit || value <= -limit) {
            return false;
        }
        value *= 10;
    }
    *ret_value = value;
    return value < limit && value > -limit;
}

static void put_decimal(const struct site *s, const struct avro_value *v)
{
    const struct type *t = s->op->type;
    __int128 value = v->integer;
    unsigned scale = 0;
    if (s->op->logical == AVRO_DECIMAL) {
        scale = s->op->scale;
        if (v->bytes.len == 0) {
            bad(s, "format", "a decimal without a byte");
            return;
        }
        if (!codec_avro_value_decimal(v->bytes, &value)) {
            out_of_range(s);
            return;
        }
    }
    if (!scale_up(value, t->scale - scale, t->precision, &value)) {
        out_of_range(s);
        return;
    }
    if (t->precision <= 4) {
        ((int16_t *)s->col->data)[s->row] = (int16_t)value;
    } else if (t->precision <= 9) {
        ((int32_t *)s->col->data)[s->row] = (int32_t)value;
    } else if (t->precision <= 18) {
        ((int64_t *)s->col->data)[s->row] = (int64_t)value;
    } else {
        memcpy((char *)s->col->data + s->row * sizeof(value), &value, sizeof(value));
    }
}

static void put_text(const struct site *s, const struct avro_value *v)
{
    const struct avro_op *op = s->op;
    bool is_as_it_is =
        (op->reader == AVRO_STRING || op->reader == AVRO_BYTES) && op->logical != AVRO_DECIMAL;
    if (is_as_it_is) {
        if (!str_is_utf8(v->bytes)) {
            bad(s, "utf8", "bytes that are not UTF-8");
            return;
        }
        column_set_string(s->col, s->row, v->bytes);
        return;
    }
    AUTO_BUF struct buf text = {0};
    if (!codec_avro_value_print(v, op->reader, op->logical, op->scale, &text)) {
        bad(s, "range", "a decimal of more digits than there can be");
        return;
    }
    struct str shown = buf_str(&text);
    column_set_string(s->col, s->row,
                      shown.len > COLUMN_STRING_INLINE ? arena_str(s->a->arena, shown) : shown);
}

/* The writer's number as the reader's kind of number. */
static double promote(const struct avro_op *op, const struct avro_value *v)
{
    if (!is_integer(op->writer->kind)) {
        return v->real;
    }
    return op->reader == AVRO_FLOAT ? (double)(float)v->integer : (double)v->integer;
}

const char *codec_avro_scalar_decode(struct codec_avro *a, const struct avro_op *op, const char *p,
                                     struct column *col, size_t row)
{
    struct site s = {.a = a, .op = op, .at = p, .col = col, .row = row};
    struct avro_value v = {0};
    p = codec_avro_value_read(a, op, op->writer, p, &v);
    if (UNLIKELY(p == NULL)) {
        return NULL;
    }
    if (op->reader == AVRO_FLOAT || op->reader == AVRO_DOUBLE) {
        v.real = promote(op, &v);
    }
    switch (op->type->kind) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        put_integer(&s, v.integer);
        break;
    case TYPE_FLOAT:
        ((float *)col->data)[row] = (float)v.real;
        break;
    case TYPE_DOUBLE:
        ((double *)col->data)[row] = is_integer(op->reader) ? (double)v.integer : v.real;
        break;
    case TYPE_DECIMAL:
        put_decimal(&s, &v);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        put_timestamp(&s, v.integer);
        break;
    case TYPE_STRING:
        put_text(&s, &v);
        break;
    case TYPE_BINARY:
        column_set_string(col, row, v.bytes);
        break;
    default:
        assert(false);
    }
    return p;
}
