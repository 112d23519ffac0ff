/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include "base/base.h"
#include "delta/delta.h"

/*
 * spool - a private folder and a database of our own, for as long as a command runs
 */
struct cli_spool {
    char *path;        /* owned; removed with all that is in it */
    struct sql_db *db; /* not sandboxed: reads checkpoints, never a user's SQL */
};

int cli_spool_open(struct cli_spool *spool, struct err *err);
void cli_spool_close(struct cli_spool *spool); /* {0} is fine */
#define AUTO_SPOOL AUTO(cli_spool_close)

/* Opens a table for reading; `options` may be NULL. ERR_CONFIG when there is none. */
int cli_spool_table(const struct cli_spool *spool, struct str location,
                    const struct store_options *options, struct delta_table **ret_table,
                    struct err *err);

#endif
