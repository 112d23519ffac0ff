/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/cli.h"

extern const struct cli_command cli_check_command;

#endif
