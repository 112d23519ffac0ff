/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logging_test - how the log is written, by options and environment
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cli/cli.h"

static int set_up(void **state)
{
    (void)state;
    unsetenv("SLUICE_LOG_LEVEL");
    unsetenv("SLUICE_LOG_FORMAT");
    log_open(LOG_ERROR, LOG_LOGFMT);
    return 0;
}

static const struct cli_common none = {.log_format = -1};

static void preset_is_info_in_logfmt(void **state)
{
    (void)state;
    struct err err;
    log_open(LOG_ERROR, LOG_JSON);
    assert_int_equal(cli_logging_open(&none, &err), 0);
    assert_int_equal(log_format_now(), LOG_LOGFMT);
    assert_true(log_is_on(LOG_INFO));
    assert_false(log_is_on(LOG_DEBUG));
    assert_false(cli_logging_is_chosen(&none));
}

static void environment_is_asked_when_there_is_no_option(void **state)
{
    (void)state;
    struct err err;
    setenv("SLUICE_LOG_LEVEL", "warn,store=debug", 1);
    setenv("SLUICE_LOG_FORMAT", "json", 1);
    assert_int_equal(cli_logging_open(&none, &err), 0);
    assert_int_equal(log_format_now(), LOG_JSON);
    assert_true(log_is_on_in(LOG_MODULE_STORE, LOG_DEBUG));
    assert_false(log_is_on_in(LOG_MODULE_JOB, LOG_INFO));
    assert_true(cli_logging_is_chosen(&none));
    struct cli_common given = {.log_format = LOG_LOGFMT, .log_level = "error"};
    assert_int_equal(cli_logging_open(&given, &err), 0);
    assert_int_equal(log_format_now(), LOG_LOGFMT);
    assert_false(log_is_on_in(LOG_MODULE_STORE, LOG_WARN));
    setenv("SLUICE_LOG_LEVEL", "", 1);
    setenv("SLUICE_LOG_FORMAT", "", 1);
    assert_int_equal(cli_logging_open(&none, &err), 0);
    assert_false(cli_logging_is_chosen(&none));
}

static void errors_say_where_the_level_came_from(void **state)
{
    (void)state;
    struct err err;
    struct cli_common given = {.log_format = -1, .log_level = "info,stor=debug"};
    assert_int_equal(cli_logging_open(&given, &err), ERR_CONFIG);
    assert_string_equal(err.msg,
                        "--log-level is \"info,stor=debug\": there is no module \"stor\"; did you "
                        "mean \"store\"?");
    setenv("SLUICE_LOG_LEVEL", "loud", 1);
    assert_int_equal(cli_logging_open(&none, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "SLUICE_LOG_LEVEL is \"loud\": there is no level \"loud\", but "
                                 "debug, info, warn, error");
    setenv("SLUICE_LOG_FORMAT", "xml", 1);
    assert_int_equal(cli_logging_open(&none, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "SLUICE_LOG_FORMAT is \"xml\"; logfmt or json is expected");
}

static enum log_format early(int argc, char **argv)
{
    log_open(LOG_ERROR, LOG_LOGFMT);
    cli_logging_open_early(argc, argv);
    return log_format_now();
}

static void format_is_known_before_the_options_are(void **state)
{
    (void)state;
    char sluice[] = "sluice";
    char run[] = "run";
    char name[] = "--log-format";
    char json[] = "json";
    char both[] = "--log-format=json";
    char logfmt[] = "--log-format=logfmt";
    char end[] = "--";
    assert_int_equal(early(2, (char *[]){sluice, run}), LOG_LOGFMT);
    assert_int_equal(early(3, (char *[]){sluice, run, json}), LOG_LOGFMT);
    assert_int_equal(early(4, (char *[]){sluice, run, name, json}), LOG_JSON);
    assert_int_equal(early(3, (char *[]){sluice, run, both}), LOG_JSON);
    assert_int_equal(early(4, (char *[]){sluice, run, end, both}), LOG_LOGFMT);
    setenv("SLUICE_LOG_FORMAT", "json", 1);
    assert_int_equal(early(2, (char *[]){sluice, run}), LOG_JSON);
    assert_int_equal(early(3, (char *[]){sluice, run, logfmt}), LOG_LOGFMT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(preset_is_info_in_logfmt, set_up),
        cmocka_unit_test_setup(environment_is_asked_when_there_is_no_option, set_up),
        cmocka_unit_test_setup(errors_say_where_the_level_came_from, set_up),
        cmocka_unit_test_setup(format_is_known_before_the_options_are, set_up),
    };
    return cmocka_run_group_tests_name("logging", tests, NULL, NULL);
}
