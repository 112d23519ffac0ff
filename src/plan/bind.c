/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind - a table's query over the streams it reads
 *
 * What DuckDB gets to see is
 *
 *     WITH "feed" AS NOT MATERIALIZED (SELECT "a", "b", "_key" FROM __src_0()),
 *          "view" AS NOT MATERIALIZED (…)
 *     SELECT "a", CAST("b" AS …) AS "b" FROM ( … the body … )
 *
 * and the order of the checks is
 *
 *     1  each SELECT alone: it parses, names only what there is          bind_refs.c
 *     2  each SELECT bound over the streams: DuckDB's binder, at a place
 *     3  its plan: keeps no state, reads nothing foreign                 bind_state.c
 *     4  how often each stream is read: more than once = MATERIALIZED
 *     5  the result: names, types, partition columns, NOT NULL           bind_result.c
 *     6  the optimised plan scans every stream exactly once
 *
 *  (1) A body is only ever put into a text after step 1 has shown that it is one SELECT: no body
 *      can end the parenthesis it stands in.
 *  (2) Types of sources live in the plan, not in the query: a database still looks at them when it
 *      is closed after a bind that failed.
 *  (3) A stream is scanned once by the statement that runs.  The scan itself refuses a second
 *      time (sql/scan.c), so a mistake here is an error, never lost rows.
 */
#include "plan/bind.h"

#include <stdarg.h>
#include <stdio.h>

#include "plan/complain.h"

int plan_bind_complain(const struct plan_binder *b, const struct plan_piece *piece, int64_t offset,
                       const char *fmt, ...)
{
    char text[sizeof(b->err->msg)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    struct plan_place place =
        plan_complain_in(piece->marks, piece->body, offset < 0 ? 0 : (size_t)offset);
    return plan_complain(b->err, b->plan->file, place, "%s", text);
}

int plan_bind_forward(const struct plan_binder *b, const struct plan_piece *piece, int64_t offset,
                      const struct err *inner)
{
    if (inner->code != ERR_CONFIG && inner->code != ERR_DATA) {
        *b->err = *inner;
        return inner->code;
    }
    /* DuckDB adds candidates and the line with a caret: the first line says what is wrong. */
    struct str message = str_of(inner->msg);
    ptrdiff_t kind = str_find_str(message, STR(" Error: "));
    message = kind < 0 ? message : str_skip(message, (size_t)kind + strlen(" Error: "));
    ptrdiff_t end = str_find(message, '\n');
    /* The text that a cast of the macro __java_pattern could not convert. */
    ptrdiff_t pattern = str_find_str(message, STR("date pattern not supported: "));
    if (pattern >= 0) {
        message = str_skip(message, (size_t)pattern);
        end = str_find_str(message, STR("' to "));
    }
    return plan_bind_complain(b, piece, offset, "%.*s",
                              STR_FMT(end < 0 ? message : str_head(message, (size_t)end)));
}

static struct plan_piece view_piece(const struct plan_binder *b, size_t index)
{
    const struct plan_view *view = &b->plan->views.items[index];
    return (struct plan_piece){.body = view->body, .marks = &view->marks, .view_limit = index};
}

static struct plan_piece table_piece(const struct plan_binder *b)
{
    return (struct plan_piece){
        .body = b->table->body, .marks = &b->table->marks, .view_limit = b->plan->views.count};
}

/* ---- the text ---------------------------------------------------------------------------- */

/* The declared columns and those meta columns that are named somewhere. */
static void add_input(const struct plan_binder *b, size_t index, struct buf *out)
{
    const struct plan_input *input = &b->query->inputs.items[index];
    sql_quote_name(out, input->stream->name);
    buf_printf(out, " AS %sMATERIALIZED (SELECT ", b->materialized[index] ? "" : "NOT ");
    for (size_t i = 0; i < input->row_type->field_count; i++) {
        if (i < input->declared_count || b->meta_used[input->meta[i - input->declared_count]]) {
            buf_add_c(out, i == 0 ? "" : ", ");
            sql_quote_name(out, input->row_type->fields[i].name);
        }
    }
    buf_printf(out, " FROM %s%zu())", SQL_SOURCE_PREFIX, index);
}

void plan_bind_text(const struct plan_binder *b, size_t view_limit, const char *front,
                    struct str body, const char *behind, struct buf *out)
{
    const char *sep = "WITH ";
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        buf_add_c(out, sep);
        add_input(b, i, out);
        sep = ", ";
    }
    for (size_t i = 0; i < view_limit; i++) {
        if (!b->view_used[i]) {
            continue;
        }
        const struct plan_view *view = &b->plan->views.items[i];
        buf_add_c(out, sep);
        sql_quote_name(out, view->name);
        buf_add_c(out, " AS NOT MATERIALIZED (");
        buf_add_str(out, b->view_hidden[i]);
        buf_add_c(out, "\n)");
        sep = ", ";
    }
    buf_add_c(out, front);
    buf_add_str(out, body);
    buf_add_c(out, behind);
}

