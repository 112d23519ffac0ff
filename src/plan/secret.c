/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - what of a pipeline must never be printed
 *
 * Secrets are registered where the pipeline is read, long before they are used: an error in between
 * may carry any part of the text.  Those who use them (store/, connect/) register them too, for
 * they also know others.
 */
#include "plan/secret.h"

bool plan_secret_is_name(struct str name)
{
    static const char *const words[] = {"password", "passwd",     "passphrase", "secret",   "token",
                                        "jaas",     "credential", "user.info",  "user_info"};
    char lower[128];
    size_t len = name.len < sizeof(lower) ? name.len : sizeof(lower);
    for (size_t i = 0; i < len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_find_str(str_n(lower, len), str_of(words[i])) >= 0) {
            return true;
        }
    }
    return false;
}

void plan_secret_mask(struct str name, struct str value)
{
    if (!plan_secret_is_name(name)) {
        return;
    }
    ptrdiff_t colon = str_find(value, ':');
    log_mask(value);
    if (colon >= 0 && str_ends(name, STR("info"))) {
        log_mask(str_skip(value, (size_t)colon + 1));
    }
}

static void mask_password(struct str password)
{
    AUTO_BUF struct buf plain = {0};
    struct err ignored;
    log_mask(password);
    if (uri_decode(&plain, password, &ignored) >= 0) {
        log_mask(buf_str(&plain));
    }
}

static bool ends_authority(char c)
{
    return (unsigned char)c <= ' ' || strchr("/?#'\"", c) != NULL;
}

void plan_secret_mask_urls(struct str text)
{
    for (;;) {
        ptrdiff_t found = str_find_str(text, STR("://"));
        if (found < 0) {
            return;
        }
        text = str_skip(text, (size_t)found + 3);
        size_t len = 0;
        while (len < text.len && !ends_authority(text.ptr[len])) {
            len++;
        }
        struct str authority = str_head(text, len);
        ptrdiff_t at = str_rfind(authority, '@');
        ptrdiff_t colon = str_find(authority, ':');
        if (at >= 0 && colon >= 0 && colon < at) {
            mask_password(str_skip(str_head(authority, (size_t)at), (size_t)colon + 1));
        }
    }
}
