/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace - what happened, line by line; the engine's log lines among them
 */
#include "trace.h"

#include "wrap.h"

#include <stdio.h>

bool trace_on;

void trace_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vprintf(fmt, args);
    va_end(args);
    (void)putchar('\n');
}

static void add_value(struct buf *text, const struct log_value *value)
{
    switch (value->kind) {
    case LOG_VALUE_STR:
    case LOG_VALUE_JSON:
        buf_add_str(text, value->str);
        return;
    case LOG_VALUE_I64:
        buf_add_i64(text, value->i64);
        return;
    case LOG_VALUE_DOUBLE:
        buf_printf(text, "%g", value->dbl);
        return;
    case LOG_VALUE_END:
        return;
    }
}

static void trace_fields(const char *event, va_list fields)
{
    const struct instance *in = instance_now();
    if (!trace_on || in == NULL) {
        return;
    }
    AUTO_BUF struct buf text = {0};
    for (;;) {
        struct log_field field = va_arg(fields, struct log_field);
        if (field.name == NULL) {
            break;
        }
        buf_printf(&text, " %s=", field.name);
        add_value(&text, &field.value);
    }
    TRACE("process %d logs: %s%.*s", in->client.id, event, STR_FMT(buf_str(&text)));
}

void __wrap_log_line_in(enum log_module module, enum log_level level, const char *event, ...)
{
    (void)module;
    (void)level;
    va_list args;
    va_start(args, event);
    trace_fields(event, args);
    va_end(args);
}

void __wrap_log_often_in(enum log_module module, enum log_level level, const char *key,
                         const char *event, ...)
{
    (void)module;
    (void)level;
    (void)key;
    va_list args;
    va_start(args, event);
    trace_fields(event, args);
    va_end(args);
}

void __wrap_log_err_in(enum log_module module, enum log_level level, const char *event,
                       const struct err *err)
{
    (void)module;
    (void)level;
    const struct instance *in = instance_now();
    if (in != NULL) {
        TRACE("process %d logs: %s: %s: %s", in->client.id, event, err_code_name(err->code),
              err->msg);
    }
}
