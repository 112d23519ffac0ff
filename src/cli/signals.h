/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdatomic.h>

#include "base/base.h"

/*
 * signals - SIGINT, SIGTERM and SIGHUP as calls on a thread of their own
 *
 * Open before any other thread is started: they must inherit the blocked mask.
 * A SIGHUP that was ignored at the start (nohup) stays ignored.
 */
typedef void (*cli_signals_fn)(void *user, int count); /* the count-th signal, from 1 */

struct cli_signals {
    cli_signals_fn on_signal;
    void *user;
    int signal_fd;
    int close_fd;
    struct thread thread;
};

int cli_signals_open(struct cli_signals *s, cli_signals_fn on_signal, void *user, struct err *err);
void cli_signals_close(struct cli_signals *s);

/* For commands whose first signal means "finish" and whose second means "now". */
struct cli_stops {
    struct stop stop, now;
    struct cli_signals signals;
};
int cli_stops_open(struct cli_stops *s, struct err *err);
void cli_stops_close(struct cli_stops *s);
#define AUTO_STOPS AUTO(cli_stops_close)

/*
 * A stop of its own that is set when the time is up, or when `parent` is.
 */
struct cli_deadline {
    struct stop stop;
    struct stop *parent;
    int64_t until_mono_us;
    struct stop done;
    atomic_bool expired;
    struct thread thread;
};
void cli_deadline_begin(struct cli_deadline *d, struct stop *parent, int64_t timeout_us);
/* An ERR_CANCELED that came of the deadline becomes an ERR_IO that says so; else rc. */
int cli_deadline_judge(const struct cli_deadline *d, int rc, int64_t timeout_us, struct err *err);
void cli_deadline_end(struct cli_deadline *d);

#endif
