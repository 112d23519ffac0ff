/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/cli.h"

extern const struct cli_command cli_table_command;

#endif
