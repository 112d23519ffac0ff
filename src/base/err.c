/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - a failure, for the program and for a person
 *
 *  (1) Nothing here allocates: an error can be raised when memory is gone.
 *  (2) A message is first printed beside *err, then copied into it, so that an
 *      argument may point into err->msg.
 *  (3) A message that is too long ends at the border of a UTF-8 character.
 */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts an incomplete UTF-8 character off the end of `text`; only when text was truncated. */
static size_t cut_at_border(const char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return len;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return len - (start - 1) < want ? start - 1 : len;
}

/* Prints at text + at, within `cap`; the result is where the text ends. */
static PRINTF(4, 0) size_t
    print_at(char *text, size_t cap, size_t at, const char *fmt, va_list args)
{
    assert(at < cap);
    int len = vsnprintf(text + at, cap - at, fmt, args);
    if (len < 0) {
        text[at] = '\0';
        return at;
    }
    if ((size_t)len < cap - at) {
        return at + (size_t)len;
    }
    size_t end = cut_at_border(text, cap - 1);
    text[end] = '\0';
    return end;
}

static PRINTF(4, 5) size_t print_more(char *text, size_t cap, size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t end = print_at(text, cap, at, fmt, args);
    va_end(args);
    return end;
}

static void err_fill(struct err *err, enum err_code code, const char *file, int line,
                     const char *msg)
{
    assert(code < 0);
    err->code = code;
    err->retry = false;
    err->file = file;
    err->line = line;
    memcpy(err->msg, msg, strlen(msg) + 1);
}

int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
               ...)
{
    char msg[sizeof(err->msg)];
    va_list args;
    va_start(args, fmt);
    print_at(msg, sizeof(msg), 0, fmt, args);
    va_end(args);
    err_fill(err, code, file, line, msg);
    return code;
}

int err_set_retry_at(struct err *err, const char *file, int line, const char *fmt, ...)
{
    char msg[sizeof(err->msg)];
    va_list args;
    va_start(args, fmt);
    print_at(msg, sizeof(msg), 0, fmt, args);
    va_end(args);
    err_fill(err, ERR_IO, file, line, msg);
    err->retry = true;
    return ERR_IO;
}

int err_set_errno_at(struct err *err, int errnum, const char *file, int line, const char *fmt, ...)
{
    char msg[sizeof(err->msg)];
    va_list args;
    va_start(args, fmt);
    size_t end = print_at(msg, sizeof(msg), 0, fmt, args);
    va_end(args);
    /* Unlike strerror this neither allocates nor translates. */
    const char *what = strerrordesc_np(errnum);
    if (what != NULL) {
        print_more(msg, sizeof(msg), end, ": %s", what);
    } else {
        print_more(msg, sizeof(msg), end, ": error %d", errnum);
    }
    err_fill(err, ERR_IO, file, line, msg);
    return ERR_IO;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char msg[sizeof(err->msg)];
    va_list args;
    va_start(args, fmt);
    size_t end = print_at(msg, sizeof(msg), 0, fmt, args);
    va_end(args);
    print_more(msg, sizeof(msg), end, ": %s", err->msg);
    memcpy(err->msg, msg, strlen(msg) + 1);
    return err->code;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_CONFIG:
        return "config";
    case ERR_DATA:
        return "data";
    case ERR_IO:
        return "io";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_CANCELED:
        return "canceled";
    case ERR_IDENTITY:
        return "identity";
    case ERR_FENCED:
        return "fenced";
    }
    return "unknown";
}
