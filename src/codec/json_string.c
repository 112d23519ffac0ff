/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_string - scanning, unescaping, base64
 *
 * A string is scanned once, sixteen bytes at a time while it is plain ASCII; a sequence of
 * other characters is checked one by one and the fast loop resumed.  Text without escapes
 * is borrowed from the message.
 *
 * Invariants:
 *  (1) What the scan accepted is well-formed UTF-8 when unescaped: lone surrogates are
 *      refused as escapes, and their UTF-8 form is no UTF-8.
 *  (2) Unescaping never makes text longer (\uXXXX: six bytes for at most three, a pair
 *      twelve for four), so the raw length is room enough.
 */
#include "codec/json_string.h"

#include "base/base.h"
#include "codec/json_fault.h"
#include "codec/json_scan.h"

static inline int hex_value(char c)
{
    if (scan_is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four hex digits at p; -1 when they are not.  Stops at the message's last byte. */
static int32_t hex4(const char *p)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* Behind the escape at p, a backslash; NULL = the message is bad. */
static const char *scan_escape(struct codec_json *j, const struct codec_json_node *node,
                               const char *p)
{
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u': {
        int32_t unit = hex4(p + 2);
        if (unit < 0) {
            return codec_json_fault_bad(j, node, p, "syntax", "\\u needs four hex digits");
        }
        if (unit < 0xd800 || unit > 0xdfff) {
            return p + 6;
        }
        if (unit < 0xdc00 && p[6] == '\\' && p[7] == 'u') {
            int32_t low = hex4(p + 8);
            if (low >= 0xdc00 && low <= 0xdfff) {
                return p + 12;
            }
        }
        return codec_json_fault_bad(j, node, p, "utf8", "a surrogate escape stands alone");
    }
    default:
        return codec_json_fault_bad(j, node, p, "syntax", "no such escape");
    }
}

const char *codec_json_string_scan(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, bool *ret_escaped)
{
    for (;;) {
        p = scan_plain(p, j->start, j->end);
        if (UNLIKELY(p == j->end)) {
            return codec_json_fault_bad(j, node, p, "syntax", "a string does not end");
        }
        if (LIKELY(*p == '"')) {
            return p;
        }
        if (*p == '\\') {
            *ret_escaped = true;
            p = scan_escape(j, node, p);
            if (p == NULL) {
                return NULL;
            }
            continue;
        }
        if ((unsigned char)*p < 0x20) {
            return codec_json_fault_bad(j, node, p, "syntax",
                                        "a raw control character in a string");
        }
        do {
            const char *next = scan_utf8(p);
            if (UNLIKELY(next == NULL)) {
                return codec_json_fault_bad(j, node, p, "utf8", "not UTF-8");
            }
            p = next;
        } while ((unsigned char)*p >= 0x80);
    }
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

struct str codec_json_string_unescape(struct codec_json *j, const char *p, const char *quote)
{
    char *text = arena_alloc(j->arena, (size_t)(quote - p));
    char *out = text;
    while (p < quote) {
        const char *backslash = memchr(p, '\\', (size_t)(quote - p));
        size_t plain = (size_t)((backslash != NULL ? backslash : quote) - p);
        memcpy(out, p, plain);
        out += plain;
        p += plain;
        if (backslash == NULL) {
            break;
        }
        static const char from[] = "bfnrt";
        static const char to[] = "\b\f\n\r\t";
        const char *control = strchr(from, p[1]);
        if (control != NULL) {
            *out++ = to[control - from];
            p += 2;
        } else if (p[1] == 'u') {
            uint32_t c = (uint32_t)hex4(p + 2);
            p += 6;
            if (c >= 0xd800 && c <= 0xdfff) {
                c = 0x10000 + ((c & 0x3ff) << 10) + ((uint32_t)hex4(p + 2) & 0x3ff);
                p += 6;
            }
            out = put_utf8(out, c);
        } else {
            *out++ = p[1];
            p += 2;
        }
    }
    return str_n(text, (size_t)(out - text));
}

const char *codec_json_string_read(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, struct str *ret_text)
{
    p++;
    bool escaped = false;
    const char *quote = codec_json_string_scan(j, node, p, &escaped);
    if (quote == NULL) {
        return NULL;
    }
    *ret_text = escaped ? codec_json_string_unescape(j, p, quote) : str_n(p, (size_t)(quote - p));
    return quote + 1;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (scan_is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool codec_json_string_base64(struct codec_json *j, struct str text, struct str *ret_bytes)
{
    char *bytes = arena_alloc(j->arena, text.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t group = 0;
    int filled = 0;
    int padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            continue;
        }
        int value = base64_value(c);
        if (c == '=' && filled >= 2) {
            padding++;
            value = 0;
        } else if (value < 0 || padding > 0) {
            return false;
        }
        group = group << 6 | (uint32_t)value;
        if (++filled == 4) {
            bytes[len++] = (char)(group >> 16);
            bytes[len++] = (char)(group >> 8);
            bytes[len++] = (char)group;
            len -= (size_t)padding;
            filled = padding > 0 ? -1 : 0; /* nothing may follow padding */
            group = 0;
            if (filled < 0) {
                struct str rest = str_trim(str_skip(text, i + 1));
                *ret_bytes = str_n(bytes, len);
                return rest.len == 0;
            }
        }
    }
    *ret_bytes = str_n(bytes, len);
    return filled == 0;
}
