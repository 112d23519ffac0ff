/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse - the statements of a pipeline file
 *
 *     CREATE STREAM name ( columns ) USING connector [OPTIONS (…)] [COMMENT '…']
 *     CREATE [OR REFRESH] STREAMING TABLE [IF NOT EXISTS] name [( columns )]
 *         { USING delta | LOCATION '…' | PARTITIONED BY (…) | COMMENT '…'
 *         | TBLPROPERTIES (…) | OPTIONS (…) } AS SELECT …
 *     CREATE [OR REPLACE] [TEMP[ORARY]] VIEW name AS SELECT …
 *     SET name = value
 *
 * Clauses come in any order, each once.  What a clause means is not checked here but in
 * option.c; what a body means is DuckDB's and bind.c's business.
 */
#include "plan/complain.h"
#include "plan/option.h"
#include "plan/parser.h"
#include "plan/secret.h"

struct parse {
    struct plan *plan;
    struct plan_parser p;
};

static int complain_about(struct parse *s, const struct plan_token *token, const char *before,
                          const char *after)
{
    char text[PLAN_QUOTE_BYTES];
    return plan_complain(s->p.err, s->plan->file, token->place, "%s%s%s", before,
                         plan_complain_quote(token->value, text), after);
}

/* ---- names ------------------------------------------------------------------------------- */

static int name_is_taken(struct parse *s, struct plan_place place, const char *kind,
                         struct str name, struct plan_place first)
{
    char text[PLAN_QUOTE_BYTES];
    return plan_complain(s->p.err, s->plan->file, place,
                         "name %s is taken by the %s at %" PRIu32 ":%" PRIu32,
                         plan_complain_quote(name, text), kind, first.line, first.column);
}

/* Streams, views and tables share one space of names. */
static int check_name(struct parse *s, struct str name, struct plan_place place)
{
    vec_foreach (struct plan_stream, stream, &s->plan->streams) {
        if (str_eq_nocase(stream->name, name)) {
            return name_is_taken(s, place, "stream", name, stream->place);
        }
    }
    vec_foreach (struct plan_view, view, &s->plan->views) {
        if (str_eq_nocase(view->name, name)) {
            return name_is_taken(s, place, "view", name, view->place);
        }
    }
    vec_foreach (struct plan_table, table, &s->plan->tables) {
        if (str_eq_nocase(table->name, name)) {
            return name_is_taken(s, place, "table", name, table->place);
        }
    }
    return 0;
}

static int parse_new_name(struct parse *s, const char *what, struct str *ret_name,
                          struct plan_place *ret_place)
{
    const struct plan_token *token = NULL;
    struct str name;
    TRY(plan_parser_expect_name(&s->p, what, &name, &token));
    TRY(check_name(s, name, token->place));
    *ret_name = name;
    *ret_place = token->place;
    return 0;
}

/* ---- key = value lists ------------------------------------------------------------------- */

static int parse_key(struct parse *s, const char *what, struct str *ret_key)
{
    struct plan_parser *p = &s->p;
    const struct plan_token *token = plan_parser_peek(p);
    if (token->kind == PLAN_TOKEN_STRING || token->kind == PLAN_TOKEN_QUOTED) {
        plan_parser_step(p);
        *ret_key = arena_str(p->arena, token->value);
        return 0;
    }
    AUTO_BUF struct buf key = {0};
    struct str part;
    TRY(plan_parser_expect_name(p, what, &part, NULL));
    buf_add_str(&key, part);
    while (plan_parser_accept_symbol(p, ".")) {
        TRY(plan_parser_expect_name(p, "a name", &part, NULL));
        buf_add_char(&key, '.');
        buf_add_str(&key, part);
    }
    *ret_key = arena_str(p->arena, buf_str(&key));
    return 0;
}

