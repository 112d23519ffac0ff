/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/cli.h"

extern const struct cli_command cli_run_command;

#endif
