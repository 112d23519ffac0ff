/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - the command line by tables
 *
 *  (1) Nothing is guessed: an unknown option, a missing or malformed value is an
 *      error that names the option and the nearest one that exists.
 *  (2) Options may stand anywhere before "--"; the last one of a name wins.
 */
#include "cli/option.h"

#include "cli/cli.h"

#define NAMES_MAX 64

const char *cli_option_nearest(struct str given, const char *const *names)
{
    const char *best = NULL;
    /* Farther than two or three letters is no slip of the finger. */
    size_t best_distance = given.len < 5 ? 3 : 4;
    for (size_t i = 0; names[i] != NULL; i++) {
        struct str name = str_of(names[i]);
        size_t distance = str_distance(given, name);
        if (given.len >= 3 && name.len > given.len) {
            size_t beginning = str_distance(given, str_head(name, given.len)) + 1;
            distance = beginning < distance ? beginning : distance;
        }
        if (distance < best_distance && distance < name.len) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

int cli_option_choice(const char *choices, struct str text)
{
    struct str rest = str_of(choices);
    struct str part;
    for (int i = 0; str_split(&rest, '|', &part); i++) {
        if (str_eq_nocase(part, text)) {
            return i;
        }
    }
    return -1;
}

static const struct cli_option *find_long(const struct cli_option *const *tables, struct str name)
{
    for (; *tables != NULL; tables++) {
        for (const struct cli_option *o = *tables; o->name != NULL; o++) {
            if (str_eq_c(name, o->name)) {
                return o;
            }
        }
    }
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *const *tables, char letter)
{
    for (; *tables != NULL; tables++) {
        for (const struct cli_option *o = *tables; o->name != NULL; o++) {
            if (o->letter == letter) {
                return o;
            }
        }
    }
    return NULL;
}

static int unknown(const struct cli_option *const *tables, struct str name, struct err *err)
{
    const char *names[NAMES_MAX + 1];
    size_t count = 0;
    for (; *tables != NULL; tables++) {
        for (const struct cli_option *o = *tables; o->name != NULL && count < NAMES_MAX; o++) {
            names[count++] = o->name;
        }
    }
    names[count] = NULL;
    const char *nearest = cli_option_nearest(name, names);
    if (nearest != NULL) {
        return err_set(err, ERR_CONFIG, "unknown option \"--%.*s\"; did you mean \"--%s\"?",
                       STR_FMT(name), nearest);
    }
    return err_set(err, ERR_CONFIG, "unknown option \"--%.*s\"; --help lists them", STR_FMT(name));
}

static int bad_value(const struct cli_option *o, const char *what, struct str text, struct err *err)
{
    return err_set(err, ERR_CONFIG, "--%s is \"%.*s\"; %s is expected", o->name, STR_FMT(text),
                   what);
}

static bool parse_seconds(struct str text, int64_t *ret_us)
{
    double seconds = 0;
    if (str_to_double(text, &seconds)) {
        if (!(seconds >= 0 && seconds <= 1e9)) {
            return false;
        }
        *ret_us = (int64_t)(seconds * 1e6);
        return true;
    }
    return str_to_duration_us(text, ret_us) && *ret_us >= 0;
}

/* memcpy instead of a cast: the table's offset says nothing about alignment to the compiler. */
static void store_i64(void *at, int64_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void store_int(void *at, int value)
{
    memcpy(at, &value, sizeof(value));
}

static int put(const struct cli_option *o, const char *text, void *values, struct err *err)
{
    char *at = (char *)values + o->offset;
    struct str s = str_of(text);
    int64_t number = 0;
    bool flag = false;
    switch (o->type) {
    case CLI_FLAG:
        if (!str_to_bool(s, &flag)) {
            return bad_value(o, "true or false", s, err);
        }
        memcpy(at, &flag, sizeof(flag));
        return 0;
    case CLI_TEXT:
        memcpy(at, &text, sizeof(text));
        return 0;
    case CLI_NUMBER:
        if (!str_to_i64(s, &number)) {
            return bad_value(o, "a whole number", s, err);
        }
        store_i64(at, number);
        return 0;
    case CLI_SECONDS:
        if (!parse_seconds(s, &number)) {
            return bad_value(o, "a number of seconds", s, err);
        }
        store_i64(at, number);
        return 0;
    case CLI_CHOICE: {
        int index = cli_option_choice(o->choices, s);
        if (index < 0) {
            AUTO_BUF struct buf what = {0};
            buf_printf(&what, "one of %s", o->choices);
            return bad_value(o, what.ptr, s, err);
        }
        store_int(at, index);
        return 0;
    }
    }
    assert(false);
    return 0;
}

static int put_presets(const struct cli_option *const *tables, void *values, struct err *err)
{
    for (; *tables != NULL; tables++) {
        for (const struct cli_option *o = *tables; o->name != NULL; o++) {
            char *at = (char *)values + o->offset;
            if (o->preset != NULL) {
                TRY(put(o, o->preset, values, err));
            } else if (o->type == CLI_NUMBER || o->type == CLI_SECONDS) {
                store_i64(at, CLI_NUMBER_NONE);
            } else if (o->type == CLI_CHOICE) {
                store_int(at, -1);
            }
        }
    }
    return 0;
}

/* An option's word cut into its parts. */
struct cut {
    const struct cli_option *option;
    const char *value; /* NULL = in the next word */
};

static int cut_long(const struct cli_option *const *tables, const char *word, struct cut *ret_cut,
                    struct err *err)
{
    struct str name = str_skip(str_of(word), 2);
    ptrdiff_t equals = str_find(name, '=');
    const char *value = NULL;
    if (equals >= 0) {
        value = name.ptr + equals + 1;
        name = str_head(name, (size_t)equals);
    }
    const struct cli_option *o = find_long(tables, name);
    if (o == NULL) {
        return unknown(tables, name, err);
    }
    *ret_cut = (struct cut){o, value};
    return 0;
}

static int cut_short(const struct cli_option *const *tables, const char *word, struct cut *ret_cut,
                     struct err *err)
{
    const struct cli_option *o = find_letter(tables, word[1]);
    if (o == NULL) {
        return err_set(err, ERR_CONFIG, "unknown option \"%s\"; --help lists them", word);
    }
    if (o->type == CLI_FLAG && word[2] != '\0') {
        return err_set(err, ERR_CONFIG, "\"-%c\" takes no value, but there is \"%s\"", o->letter,
                       word);
    }
    *ret_cut = (struct cut){o, word[2] == '\0' ? NULL : word + 2};
    return 0;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int cli_option_parse(const struct cli_option *const *tables, int argc, char **argv, void *values,
                     struct cli_words *words, struct err *err)
{
    TRY(put_presets(tables, values, err));
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
            continue;
        }
        if (!options || !is_option(word)) {
            *vec_push(&words->items) = word;
            continue;
        }
        struct cut cut = {0};
        TRY(word[1] == '-' ? cut_long(tables, word, &cut, err)
                           : cut_short(tables, word, &cut, err));
        assert(cut.option != NULL);
        if (cut.option->type == CLI_FLAG && cut.value == NULL) {
            cut.value = "true";
        } else if (cut.value == NULL) {
            if (i + 1 >= argc) {
                return err_set(err, ERR_CONFIG, "--%s needs a value (%s)", cut.option->name,
                               cut.option->value);
            }
            cut.value = argv[++i];
        }
        TRY(put(cut.option, cut.value, values, err));
        *vec_push(&words->given) = cut.option;
    }
    return 0;
}

int cli_option_check_action(const struct cli_words *words, const char *action, struct err *err)
{
    for (size_t i = 0; i < words->given.count; i++) {
        const struct cli_option *o = words->given.items[i];
        if (o->actions != NULL && cli_option_choice(o->actions, str_of(action)) < 0) {
            return err_set(err, ERR_CONFIG, "--%s does not belong to \"%s\" but to %s", o->name,
                           action, o->actions);
        }
    }
    return 0;
}

void cli_option_words_done(struct cli_words *words)
{
    vec_done(&words->items);
    vec_done(&words->given);
}
