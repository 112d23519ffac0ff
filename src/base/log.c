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
 *  (5) No field has the name of another one: what a line says itself goes before its context.
 *
 * Which of repeating lines are written is log_limit.c.
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
#include "base/log_limit.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/uri.h"
#include "base/vec.h"

#define LINE_MAX_BYTES   ((size_t)1 << 20)
#define SECRET_MIN_BYTES 4
#define MASK             "***"

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const module_names[] = {"base",    "column", "store", "codec", "sql",  "delta",
                                           "connect", "kafka",  "plan",  "job",   "http", "cli"};
static_assert(ARRAY_COUNT(level_names) == LOG_LEVEL_COUNT, "a name for each level");
static_assert(ARRAY_COUNT(module_names) == LOG_MODULE_COUNT, "a name for each module");

#define ALL_INFO                                                                                   \
    {                                                                                              \
        LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO,  \
            LOG_INFO, LOG_INFO, LOG_INFO                                                           \
    }
static _Atomic int log_level[LOG_MODULE_COUNT] = ALL_INFO;
static _Atomic int log_format = LOG_LOGFMT;
static _Atomic uint64_t log_written[LOG_LEVEL_COUNT];
static _Thread_local char log_query_name[256];
static _Thread_local int64_t log_batch_number = -1;

struct mask {
    struct mutex lock;
    VEC(struct str) secrets; /* guarded by .lock; owned; longest first */
};
static struct mask mask = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

struct repeats {
    struct mutex lock;
    /* guarded by .lock */
    struct log_limit limit;
    int64_t (*mono_us)(void); /* NULL = the clock */
};
static struct repeats repeats = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

/* ---- levels ------------------------------------------------------------------------------- */

const char *log_level_name(enum log_level level)
{
    assert((size_t)level < ARRAY_COUNT(level_names));
    return level_names[level];
}

const char *log_module_name(enum log_module module)
{
    assert((size_t)module < ARRAY_COUNT(module_names));
    return module_names[module];
}

