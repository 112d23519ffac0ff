/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - looking into SELECT bodies through DuckDB's own parser
 *
 * json_serialize_sql gives the tree, json_deserialize_sql makes text of it again; both run as
 * ordinary queries with the body as a quoted literal.  The JSON is full (no skip_* flags),
 * because only that can be made text again.  Its nodes are objects: what a node is stands in
 * "class" (expressions) or "type" (everything else), where it stood in "query_location".
 *
 *  (1) A body reaches DuckDB as data here: nothing of it runs or binds.
 *  (2) Strings of the user are JSON strings, never objects, so the walk cannot be fooled by them.
 *  (3) Positions of the parser's errors count characters, those of nodes and of the binder count
 *      bytes (measured, 1.5.6); out of this folder go only bytes.
 */
#include "sql/body.h"

#include "sql/sql.h"

#define ANSWER_BYTES_MAX ((size_t)256 << 20)

int sql_body_ask(struct sql_conn *conn, const char *query, struct buf *out, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell = STR_NULL;
    TRY(sql_query(conn, query, &rows, err));
    assert(sql_rows_column_count(rows) == 1);
    int rc = TRY(sql_rows_next(rows, &cell, err));
    if (rc == 0 || cell.ptr == NULL) {
        return err_set(err, ERR_CONFIG, "DuckDB gave no answer about the SELECT");
    }
    buf_add_str(out, cell);
    return buf_check(out, "the parsed SELECT", err);
}

int sql_body_tree(struct arena *arena, struct str answer, struct json **ret_root, struct err *err)
{
    if (json_parse(arena, answer, ret_root, err) < 0) {
        /* DuckDB writes valid JSON: what can go wrong is its depth. */
        return err_set(err, ERR_CONFIG,
                       "the SELECT nests some 250 operators in one another; split the expression");
    }
    return 0;
}

static int64_t byte_of_character(struct str text, int64_t character)
{
    int64_t seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (((unsigned char)text.ptr[i] & 0xC0) == 0x80) {
            continue;
        }
        if (seen++ == character) {
            return (int64_t)i;
        }
    }
    return (int64_t)text.len;
}

static struct str member(const struct json *object, const char *name)
{
    struct str text = STR("");
    json_get_str(json_find(object, name), &text);
    return text;
}

static struct str lower(struct str s, char out[64])
{
    size_t len = s.len < 64 ? s.len : 64;
    for (size_t i = 0; i < len; i++) {
        out[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] - 'A' + 'a') : s.ptr[i];
    }
    return str_n(out, len);
}

/* The one of "a,b,c" that is near enough to have been meant; DuckDB lists what is far off too. */
static struct str nearest(struct str candidates, struct str name)
{
    struct str rest = candidates;
    struct str candidate;
    struct str best = STR("");
    size_t limit = name.len <= 3 ? 1 : name.len <= 6 ? 2 : 3;
    while (candidates.len > 0 && str_split(&rest, ',', &candidate)) {
        char a[64];
        char b[64];
        size_t distance = str_distance(lower(candidate, a), lower(name, b));
        if (distance <= limit && distance < candidate.len && candidate.len <= 64) {
            best = candidate;
            limit = distance - (distance > 0 ? 1 : 0);
        }
    }
    return best;
}

static int missing(const struct json *answer, const char *what, struct err *err)
{
    struct str name = member(answer, "name");
    struct str best = nearest(member(answer, "candidates"), name);
    if (best.len == 0) {
        return err_set(err, ERR_CONFIG, "there is no %s \"%.*s\"", what, STR_FMT(name));
    }
    return err_set(err, ERR_CONFIG, "there is no %s \"%.*s\"; did you mean \"%.*s\"?", what,
                   STR_FMT(name), STR_FMT(best));
}

int sql_body_error(const struct json *answer, struct str text, struct sql_place *ret_place,
                   struct err *err)
{
    struct str type = member(answer, "error_type");
    struct str subtype = member(answer, "error_subtype");
    struct str kind = member(answer, "type");
    struct str position = member(answer, "position");
    int64_t offset = -1;
    if (position.len > 0 && str_to_i64(position, &offset) && str_eq_c(type, "parser")) {
        offset = byte_of_character(text, offset);
    }
    if (ret_place != NULL) {
        ret_place->offset = offset;
    }
    if (str_eq_c(type, "not implemented")) {
        return err_set(err, ERR_CONFIG, "expected a SELECT");
    }
    if (str_eq_c(subtype, "COLUMN_NOT_FOUND")) {
        return missing(answer, "column", err);
    }
    if (str_eq_c(subtype, "MISSING_ENTRY") && str_ends(kind, STR("Function"))) {
        return missing(answer, "function", err);
    }
    if (str_eq_c(subtype, "MISSING_ENTRY") && str_eq_c(kind, "Type")) {
        return missing(answer, "type", err);
    }
    struct str message = member(answer, "error_message");
    ptrdiff_t line = str_find(message, '\n');
    return err_set(err, ERR_CONFIG, "%.*s",
                   STR_FMT(line < 0 ? message : str_head(message, (size_t)line)));
}

