/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out - standard output and the person at the terminal
 *
 * Results go to standard output in whole pieces, everything else to standard
 * error, so that output can be piped.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "cli/cli.h"

#define ASK_SLICE_MS 100

int cli_out_write(struct str text, struct err *err)
{
    while (text.len > 0) {
        ssize_t n = write(STDOUT_FILENO, text.ptr, text.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EPIPE) {
            return err_set(err, ERR_CANCELED, "nobody reads standard output any more");
        }
        if (n < 0) {
            return err_set_errno(err, errno, "write to standard output");
        }
        text = str_skip(text, (size_t)n);
    }
    return 0;
}

bool cli_out_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

void cli_out_note(const char *fmt, ...)
{
    AUTO_BUF struct buf line = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&line, fmt, args);
    va_end(args);
    log_mask_text(line.ptr);
    struct err ignored;
    (void)fs_write_all(STDERR_FILENO, line.ptr, strlen(line.ptr), "standard error", &ignored);
}

int cli_out_ask(const char *question, struct stop *stop, struct err *err)
{
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
        return err_set(err, ERR_CONFIG,
                       "nobody is there to confirm this; --yes does it without asking");
    }
    cli_out_note("%s [y/N] ", question);
    char answer[64];
    ssize_t n = 0;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!stop_is_set(stop) && poll(&input, 1, ASK_SLICE_MS) <= 0) {
    }
    if (!stop_is_set(stop)) {
        n = read(STDIN_FILENO, answer, sizeof(answer));
    }
    if (n <= 0) {
        cli_out_note("\n"); /* no answer has ended the line */
    }
    struct str s = str_trim(str_n(answer, n < 0 ? 0 : (size_t)n));
    return str_eq_nocase_c(s, "y") || str_eq_nocase_c(s, "yes") ? 1 : 0;
}
