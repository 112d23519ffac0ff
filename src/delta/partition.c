/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * partition - partition values as text (delta.md 1.3)
 *
 *     string as is · integers decimal · boolean true/false · date YYYY-MM-DD ·
 *     decimal with its full scale · timestamp YYYY-MM-DDTHH:MM:SS.ffffffZ ·
 *     timestamp_ntz YYYY-MM-DD HH:MM:SS[.ffffff] · float, double as Java prints
 *     them · binary as it is when it is UTF-8
 *
 *  (1) NULL and the empty string are the same: null in the log.
 *  (2) The text is exact: parsing it back gives the value that was in the row.
 *
 * What becomes of the text in object keys is path.c.
 */

/* Digits of |value| that read back as it, the fewest there are, and its decimal exponent:
 * 0.d1d2d3… × 10^exponent. */
static size_t shortest_digits(double value, bool is_float, char digits[24], int *ret_exponent)
{
    char text[40];
    int most = is_float ? 9 : 17;
    for (int precision = 1; precision <= most; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision - 1, value);
        bool same = is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
        if (same || precision == most) {
            break;
        }
    }
    size_t count = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            digits[count++] = *at;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    /* printf writes "e-05": a sign and at least two digits. */
    int64_t exponent = 0;
    bool read = str_to_i64(str_of(at[1] == '+' ? at + 2 : at + 1), &exponent);
    assert(read);
    (void)read;
    *ret_exponent = (int)exponent + 1;
    return count;
}

/* Double.toString and Float.toString: plain in [1e-3, 1e7), else d.dddE±n. */
static void print_java(double value, bool is_float, struct buf *out)
{
    if (isnan(value)) {
        buf_add_c(out, "NaN");
        return;
    }
    if (signbit(value)) {
        buf_add_char(out, '-');
        value = -value;
    }
    if (isinf(value)) {
        buf_add_c(out, "Infinity");
        return;
    }
    if (value == 0) {
        buf_add_c(out, "0.0");
        return;
    }
    char digits[24];
    int exponent = 0;
    size_t count = shortest_digits(value, is_float, digits, &exponent);
    if (value < 1e-3 || value >= 1e7) {
        buf_add_char(out, digits[0]);
        buf_add_char(out, '.');
        buf_add(out, count > 1 ? digits + 1 : "0", count > 1 ? count - 1 : 1);
        buf_printf(out, "E%d", exponent - 1);
        return;
    }
    if (exponent <= 0) {
        buf_add_c(out, "0.");
        for (int i = exponent; i < 0; i++) {
            buf_add_char(out, '0');
        }
        buf_add(out, digits, count);
        return;
    }
    size_t whole = (size_t)exponent;
    for (size_t i = 0; i < whole; i++) {
        buf_add_char(out, i < count ? digits[i] : '0');
    }
    buf_add_char(out, '.');
    buf_add(out, count > whole ? digits + whole : "0", count > whole ? count - whole : 1);
}

static __int128 decimal_at(const struct column *col, size_t row)
{
    unsigned precision = col->type->precision;
    if (precision <= 4) {
        return ((const int16_t *)col->data)[row];
    }
    if (precision <= 9) {
        return ((const int32_t *)col->data)[row];
    }
    if (precision <= 18) {
        return ((const int64_t *)col->data)[row];
    }
    return ((const __int128 *)col->data)[row];
}

static void print_decimal(__int128 value, unsigned scale, struct buf *out)
{
    char digits[48];
    size_t at = sizeof(digits);
    bool negative = value < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    unsigned printed = 0;
    while (rest > 0 || printed <= scale) {
        if (printed == scale && scale > 0) {
            digits[--at] = '.';
        }
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
        printed++;
    }
    if (negative) {
        digits[--at] = '-';
    }
    buf_add(out, digits + at, sizeof(digits) - at);
}

/* YYYY-MM-DD HH:MM:SS[.ffffff] */
static void print_ntz(int64_t us, struct buf *out)
{
    AUTO_BUF struct buf iso = {0};
    clock_add_iso_us(&iso, us);
    struct str text = buf_str(&iso);
    ptrdiff_t t = str_rfind(text, 'T');
    assert(t > 0 && text.len > 8);
    buf_add_str(out, str_head(text, (size_t)t));
    buf_add_char(out, ' ');
    bool whole = us % 1000000 == 0;
    size_t tail = whole ? 8 : 1; /* ".000000Z" or "Z" */
    buf_add_str(out, str_n(text.ptr + t + 1, text.len - (size_t)t - 1 - tail));
}

static int print_binary(struct str bytes, struct buf *out, struct err *err)
{
    if (!str_is_utf8(bytes)) {
        return err_set(err, ERR_DATA, "a binary partition value is not UTF-8");
    }
    buf_add_str(out, bytes);
    return bytes.len > 0;
}

int delta_partition_value(const struct column *col, size_t row, struct buf *out, struct err *err)
{
    if (!column_is_valid(col, row)) {
        return 0;
    }
    const void *data = col->data;
    switch (col->type->kind) {
    case TYPE_BOOLEAN:
        buf_add_c(out, ((const uint8_t *)data)[row] != 0 ? "true" : "false");
        return 1;
    case TYPE_TINYINT:
        buf_add_i64(out, ((const int8_t *)data)[row]);
        return 1;
    case TYPE_SMALLINT:
        buf_add_i64(out, ((const int16_t *)data)[row]);
        return 1;
    case TYPE_INTEGER:
        buf_add_i64(out, ((const int32_t *)data)[row]);
        return 1;
    case TYPE_BIGINT:
        buf_add_i64(out, ((const int64_t *)data)[row]);
        return 1;
    case TYPE_FLOAT:
        print_java((double)((const float *)data)[row], true, out);
        return 1;
    case TYPE_DOUBLE:
        print_java(((const double *)data)[row], false, out);
        return 1;
    case TYPE_DECIMAL:
        print_decimal(decimal_at(col, row), col->type->scale, out);
        return 1;
    case TYPE_STRING:
    case TYPE_BINARY:
        return print_binary(column_get_string(col, row), out, err);
    case TYPE_DATE:
        clock_add_date(out, ((const int32_t *)data)[row]);
        return 1;
    case TYPE_TIMESTAMP:
        clock_add_iso_us(out, ((const int64_t *)data)[row]);
        return 1;
    case TYPE_TIMESTAMP_NTZ:
        print_ntz(((const int64_t *)data)[row], out);
        return 1;
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        break;
    }
    return err_set(err, ERR_DATA, "a nested value cannot be a partition value");
}

int delta_partition_check(const struct type *row_type, const struct str *names, size_t count,
                          struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = type_find_field_nocase(row_type, names[i]);
        if (at < 0) {
            return err_set(err, ERR_CONFIG,
                           "partition column \"%.*s\" is not a column of the query",
                           STR_FMT(names[i]));
        }
        if (type_is_nested(row_type->fields[at].type)) {
            return err_set(err, ERR_CONFIG, "partition column \"%.*s\" cannot be nested",
                           STR_FMT(names[i]));
        }
        for (size_t other = 0; other < i; other++) {
            if (str_eq_nocase(names[other], names[i])) {
                return err_set(err, ERR_CONFIG, "partition column \"%.*s\" is named twice",
                               STR_FMT(names[i]));
            }
        }
    }
    if (count > 0 && count >= row_type->field_count) {
        return err_set(err, ERR_CONFIG,
                       "all columns are partition columns; at least one must not be");
    }
    return 0;
}