/* The tree of a body: *ret_root is the whole answer, the result its one statement's node. */
static int parse(struct sql_conn *conn, struct str body, struct arena *arena,
                 struct json **ret_root, struct json **ret_node, struct sql_place *ret_place,
                 struct err *err)
{
    AUTO_BUF struct buf query = {0};
    AUTO_BUF struct buf answer = {0};
    struct json *root = NULL;
    bool failed = true;
    if (ret_place != NULL) {
        ret_place->offset = -1;
    }
    buf_add_c(&query, "SELECT json_serialize_sql(");
    sql_quote_text(&query, body);
    buf_add_c(&query, ")::VARCHAR");
    TRY(buf_check(&query, "the SELECT", err));
    buf_init(&answer, ANSWER_BYTES_MAX);
    TRY(sql_body_ask(conn, query.ptr, &answer, err));
    TRY(sql_body_tree(arena, arena_str(arena, buf_str(&answer)), &root, err));
    if (json_get_bool(json_find(root, "error"), &failed) && failed) {
        return sql_body_error(root, body, ret_place, err);
    }
    struct json *statements = json_find(root, "statements");
    if (statements == NULL || statements->count != 1) {
        return err_set(err, ERR_CONFIG, "expected one SELECT, met %s",
                       statements == NULL || statements->count == 0 ? "nothing" : "several");
    }
    struct json *node = json_find(statements->child, "node");
    if (node == NULL) {
        return err_set(err, ERR_CONFIG, "DuckDB's answer about the SELECT has no node");
    }
    *ret_root = root;
    *ret_node = node;
    return 0;
}

int sql_check_select(struct sql_conn *conn, struct str body, struct sql_place *ret_place,
                     struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct json *node = NULL;
    return parse(conn, body, &arena, &root, &node, ret_place, err);
}

/* ---- references -------------------------------------------------------------------------- */

struct ref_walk {
    sql_ref_fn on_ref;
    void *user;
    struct err *err;
};

static int64_t location_of(const struct json *object)
{
    int64_t offset = -1; /* "nowhere" is 2^64 - 1, which does not fit */
    json_get_i64(json_find(object, "query_location"), &offset);
    return offset;
}

static int tell(const struct ref_walk *w, const struct json *object, enum sql_ref_kind kind,
                struct str name, struct str qualifier)
{
    struct sql_ref ref = {
        .kind = kind, .name = name, .qualifier = qualifier, .offset = location_of(object)};
    return w->on_ref(w->user, &ref, w->err);
}

/* Strings of a list as column names. */
static int tell_list(const struct ref_walk *w, const struct json *object, const char *list)
{
    const struct json *names = json_find(object, list);
    if (names == NULL) {
        return 0;
    }
    json_foreach (name, names) {
        if (name->kind == JSON_STRING) {
            TRY(tell(w, object, SQL_REF_COLUMN, name->text, STR("")));
        }
    }
    return 0;
}

/* [{"key": …, "value": …}] as the kind given. */
static int tell_keys(const struct ref_walk *w, const struct json *list, enum sql_ref_kind kind)
{
    if (list == NULL) {
        return 0;
    }
    json_foreach (item, list) {
        const struct json *key = json_find(item, "key");
        struct str name = STR("");
        if (!json_get_str(key, &name)) {
            name = member(key, "column");
        }
        TRY(tell(w, item, kind, name, STR("")));
    }
    return 0;
}

static int tell_star(const struct ref_walk *w, const struct json *star)
{
    TRY(tell_list(w, star, "exclude_list"));
    const struct json *qualified = json_find(star, "qualified_exclude_list");
    if (qualified != NULL) {
        json_foreach (item, qualified) {
            TRY(tell(w, star, SQL_REF_COLUMN, member(item, "column"), STR("")));
        }
    }
    TRY(tell_keys(w, json_find(star, "replace_list"), SQL_REF_COLUMN));
    return tell_keys(w, json_find(star, "rename_list"), SQL_REF_COLUMN);
}

