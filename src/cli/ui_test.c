/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ui_test - the options of the status page and their variables
 */
#include "cli/ui.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ANY "127.0.0.1:0"

static const char *const variables[] = {"SLUICE_UI_ADDRESS", "SLUICE_UI_TOKEN",
                                        "SLUICE_UI_TOKEN_FILE", "SLUICE_UI_HOST",
                                        "SLUICE_READY_LAG"};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        (void)unsetenv(variables[i]);
    }
    return 0;
}

static int open_with(struct cli_ui_values values, struct cli_ui *ret_ui, struct err *err)
{
    if (values.ready_lag_us == 0) {
        values.ready_lag_us = CLI_NUMBER_NONE;
    }
    return cli_ui_open(&values, ret_ui, err);
}

static void switched_off_there_is_neither_page_nor_monitor(void **state)
{
    (void)state;
    AUTO_UI struct cli_ui ui = {0};
    struct err err;
    assert_int_equal(open_with((struct cli_ui_values){.off = true, .address = ANY}, &ui, &err), 0);
    assert_null(ui.http);
    assert_null(ui.monitor);
}

static void an_option_wins_over_its_variable(void **state)
{
    (void)state;
    AUTO_UI struct cli_ui ui = {0};
    struct err err;
    (void)setenv("SLUICE_UI_ADDRESS", "nonsense", 1);
    assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), 0);
    assert_true(str_starts(str_of(http_url(ui.http)), STR("http://127.0.0.1:")));
    struct cli_ui other = {0};
    assert_int_equal(open_with((struct cli_ui_values){0}, &other, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "status page: \"nonsense\""));
    assert_null(other.monitor);
}

static void a_variable_that_is_empty_is_not_set(void **state)
{
    (void)state;
    AUTO_UI struct cli_ui ui = {0};
    struct err err;
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        (void)setenv(variables[i], "", 1);
    }
    assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), 0);
    assert_non_null(ui.http);
}

static void a_token_comes_from_its_file_without_the_line_end(void **state)
{
    (void)state;
    AUTO_FREE char *folder = NULL;
    struct err err;
    assert_int_equal(fs_make_temp_dir("/tmp", "ui-test", &folder, &err), 0);
    AUTO_FREE char *file = mem_printf("%s/token", folder);
    assert_int_equal(fs_write_file(file, STR("0123456789abcdef\n"), &err), 0);
    {
        AUTO_UI struct cli_ui ui = {0};
        struct cli_ui_values values = {.address = ANY, .token_file = file};
        assert_int_equal(open_with(values, &ui, &err), 0);
    }
    char shown[] = "token 0123456789abcdef";
    log_mask_text(shown);
    assert_null(strstr(shown, "0123456789abcdef"));

    AUTO_UI struct cli_ui ui = {0};
    assert_int_equal(fs_write_file(file, STR(" \n"), &err), 0);
    (void)setenv("SLUICE_UI_TOKEN_FILE", file, 1);
    assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, file));
    assert_int_equal(fs_remove_tree(folder, &err), 0);
    assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, file));
}

static void the_ready_lag_is_seconds_or_a_time_with_its_unit(void **state)
{
    (void)state;
    struct err err;
    static const char *const good[] = {"300", "1.5", "5 minutes", "500ms"};
    static const char *const bad[] = {"soon", "-1", "0", "1e99", "nan"};
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        AUTO_UI struct cli_ui ui = {0};
        (void)setenv("SLUICE_READY_LAG", good[i], 1);
        assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_UI struct cli_ui ui = {0};
        (void)setenv("SLUICE_READY_LAG", bad[i], 1);
        assert_int_equal(open_with((struct cli_ui_values){.address = ANY}, &ui, &err), ERR_CONFIG);
        assert_non_null(strstr(err.msg, "SLUICE_READY_LAG"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(switched_off_there_is_neither_page_nor_monitor, setup),
        cmocka_unit_test_setup(an_option_wins_over_its_variable, setup),
        cmocka_unit_test_setup(a_variable_that_is_empty_is_not_set, setup),
        cmocka_unit_test_setup(a_token_comes_from_its_file_without_the_line_end, setup),
        cmocka_unit_test_setup(the_ready_lag_is_seconds_or_a_time_with_its_unit, setup),
    };
    log_open(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
