/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - small documents (RFC 8259)
 *
 * The parser is one loop: read a value; if it opened a container go on inside,
 * else close as many containers as end here.  Open containers stand in a fixed
 * stack, so that depth costs no C stack.
 *
 *  (1) A string without an escape is borrowed from the text; one with escapes
 *      is decoded into the arena, where it needs at most the room it had.
 *  (2) Strings in a tree are valid UTF-8: raw bytes that are not are an error;
 *      a \\u escape that is half a surrogate pair, which the grammar allows,
 *      becomes U+FFFD.
 *  (3) The writer never emits a byte below 0x20 or one that is not UTF-8, save
 *      through json_raw and the text of numbers.
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define JSON_DEPTH_MAX 512
#define REPLACEMENT    "\xEF\xBF\xBD" /* U+FFFD */

struct json_parser {
    struct arena *arena;
    const char *start;
    const char *at;
    const char *end;
    size_t depth;
    struct json *open[JSON_DEPTH_MAX];
    struct json *last[JSON_DEPTH_MAX]; /* the latest child of each */
};

/* An error at `at`: lines from 1, columns from 1 in characters. */
static COLD int json_fail(const struct json_parser *p, const char *at, const char *what,
                          struct err *err)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *c = p->start; c < at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else {
            column += ((unsigned char)*c & 0xC0) != 0x80;
        }
    }
    return err_set(err, ERR_DATA, "invalid JSON at line %zu, column %zu: %s", line, column, what);
}

static void skip_space(struct json_parser *p)
{
    while (p->at < p->end &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) {
        p->at++;
    }
}

static bool take(struct json_parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

/* Four hexadecimal digits; false when they are not. */
static bool decode_hex4(const char *at, const char *end, uint32_t *ret_value)
{
    if (end - at < 4) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = at[i];
        char letter = (char)(c | 0x20);
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint32_t)(c - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            value = value << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* \uXXXX, and the one behind it when the two are a surrogate pair; *at stands behind the 'u'. */
static bool decode_unicode(const char **at, const char *end, char **out)
{
    uint32_t c;
    if (!decode_hex4(*at, end, &c)) {
        return false;
    }
    *at += 4;
    if (c >= 0xD800 && c <= 0xDFFF) {
        uint32_t low;
        bool is_pair = c <= 0xDBFF && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
                       decode_hex4(*at + 2, end, &low) && low >= 0xDC00 && low <= 0xDFFF;
        if (is_pair) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            *at += 6;
        } else {
            c = 0xFFFD;
        }
    }
    *out = put_utf8(*out, c);
    return true;
}

/* Decodes what stands between the quotes into the arena. */
static int decode_string(struct json_parser *p, struct str raw, struct str *ret_text,
                         struct err *err)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    char *decoded = arena_alloc(p->arena, raw.len);
    char *out = decoded;
    const char *at = raw.ptr;
    const char *end = raw.ptr + raw.len;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (escape == NULL) {
            break;
        }
        assert(end - at >= 2); /* the quote at the end was not an escaped one */
        const char *name = memchr(names, at[1], sizeof(names) - 1);
        bool is_unicode = at[1] == 'u';
        at += 2;
        if (name != NULL) {
            *out++ = values[name - names];
        } else if (!is_unicode || !decode_unicode(&at, end, &out)) {
            return json_fail(p, escape, "malformed escape in a string", err);
        }
    }
    assert((size_t)(out - decoded) <= raw.len);
    *ret_text = str_n(decoded, (size_t)(out - decoded));
    return 0;
}

/* The string whose opening quote was taken. */
static int parse_string(struct json_parser *p, struct str *ret_text, struct err *err)
{
    const char *start = p->at;
    bool has_escape = false;
    unsigned char bits = 0;
    const char *at = start;
    while (at < p->end && *at != '"') {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20) {
            return json_fail(p, at, "control character in a string", err);
        }
        if (c == '\\') {
            has_escape = true;
            at++; /* what is escaped is no end, whatever it is */
            if (at == p->end || (unsigned char)*at < 0x20) {
                return json_fail(p, at, "malformed escape in a string", err);
            }
        }
        bits |= (unsigned char)*at;
        at++;
    }
    if (at == p->end) {
        return json_fail(p, start - 1, "string without an end", err);
    }
    struct str raw = str_n(start, (size_t)(at - start));
    if (bits >= 0x80) {
        size_t valid = str_utf8_prefix(raw);
        if (valid < raw.len) {
            return json_fail(p, start + valid, "bytes that are not UTF-8", err);
        }
    }
    p->at = at + 1;
    if (has_escape) {
        return decode_string(p, raw, ret_text, err);
    }
    *ret_text = raw;
    return 0;
}

static size_t skip_digits(struct json_parser *p)
{
    const char *start = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return (size_t)(p->at - start);
}

