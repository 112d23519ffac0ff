/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_TEXT_H
#define CLI_SCAN_TEXT_H

#include "base/base.h"

/*
 * scan_text - delta_scan('path'[, version]) in a SQL text
 *
 * Works on tokens, so strings, quoted names and comments are left alone.
 */
struct cli_scan_call {
    size_t begin, end; /* bytes of the call in the text */
    struct str path;   /* decoded, in the arena */
    int64_t version;   /* -1 = newest */
};

struct cli_scan_calls {
    VEC(struct cli_scan_call) items;
    size_t text_bytes; /* of the statement, without a semicolon at its end */
};

/* ERR_CONFIG with line:column for a call that is malformed, and for more than one statement. */
int cli_scan_text_find(struct str sql, struct arena *arena, struct cli_scan_calls *ret_calls,
                       struct err *err);
void cli_scan_text_done(struct cli_scan_calls *calls);
#define AUTO_SCAN_CALLS AUTO(cli_scan_text_done)

/* The statement with call i replaced by the name "delta_scan_<i + 1>". */
void cli_scan_text_replace(struct str sql, const struct cli_scan_calls *calls, struct buf *out);

/* True when the statement has `name` as a bare or quoted name, case ignored. */
bool cli_scan_text_names(struct str sql, struct str name);

#endif