/* ---- inputs ------------------------------------------------------------------------------ */

static int add_inputs(struct plan_binder *b)
{
    struct plan_query *query = b->query;
    for (size_t i = 0; i < b->plan->streams.count; i++) {
        if (b->stream_used[i]) {
            vec_push(&query->inputs)->stream = plan_stream_of(b->plan, b->table, i);
        }
    }
    if (query->inputs.count == 0) {
        struct plan_piece piece = table_piece(b);
        return plan_bind_complain(b, &piece, 0, "the SELECT reads no stream");
    }
    b->materialized = arena_new_array(&query->arena, bool, query->inputs.count);
    return 0;
}

static int register_inputs(struct plan_binder *b)
{
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        struct plan_input *input = &b->query->inputs.items[i];
        input->row_type = input->stream->scan_type;
        input->declared_count = input->stream->row_type->field_count;
        input->meta_count = PLAN_META_COUNT;
        for (unsigned m = 0; m < PLAN_META_COUNT; m++) {
            input->meta[m] = (enum plan_meta)m;
        }
        input->wants_headers = b->meta_used[PLAN_META_HEADERS];
        char *name = arena_printf(&b->query->arena, "%s%zu", SQL_SOURCE_PREFIX, i);
        TRY(sql_register_source(b->conn, name, input->row_type, &input->source, b->err));
    }
    return 0;
}

static size_t reads_of(const struct sql_look *look, size_t input)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%zu", SQL_SOURCE_PREFIX, input);
    for (size_t i = 0; i < look->read_count; i++) {
        if (str_eq_c(look->reads[i].source, name)) {
            return look->reads[i].count;
        }
    }
    return 0;
}

/* ---- steps 2 and 3 ----------------------------------------------------------------------- */

static int look_at(struct plan_binder *b, const struct plan_piece *piece, struct sql_look *ret_look)
{
    AUTO_BUF struct buf text = {0};
    struct sql_place place = {-1};
    struct err inner;
    plan_bind_text(b, piece->view_limit, "\nSELECT * FROM (", STR(""), "", &text);
    size_t start = text.len;
    buf_add_str(&text, piece->body);
    buf_add_c(&text, "\n)");
    TRY(buf_check(&text, "the SELECT", b->err));
    struct arena *arena = &b->query->arena;
    if (sql_shape_look(b->conn, text.ptr, false, arena, ret_look, &place, &inner) < 0) {
        int64_t offset = place.offset - (int64_t)start;
        bool inside = offset >= 0 && (size_t)offset <= piece->body.len;
        return plan_bind_forward(b, piece, inside ? offset : -1, &inner);
    }
    if (ret_look->foreign.len > 0) {
        return plan_bind_complain(b, piece, 0,
                                  "table function \"%.*s\" is not allowed in a pipeline",
                                  STR_FMT(ret_look->foreign));
    }
    return ret_look->stateful == NULL ? 0 : plan_bind_refuse_state(b, piece, ret_look->stateful);
}

/* ---- hiding meta columns ----------------------------------------------------------------- */

static int hide_one(struct plan_binder *b, struct str body, const struct str *tables,
                    struct str *ret_body)
{
    const char *hidden[PLAN_META_COUNT];
    size_t count = 0;
    AUTO_BUF struct buf out = {0};
    for (size_t m = 0; m < PLAN_META_COUNT; m++) {
        if (b->meta_used[m]) {
            hidden[count++] = plan_meta_names[m];
        }
    }
    TRY(sql_body_hide(b->conn, body, tables, b->query->inputs.count, hidden, count, &out, b->err));
    *ret_body = arena_str(&b->query->arena, buf_str(&out));
    return 0;
}