static int tell_object(const struct ref_walk *w, const struct json *object)
{
    struct str class = member(object, "class");
    struct str type = member(object, "type");
    if (str_eq_c(class, "COLUMN_REF")) {
        return tell_list(w, object, "column_names");
    }
    if (str_eq_c(class, "STAR")) {
        return tell_star(w, object);
    }
    if (str_eq_c(class, "FUNCTION") || str_eq_c(class, "WINDOW")) {
        return tell(w, object, SQL_REF_FUNCTION, member(object, "function_name"),
                    member(object, "schema"));
    }
    if (str_eq_c(class, "PARAMETER")) {
        return tell(w, object, SQL_REF_PARAMETER, STR(""), STR(""));
    }
    if (class.len > 0) {
        return 0;
    }
    const struct json *at = json_find(object, "at_clause");
    if (at != NULL && at->kind != JSON_NULL) {
        TRY(tell(w, object, SQL_REF_AT, STR("AT"), STR("")));
    }
    if (str_eq_c(type, "BASE_TABLE")) {
        return tell(w, object, SQL_REF_TABLE, member(object, "table_name"),
                    member(object, "schema_name"));
    }
    if (str_eq_c(type, "TABLE_FUNCTION")) {
        const struct json *function = json_find(object, "function");
        return tell(w, object, SQL_REF_TABLE_FUNCTION, member(function, "function_name"),
                    member(function, "schema"));
    }
    if (str_eq_c(type, "SHOW_REF")) {
        return tell(w, object, SQL_REF_SHOW, member(object, "show_type"), STR(""));
    }
    if (str_eq_c(type, "JOIN")) {
        return tell_list(w, object, "using_columns");
    }
    return 0;
}

static int walk_refs(const struct ref_walk *w, const struct json *v)
{
    if (v->kind == JSON_OBJECT) {
        TRY(tell_object(w, v));
        const struct json *ctes = json_find(json_find(v, "cte_map"), "map");
        TRY(tell_keys(w, ctes, SQL_REF_CTE));
    }
    if (v->kind == JSON_OBJECT || v->kind == JSON_ARRAY) {
        json_foreach (child, v) {
            TRY(walk_refs(w, child));
        }
    }
    return 0;
}

int sql_body_refs(struct sql_conn *conn, struct str body, sql_ref_fn on_ref, void *user,
                  struct sql_place *ret_place, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct json *node = NULL;
    TRY(parse(conn, body, &arena, &root, &node, ret_place, err));
    struct ref_walk w = {.on_ref = on_ref, .user = user, .err = err};
    return walk_refs(&w, node);
}

struct name_user {
    sql_name_fn on_name;
    void *user;
};

static int name_of_ref(void *user, const struct sql_ref *ref, struct err *err)
{
    (void)err;
    struct name_user *n = user;
    if (ref->kind == SQL_REF_COLUMN || ref->kind == SQL_REF_TABLE) {
        n->on_name(n->user, ref->name);
    }
    return 0;
}

int sql_body_names(struct sql_conn *conn, struct str body, sql_name_fn on_name, void *user,
                   struct err *err)
{
    struct name_user n = {.on_name = on_name, .user = user};
    return sql_body_refs(conn, body, name_of_ref, &n, NULL, err);
}

/* ---- hiding columns from `*` ------------------------------------------------------------- */

/* Names of CTEs in scope: they stand before tables of the same name. */
struct scope {
    struct str name;
    const struct scope *outer;
};

struct hide {
    struct arena *arena;
    const struct str *tables;
    size_t table_count;
    const char *const *hidden;
    size_t hidden_count;
    size_t edits;
};

static bool is_stream(const struct hide *h, const struct scope *scope, struct str table)
{
    for (; scope != NULL; scope = scope->outer) {
        if (str_eq_nocase(scope->name, table)) {
            return false;
        }
    }
    for (size_t i = 0; i < h->table_count; i++) {
        if (str_eq_nocase(h->tables[i], table)) {
            return true;
        }
    }
    return false;
}

/* Is a stream read directly by this FROM, under the name `relation` ("" = any)? */
static bool reads_stream(const struct hide *h, const struct scope *scope, const struct json *from,
                         struct str relation)
{
    struct str type = member(from, "type");
    if (str_eq_c(type, "JOIN")) {
        return reads_stream(h, scope, json_find(from, "left"), relation) ||
               reads_stream(h, scope, json_find(from, "right"), relation);
    }
    if (str_eq_c(type, "PIVOT")) {
        struct str alias = member(from, "alias");
        bool fits = relation.len == 0 || str_eq_nocase(alias, relation);
        return fits && reads_stream(h, scope, json_find(from, "source"), STR(""));
    }
    if (!str_eq_c(type, "BASE_TABLE")) {
        return false;
    }
    struct str table = member(from, "table_name");
    struct str alias = member(from, "alias");
    return is_stream(h, scope, table) &&
           (relation.len == 0 || str_eq_nocase(alias.len > 0 ? alias : table, relation));
}

