/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - logfmt or JSON lines on stderr
 *
 *  (1) A line is built in memory and written by one write(2), so that lines of
 *      different threads do not mix.
 *  (2) Secrets are masked in values before these are escaped; also registered
 *      are a secret's escaped forms, for text that arrives with them in it.
 *  (3) Whatever the values are, a line is one line and in JSON format one valid
 *      object: text given as JSON is parsed and printed again.
 *  (4) A line larger than LINE_MAX_BYTES is replaced by one that says so.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/uri.h"
#include "base/vec.h"

#define LINE_MAX_BYTES   ((size_t)1 << 20)
#define SECRET_MIN_BYTES 4
#define MASK             "***"

static _Atomic int log_level = LOG_INFO;
static _Atomic int log_format = LOG_LOGFMT;
static _Thread_local char log_query[256];

struct mask {
    struct mutex lock;
    VEC(struct str) secrets; /* guarded by .lock; owned; longest first */
};
static struct mask mask = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

void log_open(enum log_level level, enum log_format format)
{
    atomic_store(&log_level, level);
    atomic_store(&log_format, format);
}

bool log_is_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

enum log_format log_format_now(void)
{
    return (enum log_format)atomic_load_explicit(&log_format, memory_order_relaxed);
}

void log_set_query(const char *query)
{
    snprintf(log_query, sizeof(log_query), "%s", query == NULL ? "" : query);
}

/* Keeps the longest first: a secret must not be hidden by one that is its beginning. */
static void mask_add(struct str secret)
{
    if (secret.len < SECRET_MIN_BYTES) {
        return;
    }
    MUTEX_GUARD(&mask.lock);
    vec_foreach (struct str, known, &mask.secrets) {
        if (str_eq(*known, secret)) {
            return;
        }
    }
    vec_push(&mask.secrets);
    size_t at = mask.secrets.count - 1;
    for (; at > 0 && mask.secrets.items[at - 1].len < secret.len; at--) {
        mask.secrets.items[at] = mask.secrets.items[at - 1];
    }
    mask.secrets.items[at] = str_n(mem_dup(secret.ptr, secret.len), secret.len);
}

void log_mask(struct str secret)
{
    if (secret.len < SECRET_MIN_BYTES) {
        return;
    }
    AUTO_BUF struct buf form = {0};
    mask_add(secret);
    json_quote(&form, secret);
    mask_add(str_n(form.ptr + 1, form.len - 2));
    buf_reset(&form);
    uri_encode(&form, secret, NULL);
    mask_add(buf_str(&form));
}

/* Length of the secret that `s` begins with; 0 = none. */
static size_t secret_at(struct str s)
{
    vec_foreach (const struct str, secret, &mask.secrets) {
        if (str_starts(s, *secret)) {
            return secret->len;
        }
    }
    return 0;
}

void log_mask_text(char *text)
{
    assert(text != NULL);
    MUTEX_GUARD(&mask.lock);
    if (mask.secrets.count == 0) {
        return;
    }
    static_assert(sizeof(MASK) - 1 < SECRET_MIN_BYTES, "masking in place only shrinks");
    struct str rest = str_of(text);
    char *out = text;
    while (rest.len > 0) {
        size_t len = secret_at(rest);
        if (len > 0) {
            memcpy(out, MASK, sizeof(MASK) - 1);
            out += sizeof(MASK) - 1;
        } else {
            *out++ = rest.ptr[0];
            len = 1;
        }
        rest = str_skip(rest, len);
    }
    *out = '\0';
}

/* Appends `s` with its secrets masked; bytes are compared, so NULs are fine. */
static void add_masked(struct buf *out, struct str s)
{
    MUTEX_GUARD(&mask.lock);
    if (mask.secrets.count == 0) {
        buf_add_str(out, s);
        return;
    }
    size_t plain = 0;
    size_t at = 0;
    while (at < s.len) {
        size_t len = secret_at(str_skip(s, at));
        if (len == 0) {
            at++;
            continue;
        }
        buf_add_str(out, str_skip(str_head(s, at), plain));
        buf_add_c(out, MASK);
        at += len;
        plain = at;
    }
    buf_add_str(out, str_skip(s, plain));
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F) {
            return true;
        }
    }
    return s.len == 0 || !str_is_utf8(s);
}

