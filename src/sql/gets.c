/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gets - the table functions of a plan, their columns and the filter above each
 *
 * json_serialize_plan shows a table function as a LOGICAL_GET with the columns that it reads and
 * the filters it was given; of a function that takes no filters, they stand in a LOGICAL_FILTER
 * right above it:
 *
 *     LOGICAL_FILTER    expressions: BOUND_REF index → place in the GET's output
 *       LOGICAL_GET     column_indexes: place → column of the function
 *
 *  (1) Every LOGICAL_GET of the tree is listed: that of a CTE once, where it is defined.
 *  (2) A number that is out of place makes a plan one that cannot be shown (outcome 0), never
 *      one that reads less.
 *  (3) A column that is no column of the function (a row number, a file name) is left out.
 */
#include "sql/gets.h"

#include "sql/sql.h"

#define PLAN_BYTES_MAX ((size_t)512 << 20)

struct collect {
    struct arena *arena;
    VEC(struct sql_get) items;
    bool bad;
};

static bool has_type(const struct json *node, const char *type)
{
    struct str text = STR("");
    json_get_str(json_find(node, "type"), &text);
    return str_eq_c(text, type);
}

static struct str text_of(struct collect *c, const struct json *object, const char *name)
{
    struct str text = STR("");
    json_get_str(json_find(object, name), &text);
    return arena_str(c->arena, text);
}

/* All column_indexes, virtual ones as SIZE_MAX. */
static size_t *read_indexes(struct collect *c, const struct json *list, size_t names)
{
    size_t *out = arena_new_array(c->arena, size_t, list->count + 1);
    size_t count = 0;
    json_foreach (item, list) {
        struct json *index = json_find(item, "index");
        uint64_t value = 0;
        if (index == NULL || index->kind != JSON_NUMBER || !str_to_u64(index->text, &value)) {
            c->bad = true;
            return out;
        }
        out[count++] = value < names ? (size_t)value : SIZE_MAX;
    }
    return out;
}

/* The columns at the places of the GET's output. */
static size_t *read_output(struct collect *c, const struct json *get, const size_t *indexes,
                           size_t index_count, size_t *ret_count)
{
    const struct json *places = json_find(get, "projection_ids");
    size_t count = places == NULL ? 0 : places->count;
    size_t *out = arena_new_array(c->arena, size_t, count + index_count + 1);
    *ret_count = count == 0 ? index_count : count;
    for (size_t i = 0; count == 0 && i < index_count; i++) {
        out[i] = indexes[i];
    }
    size_t at = 0;
    for (const struct json *p = count == 0 ? NULL : places->child; p != NULL; p = p->next) {
        int64_t place = -1;
        if (!json_get_i64(p, &place) || place < 0 || (uint64_t)place >= index_count) {
            c->bad = true;
            return out;
        }
        out[at++] = indexes[place];
    }
    return out;
}

static void add_get(struct collect *c, const struct json *node, const struct json *parent)
{
    const struct json *list = json_find(node, "column_indexes");
    const struct json *names = json_find(node, "names");
    const struct json *files = json_find(json_find(node, "function_data"), "files");
    if (list == NULL || names == NULL) {
        c->bad = true;
        return;
    }
    size_t *indexes = read_indexes(c, list, names->count);
    struct sql_get get = {.function = text_of(c, node, "name"), .file = STR("")};
    if (files != NULL && files->child != NULL) {
        struct str file = STR("");
        json_get_str(files->child, &file);
        get.file = arena_str(c->arena, file);
    }
    size_t output_count = 0;
    size_t *output = read_output(c, node, indexes, list->count, &output_count);
    if (!c->bad && parent != NULL && has_type(parent, "LOGICAL_FILTER")) {
        for (size_t i = 0; i < output_count; i++) {
            output_count = output[i] == SIZE_MAX ? i : output_count;
        }
        get.filter = sql_filter_of_plan(c->arena, parent, output, output_count);
    }
    size_t *columns = arena_new_array(c->arena, size_t, list->count + 1);
    for (size_t i = 0; i < list->count; i++) {
        if (indexes[i] != SIZE_MAX) {
            columns[get.column_count++] = indexes[i];
        }
    }
    get.columns = columns;
    *vec_push(&c->items) = get;
}

static void walk(struct collect *c, const struct json *node, const struct json *parent)
{
    if (has_type(node, "LOGICAL_GET")) {
        add_get(c, node, parent);
    }
    const struct json *children = json_find(node, "children");
    if (children != NULL) {
        json_foreach (child, children) {
            walk(c, child, node);
        }
    }
}

int sql_gets_of(struct sql_conn *conn, const char *select, struct arena *arena,
                struct sql_gets *ret_gets, struct err *err)
{
    AUTO_ARENA struct arena scratch = {0};
    AUTO_BUF struct buf query = {0};
    AUTO_BUF struct buf answer = {0};
    struct json *root = NULL;
    bool failed = true;
    buf_add_c(&query, "SELECT json_serialize_plan(");
    sql_quote_text(&query, str_of(select));
    buf_add_c(&query, ", optimize := true)::VARCHAR");
    TRY(buf_check(&query, "the SELECT", err));
    buf_init(&answer, PLAN_BYTES_MAX);
    TRY(sql_body_ask(conn, query.ptr, &answer, err));
    struct err ignored;
    if (json_parse(&scratch, buf_str(&answer), &root, &ignored) < 0 ||
        !json_get_bool(json_find(root, "error"), &failed) || failed) {
        return 0;
    }
    struct collect collect = {.arena = arena};
    const struct json *plans = json_find(root, "plans");
    if (plans == NULL || plans->count != 1) {
        return 0;
    }
    walk(&collect, plans->child, NULL);
    ret_gets->count = collect.items.count;
    ret_gets->items = arena_new_array(arena, struct sql_get, collect.items.count + 1);
    if (collect.items.count > 0) {
        memcpy(ret_gets->items, collect.items.items,
               collect.items.count * sizeof(*collect.items.items));
    }
    vec_done(&collect.items);
    return collect.bad ? 0 : 1;
}
