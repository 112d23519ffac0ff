/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory - columns over plain memory, and a row's text
 *
 * The stand-in for DuckDB's vectors in tests, fuzz targets and benchmarks.  Like
 * them it moves the data of list children when they grow, so a codec that keeps a
 * pointer across a reserve is caught by the address sanitizer.
 *
 * Invariants:
 *  (1) The struct column objects stay where they are; only what they point to moves.
 *  (2) A STRUCT's children have its capacity; a list's children have their own.
 */
#include "column/memory.h"

#include <math.h>
#include <stdio.h>

#include "base/base.h"

struct column_memory {
    struct column *columns;
    size_t count;
};

static size_t bitmap_bytes(size_t rows)
{
    return (rows + 63) / 64 * sizeof(uint64_t);
}

static size_t value_bytes(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
    case TYPE_TINYINT:
        return 1;
    case TYPE_SMALLINT:
        return 2;
    case TYPE_INTEGER:
    case TYPE_FLOAT:
    case TYPE_DATE:
        return 4;
    case TYPE_BIGINT:
    case TYPE_DOUBLE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return 8;
    case TYPE_DECIMAL:
        return t->precision <= 4 ? 2 : t->precision <= 9 ? 4 : t->precision <= 18 ? 8 : 16;
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_ARRAY:
    case TYPE_MAP:
        return 16;
    case TYPE_STRUCT:
        return 0;
    }
    return 0;
}

static void make_validity(struct column *col)
{
    size_t bytes = bitmap_bytes(col->capacity);
    col->validity = mem_realloc(col->validity, bytes + sizeof(uint64_t));
    memset(col->validity, 0xff, bytes);
}

/* Room for `capacity` rows, the new ones valid; a STRUCT's children follow. */
static void grow(struct column *col, size_t capacity)
{
    assert(capacity >= col->capacity);
    size_t each = value_bytes(col->type);
    if (each > 0) {
        /* Always to a new place: whoever kept the old pointer shall be caught. */
        char *data = mem_zalloc(mem_product(each, capacity) + 1);
        if (col->data != NULL) {
            memcpy(data, col->data, each * col->capacity);
        }
        mem_free(col->data);
        col->data = data;
    }
    if (col->validity != NULL) {
        size_t old = bitmap_bytes(col->capacity);
        size_t bytes = bitmap_bytes(capacity);
        col->validity = mem_realloc(col->validity, bytes + sizeof(uint64_t));
        memset((char *)col->validity + old, 0xff, bytes - old);
    }
    col->capacity = capacity;
    if (col->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < col->child_count; i++) {
            grow(&col->children[i], capacity);
        }
    }
}

static void reserve_children(struct column *col, size_t rows)
{
    assert(col->type->kind == TYPE_ARRAY || col->type->kind == TYPE_MAP);
    for (size_t i = 0; i < col->child_count; i++) {
        if (rows > col->children[i].capacity) {
            grow(&col->children[i], rows);
        }
    }
}

static const struct column_ops memory_ops = {
    .make_validity = make_validity,
    .reserve_children = reserve_children,
};

static void column_init(struct column *col, const struct type *t, size_t capacity)
{
    *col = (struct column){.type = t, .child_count = t->field_count, .ops = &memory_ops};
    if (t->field_count > 0) {
        col->children = mem_new_array(struct column, t->field_count);
    }
    for (size_t i = 0; i < t->field_count; i++) {
        column_init(&col->children[i], t->fields[i].type, 0);
    }
    grow(col, capacity);
}

static void column_done(struct column *col)
{
    for (size_t i = 0; i < col->child_count; i++) {
        column_done(&col->children[i]);
    }
    mem_free(col->children);
    mem_free(col->data);
    mem_free(col->validity);
}

static void column_reset(struct column *col)
{
    if (col->validity != NULL) {
        memset(col->validity, 0xff, bitmap_bytes(col->capacity));
    }
    col->child_rows = 0;
    for (size_t i = 0; i < col->child_count; i++) {
        column_reset(&col->children[i]);
    }
}

struct column_memory *column_memory_new(const struct type *row_type, size_t capacity)
{
    assert(row_type->kind == TYPE_STRUCT);
    struct column_memory *m = mem_new(struct column_memory);
    m->count = row_type->field_count;
    m->columns = mem_new_array(struct column, m->count + 1);
    for (size_t i = 0; i < m->count; i++) {
        column_init(&m->columns[i], row_type->fields[i].type, capacity);
    }
    return m;
}

void column_memory_free(struct column_memory *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        column_done(&m->columns[i]);
    }
    mem_free(m->columns);
    mem_free(m);
}

struct column *column_memory_columns(struct column_memory *m)
{
    return m->columns;
}

void column_memory_reset(struct column_memory *m)
{
    for (size_t i = 0; i < m->count; i++) {
        column_reset(&m->columns[i]);
    }
}

