/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_FILTER_H
#define SQL_FILTER_H

#include "base/base.h"

/*
 * filter - can a set of rows of which only bounds are known have a row that passes a filter
 *
 * Part of the face, included by sql.h.
 */
enum sql_value_kind {
    SQL_VALUE_NONE,   /* not known */
    SQL_VALUE_NUMBER, /* integers, BOOLEAN 0 or 1, DATE days, TIMESTAMP µs, DECIMAL unscaled */
    SQL_VALUE_REAL,   /* FLOAT, DOUBLE; never NaN */
    SQL_VALUE_TEXT,   /* compared bytewise */
};
struct sql_value {
    enum sql_value_kind kind;
    int64_t number;
    double real;
    struct str text;
};

/* What is known of a column in some rows. Bounds need not be reached, but no row is outside. */
struct sql_range {
    int64_t row_count;  /* -1 = not known */
    int64_t null_count; /* -1 = not known */
    struct sql_value min, max;
    bool may_have_nan; /* which is above all numbers and not counted in `max` */
};

enum sql_filter_kind {
    SQL_FILTER_UNKNOWN, /* anything may pass */
    SQL_FILTER_AND,
    SQL_FILTER_OR,
    SQL_FILTER_EQUAL, /* column ? value, from here on */
    SQL_FILTER_LESS,
    SQL_FILTER_LESS_EQUAL,
    SQL_FILTER_GREATER,
    SQL_FILTER_GREATER_EQUAL,
    SQL_FILTER_IS_NULL,
    SQL_FILTER_IS_NOT_NULL,
};
/* A tree in an arena. */
struct sql_filter {
    enum sql_filter_kind kind;
    size_t column; /* of the table function */
    struct sql_value value;
    const struct sql_filter *child; /* of AND and OR */
    const struct sql_filter *next;  /* of the same parent */
};

/* The range of a column, NULL = nothing is known; borrowed until the next call. */
typedef const struct sql_range *(*sql_range_fn)(void *user, size_t column);
/* True when no row can pass; `filter` NULL passes all. */
bool sql_filter_excludes(const struct sql_filter *filter, sql_range_fn range_of, void *user);

/*
 * The condition of a LOGICAL_FILTER right above a LOGICAL_GET, out of a serialised plan: what is
 * not a comparison of a column with a constant becomes SQL_FILTER_UNKNOWN. `columns[i]` is the
 * table function's column at place i of the GET's output.
 */
struct json;
const struct sql_filter *sql_filter_of_plan(struct arena *arena, const struct json *node,
                                            const size_t *columns, size_t column_count);

#endif
