/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_PARSER_H
#define PLAN_PARSER_H

#include "base/base.h"
#include "plan/plan.h"
#include "plan/token.h"

/*
 * parser - what the parse_*.c files share: a walk over the tokens, and "expected …, met …"
 */
struct plan_parser {
    struct arena *arena; /* of what is built */
    struct str file;
    const struct plan_tokens *tokens;
    size_t at;
    /* What the next token could have been: collected by accept, cleared by a step. */
    const char *expected[32];
    size_t expected_count;
    bool hide_strings; /* within OPTIONS: a string that is out of place may be a secret */
    struct err *err;
};

const struct plan_token *plan_parser_peek(const struct plan_parser *p);
const struct plan_token *plan_parser_ahead(const struct plan_parser *p, size_t count);
/* The present token; moves on, but never past the end. */
const struct plan_token *plan_parser_step(struct plan_parser *p);

/* Steps when the present token is that bare word (or symbol); remembers that it was looked for. */
bool plan_parser_accept(struct plan_parser *p, const char *word);
bool plan_parser_accept_symbol(struct plan_parser *p, const char *symbol);
/* Remembers one more thing that could stand here, "a name" for instance. */
void plan_parser_want(struct plan_parser *p, const char *what);
/* ERR_CONFIG 'expected "A", "B" or a name, met "C"; did you mean "A"?' from what was remembered. */
int plan_parser_fail(struct plan_parser *p);

int plan_parser_expect(struct plan_parser *p, const char *word);
int plan_parser_expect_symbol(struct plan_parser *p, const char *symbol);
/* `what` for the message: "a table name". The token is returned for its place. */
int plan_parser_expect_name(struct plan_parser *p, const char *what, struct str *ret_name,
                            const struct plan_token **ret_token);
/* '…', $$…$$ or "…": Spark takes the last for a string too. */
int plan_parser_expect_string(struct plan_parser *p, const char *what, struct str *ret_value);

/* parse_type.c */
/* "a.b BIGINT, c ARRAY<STRING>": a STRUCT whose names are paths (codec/infer.h). */
int plan_parse_hints(struct arena *arena, struct str text, const struct type **ret_type,
                     struct err *err);
int plan_parse_type_at(struct plan_parser *p, int depth, const struct type **ret_type);

/* parse_body.c: from the present token to the `;` or the end. */
int plan_parse_body_at(struct plan_parser *p, struct str *ret_body, struct plan_marks *ret_marks);

/* parse.c */
int plan_parse_run(struct plan *plan, const struct plan_tokens *tokens, struct err *err);

#endif
