/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCAN_DELETED_H
#define CLI_SCAN_DELETED_H

#include "cli/scan_files.h"

/*
 * scan_deleted - the deleted rows of a table's files as a table
 */

/*
 * Reads the deletion vectors of the listed files into the table `name` (file VARCHAR, "row"
 * BIGINT): the file's local path and the row's place in it.  Sets files->deleted, unless no file
 * has any: then nothing is made.
 */
int cli_scan_deleted_create(struct sql_conn *conn, const char *name, struct cli_scan_files *files,
                            struct err *err);

#endif
