/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connect/connector.h"

static const struct option table[] = {
    {"name", OPTION_STRING, NULL, NULL, ""},
    {"failOnDataLoss", OPTION_BOOL, "true", NULL, ""},
    {"maxOffsetsPerTrigger", OPTION_INT, NULL, NULL, ""},
    {"queueBytes", OPTION_BYTES, "32 MiB", NULL, ""},
    {"trigger", OPTION_DURATION, "1 second", NULL, ""},
    {"mode", OPTION_ENUM, "drop", "fail|drop|deadletter", ""},
    {"token", OPTION_SECRET, NULL, NULL, ""},
    {"kafka.bootstrap.servers", OPTION_STRING, NULL, NULL, ""},
    {"kafka.", OPTION_PREFIX, NULL, NULL, ""},
    {0},
};
static const struct option *const tables[] = {table, NULL};

static struct settings settings_of(const char *name, const char *value)
{
    struct settings settings = {0};
    *vec_push(&settings.items) =
        (struct setting){.name = str_of(name), .value = str_of(value), .line = 12, .column = 7};
    return settings;
}

static void refused(const char *name, const char *value, const char *message)
{
    struct err err = {0};
    struct settings settings = settings_of(name, value);
    assert_int_equal(settings_check(&settings, tables, "stream \"s\"", &err), ERR_CONFIG);
    assert_string_equal(err.msg, message);
    vec_done(&settings.items);
}

static void accepted(const char *name, const char *value)
{
    struct err err = {0};
    struct settings settings = settings_of(name, value);
    if (settings_check(&settings, tables, "stream \"s\"", &err) < 0) {
        fail_msg("%s", err.msg);
    }
    vec_done(&settings.items);
}

static void an_unknown_option_brings_position_and_nearest_name(void **state)
{
    (void)state;
    refused("failOnDatLoss", "x",
            "12:7: unknown option \"failOnDatLoss\" for stream \"s\"; did you mean "
            "\"failOnDataLoss\"?");
    refused("FAILONDATALOS", "x",
            "12:7: unknown option \"FAILONDATALOS\" for stream \"s\"; did you mean "
            "\"failOnDataLoss\"?");
    refused("bootstrap.servers", "x",
            "12:7: unknown option \"bootstrap.servers\" for stream \"s\"; did you mean "
            "\"kafka.bootstrap.servers\"?");
    refused("zzzzzz", "x", "12:7: unknown option \"zzzzzz\" for stream \"s\"");
    refused("kafka.", "x",
            "12:7: unknown option \"kafka.\" for stream \"s\"; did you mean \"kafka.\"?");
}

static void an_option_from_elsewhere_has_no_position(void **state)
{
    (void)state;
    struct err err = {0};
    struct settings settings = settings_of("zzzzzz", "x");
    settings.items.items[0].line = 0;
    assert_int_equal(settings_check(&settings, tables, "stream \"s\"", &err), ERR_CONFIG);
    assert_string_equal(err.msg, "unknown option \"zzzzzz\" for stream \"s\"");
    vec_done(&settings.items);
}

static void a_value_of_the_wrong_type_says_what_is_needed(void **state)
{
    (void)state;
    refused("failOnDataLoss", "maybe",
            "12:7: option \"failOnDataLoss\" needs true or false, not \"maybe\"");
    refused("maxOffsetsPerTrigger", "1.5",
            "12:7: option \"maxOffsetsPerTrigger\" needs a whole number, not \"1.5\"");
    refused("queueBytes", "lots",
            "12:7: option \"queueBytes\" needs a size like \"16 MiB\", not \"lots\"");
    refused("trigger", "soon",
            "12:7: option \"trigger\" needs a duration like \"10 seconds\", not \"soon\"");
    refused("mode", "skip", "12:7: option \"mode\" needs fail|drop|deadletter, not \"skip\"");
}

static void names_and_choices_match_in_any_case(void **state)
{
    (void)state;
    accepted("FailOnDataLoss", "FALSE");
    accepted("MODE", "DeadLetter");
    accepted("KAFKA.security.protocol", "SSL");
    accepted("token", "anything");
}

static void values_are_read_by_type_and_the_last_one_wins(void **state)
{
    (void)state;
    struct settings settings = settings_of("failondataloss", "false");
    *vec_push(&settings.items) = (struct setting){.name = STR("queueBytes"), .value = STR("1k")};
    *vec_push(&settings.items) = (struct setting){.name = STR("queuebytes"), .value = STR("2k")};
    *vec_push(&settings.items) = (struct setting){.name = STR("mode"), .value = STR("FAIL")};
    *vec_push(&settings.items) = (struct setting){.name = STR("trigger"), .value = STR("500 ms")};
    *vec_push(&settings.items) =
        (struct setting){.name = STR("maxOffsetsPerTrigger"), .value = STR("77")};
    assert_false(settings_bool(&settings, table, "failOnDataLoss"));
    assert_int_equal(settings_bytes(&settings, table, "queueBytes", 0), 2048);
    assert_int_equal(settings_enum(&settings, table, "mode"), 0);
    assert_int_equal(settings_duration_us(&settings, table, "trigger", 0), 500000);
    assert_int_equal(settings_int(&settings, table, "maxOffsetsPerTrigger", -1), 77);
    assert_null(settings_find(&settings, "name"));
    vec_done(&settings.items);
}

static void without_a_setting_the_preset_counts(void **state)
{
    (void)state;
    struct settings settings = {0};
    assert_true(settings_bool(&settings, table, "failOnDataLoss"));
    assert_int_equal(settings_bytes(&settings, table, "queueBytes", 0), 32 << 20);
    assert_int_equal(settings_enum(&settings, table, "mode"), 1);
    assert_int_equal(settings_duration_us(&settings, table, "trigger", 0), 1000000);
    assert_int_equal(settings_int(&settings, table, "maxOffsetsPerTrigger", -1), -1);
    assert_null(settings_str(&settings, table, "name").ptr);
}

/* Every preset must pass its own check, or reading it would be a bug. */
static void presets_of_all_connectors_are_of_their_type(void **state)
{
    (void)state;
    static const char *const names[] = {"kafka", "file", "generator"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct err err = {0};
        const struct source_ops *ops = source_find(str_of(names[i]), &err);
        assert_non_null(ops);
        const struct option *const own[] = {ops->options, NULL};
        for (const struct option *o = ops->options; o->name != NULL; o++) {
            assert_non_null(o->help);
            if (o->preset == NULL) {
                continue;
            }
            struct settings settings = settings_of(o->name, o->preset);
            if (settings_check(&settings, own, names[i], &err) < 0) {
                fail_msg("%s", err.msg);
            }
            vec_done(&settings.items);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_option_brings_position_and_nearest_name),
        cmocka_unit_test(an_option_from_elsewhere_has_no_position),
        cmocka_unit_test(a_value_of_the_wrong_type_says_what_is_needed),
        cmocka_unit_test(names_and_choices_match_in_any_case),
        cmocka_unit_test(values_are_read_by_type_and_the_last_one_wins),
        cmocka_unit_test(without_a_setting_the_preset_counts),
        cmocka_unit_test(presets_of_all_connectors_are_of_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
