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
 *     log_info("commit", "query", query, "version", LOG_I64(v));
 * Thread-safe; one write(2) a line.  Only main, job/ and http/ log.  Every value is
 * escaped, and strings registered by log_mask() are replaced with "***" in all output.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_open(enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);
enum log_format log_format_now(void);

/* Context of the calling thread, put on each of its lines as query=…; NULL clears it. */
void log_set_query(const char *query);

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
void log_line(enum log_level level, const char *event, ...);
/* The error's code, message, retry flag and source position as fields. */
void log_err(enum log_level level, const char *event, const struct err *err);

/* Registers a secret to be masked from now on (copied; shorter than 4 bytes is ignored). */
void log_mask(struct str secret);
/* Replaces registered secrets in `text` with ***, in place, for output that is not a log line. */
void log_mask_text(char *text);

#endif
