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

#endif
