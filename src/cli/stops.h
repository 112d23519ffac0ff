/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STOPS_H
#define CLI_STOPS_H

#include "cli/signals.h"

/*
 * stops - for commands whose first signal means "finish" and whose second means "now"
 */
struct cli_stops {
    struct stop stop, now;
    struct cli_signals signals;
};
int cli_stops_open(struct cli_stops *s, struct err *err);
void cli_stops_close(struct cli_stops *s);
#define AUTO_STOPS AUTO(cli_stops_close)

#endif
