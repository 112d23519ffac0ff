/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_value - a field's text into a column
 *
 * The rules are those of Spark's UnivocityParser, that is of Java's parsers, as far as they are
 * about ASCII and decimal; the table is in README.md.
 */
#include "codec/csv_value.h"

#include <math.h>

#include "base/base.h"
#include "codec/json_number.h"
#include "codec/json_scalar.h"

/* As Java's trim: control characters and the blank. */
static struct str trim(struct str s)
{
    while (s.len > 0 && (unsigned char)s.ptr[0] <= ' ') {
        s = str_skip(s, 1);
    }
    while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

static const char *put_boolean(struct str text, struct column *col, size_t row)
{
    bool is_true = str_eq_nocase_c(text, "true");
    if (!is_true && !str_eq_nocase_c(text, "false")) {
        return "format";
    }
    ((uint8_t *)col->data)[row] = is_true;
    return NULL;
}

static const char *put_integer(enum type_kind kind, struct str text, struct column *col, size_t row)
{
    struct codec_json_number n;
    __int128 value;
    if (!codec_json_number_text(text, &n) || !n.is_integer) {
        return "format";
    }
    if (codec_json_number_scaled(&n, 38, 0, CODEC_JSON_FLOOR, &value) != CODEC_JSON_FITS ||
        value != (int64_t)value || !codec_json_scalar_integer(kind, (int64_t)value, col, row)) {
        return "range";
    }
    return NULL;
}

/* What Spark and Java call the numbers that are none. */
static bool special_double(struct str text, double *ret_value)
{
    static const struct {
        const char *text;
        double value;
    } names[] = {{"NaN", (double)NAN},
                 {"+NaN", (double)NAN},
                 {"-NaN", (double)NAN},
                 {"Inf", (double)INFINITY},
                 {"-Inf", -(double)INFINITY},
                 {"Infinity", (double)INFINITY},
                 {"+Infinity", (double)INFINITY},
                 {"-Infinity", -(double)INFINITY}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_eq_c(text, names[i].text)) {
            *ret_value = names[i].value;
            return true;
        }
    }
    return false;
}

static const char *put_double(struct codec_json *j, enum type_kind kind, struct str text,
                              struct column *col, size_t row)
{
    text = trim(text);
    double value;
    if (special_double(text, &value)) {
        if (kind == TYPE_FLOAT) {
            ((float *)col->data)[row] = (float)value;
        } else {
            ((double *)col->data)[row] = value;
        }
        return NULL;
    }
    if (text.len > 1 && strchr("dDfF", text.ptr[text.len - 1]) != NULL) {
        text.len--; /* Java's suffixes */
    }
    struct codec_json_number n;
    if (!codec_json_number_text(text, &n)) {
        return "format";
    }
    bool fits = kind == TYPE_FLOAT ? codec_json_number_float(j, &n, (float *)col->data + row)
                                   : codec_json_number_double(j, &n, (double *)col->data + row);
    return fits ? NULL : "range";
}

const char *codec_csv_value_put(struct codec_json *j, const struct codec_json_node *node,
                                struct str text, struct column *col, size_t row)
{
    switch (node->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        column_set_string(col, row, text);
        return NULL;
    case TYPE_BOOLEAN:
        return put_boolean(text, col, row);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        return put_integer(node->kind, text, col, row);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return put_double(j, node->kind, text, col, row);
    case TYPE_DECIMAL:
        return codec_json_scalar_text(j, node, text, col, row);
    default:
        return codec_json_scalar_text(j, node, trim(text), col, row);
    }
}
