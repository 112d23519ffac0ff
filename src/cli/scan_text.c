/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_text - delta_scan('path'[, version]) in a SQL text
 *
 * DuckDB has no such function here, and its C API cannot give it one that reads
 * files: each call becomes the name of a view (scan_view.c).  A token is
 *
 *     word        letters, digits, _ and $, or any byte above 0x7F
 *     name        "…" with doubled quotes
 *     string      '…' with doubled quotes, E'…' with backslashes, $tag$…$tag$
 *     number      digits, with what belongs to them
 *     symbol      one byte
 *
 * and comments are -- to the end of the line and nested slash-star.  What is not
 * closed runs to the end of the text: DuckDB then says what is wrong.
 */
#include "cli/scan_text.h"

enum scan_kind { SCAN_END, SCAN_WORD, SCAN_NAME, SCAN_STRING, SCAN_NUMBER, SCAN_SYMBOL };

struct scan_token {
    enum scan_kind kind;
    struct str text; /* as written */
};

struct scanner {
    struct str sql;
    size_t at;
};

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char byte_at(const struct scanner *s, size_t at)
{
    return at < s->sql.len ? s->sql.ptr[at] : '\0';
}

static size_t end_of_comment(const struct scanner *s, size_t at)
{
    int depth = 1;
    for (at += 2; at < s->sql.len; at++) {
        if (byte_at(s, at) == '/' && byte_at(s, at + 1) == '*') {
            depth++;
            at++;
        } else if (byte_at(s, at) == '*' && byte_at(s, at + 1) == '/') {
            at++;
            if (--depth == 0) {
                return at + 1;
            }
        }
    }
    return s->sql.len;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->sql.len) {
        char c = s->sql.ptr[s->at];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            s->at++;
        } else if (c == '-' && byte_at(s, s->at + 1) == '-') {
            ptrdiff_t line = str_find(str_skip(s->sql, s->at), '\n');
            s->at = line < 0 ? s->sql.len : s->at + (size_t)line;
        } else if (c == '/' && byte_at(s, s->at + 1) == '*') {
            s->at = end_of_comment(s, s->at);
        } else {
            return;
        }
    }
}

/* After the closing mark of what begins at `at`; `backslash`: E'…'. */
static size_t end_of_quoted(const struct scanner *s, size_t at, bool backslash)
{
    char mark = byte_at(s, at);
    for (at++; at < s->sql.len; at++) {
        if (backslash && byte_at(s, at) == '\\') {
            at++;
        } else if (byte_at(s, at) == mark) {
            if (byte_at(s, at + 1) != mark) {
                return at + 1;
            }
            at++;
        }
    }
    return s->sql.len;
}

/* After $tag$…$tag$; `at` itself when none begins there. */
static size_t end_of_dollar(const struct scanner *s, size_t at)
{
    size_t tag = at + 1;
    while (is_word_byte(byte_at(s, tag)) && byte_at(s, tag) != '$') {
        tag++;
    }
    if (byte_at(s, tag) != '$' || is_digit(byte_at(s, at + 1))) {
        return at;
    }
    struct str mark = str_n(s->sql.ptr + at, tag + 1 - at);
    ptrdiff_t close = str_find_str(str_skip(s->sql, tag + 1), mark);
    return close < 0 ? s->sql.len : tag + 1 + (size_t)close + mark.len;
}

static struct scan_token next_token(struct scanner *s)
{
    skip_space(s);
    size_t begin = s->at;
    char c = byte_at(s, begin);
    enum scan_kind kind = SCAN_SYMBOL;
    size_t end = begin + 1;
    if (begin >= s->sql.len) {
        return (struct scan_token){SCAN_END, str_n(s->sql.ptr + begin, 0)};
    }
    if (c == '\'' || c == '"') {
        kind = c == '"' ? SCAN_NAME : SCAN_STRING;
        end = end_of_quoted(s, begin, false);
    } else if ((c == 'e' || c == 'E') && byte_at(s, begin + 1) == '\'') {
        kind = SCAN_STRING;
        end = end_of_quoted(s, begin + 1, true);
    } else if (c == '$' && end_of_dollar(s, begin) != begin) {
        kind = SCAN_STRING;
        end = end_of_dollar(s, begin);
    } else if (is_digit(c)) {
        kind = SCAN_NUMBER;
        while (is_word_byte(byte_at(s, end)) || byte_at(s, end) == '.') {
            end++;
        }
    } else if (is_word_byte(c)) {
        kind = SCAN_WORD;
        while (end < s->sql.len && is_word_byte(byte_at(s, end))) {
            end++;
        }
    }
    s->at = end < s->sql.len ? end : s->sql.len;
    return (struct scan_token){kind, str_n(s->sql.ptr + begin, s->at - begin)};
}

static bool is_symbol(const struct scan_token *t, char c)
{
    return t->kind == SCAN_SYMBOL && t->text.ptr[0] == c;
}

