/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - the words of a pipeline file
 *
 * As DuckDB's scanner sees them, which is PostgreSQL's, plus `name`:
 *
 *   comments   -- to the end of the line, and nested slash-star ones; they are no tokens
 *   strings    '…' with '' for a quote; E'…' with backslashes; $tag$ … $tag$
 *   names      letters, digits, _ and $, every character beyond ASCII; "…" and `…`
 *   numbers    1, 1.5e-3, .5, 0xFF, 1_000
 *   the rest   one character each: "::" is two tokens, which matters to nobody here
 *
 *  (1) Tokens do not overlap and come in the order of the text.
 *  (2) What is refused here (an open quote, a control character) DuckDB would refuse too.
 */
#include "plan/token.h"

#include "plan/complain.h"

struct scanner {
    struct arena *arena;
    struct str file;
    const struct plan_subst *subst;
    size_t at;
    struct plan_cursor cursor;
    size_t mark; /* the subst mark that `at` is behind */
    VEC(struct plan_token) tokens;
    struct err *err;
};

static char peek(const struct scanner *s, size_t ahead)
{
    return s->at + ahead < s->subst->out.len ? s->subst->out.ptr[s->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where byte `offset` of the result stood in the file; ascending offsets only. */
static struct plan_place place_of(struct scanner *s, size_t offset)
{
    const struct plan_subst *subst = s->subst;
    while (s->mark + 1 < subst->mark_count && subst->marks[s->mark + 1].out <= offset) {
        s->mark++;
    }
    const struct plan_subst_mark *mark = &subst->marks[s->mark];
    size_t in = mark->inserted ? mark->in : mark->in + (offset - mark->out);
    if (in < s->cursor.offset) {
        return s->cursor.place;
    }
    return plan_complain_at(&s->cursor, in < subst->in.len ? in : subst->in.len);
}

static struct plan_token *push(struct scanner *s, enum plan_token_kind kind, size_t start)
{
    struct plan_token *token = vec_push(&s->tokens);
    token->kind = kind;
    token->offset = start;
    token->text = str_n(s->subst->out.ptr + start, s->at - start);
    token->value = token->text;
    token->place = place_of(s, start);
    return token;
}

static int skip_block_comment(struct scanner *s)
{
    size_t start = s->at;
    size_t depth = 0;
    while (s->at < s->subst->out.len) {
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            s->at += 2;
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            s->at += 2;
            if (--depth == 0) {
                return 0;
            }
        } else {
            s->at++;
        }
    }
    return plan_complain(s->err, s->file, place_of(s, start),
                         "comment \"/*\" has no closing \"*/\"");
}

/* `s` with every doubled `quote` made one. */
static struct str undouble(struct arena *arena, struct str s, char quote)
{
    if (str_find(s, quote) < 0) {
        return s;
    }
    char *out = arena_alloc(arena, s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        out[len++] = s.ptr[i];
        if (s.ptr[i] == quote) {
            i++;
        }
    }
    out[len] = '\0';
    return str_n(out, len);
}

/* At the opening quote; `start` is before it for E'…'. */
static int scan_quoted(struct scanner *s, size_t start)
{
    char quote = peek(s, 0);
    bool escapes = s->at > start;
    size_t inner = ++s->at;
    for (;;) {
        if (s->at >= s->subst->out.len) {
            return plan_complain(s->err, s->file, place_of(s, start),
                                 quote == '\'' ? "string has no closing quote"
                                               : "quoted name has no closing quote");
        }
        if (peek(s, 0) == quote && peek(s, 1) != quote) {
            break;
        }
        s->at +=
            peek(s, 0) == quote || (escapes && peek(s, 0) == '\\' && peek(s, 1) != '\0') ? 2 : 1;
    }
    struct str value = str_n(s->subst->out.ptr + inner, s->at - inner);
    s->at++;
    struct plan_token *token =
        push(s, quote == '\'' ? PLAN_TOKEN_STRING : PLAN_TOKEN_QUOTED, start);
    token->mark = escapes ? 'E' : quote;
    token->value = escapes ? value : undouble(s->arena, value, quote);
    if (token->kind == PLAN_TOKEN_QUOTED && token->value.len == 0) {
        return plan_complain(s->err, s->file, token->place, "a quoted name is empty");
    }
    return 0;
}

/* $tag$ … $tag$, or the single character. */
static int scan_dollar(struct scanner *s)
{
    size_t start = s->at;
    size_t tag = 1;
    while (is_letter(peek(s, tag)) || (tag > 1 && is_digit(peek(s, tag)))) {
        tag++;
    }
    if (peek(s, tag) != '$') {
        s->at++;
        push(s, PLAN_TOKEN_SYMBOL, start);
        return 0;
    }
    tag++;
    struct str mark = str_n(s->subst->out.ptr + start, tag);
    struct str rest = str_skip(s->subst->out, start + tag);
    ptrdiff_t end = str_find_str(rest, mark);
    if (end < 0) {
        char quoted[PLAN_QUOTE_BYTES];
        return plan_complain(s->err, s->file, place_of(s, start), "string has no closing %s",
                             plan_complain_quote(mark, quoted));
    }
    s->at = start + tag + (size_t)end + tag;
    struct plan_token *token = push(s, PLAN_TOKEN_STRING, start);
    token->mark = '$';
    token->value = str_head(rest, (size_t)end);
    return 0;
}

static void scan_number(struct scanner *s)
{
    size_t start = s->at;
    if (peek(s, 0) == '0' && (peek(s, 1) | 0x20) == 'x') {
        s->at += 2;
        while (is_digit(peek(s, 0)) || ((peek(s, 0) | 0x20) >= 'a' && (peek(s, 0) | 0x20) <= 'f')) {
            s->at++;
        }
        push(s, PLAN_TOKEN_NUMBER, start);
        return;
    }
    bool dot = false;
    while (is_digit(peek(s, 0)) || (peek(s, 0) == '_' && is_digit(peek(s, 1))) ||
           (peek(s, 0) == '.' && !dot)) {
        dot = dot || peek(s, 0) == '.';
        s->at++;
    }
    if ((peek(s, 0) | 0x20) == 'e') {
        size_t sign = peek(s, 1) == '+' || peek(s, 1) == '-' ? 1 : 0;
        if (is_digit(peek(s, 1 + sign))) {
            s->at += 1 + sign;
            while (is_digit(peek(s, 0))) {
                s->at++;
            }
        }
    }
    push(s, PLAN_TOKEN_NUMBER, start);
}

static int scan_word(struct scanner *s)
{
    size_t start = s->at;
    while (is_letter(peek(s, 0)) || is_digit(peek(s, 0)) || peek(s, 0) == '$') {
        s->at++;
    }
    if (s->at == start + 1 && (s->subst->out.ptr[start] | 0x20) == 'e' && peek(s, 0) == '\'') {
        return scan_quoted(s, start);
    }
    push(s, PLAN_TOKEN_WORD, start);
    return 0;
}

static int scan_next(struct scanner *s)
{
    char c = peek(s, 0);
    if (is_space(c)) {
        s->at++;
        return 0;
    }
    if (c == '-' && peek(s, 1) == '-') {
        while (s->at < s->subst->out.len && peek(s, 0) != '\n') {
            s->at++;
        }
        return 0;
    }
    if (c == '/' && peek(s, 1) == '*') {
        return skip_block_comment(s);
    }
    if (c == '\'' || c == '"' || c == '`') {
        return scan_quoted(s, s->at);
    }
    if (c == '$') {
        return scan_dollar(s);
    }
    if (is_letter(c)) {
        return scan_word(s);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(s, 1)))) {
        scan_number(s);
        return 0;
    }
    if ((unsigned char)c < ' ' || c == 0x7F) {
        return plan_complain(s->err, s->file, place_of(s, s->at),
                             "a control character (0x%02x) stands in the text", (unsigned)c);
    }
    s->at++;
    push(s, PLAN_TOKEN_SYMBOL, s->at - 1);
    return 0;
}