/* Does the star itself say something about that column? */
static bool star_names(const struct json *star, struct str column)
{
    static const char *const lists[] = {"exclude_list", "qualified_exclude_list", "replace_list",
                                        "rename_list"};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct json *list = json_find(star, lists[i]);
        if (list == NULL) {
            continue;
        }
        json_foreach (item, list) {
            const struct json *key = json_find(item, "key");
            struct str name = item->kind == JSON_STRING                 ? item->text
                              : key != NULL && key->kind == JSON_STRING ? key->text
                              : key != NULL                             ? member(key, "column")
                                                                        : member(item, "column");
            if (str_eq_nocase(name, column)) {
                return true;
            }
        }
    }
    return false;
}

static void hide_in_star(struct hide *h, const struct scope *scope, const struct json *from,
                         struct json *star)
{
    const struct json *expr = json_find(star, "expr");
    if ((expr != NULL && expr->kind != JSON_NULL) ||
        !reads_stream(h, scope, from, member(star, "relation_name"))) {
        return;
    }
    struct json *list = json_find(star, "exclude_list");
    for (size_t i = 0; list != NULL && i < h->hidden_count; i++) {
        if (!star_names(star, str_of(h->hidden[i]))) {
            json_append(list, STR_NULL, json_make_str(h->arena, str_of(h->hidden[i])));
            h->edits++;
        }
    }
}

static void hide_in(struct hide *h, const struct scope *scope, const struct json *from,
                    struct json *v);

/* The members of a node; `from` is the FROM that its stars stand for. */
static void hide_members(struct hide *h, const struct scope *scope, const struct json *from,
                         struct json *node)
{
    json_foreach (child, node) {
        if (!str_eq_c(child->name, "cte_map")) {
            hide_in(h, scope, from, child);
        }
    }
}

/* A query: its CTEs, each in the scope of those before it, then itself. */
static void hide_in_query(struct hide *h, const struct scope *scope, struct json *node,
                          struct json *cte)
{
    if (cte == NULL) {
        const struct json *from = json_find(node, "from_table");
        hide_members(h, scope, from, node);
        return;
    }
    struct scope inner = {.name = member(cte, "key"), .outer = scope};
    struct json *query = json_find(json_find(json_find(cte, "value"), "query"), "node");
    bool recursive = str_eq_c(member(query, "type"), "RECURSIVE_CTE_NODE");
    if (query != NULL) {
        hide_in(h, recursive ? &inner : scope, NULL, query);
    }
    hide_in_query(h, &inner, node, cte->next);
}

static void hide_in(struct hide *h, const struct scope *scope, const struct json *from,
                    struct json *v)
{
    if (v->kind == JSON_OBJECT) {
        struct str type = member(v, "type");
        if (str_eq_c(member(v, "class"), "STAR")) {
            hide_in_star(h, scope, from, v);
        }
        if (str_ends(type, STR("_NODE"))) {
            struct json *ctes = json_find(json_find(v, "cte_map"), "map");
            hide_in_query(h, scope, v, ctes == NULL ? NULL : ctes->child);
            return;
        }
    }
    if (v->kind == JSON_OBJECT || v->kind == JSON_ARRAY) {
        hide_members(h, scope, from, v);
    }
}

int sql_body_hide(struct sql_conn *conn, struct str body, const struct str *tables,
                  size_t table_count, const char *const *hidden, size_t hidden_count,
                  struct buf *out, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf query = {0};
    struct json *root = NULL;
    struct json *node = NULL;
    TRY(parse(conn, body, &arena, &root, &node, NULL, err));
    struct hide h = {.arena = &arena,
                     .tables = tables,
                     .table_count = table_count,
                     .hidden = hidden,
                     .hidden_count = hidden_count};
    hide_in(&h, NULL, NULL, node);
    if (h.edits == 0) {
        buf_add_str(out, body);
        return buf_check(out, "the SELECT", err);
    }
    json_print(root, &text);
    buf_add_c(&query, "SELECT json_deserialize_sql(CAST(");
    sql_quote_text(&query, buf_str(&text));
    buf_add_c(&query, " AS JSON))::VARCHAR");
    TRY(buf_check(&query, "the SELECT", err));
    return sql_body_ask(conn, query.ptr, out, err);
}
