/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PRODUCE_H
#define CLI_PRODUCE_H

#include "cli/cli.h"

extern const struct cli_command cli_produce_command;

#endif
