/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - a borrowed string: comparing, cutting, converting
 *
 * Every conversion takes the whole string or answers false and writes nothing:
 * no white space around a number, no '+', no octal or hexadecimal.
 */
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/mem.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_of(b));
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool str_eq_nocase_c(struct str a, const char *b)
{
    return str_eq_nocase(a, str_of(b));
}

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_head(s, prefix.len), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_nocase(str_head(s, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s = str_skip(s, 1);
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct str str_skip(struct str s, size_t bytes)
{
    if (bytes == 0) {
        return s; /* keeps NULL + 0 out of the arithmetic */
    }
    size_t skip = bytes < s.len ? bytes : s.len;
    return str_n(skip == 0 ? s.ptr : s.ptr + skip, s.len - skip);
}

struct str str_head(struct str s, size_t bytes)
{
    return str_n(s.ptr, bytes < s.len ? bytes : s.len);
}

ptrdiff_t str_find(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t str_rfind(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);
    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t str_find_str(struct str s, struct str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    const char *at = s.len == 0 ? NULL : memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at == NULL ? -1 : at - s.ptr;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
    if (rest->ptr == NULL) {
        return false;
    }
    ptrdiff_t at = str_find(*rest, sep);
    if (at < 0) {
        *ret_part = *rest;
        *rest = STR_NULL;
    } else {
        *ret_part = str_head(*rest, (size_t)at);
        *rest = str_skip(*rest, (size_t)at + 1);
    }
    return true;
}

char *str_dup(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

bool str_to_u64(struct str s, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    if (s.len == 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude;
    if (!str_to_u64(str_skip(s, negative ? 1 : 0), &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

/* What a scan of decimal floating-point text finds out: ±digits × 10^exponent. */
struct decimal {
    bool negative;
    uint64_t digits;  /* the first 19 significant digits */
    int digit_count;  /* significant digits in all, at most INT_MAX / 2 */
    int64_t exponent; /* of the last digit */
};

/* Scans digits from *at on; false when there are none. */
static bool decimal_digits(struct str s, size_t *at, struct decimal *d, bool after_point)
{
    size_t start = *at;
    for (; *at < s.len && is_digit(s.ptr[*at]); (*at)++) {
        int digit = s.ptr[*at] - '0';
        if (digit != 0 || d->digit_count > 0) {
            if (d->digit_count < 19) {
                d->digits = d->digits * 10 + (uint64_t)digit;
            }
            d->digit_count += d->digit_count < 1000;
        }
        d->exponent -= after_point;
    }
    return *at > start;
}

static bool decimal_scan(struct str s, struct decimal *d)
{
    *d = (struct decimal){.negative = s.len > 0 && s.ptr[0] == '-'};
    size_t at = d->negative;
    bool has_digits = decimal_digits(s, &at, d, false);
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        has_digits |= decimal_digits(s, &at, d, true);
    }
    if (!has_digits) {
        return false;
    }
    if (at < s.len && lower(s.ptr[at]) == 'e') {
        at++;
        bool negative = at < s.len && s.ptr[at] == '-';
        at += at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+');
        if (at == s.len) {
            return false;
        }
        int64_t exponent = 0;
        for (; at < s.len && is_digit(s.ptr[at]); at++) {
            exponent = exponent < 1000000 ? exponent * 10 + (s.ptr[at] - '0') : exponent;
        }
        d->exponent += negative ? -exponent : exponent;
    }
    return at == s.len;
}

static locale_t c_locale;

static void c_locale_init(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c_locale != (locale_t)0);
}

bool str_to_double(struct str s, double *ret_value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    if (!decimal_scan(s, &d)) {
        return false;
    }
    if (d.digit_count <= 15 && d.exponent >= -22 && d.exponent <= 22) {
        /* Both factors are exact, so that one operation rounds correctly (Clinger 1990). */
        double value = (double)d.digits;
        value = d.exponent < 0 ? value / tens[-d.exponent] : value * tens[d.exponent];
        *ret_value = d.negative ? -value : value;
        return true;
    }
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, c_locale_init);
    char small[128];
    AUTO_FREE char *large = NULL;
    char *text = small;
    if (s.len >= sizeof(small)) {
        large = mem_alloc(s.len + 1);
        text = large;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    char *end;
    double value = strtod_l(text, &end, c_locale);
    assert(end == text + s.len);
    if (__builtin_isinf(value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Cuts digits, white space and letters off *rest: one number with its unit. */
static bool take_quantity(struct str *rest, const struct unit *units, size_t unit_count,
                          uint64_t *ret_value)
{
    size_t digits = 0;
    while (digits < rest->len && is_digit(rest->ptr[digits])) {
        digits++;
    }
    uint64_t number;
    if (!str_to_u64(str_head(*rest, digits), &number)) {
        return false;
    }
    *rest = str_trim(str_skip(*rest, digits));
    size_t letters = 0;
    while (letters < rest->len && !is_digit(rest->ptr[letters]) && !is_space(rest->ptr[letters])) {
        letters++;
    }
    struct str name = str_head(*rest, letters);
    *rest = str_trim(str_skip(*rest, letters));
    for (size_t i = 0; i < unit_count; i++) {
        if (str_eq_nocase_c(name, units[i].name)) {
            return !__builtin_mul_overflow(number, units[i].factor, ret_value);
        }
    }
    return false;
}

#define US_PER_SECOND UINT64_C(1000000)

bool str_to_duration_us(struct str s, int64_t *ret_us)
{
    static const struct unit units[] = {
        {"us", 1},
        {"microsecond", 1},
        {"microseconds", 1},
        {"ms", 1000},
        {"millisecond", 1000},
        {"milliseconds", 1000},
        {"s", US_PER_SECOND},
        {"sec", US_PER_SECOND},
        {"secs", US_PER_SECOND},
        {"second", US_PER_SECOND},
        {"seconds", US_PER_SECOND},
        {"m", 60 * US_PER_SECOND},
        {"min", 60 * US_PER_SECOND},
        {"mins", 60 * US_PER_SECOND},
        {"minute", 60 * US_PER_SECOND},
        {"minutes", 60 * US_PER_SECOND},
        {"h", 3600 * US_PER_SECOND},
        {"hour", 3600 * US_PER_SECOND},
        {"hours", 3600 * US_PER_SECOND},
        {"d", 86400 * US_PER_SECOND},
        {"day", 86400 * US_PER_SECOND},
        {"days", 86400 * US_PER_SECOND},
        {"w", 7 * 86400 * US_PER_SECOND},
        {"week", 7 * 86400 * US_PER_SECOND},
        {"weeks", 7 * 86400 * US_PER_SECOND},
    };
    struct str rest = str_trim(s);
    if (str_starts_nocase(rest, STR("interval")) && rest.len > 8 && is_space(rest.ptr[8])) {
        rest = str_trim(str_skip(rest, 8));
    }
    uint64_t total = 0;
    do {
        uint64_t part;
        if (!take_quantity(&rest, units, ARRAY_COUNT(units), &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return false;
        }
    } while (rest.len > 0);
    if (total > INT64_MAX) {
        return false;
    }
    *ret_us = (int64_t)total;
    return true;
}

bool str_to_bytes(struct str s, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", UINT64_C(1) << 10},
        {"kb", UINT64_C(1) << 10},
        {"kib", UINT64_C(1) << 10},
        {"m", UINT64_C(1) << 20},
        {"mb", UINT64_C(1) << 20},
        {"mib", UINT64_C(1) << 20},
        {"g", UINT64_C(1) << 30},
        {"gb", UINT64_C(1) << 30},
        {"gib", UINT64_C(1) << 30},
        {"t", UINT64_C(1) << 40},
        {"tb", UINT64_C(1) << 40},
        {"tib", UINT64_C(1) << 40},
    };
    struct str rest = str_trim(s);
    uint64_t bytes;
    if (!take_quantity(&rest, units, ARRAY_COUNT(units), &bytes) || rest.len > 0) {
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

bool str_to_bool(struct str s, bool *ret_value)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < ARRAY_COUNT(yes); i++) {
        if (str_eq_nocase_c(s, yes[i])) {
            *ret_value = true;
            return true;
        }
        if (str_eq_nocase_c(s, no[i])) {
            *ret_value = false;
            return true;
        }
    }
    return false;
}

/* Length of the ASCII run at the start, in steps of eight bytes, then one by one. */
static size_t ascii_run(const char *at, size_t len)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; len - i >= 32; i += 32) {
        uint64_t word[4];
        memcpy(word, at + i, sizeof(word));
        if (((word[0] | word[1] | word[2] | word[3]) & high_bits) != 0) {
            break;
        }
    }
    for (; len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, sizeof(word));
        if ((word & high_bits) != 0) {
            break;
        }
    }
    while (i < len && (unsigned char)at[i] < 0x80) {
        i++;
    }
    return i;
}

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed character of two to four bytes at `at` (Unicode, table 3-7), or 0. */
static size_t multibyte(const unsigned char *at, size_t len)
{
    unsigned char lead = at[0];
    if (lead < 0xC2 || lead > 0xF4 || len < 2) {
        return 0;
    }
    if (lead < 0xE0) {
        return is_tail(at[1]) ? 2 : 0;
    }
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most || len < 3 || !is_tail(at[2])) {
        return 0;
    }
    if (lead < 0xF0) {
        return 3;
    }
    return len >= 4 && is_tail(at[3]) ? 4 : 0;
}

size_t str_utf8_prefix(struct str s)
{
    size_t at = 0;
    while (at < s.len) {
        if ((unsigned char)s.ptr[at] < 0x80) {
            at += ascii_run(s.ptr + at, s.len - at);
            continue;
        }
        size_t bytes = multibyte((const unsigned char *)s.ptr + at, s.len - at);
        if (bytes == 0) {
            break;
        }
        at += bytes;
    }
    return at;
}

bool str_is_utf8(struct str s)
{
    return str_utf8_prefix(s) == s.len;
}

#define DISTANCE_MAX 64

size_t str_distance(struct str a, struct str b)
{
    a = str_head(a, DISTANCE_MAX);
    b = str_head(b, DISTANCE_MAX);
    size_t row[DISTANCE_MAX + 1]; /* distances of a[0..i) to every start of b */
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t best = diagonal + (a.ptr[i] != b.ptr[j]);
            best = best < row[j] + 1 ? best : row[j] + 1;
            best = best < row[j + 1] + 1 ? best : row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[b.len];
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t str_hash(struct str s)
{
    const uint64_t odd1 = UINT64_C(0x9E3779B97F4A7C15);
    const uint64_t odd2 = UINT64_C(0xD6E8FEB86659FD93);
    uint64_t hash = mix(s.len ^ odd1, odd2);
    size_t at = 0;
    for (; s.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, s.ptr + at, sizeof(word));
        hash = mix(hash ^ word, odd1);
    }
    if (at < s.len) {
        uint64_t word = 0;
        memcpy(&word, s.ptr + at, s.len - at);
        hash = mix(hash ^ word, odd2);
    }
    return mix(hash ^ odd2, odd1);
}
