/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind_refs - what a SELECT may name
 *
 * Tables are streams, views created before, and CTEs of the SELECT itself.  Everything else that
 * DuckDB could find under a name or a function - files, catalogs, settings, the environment - is
 * refused here by name, with a place; the sandbox of the session and the look at the bound plan
 * (sql/shape.c) stand behind this for what has no name here.
 */
#include "plan/bind.h"
#include "plan/complain.h"
#include "plan/token.h"

/* Table functions whose answer depends on their arguments alone. */
static const char *const table_functions[] = {"unnest",    "range",  "generate_series", "json_each",
                                              "json_tree", "repeat", "repeat_row"};

/* Scalar functions that see or touch more than their arguments. */
static const char *const refused_functions[] = {
    "getenv",
    "current_setting",
    "getvariable",
    "set_config",
    "nextval",
    "currval",
    "setseed",
    "write_log",
    "sleep_ms",
    "pg_sleep",
    "current_query",
    "current_query_id",
    "current_connection_id",
    "current_transaction_id",
    "txid_current",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "json_deserialize_sql",
    "parse_duckdb_log_message",
    "query",
    "query_table",
    "read_text",
    "read_blob",
    "read_csv",
    "read_json",
    "read_parquet",
    "glob",
    PLAN_PARTITION_FUNCTION,
};

struct refs {
    struct plan_binder *b;
    const struct plan_piece *piece;
    VEC(struct sql_ref) items; /* names in the query's arena */
};

