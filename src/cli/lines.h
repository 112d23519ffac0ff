/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/base.h"

/*
 * lines - the lines of a file or of standard input, whatever the size of the input
 */
#define CLI_LINES_MAX ((size_t)64 << 20) /* of one line */

struct cli_lines {
    int fd;
    bool own;         /* close it */
    const char *path; /* for messages; borrowed */
    struct buf chunk;
    size_t at; /* of the next line in it */
    bool end;
    uint64_t number; /* of the last line, from 1 */
};

/* "-" is standard input. */
int cli_lines_open(struct cli_lines *lines, const char *path, struct err *err);
/* 1 = *ret_line is the next one without its end (LF or CRLF), valid until the next call; 0 = end.
 * ERR_DATA for a line that is too long. */
int cli_lines_next(struct cli_lines *lines, struct str *ret_line, struct err *err);
void cli_lines_close(struct cli_lines *lines);
#define AUTO_LINES AUTO(cli_lines_close)

#endif
