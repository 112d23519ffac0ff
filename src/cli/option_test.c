/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/cli.h"

struct values {
    bool flag;
    const char *text;
    int64_t number;
    int64_t time_us;
    int64_t missing;
    int choice;
    int absent;
};

static const struct cli_option table[] = {
    {.name = "available-now",
     .letter = 'a',
     .type = CLI_FLAG,
     .offset = offsetof(struct values, flag)},
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = offsetof(struct values, text),
     .preset = "none",
     .value = "FILE",
     .actions = "set|skip"},
    {.name = "rows",
     .letter = 'n',
     .type = CLI_NUMBER,
     .offset = offsetof(struct values, number),
     .preset = "7",
     .value = "N"},
    {.name = "grace",
     .type = CLI_SECONDS,
     .offset = offsetof(struct values, time_us),
     .value = "SECONDS"},
    {.name = "other", .type = CLI_NUMBER, .offset = offsetof(struct values, missing)},
    {.name = "format",
     .letter = 'f',
     .type = CLI_CHOICE,
     .offset = offsetof(struct values, choice),
     .preset = "csv",
     .choices = "table|csv|json"},
    {.name = "kind",
     .type = CLI_CHOICE,
     .offset = offsetof(struct values, absent),
     .choices = "a|b"},
    {0},
};
static const struct cli_option *const tables[] = {table, NULL};

struct parsed {
    struct values values;
    struct cli_words words;
    struct err err;
    int rc;
};

static struct parsed parse(const char *const *argv)
{
    struct parsed p = {0};
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    char **copy = (char **)(uintptr_t)argv;
    p.rc = cli_option_parse(tables, argc, copy, &p.values, &p.words, &p.err);
    return p;
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void parsed_done(struct parsed *p)
{
    cli_option_words_done(&p->words);
}
#define AUTO_PARSED AUTO(parsed_done)

static void refused(struct parsed p, const char *message)
{
    assert_int_equal(p.rc, ERR_CONFIG);
    assert_string_equal(p.err.msg, message);
    parsed_done(&p);
}

static void presets_fill_what_is_not_given(void **state)
{
    (void)state;
    AUTO_PARSED struct parsed p = PARSE("x");
    assert_int_equal(p.rc, 0);
    assert_false(p.values.flag);
    assert_string_equal(p.values.text, "none");
    assert_int_equal(p.values.number, 7);
    assert_true(p.values.time_us == CLI_NUMBER_NONE);
    assert_true(p.values.missing == CLI_NUMBER_NONE);
    assert_int_equal(p.values.choice, 1);
    assert_int_equal(p.values.absent, -1);
}

static void options_stand_before_and_after_positionals(void **state)
{
    (void)state;
    AUTO_PARSED struct parsed p =
        PARSE("--rows=12", "first", "--output", "file", "second", "-a", "-fjson", "-n", "-3");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.values.number, -3);
    assert_string_equal(p.values.text, "file");
    assert_true(p.values.flag);
    assert_int_equal(p.values.choice, 2);
    assert_int_equal(p.words.items.count, 2);
    assert_string_equal(p.words.items.items[0], "first");
    assert_string_equal(p.words.items.items[1], "second");
}

static void two_dashes_end_options_and_one_is_a_word(void **state)
{
    (void)state;
    AUTO_PARSED struct parsed p = PARSE("-", "--", "--rows", "-a");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.words.items.count, 3);
    assert_string_equal(p.words.items.items[0], "-");
    assert_string_equal(p.words.items.items[1], "--rows");
}

static void seconds_may_have_units_and_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"10", 10000000}, {"1.5", 1500000}, {"0", 0}, {"500ms", 500000}, {"2 minutes", 120000000}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_PARSED struct parsed p = PARSE("--grace", cases[i].text);
        assert_int_equal(p.rc, 0);
        assert_int_equal(p.values.time_us, cases[i].us);
    }
    refused(PARSE("--grace", "-1"), "--grace is \"-1\"; a number of seconds is expected");
    refused(PARSE("--grace", "nan"), "--grace is \"nan\"; a number of seconds is expected");
}

static void an_unknown_option_brings_the_nearest(void **state)
{
    (void)state;
    refused(PARSE("--availble-now"),
            "unknown option \"--availble-now\"; did you mean \"--available-now\"?");
    refused(PARSE("--avail"), "unknown option \"--avail\"; did you mean \"--available-now\"?");
    refused(PARSE("--xyzzy"), "unknown option \"--xyzzy\"; --help lists them");
    refused(PARSE("-x"), "unknown option \"-x\"; --help lists them");
}

static void a_bad_value_says_what_is_expected(void **state)
{
    (void)state;
    refused(PARSE("--rows", "many"), "--rows is \"many\"; a whole number is expected");
    refused(PARSE("--format=xml"), "--format is \"xml\"; one of table|csv|json is expected");
    refused(PARSE("--available-now=perhaps"),
            "--available-now is \"perhaps\"; true or false is expected");
    refused(PARSE("-ab"), "\"-a\" takes no value, but there is \"-ab\"");
    refused(PARSE("--output"), "--output needs a value (FILE)");
}

static void an_option_of_another_action_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_PARSED struct parsed p = PARSE("--rows", "1", "--output=x");
    assert_int_equal(cli_option_check_action(&p.words, "set", &err), 0);
    assert_int_equal(cli_option_check_action(&p.words, "show", &err), ERR_CONFIG);
    assert_string_equal(err.msg, "--output does not belong to \"show\" but to set|skip");
}

static void the_value_of_an_option_is_no_option(void **state)
{
    (void)state;
    struct err err = {0};
    AUTO_PARSED struct parsed p = PARSE("--rows", "-3");
    assert_int_equal(p.values.number, -3);
    assert_int_equal(cli_option_check_action(&p.words, "show", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_fill_what_is_not_given),
        cmocka_unit_test(options_stand_before_and_after_positionals),
        cmocka_unit_test(two_dashes_end_options_and_one_is_a_word),
        cmocka_unit_test(seconds_may_have_units_and_fractions),
        cmocka_unit_test(an_unknown_option_brings_the_nearest),
        cmocka_unit_test(a_bad_value_says_what_is_expected),
        cmocka_unit_test(an_option_of_another_action_is_refused),
        cmocka_unit_test(the_value_of_an_option_is_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