static int parse_value(struct parse *s, struct str *ret_value)
{
    struct plan_parser *p = &s->p;
    const struct plan_token *token = plan_parser_peek(p);
    const struct plan_token *next = plan_parser_ahead(p, 1);
    bool minus = plan_token_is_symbol(token, '-') && next->kind == PLAN_TOKEN_NUMBER;
    if (minus) {
        plan_parser_step(p);
        plan_parser_step(p);
        *ret_value = str_of(arena_printf(p->arena, "-%.*s", STR_FMT(next->text)));
        return 0;
    }
    if (token->kind == PLAN_TOKEN_NUMBER || plan_token_is(token, "TRUE") ||
        plan_token_is(token, "FALSE")) {
        plan_parser_step(p);
        *ret_value = arena_str(p->arena, token->text);
        return 0;
    }
    plan_parser_want(p, "a number");
    plan_parser_want(p, "TRUE");
    plan_parser_want(p, "FALSE");
    return plan_parser_expect_string(p, "a string", ret_value);
}

/* The list in parentheses; `into` is a VEC(struct setting) of the plan. */
static int parse_settings(struct parse *s, struct settings *into)
{
    struct plan_parser *p = &s->p;
    TRY(plan_parser_expect_symbol(p, "("));
    if (plan_parser_accept_symbol(p, ")")) {
        return 0;
    }
    do {
        const struct plan_token *token = plan_parser_peek(p);
        struct setting setting = {0};
        TRY(parse_key(s, "an option name", &setting.name));
        vec_foreach (struct setting, other, &into->items) {
            if (str_eq_nocase(other->name, setting.name)) {
                return complain_about(s, token, "", " is set twice");
            }
        }
        plan_parser_accept_symbol(p, "=");
        struct plan_place place = plan_parser_peek(p)->place;
        setting.line = place.line;
        setting.column = place.column;
        TRY(parse_value(s, &setting.value));
        plan_secret_mask(setting.name, setting.value);
        *vec_push(&into->items) = setting;
    } while (plan_parser_accept_symbol(p, ","));
    return plan_parser_expect_symbol(p, ")");
}

static int parse_options(struct parse *s, struct settings *into)
{
    s->p.hide_strings = true;
    TRY(parse_settings(s, into));
    s->p.hide_strings = false;
    return 0;
}

/* ---- columns ----------------------------------------------------------------------------- */

struct columns {
    VEC(struct type_field) fields;
    VEC(struct plan_place) places;
};

static void columns_done(struct columns *c)
{
    vec_done(&c->fields);
    vec_done(&c->places);
}
#define AUTO_COLUMNS AUTO(columns_done)

static bool at_column_end(const struct parse *s)
{
    const struct plan_token *token = plan_parser_peek(&s->p);
    return plan_token_is_symbol(token, ',') || plan_token_is_symbol(token, ')') ||
           plan_token_is(token, "NOT") || plan_token_is(token, "COMMENT");
}

static int parse_column(struct parse *s, bool type_optional, struct columns *into)
{
    struct plan_parser *p = &s->p;
    const struct plan_token *token = NULL;
    struct type_field field = {.nullable = true};
    TRY(plan_parser_expect_name(p, "a column name", &field.name, &token));
    vec_foreach (struct type_field, other, &into->fields) {
        if (str_eq_nocase(other->name, field.name)) {
            return complain_about(s, token, "column ", " is there twice");
        }
    }
    if (!type_optional || !at_column_end(s)) {
        TRY(plan_parse_type_at(p, 0, &field.type));
    }
    for (;;) {
        if (field.nullable && plan_parser_accept(p, "NOT")) {
            TRY(plan_parser_expect(p, "NULL"));
            field.nullable = false;
        } else if (field.comment.ptr == NULL && plan_parser_accept(p, "COMMENT")) {
            TRY(plan_parser_expect_string(p, "a string", &field.comment));
        } else {
            break;
        }
    }
    *vec_push(&into->fields) = field;
    *vec_push(&into->places) = token->place;
    return 0;
}

/* Behind the opening parenthesis. */
static int parse_columns(struct parse *s, bool type_optional, struct columns *into)
{
    do {
        TRY(parse_column(s, type_optional, into));
    } while (plan_parser_accept_symbol(&s->p, ","));
    return plan_parser_expect_symbol(&s->p, ")");
}

/* ---- CREATE STREAM ----------------------------------------------------------------------- */

static int check_stream_columns(struct parse *s, const struct columns *columns)
{
    for (size_t i = 0; i < columns->fields.count; i++) {
        for (size_t m = 0; plan_meta_names[m] != NULL; m++) {
            if (str_eq_nocase_c(columns->fields.items[i].name, plan_meta_names[m])) {
                return plan_complain(s->p.err, s->plan->file, columns->places.items[i],
                                     "every stream has a column \"%s\"; give this one another "
                                     "name",
                                     plan_meta_names[m]);
            }
        }
    }
    return 0;
}

