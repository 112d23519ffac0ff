/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/*
 * str - a borrowed string: pointer and length, any bytes, no terminator
 *
 * Passed by value, owns nothing; valid as long as what it points into.
 */
struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NULL     ((struct str){NULL, 0})

/* For printf: "%.*s", STR_FMT(s) */
#define STR_FMT(s) (int)(s).len, (s).ptr

static inline struct str str_of(const char *s)
{
    return (struct str){s, s == NULL ? 0 : strlen(s)};
}

static inline struct str str_n(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_c(struct str a, const char *b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only */
bool str_eq_nocase_c(struct str a, const char *b);
int str_cmp(struct str a, struct str b); /* bytewise; shorter first on a tie */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* ASCII white space off both ends */
struct str str_skip(struct str s, size_t bytes);
struct str str_head(struct str s, size_t bytes);

/* Index of the first `c` or of `needle`; -1 = not there. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
ptrdiff_t str_find_str(struct str s, struct str needle);

/* Cuts the part before the first `sep` off *rest into *ret_part; false when *rest was used up.
 * Like strsep: "a,,b" gives "a", "", "b". Start with *rest = the string; it ends as STR_NULL. */
bool str_split(struct str *rest, char sep, struct str *ret_part);

/* A heap copy with a terminator; free with mem_free. */
char *str_dup(struct str s);

/* Whole string as a decimal integer; false on anything else or overflow. */
bool str_to_i64(struct str s, int64_t *ret_value);
bool str_to_u64(struct str s, uint64_t *ret_value);
bool str_to_double(struct str s, double *ret_value); /* C locale, whole string */
/* "10 seconds", "500ms", "1 minute", "2 hours", "1 day", "interval 5 minutes" -> µs. */
bool str_to_duration_us(struct str s, int64_t *ret_us);
/* "512", "64k", "8MB", "1g", "16 MiB" (powers of 1024) -> bytes. */
bool str_to_bytes(struct str s, uint64_t *ret_bytes);
/* "true" "false" "1" "0" "yes" "no" "on" "off", any case. */
bool str_to_bool(struct str s, bool *ret_value);

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). Fast on ASCII. */
bool str_is_utf8(struct str s);
/* Bytes of the longest well-formed start of `s`. */
size_t str_utf8_prefix(struct str s);

/* Levenshtein distance, capped at 64 characters a side; for "did you mean". */
size_t str_distance(struct str a, struct str b);

/* Hash for hash tables in memory (not stable across versions, not for adversaries). */
uint64_t str_hash(struct str s);

#endif