static void print_timestamp(int64_t us, const char *zone, struct buf *out)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t days = us / day_us;
    int64_t rest = us % day_us;
    if (rest < 0) {
        days--;
        rest += day_us;
    }
    buf_add_char(out, '"');
    clock_add_date(out, days);
    int64_t seconds = rest / 1000000;
    buf_printf(out, "T%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60,
               seconds % 60);
    if (rest % 1000000 != 0) {
        buf_printf(out, ".%06" PRId64, rest % 1000000);
    }
    buf_printf(out, "%s\"", zone);
}

/* The shortest text that reads back as the same value; NaN and infinities as strings. */
static void print_double(double value, bool is_float, struct buf *out)
{
    if (isnan(value)) {
        buf_add_c(out, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        buf_add_c(out, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
        return;
    }
    char text[40];
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        struct str s = str_of(text);
        double back = 0;
        if (str_to_double(s, &back) && (is_float ? (float)back == (float)value : back == value)) {
            break;
        }
    }
    buf_add_c(out, text);
}

static void print_decimal(const struct column *col, size_t row, struct buf *out)
{
    __int128 value = 0;
    switch (value_bytes(col->type)) {
    case 2:
        value = ((const int16_t *)col->data)[row];
        break;
    case 4:
        value = ((const int32_t *)col->data)[row];
        break;
    case 8:
        value = ((const int64_t *)col->data)[row];
        break;
    default:
        memcpy(&value, (const char *)col->data + row * sizeof(value), sizeof(value));
    }
    char text[48];
    char *at = text + sizeof(text);
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    unsigned digits = 0;
    do {
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
        digits++;
        if (digits == col->type->scale) {
            *--at = '.';
        }
    } while (rest != 0 || digits <= col->type->scale);
    if (value < 0) {
        *--at = '-';
    }
    buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

/* A map's key: a string as it is, anything else as its text in quotes. */
static void print_key(const struct column *key, size_t row, struct buf *out)
{
    AUTO_BUF struct buf text = {0};
    column_print(key, row, &text);
    if (text.len > 0 && text.ptr[0] == '"') {
        buf_add_str(out, buf_str(&text));
    } else {
        json_quote(out, buf_str(&text));
    }
}

static void print_nested(const struct column *col, size_t row, struct buf *out)
{
    if (col->type->kind == TYPE_STRUCT) {
        buf_add_char(out, '{');
        for (size_t i = 0; i < col->child_count; i++) {
            buf_add_c(out, i > 0 ? "," : "");
            json_quote(out, col->type->fields[i].name);
            buf_add_char(out, ':');
            column_print(&col->children[i], row, out);
        }
        buf_add_char(out, '}');
        return;
    }
    const struct column_list list = ((const struct column_list *)col->data)[row];
    bool is_map = col->type->kind == TYPE_MAP;
    buf_add_char(out, is_map ? '{' : '[');
    for (uint64_t i = 0; i < list.len; i++) {
        buf_add_c(out, i > 0 ? "," : "");
        if (is_map) {
            print_key(&col->children[0], list.offset + i, out);
            buf_add_char(out, ':');
        }
        column_print(&col->children[is_map ? 1 : 0], list.offset + i, out);
    }
    buf_add_char(out, is_map ? '}' : ']');
}

void column_print(const struct column *col, size_t row, struct buf *out)
{
    if (!column_is_valid(col, row)) {
        buf_add_c(out, "null");
        return;
    }
    switch (col->type->kind) {
    case TYPE_BOOLEAN:
        buf_add_c(out, ((const uint8_t *)col->data)[row] != 0 ? "true" : "false");
        break;
    case TYPE_TINYINT:
        buf_add_i64(out, ((const int8_t *)col->data)[row]);
        break;
    case TYPE_SMALLINT:
        buf_add_i64(out, ((const int16_t *)col->data)[row]);
        break;
    case TYPE_INTEGER:
        buf_add_i64(out, ((const int32_t *)col->data)[row]);
        break;
    case TYPE_BIGINT:
        buf_add_i64(out, ((const int64_t *)col->data)[row]);
        break;
    case TYPE_FLOAT:
        print_double((double)((const float *)col->data)[row], true, out);
        break;
    case TYPE_DOUBLE:
        print_double(((const double *)col->data)[row], false, out);
        break;
    case TYPE_DECIMAL:
        print_decimal(col, row, out);
        break;
    case TYPE_STRING:
        json_quote(out, column_get_string(col, row));
        break;
    case TYPE_BINARY: {
        struct str s = column_get_string(col, row);
        buf_add_char(out, '"');
        buf_add_base64(out, s.ptr, s.len);
        buf_add_char(out, '"');
        break;
    }
    case TYPE_DATE:
        buf_add_char(out, '"');
        clock_add_date(out, ((const int32_t *)col->data)[row]);
        buf_add_char(out, '"');
        break;
    case TYPE_TIMESTAMP:
        print_timestamp(((const int64_t *)col->data)[row], "Z", out);
        break;
    case TYPE_TIMESTAMP_NTZ:
        print_timestamp(((const int64_t *)col->data)[row], "", out);
        break;
    case TYPE_STRUCT:
    case TYPE_ARRAY:
    case TYPE_MAP:
        print_nested(col, row, out);
        break;
    }
}