static int clause_twice(struct parse *s, const struct plan_token *token)
{
    return complain_about(s, token, "clause ", " is there twice");
}

static int parse_using(struct parse *s, struct plan_stream *stream)
{
    const struct plan_token *token = NULL;
    struct str name;
    struct err inner;
    TRY(plan_parser_expect_name(&s->p, "the name of a connector", &name, &token));
    stream->source = source_find(name, &inner);
    if (stream->source == NULL) {
        return plan_complain(s->p.err, s->plan->file, token->place, "%s", inner.msg);
    }
    return 0;
}

static int parse_stream_clauses(struct parse *s, struct plan_stream *stream)
{
    struct plan_parser *p = &s->p;
    bool has_options = false;
    bool has_comment = false;
    for (;;) {
        const struct plan_token *token = plan_parser_peek(p);
        if (plan_parser_accept(p, "USING")) {
            if (stream->source != NULL) {
                return clause_twice(s, token);
            }
            TRY(parse_using(s, stream));
        } else if (plan_parser_accept(p, "OPTIONS")) {
            if (has_options) {
                return clause_twice(s, token);
            }
            has_options = true;
            TRY(parse_options(s, &stream->settings));
        } else if (plan_parser_accept(p, "COMMENT")) {
            if (has_comment) {
                return clause_twice(s, token);
            }
            has_comment = true;
            struct str comment;
            TRY(plan_parser_expect_string(p, "a string", &comment));
        } else {
            break;
        }
    }
    if (stream->source == NULL) {
        return plan_parser_fail(p);
    }
    return 0;
}

static int parse_stream(struct parse *s)
{
    struct plan_parser *p = &s->p;
    AUTO_COLUMNS struct columns columns = {0};
    struct plan_stream *stream = NULL;
    struct str name;
    struct plan_place place;
    TRY(parse_new_name(s, "a stream name", &name, &place));
    bool has_columns = plan_parser_accept_symbol(p, "(");
    if (has_columns) {
        TRY(parse_columns(s, false, &columns));
        TRY(check_stream_columns(s, &columns));
    }
    stream = vec_push(&s->plan->streams);
    stream->name = name;
    stream->place = place;
    stream->is_inferred = !has_columns;
    if (has_columns) {
        stream->row_type = type_struct(p->arena, columns.fields.items, columns.fields.count);
    }
    TRY(parse_stream_clauses(s, stream));
    TRY(plan_option_apply_stream(s->plan, stream, p->err));
    if (stream->row_type != NULL) {
        plan_stream_finish(p->arena, stream);
    }
    return 0;
}

/* ---- CREATE STREAMING TABLE -------------------------------------------------------------- */

static int parse_partitions(struct parse *s, struct plan_table *table)
{
    struct plan_parser *p = &s->p;
    TRY(plan_parser_expect(p, "BY"));
    TRY(plan_parser_expect_symbol(p, "("));
    do {
        const struct plan_token *token = NULL;
        struct str name;
        TRY(plan_parser_expect_name(p, "a column name", &name, &token));
        vec_foreach (struct str, other, &table->partition_columns) {
            if (str_eq_nocase(*other, name)) {
                return complain_about(s, token, "partition column ", " is there twice");
            }
        }
        *vec_push(&table->partition_columns) = name;
        *vec_push(&table->partition_places) = token->place;
    } while (plan_parser_accept_symbol(p, ","));
    return plan_parser_expect_symbol(p, ")");
}

static int parse_format(struct parse *s)
{
    const struct plan_token *token = NULL;
    struct str name;
    TRY(plan_parser_expect_name(&s->p, "DELTA", &name, &token));
    if (!str_eq_nocase_c(name, "delta")) {
        return complain_about(s, token, "a streaming table is written as \"delta\", met ", "");
    }
    return 0;
}

static int parse_properties(struct parse *s, struct plan_table *table)
{
    struct settings settings = {0};
    int rc = parse_settings(s, &settings);
    if (rc == 0) {
        vec_foreach (struct setting, item, &settings.items) {
            *vec_push(&table->properties) = *item;
        }
    }
    vec_done(&settings.items);
    return rc;
}