int plan_token_scan(struct arena *arena, struct str file, const struct plan_subst *subst,
                    struct plan_tokens *ret_tokens, struct err *err)
{
    struct scanner s = {.arena = arena,
                        .file = file,
                        .subst = subst,
                        .cursor = plan_complain_start(subst->in),
                        .err = err};
    if (str_starts(subst->out, STR("\xEF\xBB\xBF"))) {
        s.at = 3;
    }
    int rc = 0;
    while (rc == 0 && s.at < subst->out.len) {
        rc = scan_next(&s);
    }
    if (rc == 0) {
        push(&s, PLAN_TOKEN_END, s.at);
        struct plan_token *items = arena_new_array(arena, struct plan_token, s.tokens.count);
        memcpy(items, s.tokens.items, s.tokens.count * sizeof(*items));
        *ret_tokens =
            (struct plan_tokens){.text = subst->out, .items = items, .count = s.tokens.count};
    }
    vec_done(&s.tokens);
    return rc;
}

bool plan_token_is(const struct plan_token *token, const char *word)
{
    return token->kind == PLAN_TOKEN_WORD && str_eq_nocase_c(token->text, word);
}

bool plan_token_is_symbol(const struct plan_token *token, char symbol)
{
    return token->kind == PLAN_TOKEN_SYMBOL && token->text.ptr[0] == symbol;
}

bool plan_token_is_name(const struct plan_token *token)
{
    return token->kind == PLAN_TOKEN_WORD || token->kind == PLAN_TOKEN_QUOTED;
}
