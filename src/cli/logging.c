/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logging - how the log is written, by options and environment
 *
 * An option goes before the environment, which is for containers.  An empty variable is as good as
 * none.
 */
#include <stdlib.h>

#include "cli/cli.h"

#define LEVEL_VARIABLE  "SLUICE_LOG_LEVEL"
#define FORMAT_VARIABLE "SLUICE_LOG_FORMAT"

/* NULL when it is not set, or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody calls setenv */
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int choose_format(const struct cli_common *common, enum log_format *ret_format,
                         struct err *err)
{
    const char *text = variable(FORMAT_VARIABLE);
    int format = common->log_format;
    if (format < 0 && text != NULL) {
        format = cli_option_choice("logfmt|json", str_of(text));
        if (format < 0) {
            return err_set(err, ERR_CONFIG,
                           FORMAT_VARIABLE " is \"%s\"; logfmt or json is expected", text);
        }
    }
    *ret_format = format == LOG_JSON ? LOG_JSON : LOG_LOGFMT;
    return 0;
}

int cli_logging_open(const struct cli_common *common, struct err *err)
{
    enum log_format format = LOG_LOGFMT;
    TRY(choose_format(common, &format, err));
    const char *from = common->log_level != NULL ? "--log-level" : LEVEL_VARIABLE;
    const char *text = common->log_level != NULL ? common->log_level : variable(LEVEL_VARIABLE);
    struct log_levels levels;
    if (log_levels_parse(text == NULL ? STR("info") : str_of(text), &levels, err) < 0) {
        return err_wrap(err, "%s is \"%s\"", from, text);
    }
    log_open_levels(&levels, format);
    return 0;
}

bool cli_logging_is_chosen(const struct cli_common *common)
{
    return common->log_level != NULL || variable(LEVEL_VARIABLE) != NULL;
}

void cli_logging_open_early(int argc, char **argv)
{
    const char *set = variable(FORMAT_VARIABLE);
    bool json = set != NULL && cli_option_choice("logfmt|json", str_of(set)) == LOG_JSON;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value = str_starts(str_of(argv[i]), STR("--log-format=")) ? argv[i] + 13
                            : strcmp(argv[i - 1], "--log-format") == 0        ? argv[i]
                                                                              : NULL;
        json = value == NULL ? json : cli_option_choice("logfmt|json", str_of(value)) == LOG_JSON;
    }
    log_open(LOG_INFO, json ? LOG_JSON : LOG_LOGFMT);
}