static void add_string(struct buf *line, enum log_format format, struct str s)
{
    AUTO_BUF struct buf text = {.max = LINE_MAX_BYTES};
    add_masked(&text, s);
    line->overflow |= text.overflow;
    if (format == LOG_JSON || needs_quotes(buf_str(&text))) {
        json_quote(line, buf_str(&text));
    } else {
        buf_add_str(line, buf_str(&text));
    }
}

/* JSON text: printed again, compactly; as a string in logfmt, or when it is no JSON. */
static void add_json(struct buf *line, enum log_format format, struct str s)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf text = {.max = LINE_MAX_BYTES};
    add_masked(&text, s);
    line->overflow |= text.overflow;
    struct json *root;
    struct err ignored;
    if (format == LOG_JSON && json_parse(&arena, buf_str(&text), &root, &ignored) >= 0) {
        json_print(root, line);
    } else {
        add_string(line, format, buf_str(&text));
    }
}

static void add_double(struct buf *line, enum log_format format, double value)
{
    if (format == LOG_JSON && !__builtin_isfinite(value)) {
        buf_add_c(line, "null");
    } else {
        buf_printf(line, "%.10g", value);
    }
}

static void add_field(struct buf *line, enum log_format format, const struct log_field *field)
{
    if (format == LOG_JSON) {
        buf_add_char(line, line->len == 0 ? '{' : ',');
        json_quote(line, str_of(field->name));
        buf_add_char(line, ':');
    } else {
        if (line->len > 0) {
            buf_add_char(line, ' ');
        }
        buf_add_c(line, field->name);
        buf_add_char(line, '=');
    }
    switch (field->value.kind) {
    case LOG_VALUE_STR:
        add_string(line, format, field->value.str);
        return;
    case LOG_VALUE_I64:
        buf_add_i64(line, field->value.i64);
        return;
    case LOG_VALUE_DOUBLE:
        add_double(line, format, field->value.dbl);
        return;
    case LOG_VALUE_JSON:
        add_json(line, format, field->value.str);
        return;
    case LOG_VALUE_END:
        break;
    }
    assert(false);
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    assert((size_t)level < ARRAY_COUNT(names));
    return names[level];
}

/* What every line begins with. */
static void add_head(struct buf *line, enum log_format format, int64_t wall_us,
                     enum log_level level, const char *event)
{
    AUTO_BUF struct buf ts = {0};
    clock_add_iso_ms(&ts, wall_us);
    /* These two are ours: masking could only garble them. */
    if (format == LOG_JSON) {
        buf_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\"", ts.ptr, level_name(level));
    } else {
        buf_printf(line, "ts=%s level=%s", ts.ptr, level_name(level));
    }
    add_field(line, format, &LOG_S("event", event));
    if (log_query[0] != '\0') {
        add_field(line, format, &LOG_S("query", log_query));
    }
}

static void write_line(struct buf *line)
{
    const char *at = line->ptr;
    size_t left = line->len;
    while (left > 0) {
        ssize_t written = write(STDERR_FILENO, at, left);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return; /* there is nowhere to report it to */
        }
        at += written;
        left -= (size_t)written;
    }
}

void log_line(enum log_level level, const char *event, ...)
{
    if (!log_is_on(level)) {
        return;
    }
    int saved = errno;
    int64_t wall_us = clock_wall_us();
    enum log_format format = log_format_now();
    AUTO_BUF struct buf line = {.max = LINE_MAX_BYTES};
    add_head(&line, format, wall_us, level, event);
    va_list args;
    va_start(args, event);
    for (;;) {
        struct log_field field = va_arg(args, struct log_field);
        if (field.name == NULL) {
            break;
        }
        add_field(&line, format, &field);
    }
    va_end(args);
    buf_add_c(&line, format == LOG_JSON ? "}\n" : "\n");
    if (line.overflow) {
        buf_reset(&line);
        add_head(&line, format, wall_us, level, event);
        add_field(&line, format, &LOG_S("error", "the fields of this line were too large"));
        buf_add_c(&line, format == LOG_JSON ? "}\n" : "\n");
    }
    write_line(&line);
    errno = saved;
}

void log_err(enum log_level level, const char *event, const struct err *err)
{
    char at[128];
    snprintf(at, sizeof(at), "%s:%d", err->file == NULL ? "" : err->file, err->line);
    log_line(level, event, LOG_S("code", err_code_name(err->code)), LOG_S("message", err->msg),
             LOG_J("retry", err->retry ? STR("true") : STR("false")), LOG_S("at", at), LOG_END);
}
