/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - a message is one record, its fields go to the columns by position
 *
 * Invariants:
 *  (1) A message is checked for UTF-8 before it is read, so every field is text.
 *  (2) The rescued column has no position: the fields of a message are those of the other
 *      columns, in their order.
 *
 * Splitting is in csv_record.c, what a text means to a type in csv_value.c.
 */
#include "codec/csv.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"
#include "codec/csv_record.h"
#include "codec/csv_value.h"
#include "codec/json_plan.h"
#include "codec/rescue.h"

#define NO_FIELD SIZE_MAX

struct codec_csv {
    struct codec codec;
    struct codec_csv_dialect dialect;
    struct str null_text;
    struct codec_json_node *columns; /* by position: kind, type, name */
    size_t *fields;                  /* by position: the field of the row type */
    size_t column_count;
    bool notice_unknown;
    size_t rescued_field; /* NO_FIELD = none */
    struct codec_rescue rescue;
    struct codec_json json; /* for its locale and arena, which reading numbers asks for */
};

/* Writes the fault if it is the message's first, and answers CODEC_ROW_BAD_FIELD. */
static enum codec_row PRINTF(5, 6)
    set_fault(struct codec_csv *c, enum codec_row rc, const char *reason, size_t position,
              const char *fmt, ...)
{
    if (rc == CODEC_ROW_OK) {
        c->codec.fault.reason = reason;
        c->codec.fault.position = position;
        va_list args;
        va_start(args, fmt);
        vsnprintf(c->codec.fault.message, sizeof(c->codec.fault.message), fmt, args);
        va_end(args);
    }
    return CODEC_ROW_BAD_FIELD;
}

static bool is_null(const struct codec_csv *c, const struct codec_csv_field *field)
{
    return (field->text.len == 0 && !field->is_quoted) || str_eq(field->text, c->null_text);
}

/* The field at a column's position; `offset` is where it begins in the message. */
static enum codec_row put_field(struct codec_csv *c, size_t position,
                                const struct codec_csv_field *field, size_t offset,
                                struct column *col, size_t row, enum codec_row rc)
{
    if (is_null(c, field)) {
        column_set_null(col, row);
        return rc;
    }
    const struct codec_json_node *node = &c->columns[position];
    const char *reason = codec_csv_value_put(&c->json, node, field->text, col, row);
    if (reason == NULL) {
        return rc;
    }
    column_set_null(col, row);
    if (c->rescued_field != NO_FIELD) {
        struct codec_rescue_path path = rescue_path_name(NULL, node->name);
        codec_rescue_add_text(&c->rescue, &path, field->text, reason);
    }
    AUTO_BUF struct buf type = {0};
    type_print(node->type, &type);
    bool is_range = strcmp(reason, "range") == 0;
    return set_fault(c, rc, reason, offset, "field \"%.*s\": %s %s",
                     STR_FMT(str_head(node->name, 96)),
                     is_range ? "out of range for" : "does not read as", type.ptr);
}

/* What the record has beyond the columns is rescued by its position. */
static void rescue_extra(struct codec_csv *c, size_t position, struct str text)
{
    if (c->rescued_field != NO_FIELD) {
        struct codec_rescue_path path = rescue_path_index(NULL, position);
        codec_rescue_add_text(&c->rescue, &path, text, "unknown");
    }
}

/* Reads the record into the columns; CODEC_ROW_BAD with its fault when it is none. */
static enum codec_row decode_record(struct codec_csv *c, struct str value,
                                    struct column *const *columns, size_t row)
{
    enum codec_row rc = CODEC_ROW_OK;
    const char *at = value.ptr;
    const char *end = at + value.len;
    size_t count = 0;
    for (;; at += c->dialect.separator.len) {
        size_t offset = (size_t)(at - value.ptr);
        struct codec_csv_field field;
        if (!codec_csv_record_next(&c->dialect, &at, end, c->json.arena, &field)) {
            set_fault(c, CODEC_ROW_OK, "syntax", offset, "a quoted field does not end");
            return CODEC_ROW_BAD;
        }
        if (count >= c->column_count) {
            rescue_extra(c, count, field.text);
        } else if (columns[c->fields[count]] != NULL) {
            rc = put_field(c, count, &field, offset, columns[c->fields[count]], row, rc);
        }
        count++;
        if (at == end) {
            break;
        }
    }
    for (size_t i = count; i < c->column_count; i++) {
        if (columns[c->fields[i]] != NULL) {
            column_set_null(columns[c->fields[i]], row);
        }
    }
    if (c->notice_unknown) {
        c->codec.unknown_field = count > c->column_count;
    }
    if (count != c->column_count) {
        rc = set_fault(c, rc, "fields", value.len, "%zu field%s, wanted %zu", count,
                       count == 1 ? "" : "s", c->column_count);
    }
    return rc;
}

static enum codec_row decode_message(struct codec_csv *c, struct str value,
                                     struct column *const *columns, size_t row)
{
    if (value.len >= UINT32_MAX) {
        set_fault(c, CODEC_ROW_OK, "size", 0, "the message has 4 GiB or more");
        return CODEC_ROW_BAD;
    }
    size_t good = str_utf8_prefix(value);
    if (good < value.len) {
        set_fault(c, CODEC_ROW_OK, "utf8", good, "not UTF-8");
        return CODEC_ROW_BAD;
    }
    if (value.len == 0) {
        set_fault(c, CODEC_ROW_OK, "syntax", 0, "the message is empty");
        return CODEC_ROW_BAD;
    }
    return decode_record(c, value, columns, row);
}

