/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - the process: its signals, its one error line, its exit code
 *
 * Core dumps are left to the administrator: PR_SET_DUMPABLE 0 would also keep a
 * debugger and perf out of one's own process.  A unit file forbids them with
 * LimitCORE=0 where credentials must not reach the disk (docs of the service).
 */
#include <locale.h>
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    /* Widths of characters in tables; nothing else looks at the locale. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    struct err err = {0};
    int rc = cli_command_main(argc, argv, &err);
    if (rc < 0) {
        cli_exit_report(&err);
    }
    return (int)cli_exit_of(rc);
}