enum clause { USING, LOCATION, PARTITIONED, COMMENT, TBLPROPERTIES, OPTIONS, CLAUSE_COUNT };
static const char *const clause_words[CLAUSE_COUNT] = {"USING",   "LOCATION",      "PARTITIONED",
                                                       "COMMENT", "TBLPROPERTIES", "OPTIONS"};

static int parse_clause(struct parse *s, enum clause clause, struct plan_table *table)
{
    struct plan_parser *p = &s->p;
    switch (clause) {
    case USING:
        return parse_format(s);
    case LOCATION:
        TRY(plan_parser_expect_string(p, "a string", &table->location));
        return 0;
    case PARTITIONED:
        return parse_partitions(s, table);
    case COMMENT:
        return plan_parser_expect_string(p, "a string", &table->comment);
    case TBLPROPERTIES:
        return parse_properties(s, table);
    case OPTIONS:
        return parse_options(s, &table->settings);
    case CLAUSE_COUNT:
        break;
    }
    assert(false);
    return 0;
}

static int parse_table_clauses(struct parse *s, struct plan_table *table)
{
    struct plan_parser *p = &s->p;
    bool seen[CLAUSE_COUNT] = {false};
    for (;;) {
        const struct plan_token *token = plan_parser_peek(p);
        size_t clause = 0;
        while (clause < CLAUSE_COUNT && !plan_parser_accept(p, clause_words[clause])) {
            clause++;
        }
        if (clause == CLAUSE_COUNT) {
            break;
        }
        if (seen[clause]) {
            return clause_twice(s, token);
        }
        seen[clause] = true;
        TRY(parse_clause(s, (enum clause)clause, table));
    }
    if (plan_token_is(plan_parser_peek(p), "CLUSTER")) {
        return plan_complain(p->err, s->plan->file, plan_parser_peek(p)->place,
                             "CLUSTER BY is not supported yet; use PARTITIONED BY");
    }
    return plan_parser_expect(p, "AS");
}

static int check_location(struct parse *s, const struct plan_table *table)
{
    if (table->location.ptr == NULL) {
        return plan_complain(s->p.err, s->plan->file, table->place,
                             "streaming table \"%.*s\" has no LOCATION", STR_FMT(table->name));
    }
    if (str_trim(table->location).len == 0) {
        return plan_complain(s->p.err, s->plan->file, table->place,
                             "the LOCATION of streaming table \"%.*s\" is empty",
                             STR_FMT(table->name));
    }
    return 0;
}

/* Two tables that would write the same offsets of the same log. */
static int check_identity(struct parse *s, const struct plan_table *table)
{
    vec_foreach (struct plan_table, other, &s->plan->tables) {
        if (other != table && str_eq(other->query_name, table->query_name) &&
            str_eq(other->location, table->location)) {
            return plan_complain(
                s->p.err, s->plan->file, table->place,
                "streaming tables \"%.*s\" and \"%.*s\" have the same query name and location",
                STR_FMT(other->name), STR_FMT(table->name));
        }
    }
    return 0;
}

static void keep_columns(struct arena *arena, const struct columns *columns,
                         struct plan_table *table)
{
    size_t count = columns->fields.count;
    if (count > 0) {
        struct type_field *fields = arena_new_array(arena, struct type_field, count);
        struct plan_place *places = arena_new_array(arena, struct plan_place, count);
        memcpy(fields, columns->fields.items, count * sizeof(*fields));
        memcpy(places, columns->places.items, count * sizeof(*places));
        table->declared_count = count;
        table->declared = fields;
        table->declared_places = places;
    }
}

static int parse_table(struct parse *s)
{
    struct plan_parser *p = &s->p;
    AUTO_COLUMNS struct columns columns = {0};
    struct str name;
    struct plan_place place;
    TRY(plan_parser_expect(p, "TABLE"));
    if (plan_parser_accept(p, "IF")) {
        TRY(plan_parser_expect(p, "NOT"));
        TRY(plan_parser_expect(p, "EXISTS"));
    }
    TRY(parse_new_name(s, "a table name", &name, &place));
    if (plan_parser_accept_symbol(p, "(")) {
        TRY(parse_columns(s, true, &columns));
    }
    struct plan_table *table = vec_push(&s->plan->tables);
    table->name = name;
    table->place = place;
    keep_columns(p->arena, &columns, table);
    TRY(parse_table_clauses(s, table));
    struct plan_place body = plan_parser_peek(p)->place;
    table->body_line = body.line;
    table->body_column = body.column;
    TRY(plan_parse_body_at(p, &table->body, &table->marks));
    TRY(check_location(s, table));
    TRY(plan_option_apply_table(s->plan, table, p->err));
    return check_identity(s, table);
}

