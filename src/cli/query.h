/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

#include "cli/cli.h"

extern const struct cli_command cli_query_command;

#endif
