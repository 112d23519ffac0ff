/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stops - for commands whose first signal means "finish" and whose second means "now"
 */
#include "cli/stops.h"

static void on_stop_signal(void *user, int count)
{
    struct cli_stops *s = user;
    stop_set(count == 1 ? &s->stop : &s->now);
}

int cli_stops_open(struct cli_stops *s, struct err *err)
{
    stop_init(&s->stop);
    stop_init(&s->now);
    return cli_signals_open(&s->signals, on_stop_signal, s, err);
}

void cli_stops_close(struct cli_stops *s)
{
    cli_signals_close(&s->signals);
    stop_done(&s->stop);
    stop_done(&s->now);
}
