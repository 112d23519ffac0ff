/* SPDX-License-Identifier: Apache-2.0 */
/*
 * man - what the tables say, as manual pages: sluice(1) and one for each command
 *
 * `sluice help man [COMMAND]` prints troff; the build makes the installed pages of it.
 */
#include "cli/cli.h"

/* Text in which nothing is a request or an escape. */
static void add_text(struct buf *out, struct str text, bool at_line_start)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (at_line_start && (c == '.' || c == '\'')) {
            buf_add_c(out, "\\&");
        }
        at_line_start = c == '\n';
        switch (c) {
        case '\\':
            buf_add_c(out, "\\e");
            break;
        case '-':
            buf_add_c(out, "\\-");
            break;
        case '`':
            buf_add_c(out, "\\(ga");
            break;
        case '\'':
            buf_add_c(out, "\\(aq");
            break;
        case '^':
            buf_add_c(out, "\\(ha");
            break;
        case '~':
            buf_add_c(out, "\\(ti");
            break;
        default:
            buf_add_char(out, c);
        }
    }
}

static void add_line(struct buf *out, const char *text)
{
    add_text(out, str_of(text), true);
    buf_add_char(out, '\n');
}

static void add_title(struct buf *out, const char *command, const char *summary)
{
    const char *dash = command[0] == '\0' ? "" : "\\-";
    buf_add_c(out, ".TH \"SLUICE");
    buf_add_c(out, dash);
    for (const char *c = command; *c != '\0'; c++) {
        buf_add_char(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    }
    buf_printf(out,
               "\" 1 \"\" \"Sluice " SLUICE_VERSION "\" \"Sluice manual\"\n"
               ".SH NAME\nsluice%s%s \\- ",
               dash, command);
    add_line(out, summary);
}

/* A tagged paragraph: what is typed, and what it does. */
static void add_item(struct buf *out, const char *tag, const char *text)
{
    buf_add_c(out, ".TP\n.B ");
    add_text(out, str_of(tag), false);
    buf_add_char(out, '\n');
    add_line(out, text);
}

/* Whole lines, filled; a line that is indented begins one of its own. */
static void add_paragraphs(struct buf *out, const char *text)
{
    struct str rest = str_of(text);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        if (line.len == 0) {
            buf_add_c(out, rest.len > 0 ? ".PP\n" : "");
            continue;
        }
        if (line.ptr[0] == ' ') {
            buf_add_c(out, ".br\n");
        }
        add_text(out, str_trim(line), true);
        buf_add_char(out, '\n');
    }
}

static void add_exit_status(struct buf *out)
{
    buf_add_c(out, ".SH EXIT STATUS\n");
    for (const struct cli_exit_row *row = cli_exit_table; row->meaning != NULL; row++) {
        AUTO_BUF struct buf code = {0};
        buf_printf(&code, "%d", (int)row->code);
        add_item(out, code.ptr, row->meaning);
    }
}

static void add_options(struct buf *out, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        AUTO_BUF struct buf tag = {0};
        AUTO_BUF struct buf text = {0};
        cli_help_option(o, &tag, &text);
        add_item(out, tag.ptr, text.ptr);
    }
}

static void add_see_also(struct buf *out, const char *command)
{
    buf_add_c(out, ".SH SEE ALSO\n");
    if (command[0] != '\0') {
        buf_add_c(out, ".BR sluice (1),\n");
    }
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        if (strcmp(cli_command_all[i]->name, command) != 0) {
            buf_printf(out, ".BR sluice\\-%s (1),\n", cli_command_all[i]->name);
        }
    }
    buf_add_c(out, ".BR sluice.sql (5)\n");
}

void cli_man_all(struct buf *out)
{
    add_title(out, "", "streaming SQL from Kafka into Delta Lake tables, exactly once");
    buf_add_c(out, ".SH SYNOPSIS\n.B sluice\n.I COMMAND\n[\\fIOPTIONS\\fR] \\&...\n"
                   ".SH DESCRIPTION\n");
    add_paragraphs(out,
                   "Sluice reads messages from Kafka, transforms them by SQL and appends the rows "
                   "to Delta Lake tables on S3, MinIO or local disk, each message exactly once. "
                   "What is to be done stands in a pipeline file; sluice.sql(5) describes it.\n"
                   "\n`sluice demo` shows it all with everything inside one process.\n");
    buf_add_c(out, ".SH COMMANDS\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        add_item(out, cli_command_all[i]->name, cli_command_all[i]->summary);
    }
    add_item(out, "help [COMMAND]", "show the commands, or the help of one");
    add_item(out, "help options", "all options of pipeline files, as Markdown");
    add_item(out, "help man [COMMAND]", "this page or that of a command, as troff");
    add_item(out, "help completion " CLI_SHELLS, "completion of command lines, for that shell");
    buf_add_c(out, ".SH OPTIONS\nOf every command:\n");
    add_options(out, cli_command_common);
    add_exit_status(out);
    add_see_also(out, "");
}

void cli_man_command(const struct cli_command *command, struct buf *out)
{
    add_title(out, command->name, command->summary);
    buf_printf(out, ".SH SYNOPSIS\n.B sluice %s\n[\\fIOPTIONS\\fR] ", command->name);
    add_line(out, command->arguments);
    buf_add_c(out, ".SH DESCRIPTION\n");
    add_paragraphs(out, command->about == NULL ? command->summary : command->about);
    if (command->actions != NULL) {
        buf_add_c(out, ".SH ACTIONS\n");
        for (const struct cli_action *a = command->actions; a->name != NULL; a++) {
            AUTO_BUF struct buf tag = {0};
            buf_printf(&tag, "%s %s", a->name, a->arguments);
            add_item(out, tag.ptr, a->summary);
        }
    }
    buf_add_c(out, ".SH OPTIONS\n");
    add_options(out, command->options);
    add_options(out, cli_command_common);
    if (command->examples != NULL) {
        buf_add_c(out, ".SH EXAMPLES\n.nf\n");
        add_text(out, str_of(command->examples), true);
        buf_add_c(out, ".fi\n");
    }
    add_exit_status(out);
    add_see_also(out, command->name);
}