/* Without the quotes, doubled ones single. */
static struct str decode(const struct scan_token *t, struct arena *arena)
{
    struct str s = t->text;
    if (t->kind == SCAN_STRING && s.ptr[0] == '$') {
        size_t tag = (size_t)str_find(str_skip(s, 1), '$') + 2;
        return arena_str(arena, str_n(s.ptr + tag, s.len - 2 * tag));
    }
    char mark = s.ptr[0];
    char *out = arena_alloc(arena, s.len + 1);
    size_t len = 0;
    for (size_t i = 1; i + 1 < s.len; i++) {
        out[len++] = s.ptr[i];
        i += s.ptr[i] == mark ? 1 : 0;
    }
    out[len] = '\0';
    return str_n(out, len);
}

static bool is_delta_scan(const struct scan_token *t)
{
    return (t->kind == SCAN_WORD && str_eq_nocase_c(t->text, "delta_scan")) ||
           (t->kind == SCAN_NAME && str_eq_nocase_c(t->text, "\"delta_scan\""));
}

static int malformed(const struct scanner *s, size_t at, struct err *err)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < at; i++) {
        bool begins = ((unsigned char)s->sql.ptr[i] & 0xC0) != 0x80;
        column += begins ? 1 : 0;
        if (s->sql.ptr[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(err, ERR_CONFIG,
                   "%zu:%zu: delta_scan takes a path in quotes and perhaps a version, both "
                   "constants: delta_scan('path', 3)",
                   line, column);
}

/* `, 3`, `, version => 3` and `, version := 3`; the token after it is returned in *t. */
static bool read_version(struct scanner *s, struct scan_token *t, int64_t *ret_version)
{
    if (!is_symbol(t, ',')) {
        return true;
    }
    *t = next_token(s);
    if (t->kind == SCAN_WORD && str_eq_nocase_c(t->text, "version")) {
        *t = next_token(s);
        if (is_symbol(t, ':') || is_symbol(t, '=')) {
            *t = next_token(s);
        }
        *t = next_token(s);
    }
    bool ok = t->kind == SCAN_NUMBER && str_to_i64(t->text, ret_version);
    *t = next_token(s);
    return ok;
}

static int read_call(struct scanner *s, size_t begin, struct arena *arena,
                     struct cli_scan_call *ret_call, struct err *err)
{
    struct scan_token t = next_token(s); /* the parenthesis */
    t = next_token(s);
    if (t.kind != SCAN_STRING || t.text.len < 2 || t.text.ptr[0] == 'e' || t.text.ptr[0] == 'E') {
        return malformed(s, begin, err);
    }
    struct cli_scan_call call = {.begin = begin, .path = decode(&t, arena), .version = -1};
    t = next_token(s);
    if (!read_version(s, &t, &call.version) || !is_symbol(&t, ')')) {
        return malformed(s, begin, err);
    }
    call.end = s->at;
    *ret_call = call;
    return 0;
}

static int find_calls(struct str sql, struct arena *arena, struct cli_scan_calls *calls,
                      struct err *err)
{
    struct scanner s = {.sql = sql};
    bool after_dot = false;
    bool ended = false;
    for (;;) {
        struct scan_token t = next_token(&s);
        if (t.kind == SCAN_END) {
            return 0;
        }
        if (is_symbol(&t, ';')) {
            ended = true;
            continue;
        }
        if (ended) {
            return err_set(err, ERR_CONFIG,
                           "only one statement can be run; there is more after "
                           "the semicolon");
        }
        calls->text_bytes = s.at;
        struct scanner ahead = s;
        struct scan_token next = next_token(&ahead);
        if (!after_dot && is_delta_scan(&t) && is_symbol(&next, '(')) {
            size_t begin = (size_t)(t.text.ptr - sql.ptr);
            TRY(read_call(&s, begin, arena, vec_push(&calls->items), err));
            calls->text_bytes = s.at;
        }
        after_dot = is_symbol(&t, '.');
    }
}

int cli_scan_text_find(struct str sql, struct arena *arena, struct cli_scan_calls *ret_calls,
                       struct err *err)
{
    struct cli_scan_calls calls = {0};
    int rc = find_calls(sql, arena, &calls, err);
    if (rc < 0) {
        cli_scan_text_done(&calls);
        return rc;
    }
    *ret_calls = calls;
    return 0;
}

void cli_scan_text_done(struct cli_scan_calls *calls)
{
    vec_done(&calls->items);
}

void cli_scan_text_replace(struct str sql, const struct cli_scan_calls *calls, struct buf *out)
{
    size_t at = 0;
    for (size_t i = 0; i < calls->items.count; i++) {
        const struct cli_scan_call *call = &calls->items.items[i];
        buf_add(out, sql.ptr + at, call->begin - at);
        buf_printf(out, "delta_scan_%zu", i + 1);
        at = call->end;
    }
    buf_add(out, sql.ptr + at, calls->text_bytes - at);
}

bool cli_scan_text_names(struct str sql, struct str name)
{
    AUTO_ARENA struct arena arena = {0};
    struct scanner s = {.sql = sql};
    for (struct scan_token t = next_token(&s); t.kind != SCAN_END; t = next_token(&s)) {
        if (t.kind == SCAN_WORD && str_eq_nocase(t.text, name)) {
            return true;
        }
        if (t.kind == SCAN_NAME && t.text.len >= 2 && str_eq_nocase(decode(&t, &arena), name)) {
            return true;
        }
    }
    return false;
}
