/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion - what the tables say, for the shells that complete command lines
 *
 * `sluice help completion bash|zsh|fish` prints a script; the build makes the installed ones of
 * it.  None of them starts the program.
 *
 * What a value or an argument is shows in the word that help has for it: FILE.sql, FILE, DIR and
 * PATH are completed with names of files or folders, a|b|c with these words, others not at all.
 */
#include "cli/cli.h"

enum kind { KIND_NONE, KIND_PIPELINE, KIND_FILE, KIND_FOLDER };

static enum kind kind_of(const char *word)
{
    static const struct {
        const char *text;
        enum kind kind;
    } kinds[] = {{"FILE.sql", KIND_PIPELINE},
                 {"FILE", KIND_FILE},
                 {"DIR", KIND_FOLDER},
                 {"PATH", KIND_FOLDER}};
    for (size_t i = 0; word != NULL && i < ARRAY_COUNT(kinds); i++) {
        if (strstr(word, kinds[i].text) != NULL) {
            return kinds[i].kind;
        }
    }
    return KIND_NONE;
}

/* "a|b" as "a b". */
static void add_words(struct buf *out, const char *list)
{
    for (const char *c = list; *c != '\0'; c++) {
        buf_add_char(out, *c == '|' ? ' ' : *c);
    }
}

static void add_commands(struct buf *out)
{
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : " ", cli_command_all[i]->name);
    }
}

static const char *const shells[] = {"bash", "zsh", "fish"};
static_assert(sizeof(CLI_SHELLS) == sizeof("bash|zsh|fish"), "the same shells");

/* ---- bash ------------------------------------------------------------------------------------ */

static const char bash_head[] =
    "# bash completion of sluice: made by `sluice help completion bash`\n"
    "_sluice()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]} action='' options='' valued='' actions='' kind='' i\n"
    "    COMPREPLY=()\n"
    "    # --name=value comes as three words\n"
    "    if [[ $cur == = ]]; then\n"
    "        cur=''\n"
    "    elif [[ $prev == = ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n";

static const char bash_middle[] =
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -*) [[ \" $valued \" == *\" ${COMP_WORDS[i]} \"* ]] && ((i++))\n"
    "            [[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;\n"
    "        *) action=${COMP_WORDS[i]} && break ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ -n $actions && -z $action && $cur != -* && \" $valued \" != *\" $prev \"* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$actions\" -- \"$cur\")\n"
    "        return\n"
    "    fi\n"
    "    case \"$command $prev\" in\n";

static const char bash_tail[] =
    "    *) [[ \" $valued \" == *\" $prev \"* ]] && return ;;\n"
    "    esac\n"
    "    if [[ $cur == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
    "        return\n"
    "    fi\n"
    "    case $kind in\n"
    "    pipeline)\n"
    "        compopt -o filenames\n"
    "        mapfile -t COMPREPLY < <(compgen -f -X '!*.sql' -- \"$cur\"; compgen -d -- \"$cur\") "
    ";;\n"
    "    file)\n"
    "        compopt -o filenames\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "    folder)\n"
    "        compopt -o filenames\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "    ?*) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _sluice sluice\n";

static const char *bash_kind(enum kind kind)
{
    static const char *const names[] = {"", "pipeline", "file", "folder"};
    return names[kind];
}

static void bash_names(struct buf *out, const struct cli_option *options, bool only_valued)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        if (only_valued && o->type == CLI_FLAG) {
            continue;
        }
        buf_printf(out, " --%s", o->name);
        if (only_valued && o->letter != 0) {
            buf_printf(out, " -%c", o->letter);
        }
    }
}

static void bash_command(struct buf *out, const struct cli_command *c)
{
    buf_printf(out, "    %s)\n        options='", c->name);
    bash_names(out, c->options, false);
    bash_names(out, cli_command_common, false);
    buf_add_c(out, "'\n        valued='");
    bash_names(out, c->options, true);
    bash_names(out, cli_command_common, true);
    buf_add_char(out, '\'');
    if (c->actions != NULL) {
        buf_add_c(out, "\n        actions='");
        for (const struct cli_action *a = c->actions; a->name != NULL; a++) {
            buf_printf(out, " %s", a->name);
        }
        buf_add_char(out, '\'');
    }
    buf_printf(out, "\n        kind=%s ;;\n", bash_kind(kind_of(c->arguments)));
}

