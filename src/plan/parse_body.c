/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse_body - a SELECT on its way to DuckDB
 *
 * The body is copied token by token with what DuckDB's parser does not know rewritten:
 *
 *   `name`                   "name"
 *   FROM STREAM x            FROM x      (DuckDB would read a table STREAM with the alias x)
 *   FROM STREAM(x)           FROM x
 *   comments                 a blank, or a line break if they hold one
 *
 * Every token leaves a mark, so that an error at byte k of the body is reported at its line and
 * column of the file, past rewrites and ${…}.
 *
 *  (1) A body holds no `;` and no comment, so it can stand in parentheses.
 *  (2) Everything else is left exactly as it was written; DuckDB says whether it is right.
 */
#include "plan/complain.h"
#include "plan/parser.h"

/* What may follow a table of the name "stream": then STREAM is not our word. */
static const char *const after_table[] = {
    "AS",     "WHERE", "GROUP",  "ORDER",     "JOIN",   "LEFT",        "RIGHT",      "INNER",
    "FULL",   "CROSS", "SEMI",   "ANTI",      "ASOF",   "ON",          "POSITIONAL", "NATURAL",
    "USING",  "UNION", "EXCEPT", "INTERSECT", "LIMIT",  "HAVING",      "QUALIFY",    "WINDOW",
    "OFFSET", "PIVOT", "SELECT", "UNPIVOT",   "SAMPLE", "TABLESAMPLE",
};

static bool is_stream_word(const struct plan_parser *p, const struct plan_token *before)
{
    if (before == NULL || !(plan_token_is(before, "FROM") || plan_token_is(before, "JOIN")) ||
        !plan_token_is(plan_parser_peek(p), "STREAM")) {
        return false;
    }
    const struct plan_token *next = plan_parser_ahead(p, 1);
    if (plan_token_is_symbol(next, '(')) {
        return plan_token_is_name(plan_parser_ahead(p, 2));
    }
    for (size_t i = 0; i < ARRAY_COUNT(after_table); i++) {
        if (plan_token_is(next, after_table[i])) {
            return false;
        }
    }
    return plan_token_is_name(next);
}

struct body_writer {
    struct plan_parser *p;
    struct buf out;
    VEC(struct plan_mark) marks;
    size_t end; /* of the last token written, in the scanned text */
};

/* The blanks before a token: as they are, but a comment becomes a blank or a line break. */
static void write_gap(struct body_writer *w, size_t until)
{
    struct str gap = str_n(w->p->tokens->text.ptr + w->end, until - w->end);
    bool blank = true;
    for (size_t i = 0; i < gap.len; i++) {
        blank = blank && (gap.ptr[i] == ' ' || (gap.ptr[i] >= '\t' && gap.ptr[i] <= '\r'));
    }
    if (blank) {
        buf_add_str(&w->out, gap);
    } else {
        buf_add_char(&w->out, str_find(gap, '\n') >= 0 ? '\n' : ' ');
    }
}

static void write_token(struct body_writer *w)
{
    const struct plan_token *token = plan_parser_step(w->p);
    if (w->marks.count > 0) {
        write_gap(w, token->offset);
    }
    *vec_push(&w->marks) =
        (struct plan_mark){.offset = (uint32_t)w->out.len, .place = token->place};
    if (token->mark == '`') {
        sql_quote_name(&w->out, token->value);
    } else {
        buf_add_str(&w->out, token->text);
    }
    w->end = token->offset + token->text.len;
}

/* At STREAM: drops it, and the parentheses of STREAM(x). */
static int write_stream(struct body_writer *w)
{
    struct plan_parser *p = w->p;
    const struct plan_token *word = plan_parser_step(p);
    write_gap(w, word->offset);
    w->end = word->offset + word->text.len;
    bool open = plan_parser_accept_symbol(p, "(");
    w->end = plan_parser_peek(p)->offset;
    write_token(w);
    if (plan_token_is_symbol(plan_parser_peek(p), '(')) {
        char text[PLAN_QUOTE_BYTES];
        const struct plan_token *name = plan_parser_ahead(p, 0) - 1;
        return plan_complain(p->err, p->file, name->place,
                             "STREAM %s(…) is not known here; declare the source with CREATE "
                             "STREAM and name it",
                             plan_complain_quote(name->text, text));
    }
    if (open) {
        const struct plan_token *close = plan_parser_peek(p);
        TRY(plan_parser_expect_symbol(p, ")"));
        w->end = close->offset + close->text.len;
    }
    return 0;
}

static int write_body(struct body_writer *w)
{
    struct plan_parser *p = w->p;
    const struct plan_token *before = NULL;
    while (plan_parser_peek(p)->kind != PLAN_TOKEN_END &&
           !plan_token_is_symbol(plan_parser_peek(p), ';')) {
        const struct plan_token *token = plan_parser_peek(p);
        if (is_stream_word(p, before)) {
            TRY(write_stream(w));
        } else {
            write_token(w);
        }
        before = token;
    }
    return 0;
}

int plan_parse_body_at(struct plan_parser *p, struct str *ret_body, struct plan_marks *ret_marks)
{
    static const char *const starts[] = {"SELECT", "WITH", "FROM"};
    bool known = plan_token_is_symbol(plan_parser_peek(p), '(');
    for (size_t i = 0; i < ARRAY_COUNT(starts) && !known; i++) {
        known = plan_token_is(plan_parser_peek(p), starts[i]);
        plan_parser_want(p, starts[i]);
    }
    if (!known) {
        return plan_parser_fail(p);
    }
    struct body_writer w = {.p = p};
    int rc = write_body(&w);
    if (rc == 0) {
        struct plan_mark *marks = arena_new_array(p->arena, struct plan_mark, w.marks.count);
        memcpy(marks, w.marks.items, w.marks.count * sizeof(*marks));
        *ret_marks = (struct plan_marks){.items = marks, .count = w.marks.count};
        *ret_body = arena_str(p->arena, buf_str(&w.out));
    }
    buf_done(&w.out);
    vec_done(&w.marks);
    return rc;
}
