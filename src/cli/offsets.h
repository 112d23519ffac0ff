/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OFFSETS_H
#define CLI_OFFSETS_H

#include "cli/cli.h"

extern const struct cli_command cli_offsets_command;

#endif
