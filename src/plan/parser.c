/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser - a walk over the tokens, and "expected …, met …"
 *
 * A parse function asks for what may come with accept; every "no" is remembered, so that when
 * nothing fits, plan_parser_fail can list it all without a list written by hand.  The first step
 * forgets.
 */
#include "plan/parser.h"

#include "plan/complain.h"

const struct plan_token *plan_parser_peek(const struct plan_parser *p)
{
    return &p->tokens->items[p->at];
}

const struct plan_token *plan_parser_ahead(const struct plan_parser *p, size_t count)
{
    size_t last = p->tokens->count - 1;
    return &p->tokens->items[p->at + count < last ? p->at + count : last];
}

const struct plan_token *plan_parser_step(struct plan_parser *p)
{
    const struct plan_token *token = plan_parser_peek(p);
    if (token->kind != PLAN_TOKEN_END) {
        p->at++;
    }
    p->expected_count = 0;
    return token;
}

void plan_parser_want(struct plan_parser *p, const char *what)
{
    for (size_t i = 0; i < p->expected_count; i++) {
        if (strcmp(p->expected[i], what) == 0) {
            return;
        }
    }
    if (p->expected_count < ARRAY_COUNT(p->expected)) {
        p->expected[p->expected_count++] = what;
    }
}

bool plan_parser_accept(struct plan_parser *p, const char *word)
{
    if (plan_token_is(plan_parser_peek(p), word)) {
        plan_parser_step(p);
        return true;
    }
    plan_parser_want(p, word);
    return false;
}

bool plan_parser_accept_symbol(struct plan_parser *p, const char *symbol)
{
    assert(symbol[1] == '\0');
    if (plan_token_is_symbol(plan_parser_peek(p), symbol[0])) {
        plan_parser_step(p);
        return true;
    }
    plan_parser_want(p, symbol);
    return false;
}

/* "a name" is a description, "AS" and "(" are to be quoted. */
static bool is_description(const char *expected)
{
    return expected[0] >= 'a' && expected[0] <= 'z';
}

static const char *met(const struct plan_parser *p, char out[PLAN_QUOTE_BYTES])
{
    const struct plan_token *token = plan_parser_peek(p);
    if (token->kind == PLAN_TOKEN_END) {
        return "the end of the file";
    }
    if (p->hide_strings && token->mark != '\0') {
        return "a string";
    }
    return plan_complain_quote(token->text, out);
}

int plan_parser_fail(struct plan_parser *p)
{
    AUTO_BUF struct buf list = {0};
    const struct plan_token *token = plan_parser_peek(p);
    struct plan_near near = plan_complain_near(token->text);
    assert(p->expected_count > 0);
    for (size_t i = 0; i < p->expected_count; i++) {
        if (i > 0) {
            buf_add_c(&list, i + 1 == p->expected_count ? " or " : ", ");
        }
        const char *quote = is_description(p->expected[i]) ? "" : "\"";
        buf_printf(&list, "%s%s%s", quote, p->expected[i], quote);
        if (token->kind == PLAN_TOKEN_WORD && !is_description(p->expected[i])) {
            plan_complain_offer(&near, str_of(p->expected[i]));
        }
    }
    char text[PLAN_QUOTE_BYTES];
    char hint[PLAN_HINT_BYTES];
    return plan_complain(p->err, p->file, token->place, "expected %s, met %s%s", list.ptr,
                         met(p, text), plan_complain_hint(&near, hint));
}

int plan_parser_expect(struct plan_parser *p, const char *word)
{
    return plan_parser_accept(p, word) ? 0 : plan_parser_fail(p);
}

int plan_parser_expect_symbol(struct plan_parser *p, const char *symbol)
{
    return plan_parser_accept_symbol(p, symbol) ? 0 : plan_parser_fail(p);
}

int plan_parser_expect_name(struct plan_parser *p, const char *what, struct str *ret_name,
                            const struct plan_token **ret_token)
{
    const struct plan_token *token = plan_parser_peek(p);
    if (!plan_token_is_name(token)) {
        plan_parser_want(p, what);
        return plan_parser_fail(p);
    }
    plan_parser_step(p);
    *ret_name = arena_str(p->arena, token->value);
    if (ret_token != NULL) {
        *ret_token = token;
    }
    return 0;
}

int plan_parser_expect_string(struct plan_parser *p, const char *what, struct str *ret_value)
{
    const struct plan_token *token = plan_parser_peek(p);
    bool is_string = (token->kind == PLAN_TOKEN_STRING && token->mark != 'E') ||
                     (token->kind == PLAN_TOKEN_QUOTED && token->mark == '"');
    if (!is_string) {
        plan_parser_want(p, what);
        return plan_parser_fail(p);
    }
    plan_parser_step(p);
    *ret_value = arena_str(p->arena, token->value);
    return 0;
}
