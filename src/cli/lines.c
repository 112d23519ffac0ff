/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines - the lines of a file or of standard input, whatever the size of the input
 */
#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LINES_READ_BYTES ((size_t)256 << 10)

int cli_lines_open(struct cli_lines *lines, const char *path, struct err *err)
{
    bool standard = strcmp(path, "-") == 0;
    *lines = (struct cli_lines){.fd = STDIN_FILENO, .own = !standard, .path = path};
    buf_init(&lines->chunk, CLI_LINES_MAX + LINES_READ_BYTES);
    if (standard) {
        lines->path = "standard input";
        return 0;
    }
    lines->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (lines->fd < 0) {
        int code = errno;
        lines->own = false;
        return err_set(err, ERR_CONFIG, "cannot open \"%s\": %s", path, strerrordesc_np(code));
    }
    return 0;
}

void cli_lines_close(struct cli_lines *lines)
{
    if (lines->own) {
        fd_close(&lines->fd);
    }
    buf_done(&lines->chunk);
}

/* Drops what was given out and reads more behind the rest. */
static int read_more(struct cli_lines *lines, struct err *err)
{
    struct buf *chunk = &lines->chunk;
    size_t rest = chunk->len - lines->at;
    if (lines->at > 0) {
        memmove(chunk->ptr, chunk->ptr + lines->at, rest);
        chunk->len = rest;
        lines->at = 0;
    }
    char *at = rest > CLI_LINES_MAX ? NULL : buf_reserve(chunk, LINES_READ_BYTES);
    if (at == NULL) {
        return err_set(err, ERR_DATA, "line %" PRIu64 " of %s is longer than %zu MiB",
                       lines->number + 1, lines->path, CLI_LINES_MAX >> 20);
    }
    for (;;) {
        ssize_t n = read(lines->fd, at, LINES_READ_BYTES);
        if (n >= 0) {
            chunk->len += (size_t)n;
            chunk->ptr[chunk->len] = '\0';
            lines->end = n == 0;
            return 0;
        }
        if (errno != EINTR) {
            return err_set_errno(err, errno, "read %s", lines->path);
        }
    }
}

int cli_lines_next(struct cli_lines *lines, struct str *ret_line, struct err *err)
{
    size_t searched = 0;
    for (;;) {
        struct str rest = str_skip(buf_str(&lines->chunk), lines->at);
        ptrdiff_t found = str_find(str_skip(rest, searched), '\n');
        if (found < 0 && !lines->end) {
            searched = rest.len;
            TRY(read_more(lines, err));
            continue;
        }
        if (found < 0 && rest.len == 0) {
            return 0;
        }
        struct str line = found < 0 ? rest : str_head(rest, searched + (size_t)found);
        lines->at += line.len + (found < 0 ? 0 : 1);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        lines->number++;
        *ret_line = line;
        return 1;
    }
}
