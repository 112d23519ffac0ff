/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_UI_H
#define CLI_UI_H

#include "cli/cli.h"
#include "http/http.h"
#include "job/monitor.h"

/*
 * ui - the options of the status page, and its life beside a run
 */
struct cli_ui_values {
    bool off;
    const char *address;
    const char *token_file;
    const char *hosts;
    int64_t ready_lag_us;
};

/* Rows of an option table, for a command whose values have `member`. */
#define CLI_UI_OPTIONS(type_, member)                                                              \
    {.name = "no-ui",                                                                              \
     .type = CLI_FLAG,                                                                             \
     .offset = offsetof(type_, member.off),                                                        \
     .help = "no status page, API and metrics"},                                                   \
        {.name = "ui-address",                                                                     \
         .type = CLI_TEXT,                                                                         \
         .offset = offsetof(type_, member.address),                                                \
         .value = "HOST:PORT",                                                                     \
         .help = "where they listen, port 0 = any (default $SLUICE_UI_ADDRESS or 127.0.0.1, the "  \
                 "first free port from 4040 to 4056)"},                                            \
        {.name = "ui-token-file",                                                                  \
         .type = CLI_TEXT,                                                                         \
         .offset = offsetof(type_, member.token_file),                                             \
         .value = "FILE",                                                                          \
         .help = "holds what stop, pause and resume must bring; needed when others than this "     \
                 "machine reach the page (default $SLUICE_UI_TOKEN_FILE, or the token itself in "  \
                 "$SLUICE_UI_TOKEN)"},                                                             \
        {.name = "ui-host",                                                                        \
         .type = CLI_TEXT,                                                                         \
         .offset = offsetof(type_, member.hosts),                                                  \
         .value = "NAMES",                                                                         \
         .help = "further host names, with commas, under which the page is asked for, as behind "  \
                 "a proxy "                                                                        \
                 "(default $SLUICE_UI_HOST)"},                                                     \
    {                                                                                              \
        .name = "ready-lag", .type = CLI_SECONDS, .offset = offsetof(type_, member.ready_lag_us),  \
        .value = "SECONDS",                                                                        \
        .help = "a query that is further behind is not ready (default $SLUICE_READY_LAG or 300)"   \
    }

struct cli_ui {
    struct job_monitor *monitor; /* NULL = the page is off */
    struct http *http;           /* NULL = off, or no port was free */
};
int cli_ui_open(const struct cli_ui_values *values, struct cli_ui *ret_ui, struct err *err);
void cli_ui_close(struct cli_ui *ui); /* after the run */
#define AUTO_UI AUTO(cli_ui_close)

#endif
