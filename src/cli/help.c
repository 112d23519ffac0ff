/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help - what the tables say, as text
 *
 * `sluice --help` and `sluice COMMAND --help` are enough to use it: usage, options
 * with presets, examples, exit codes.
 */
#include <stdio.h>

#include "cli/cli.h"

#define COLUMN 26 /* where help texts begin */
#define WIDTH  96

static void pad_to(struct buf *out, size_t line_start, size_t column)
{
    size_t used = out->len - line_start;
    if (used + 1 > column) {
        buf_add_char(out, '\n');
        used = 0;
    }
    buf_printf(out, "%*s", (int)(column - used), "");
}

/* Words of `text`, broken at WIDTH, each further line indented to `column`. */
static void add_wrapped(struct buf *out, const char *text, size_t column)
{
    struct str rest = str_of(text);
    struct str word;
    size_t at = column;
    bool first = true;
    while (str_split(&rest, ' ', &word)) {
        if (!first && at + 1 + word.len > WIDTH) {
            buf_printf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (!first) {
            buf_add_char(out, ' ');
            at++;
        }
        buf_add_str(out, word);
        at += word.len;
        first = false;
    }
    buf_add_char(out, '\n');
}

static void add_row(struct buf *out, const char *left, const char *right)
{
    size_t start = out->len;
    buf_printf(out, "  %s", left);
    pad_to(out, start, COLUMN);
    add_wrapped(out, right, COLUMN);
}

void cli_help_option(const struct cli_option *o, struct buf *left, struct buf *right)
{
    if (o->letter != 0) {
        buf_printf(left, "-%c, ", o->letter);
    }
    buf_printf(left, "--%s", o->name);
    if (o->type != CLI_FLAG) {
        buf_printf(left, " %s", o->type == CLI_CHOICE ? o->choices : o->value);
    }
    if (o->actions != NULL) {
        struct str rest = str_of(o->actions);
        struct str part;
        for (int i = 0; str_split(&rest, '|', &part); i++) {
            buf_printf(right, "%s%.*s", i == 0 ? "" : ", ", STR_FMT(part));
        }
        buf_add_c(right, ": ");
    }
    buf_add_c(right, o->help);
    if (o->preset != NULL && o->type != CLI_FLAG) {
        buf_printf(right, " (default %s)", o->preset);
    }
}

static void add_option(struct buf *out, const struct cli_option *o)
{
    AUTO_BUF struct buf left = {0};
    AUTO_BUF struct buf right = {0};
    cli_help_option(o, &left, &right);
    add_row(out, left.ptr, right.ptr);
}

static void add_exit_codes(struct buf *out)
{
    buf_add_c(out, "\nExit codes:\n");
    for (const struct cli_exit_row *row = cli_exit_table; row->meaning != NULL; row++) {
        char left[16];
        snprintf(left, sizeof(left), "%d", (int)row->code);
        add_row(out, left, row->meaning);
    }
}

void cli_help_all(struct buf *out)
{
    buf_add_c(out, "sluice - streaming SQL from Kafka into Delta Lake tables, exactly once\n\n"
                   "Usage: sluice COMMAND [OPTIONS] …\n\nCommands:\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        add_row(out, cli_command_all[i]->name, cli_command_all[i]->summary);
    }
    add_row(out, "help", "show this, or the help of one command");
    buf_add_c(out,
              "\n`sluice help COMMAND` shows its options and examples, `sluice help options` those "
              "of\npipeline files; `sluice help completion " CLI_SHELLS "` is for the shell.\n"
              "\nA first try, with everything inside: sluice demo\n");
    add_exit_codes(out);
}

void cli_help_command(const struct cli_command *command, struct buf *out)
{
    buf_printf(out, "sluice %s - %s\n\nUsage: sluice %s [OPTIONS] %s\n", command->name,
               command->summary, command->name, command->arguments);
    if (command->about != NULL) {
        buf_printf(out, "\n%s", command->about);
    }
    if (command->actions != NULL) {
        buf_add_c(out, "\nActions:\n");
        for (const struct cli_action *a = command->actions; a->name != NULL; a++) {
            AUTO_BUF struct buf left = {0};
            buf_printf(&left, "%s %s", a->name, a->arguments);
            add_row(out, left.ptr, a->summary);
        }
    }
    buf_add_c(out, "\nOptions:\n");
    for (const struct cli_option *o = command->options; o->name != NULL; o++) {
        add_option(out, o);
    }
    for (const struct cli_option *o = cli_command_common; o->name != NULL; o++) {
        add_option(out, o);
    }
    if (command->examples != NULL) {
        buf_printf(out, "\nExamples:\n%s", command->examples);
    }
    add_exit_codes(out);
}
