/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_CAPTURE_H
#define BASE_LOG_CAPTURE_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/base.h"

/*
 * log_capture - standard error in a pipe, so that a test can read the log (for tests only)
 */
struct log_capture {
    int saved;
    int pipe[2];
    struct buf text;
};

static inline int log_capture_begin(void **state)
{
    struct log_capture *c = mem_new(struct log_capture);
    c->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (c->saved < 0 || pipe2(c->pipe, O_CLOEXEC) < 0 ||
        fcntl(c->pipe[1], F_SETPIPE_SZ, 1 << 20) < 0 || dup2(c->pipe[1], STDERR_FILENO) < 0) {
        return -1;
    }
    *state = c;
    log_open(LOG_INFO, LOG_LOGFMT);
    return 0;
}

static inline int log_capture_end(void **state)
{
    struct log_capture *c = *state;
    dup2(c->saved, STDERR_FILENO);
    fd_close(&c->saved);
    fd_close(&c->pipe[0]);
    fd_close(&c->pipe[1]);
    buf_done(&c->text);
    mem_free(c);
    log_set_query(NULL);
    return 0;
}

/* The log's own clock for tests of repeats: it stands until a test moves it. */
static inline int64_t *log_capture_clock(void)
{
    static int64_t now_us;
    return &now_us;
}

static inline int64_t log_capture_now(void)
{
    return *log_capture_clock();
}

/* The same with that clock, later than anything logged before. */
static inline int log_capture_begin_timed(void **state)
{
    log_use_clock(log_capture_now);
    *log_capture_clock() += 1000 * INT64_C(1000000);
    return log_capture_begin(state);
}

static inline int log_capture_end_timed(void **state)
{
    log_use_clock(NULL);
    return log_capture_end(state);
}

#define LOG_CAPTURE_TIMED(test)                                                                    \
    cmocka_unit_test_setup_teardown(test, log_capture_begin_timed, log_capture_end_timed)

/* What was logged since the last call. */
static inline struct str log_captured(void **state)
{
    struct log_capture *c = *state;
    buf_reset(&c->text);
    fcntl(c->pipe[0], F_SETFL, O_NONBLOCK);
    for (;;) {
        char *at = buf_reserve(&c->text, 65536);
        ssize_t got = read(c->pipe[0], at, 65536);
        if (got <= 0) {
            *at = '\0';
            return buf_str(&c->text);
        }
        c->text.len += (size_t)got;
    }
}

/* The same without the time that a line begins with: "ts=2026-11-24T17:27:42.726Z ". */
static inline const char *log_captured_text(void **state)
{
    struct str line = log_captured(state);
    return line.len > 28 ? line.ptr + 28 : line.ptr;
}

#endif
