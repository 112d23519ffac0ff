/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "base/base.h"

/*
 * option - the command line by tables
 *
 * A table of struct cli_option says where in a struct each value goes.  Options
 * may stand before or after positionals, as --name value, --name=value, -n value
 * or -nvalue; "--" ends them, "-" alone is a positional.
 */
enum cli_option_type {
    CLI_FLAG,    /* bool */
    CLI_TEXT,    /* const char *, borrowed from argv */
    CLI_NUMBER,  /* int64_t */
    CLI_SECONDS, /* int64_t µs: "10", "1.5", "500ms", "2 minutes" */
    CLI_CHOICE,  /* int: index in choices; -1 = not given */
};

#define CLI_NUMBER_NONE INT64_MIN /* CLI_NUMBER and CLI_SECONDS that were not given */

struct cli_option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0 = none */
    enum cli_option_type type;
    size_t offset;       /* in the command's values */
    const char *preset;  /* text; NULL = none */
    const char *value;   /* what help calls it: "SECONDS" */
    const char *choices; /* CLI_CHOICE: "a|b|c" */
    const char *actions; /* "set|skip": of these actions only; NULL = of all */
    const char *help;
};

/* What is left of the command line; items are borrowed from argv. */
struct cli_words {
    VEC(const char *) items;
    VEC(const struct cli_option *) given; /* in order */
};
void cli_option_words_done(struct cli_words *words);

/*
 * Presets, then argv[0 … argc-1], into *values (zeroed by the caller).  `tables` is a
 * NULL-terminated list of tables.  ERR_CONFIG: unknown option (did you mean), a value that is
 * missing or malformed.
 */
int cli_option_parse(const struct cli_option *const *tables, int argc, char **argv, void *values,
                     struct cli_words *words, struct err *err);

/* ERR_CONFIG for an option that was given and does not belong to this action. */
int cli_option_check_action(const struct cli_words *words, const char *action, struct err *err);

/* "a" is one of "a|b|c": its index, case ignored; -1 = none. */
int cli_option_choice(const char *choices, struct str text);

#endif
