/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subst - ${NAME} and ${NAME:-default} from the environment
 *
 * One pass over the text that knows just enough of SQL to tell where it is:
 *
 *   comment            left alone, so that a commented-out line needs no variables
 *   dollar quotes      left alone: $tag$ … $tag$ is text as it is
 *   '…' "…" `…` E'…'   replaced; the value's quotes are doubled, so that no value ends the
 *                      string it stands in; $$ is a $
 *   elsewhere          replaced; the value is SQL
 *
 *  (1) A value is never looked at again: ${A} whose value holds "${B}" stays that way.
 *  (2) A default may hold ${…} itself; otherwise it is text of the file and not escaped.
 *  (3) Every byte of the result has a place in the file: marks.
 */
#include "plan/subst.h"

#include <stdlib.h>

#include "plan/complain.h"
#include "plan/secret.h"

#define DEPTH_MAX 16

struct subst {
    struct arena *arena;
    struct str file;
    struct str in;
    size_t at;
    struct buf out;
    VEC(struct plan_subst_mark) marks;
    struct err *err;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static char peek(const struct subst *s, size_t ahead)
{
    return s->at + ahead < s->in.len ? s->in.ptr[s->at + ahead] : '\0';
}

static void copy(struct subst *s, size_t count)
{
    size_t left = s->in.len - s->at;
    size_t take = count < left ? count : left;
    buf_add(&s->out, s->in.ptr + s->at, take);
    s->at += take;
}

static void mark(struct subst *s, size_t in, bool inserted)
{
    *vec_push(&s->marks) =
        (struct plan_subst_mark){.out = s->out.len, .in = in, .inserted = inserted};
}

static int complain(struct subst *s, size_t offset, const char *before, struct str what,
                    const char *after)
{
    struct plan_cursor cursor = plan_complain_start(s->in);
    char quoted[PLAN_QUOTE_BYTES];
    return plan_complain(s->err, s->file, plan_complain_at(&cursor, offset), "%s%s%s", before,
                         plan_complain_quote(what, quoted), after);
}

/* The character at `at`, for messages. */
static struct str met(const struct subst *s)
{
    size_t len = 1;
    while (((unsigned char)peek(s, len) & 0xC0) == 0x80) {
        len++;
    }
    return str_head(str_skip(s->in, s->at), len);
}

static void add_value(struct subst *s, struct str value, char quote, bool escapes)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (quote != '\0' && (c == quote || (escapes && c == '\\'))) {
            buf_add_char(&s->out, c);
        }
        buf_add_char(&s->out, c);
    }
}

static int replace(struct subst *s, char quote, bool escapes, int depth, bool emit);

/* The default, up to its closing brace; written out only if it is used. */
static int take_default(struct subst *s, size_t start, char quote, bool escapes, int depth,
                        bool emit)
{
    for (;;) {
        if (s->at >= s->in.len) {
            return complain(s, start, "", STR("${"), " has no closing \"}\"");
        }
        if (peek(s, 0) == '}') {
            s->at++;
            return 0;
        }
        if (peek(s, 0) == '$' && peek(s, 1) == '{') {
            TRY(replace(s, quote, escapes, depth + 1, emit));
            continue;
        }
        if (emit) {
            copy(s, 1);
        } else {
            s->at++;
        }
    }
}

/* Behind "${" at `start`: takes the name; what follows it is "}" or ":-". */
static int take_name(struct subst *s, size_t start, struct str *ret_name)
{
    size_t name_at = s->at;
    while (is_word(peek(s, 0)) && peek(s, 0) != '$') {
        s->at++;
    }
    struct str name = str_n(s->in.ptr + name_at, s->at - name_at);
    if (s->at >= s->in.len) {
        return complain(s, start, "", STR("${"), " has no closing \"}\"");
    }
    if (name.len == 0 || (name.ptr[0] >= '0' && name.ptr[0] <= '9')) {
        s->at = name_at;
        return complain(s, name_at, "expected the name of an environment variable, met ", met(s),
                        "");
    }
    if (peek(s, 0) != '}' && !(peek(s, 0) == ':' && peek(s, 1) == '-')) {
        return complain(s, s->at, "expected \"}\" or \":-\" after the variable, met ", met(s), "");
    }
    *ret_name = name;
    return 0;
}

