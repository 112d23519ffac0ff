/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asset - the files of the page, inside of the program
 *
 * A path is looked up in a table, never in a file system.
 */
#include "http/asset.h"

const struct http_asset *http_asset_find(const struct http_asset *table, struct str path)
{
    for (const struct http_asset *it = table; it->path != NULL; it++) {
        if (str_eq_c(path, it->path)) {
            return it;
        }
    }
    return NULL;
}

/* ";q=0", "; q=0.000": not this one. */
static bool is_refused(struct str parameters)
{
    struct str rest = parameters;
    struct str one;
    while (rest.ptr != NULL && str_split(&rest, ';', &one)) {
        one = str_trim(one);
        double q = 1;
        if (str_starts_nocase(one, STR("q=")) && str_to_double(str_skip(one, 2), &q) && q <= 0) {
            return true;
        }
    }
    return false;
}

bool http_asset_takes_gzip(struct str accept_encoding)
{
    struct str rest = accept_encoding;
    struct str one;
    bool any = false;
    while (rest.ptr != NULL && str_split(&rest, ',', &one)) {
        struct str name;
        (void)str_split(&one, ';', &name);
        name = str_trim(name);
        if (str_eq_nocase_c(name, "gzip") || str_eq_nocase_c(name, "x-gzip")) {
            return !is_refused(one);
        }
        any = any || (str_eq_c(name, "*") && !is_refused(one));
    }
    return any;
}

bool http_asset_is_known(struct str if_none_match, const char *etag)
{
    struct str rest = if_none_match;
    struct str one;
    while (rest.ptr != NULL && str_split(&rest, ',', &one)) {
        one = str_trim(one);
        if (str_starts(one, STR("W/"))) {
            one = str_skip(one, 2);
        }
        if (str_eq_c(one, "*") || str_eq_c(one, etag)) {
            return true;
        }
    }
    return false;
}
