/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEADLETTERS_H
#define CLI_DEADLETTERS_H

#include "cli/cli.h"

extern const struct cli_command cli_deadletters_command;

#endif
