/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri - percent-encoding and URI parts (RFC 3986)
 *
 * '?' and '#' are ordinary characters of a path here: object keys may contain
 * them, and nothing in Sluice has a query or a fragment.
 */
#include "base/uri.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_safe(char c, const char *also_safe)
{
    if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
        return true;
    }
    return c != '\0' && also_safe != NULL && strchr(also_safe, c) != NULL;
}

void uri_encode(struct buf *out, struct str s, const char *also_safe)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (is_safe(c, also_safe)) {
            buf_add_char(out, c);
        } else {
            unsigned char byte = (unsigned char)c;
            buf_add(out, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
        }
    }
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char letter = (char)(c | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool is_escape(struct str s, size_t at)
{
    return s.len - at >= 3 && hex_value(s.ptr[at + 1]) >= 0 && hex_value(s.ptr[at + 2]) >= 0;
}

int uri_decode(struct buf *out, struct str s, struct err *err)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%' && !is_escape(s, i)) {
            return err_set(err, ERR_DATA, "malformed %%-escape at byte %zu of \"%.*s\"", i + 1,
                           STR_FMT(str_head(s, 200)));
        }
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%') {
            buf_add_char(out, (char)(hex_value(s.ptr[i + 1]) << 4 | hex_value(s.ptr[i + 2])));
            i += 2;
        } else {
            buf_add_char(out, s.ptr[i]);
        }
    }
    return 0;
}

/* Length of "scheme" before its ':'; 0 when there is none. */
static size_t scheme_len(struct str uri)
{
    if (uri.len == 0 || !is_letter(uri.ptr[0])) {
        return 0;
    }
    size_t at = 1;
    while (at < uri.len && (is_letter(uri.ptr[at]) || is_digit(uri.ptr[at]) ||
                            strchr("+-.", uri.ptr[at]) != NULL)) {
        if (uri.ptr[at] == '\0') {
            return 0; /* which strchr takes for the end of its string */
        }
        at++;
    }
    return at < uri.len && uri.ptr[at] == ':' ? at : 0;
}

void uri_split(struct str uri, struct uri_parts *ret_parts)
{
    struct uri_parts parts = {.scheme = str_head(uri, 0), .authority = str_head(uri, 0)};
    size_t scheme = scheme_len(uri);
    struct str rest = uri;
    if (scheme > 0) {
        parts.scheme = str_head(uri, scheme);
        rest = str_skip(uri, scheme + 1);
        if (str_starts(rest, STR("//"))) {
            rest = str_skip(rest, 2);
            ptrdiff_t slash = str_find(rest, '/');
            size_t authority = slash < 0 ? rest.len : (size_t)slash;
            parts.authority = str_head(rest, authority);
            rest = str_skip(rest, authority);
        }
    }
    parts.path = rest;
    *ret_parts = parts;
}
