/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scalar - one value into one row of a column that is not nested
 *
 * The table of what fits where is in README.md.  The rules are those of Spark's
 * JacksonParser where it has any; json.c has the fast paths in front of these.
 */
#include "codec/json_scalar.h"

#include <math.h>

#include "base/base.h"
#include "codec/json_fault.h"
#include "codec/json_number.h"
#include "codec/json_rescue.h"
#include "codec/json_scan.h"
#include "codec/json_skip.h"
#include "codec/json_string.h"

/* What DuckDB can hold: its ends are its infinities, below the first day nothing prints. */
#define TIMESTAMP_MIN (-INT64_C(9223372022400000000))
#define TIMESTAMP_MAX (INT64_MAX - 1)
#define DATE_MAX      (INT32_MAX - 1)

static const char *kind_of_value(char c)
{
    switch (c) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    default:
        return "a number";
    }
}

/* NULL in the column, a note for the rescue and, when it is the first, the fault. */
static void set_bad(struct codec_json *j, const struct codec_json_node *node, const char *p,
                    struct column *col, size_t row, const char *reason)
{
    AUTO_BUF struct buf type = {0};
    type_print(node->type, &type);
    struct str name = str_head(buf_str(&type), 48);
    if (strcmp(reason, "range") == 0) {
        codec_json_fault_field(j, node, p, reason, "out of range for %.*s", STR_FMT(name));
    } else if (strcmp(reason, "format") == 0) {
        codec_json_fault_field(j, node, p, reason, "%s that does not read as %.*s",
                               kind_of_value(*p), STR_FMT(name));
    } else {
        codec_json_fault_field(j, node, p, reason, "%s, wanted %.*s", kind_of_value(*p),
                               STR_FMT(name));
    }
    if (j->rescue != NULL) {
        codec_json_rescue_note(j->rescue, p, reason);
    }
    column_set_null(col, row);
}

const char *codec_json_scalar_mismatch(struct codec_json *j, const struct codec_json_node *node,
                                       const char *p, struct column *col, size_t row)
{
    const char *behind = codec_json_skip(j, node, p);
    if (behind != NULL) {
        set_bad(j, node, p, col, row, "type");
    }
    return behind;
}

const char *codec_json_scalar_string(struct codec_json *j, const struct codec_json_node *node,
                                     const char *p, struct column *col, size_t row)
{
    struct str text;
    const char *behind = codec_json_string_read(j, node, p, &text);
    if (behind != NULL) {
        column_set_string(col, row, text);
    }
    return behind;
}

static void put_integer(struct column *col, size_t row, enum type_kind kind, int64_t value)
{
    switch (kind) {
    case TYPE_TINYINT:
        ((int8_t *)col->data)[row] = (int8_t)value;
        break;
    case TYPE_SMALLINT:
        ((int16_t *)col->data)[row] = (int16_t)value;
        break;
    case TYPE_INTEGER:
    case TYPE_DATE:
        ((int32_t *)col->data)[row] = (int32_t)value;
        break;
    default:
        ((int64_t *)col->data)[row] = value;
    }
}

static void put_decimal(struct column *col, size_t row, uint8_t precision, __int128 value)
{
    if (precision <= 4) {
        ((int16_t *)col->data)[row] = (int16_t)value;
    } else if (precision <= 9) {
        ((int32_t *)col->data)[row] = (int32_t)value;
    } else if (precision <= 18) {
        ((int64_t *)col->data)[row] = (int64_t)value;
    } else {
        memcpy((char *)col->data + row * sizeof(value), &value, sizeof(value));
    }
}

/* Whether an integer column of that kind holds the value. */
static bool integer_fits(enum type_kind kind, int64_t value)
{
    switch (kind) {
    case TYPE_TINYINT:
        return value == (int8_t)value;
    case TYPE_SMALLINT:
        return value == (int16_t)value;
    case TYPE_INTEGER:
        return value == (int32_t)value;
    case TYPE_DATE:
        return value >= -DATE_MAX && value <= DATE_MAX;
    case TYPE_TIMESTAMP:
        return value >= TIMESTAMP_MIN && value <= TIMESTAMP_MAX;
    default:
        return true;
    }
}

bool codec_json_scalar_integer(enum type_kind kind, int64_t value, struct column *col, size_t row)
{
    if (!integer_fits(kind, value)) {
        return false;
    }
    put_integer(col, row, kind, value);
    return true;
}