static int parse_number(struct json_parser *p, struct str *ret_text, struct err *err)
{
    const char *start = p->at;
    take(p, '-');
    const char *digits = p->at;
    size_t digit_count = skip_digits(p);
    if (digit_count == 0 || (digit_count > 1 && *digits == '0')) {
        return json_fail(p, start, "malformed number", err);
    }
    if (take(p, '.') && skip_digits(p) == 0) {
        return json_fail(p, start, "malformed number", err);
    }
    if (take(p, 'e') || take(p, 'E')) {
        if (!take(p, '+')) {
            take(p, '-');
        }
        if (skip_digits(p) == 0) {
            return json_fail(p, start, "malformed number", err);
        }
    }
    *ret_text = str_n(start, (size_t)(p->at - start));
    return 0;
}

/* One of the three names, at the start of what is left. */
static int parse_name(struct json_parser *p, enum json_kind *ret_kind, struct err *err)
{
    static const struct {
        struct str name;
        enum json_kind kind;
    } names[] = {
        {{"null", 4}, JSON_NULL},
        {{"true", 4}, JSON_TRUE},
        {{"false", 5}, JSON_FALSE},
    };
    struct str rest = str_n(p->at, (size_t)(p->end - p->at));
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_starts(rest, names[i].name)) {
            p->at += names[i].name.len;
            *ret_kind = names[i].kind;
            return 0;
        }
    }
    return json_fail(p, p->at, rest.len == 0 ? "a value is missing" : "this begins no value", err);
}

/* Links `v` behind the latest child of the innermost open container. */
static void link_value(struct json_parser *p, struct json *v)
{
    if (p->depth == 0) {
        return;
    }
    size_t top = p->depth - 1;
    if (p->last[top] == NULL) {
        p->open[top]->child = v;
    } else {
        p->last[top]->next = v;
    }
    p->last[top] = v;
    p->open[top]->count++;
}

static int open_container(struct json_parser *p, struct json *v, struct err *err)
{
    if (p->depth == JSON_DEPTH_MAX) {
        return json_fail(p, p->at, "nested deeper than 512 levels", err);
    }
    v->kind = *p->at == '{' ? JSON_OBJECT : JSON_ARRAY;
    p->at++;
    p->open[p->depth] = v;
    p->last[p->depth] = NULL;
    p->depth++;
    return 0;
}

/* Reads a value, of a container only the opening; links it. */
static int parse_value(struct json_parser *p, struct json **ret_value, struct err *err)
{
    struct json *v = arena_new(p->arena, struct json);
    if (p->depth > 0 && p->open[p->depth - 1]->kind == JSON_OBJECT) {
        skip_space(p);
        if (!take(p, '"')) {
            return json_fail(p, p->at, "a member's name in quotes is missing", err);
        }
        TRY(parse_string(p, &v->name, err));
        skip_space(p);
        if (!take(p, ':')) {
            return json_fail(p, p->at, "a colon is missing", err);
        }
    }
    skip_space(p);
    link_value(p, v);
    *ret_value = v;
    char c = p->at < p->end ? *p->at : '\0';
    if (c == '{' || c == '[') {
        return open_container(p, v, err);
    }
    if (c == '"') {
        p->at++;
        v->kind = JSON_STRING;
        return parse_string(p, &v->text, err);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        v->kind = JSON_NUMBER;
        return parse_number(p, &v->text, err);
    }
    return parse_name(p, &v->kind, err);
}

/* Closes every container that ends here. Outcome 1 = another value follows, 0 = end of the root. */
static int close_containers(struct json_parser *p, struct err *err)
{
    while (p->depth > 0) {
        skip_space(p);
        const struct json *top = p->open[p->depth - 1];
        if (take(p, top->kind == JSON_OBJECT ? '}' : ']')) {
            p->depth--;
        } else if (top->count == 0) {
            return 1; /* just opened */
        } else if (take(p, ',')) {
            return 1;
        } else {
            return json_fail(p, p->at,
                             p->at == p->end            ? "the document ends too early"
                             : top->kind == JSON_OBJECT ? "a comma or } is missing"
                                                        : "a comma or ] is missing",
                             err);
        }
    }
    return 0;
}

int json_parse(struct arena *arena, struct str text, struct json **ret_root, struct err *err)
{
    const char *start = text.ptr == NULL ? "" : text.ptr;
    struct json_parser p;
    p.arena = arena;
    p.start = start;
    p.at = start;
    p.end = start + text.len;
    p.depth = 0;
    struct json *root;
    TRY(parse_value(&p, &root, err));
    while (TRY(close_containers(&p, err)) > 0) {
        struct json *v;
        TRY(parse_value(&p, &v, err));
    }
    skip_space(&p);
    if (p.at < p.end) {
        return json_fail(&p, p.at, "more text after the document", err);
    }
    *ret_root = root;
    return 0;
}

struct json *json_find(const struct json *object, const char *name)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    struct json *found = NULL;
    struct str wanted = str_of(name);
    json_foreach (member, object) {
        if (str_eq(member->name, wanted)) {
            found = member;
        }
    }
    return found;
}

bool json_get_str(const struct json *v, struct str *ret_value)
{
    if (v == NULL || v->kind != JSON_STRING) {
        return false;
    }
    *ret_value = v->text;
    return true;
}

