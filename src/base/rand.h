/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/*
 * rand - random numbers
 *
 * rand_bytes and rand_uuid come from the kernel; struct rng is a seeded
 * generator (xoshiro256**) for tests, jitter and generators of data.
 */
struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* 0 … bound-1, bound > 0 */
double rng_double(struct rng *r);                  /* [0, 1) */

void rand_bytes(void *out, size_t len);
/* Simulations are to be repeatable: rand_bytes asks `bytes` (NULL = the kernel again). For tests;
 * before other threads are started. */
void rand_replace(void (*bytes)(void *out, size_t len));
#define UUID_TEXT 37
void rand_uuid(char out[UUID_TEXT]); /* version 4, lower case */
/* Version 5 (RFC 9562) of `name` in the namespace `ns` (text form). */
void rand_uuid5(const char *ns, const char *name, char out[UUID_TEXT]);

/* SHA-1 (RFC 3174), for UUIDv5 only. */
void rand_sha1(const void *bytes, size_t len, uint8_t out[20]);

#endif
