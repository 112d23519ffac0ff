/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape - is every row of a SELECT on its own, and how often does it read its sources
 *
 * The answer comes from DuckDB's bound plan (json_serialize_plan), not from the words: the same
 * word is a different thing over a table and over the list of one row.
 *
 *     SELECT max(x) FROM feed                           keeps state
 *     SELECT (SELECT max(x) FROM unnest(arr) t(x)) …    does not: its aggregate stands on the
 *                                                       right of a DELIM_JOIN that reads no source
 *
 *  (1) A node keeps state only if a source stands below it; a plan without sources has none.
 *  (2) A node type that is not known here is taken to keep state: a new libduckdb makes a
 *      pipeline fail at check, never give wrong rows.
 *  (3) The unoptimised plan has a node for every CTE, materialised or not; a use of it is a
 *      CTE_REF.  Counting uses gives the reads as if nothing were materialised.
 *  (4) When DuckDB decorrelates a subquery over unnest, it numbers the rows of the outer side:
 *      that WINDOW, right under the DELIM_JOIN and named "delim_index", is not the user's.
 */
#include "sql/body.h"
#include "sql/sql.h"

#define PLAN_BYTES_MAX ((size_t)512 << 20)

/* What the user wrote a table function for, with no source behind it. */
static const char *const pure_functions[] = {"unnest",    "range",  "generate_series", "json_each",
                                             "json_tree", "repeat", "repeat_row"};

/* Operators that look at one row at a time. */
static const char *const row_local[] = {
    "LOGICAL_PROJECTION", "LOGICAL_FILTER",     "LOGICAL_UNNEST",
    "LOGICAL_GET",        "LOGICAL_DUMMY_SCAN", "LOGICAL_EXPRESSION_GET",
    "LOGICAL_CHUNK_GET",  "LOGICAL_DELIM_GET",  "LOGICAL_EMPTY_RESULT",
    "LOGICAL_CTE_REF",    "LOGICAL_UNION",      "LOGICAL_MATERIALIZED_CTE",
};

#define JOIN_TYPES_SOURCE_LEFT  "INNER LEFT SEMI ANTI MARK SINGLE "
#define JOIN_TYPES_SOURCE_RIGHT "INNER RIGHT RIGHT_SEMI RIGHT_ANTI "

/* A CTE in scope. */
struct cte {
    int64_t index;
    bool has_source;
    const struct json *definition; /* NULL while it is being walked (recursion) */
    const struct cte *outer;
};

struct look {
    struct arena *arena;
    struct sql_look *out;
    size_t read_cap;
    bool optimised;
    size_t steps; /* nodes walked: CTEs on CTEs used twice each grow without end */
};

#define STEPS_MAX 100000

static struct str text_of(const struct json *object, const char *name)
{
    struct str text = STR("");
    json_get_str(json_find(object, name), &text);
    return text;
}

static int64_t number_of(const struct json *object, const char *name)
{
    int64_t value = -1;
    json_get_i64(json_find(object, name), &value);
    return value;
}

static bool is_type(const struct json *node, const char *type)
{
    return str_eq_c(text_of(node, "type"), type);
}

static const struct json *child_at(const struct json *node, size_t index)
{
    const struct json *children = json_find(node, "children");
    const struct json *child = children == NULL ? NULL : children->child;
    for (; child != NULL && index > 0; index--) {
        child = child->next;
    }
    return child;
}

static bool in_list(struct str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase_c(name, list[i])) {
            return true;
        }
    }
    return false;
}

static void count_read(struct look *l, struct str source)
{
    struct sql_look *out = l->out;
    for (size_t i = 0; i < out->read_count; i++) {
        if (str_eq(out->reads[i].source, source)) {
            out->reads[i].count++;
            return;
        }
    }
    if (out->read_count == l->read_cap) {
        size_t cap = l->read_cap == 0 ? 4 : l->read_cap * 2;
        struct sql_read *more = arena_new_array(l->arena, struct sql_read, cap);
        if (out->read_count > 0) {
            memcpy(more, out->reads, out->read_count * sizeof(*more));
        }
        out->reads = more;
        l->read_cap = cap;
    }
    out->reads[out->read_count++] =
        (struct sql_read){.source = arena_str(l->arena, source), .count = 1};
}

static bool is_source(const struct json *get)
{
    return str_starts(text_of(get, "name"), STR(SQL_SOURCE_PREFIX));
}

