/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_AVRO_READ_H
#define CODEC_AVRO_READ_H

#include "base/base.h"
#include "column/column.h"

/*
 * avro_read - the encoding's primitives (specification, "Binary Encoding")
 *
 * A number takes at most 10 bytes, an int 5; longer forms of the same value than need be are
 * taken, bits beyond the type are not.  Functions give the position behind what they read, or
 * NULL when it is malformed or goes beyond `end`.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as little-endian");

#define AVRO_HOT static inline __attribute__((always_inline))

static inline uint64_t avro_load64(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

static inline int64_t avro_unzigzag(uint64_t bits)
{
    return (int64_t)((bits >> 1) ^ -(bits & 1));
}

/* Byte by byte: near the end of the message, and numbers of nine or ten bytes. */
static __attribute__((noinline, unused)) const char *
avro_read_long_slow(const char *p, const char *end, int64_t *ret_value)
{
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        unsigned char byte = (unsigned char)*p++;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = avro_unzigzag(bits);
            return shift < 63 || byte <= 1 ? p : NULL;
        }
    }
    return NULL;
}

/* Without a branch on the length: eight bytes at once, then the groups of seven bits together. */
AVRO_HOT const char *avro_read_long(const char *p, const char *end, int64_t *ret_value)
{
    if (UNLIKELY(end - p < 8)) {
        return avro_read_long_slow(p, end, ret_value);
    }
    uint64_t x = avro_load64(p);
    uint64_t stops = ~x & UINT64_C(0x8080808080808080);
    if (UNLIKELY(stops == 0)) {
        return avro_read_long_slow(p, end, ret_value);
    }
    x &= stops ^ (stops - 1);
    x = (x & UINT64_C(0x007f007f007f007f)) | ((x & UINT64_C(0x7f007f007f007f00)) >> 1);
    x = (x & UINT64_C(0x00003fff00003fff)) | ((x & UINT64_C(0x3fff00003fff0000)) >> 2);
    x = (x & UINT64_C(0x000000000fffffff)) | ((x & UINT64_C(0x0fffffff00000000)) >> 4);
    *ret_value = avro_unzigzag(x);
    return p + (__builtin_ctzll(stops) >> 3) + 1;
}

AVRO_HOT const char *avro_read_int(const char *p, const char *end, int64_t *ret_value)
{
    const char *behind = avro_read_long(p, end, ret_value);
    bool fits = behind != NULL && behind - p <= 5 && *ret_value == (int32_t)*ret_value;
    return LIKELY(fits) ? behind : NULL;
}

/* Lengths, counts and indexes: most take one byte. */
AVRO_HOT const char *avro_read_small(const char *p, const char *end, int64_t *ret_value)
{
    if (LIKELY(p < end && (unsigned char)*p < 0x80)) {
        *ret_value = avro_unzigzag((unsigned char)*p);
        return p + 1;
    }
    return avro_read_long(p, end, ret_value);
}

/* `len` bytes at p as a string of the column; true when they are ASCII alone. */
AVRO_HOT bool avro_put_string(struct column_string *out, const char *p, size_t len, const char *end)
{
    static const unsigned char keep[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint64_t tops = UINT64_C(0x8080808080808080);
    if (len <= COLUMN_STRING_INLINE) {
        uint64_t low = 0;
        uint64_t high = 0;
        if (LIKELY(end - p >= 16)) {
            uint64_t masks[2];
            memcpy(masks, keep + 16 - len, sizeof(masks));
            low = avro_load64(p) & masks[0];
            high = avro_load64(p + 8) & masks[1];
        } else {
            unsigned char bytes[16] = {0};
            for (size_t i = 0; i < len; i++) {
                bytes[i] = (unsigned char)p[i];
            }
            memcpy(&low, bytes, sizeof(low));
            memcpy(&high, bytes + 8, sizeof(high));
        }
        uint64_t words[2] = {low << 32 | len, high << 32 | low >> 32};
        memcpy(out, words, sizeof(words));
        return ((low | high) & tops) == 0;
    }
    out->far.len = (uint32_t)len;
    memcpy(out->far.prefix, p, sizeof(out->far.prefix));
    out->far.ptr = p;
    uint64_t found = avro_load64(p + len - 8);
    for (size_t i = 0; i + 8 <= len; i += 8) {
        found |= avro_load64(p + i);
    }
    return (found & tops) == 0;
}

#endif
