/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "base/base.h"
#include "codec/json_plan.h"

/*
 * json_scan - looking at bytes, many at a time
 *
 * The rule that makes bounds checks rare: the last byte of what is being decoded is '}'
 * (codec_json.end - 1).  White space, digits, literals and UTF-8 sequences all stop there
 * by themselves; only a string's inside and the end of an object have to look at `end`.
 *
 * The one #if outside base/: SSE2 belongs to every x86-64, and a function call or a file of
 * its own for three instructions would cost what they save.  The other branch is portable.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as little-endian");

static inline uint64_t scan_load64(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

static inline uint32_t scan_load32(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* A bit for each of the 16 bytes at p that ends plain text in a string: '"', '\\', control
 * characters, and bytes that are not ASCII. */
static inline uint32_t scan_special16(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* As signed bytes everything from 0x80 on is below 0x20, too. */
    __m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(0x20), v);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

/* A bit for each of the 16 bytes that are equal at a and b. */
static inline uint32_t scan_equal16(const char *a, const char *b)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i y = _mm_loadu_si128((const __m128i *)(const void *)b);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
}

/* A column_string with the first `len` <= 12 bytes at p inline; 16 bytes must be readable. */
static inline void scan_put_inline(struct column_string *out, const char *p, size_t len)
{
    static const uint8_t keep[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)(const void *)(keep + 16 - len)));
    v = _mm_or_si128(_mm_slli_si128(v, 4), _mm_cvtsi32_si128((int)len));
    _mm_storeu_si128((__m128i *)(void *)out, v);
}

#else

/* The top bits of the eight bytes, gathered. */
static inline uint32_t scan_gather8(uint64_t tops)
{
    return (uint32_t)(((tops >> 7) * UINT64_C(0x0102040810204080)) >> 56);
}

/* Top bit set in every byte that is zero, exactly (no carries between bytes). */
static inline uint64_t scan_zero_bytes(uint64_t x)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    return ~(((x & low7) + low7) | x | low7);
}

static inline uint32_t scan_special8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x = scan_load64(p);
    uint64_t found = x & (ones * 0x80);
    found |= scan_zero_bytes(x & (ones * 0xe0)); /* < 0x20 */
    found |= scan_zero_bytes(x ^ (ones * '"')) | scan_zero_bytes(x ^ (ones * '\\'));
    return scan_gather8(found);
}

static inline uint32_t scan_special16(const char *p)
{
    return scan_special8(p) | scan_special8(p + 8) << 8;
}

static inline uint32_t scan_equal16(const char *a, const char *b)
{
    return scan_gather8(scan_zero_bytes(scan_load64(a) ^ scan_load64(b))) |
           scan_gather8(scan_zero_bytes(scan_load64(a + 8) ^ scan_load64(b + 8))) << 8;
}

static inline void scan_put_inline(struct column_string *out, const char *p, size_t len)
{
    *out = (struct column_string){.near = {.len = (uint32_t)len}};
    memcpy(out->near.bytes, p, len);
}

#endif

/* The first byte from p on that ends plain text, or `end`.  Bytes from `start` on are readable. */
static inline const char *scan_plain(const char *p, const char *start, const char *end)
{
    for (; end - p >= 16; p += 16) {
        uint32_t special = scan_special16(p);
        if (special != 0) {
            return p + __builtin_ctz(special);
        }
    }
    if (LIKELY(end - start >= 16)) {
        /* The last 16 bytes, without those before p. */
        const char *last = end - 16;
        uint32_t special = scan_special16(last) >> (p - last);
        return special != 0 ? p + __builtin_ctz(special) : end;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\') {
        p++;
    }
    return p;
}

static inline const char *scan_space(const char *p)
{
    while (UNLIKELY((unsigned char)*p <= ' ')) {
        if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
            break;
        }
        p++;
    }
    return p;
}

static inline bool scan_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* Behind the UTF-8 sequence at p, whose first byte is not ASCII; NULL when it is malformed. */
static inline const char *scan_utf8(const char *p)
{
    const unsigned char *s = (const unsigned char *)p;
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return NULL;
    }
    if (s[0] < 0xe0) {
        return (s[1] & 0xc0) == 0x80 ? p + 2 : NULL;
    }
    /* The second byte's range excludes overlong forms, surrogates and > U+10FFFF. */
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high || (s[2] & 0xc0) != 0x80) {
        return NULL;
    }
    if (s[0] < 0xf0) {
        return p + 3;
    }
    return (s[3] & 0xc0) == 0x80 ? p + 4 : NULL;
}

/* True when the bytes at p, behind a key's opening quote, are this name and its closing quote. */
static inline bool scan_is_name(const struct codec_json_name *name, const char *p, const char *end)
{
    if (LIKELY(end - p >= 16)) {
        if (name->mask == 0 || (scan_equal16(p, name->head) & name->mask) != name->mask) {
            return false;
        }
        return name->len < 16 ||
               ((size_t)(end - p) > name->len && memcmp(p, name->quoted, name->len + 1) == 0);
    }
    return name->mask != 0 && (size_t)(end - p) > name->len &&
           memcmp(p, name->quoted, name->len + 1) == 0;
}

#endif
