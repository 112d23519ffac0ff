/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_H
#define CLI_H

#include "base/base.h"
#include "cli/option.h"

/*
 * cli - argv to one of the commands
 *
 * Each command is one file that ends in its option table and its struct
 * cli_command; command.c lists them.  Parsing, --help and did-you-mean come from
 * these tables.  Errors are returned to main, which prints them.
 */

/* What follows the command's name and is no option. */
struct cli_args {
    size_t count;
    const char **items;
};

/* `sluice table history`: the first positional chooses one of these. */
struct cli_action {
    const char *name;
    const char *arguments;
    const char *summary;
    int (*run)(const struct cli_args *args, const void *values, struct err *err);
};

struct cli_command {
    const char *name;
    const char *arguments; /* as in the usage line */
    const char *summary;   /* one line, lower case, no full stop */
    const char *about;     /* what else one has to know; whole lines */
    const char *examples;  /* whole lines, indented by two */
    const struct cli_option *options;
    size_t values_bytes; /* of the struct that the options fill */
    size_t args_min;     /* of a command without actions */
    size_t args_max;
    const struct cli_action *actions; /* ends with a NULL name; NULL = none */
    int (*run)(const struct cli_args *args, const void *values, struct err *err);
};

/* Options of every command; the first member of every command's values. */
struct cli_common {
    bool help;
    int log_format;        /* enum log_format; -1 = not given */
    const char *log_level; /* NULL = not given */
};
extern const struct cli_option cli_command_common[];

/* command.c */
extern const struct cli_command *const cli_command_all[]; /* ends with NULL */
const struct cli_command *cli_command_find(struct str name);
/* Parses the rest of the command line and runs the command. */
int cli_command_main(int argc, char **argv, struct err *err);

/* logging.c: from the options, else SLUICE_LOG_LEVEL and SLUICE_LOG_FORMAT, else info and logfmt */
int cli_logging_open(const struct cli_common *common, struct err *err);
/* What somebody asked for is left as it is. */
bool cli_logging_is_chosen(const struct cli_common *common);
/* Before the options are parsed, so that errors of the command line come out as asked for, too. */
void cli_logging_open_early(int argc, char **argv);

/* help.c */
void cli_help_all(struct buf *out);
void cli_help_command(const struct cli_command *command, struct buf *out);

/* exit.c: what a result means for the caller of the process */
enum cli_exit {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_INTERNAL = 1,
    CLI_EXIT_CONFIG = 2,
    CLI_EXIT_DATA = 3,
    CLI_EXIT_IO = 4,
    CLI_EXIT_CORRUPT = 5,
    CLI_EXIT_FENCED = 6,
    CLI_EXIT_IDENTITY = 7,
    CLI_EXIT_INTERRUPTED = 130,
};
enum cli_exit cli_exit_of(int rc);
struct cli_exit_row {
    enum cli_exit code;
    const char *meaning;
};
extern const struct cli_exit_row cli_exit_table[]; /* ends with a NULL meaning */
/* "sluice: error: …" or a JSON object, on stderr, without secrets. */
void cli_exit_report(const struct err *err);

/* out.c: standard output. ERR_CANCELED when its reader has gone away. */
int cli_out_write(struct str text, struct err *err);
bool cli_out_is_terminal(void);
/* A line for people on stderr: progress, hints, questions. */
void cli_out_note(const char *fmt, ...) PRINTF(1, 2);
/* Asks on the terminal; 1 = yes, 0 = anything else, also the end of input and the stop. ERR_CONFIG
 * when there is nobody to ask. */
int cli_out_ask(const char *question, struct stop *stop, struct err *err);

/* "did you mean": the nearest of `names` (NULL-terminated), or NULL. */
const char *cli_option_nearest(struct str given, const char *const *names);

#endif