/* The values of options. */
static void bash_values(struct buf *out, const char *command, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        enum kind kind = kind_of(o->value);
        if (o->type == CLI_FLAG || (o->choices == NULL && kind == KIND_NONE)) {
            continue;
        }
        buf_printf(out, "    %s\" --%s\"", command, o->name);
        if (o->letter != 0) {
            buf_printf(out, " | %s\" -%c\"", command, o->letter);
        }
        buf_add_c(out, ") kind='");
        if (o->choices != NULL) {
            add_words(out, o->choices);
        } else {
            buf_add_c(out, bash_kind(kind));
        }
        buf_add_c(out, "' ;;\n");
    }
}

static void print_bash(struct buf *out)
{
    buf_add_c(out, bash_head);
    buf_add_c(out, "    if ((COMP_CWORD == 1)); then\n"
                   "        mapfile -t COMPREPLY < <(compgen -W '");
    add_commands(out);
    buf_add_c(out, " help --help --version' -- \"$cur\")\n        return\n    fi\n"
                   "    case $command in\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        bash_command(out, cli_command_all[i]);
    }
    buf_add_c(out, "    help) kind='");
    add_commands(out);
    buf_add_c(out, " options man completion' ;;\n    esac\n");
    buf_add_c(out, bash_middle);
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        bash_values(out, cli_command_all[i]->name, cli_command_all[i]->options);
    }
    bash_values(out, "*", cli_command_common);
    buf_add_c(out, "    'help completion') kind='");
    add_words(out, CLI_SHELLS);
    buf_add_c(out, "' ;;\n    'help man') kind='");
    add_commands(out);
    buf_add_c(out, "' ;;\n");
    buf_add_c(out, bash_tail);
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* Inside '…', where [ ] : and \ mean something to _arguments. */
static void zsh_text(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            buf_add_c(out, "'\\''");
            continue;
        }
        if (strchr("[]:\\", *c) != NULL) {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, *c);
    }
}

static void zsh_value(struct buf *out, const char *word, enum kind kind)
{
    static const char *const actions[] = {"", "_files -g \"*.sql\"", "_files", "_files -/"};
    buf_add_char(out, ':');
    zsh_text(out, word);
    buf_printf(out, ":%s", actions[kind]);
}

static void zsh_options(struct buf *out, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        for (int letter = 0; letter < (o->letter != 0 ? 2 : 1); letter++) {
            buf_add_c(out, " \\\n            '");
            if (letter == 1) {
                buf_printf(out, "-%c%s", o->letter, o->type == CLI_FLAG ? "" : "+");
            } else {
                buf_printf(out, "--%s%s", o->name, o->type == CLI_FLAG ? "" : "=");
            }
            buf_add_char(out, '[');
            zsh_text(out, o->help);
            buf_add_char(out, ']');
            if (o->type == CLI_CHOICE) {
                buf_printf(out, ":%s:(", o->name);
                add_words(out, o->choices);
                buf_add_char(out, ')');
            } else if (o->type != CLI_FLAG) {
                zsh_value(out, o->value, kind_of(o->value));
            }
            buf_add_char(out, '\'');
        }
    }
}

static void zsh_command(struct buf *out, const struct cli_command *c)
{
    buf_printf(out, "    %s)\n        _arguments -s", c->name);
    zsh_options(out, c->options);
    zsh_options(out, cli_command_common);
    if (c->actions != NULL) {
        buf_add_c(out, " \\\n            '1:action:((");
        for (const struct cli_action *a = c->actions; a->name != NULL; a++) {
            buf_printf(out, " %s\\:\"", a->name);
            zsh_text(out, a->summary);
            buf_add_char(out, '"');
        }
        buf_add_c(out, "))'");
    }
    if (kind_of(c->arguments) != KIND_NONE) {
        buf_add_c(out, " \\\n            '*");
        zsh_value(out, c->arguments, kind_of(c->arguments));
        buf_add_char(out, '\'');
    }
    buf_add_c(out, " ;;\n");
}

