/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - a growing byte string with a maximum
 *
 *  (1) ptr is NULL and cap 0, or len < cap and ptr[len] is 0.
 *  (2) len <= max always; the byte for the terminator is not counted.
 *  (3) Once `overflow` is set nothing is appended until buf_reset or buf_done.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST_CAP ((size_t)64)

static size_t buf_max(const struct buf *b)
{
    return b->max == 0 ? BUF_DEFAULT_MAX : b->max;
}

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_done(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->ptr != NULL) {
        b->ptr[0] = '\0';
    }
}

/* The slow half of buf_reserve: the bytes do not fit into what is allocated. */
static bool buf_grow(struct buf *b, size_t len)
{
    size_t max = buf_max(b);
    if (len > max || b->len > max - len) {
        b->overflow = true;
        return false;
    }
    size_t want = b->len + len + 1;
    size_t cap = b->cap < BUF_FIRST_CAP ? BUF_FIRST_CAP : b->cap + b->cap / 2;
    if (cap > max) {
        cap = max + 1;
    }
    if (cap < want) {
        cap = want;
    }
    b->ptr = mem_realloc(b->ptr, cap);
    b->cap = cap;
    b->ptr[b->len] = '\0';
    return true;
}

char *buf_reserve(struct buf *b, size_t len)
{
    if (b->overflow) {
        return NULL;
    }
    if (b->cap - b->len <= len && !buf_grow(b, len)) {
        return NULL;
    }
    return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    char *at = buf_reserve(b, len);
    if (at == NULL) {
        return;
    }
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    at[len] = '\0';
    b->len += len;
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_c(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    char *at = buf_reserve(b, 1);
    if (at == NULL) {
        return;
    }
    at[0] = c;
    at[1] = '\0';
    b->len++;
}

void buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20]; /* 2^64 - 1 has twenty */
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_add_i64(struct buf *b, int64_t value)
{
    if (value >= 0) {
        buf_add_u64(b, (uint64_t)value);
        return;
    }
    size_t start = b->len;
    buf_add_char(b, '-');
    buf_add_u64(b, 0 - (uint64_t)value);
    if (b->overflow && b->len > start) {
        b->len = start; /* no sign without its number */
        b->ptr[start] = '\0';
    }
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    if (b->overflow) {
        return;
    }
    va_list again;
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int len = vsnprintf(room == 0 ? NULL : b->ptr + b->len, room, fmt, args);
    assert(len >= 0);
    if ((size_t)len >= room) {
        if (room > 0) {
            b->ptr[b->len] = '\0';
        }
        char *at = buf_reserve(b, (size_t)len);
        if (at == NULL) {
            va_end(again);
            return;
        }
        vsnprintf(at, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_add_hex(struct buf *b, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *at = buf_reserve(b, mem_product(len, 2));
    if (at == NULL) {
        return;
    }
    const unsigned char *in = bytes;
    for (size_t i = 0; i < len; i++) {
        at[2 * i] = digits[in[i] >> 4];
        at[2 * i + 1] = digits[in[i] & 15];
    }
    b->len += 2 * len;
    b->ptr[b->len] = '\0';
}

void buf_add_base64(struct buf *b, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = buf_reserve(b, mem_product(len / 3 + (len % 3 != 0), 4));
    if (at == NULL) {
        return;
    }
    const unsigned char *in = bytes;
    size_t i = 0;
    for (; len - i >= 3; i += 3) {
        uint32_t three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = digits[three >> 6 & 63];
        *at++ = digits[three & 63];
    }
    if (len > i) {
        uint32_t rest = (uint32_t)in[i] << 16 | (len - i == 2 ? (uint32_t)in[i + 1] << 8 : 0);
        *at++ = digits[rest >> 18];
        *at++ = digits[rest >> 12 & 63];
        *at++ = len - i == 2 ? digits[rest >> 6 & 63] : '=';
        *at++ = '=';
    }
    *at = '\0';
    b->len = (size_t)(at - b->ptr);
}

int buf_check(const struct buf *b, const char *what, struct err *err)
{
    if (b->overflow) {
        return err_set(err, ERR_DATA, "%s is larger than %zu bytes", what, buf_max(b));
    }
    return 0;
}

struct str buf_str(const struct buf *b)
{
    return b->ptr == NULL ? STR("") : str_n(b->ptr, b->len);
}

char *buf_take(struct buf *b)
{
    char *bytes = b->ptr == NULL ? mem_zalloc(1) : b->ptr;
    bytes[b->len] = '\0'; /* the caller may have set .len after buf_reserve */
    *b = (struct buf){0};
    return bytes;
}
