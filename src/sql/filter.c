/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - conditions of a bound plan against minima, maxima and counts of nulls
 *
 *  (1) Unknown never excludes: not an expression that is not understood, not a
 *      bound that is missing, not a value of another kind than the bound.
 *  (2) A comparison with NULL is not true, so rows of which all are NULL are
 *      excluded by any comparison, and by IS NOT NULL.
 *  (3) DuckDB sorts NaN above infinity, and writers leave it out of the maximum:
 *      where there may be one, `max` excludes an equal number but no "greater".
 *  (4) A column of a comparison that is cast first is not a plain column: the
 *      binder gives both sides one type, so a plain one has the constant's type.
 */
#include "sql/filter.h"

#include <math.h>

/* ---- evaluation ---------------------------------------------------------------------------- */

/* < 0, 0, > 0; false when they cannot be compared. */
static bool compare(const struct sql_value *a, const struct sql_value *b, int *ret_order)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case SQL_VALUE_NUMBER:
        *ret_order = (a->number > b->number) - (a->number < b->number);
        return true;
    case SQL_VALUE_REAL:
        *ret_order = (a->real > b->real) - (a->real < b->real);
        return !isnan(a->real) && !isnan(b->real);
    case SQL_VALUE_TEXT:
        *ret_order = str_cmp(a->text, b->text);
        return true;
    case SQL_VALUE_NONE:
    default:
        return false;
    }
}

static bool excludes_value(const struct sql_filter *f, const struct sql_range *range)
{
    int low = 0;  /* of min against the value */
    int high = 0; /* of max */
    bool has_low = compare(&range->min, &f->value, &low);
    bool has_high = compare(&range->max, &f->value, &high);
    bool has_top = has_high && !range->may_have_nan;
    switch (f->kind) {
    case SQL_FILTER_EQUAL:
        return (has_low && low > 0) || (has_high && high < 0);
    case SQL_FILTER_LESS:
        return has_low && low >= 0;
    case SQL_FILTER_LESS_EQUAL:
        return has_low && low > 0;
    case SQL_FILTER_GREATER:
        return has_top && high <= 0;
    case SQL_FILTER_GREATER_EQUAL:
        return has_top && high < 0;
    default:
        return false;
    }
}

static bool excludes_column(const struct sql_filter *f, const struct sql_range *range)
{
    if (range == NULL) {
        return false;
    }
    bool all_null = range->row_count >= 0 && range->null_count >= range->row_count;
    if (f->kind == SQL_FILTER_IS_NULL) {
        return range->null_count == 0;
    }
    return all_null || (f->kind != SQL_FILTER_IS_NOT_NULL && excludes_value(f, range));
}

bool sql_filter_excludes(const struct sql_filter *filter, sql_range_fn range_of, void *user)
{
    if (filter == NULL || filter->kind == SQL_FILTER_UNKNOWN) {
        return false;
    }
    if (filter->kind != SQL_FILTER_AND && filter->kind != SQL_FILTER_OR) {
        return excludes_column(filter, range_of(user, filter->column));
    }
    bool is_or = filter->kind == SQL_FILTER_OR;
    for (const struct sql_filter *child = filter->child; child != NULL; child = child->next) {
        if (sql_filter_excludes(child, range_of, user) != is_or) {
            return !is_or;
        }
    }
    return is_or && filter->child != NULL;
}

/* ---- out of a plan ------------------------------------------------------------------------- */

#define FILTER_DEPTH_MAX 64

struct look {
    struct arena *arena;
    const size_t *columns;
    size_t column_count;
    size_t depth;
};

static struct str text_of(const struct json *object, const char *name)
{
    struct str text = STR("");
    json_get_str(json_find(object, name), &text);
    return text;
}

static bool has_type(const struct json *node, const char *type)
{
    return str_eq_c(text_of(node, "type"), type);
}

static struct sql_filter *make(struct look *l, enum sql_filter_kind kind)
{
    struct sql_filter *f = arena_new(l->arena, struct sql_filter);
    f->kind = kind;
    return f;
}

/* The table's column that a plain reference means. */
static bool column_of(struct look *l, const struct json *node, size_t *ret_column)
{
    int64_t index = -1;
    if (!has_type(node, "BOUND_REF") || !json_get_i64(json_find(node, "index"), &index) ||
        index < 0 || (uint64_t)index >= l->column_count) {
        return false;
    }
    *ret_column = l->columns[index];
    return true;
}