static void print_zsh(struct buf *out)
{
    buf_add_c(out, "#compdef sluice\n"
                   "# zsh completion of sluice: made by `sluice help completion zsh`\n"
                   "local -a commands\ncommands=(\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        buf_printf(out, "    '%s:", cli_command_all[i]->name);
        zsh_text(out, cli_command_all[i]->summary);
        buf_add_c(out, "'\n");
    }
    buf_add_c(out, "    'help:show the commands, or the help of one'\n)\n"
                   "if ((CURRENT == 2)); then\n"
                   "    _describe -t commands command commands\n"
                   "    return\n"
                   "fi\n"
                   "local command=$words[2]\n"
                   "shift words\n"
                   "((CURRENT--))\n"
                   "case $command in\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        zsh_command(out, cli_command_all[i]);
    }
    buf_add_c(out, "    help) _describe -t commands command commands ;;\nesac\n");
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_text(struct buf *out, const char *text)
{
    buf_add_char(out, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\') {
            buf_add_char(out, '\\');
        }
        buf_add_char(out, *c);
    }
    buf_add_char(out, '\'');
}

static void fish_kind(struct buf *out, enum kind kind)
{
    static const char *const words[] = {"", " -a '(__fish_complete_suffix .sql)'", " -F",
                                        " -a '(__fish_complete_directories)'"};
    buf_add_c(out, words[kind]);
}

static void fish_options(struct buf *out, const char *condition, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        buf_printf(out, "complete -c sluice -n '%s' -l %s", condition, o->name);
        if (o->letter != 0) {
            buf_printf(out, " -s %c", o->letter);
        }
        bool is_file = o->type == CLI_TEXT && kind_of(o->value) == KIND_FILE;
        if (o->type != CLI_FLAG) {
            buf_add_c(out, is_file ? " -r" : " -x"); /* -x: no names of files */
        }
        if (o->choices != NULL) {
            buf_add_c(out, " -a '");
            add_words(out, o->choices);
            buf_add_char(out, '\'');
        } else if (o->type != CLI_FLAG) {
            fish_kind(out, kind_of(o->value));
        }
        buf_add_c(out, " -d ");
        fish_text(out, o->help);
        buf_add_char(out, '\n');
    }
}

static void fish_command(struct buf *out, const struct cli_command *c)
{
    AUTO_BUF struct buf seen = {0};
    AUTO_BUF struct buf names = {0};
    buf_add_c(out, "complete -c sluice -n __fish_use_subcommand -a ");
    buf_printf(out, "%s -d ", c->name);
    fish_text(out, c->summary);
    buf_add_char(out, '\n');
    buf_printf(&seen, "__fish_seen_subcommand_from %s", c->name);
    for (const struct cli_action *a = c->actions; a != NULL && a->name != NULL; a++) {
        buf_printf(&names, " %s", a->name);
    }
    for (const struct cli_action *a = c->actions; a != NULL && a->name != NULL; a++) {
        buf_printf(out,
                   "complete -c sluice -n '%s; and not __fish_seen_subcommand_from%s' -a %s -d ",
                   seen.ptr, names.ptr, a->name);
        fish_text(out, a->summary);
        buf_add_char(out, '\n');
    }
    if (kind_of(c->arguments) != KIND_NONE) {
        buf_printf(out, "complete -c sluice -n '%s", seen.ptr);
        if (c->actions != NULL) {
            buf_printf(out, "; and __fish_seen_subcommand_from%s", names.ptr);
        }
        buf_add_char(out, '\'');
        fish_kind(out, kind_of(c->arguments));
        buf_add_char(out, '\n');
    }
    fish_options(out, seen.ptr, c->options);
}

static void print_fish(struct buf *out)
{
    buf_add_c(out, "# fish completion of sluice: made by `sluice help completion fish`\n"
                   "complete -c sluice -f\n");
    for (size_t i = 0; cli_command_all[i] != NULL; i++) {
        fish_command(out, cli_command_all[i]);
    }
    fish_options(out, "not __fish_use_subcommand", cli_command_common);
    buf_add_c(out,
              "complete -c sluice -n __fish_use_subcommand -a help -d 'show the commands, or the "
              "help of one'\n"
              "complete -c sluice -n '__fish_seen_subcommand_from help' -a '");
    add_commands(out);
    buf_add_c(out, " options man completion'\n");
}

/* ---- the face -------------------------------------------------------------------------------- */

int cli_completion(const char *shell, struct buf *out, struct err *err)
{
    static void (*const prints[])(struct buf *) = {print_bash, print_zsh, print_fish};
    for (size_t i = 0; shell != NULL && i < ARRAY_COUNT(shells); i++) {
        if (strcmp(shell, shells[i]) == 0) {
            prints[i](out);
            return 0;
        }
    }
    return err_set(err, ERR_CONFIG, "usage: sluice help completion %s", CLI_SHELLS);
}
