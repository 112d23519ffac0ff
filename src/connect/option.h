/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_OPTION_H
#define CONNECT_OPTION_H

#include "base/base.h"

/*
 * option - named settings of a stream or a table, and the tables that describe them
 *
 * Every connector file ends in a table of struct option; the tables drive parsing, `check`
 * and docs/options.md.  Names are matched without regard to case, as Spark does.
 */
enum option_type {
    OPTION_STRING,
    OPTION_BOOL,
    OPTION_INT,      /* int64_t */
    OPTION_BYTES,    /* "16 MiB" -> bytes */
    OPTION_DURATION, /* "1 second" -> µs */
    OPTION_ENUM,     /* one of `choices`, "a|b|c", any case */
    OPTION_SECRET,   /* a string that is never printed */
    OPTION_PREFIX,   /* any name that begins with this one ("kafka."), passed through */
};

struct option {
    const char *name;
    enum option_type type;
    const char *preset;  /* text of the default; NULL = none */
    const char *choices; /* OPTION_ENUM */
    const char *help;    /* one sentence, for docs and --help */
};

/* One setting as the user wrote it. */
struct setting {
    struct str name;
    struct str value;
    uint32_t line, column; /* of the value in the pipeline file; 0 = from elsewhere */
};

struct settings {
    VEC(struct setting) items;
};

/* The last setting of that name, or NULL. */
const struct setting *settings_find(const struct settings *settings, const char *name);

/*
 * Checks every setting against the tables (NULL-terminated list of NULL-name-terminated arrays):
 * known name, value of its type.  ERR_CONFIG: 'line:column: unknown option "x"; did you mean "y"?'.
 */
int settings_check(const struct settings *settings, const struct option *const *tables,
                   const char *what, struct err *err);

/* Puts "line:column: " in front of an error about this setting, when they are known (NULL is fine);
 * returns err->code. For errors found after settings_check, such as a bad JSON value. */
int settings_error(const struct setting *setting, struct err *err);

/* The setting or its table's preset; the name must be in `table`, the value has been checked. */
struct str settings_str(const struct settings *settings, const struct option *table,
                        const char *name); /* STR_NULL without value and preset */
bool settings_bool(const struct settings *settings, const struct option *table, const char *name);
int64_t settings_int(const struct settings *settings, const struct option *table, const char *name,
                     int64_t absent);
uint64_t settings_bytes(const struct settings *settings, const struct option *table,
                        const char *name, uint64_t absent);
int64_t settings_duration_us(const struct settings *settings, const struct option *table,
                             const char *name, int64_t absent);
/* Index among the choices. */
int settings_enum(const struct settings *settings, const struct option *table, const char *name);

#endif