/* The number as an integer for an integer, DATE or TIMESTAMP column; a reason when it is none. */
static const char *number_to_integer(const struct codec_json *j, enum type_kind kind,
                                     const struct codec_json_number *n, int64_t *ret_value)
{
    static const int scales[] = {[CODEC_EPOCH_SECONDS] = 6,
                                 [CODEC_EPOCH_MILLIS] = 3,
                                 [CODEC_EPOCH_MICROS] = 0,
                                 [CODEC_EPOCH_NANOS] = -3};
    int scale = kind == TYPE_TIMESTAMP ? scales[j->timestamp_unit] : 0;
    if (kind != TYPE_TIMESTAMP && !n->is_integer) {
        return "type";
    }
    __int128 wide;
    if (codec_json_number_scaled(n, 38, scale, CODEC_JSON_FLOOR, &wide) != CODEC_JSON_FITS ||
        wide != (int64_t)wide || !integer_fits(kind, (int64_t)wide)) {
        return "range";
    }
    *ret_value = (int64_t)wide;
    return NULL;
}

static const char *decode_number(struct codec_json *j, const struct codec_json_node *node,
                                 const char *p, struct column *col, size_t row)
{
    struct codec_json_number n;
    const char *behind = codec_json_number_scan(j, node, p, &n);
    if (behind == NULL) {
        return NULL;
    }
    const char *reason = NULL;
    int64_t integer;
    __int128 decimal;
    switch (node->kind) {
    case TYPE_FLOAT:
        reason = codec_json_number_float(j, &n, (float *)col->data + row) ? NULL : "range";
        break;
    case TYPE_DOUBLE:
        reason = codec_json_number_double(j, &n, (double *)col->data + row) ? NULL : "range";
        break;
    case TYPE_DECIMAL:
        if (codec_json_number_scaled(&n, node->type->precision, node->type->scale,
                                     CODEC_JSON_HALF_UP, &decimal) != CODEC_JSON_FITS) {
            reason = "range";
        } else {
            put_decimal(col, row, node->type->precision, decimal);
        }
        break;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
        reason = number_to_integer(j, node->kind, &n, &integer);
        if (reason == NULL) {
            put_integer(col, row, node->kind, integer);
        }
        break;
    default:
        reason = "type";
    }
    if (reason != NULL) {
        set_bad(j, node, p, col, row, reason);
    }
    return behind;
}

/* "NaN" and the infinities, as Spark's allowNonNumericNumbers takes them from strings. */
static bool special_double(struct str text, double *ret_value)
{
    static const struct {
        const char *text;
        int sign;
    } names[] = {{"NaN", 0},  {"Infinity", 1},   {"+Infinity", 1},
                 {"+INF", 1}, {"-Infinity", -1}, {"-INF", -1}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(text, names[i].text)) {
            *ret_value = names[i].sign == 0 ? (double)NAN : (double)INFINITY * names[i].sign;
            return true;
        }
    }
    return false;
}

/* Two digits at p, 10,000 when they are not: too much for any part of a time. */
static inline unsigned two_digits(const char *p)
{
    unsigned high = (unsigned char)(p[0] - '0');
    unsigned low = (unsigned char)(p[1] - '0');
    return high > 9 || low > 9 ? 10000 : high * 10 + low;
}

/* Digits behind the point at *p, cut after six, as µs; false without any. */
static bool read_fraction(const char **p, const char *end, uint32_t *ret_us)
{
    const char *at = *p + 1;
    uint32_t us = 0;
    int count = 0;
    for (; at < end && scan_is_digit(*at); at++) {
        if (count < 6) {
            us = us * 10 + (uint32_t)(*at - '0');
            count++;
        }
    }
    bool has_digits = at > *p + 1;
    *ret_us = us * (uint32_t)codec_json_number_powers[6 - count];
    *p = at;
    return has_digits;
}

/* The day at p, "2026-11-22", since 1970-01-01; false when it is none of the years 1-9999. */
static inline bool read_day(const char *p, int64_t *ret_days)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = two_digits(p) * 100 + two_digits(p + 2);
    unsigned month = two_digits(p + 5);
    unsigned day = two_digits(p + 8);
    if (year - 1 > 9998 || month - 1 > 11) {
        return false;
    }
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day - 1 >= month_days[month - 1] + (unsigned)(is_leap && month == 2)) {
        return false;
    }
    /* Counted since 0000-03-01, so that a leap day is a year's last. */
    unsigned y = year - (month <= 2);
    unsigned m = month > 2 ? month - 3 : month + 9;
    *ret_days =
        (int64_t)(y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1) - 719468;
    return true;
}

bool codec_json_scalar_usual_time(struct str text, int64_t *ret_us, bool *ret_has_zone)
{
    const char *p = text.ptr;
    const char *end = p + text.len;
    if (text.len < 19 || p[4] != '-' || p[7] != '-' || (p[10] != 'T' && p[10] != ' ') ||
        p[13] != ':' || p[16] != ':') {
        return false;
    }
    int64_t days;
    unsigned hour = two_digits(p + 11);
    unsigned minute = two_digits(p + 14);
    unsigned second = two_digits(p + 17);
    if (!read_day(p, &days) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    p += 19;
    uint32_t us = 0;
    if (p < end && *p == '.' && !read_fraction(&p, end, &us)) {
        return false;
    }
    bool has_zone = p < end && *p == 'Z';
    if (p + has_zone != end) {
        return false;
    }
    int64_t seconds = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second);
    *ret_us = seconds * 1000000 + us;
    *ret_has_zone = has_zone;
    return true;
}

