/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include "cli/cli.h"

extern const struct cli_command cli_version_command;

#endif