static bool reads_source(const struct json *node, const struct cte *scope)
{
    if (node == NULL) {
        return false;
    }
    if (is_type(node, "LOGICAL_GET") && is_source(node)) {
        return true;
    }
    if (is_type(node, "LOGICAL_CTE_REF")) {
        int64_t index = number_of(node, "cte_index");
        for (; scope != NULL; scope = scope->outer) {
            if (scope->index == index) {
                return scope->has_source;
            }
        }
        return false;
    }
    struct cte inner = {.index = -1, .outer = scope};
    if (is_type(node, "LOGICAL_MATERIALIZED_CTE")) {
        inner.index = number_of(node, "table_index");
        inner.has_source = reads_source(child_at(node, 0), scope);
    }
    const struct json *children = json_find(node, "children");
    if (children != NULL) {
        json_foreach (child, children) {
            if (reads_source(child, &inner)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- which clause keeps state ------------------------------------------------------------ */

static const char *aggregate_clause(struct look *l, const struct json *node)
{
    const struct json *groups = json_find(node, "groups");
    const struct json *aggregates = json_find(node, "expressions");
    if ((groups != NULL && groups->count > 0) || aggregates == NULL || aggregates->count == 0) {
        return "GROUP BY";
    }
    struct str name = text_of(aggregates->child, "name");
    if (str_eq_c(name, "count_star")) {
        return "count(*)";
    }
    return arena_printf(l->arena, "%.*s()", STR_FMT(name));
}

static bool list_has(const char *list, struct str word)
{
    struct str rest = str_of(list);
    struct str item;
    while (str_split(&rest, ' ', &item)) {
        if (item.len > 0 && str_eq(item, word)) {
            return true;
        }
    }
    return false;
}

static const char *join_clause(const struct json *node, const struct cte *scope)
{
    bool left = reads_source(child_at(node, 0), scope);
    bool right = reads_source(child_at(node, 1), scope);
    struct str type = text_of(node, "join_type");
    if (is_type(node, "LOGICAL_CROSS_PRODUCT")) {
        type = STR("INNER");
    }
    if (left && right) {
        return "a join of two streams";
    }
    if (is_type(node, "LOGICAL_POSITIONAL_JOIN")) {
        return "POSITIONAL JOIN";
    }
    if (list_has(left ? JOIN_TYPES_SOURCE_LEFT : JOIN_TYPES_SOURCE_RIGHT, type)) {
        return NULL;
    }
    /* DuckDB turns a RIGHT JOIN round, so its sides are not the user's. */
    if (list_has("LEFT RIGHT FULL OUTER", type)) {
        return "an outer join that keeps unmatched rows of the other side";
    }
    if (list_has("SEMI ANTI RIGHT_SEMI RIGHT_ANTI", type)) {
        return "a SEMI or ANTI JOIN that looks into the stream";
    }
    return str_eq_c(type, "SINGLE") ? "a scalar subquery over a stream"
                                    : "IN or EXISTS over a stream";
}

static bool is_delim_window(const struct json *node, const struct json *parent)
{
    const struct json *expressions = json_find(node, "expressions");
    return parent != NULL && is_type(parent, "LOGICAL_DELIM_JOIN") && expressions != NULL &&
           expressions->count == 1 && is_type(expressions->child, "WINDOW_ROW_NUMBER") &&
           str_eq_c(text_of(expressions->child, "alias"), "delim_index");
}

static const char *distinct_clause(const struct json *node)
{
    const struct json *child = child_at(node, 0);
    if (child != NULL && is_type(child, "LOGICAL_UNION")) {
        return "UNION";
    }
    if (child != NULL && is_type(child, "LOGICAL_EXCEPT")) {
        return "EXCEPT";
    }
    if (child != NULL && is_type(child, "LOGICAL_INTERSECT")) {
        return "INTERSECT";
    }
    return "DISTINCT";
}

/* The clause that makes this node keep state, or NULL. A source stands below it. */
static const char *clause_of(struct look *l, const struct json *node, const struct json *parent,
                             const struct cte *scope)
{
    static const struct {
        const char *type;
        const char *clause;
    } simple[] = {
        {"LOGICAL_ORDER_BY", "ORDER BY"}, {"LOGICAL_LIMIT", "LIMIT"},
        {"LOGICAL_TOP_N", "LIMIT"},       {"LOGICAL_SAMPLE", "a sample"},
        {"LOGICAL_EXCEPT", "EXCEPT"},     {"LOGICAL_INTERSECT", "INTERSECT"},
        {"LOGICAL_PIVOT", "PIVOT"},       {"LOGICAL_RECURSIVE_CTE", "WITH RECURSIVE"},
    };
    struct str type = text_of(node, "type");
    if (in_list(type, row_local, ARRAY_COUNT(row_local))) {
        return NULL;
    }
    if (str_ends(type, STR("_JOIN")) || str_eq_c(type, "LOGICAL_CROSS_PRODUCT")) {
        return join_clause(node, scope);
    }
    if (str_eq_c(type, "LOGICAL_AGGREGATE_AND_GROUP_BY")) {
        return aggregate_clause(l, node);
    }
    if (str_eq_c(type, "LOGICAL_WINDOW")) {
        return is_delim_window(node, parent) ? NULL : "a window function";
    }
    if (str_eq_c(type, "LOGICAL_DISTINCT")) {
        return distinct_clause(node);
    }
    for (size_t i = 0; i < ARRAY_COUNT(simple); i++) {
        if (str_eq_c(type, simple[i].type)) {
            return simple[i].clause;
        }
    }
    return arena_printf(l->arena, "the operator %.*s", STR_FMT(type));
}

/* ---- the walk ---------------------------------------------------------------------------- */

static void walk(struct look *l, const struct json *node, const struct json *parent,
                 const struct cte *scope);

static void walk_children(struct look *l, const struct json *node, const struct cte *scope,
                          size_t from)
{
    const struct json *children = json_find(node, "children");
    size_t index = 0;
    if (children == NULL) {
        return;
    }
    json_foreach (child, children) {
        if (index++ >= from) {
            walk(l, child, node, scope);
        }
    }
}

/* A CTE: its definition is walked at every use, or once when the plan is what will run. */
static void walk_cte(struct look *l, const struct json *node, const struct cte *scope)
{
    struct cte inner = {.index = number_of(node, "table_index"),
                        .has_source = reads_source(child_at(node, 0), scope),
                        .definition = child_at(node, 0),
                        .outer = scope};
    if (l->optimised) {
        walk(l, inner.definition, node, scope);
        inner.definition = NULL;
    }
    walk_children(l, node, &inner, 1);
}

static void walk_cte_ref(struct look *l, const struct json *node, const struct cte *scope)
{
    int64_t index = number_of(node, "cte_index");
    for (; scope != NULL; scope = scope->outer) {
        if (scope->index == index) {
            if (scope->definition != NULL) {
                walk(l, scope->definition, NULL, scope->outer);
            }
            return;
        }
    }
}

static void walk_get(struct look *l, const struct json *node)
{
    struct str name = text_of(node, "name");
    if (is_source(node)) {
        count_read(l, name);
    } else if (l->out->foreign.len == 0 &&
               !in_list(name, pure_functions, ARRAY_COUNT(pure_functions))) {
        l->out->foreign = arena_str(l->arena, name);
    }
}

static void walk(struct look *l, const struct json *node, const struct json *parent,
                 const struct cte *scope)
{
    if (node == NULL || l->steps++ > STEPS_MAX) {
        return;
    }
    if (is_type(node, "LOGICAL_GET")) {
        walk_get(l, node);
    }
    if (!l->optimised && l->out->stateful == NULL && reads_source(node, scope)) {
        l->out->stateful = clause_of(l, node, parent, scope);
    }
    if (is_type(node, "LOGICAL_MATERIALIZED_CTE")) {
        walk_cte(l, node, scope);
    } else if (is_type(node, "LOGICAL_CTE_REF")) {
        walk_cte_ref(l, node, scope);
    } else {
        walk_children(l, node, scope, 0);
    }
}

int sql_shape_look(struct sql_conn *conn, const char *select, bool optimised, struct arena *arena,
                   struct sql_look *ret_look, struct sql_place *ret_place, struct err *err)
{
    AUTO_ARENA struct arena scratch = {0};
    AUTO_BUF struct buf query = {0};
    AUTO_BUF struct buf answer = {0};
    struct json *root = NULL;
    bool failed = true;
    if (ret_place != NULL) {
        ret_place->offset = -1;
    }
    buf_add_c(&query, "SELECT json_serialize_plan(");
    sql_quote_text(&query, str_of(select));
    buf_printf(&query, ", optimize := %s)::VARCHAR", optimised ? "true" : "false");
    TRY(buf_check(&query, "the SELECT", err));
    buf_init(&answer, PLAN_BYTES_MAX);
    TRY(sql_body_ask(conn, query.ptr, &answer, err));
    TRY(sql_body_tree(&scratch, buf_str(&answer), &root, err));
    if (json_get_bool(json_find(root, "error"), &failed) && failed) {
        return sql_body_error(root, str_of(select), ret_place, err);
    }
    const struct json *plans = json_find(root, "plans");
    if (plans == NULL || plans->count != 1) {
        return err_set(err, ERR_CONFIG, "expected one SELECT");
    }
    struct sql_look out = {.foreign = STR("")};
    struct look l = {.arena = arena, .out = &out, .optimised = optimised};
    walk(&l, plans->child, NULL, NULL);
    if (l.steps > STEPS_MAX) {
        return err_set(err, ERR_CONFIG,
                       "the SELECT is too complex: its CTEs use each other in "
                       "more than %d ways",
                       STEPS_MAX);
    }
    *ret_look = out;
    return 0;
}

int sql_shape_of(struct sql_conn *conn, const char *select, struct arena *arena,
                 struct sql_shape *ret_shape, struct err *err)
{
    struct sql_look look;
    TRY(sql_shape_look(conn, select, false, arena, &look, NULL, err));
    struct sql_shape shape = {.stateful = look.stateful};
    for (size_t i = 0; i < look.read_count; i++) {
        shape.source_reads += look.reads[i].count;
    }
    *ret_shape = shape;
    return 0;
}