/* ---- CREATE VIEW, SET -------------------------------------------------------------------- */

static int parse_view(struct parse *s)
{
    struct plan_view view = {0};
    TRY(parse_new_name(s, "a view name", &view.name, &view.place));
    TRY(plan_parser_expect(&s->p, "AS"));
    TRY(plan_parse_body_at(&s->p, &view.body, &view.marks));
    *vec_push(&s->plan->views) = view;
    return 0;
}

static int parse_set(struct parse *s)
{
    struct plan_parser *p = &s->p;
    const struct plan_token *token = plan_parser_peek(p);
    struct str name;
    struct str value;
    TRY(parse_key(s, "a setting", &name));
    if (!plan_parser_accept_symbol(p, "=") && !plan_parser_accept(p, "TO")) {
        return plan_parser_fail(p);
    }
    struct plan_place at = plan_parser_peek(p)->place;
    TRY(parse_value(s, &value));
    plan_secret_mask(name, value);
    return plan_option_apply_set(s->plan, name, token->place, value, at, p->err);
}

/* ---- statements -------------------------------------------------------------------------- */

static int refuse_create(struct parse *s)
{
    static const char *const later[] = {"TABLE", "MACRO", "FUNCTION", "MATERIALIZED", "SCHEMA"};
    struct plan_parser *p = &s->p;
    const struct plan_token *token = plan_parser_peek(p);
    for (size_t i = 0; i < ARRAY_COUNT(later); i++) {
        if (plan_token_is(token, later[i])) {
            return plan_complain(p->err, s->plan->file, token->place,
                                 "CREATE %s is not supported yet; a pipeline is made of CREATE "
                                 "STREAM, CREATE VIEW and CREATE STREAMING TABLE",
                                 later[i]);
        }
    }
    return plan_parser_fail(p);
}

static int parse_create(struct parse *s)
{
    struct plan_parser *p = &s->p;
    bool refresh = false;
    bool replace = false;
    bool temporary = false;
    if (plan_parser_accept(p, "OR")) {
        refresh = plan_parser_accept(p, "REFRESH");
        replace = !refresh && plan_parser_accept(p, "REPLACE");
        if (!refresh && !replace) {
            return plan_parser_fail(p);
        }
    }
    if (!refresh) {
        temporary = plan_parser_accept(p, "TEMPORARY") || plan_parser_accept(p, "TEMP");
        if (plan_parser_accept(p, "VIEW")) {
            return parse_view(s);
        }
    }
    if (!replace && !temporary) {
        if (plan_parser_accept(p, "STREAMING")) {
            return parse_table(s);
        }
        if (!refresh && plan_parser_accept(p, "STREAM")) {
            return parse_stream(s);
        }
    }
    return refuse_create(s);
}

static int parse_statement(struct parse *s)
{
    if (plan_parser_accept(&s->p, "CREATE")) {
        return parse_create(s);
    }
    if (plan_parser_accept(&s->p, "SET")) {
        return parse_set(s);
    }
    return plan_parser_fail(&s->p);
}

int plan_parse_run(struct plan *plan, const struct plan_tokens *tokens, struct err *err)
{
    struct parse s = {
        .plan = plan,
        .p = {.arena = &plan->arena, .file = plan->file, .tokens = tokens, .err = err}};
    for (;;) {
        while (plan_token_is_symbol(plan_parser_peek(&s.p), ';')) {
            plan_parser_step(&s.p);
        }
        if (plan_parser_peek(&s.p)->kind == PLAN_TOKEN_END) {
            return 0;
        }
        s.p.expected_count = 0;
        TRY(parse_statement(&s));
        if (plan_parser_peek(&s.p)->kind != PLAN_TOKEN_END) {
            TRY(plan_parser_expect_symbol(&s.p, ";"));
        }
    }
}
