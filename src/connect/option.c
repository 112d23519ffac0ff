/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - checks settings against option tables and reads them by type
 *
 *  (1) A setting that no table knows is an error, never ignored: a misspelt
 *      failOnDataLoss must not lose data silently.
 *  (2) Values of secrets, and of names passed through to a library, never
 *      appear in an error.
 *  (3) The typed readers parse again what settings_check has accepted, and
 *      presets, which the tests check: a failure there is a bug.
 */
#include "connect/option.h"

#define OPTION_NAME_MAX 64

static char option_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct str option_fold(struct str s, char out[OPTION_NAME_MAX])
{
    size_t len = s.len < OPTION_NAME_MAX ? s.len : OPTION_NAME_MAX;
    for (size_t i = 0; i < len; i++) {
        out[i] = option_lower(s.ptr[i]);
    }
    return str_n(out, len);
}

static bool option_ends_nocase(struct str s, struct str suffix)
{
    return s.len > suffix.len && suffix.len > 0 &&
           str_eq_nocase(str_skip(s, s.len - suffix.len), suffix);
}

const struct setting *settings_find(const struct settings *settings, const char *name)
{
    assert(settings != NULL);
    assert(name != NULL);
    for (size_t i = settings->items.count; i > 0; i--) {
        const struct setting *setting = &settings->items.items[i - 1];
        if (str_eq_nocase_c(setting->name, name)) {
            return setting;
        }
    }
    return NULL;
}

int settings_error(const struct setting *setting, struct err *err)
{
    if (setting != NULL && setting->line > 0) {
        return err_wrap(err, "%u:%u", setting->line, setting->column);
    }
    return err->code;
}

static const struct option *option_find(const struct option *const *tables, struct str name)
{
    for (const struct option *const *table = tables; *table != NULL; table++) {
        for (const struct option *o = *table; o->name != NULL; o++) {
            if (o->type == OPTION_PREFIX) {
                struct str prefix = str_of(o->name);
                if (name.len > prefix.len && str_starts_nocase(name, prefix)) {
                    return o;
                }
            } else if (str_eq_nocase_c(name, o->name)) {
                return o;
            }
        }
    }
    return NULL;
}

/* The known name that was most likely meant, or NULL. */
static const char *option_nearest(const struct option *const *tables, struct str name)
{
    char folded_buf[OPTION_NAME_MAX];
    struct str folded = option_fold(name, folded_buf);
    const char *best = NULL;
    size_t best_distance = name.len / 3 > 2 ? name.len / 3 : 2;
    for (const struct option *const *table = tables; *table != NULL; table++) {
        for (const struct option *o = *table; o->name != NULL; o++) {
            struct str known = str_of(o->name);
            /* "bootstrap.servers" for "kafka.bootstrap.servers" */
            if (option_ends_nocase(known, name)) {
                return o->name;
            }
            char known_buf[OPTION_NAME_MAX];
            size_t distance = str_distance(folded, option_fold(known, known_buf));
            if (distance <= best_distance) {
                best_distance = distance;
                best = o->name;
            }
        }
    }
    return best;
}

/* Index of `value` among "a|b|c", any case; -1 = not there. */
static int option_choice(const char *choices, struct str value)
{
    struct str rest = str_of(choices);
    struct str choice;
    for (int i = 0; str_split(&rest, '|', &choice); i++) {
        if (str_eq_nocase(choice, value)) {
            return i;
        }
    }
    return -1;
}

/* NULL when `value` is of the option's type, else what is needed. */
static const char *option_misfit(const struct option *o, struct str value)
{
    int64_t i64 = 0;
    uint64_t u64 = 0;
    bool flag = false;
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_PREFIX:
        return NULL;
    case OPTION_BOOL:
        return str_to_bool(value, &flag) ? NULL : "true or false";
    case OPTION_INT:
        return str_to_i64(value, &i64) ? NULL : "a whole number";
    case OPTION_BYTES:
        return str_to_bytes(value, &u64) ? NULL : "a size like \"16 MiB\"";
    case OPTION_DURATION:
        return str_to_duration_us(value, &i64) ? NULL : "a duration like \"10 seconds\"";
    case OPTION_ENUM:
        return option_choice(o->choices, value) >= 0 ? NULL : o->choices;
    }
    assert(false);
    return NULL;
}

int settings_check(const struct settings *settings, const struct option *const *tables,
                   const char *what, struct err *err)
{
    assert(settings != NULL);
    assert(tables != NULL);
    assert(what != NULL);
    vec_foreach (struct setting, setting, &settings->items) {
        const struct option *o = option_find(tables, setting->name);
        if (o == NULL) {
            const char *nearest = option_nearest(tables, setting->name);
            if (nearest != NULL) {
                err_set(err, ERR_CONFIG, "unknown option \"%.*s\" for %s; did you mean \"%s\"?",
                        STR_FMT(setting->name), what, nearest);
            } else {
                err_set(err, ERR_CONFIG, "unknown option \"%.*s\" for %s", STR_FMT(setting->name),
                        what);
            }
            return settings_error(setting, err);
        }
        const char *misfit = option_misfit(o, setting->value);
        if (misfit != NULL) {
            err_set(err, ERR_CONFIG, "option \"%s\" needs %s, not \"%.*s\"", o->name, misfit,
                    STR_FMT(str_head(setting->value, 100)));
            return settings_error(setting, err);
        }
    }
    return 0;
}

struct str settings_str(const struct settings *settings, const struct option *table,
                        const char *name)
{
    assert(table != NULL);
    const struct option *o = table;
    while (o->name != NULL && strcmp(o->name, name) != 0) {
        o++;
    }
    assert(o->name != NULL);
    const struct setting *setting = settings_find(settings, name);
    return setting != NULL ? setting->value : str_of(o->preset);
}

bool settings_bool(const struct settings *settings, const struct option *table, const char *name)
{
    bool value = false;
    bool ok = str_to_bool(settings_str(settings, table, name), &value);
    assert(ok);
    return value;
}

int64_t settings_int(const struct settings *settings, const struct option *table, const char *name,
                     int64_t absent)
{
    struct str text = settings_str(settings, table, name);
    if (text.ptr == NULL) {
        return absent;
    }
    int64_t value = 0;
    bool ok = str_to_i64(text, &value);
    assert(ok);
    return value;
}

uint64_t settings_bytes(const struct settings *settings, const struct option *table,
                        const char *name, uint64_t absent)
{
    struct str text = settings_str(settings, table, name);
    if (text.ptr == NULL) {
        return absent;
    }
    uint64_t value = 0;
    bool ok = str_to_bytes(text, &value);
    assert(ok);
    return value;
}

int64_t settings_duration_us(const struct settings *settings, const struct option *table,
                             const char *name, int64_t absent)
{
    struct str text = settings_str(settings, table, name);
    if (text.ptr == NULL) {
        return absent;
    }
    int64_t value = 0;
    bool ok = str_to_duration_us(text, &value);
    assert(ok);
    return value;
}

int settings_enum(const struct settings *settings, const struct option *table, const char *name)
{
    const struct option *o = table;
    while (o->name != NULL && strcmp(o->name, name) != 0) {
        o++;
    }
    assert(o->name != NULL);
    assert(o->type == OPTION_ENUM);
    int index = option_choice(o->choices, settings_str(settings, table, name));
    assert(index >= 0);
    return index;
}
