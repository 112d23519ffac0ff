/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rand - random numbers
 *
 * xoshiro256** by Blackman and Vigna, seeded through splitmix64 as they advise;
 * bounded numbers by Lemire's multiplication with rejection, so without bias.
 */
#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/attr.h"
#include "base/mem.h"

static uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

void rng_init(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_COUNT(r->s); i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t rng_next(struct rng *r)
{
    uint64_t result = rotate_left(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate_left(r->s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    assert(bound > 0);
    uint64_t reject_below = (0 - bound) % bound;
    for (;;) {
        __extension__ unsigned __int128 product = (unsigned __int128)rng_next(r) * bound;
        if ((uint64_t)product >= reject_below) {
            return (uint64_t)(product >> 64);
        }
    }
}

double rng_double(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static void (*replaced)(void *out, size_t len);

void rand_replace(void (*bytes)(void *out, size_t len))
{
    replaced = bytes;
}

void rand_bytes(void *out, size_t len)
{
    if (replaced != NULL) {
        replaced(out, len);
        return;
    }
    char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            assert(errno == EINTR); /* nothing else can fail with these arguments */
            continue;
        }
        at += got;
        len -= (size_t)got;
    }
}

/* Sets version and variant (RFC 9562, section 4), then prints. */
static void uuid_print(uint8_t id[16], unsigned version, char out[UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    id[6] = (uint8_t)((id[6] & 0x0F) | version << 4);
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
    char *at = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = digits[id[i] >> 4];
        *at++ = digits[id[i] & 15];
    }
    *at = '\0';
    assert(at - out == UUID_TEXT - 1);
}

void rand_uuid(char out[UUID_TEXT])
{
    uint8_t id[16];
    rand_bytes(id, sizeof(id));
    uuid_print(id, 4, out);
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    char letter = (char)(c | 0x20);
    assert(letter >= 'a' && letter <= 'f');
    return (unsigned)(letter - 'a') + 10;
}

/* Asserts the form: a namespace is a constant of the program, never input. */
static void uuid_parse(const char *text, uint8_t out[16])
{
    assert(strlen(text) == UUID_TEXT - 1);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            assert(*text == '-');
            text++;
        }
        out[i] = (uint8_t)(hex_value(text[0]) << 4 | hex_value(text[1]));
        text += 2;
    }
}

void rand_uuid5(const char *ns, const char *name, char out[UUID_TEXT])
{
    size_t name_bytes = strlen(name);
    AUTO_FREE uint8_t *input = mem_alloc(16 + name_bytes);
    uuid_parse(ns, input);
    memcpy(input + 16, name, name_bytes);
    uint8_t digest[20];
    rand_sha1(input, 16 + name_bytes, digest);
    uuid_print(digest, 5, out);
}

static uint32_t rotate_left32(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

static void sha1_block(uint32_t h[5], const uint8_t *block)
{
    uint32_t w[80];
    for (size_t t = 0; t < 16; t++) {
        const uint8_t *p = block + 4 * t;
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = rotate_left32(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t a = h[0];
    uint32_t b = h[1];
    uint32_t c = h[2];
    uint32_t d = h[3];
    uint32_t e = h[4];
    for (size_t t = 0; t < 80; t++) {
        uint32_t f = t < 20   ? (b & c) | (~b & d)
                     : t < 40 ? b ^ c ^ d
                     : t < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        static const uint32_t k[] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
        uint32_t next = rotate_left32(a, 5) + f + e + w[t] + k[t / 20];
        e = d;
        d = c;
        c = rotate_left32(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void rand_sha1(const void *bytes, size_t len, uint8_t out[20])
{
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    const uint8_t *in = bytes;
    size_t left = len;
    for (; left >= 64; left -= 64) {
        sha1_block(h, in);
        in += 64;
    }
    /* What is left, a one bit, zeros, and the length in bits end a block or two. */
    uint8_t tail[128] = {0};
    if (left > 0) {
        memcpy(tail, in, left);
    }
    tail[left] = 0x80;
    size_t tail_bytes = left < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)len * 8;
    for (size_t i = 0; i < 8; i++) {
        tail[tail_bytes - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    for (size_t at = 0; at < tail_bytes; at += 64) {
        sha1_block(h, tail + at);
    }
    for (size_t i = 0; i < 20; i++) {
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    }
}
