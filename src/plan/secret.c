/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret - what of a pipeline must never be printed
 *
 * Secrets are registered where the pipeline is read, long before they are used: an error in between
 * may carry any part of the text.  Those who use them (store/, connect/) register them too, for
 * they also know others.
 */
#include "plan/secret.h"

/* In any case of letters. */
static bool has_word(struct str name, const char *const *words, size_t count)
{
    char lower[128];
    size_t len = name.len < sizeof(lower) ? name.len : sizeof(lower);
    for (size_t i = 0; i < len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_find_str(str_n(lower, len), str_of(words[i])) >= 0) {
            return true;
        }
    }
    return false;
}

bool plan_secret_is_name(struct str name)
{
    static const char *const words[] = {
        "password",     "passwd",
        "passphrase",   "secret",
        "token",        "jaas",
        "credential",   "user.info",
        "user_info",    "key.pem",
        "key_pem",      "keystore.key",
        "keystore_key", "oauthbearer.config",
    };
    return has_word(name, words, ARRAY_COUNT(words));
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

/* "user:password@host" at the beginning; how long that is. */
static size_t mask_authority(struct str text)
{
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
    return len;
}

void plan_secret_mask(struct str name, struct str value)
{
    static const char *const places[] = {"url", "endpoint", "servers"};
    if (has_word(name, places, ARRAY_COUNT(places)) && str_find_str(value, STR("://")) < 0) {
        (void)mask_authority(str_trim(value)); /* the scheme was forgotten */
    }
    if (!plan_secret_is_name(name)) {
        return;
    }
    ptrdiff_t colon = str_find(value, ':');
    log_mask(value);
    if (colon >= 0 && str_ends(name, STR("info"))) {
        log_mask(str_skip(value, (size_t)colon + 1));
    }
}

void plan_secret_mask_urls(struct str text)
{
    for (;;) {
        ptrdiff_t found = str_find_str(text, STR("://"));
        if (found < 0) {
            return;
        }
        text = str_skip(text, (size_t)found + 3);
        text = str_skip(text, mask_authority(text));
    }
}