/* {"upper": …, "lower": …} of a HUGEINT that fits into 64 bits. */
static bool wide_number(const struct json *value, int64_t *ret_number)
{
    int64_t upper = 0;
    struct json *lower = json_find(value, "lower");
    uint64_t low = 0;
    if (!json_get_i64(json_find(value, "upper"), &upper) || lower == NULL ||
        lower->kind != JSON_NUMBER || !str_to_u64(lower->text, &low)) {
        return false;
    }
    *ret_number = (int64_t)low;
    return (upper == 0 && low <= INT64_MAX) || (upper == -1 && low > INT64_MAX);
}

static bool value_of(const struct json *value, struct sql_value *ret_value)
{
    static const char *const numbers[] = {
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
        "DECIMAL"};
    struct str type = text_of(json_find(value, "type"), "id");
    const struct json *content = json_find(value, "value");
    struct sql_value out = {.kind = SQL_VALUE_NONE};
    bool flag = false;
    if (content == NULL) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (str_eq_c(type, numbers[i]) &&
            (json_get_i64(content, &out.number) || wide_number(content, &out.number))) {
            out.kind = SQL_VALUE_NUMBER;
        }
    }
    if (str_eq_c(type, "BOOLEAN") && json_get_bool(content, &flag)) {
        out = (struct sql_value){.kind = SQL_VALUE_NUMBER, .number = flag};
    } else if ((str_eq_c(type, "DOUBLE") || str_eq_c(type, "FLOAT")) &&
               json_get_double(content, &out.real) && isfinite(out.real)) {
        out.kind = SQL_VALUE_REAL;
    } else if (str_eq_c(type, "VARCHAR") && json_get_str(content, &out.text)) {
        /* A collation would be in the type: then bytes say nothing. */
        const struct json *info = json_find(json_find(value, "type"), "type_info");
        out.kind = info == NULL || info->kind == JSON_NULL ? SQL_VALUE_TEXT : SQL_VALUE_NONE;
    }
    *ret_value = out;
    return out.kind != SQL_VALUE_NONE;
}

static bool constant_of(struct look *l, const struct json *node, struct sql_value *ret_value)
{
    bool is_null = true;
    const struct json *value = json_find(node, "value");
    if (!has_type(node, "VALUE_CONSTANT") ||
        !json_get_bool(json_find(value, "is_null"), &is_null) || is_null ||
        !value_of(value, ret_value)) {
        return false;
    }
    ret_value->text = arena_str(l->arena, ret_value->text);
    return true;
}

static struct sql_filter *comparison(struct look *l, enum sql_filter_kind kind,
                                     const struct json *column, const struct json *constant)
{
    struct sql_filter *f = make(l, kind);
    if (!column_of(l, column, &f->column) || !constant_of(l, constant, &f->value)) {
        f->kind = SQL_FILTER_UNKNOWN;
    }
    return f;
}

static struct sql_filter *of_comparison(struct look *l, const struct json *node)
{
    static const struct {
        const char *type;
        enum sql_filter_kind kind, flipped;
    } kinds[] = {
        {"COMPARE_EQUAL", SQL_FILTER_EQUAL, SQL_FILTER_EQUAL},
        {"COMPARE_LESSTHAN", SQL_FILTER_LESS, SQL_FILTER_GREATER},
        {"COMPARE_LESSTHANOREQUALTO", SQL_FILTER_LESS_EQUAL, SQL_FILTER_GREATER_EQUAL},
        {"COMPARE_GREATERTHAN", SQL_FILTER_GREATER, SQL_FILTER_LESS},
        {"COMPARE_GREATERTHANOREQUALTO", SQL_FILTER_GREATER_EQUAL, SQL_FILTER_LESS_EQUAL},
    };
    const struct json *left = json_find(node, "left");
    const struct json *right = json_find(node, "right");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (has_type(node, kinds[i].type)) {
            return has_type(left, "VALUE_CONSTANT") ? comparison(l, kinds[i].flipped, right, left)
                                                    : comparison(l, kinds[i].kind, left, right);
        }
    }
    return make(l, SQL_FILTER_UNKNOWN);
}

