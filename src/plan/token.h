/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_TOKEN_H
#define PLAN_TOKEN_H

#include "base/base.h"
#include "plan/plan.h"
#include "plan/subst.h"

/*
 * token - the words of a pipeline file
 */
enum plan_token_kind {
    PLAN_TOKEN_END,    /* the end of the text; always the last token */
    PLAN_TOKEN_WORD,   /* keyword or bare name */
    PLAN_TOKEN_QUOTED, /* "name" or `name` */
    PLAN_TOKEN_STRING, /* '…', E'…', $tag$…$tag$ */
    PLAN_TOKEN_NUMBER,
    PLAN_TOKEN_SYMBOL, /* one character */
};

struct plan_token {
    enum plan_token_kind kind;
    char mark;        /* ' " ` $ E for what is quoted, else 0 */
    struct str text;  /* as written */
    struct str value; /* without quotes; doubled ones single. E'…': as written in between */
    size_t offset;    /* of text */
    struct plan_place place;
};

struct plan_tokens {
    struct str text; /* what was scanned, after substitution */
    const struct plan_token *items;
    size_t count;
};

/* Everything lives in the arena and in subst->out. `file` is for messages. */
int plan_token_scan(struct arena *arena, struct str file, const struct plan_subst *subst,
                    struct plan_tokens *ret_tokens, struct err *err);

bool plan_token_is(const struct plan_token *token, const char *word); /* a bare word, any case */
bool plan_token_is_symbol(const struct plan_token *token, char symbol);
/* A bare or quoted name. */
bool plan_token_is_name(const struct plan_token *token);

#endif
