/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command - the commands there are, and the way to one
 */
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/deadletters.h"
#include "cli/demo.h"
#include "cli/health.h"
#include "cli/offsets.h"
#include "cli/produce.h"
#include "cli/query.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/version.h"
#include "job/monitor.h"
#include "plan/plan.h"

const struct cli_command *const cli_command_all[] = {
    &cli_run_command,
    &cli_check_command,
    &cli_query_command,
    &cli_deadletters_command,
    &cli_table_command,
    &cli_offsets_command,
    &cli_produce_command,
    &cli_health_command,
    &cli_demo_command,
    &cli_version_command,
    NULL,
};

#define NAMES_MAX 16

const struct cli_option cli_command_common[] = {
    {.name = "log-format",
     .type = CLI_CHOICE,
     .offset = offsetof(struct cli_common, log_format),
     .choices = "logfmt|json",
     .help = "of log lines and errors (default $SLUICE_LOG_FORMAT or logfmt)"},
    {.name = "log-level",
     .type = CLI_TEXT,
     .offset = offsetof(struct cli_common, log_level),
     .value = "LEVEL[,MODULE=LEVEL…]",
     .help = "the least that is logged: debug, info, warn or error, also by module: "
             "warn,store=debug (default $SLUICE_LOG_LEVEL or info)"},
    {.name = "help",
     .letter = 'h',
     .type = CLI_FLAG,
     .offset = offsetof(struct cli_common, help),
     .help = "show this"},
    {0},
};

const struct cli_command *cli_command_find(struct str name)
{
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        if (str_eq_c(name, cli_command_all[i]->name)) {
            return cli_command_all[i];
        }
    }
    return NULL;
}

static int unknown_command(struct str name, struct err *err)
{
    const char *names[NAMES_MAX + 2] = {"help"};
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        assert(i < NAMES_MAX);
        names[i + 1] = cli_command_all[i]->name;
    }
    const char *nearest = cli_option_nearest(name, names);
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG, "unknown command \"%.*s\"; did you mean \"%s\"?",
                       STR_FMT(name), nearest);
    }
    return err_set(err, ERR_CONFIG, "unknown command \"%.*s\"; `sluice help` lists them",
                   STR_FMT(name));
}

static const struct cli_action *find_action(const struct cli_command *command, const char *name)
{
    for (const struct cli_action *a = command->actions; a->name != NULL; a++) {
        if (strcmp(a->name, name) == 0) {
            return a;
        }
    }
    return NULL;
}

static int unknown_action(const struct cli_command *command, const char *name, struct err *err)
{
    const char *names[NAMES_MAX + 1] = {0};
    AUTO_BUF struct buf list = {0};
    size_t count = 0;
    for (const struct cli_action *a = command->actions; a->name != NULL; a++) {
        assert(count < NAMES_MAX);
        buf_printf(&list, "%s%s", count == 0 ? "" : ", ", a->name);
        names[count++] = a->name;
    }
    if (name == NULL) {
        return err_set(err, ERR_CONFIG, "`sluice %s` needs one of %s", command->name, list.ptr);
    }
    const char *nearest = cli_option_nearest(str_of(name), names);
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG,
                       "unknown action \"%s\" of `sluice %s`; did you mean "
                       "\"%s\"?",
                       name, command->name, nearest);
    }
    return err_set(err, ERR_CONFIG, "unknown action \"%s\" of `sluice %s`; there are %s", name,
                   command->name, list.ptr);
}

static int run_action(const struct cli_command *command, struct cli_args args, const void *values,
                      const struct cli_words *words, struct err *err)
{
    const char *name = args.count == 0 ? NULL : args.items[0];
    const struct cli_action *action = name == NULL ? NULL : find_action(command, name);
    if (action == NULL) {
        return unknown_action(command, name, err);
    }
    TRY(cli_option_check_action(words, name, err));
    args.items++;
    args.count--;
    size_t wanted = action->arguments[0] == '\0' ? 0 : 1;
    for (const char *c = action->arguments; *c != '\0'; c++) {
        wanted += *c == ' ' ? 1 : 0;
    }
    if (args.count != wanted) {
        return err_set(err, ERR_CONFIG, "usage: sluice %s %s %s", command->name, name,
                       action->arguments);
    }
    return action->run(&args, values, err);
}

static int run_command(const struct cli_command *command, int argc, char **argv, void *values,
                       struct cli_words *words, struct err *err)
{
    const struct cli_option *const tables[] = {command->options, cli_command_common, NULL};
    int rc = cli_option_parse(tables, argc, argv, values, words, err);
    struct cli_common common;
    memcpy(&common, values, sizeof(common));
    if (common.help) {
        AUTO_BUF struct buf text = {0};
        cli_help_command(command, &text);
        return cli_out_write(buf_str(&text), err);
    }
    TRY(rc);
    TRY(cli_logging_open(&common, err));
    struct cli_args args = {words->items.count, words->items.items};
    if (command->actions != NULL) {
        return run_action(command, args, values, words, err);
    }
    if (args.count < command->args_min || args.count > command->args_max) {
        return err_set(err, ERR_CONFIG, "usage: sluice %s [OPTIONS] %s; `sluice help %s` says more",
                       command->name, command->arguments, command->name);
    }
    return command->run(&args, values, err);
}

static int show_help(int argc, char **argv, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    if (argc == 0) {
        cli_help_all(&text);
        return cli_out_write(buf_str(&text), err);
    }
    struct str name = str_of(argv[0]);
    if (str_eq(name, STR("options"))) {
        plan_options_markdown(&text); /* docs/options.md */
        return cli_out_write(buf_str(&text), err);
    }
    if (str_eq(name, STR("metrics"))) {
        job_monitor_metrics_markdown(&text); /* docs/metrics.md */
        return cli_out_write(buf_str(&text), err);
    }
    if (str_eq(name, STR("completion"))) {
        TRY(cli_completion(argc > 1 ? argv[1] : NULL, &text, err));
        return cli_out_write(buf_str(&text), err);
    }
    bool is_man = str_eq(name, STR("man"));
    if (is_man && argc == 1) {
        cli_man_all(&text);
        return cli_out_write(buf_str(&text), err);
    }
    name = is_man ? str_of(argv[1]) : name;
    const struct cli_command *command = cli_command_find(name);
    if (command == NULL) {
        return unknown_command(name, err);
    }
    if (is_man) {
        cli_man_command(command, &text);
    } else {
        cli_help_command(command, &text);
    }
    return cli_out_write(buf_str(&text), err);
}

/* The same with the spellings that every program knows. */
static struct str command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return STR("help");
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        return STR("version");
    }
    return str_of(word);
}

int cli_command_main(int argc, char **argv, struct err *err)
{
    cli_logging_open_early(argc, argv);
    if (argc < 2) {
        AUTO_BUF struct buf text = {0};
        cli_help_all(&text);
        cli_out_note("%s", text.ptr);
        return err_set(err, ERR_CONFIG, "no command was given");
    }
    struct str name = command_name(argv[1]);
    if (str_eq(name, STR("help"))) {
        return show_help(argc - 2, argv + 2, err);
    }
    const struct cli_command *command = cli_command_find(name);
    if (command == NULL) {
        return unknown_command(name, err);
    }
    assert(command->values_bytes >= sizeof(struct cli_common));
    AUTO_FREE void *values = mem_zalloc(command->values_bytes);
    struct cli_words words = {0};
    int rc = run_command(command, argc - 2, argv + 2, values, &words, err);
    cli_option_words_done(&words);
    return rc;
}
