/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta.h"

#include <math.h>

/*
 * prune - can a file have rows that pass a filter, by what the log says of it
 *
 * The log has each file's partition values and, often, statistics (delta.md 1.5):
 *
 *     {"numRecords":3,"minValues":{"a":1},"maxValues":{"a":9},"nullCount":{"a":0}}
 *
 *  (1) What is missing, malformed or in doubt is unknown, and unknown keeps the
 *      file.
 *  (2) Times are cut to milliseconds: the maximum is one millisecond higher.
 *      A time with a zone other than Z is in doubt: writers cut the seconds off
 *      zones.  So are days and times before 1900, which old writers count in
 *      another calendar.
 *  (3) A maximum of text that ends in U+FFFD was cut by an old writer and is none:
 *      there are characters above.  U+007F and U+10FFFF, which others append, hold.
 *  (4) Of FLOAT and DOUBLE, a NaN is in no statistics.  Decimals of more than 15
 *      digits may have gone through a double.
 *  (5) With wide bounds (tightBounds false, after a deletion) a count of nulls is
 *      sure only when it is 0 or all: no other use is made of any.
 *  (6) The empty partition value is NULL for every type.
 */
enum { DECIMAL_DIGITS_MAX = 15, ROUNDING_US = 1000 };

struct prune {
    const struct delta_column *columns;
    const struct json *values; /* NULL = not an object */
    const struct json *min, *max, *nulls;
    int64_t row_count;
    struct sql_range range; /* the last one that was asked for */
};

/* ---- values -------------------------------------------------------------------------------- */

static struct sql_value none(void)
{
    return (struct sql_value){.kind = SQL_VALUE_NONE};
}

static struct sql_value number(int64_t value)
{
    return (struct sql_value){.kind = SQL_VALUE_NUMBER, .number = value};
}

/* "-1.50" with scale 3 → -1500. */
static struct sql_value decimal(struct str text, uint8_t scale)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    size_t digits = 0;
    int fraction = -1; /* digits behind the point */
    int64_t value = 0;
    text = str_skip(text, negative ? 1 : 0);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (c < '0' || c > '9' || digits > DECIMAL_DIGITS_MAX) {
            return none();
        }
        value = value * 10 + (c - '0');
        digits += value != 0 ? 1 : 0;
        fraction += fraction >= 0 ? 1 : 0;
    }
    for (fraction = fraction < 0 ? 0 : fraction; fraction < scale; fraction++) {
        digits += value != 0 ? 1 : 0;
        if (digits > DECIMAL_DIGITS_MAX) {
            return none();
        }
        value *= 10;
    }
    if (text.len == 0 || fraction != scale || digits > DECIMAL_DIGITS_MAX) {
        return none();
    }
    return number(negative ? -value : value);
}

static struct sql_value real(struct str text, bool single)
{
    double value = 0;
    if (!str_to_double(text, &value) || !isfinite(value)) {
        return none();
    }
    return (struct sql_value){.kind = SQL_VALUE_REAL,
                              .real = single ? (double)(float)value : value};
}

static bool is_old(int64_t days)
{
    return days < clock_days_of(1900, 1, 1);
}

static struct sql_value date(struct str text)
{
    int32_t days = 0;
    return clock_parse_date(text, &days) && !is_old(days) ? number(days) : none();
}

static struct sql_value timestamp(struct str text)
{
    const int64_t day_us = (int64_t)86400 * 1000000;
    int64_t us = 0;
    bool has_zone = false;
    if (!clock_parse_timestamp(text, &us, &has_zone) || is_old(us / day_us) ||
        (has_zone && !str_ends(text, STR("Z")))) {
        return none();
    }
    return number(us);
}

static struct sql_value flag(struct str text)
{
    bool is_true = str_eq_c(text, "true");
    return is_true || str_eq_c(text, "false") ? number(is_true) : none();
}

/* A partition value, or the text of a bound. */
static struct sql_value value_of(const struct type *type, struct str text)
{
    int64_t value = 0;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return flag(text);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        return str_to_i64(text, &value) ? number(value) : none();
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return real(text, type->kind == TYPE_FLOAT);
    case TYPE_DECIMAL:
        return decimal(text, type->scale);
    case TYPE_STRING:
        return (struct sql_value){.kind = SQL_VALUE_TEXT, .text = text};
    case TYPE_DATE:
        return date(text);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return timestamp(text);
    default:
        return none();
    }
}

static struct sql_value bound_of(const struct type *type, const struct json *bound, bool is_max)
{
    bool is_text = type->kind == TYPE_STRING || type->kind == TYPE_DATE ||
                   type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMP_NTZ;
    if (bound == NULL || bound->kind != (is_text ? JSON_STRING : JSON_NUMBER)) {
        return none();
    }
    struct sql_value value = value_of(type, bound->text);
    if (!is_max || value.kind == SQL_VALUE_NONE) {
        return value;
    }
    if (type->kind == TYPE_TIMESTAMP || type->kind == TYPE_TIMESTAMP_NTZ) {
        value.number += ROUNDING_US;
    } else if (type->kind == TYPE_STRING && str_ends(bound->text, STR("\xEF\xBF\xBD"))) {
        return none();
    }
    return value;
}

/* ---- ranges -------------------------------------------------------------------------------- */

static const struct sql_range *partition_range(struct prune *p, const struct delta_column *column)
{
    struct str text = STR_NULL;
    const struct json *value = json_find(p->values, column->name.ptr);
    if (value == NULL || (value->kind != JSON_STRING && value->kind != JSON_NULL)) {
        return NULL;
    }
    if (!json_get_str(value, &text) || text.len == 0) {
        p->range = (struct sql_range){.row_count = 1, .null_count = 1};
        return &p->range;
    }
    struct sql_value only = value_of(column->type, text);
    p->range = (struct sql_range){.row_count = 1, .null_count = 0, .min = only, .max = only};
    return &p->range;
}

static const struct sql_range *range_of(void *user, size_t index)
{
    struct prune *p = user;
    const struct delta_column *column = &p->columns[index];
    const char *name = column->name.ptr;
    if (column->partition >= 0) {
        return partition_range(p, column);
    }
    bool is_real = column->type->kind == TYPE_FLOAT || column->type->kind == TYPE_DOUBLE;
    p->range = (struct sql_range){
        .row_count = p->row_count,
        .null_count = -1,
        .min = bound_of(column->type, json_find(p->min, name), false),
        .max = bound_of(column->type, json_find(p->max, name), true),
        .may_have_nan = is_real,
    };
    if (!json_get_i64(json_find(p->nulls, name), &p->range.null_count)) {
        p->range.null_count = -1;
    }
    return &p->range;
}

bool delta_prune(struct arena *scratch, const struct delta_column *columns,
                 const struct delta_file *file, const struct sql_filter *filter)
{
    struct prune p = {.columns = columns, .row_count = -1};
    struct json *root = NULL;
    struct err ignored;
    if (filter == NULL) {
        return false;
    }
    if (json_parse(scratch, file->partition_values, &root, &ignored) >= 0) {
        p.values = root;
    }
    root = NULL;
    if (file->stats.len > 0 && json_parse(scratch, file->stats, &root, &ignored) >= 0) {
        p.min = json_find(root, "minValues");
        p.max = json_find(root, "maxValues");
        p.nulls = json_find(root, "nullCount");
        if (!json_get_i64(json_find(root, "numRecords"), &p.row_count)) {
            p.row_count = -1;
        }
    }
    return sql_filter_excludes(filter, range_of, &p);
}