bool json_get_i64(const struct json *v, int64_t *ret_value)
{
    return v != NULL && v->kind == JSON_NUMBER && str_to_i64(v->text, ret_value);
}

bool json_get_double(const struct json *v, double *ret_value)
{
    return v != NULL && v->kind == JSON_NUMBER && str_to_double(v->text, ret_value);
}

bool json_get_bool(const struct json *v, bool *ret_value)
{
    if (v == NULL || (v->kind != JSON_TRUE && v->kind != JSON_FALSE)) {
        return false;
    }
    *ret_value = v->kind == JSON_TRUE;
    return true;
}

struct json *json_make(struct arena *arena, enum json_kind kind)
{
    struct json *v = arena_new(arena, struct json);
    v->kind = kind;
    return v;
}

struct json *json_make_str(struct arena *arena, struct str text)
{
    struct json *v = json_make(arena, JSON_STRING);
    v->text = text;
    return v;
}

void json_append(struct json *parent, struct str name, struct json *child)
{
    assert(parent->kind == JSON_OBJECT || parent->kind == JSON_ARRAY);
    assert(child->next == NULL);
    child->name = name;
    struct json **end = &parent->child;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = child;
    parent->count++;
}

static void print_value(struct json_writer *w, const struct json *v)
{
    switch (v->kind) {
    case JSON_NULL:
        json_null(w);
        return;
    case JSON_FALSE:
    case JSON_TRUE:
        json_bool(w, v->kind == JSON_TRUE);
        return;
    case JSON_NUMBER:
        json_raw(w, v->text);
        return;
    case JSON_STRING:
        json_str(w, v->text);
        return;
    case JSON_ARRAY:
        json_open_array(w);
        json_foreach (element, v) {
            print_value(w, element);
        }
        json_close_array(w);
        return;
    case JSON_OBJECT:
        json_open_object(w);
        json_foreach (member, v) {
            json_name_str(w, member->name);
            print_value(w, member);
        }
        json_close_object(w);
        return;
    }
    assert(false);
}

void json_print(const struct json *v, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    print_value(&w, v);
}

void json_begin(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

/* What stands before a value or a name. */
static void separate(struct json_writer *w)
{
    if (w->comma) {
        buf_add_char(w->out, ',');
    }
    w->comma = true;
}

void json_open_object(struct json_writer *w)
{
    separate(w);
    buf_add_char(w->out, '{');
    w->comma = false;
}

void json_close_object(struct json_writer *w)
{
    buf_add_char(w->out, '}');
    w->comma = true;
}

void json_open_array(struct json_writer *w)
{
    separate(w);
    buf_add_char(w->out, '[');
    w->comma = false;
}

void json_close_array(struct json_writer *w)
{
    buf_add_char(w->out, ']');
    w->comma = true;
}

void json_name(struct json_writer *w, const char *name)
{
    json_name_str(w, str_of(name));
}

void json_name_str(struct json_writer *w, struct str name)
{
    separate(w);
    json_quote(w->out, name);
    buf_add_char(w->out, ':');
    w->comma = false;
}

void json_str(struct json_writer *w, struct str s)
{
    separate(w);
    json_quote(w->out, s);
}

void json_c(struct json_writer *w, const char *s)
{
    if (s == NULL) {
        json_null(w);
    } else {
        json_str(w, str_of(s));
    }
}

void json_i64(struct json_writer *w, int64_t value)
{
    separate(w);
    buf_add_i64(w->out, value);
}

void json_double(struct json_writer *w, double value, int decimals)
{
    assert(decimals >= 0);
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    separate(w);
    buf_printf(w->out, "%.*f", decimals, value);
}

void json_bool(struct json_writer *w, bool value)
{
    separate(w);
    buf_add_c(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    separate(w);
    buf_add_c(w->out, "null");
}

void json_raw(struct json_writer *w, struct str text)
{
    separate(w);
    buf_add_str(w->out, text);
}

/* The escaped form of a byte that may not stand in a string as it is. */
static void add_escape(struct buf *out, char c)
{
    static const char names[] = "\"\\bfnrt";
    static const char values[] = "\"\\\b\f\n\r\t";
    const char *value = memchr(values, c, sizeof(values) - 1);
    if (value != NULL) {
        buf_add(out, (char[]){'\\', names[value - values]}, 2);
    } else {
        buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

/* Well-formed UTF-8, escaped. */
static void quote_valid(struct buf *out, struct str s)
{
    size_t start = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if ((unsigned char)c < 0x20 || c == '"' || c == '\\') {
            buf_add(out, s.ptr + start, i - start);
            add_escape(out, c);
            start = i + 1;
        }
    }
    buf_add_str(out, str_skip(s, start));
}

void json_quote(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    while (s.len > 0) {
        size_t valid = str_utf8_prefix(s);
        quote_valid(out, str_head(s, valid));
        s = str_skip(s, valid);
        if (s.len > 0) {
            buf_add_c(out, REPLACEMENT); /* one for each byte that belongs to no character */
            s = str_skip(s, 1);
        }
    }
    buf_add_char(out, '"');
}