/* At "${": takes the whole of it and writes what stands for it. */
static int replace(struct subst *s, char quote, bool escapes, int depth, bool emit)
{
    size_t start = s->at;
    struct str name;
    if (depth > DEPTH_MAX) {
        return complain(s, start, "", STR("${"), " stands in too many others");
    }
    s->at += 2;
    TRY(take_name(s, start, &name));
    bool has_default = peek(s, 0) == ':';
    char *key = arena_strdup(s->arena, name);
    const char *value = getenv(key); /* NOLINT(concurrency-mt-unsafe): nobody calls setenv */
    if (value == NULL && !has_default && emit) {
        return complain(s, start, "environment variable ", name,
                        " is not set; ${NAME:-text} gives a default");
    }
    bool use_value = value != NULL && (value[0] != '\0' || !has_default);
    if (emit && use_value) {
        plan_secret_mask(name, str_of(value));
        if (!str_is_utf8(str_of(value))) {
            return complain(s, start, "environment variable ", name, " is not UTF-8");
        }
        add_value(s, str_of(value), quote, escapes);
    }
    if (!has_default) {
        s->at++;
        return 0;
    }
    s->at += 2;
    return take_default(s, start, quote, escapes, depth, emit && !use_value);
}

static int replace_marked(struct subst *s, char quote, bool escapes)
{
    mark(s, s->at, true);
    TRY(replace(s, quote, escapes, 0, true));
    mark(s, s->at, false);
    return 0;
}

static void copy_line_comment(struct subst *s)
{
    while (s->at < s->in.len && peek(s, 0) != '\n') {
        copy(s, 1);
    }
}

static void copy_block_comment(struct subst *s)
{
    size_t depth = 0;
    while (s->at < s->in.len) {
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            copy(s, 2);
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            copy(s, 2);
            if (--depth == 0) {
                return;
            }
        } else {
            copy(s, 1);
        }
    }
}

static int copy_quoted(struct subst *s, char quote)
{
    bool escapes = quote == '\'' && s->at > 0 && (s->in.ptr[s->at - 1] | 0x20) == 'e' &&
                   (s->at == 1 || !is_word(s->in.ptr[s->at - 2]));
    copy(s, 1);
    while (s->at < s->in.len) {
        char c = peek(s, 0);
        if (c == '$' && peek(s, 1) == '{') {
            TRY(replace_marked(s, quote, escapes));
        } else if (c == '$' && peek(s, 1) == '$') {
            copy(s, 1);
            s->at++;
            mark(s, s->at, false);
        } else if ((c == quote && peek(s, 1) == quote) || (escapes && c == '\\')) {
            copy(s, 2);
        } else {
            copy(s, 1);
            if (c == quote) {
                break;
            }
        }
    }
    return 0;
}

/* Bytes of "$tag$" at `at`; 0 = no such thing. */
static size_t dollar_tag(const struct subst *s)
{
    if (s->at > 0 && is_word(s->in.ptr[s->at - 1])) {
        return 0;
    }
    size_t len = 1;
    while (is_word(peek(s, len)) && peek(s, len) != '$') {
        len++;
    }
    char first = peek(s, 1);
    return peek(s, len) == '$' && !(first >= '0' && first <= '9') ? len + 1 : 0;
}

static int step(struct subst *s)
{
    char c = peek(s, 0);
    if (c == '-' && peek(s, 1) == '-') {
        copy_line_comment(s);
    } else if (c == '/' && peek(s, 1) == '*') {
        copy_block_comment(s);
    } else if (c == '\'' || c == '"' || c == '`') {
        return copy_quoted(s, c);
    } else if (c == '$' && peek(s, 1) == '{') {
        return replace_marked(s, '\0', false);
    } else if (c == '$' && dollar_tag(s) != 0) {
        struct str tag = str_n(s->in.ptr + s->at, dollar_tag(s));
        ptrdiff_t end = str_find_str(str_skip(s->in, s->at + tag.len), tag);
        copy(s, end < 0 ? s->in.len : (size_t)end + 2 * tag.len);
    } else {
        copy(s, 1);
    }
    return 0;
}

int plan_subst_run(struct arena *arena, struct str file, struct str in,
                   struct plan_subst *ret_subst, struct err *err)
{
    struct subst s = {.arena = arena, .file = file, .in = in, .err = err};
    mark(&s, 0, false);
    int rc = 0;
    while (rc == 0 && s.at < s.in.len) {
        rc = step(&s);
    }
    if (rc == 0) {
        rc = buf_check(&s.out, "the pipeline with its variables", err);
    }
    if (rc == 0) {
        struct plan_subst_mark *marks =
            arena_new_array(arena, struct plan_subst_mark, s.marks.count);
        memcpy(marks, s.marks.items, s.marks.count * sizeof(*marks));
        *ret_subst = (struct plan_subst){.in = in,
                                         .out = arena_str(arena, buf_str(&s.out)),
                                         .marks = marks,
                                         .mark_count = s.marks.count};
    }
    buf_done(&s.out);
    vec_done(&s.marks);
    return rc;
}

void plan_subst_none(struct arena *arena, struct str in, struct plan_subst *ret_subst)
{
    struct plan_subst_mark *marks = arena_new_array(arena, struct plan_subst_mark, 1);
    *ret_subst = (struct plan_subst){.in = in, .out = in, .marks = marks, .mark_count = 1};
}