/* A reason when the text is no timestamp for a column of that kind. */
static const char *text_to_time(enum type_kind kind, struct str text, int64_t *ret_us)
{
    bool has_zone;
    if (!codec_json_scalar_usual_time(text, ret_us, &has_zone) &&
        !clock_parse_timestamp(text, ret_us, &has_zone)) {
        return "format";
    }
    if (kind == TYPE_TIMESTAMP_NTZ && has_zone) {
        return "format"; /* Spark: parseWithoutTimeZone(…, allowTimeZone = false) */
    }
    return integer_fits(TYPE_TIMESTAMP, *ret_us) ? NULL : "range";
}

const char *codec_json_scalar_text(struct codec_json *j, const struct codec_json_node *node,
                                   struct str text, struct column *col, size_t row)
{
    double number;
    __int128 decimal;
    switch (node->kind) {
    case TYPE_BINARY: {
        struct str bytes;
        if (!codec_json_string_base64(j, text, &bytes)) {
            return "format";
        }
        column_set_string(col, row, bytes);
        return NULL;
    }
    case TYPE_DATE:
        return clock_parse_date(text, (int32_t *)col->data + row) ? NULL : "format";
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return text_to_time(node->kind, text, (int64_t *)col->data + row);
    case TYPE_DECIMAL:
        switch (codec_json_number_decimal(text, node->type->precision, node->type->scale,
                                          CODEC_JSON_HALF_UP, &decimal)) {
        case CODEC_JSON_FITS:
            put_decimal(col, row, node->type->precision, decimal);
            return NULL;
        case CODEC_JSON_OUT_OF_RANGE:
            return "range";
        case CODEC_JSON_NO_NUMBER:
            return "format";
        }
        return "format";
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        if (!special_double(text, &number)) {
            return "type";
        }
        if (node->kind == TYPE_FLOAT) {
            ((float *)col->data)[row] = (float)number;
        } else {
            ((double *)col->data)[row] = number;
        }
        return NULL;
    default:
        return "type";
    }
}

static const char *decode_text(struct codec_json *j, const struct codec_json_node *node,
                               const char *p, struct column *col, size_t row)
{
    struct str text;
    const char *behind = codec_json_string_read(j, node, p, &text);
    if (behind == NULL) {
        return NULL;
    }
    const char *reason = codec_json_scalar_text(j, node, text, col, row);
    if (reason != NULL) {
        set_bad(j, node, p, col, row, reason);
    }
    return behind;
}

/* NaN and infinities without quotes: allow_nan, into FLOAT and DOUBLE. */
static const char *decode_bare_special(struct codec_json *j, const struct codec_json_node *node,
                                       const char *p, struct column *col, size_t row)
{
    const char *behind = codec_json_skip(j, node, p);
    if (behind == NULL) {
        return NULL;
    }
    const char *reason = "type";
    if (node->kind == TYPE_FLOAT || node->kind == TYPE_DOUBLE) {
        reason = codec_json_scalar_text(j, node, str_n(p, (size_t)(behind - p)), col, row);
    }
    if (reason != NULL) {
        set_bad(j, node, p, col, row, reason);
    }
    return behind;
}

const char *codec_json_scalar_decode(struct codec_json *j, const struct codec_json_node *node,
                                     const char *p, struct column *col, size_t row)
{
    if (*p == 'n') {
        const char *behind = codec_json_skip(j, node, p);
        if (behind != NULL) {
            column_set_null(col, row);
        }
        return behind;
    }
    if (node->kind == TYPE_STRING) {
        if (*p == '"') {
            return codec_json_scalar_string(j, node, p, col, row);
        }
        const char *behind = codec_json_skip(j, node, p);
        if (behind != NULL) {
            column_set_string(col, row, str_n(p, (size_t)(behind - p)));
        }
        return behind;
    }
    switch (*p) {
    case '"':
        return type_is_nested(node->type) ? codec_json_scalar_mismatch(j, node, p, col, row)
                                          : decode_text(j, node, p, col, row);
    case 't':
    case 'f': {
        const char *behind = codec_json_skip(j, node, p);
        if (behind == NULL) {
            return NULL;
        }
        if (node->kind == TYPE_BOOLEAN) {
            ((uint8_t *)col->data)[row] = *p == 't';
        } else {
            set_bad(j, node, p, col, row, "type");
        }
        return behind;
    }
    case '{':
    case '[':
        return codec_json_scalar_mismatch(j, node, p, col, row);
    case 'N':
    case 'I':
        return decode_bare_special(j, node, p, col, row);
    case '-':
        if (p[1] == 'I') {
            return decode_bare_special(j, node, p, col, row);
        }
        return decode_number(j, node, p, col, row);
    default:
        return decode_number(j, node, p, col, row);
    }
}