static int keep_ref(void *user, const struct sql_ref *ref, struct err *err)
{
    struct refs *refs = user;
    (void)err;
    struct sql_ref *kept = vec_push(&refs->items);
    *kept = *ref;
    kept->name = arena_str(&refs->b->query->arena, ref->name);
    kept->qualifier = arena_str(&refs->b->query->arena, ref->qualifier);
    return 0;
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

static bool is_cte(const struct refs *refs, struct str name)
{
    vec_foreach (struct sql_ref, ref, &refs->items) {
        if (ref->kind == SQL_REF_CTE && str_eq_nocase(ref->name, name)) {
            return true;
        }
    }
    return false;
}

static int unknown_table(const struct refs *refs, const struct sql_ref *ref)
{
    const struct plan *plan = refs->b->plan;
    const struct plan_piece *piece = refs->piece;
    struct plan_near near = plan_complain_near(ref->name);
    char text[PLAN_QUOTE_BYTES];
    char hint[PLAN_HINT_BYTES];
    plan_complain_quote(ref->name, text);
    vec_foreach (struct plan_stream, stream, &plan->streams) {
        plan_complain_offer(&near, stream->name);
    }
    for (size_t i = 0; i < plan->views.count; i++) {
        if (str_eq_nocase(plan->views.items[i].name, ref->name) && ref->qualifier.len == 0) {
            return plan_bind_complain(refs->b, piece, ref->offset,
                                      "view %s is created further down", text);
        }
        if (i < piece->view_limit) {
            plan_complain_offer(&near, plan->views.items[i].name);
        }
    }
    vec_foreach (struct plan_table, table, &plan->tables) {
        if (str_eq_nocase(table->name, ref->name) && ref->qualifier.len == 0) {
            return plan_bind_complain(refs->b, piece, ref->offset,
                                      "%s is a streaming table; a query reads streams and views",
                                      text);
        }
    }
    bool qualified = ref->qualifier.len > 0;
    return plan_bind_complain(refs->b, piece, ref->offset, "unknown stream \"%.*s%s%s%s",
                              STR_FMT(ref->qualifier), qualified ? "." : "", text + 1,
                              plan_complain_hint(&near, hint));
}

static int check_table(struct refs *refs, const struct sql_ref *ref)
{
    struct plan_binder *b = refs->b;
    bool known = ref->qualifier.len == 0 && is_cte(refs, ref->name);
    for (size_t i = 0; i < b->plan->streams.count && ref->qualifier.len == 0; i++) {
        if (str_eq_nocase(b->plan->streams.items[i].name, ref->name)) {
            b->stream_used[i] = true;
            known = true;
        }
    }
    for (size_t i = 0; i < refs->piece->view_limit && ref->qualifier.len == 0; i++) {
        if (str_eq_nocase(b->plan->views.items[i].name, ref->name)) {
            b->view_used[i] = true;
            known = true;
        }
    }
    return known ? 0 : unknown_table(refs, ref);
}

static int refuse(const struct refs *refs, const struct sql_ref *ref, const char *what,
                  const char *hint)
{
    char text[PLAN_QUOTE_BYTES];
    return plan_bind_complain(refs->b, refs->piece, ref->offset,
                              "%s %s is not allowed in a "
                              "pipeline%s",
                              what, plan_complain_quote(ref->name, text), hint);
}

static bool is_ours(const struct plan *plan, struct str name)
{
    vec_foreach (struct plan_stream, stream, &plan->streams) {
        if (str_eq_nocase(stream->name, name)) {
            return true;
        }
    }
    vec_foreach (struct plan_view, view, &plan->views) {
        if (str_eq_nocase(view->name, name)) {
            return true;
        }
    }
    return false;
}

/* Makes a function Spark's, once, unless it is written as DuckDB's own: system.main.name(…). */
static int add_macro(struct refs *refs, const struct sql_ref *ref)
{
    for (const struct sql_ref *other = refs->items.items; other < ref; other++) {
        if (other->kind == SQL_REF_FUNCTION && other->qualifier.len == 0 &&
            str_eq_nocase(other->name, ref->name)) {
            return 0;
        }
    }
    return ref->qualifier.len > 0 ? 0 : TRY(sql_add_macro(refs->b->conn, ref->name, refs->b->err));
}

static int check_ref(struct refs *refs, const struct sql_ref *ref)
{
    switch (ref->kind) {
    case SQL_REF_TABLE:
        return check_table(refs, ref);
    case SQL_REF_TABLE_FUNCTION:
        return in_list(ref->name, table_functions, ARRAY_COUNT(table_functions))
                   ? 0
                   : refuse(refs, ref, "table function", "; a query reads streams and views");
    case SQL_REF_FUNCTION:
        if (in_list(ref->name, refused_functions, ARRAY_COUNT(refused_functions))) {
            return refuse(refs, ref, "function", "");
        }
        return add_macro(refs, ref);
    case SQL_REF_PARAMETER:
        return plan_bind_complain(refs->b, refs->piece, ref->offset,
                                  "a pipeline has no parameters; use ${NAME}");
    case SQL_REF_AT:
        return plan_bind_complain(refs->b, refs->piece, ref->offset,
                                  "a stream has no versions; drop the AT clause");
    case SQL_REF_SHOW:
        return plan_bind_complain(refs->b, refs->piece, ref->offset,
                                  "DESCRIBE, SHOW and SUMMARIZE are not allowed in a pipeline");
    case SQL_REF_COLUMN:
        for (size_t m = 0; m < PLAN_META_COUNT; m++) {
            if (str_eq_nocase_c(ref->name, plan_meta_names[m])) {
                refs->b->meta_used[m] = true;
            }
        }
        return 0;
    case SQL_REF_CTE:
        refs->b->shadowed = refs->b->shadowed || is_ours(refs->b->plan, ref->name);
        return 0;
    }
    assert(false);
    return 0;
}

/* DuckDB's "syntax error at or near" says little about words that are Spark's. */
static int explain_syntax(const struct plan_binder *b, const struct plan_piece *piece,
                          int64_t offset, const struct err *inner)
{
    static const struct {
        const char *first;
        const char *second; /* NULL: DELAY somewhere behind it */
        const char *message;
    } known[] = {
        {"WATERMARK", NULL, "WATERMARK … DELAY OF is not supported yet; drop the clause"},
        {"WINDOW", "(",
         "window() groups rows by time and keeps state across batches, which a streaming table "
         "does not do yet; group downstream, by date_trunc or time_bucket"},
        {"LATERAL", "VIEW", "LATERAL VIEW is not known; write SELECT *, unnest(list) AS x"},
    };
    AUTO_ARENA struct arena arena = {0};
    struct plan_subst subst;
    struct plan_tokens tokens;
    struct err scan_err;
    plan_subst_none(&arena, piece->body, &subst);
    if (plan_token_scan(&arena, b->plan->file, &subst, &tokens, &scan_err) < 0) {
        return plan_bind_forward(b, piece, offset, inner);
    }
    bool delay = false; /* further on in the text */
    for (size_t i = tokens.count - 1; i-- > 0;) {
        const struct plan_token *token = &tokens.items[i];
        delay = delay || plan_token_is(token, "DELAY");
        for (size_t k = 0; k < ARRAY_COUNT(known); k++) {
            const char *second = known[k].second;
            bool follows = second == NULL ? delay
                                          : plan_token_is(token + 1, second) ||
                                                plan_token_is_symbol(token + 1, second[0]);
            if (plan_token_is(token, known[k].first) && follows) {
                return plan_bind_complain(b, piece, (int64_t)token->offset, "%s", known[k].message);
            }
        }
    }
    return plan_bind_forward(b, piece, offset, inner);
}

int plan_bind_refs(struct plan_binder *b, const struct plan_piece *piece)
{
    struct refs refs = {.b = b, .piece = piece};
    struct sql_place place = {-1};
    struct err inner;
    int rc = sql_body_refs(b->conn, piece->body, keep_ref, &refs, &place, &inner);
    if (rc < 0) {
        rc = explain_syntax(b, piece, place.offset, &inner);
    }
    for (size_t i = 0; rc >= 0 && i < refs.items.count; i++) {
        rc = check_ref(&refs, &refs.items.items[i]);
    }
    vec_done(&refs.items);
    return rc < 0 ? rc : 0;
}
