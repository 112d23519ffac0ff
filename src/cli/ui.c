/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ui - the options of the status page, and its life beside a run
 *
 * An option wins over its variable, a token's file over the token itself.
 */
#include "cli/ui.h"

#include <stdlib.h>
#include <sys/resource.h>

#define TOKEN_MAX  4096
#define FILES_WANT 65536

/* NULL = neither given nor set. */
static const char *or_variable(const char *given, const char *name)
{
    const char *value = given != NULL ? given : getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* The soft limit is 1024 almost everywhere, for programs that use select; none is here. */
static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANT) {
        files.rlim_cur = files.rlim_max < FILES_WANT ? files.rlim_max : FILES_WANT;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* *ret_token NULL = none is wanted; the caller frees it. */
static int read_token(const struct cli_ui_values *values, char **ret_token, struct err *err)
{
    const char *file = or_variable(values->token_file, "SLUICE_UI_TOKEN_FILE");
    *ret_token = NULL;
    if (file == NULL) {
        *ret_token = mem_strdup(or_variable(NULL, "SLUICE_UI_TOKEN"));
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    buf_init(&text, TOKEN_MAX);
    if (fs_read_file(file, &text, err) < 0) {
        return err_wrap(err, "the token of the status page");
    }
    struct str token = str_trim(buf_str(&text));
    if (token.len == 0 || str_find(token, '\0') >= 0) {
        return err_set(err, ERR_CONFIG, "the token of the status page: %s holds none", file);
    }
    *ret_token = str_dup(token);
    return 0;
}

static int ready_lag(const struct cli_ui_values *values, int64_t *ret_us, struct err *err)
{
    *ret_us = 0; /* its preset */
    if (values->ready_lag_us != CLI_NUMBER_NONE) {
        *ret_us = values->ready_lag_us > 0 ? values->ready_lag_us : 1;
        return 0;
    }
    const char *set = or_variable(NULL, "SLUICE_READY_LAG");
    double seconds = 0;
    if (set == NULL || str_to_duration_us(str_of(set), ret_us)) {
        return 0;
    }
    if (!str_to_double(str_of(set), &seconds) || !(seconds > 0 && seconds < 1e9)) {
        return err_set(err, ERR_CONFIG,
                       "SLUICE_READY_LAG = \"%s\" is no time; it is seconds, or such as \"5 "
                       "minutes\"",
                       set);
    }
    *ret_us = (int64_t)(seconds * 1e6);
    return 0;
}

int cli_ui_open(const struct cli_ui_values *values, struct cli_ui *ret_ui, struct err *err)
{
    AUTO_FREE char *token = NULL;
    struct job_monitor_options monitor = {0};
    *ret_ui = (struct cli_ui){0};
    TRY(ready_lag(values, &monitor.ready_lag_us, err));
    if (values->off) {
        return 0;
    }
    TRY(read_token(values, &token, err));
    raise_file_limit();
    struct http_options options = {
        .address = or_variable(values->address, "SLUICE_UI_ADDRESS"),
        .token = token,
        .hosts = or_variable(values->hosts, "SLUICE_UI_HOST"),
    };
    ret_ui->monitor = job_monitor_new(&monitor);
    int rc = http_open(&options, ret_ui->monitor, &ret_ui->http, err);
    if (rc < 0) {
        cli_ui_close(ret_ui);
        return err_wrap(err, "status page");
    }
    return 0;
}

void cli_ui_close(struct cli_ui *ui)
{
    http_close(TAKE(ui->http));
    job_monitor_free(TAKE(ui->monitor));
}
