/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

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

#endif
