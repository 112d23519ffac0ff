/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H

#include "cli/cli.h"

extern const struct cli_command cli_demo_command;

/* examples/vehicle_positions.sql, put in at build time by embed.py. */
extern const unsigned char cli_demo_sql[];
extern const size_t cli_demo_sql_bytes;

#endif
