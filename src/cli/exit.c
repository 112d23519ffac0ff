/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit - what a result means for the caller of the process
 *
 * One function maps error codes to exit codes, one table documents them; service
 * units rely on 6 and 7 (never restart) and on 4 (restart).
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

const struct cli_exit_row cli_exit_table[] = {
    {CLI_EXIT_DONE, "done"},
    {CLI_EXIT_INTERNAL, "internal error: a bug; please report it"},
    {CLI_EXIT_CONFIG, "usage or configuration: something has to be changed"},
    {CLI_EXIT_DATA, "data: a bad record with onBadRecord = fail, offsets lost to retention"},
    {CLI_EXIT_IO, "the outside world failed (broker, store, disk); trying again may help"},
    {CLI_EXIT_CORRUPT, "what was written does not read back: a damaged table or store"},
    {CLI_EXIT_FENCED, "another instance of the query has taken over: do not restart"},
    {CLI_EXIT_IDENTITY,
     "recreated topic, renamed query, restored table: see `sluice help offsets`"},
    {CLI_EXIT_INTERRUPTED, "interrupted: a second signal, or nobody reads the output any more"},
    {0, NULL},
};

enum cli_exit cli_exit_of(int rc)
{
    if (rc >= 0) {
        return CLI_EXIT_DONE;
    }
    switch ((enum err_code)rc) {
    case ERR_CONFIG:
        return CLI_EXIT_CONFIG;
    case ERR_DATA:
        return CLI_EXIT_DATA;
    case ERR_IO:
        return CLI_EXIT_IO;
    case ERR_CORRUPT:
        return CLI_EXIT_CORRUPT;
    case ERR_CANCELED:
        return CLI_EXIT_INTERRUPTED;
    case ERR_FENCED:
        return CLI_EXIT_FENCED;
    case ERR_IDENTITY:
        return CLI_EXIT_IDENTITY;
    }
    return CLI_EXIT_INTERNAL;
}

void cli_exit_report(const struct err *err)
{
    AUTO_FREE char *message = mem_strdup(err->msg);
    log_mask_text(message);
    AUTO_BUF struct buf line = {0};
    if (log_format_now() == LOG_JSON) {
        struct json_writer w;
        json_begin(&w, &line);
        json_open_object(&w);
        AUTO_BUF struct buf stamp = {0};
        clock_add_iso_ms(&stamp, clock_wall_us());
        json_name(&w, "ts");
        json_str(&w, buf_str(&stamp));
        json_name(&w, "level");
        json_c(&w, "error");
        json_name(&w, "module");
        json_c(&w, log_module_name(LOG_MODULE_CLI));
        json_name(&w, "event");
        json_c(&w, "exit");
        json_name(&w, "exit_code");
        json_i64(&w, cli_exit_of((int)err->code));
        json_name(&w, "code");
        json_c(&w, err_code_name(err->code));
        json_name(&w, "message");
        json_c(&w, message);
        json_name(&w, "retry");
        json_bool(&w, err->retry);
        json_close_object(&w);
        buf_add_char(&line, '\n');
    } else if (err->code == ERR_CANCELED) {
        return; /* whoever asked for it knows */
    } else {
        buf_printf(&line, "sluice: error: %s\n", message);
    }
    struct err ignored;
    (void)fs_write_all(STDERR_FILENO, line.ptr, line.len, "standard error", &ignored);
}