static struct sql_filter *of_between(struct look *l, const struct json *node)
{
    bool low = false;
    bool high = false;
    const struct json *input = json_find(node, "input");
    struct sql_filter *both = make(l, SQL_FILTER_AND);
    (void)json_get_bool(json_find(node, "lower_inclusive"), &low);
    (void)json_get_bool(json_find(node, "upper_inclusive"), &high);
    struct sql_filter *first = comparison(l, low ? SQL_FILTER_GREATER_EQUAL : SQL_FILTER_GREATER,
                                          input, json_find(node, "lower"));
    first->next = comparison(l, high ? SQL_FILTER_LESS_EQUAL : SQL_FILTER_LESS, input,
                             json_find(node, "upper"));
    both->child = first;
    return both;
}

/* x IN (…): the first child is x. */
static struct sql_filter *of_in(struct look *l, const struct json *children)
{
    struct sql_filter *any = make(l, SQL_FILTER_OR);
    for (const struct json *c = children->child->next; c != NULL; c = c->next) {
        struct sql_filter *one = comparison(l, SQL_FILTER_EQUAL, children->child, c);
        one->next = any->child;
        any->child = one;
    }
    return any;
}

static struct sql_filter *of_flag(struct look *l, const struct json *node, bool wanted)
{
    struct sql_filter *f = make(l, SQL_FILTER_EQUAL);
    f->value = (struct sql_value){.kind = SQL_VALUE_NUMBER, .number = wanted};
    if (!column_of(l, node, &f->column) ||
        !str_eq_c(text_of(json_find(node, "return_type"), "id"), "BOOLEAN")) {
        f->kind = SQL_FILTER_UNKNOWN;
    }
    return f;
}

static struct sql_filter *of_operator(struct look *l, const struct json *node)
{
    const struct json *children = json_find(node, "children");
    if (children == NULL || children->child == NULL) {
        return make(l, SQL_FILTER_UNKNOWN);
    }
    if (has_type(node, "COMPARE_IN")) {
        return of_in(l, children);
    }
    if (has_type(node, "OPERATOR_NOT")) {
        return of_flag(l, children->child, false);
    }
    bool is_null = has_type(node, "OPERATOR_IS_NULL");
    struct sql_filter *f = make(l, is_null ? SQL_FILTER_IS_NULL : SQL_FILTER_IS_NOT_NULL);
    if ((!is_null && !has_type(node, "OPERATOR_IS_NOT_NULL")) ||
        !column_of(l, children->child, &f->column)) {
        f->kind = SQL_FILTER_UNKNOWN;
    }
    return f;
}

static struct sql_filter *of_expression(struct look *l, const struct json *node);

static struct sql_filter *of_list(struct look *l, enum sql_filter_kind kind,
                                  const struct json *list)
{
    struct sql_filter *f = make(l, kind);
    if (list == NULL || l->depth >= FILTER_DEPTH_MAX) {
        f->kind = SQL_FILTER_UNKNOWN;
        return f;
    }
    l->depth++;
    json_foreach (item, list) {
        struct sql_filter *child = of_expression(l, item);
        child->next = f->child;
        f->child = child;
    }
    l->depth--;
    return f;
}

static struct sql_filter *of_expression(struct look *l, const struct json *node)
{
    struct str class = text_of(node, "expression_class");
    if (str_eq_c(class, "BOUND_CONJUNCTION")) {
        bool is_and = has_type(node, "CONJUNCTION_AND");
        return is_and || has_type(node, "CONJUNCTION_OR")
                   ? of_list(l, is_and ? SQL_FILTER_AND : SQL_FILTER_OR,
                             json_find(node, "children"))
                   : make(l, SQL_FILTER_UNKNOWN);
    }
    if (str_eq_c(class, "BOUND_COMPARISON")) {
        return of_comparison(l, node);
    }
    if (str_eq_c(class, "BOUND_BETWEEN")) {
        return of_between(l, node);
    }
    if (str_eq_c(class, "BOUND_OPERATOR")) {
        return of_operator(l, node);
    }
    return of_flag(l, node, true);
}

const struct sql_filter *sql_filter_of_plan(struct arena *arena, const struct json *node,
                                            const size_t *columns, size_t column_count)
{
    struct look l = {.arena = arena, .columns = columns, .column_count = column_count};
    return of_list(&l, SQL_FILTER_AND, json_find(node, "expressions"));
}