static int hide_metas(struct plan_binder *b)
{
    struct arena *arena = &b->query->arena;
    size_t view_count = b->plan->views.count;
    struct str *tables = arena_new_array(arena, struct str, b->query->inputs.count);
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        tables[i] = b->query->inputs.items[i].stream->name;
    }
    b->view_hidden = arena_new_array(arena, struct str, view_count);
    for (size_t i = 0; i < view_count; i++) {
        if (b->view_used[i]) {
            TRY(hide_one(b, b->plan->views.items[i].body, tables, &b->view_hidden[i]));
        }
    }
    return hide_one(b, b->table->body, tables, &b->body_hidden);
}

/* ---- steps 4 and 6 ----------------------------------------------------------------------- */

/* Forgets the streams that are named but not read (a CTE of the same name stands before them). */
static void drop_unread(struct plan_binder *b, const struct sql_look *look)
{
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        b->materialized[i] = reads_of(look, i) > 1;
    }
    while (b->query->inputs.count > 0 && reads_of(look, b->query->inputs.count - 1) == 0) {
        b->query->inputs.count--;
    }
}

static int check_unread(struct plan_binder *b, const struct sql_look *look,
                        const struct plan_piece *piece)
{
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        if (reads_of(look, i) == 0) {
            return plan_bind_complain(b, piece, 0, "stream \"%.*s\" is named but not read",
                                      STR_FMT(b->query->inputs.items[i].stream->name));
        }
    }
    return b->query->inputs.count > 0
               ? 0
               : plan_bind_complain(b, piece, 0, "the SELECT reads no stream");
}

/* The statement as it will be planned. 1 = a stream has become MATERIALIZED, make it again. */
static int check_scans(struct plan_binder *b, const struct plan_piece *piece)
{
    struct sql_look look;
    struct err inner;
    if (sql_shape_look(b->conn, b->query->select, true, &b->query->arena, &look, NULL, &inner) <
        0) {
        return plan_bind_forward(b, piece, -1, &inner);
    }
    bool again = false;
    for (size_t i = 0; i < b->query->inputs.count; i++) {
        size_t count = reads_of(&look, i);
        if (count > 1 && b->materialized[i]) {
            return plan_bind_complain(b, piece, 0, "DuckDB would read stream \"%.*s\" %zu times",
                                      STR_FMT(b->query->inputs.items[i].stream->name), count);
        }
        if (count == 0) {
            return plan_bind_complain(b, piece, 0,
                                      "no row of stream \"%.*s\" can ever come out of the SELECT",
                                      STR_FMT(b->query->inputs.items[i].stream->name));
        }
        again = again || count > 1;
        b->materialized[i] = b->materialized[i] || count > 1;
    }
    return again ? 1 : 0;
}

static int bind(struct plan_binder *b)
{
    struct plan_piece body = table_piece(b);
    struct sql_look look = {0};
    TRY(plan_bind_refs(b, &body));
    for (size_t i = b->plan->views.count; i > 0; i--) {
        if (b->view_used[i - 1]) {
            struct plan_piece piece = view_piece(b, i - 1);
            TRY(plan_bind_refs(b, &piece));
        }
    }
    TRY(add_inputs(b));
    TRY(register_inputs(b));
    TRY(hide_metas(b));
    for (size_t i = 0; i < b->plan->views.count; i++) {
        if (b->view_used[i]) {
            struct plan_piece piece = view_piece(b, i);
            TRY(look_at(b, &piece, &look));
        }
    }
    TRY(look_at(b, &body, &look));
    drop_unread(b, &look);
    TRY(check_unread(b, &look, &body));
    TRY(plan_bind_result(b, &body));
    if (TRY(check_scans(b, &body)) == 1) {
        TRY(plan_bind_result(b, &body));
        TRY(check_scans(b, &body));
    }
    return 0;
}

int plan_bind(const struct plan *plan, const struct plan_table *table, struct sql_conn *conn,
              struct plan_query **ret_query, struct err *err)
{
    AUTO_PLAN_QUERY struct plan_query *query = mem_new(struct plan_query);
    query->table = table;
    struct plan_binder b = {.plan = plan, .table = table, .conn = conn, .query = query, .err = err};
    b.stream_used = arena_new_array(&query->arena, bool, plan->streams.count);
    b.view_used = arena_new_array(&query->arena, bool, plan->views.count);
    TRY(bind(&b));
    *ret_query = TAKE(query);
    return 0;
}

void plan_query_free(struct plan_query *query)
{
    if (query != NULL) {
        vec_done(&query->inputs);
        arena_done(&query->arena);
        mem_free(query);
    }
}

void plan_query_freep(struct plan_query **query)
{
    plan_query_free(*query);
}