/* Index of `name`; -1 = none. */
static int find_name(const char *const *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(name, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

enum log_module log_module_of(const char *file)
{
    const char *end = strrchr(file, '/');
    const char *begin = end;
    while (begin != NULL && begin > file && begin[-1] != '/') {
        begin--;
    }
    int found = begin == NULL ? -1
                              : find_name(module_names, ARRAY_COUNT(module_names),
                                          str_n(begin, (size_t)(end - begin)));
    return found < 0 ? LOG_MODULE_BASE : (enum log_module)found;
}

static int unknown_name(const char *what, struct str name, const char *const *names, size_t count,
                        struct err *err)
{
    AUTO_BUF struct buf list = {0};
    const char *nearest = NULL;
    size_t best = name.len < 5 ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        size_t distance = str_distance(name, str_of(names[i]));
        buf_printf(&list, "%s%s", i == 0 ? "" : ", ", names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG, "there is no %s \"%.*s\"; did you mean \"%s\"?", what,
                       STR_FMT(name), nearest);
    }
    return err_set(err, ERR_CONFIG, "there is no %s \"%.*s\", but %s", what, STR_FMT(name),
                   list.ptr);
}

/* Bit 8 marks what was named, so that the order of the parts does not matter. */
#define NAMED 256

static int parse_part(struct str part, int *all, int of[LOG_MODULE_COUNT], struct err *err)
{
    struct str name = part;
    ptrdiff_t equals = str_find(part, '=');
    int *at = all;
    if (equals >= 0) {
        struct str module = str_trim(str_head(part, (size_t)equals));
        name = str_trim(str_skip(part, (size_t)equals + 1));
        int m = find_name(module_names, ARRAY_COUNT(module_names), module);
        if (m < 0) {
            return unknown_name("module", module, module_names, ARRAY_COUNT(module_names), err);
        }
        at = &of[m];
    }
    int level = find_name(level_names, ARRAY_COUNT(level_names), name);
    if (level < 0) {
        return unknown_name("level", name, level_names, ARRAY_COUNT(level_names), err);
    }
    *at = level | NAMED;
    return 0;
}

int log_levels_parse(struct str text, struct log_levels *ret_levels, struct err *err)
{
    int all = LOG_INFO;
    int of[LOG_MODULE_COUNT] = {0};
    struct str rest = text;
    struct str part;
    if (str_trim(text).len == 0) {
        return err_set(err, ERR_CONFIG, "no level is given");
    }
    while (str_split(&rest, ',', &part)) {
        TRY(parse_part(str_trim(part), &all, of, err));
    }
    for (size_t i = 0; i < LOG_MODULE_COUNT; i++) {
        int level = (of[i] & NAMED) != 0 ? of[i] : all;
        ret_levels->of[i] = (enum log_level)(level & ~NAMED);
    }
    return 0;
}

void log_open(enum log_level level, enum log_format format)
{
    struct log_levels levels;
    for (size_t i = 0; i < LOG_MODULE_COUNT; i++) {
        levels.of[i] = level;
    }
    log_open_levels(&levels, format);
}

void log_open_levels(const struct log_levels *levels, enum log_format format)
{
    for (size_t i = 0; i < LOG_MODULE_COUNT; i++) {
        atomic_store(&log_level[i], (int)levels->of[i]);
    }
    atomic_store(&log_format, format);
}

bool log_is_on_in(enum log_module module, enum log_level level)
{
    assert((size_t)module < LOG_MODULE_COUNT);
    return (int)level >= atomic_load_explicit(&log_level[module], memory_order_relaxed);
}

enum log_format log_format_now(void)
{
    return (enum log_format)atomic_load_explicit(&log_format, memory_order_relaxed);
}

void log_counts(uint64_t ret_counts[LOG_LEVEL_COUNT])
{
    for (size_t i = 0; i < LOG_LEVEL_COUNT; i++) {
        ret_counts[i] = atomic_load_explicit(&log_written[i], memory_order_relaxed);
    }
}

/* ---- context ------------------------------------------------------------------------------ */

void log_set_query(const char *query)
{
    snprintf(log_query_name, sizeof(log_query_name), "%s", query == NULL ? "" : query);
}

const char *log_query(void)
{
    return log_query_name;
}

int64_t log_batch(void)
{
    return log_batch_number;
}

int64_t log_set_batch(int64_t batch)
{
    int64_t before = log_batch_number;
    log_batch_number = batch;
    return before;
}

void log_leave_batch(const int64_t *before)
{
    log_batch_number = *before;
}

/* ---- secrets ------------------------------------------------------------------------------ */

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

/* As it is, and inside of a string of JSON. */
static void mask_add_quoted(struct str secret)
{
    AUTO_BUF struct buf form = {0};
    mask_add(secret);
    json_quote(&form, secret);
    mask_add(str_n(form.ptr + 1, form.len - 2));
}

void log_mask(struct str secret)
{
    if (secret.len < SECRET_MIN_BYTES) {
        return;
    }
    AUTO_BUF struct buf form = {0};
    mask_add_quoted(secret);
    uri_encode(&form, secret, NULL);
    mask_add(buf_str(&form));
    buf_reset(&form);
    for (size_t i = 0; i < secret.len; i++) { /* as a string of SQL */
        buf_add(&form, secret.ptr + i, 1);
        if (secret.ptr[i] == '\'') {
            buf_add_char(&form, '\'');
        }
    }
    mask_add_quoted(buf_str(&form));
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

/* ---- lines -------------------------------------------------------------------------------- */

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

/* A line on its way. */
struct making {
    enum log_module module;
    enum log_level level;
    enum log_format format;
    int64_t wall_us;
    const char *event;
    const char *query;
    int64_t batch;
    uint64_t repeated;
};

/* What every line begins with. */
static void add_head(struct buf *line, const struct making *m)
{
    AUTO_BUF struct buf ts = {0};
    clock_add_iso_ms(&ts, m->wall_us);
    /* These are ours: masking could only garble them. */
    buf_printf(line,
               m->format == LOG_JSON ? "{\"ts\":\"%s\",\"level\":\"%s\",\"module\":\"%s\""
                                     : "ts=%s level=%s module=%s",
               ts.ptr, log_level_name(m->level), log_module_name(m->module));
    add_field(line, m->format, &LOG_S("event", m->event));
    if (m->query[0] != '\0') {
        add_field(line, m->format, &LOG_S("query", m->query));
    }
    if (m->batch >= 0) {
        add_field(line, m->format, &LOG_I("batch", m->batch));
    }
}

/* Rule (5). */
static void drop_context(struct making *m, va_list fields)
{
    va_list args;
    va_copy(args, fields);
    for (;;) {
        struct log_field field = va_arg(args, struct log_field);
        if (field.name == NULL) {
            break;
        }
        if (strcmp(field.name, "query") == 0) {
            m->query = "";
        } else if (strcmp(field.name, "batch") == 0) {
            m->batch = -1;
        }
    }
    va_end(args);
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

static void end_line(struct buf *line, const struct making *m)
{
    if (m->repeated > 0) {
        add_field(line, m->format, &LOG_I("repeated", m->repeated));
    }
    buf_add_c(line, m->format == LOG_JSON ? "}\n" : "\n");
}

static struct making making_now(enum log_module module, enum log_level level, const char *event)
{
    return (struct making){
        .module = module,
        .level = level,
        .format = log_format_now(),
        .wall_us = clock_wall_us(),
        .event = event,
        .query = log_query_name,
        .batch = log_batch_number,
    };
}

static void put_line(struct making *m, va_list fields)
{
    int saved = errno;
    AUTO_BUF struct buf line = {.max = LINE_MAX_BYTES};
    drop_context(m, fields);
    add_head(&line, m);
    for (;;) {
        struct log_field field = va_arg(fields, struct log_field);
        if (field.name == NULL) {
            break;
        }
        add_field(&line, m->format, &field);
    }
    end_line(&line, m);
    if (line.overflow) {
        buf_reset(&line);
        add_head(&line, m);
        add_field(&line, m->format, &LOG_S("error", "the fields of this line were too large"));
        end_line(&line, m);
    }
    write_line(&line);
    atomic_fetch_add_explicit(&log_written[m->level], 1, memory_order_relaxed);
    errno = saved;
}

void log_line_in(enum log_module module, enum log_level level, const char *event, ...)
{
    if (!log_is_on_in(module, level)) {
        return;
    }
    struct making m = making_now(module, level, event);
    va_list args;
    va_start(args, event);
    put_line(&m, args);
    va_end(args);
}

static void put_fields(struct making *m, ...)
{
    va_list args;
    va_start(args, m);
    put_line(m, args);
    va_end(args);
}

static void put_left_out(const struct log_left_out *left_out)
{
    struct making m = making_now((enum log_module)left_out->module, (enum log_level)left_out->level,
                                 "suppressed");
    m.query = left_out->query;
    m.batch = -1;
    m.repeated = left_out->count;
    put_fields(&m, LOG_S("of", left_out->event), LOG_END);
}

void log_often_in(enum log_module module, enum log_level level, const char *key, const char *event,
                  ...)
{
    if (!log_is_on_in(module, level)) {
        return;
    }
    struct making m = making_now(module, level, event);
    struct log_kind kind = {(uint8_t)module, (uint8_t)level, event, str_of(log_query_name),
                            str_of(key == NULL ? "" : key)};
    struct log_left_out forgotten = {0};
    {
        MUTEX_GUARD(&repeats.lock);
        int64_t now_us = repeats.mono_us == NULL ? clock_mono_us() : repeats.mono_us();
        if (!log_limit_pass(&repeats.limit, &kind, now_us, &m.repeated, &forgotten)) {
            return;
        }
    }
    if (forgotten.count > 0) {
        put_left_out(&forgotten);
    }
    va_list args;
    va_start(args, event);
    put_line(&m, args);
    va_end(args);
}

void log_flush(void)
{
    for (;;) {
        struct log_left_out left_out;
        {
            MUTEX_GUARD(&repeats.lock);
            if (!log_limit_take(&repeats.limit, &left_out)) {
                return;
            }
        }
        put_left_out(&left_out);
    }
}

void log_use_clock(int64_t (*mono_us)(void))
{
    MUTEX_GUARD(&repeats.lock);
    repeats.mono_us = mono_us;
}

void log_err_in(enum log_module module, enum log_level level, const char *event,
                const struct err *err)
{
    char at[128];
    snprintf(at, sizeof(at), "%s:%d", err->file == NULL ? "" : err->file, err->line);
    log_line_in(module, level, event, LOG_S("code", err_code_name(err->code)),
                LOG_S("message", err->msg), LOG_J("retry", err->retry ? STR("true") : STR("false")),
                LOG_S("at", at), LOG_END);
}
