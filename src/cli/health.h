/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HEALTH_H
#define CLI_HEALTH_H

#include "cli/cli.h"

extern const struct cli_command cli_health_command;

#endif