static void set_all_null(const struct codec *codec, struct column *const *columns, size_t row)
{
    for (size_t i = 0; i < codec->row_type->field_count; i++) {
        if (columns[i] != NULL) {
            column_set_null(columns[i], row);
        }
    }
}

static enum codec_row csv_decode(struct codec *codec, struct str value,
                                 struct column *const *columns, size_t row, struct arena *arena)
{
    struct codec_csv *c = (struct codec_csv *)codec;
    if (c->notice_unknown) {
        codec->unknown_field = false;
    }
    if (value.ptr == NULL) {
        set_all_null(codec, columns, row);
        return CODEC_ROW_OK;
    }
    c->json.arena = arena;
    codec_rescue_reset(&c->rescue);
    enum codec_row rc = decode_message(c, value, columns, row);
    if (rc == CODEC_ROW_BAD) {
        set_all_null(codec, columns, row);
        return rc;
    }
    if (c->rescued_field != NO_FIELD && columns[c->rescued_field] != NULL) {
        struct str text;
        if (codec_rescue_print(&c->rescue, arena, &text)) {
            column_set_string(columns[c->rescued_field], row, text);
        } else {
            column_set_null(columns[c->rescued_field], row);
        }
    }
    return rc;
}

static void csv_close(struct codec *codec)
{
    struct codec_csv *c = (struct codec_csv *)codec;
    codec_rescue_done(&c->rescue);
    if (c->json.locale != NULL) {
        freelocale((locale_t)c->json.locale);
    }
    mem_free(c->columns);
    mem_free(c->fields);
    mem_free(c);
}

static const struct codec_ops csv_ops = {
    .name = "csv",
    .decode = csv_decode,
    .close = csv_close,
};

/* "\t" as two characters is a tab, as in Spark. */
static struct str plain_character(struct str text, const char *preset)
{
    if (text.len == 0) {
        return str_of(preset);
    }
    return str_eq_c(text, "\\t") ? STR("\t") : text;
}

static int set_dialect(struct codec_csv *c, const struct codec_options *options, struct err *err)
{
    struct str separator = plain_character(options->csv_separator, ",");
    struct str quote = plain_character(options->csv_quote, "\"");
    struct str escape = plain_character(options->csv_escape, "\\");
    if (separator.len > 16 || !str_is_utf8(separator)) {
        return err_set(err, ERR_CONFIG, "the separator of csv is at most 16 bytes of UTF-8");
    }
    if (quote.len != 1 || escape.len != 1 || (signed char)quote.ptr[0] < 0 ||
        (signed char)escape.ptr[0] < 0) {
        return err_set(err, ERR_CONFIG, "the quote and the escape of csv are one ASCII character");
    }
    if (str_find(separator, quote.ptr[0]) >= 0 || str_find(separator, escape.ptr[0]) >= 0) {
        return err_set(err, ERR_CONFIG,
                       "the separator of csv must differ from its quote and its escape");
    }
    c->dialect = (struct codec_csv_dialect){
        .separator = separator, .quote = quote.ptr[0], .escape = escape.ptr[0]};
    c->null_text = options->csv_null;
    return 0;
}

static int set_columns(struct codec_csv *c, const struct type *row_type, struct str rescued,
                       struct err *err)
{
    if (row_type->kind != TYPE_STRUCT) {
        return err_set(err, ERR_CONFIG, "a row type must be a STRUCT");
    }
    c->rescued_field = NO_FIELD;
    if (rescued.len > 0) {
        ptrdiff_t field = type_find_field(row_type, rescued);
        if (field < 0 || row_type->fields[field].type->kind != TYPE_STRING) {
            return err_set(err, ERR_CONFIG, "the rescued column \"%.*s\" is not a STRING field",
                           STR_FMT(str_head(rescued, 96)));
        }
        c->rescued_field = (size_t)field;
    }
    c->columns = mem_new_array(struct codec_json_node, row_type->field_count);
    c->fields = mem_new_array(size_t, row_type->field_count);
    for (size_t i = 0; i < row_type->field_count; i++) {
        const struct type_field *field = &row_type->fields[i];
        if (type_is_nested(field->type)) {
            return err_set(err, ERR_CONFIG, "field \"%.*s\" is nested; csv has no nested values",
                           STR_FMT(str_head(field->name, 96)));
        }
        if (i != c->rescued_field) {
            c->fields[c->column_count] = i;
            c->columns[c->column_count++] = (struct codec_json_node){
                .kind = field->type->kind, .type = field->type, .name = field->name};
        }
    }
    return c->column_count > 0 ? 0 : err_set(err, ERR_CONFIG, "csv needs a column");
}

int codec_csv_open(const struct type *row_type, const struct codec_options *options,
                   struct codec **ret_codec, struct err *err)
{
    struct codec_csv *c = mem_new(struct codec_csv);
    c->codec.ops = &csv_ops;
    c->codec.row_type = row_type;
    c->notice_unknown = options->notice_unknown;
    c->json.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    int rc = set_dialect(c, options, err);
    if (rc == 0) {
        rc = set_columns(c, row_type, options->rescued_column, err);
    }
    if (rc < 0) {
        csv_close(&c->codec);
        return rc;
    }
    *ret_codec = &c->codec;
    return 0;
}
