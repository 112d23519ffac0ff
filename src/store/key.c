/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key - what a key may look like, the same in every store
 *
 * Partition values and paths from other writers' log entries end up in keys.
 *
 *  (1) No key leaves the root it is relative to: checked here, before any store
 *      sees it, by its parts alone.
 *  (2) A key that one store takes is taken by all, so that tests in memory and
 *      on disk say something about S3.
 */
#include "store/key.h"

#include <stdio.h>

/* Why a whole part of a key is refused; NULL = it is fine. */
static const char *part_fault(struct str part)
{
    if (part.len == 0) {
        return "has an empty part";
    }
    if (str_eq_c(part, ".") || str_eq_c(part, "..")) {
        return "has a part \".\" or \"..\"";
    }
    if (str_starts(part, STR(STORE_KEY_TEMP))) {
        return "has a part reserved for unfinished files";
    }
    return NULL;
}

static const char *bytes_fault(struct str key)
{
    if (key.len > STORE_KEY_MAX) {
        return "is longer than 1024 bytes";
    }
    if (key.len > 0 && memchr(key.ptr, '\0', key.len) != NULL) {
        return "contains a NUL";
    }
    if (!str_is_utf8(key)) {
        return "is not UTF-8";
    }
    return NULL;
}

static int refuse(const char *action, struct str key, const char *fault, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    return err_set(err, ERR_CONFIG, "%s \"%s\": the key %s", action, store_key_show(key, shown),
                   fault);
}

int store_key_check(const char *action, struct str key, struct err *err)
{
    const char *fault = bytes_fault(key);
    if (fault == NULL && key.len == 0) {
        fault = "is empty";
    }
    struct str rest = key;
    struct str part;
    while (fault == NULL && str_split(&rest, '/', &part)) {
        fault = part_fault(part);
    }
    return fault == NULL ? 0 : refuse(action, key, fault, err);
}

int store_key_check_prefix(struct str prefix, struct err *err)
{
    const char *fault = bytes_fault(prefix);
    struct str rest = prefix;
    ptrdiff_t slash;
    while (fault == NULL && (slash = str_find(rest, '/')) >= 0) {
        fault = part_fault(str_head(rest, (size_t)slash));
        rest = str_skip(rest, (size_t)slash + 1);
    }
    return fault == NULL ? 0 : refuse("list", prefix, fault, err);
}

const char *store_key_show(struct str key, char out[STORE_KEY_SHOWN])
{
    static const char dots[] = "...";
    size_t len = key.len;
    bool cut = len >= STORE_KEY_SHOWN;
    if (cut) {
        len = STORE_KEY_SHOWN - sizeof(dots);
        while (len > 0 && ((unsigned char)key.ptr[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        out[i] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    }
    snprintf(out + len, STORE_KEY_SHOWN - len, "%s", cut ? dots : "");
    return out;
}

int store_key_too_large(struct str key, const struct buf *out, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    return err_set(err, ERR_DATA, "get \"%s\": the object is larger than %zu bytes",
                   store_key_show(key, shown), out->max == 0 ? BUF_DEFAULT_MAX : out->max);
}
