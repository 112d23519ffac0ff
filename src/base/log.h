/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/*
 * log - logfmt or JSON lines on stderr
 *
 * A line is one event with named fields:
 *     log_line(LOG_INFO, "commit", LOG_I("version", v), LOG_END);
 * Thread-safe; one write(2) a line.  Only main, job/ and http/ log: other folders return errors,
 * and tell observers what a person should know; the module of such a line is the folder that it is
 * about.  Every value is escaped, and strings registered by log_mask() are replaced with "***" in
 * all output.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
#define LOG_LEVEL_COUNT 4
enum log_format { LOG_LOGFMT, LOG_JSON };

/* What a line is about: the folders of src/, and Kafka's own library. */
enum log_module {
    LOG_MODULE_BASE,
    LOG_MODULE_COLUMN,
    LOG_MODULE_STORE,
    LOG_MODULE_CODEC,
    LOG_MODULE_SQL,
    LOG_MODULE_DELTA,
    LOG_MODULE_CONNECT,
    LOG_MODULE_KAFKA,
    LOG_MODULE_PLAN,
    LOG_MODULE_JOB,
    LOG_MODULE_HTTP,
    LOG_MODULE_CLI,
};
#define LOG_MODULE_COUNT 12

const char *log_level_name(enum log_level level);
const char *log_module_name(enum log_module module);
/* The module of a source file's folder. */
enum log_module log_module_of(const char *file);
#define LOG_HERE log_module_of(__FILE__)

/* The least that is written, by module. */
struct log_levels {
    enum log_level of[LOG_MODULE_COUNT];
};
/* "warn", "warn,store=debug,delta=debug", "store=debug" (info for the others). ERR_CONFIG names
 * what is unknown and what there is. */
int log_levels_parse(struct str text, struct log_levels *ret_levels, struct err *err);

void log_open(enum log_level level, enum log_format format);
void log_open_levels(const struct log_levels *levels, enum log_format format);
bool log_is_on_in(enum log_module module, enum log_level level);
#define log_is_on(level) log_is_on_in(LOG_HERE, (level))
enum log_format log_format_now(void);

/* How many lines of each level were written, for metrics. */
void log_counts(uint64_t ret_counts[LOG_LEVEL_COUNT]);

/*
 * Context of the calling thread, put on each of its lines that does not have such a field itself.
 * Threads that it starts begin with the same query and batch.
 */
/* As query=…; NULL clears it. */
void log_set_query(const char *query);
/* The query of this thread's lines; "" = none. */
const char *log_query(void);

/* As batch=…; -1 = none. Answers what it was before. */
int64_t log_set_batch(int64_t batch);
int64_t log_batch(void);
void log_leave_batch(const int64_t *before);
/* LOG_IN_BATCH(number); holds until the end of the scope. */
#define LOG_IN_BATCH(number)                                                                       \
    int64_t log_batch_before __attribute__((cleanup(log_leave_batch), unused)) =                   \
        log_set_batch(number)

/* Field values. A pair is a name and one of these. */
struct log_value {
    enum { LOG_VALUE_END, LOG_VALUE_STR, LOG_VALUE_I64, LOG_VALUE_DOUBLE, LOG_VALUE_JSON } kind;
    struct str str;
    int64_t i64;
    double dbl;
};
struct log_field {
    const char *name;
    struct log_value value;
};
#define LOG_S(name, c_string)                                                                      \
    ((struct log_field){(name), {.kind = LOG_VALUE_STR, .str = str_of(c_string)}})
#define LOG_STR(name, s) ((struct log_field){(name), {.kind = LOG_VALUE_STR, .str = (s)}})
#define LOG_I(name, number)                                                                        \
    ((struct log_field){(name), {.kind = LOG_VALUE_I64, .i64 = (int64_t)(number)}})
#define LOG_D(name, number)                                                                        \
    ((struct log_field){(name), {.kind = LOG_VALUE_DOUBLE, .dbl = (double)(number)}})
/* `s` is JSON text: embedded as it is in JSON format, quoted in logfmt. */
#define LOG_J(name, s) ((struct log_field){(name), {.kind = LOG_VALUE_JSON, .str = (s)}})
#define LOG_END        ((struct log_field){NULL, {.kind = LOG_VALUE_END}})

/* log_line(LOG_INFO, "commit", LOG_I("version", v), LOG_END) */
#define log_line(level, ...) log_line_in(LOG_HERE, (level), __VA_ARGS__)
void log_line_in(enum log_module module, enum log_level level, const char *event, ...);
/*
 * For what may come again and again: one line of a kind in ten seconds, the others are counted and
 * told as repeated=N by the next one.  A kind is module, event (text that lives as long as the
 * process), query and `key` (may be NULL).
 */
#define log_often(level, key, ...) log_often_in(LOG_HERE, (level), (key), __VA_ARGS__)
void log_often_in(enum log_module module, enum log_level level, const char *key, const char *event,
                  ...);
/* Tells what was left out since: a line event=suppressed for each kind. */
void log_flush(void);
/* The error's code, message, retry flag and source position as fields. */
#define log_err(level, event, err) log_err_in(LOG_HERE, (level), (event), (err))
void log_err_in(enum log_module module, enum log_level level, const char *event,
                const struct err *err);

/* For tests: the clock of log_often; NULL = the monotonic one. */
void log_use_clock(int64_t (*mono_us)(void));

/* Registers a secret to be masked from now on (copied; shorter than 4 bytes is ignored): as it is,
 * and as it is written in a string of JSON or SQL and in a URL. */
void log_mask(struct str secret);
/* Replaces registered secrets in `text` with ***, in place, for output that is not a log line. */
void log_mask_text(char *text);

#endif
