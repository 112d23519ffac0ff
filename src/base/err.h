/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/attr.h"

/*
 * err - a failure, for the program and for a person
 *
 * Every function that can fail returns int and takes `struct err *err` last.
 * A negative result is one of the codes below: `err` was written, forward it.
 * A result >= 0 is an outcome that the caller handles; `err` is untouched.
 *
 * Message style: one line, lower case, no full stop, the thing in "quotes",
 * outermost context first; a hint may follow after "; ".
 */
enum err_code {
    ERR_CONFIG = -1,   /* the user must change something */
    ERR_DATA = -2,     /* this input is bad; the next may be fine */
    ERR_IO = -3,       /* the outside world failed; see .retry */
    ERR_CORRUPT = -4,  /* bytes that were written do not read back */
    ERR_CANCELED = -5, /* we were asked to stop */
    ERR_FENCED = -6,   /* a newer instance of the query has taken over */
    ERR_IDENTITY = -7, /* topic, query or table is not the one it was; `sluice offsets` helps */
};

struct err {
    enum err_code code;
    bool retry;       /* the same call may succeed later */
    const char *file; /* where it was first raised */
    int line;
    char msg[1024];
};

/* Writes *err and returns `code`.  `retry` is false; set it after if need be. */
#define err_set(err, code, ...) err_set_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
               ...) PRINTF(5, 6) COLD;

/* The same for ERR_IO with retry = true. */
#define err_set_retry(err, ...) err_set_retry_at((err), __FILE__, __LINE__, __VA_ARGS__)
int err_set_retry_at(struct err *err, const char *file, int line, const char *fmt, ...)
    PRINTF(4, 5) COLD;

/* ERR_IO with ": <strerror(errnum)>" at the end. */
#define err_set_errno(err, errnum, ...)                                                            \
    err_set_errno_at((err), (errnum), __FILE__, __LINE__, __VA_ARGS__)
int err_set_errno_at(struct err *err, int errnum, const char *file, int line, const char *fmt, ...)
    PRINTF(5, 6) COLD;

/* Puts "what: " in front of the message; returns err->code. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3) COLD;

/* "config", "data", … for machine-readable errors. */
const char *err_code_name(enum err_code code);

/* Returns from the calling function when `expr` is negative; yields its value otherwise. */
#define TRY(expr)                                                                                  \
    __extension__({                                                                                \
        int try_rc = (expr);                                                                       \
        if (try_rc < 0) {                                                                          \
            return try_rc;                                                                         \
        }                                                                                          \
        try_rc;                                                                                    \
    })

#endif
