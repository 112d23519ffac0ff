/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TABLE_SHOW_H
#define CLI_TABLE_SHOW_H

#include "cli/spool.h"

/*
 * table_show - a version of a table on one page
 */

/* As text, or as one JSON object; version -1 = newest. */
int cli_table_show(const struct cli_spool *spool, struct str location, int64_t version, bool json,
                   struct buf *out, struct err *err);

/* numRecords of its stats; -1 = unknown. */
int64_t cli_table_show_rows(const struct delta_file *file);

#endif
