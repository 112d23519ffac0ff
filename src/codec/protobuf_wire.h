/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_WIRE_H
#define CODEC_PROTOBUF_WIRE_H

#include "base/base.h"

/*
 * protobuf_wire - tags, varints and fixed-width numbers
 *
 * A position is a pointer into the message, `end` the end of what it lies in (the message or a
 * submessage).  Functions return the position behind what they read, NULL when that is not
 * there; why is told by wire_reason.  Nothing at or behind `end` is read.
 */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as little-endian");

enum wire_type {
    WIRE_VARINT,
    WIRE_FIXED64,
    WIRE_BYTES,
    WIRE_GROUP,
    WIRE_END_GROUP,
    WIRE_FIXED32,
};

#define WIRE_VARINT_MAX 10 /* bytes */
#define WIRE_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

static inline uint32_t wire_load32(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

static inline uint64_t wire_load64(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

static inline int64_t wire_unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* A varint of more than one byte; bits beyond 64 are dropped, as every reader does. */
static inline const char *wire_varint_long(const char *p, const char *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (LIKELY(end - p > WIRE_VARINT_MAX)) {
        end = p + WIRE_VARINT_MAX;
    }
    for (unsigned shift = 0; p < end; shift += 7) {
        uint64_t byte = (unsigned char)*p++;
        value |= (byte & 0x7f) << (shift & 63);
        if (byte < 0x80) {
            *ret_value = value;
            return p;
        }
    }
    return NULL;
}

static inline const char *wire_varint(const char *p, const char *end, uint64_t *ret_value)
{
    if (LIKELY(p < end && (unsigned char)*p < 0x80)) {
        *ret_value = (unsigned char)*p;
        return p + 1;
    }
    return wire_varint_long(p, end, ret_value);
}

/* Why there is no varint at p. */
static inline const char *wire_reason(const char *p, const char *end)
{
    return end - p >= WIRE_VARINT_MAX ? "wire" : "truncated";
}

/* A tag; NULL as well when it does not fit 32 bits or its field number is 0. */
static inline const char *wire_tag(const char *p, const char *end, uint32_t *ret_tag)
{
    uint64_t tag;
    p = wire_varint(p, end, &tag);
    if (UNLIKELY(p == NULL || tag > UINT32_MAX || tag < 8)) {
        return NULL;
    }
    *ret_tag = (uint32_t)tag;
    return p;
}

/* The length at p and the bytes behind it. */
static inline const char *wire_bytes(const char *p, const char *end, struct str *ret_bytes)
{
    uint64_t len;
    p = wire_varint(p, end, &len);
    if (UNLIKELY(p == NULL || len > (uint64_t)(end - p))) {
        return NULL;
    }
    *ret_bytes = str_n(p, (size_t)len);
    return p + len;
}

#endif
