/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_number - numbers of a message, exactly
 *
 * Doubles are rounded once, to nearest, ties to even, whatever their length:
 *   - at most 53 bits of digits and a power of ten up to 22: both are doubles, one operation
 *     rounds once (Clinger);
 *   - at most 19 digits and a power up to 19: an exact product or quotient of 64-bit integers
 *     in 128 bits, rounded once with what is left over;
 *   - all else: strtod_l on a copy, which glibc rounds correctly at any length.
 * Decimals never see a double.
 */
#include "codec/json_number.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "codec/json_fault.h"

const uint64_t codec_json_number_powers[20] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

static const double double_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* An exponent beyond this is beyond anything; texts are shorter than 2^32. */
#define EXPONENT_MAX INT64_C(100000000000)

/* The digits of an exponent, saturating; *p moves behind them. */
static int64_t read_exponent(const char **p, const char *end)
{
    bool is_negative = *p < end && **p == '-';
    if (*p < end && (**p == '-' || **p == '+')) {
        (*p)++;
    }
    int64_t value = 0;
    for (; *p < end && scan_is_digit(**p); (*p)++) {
        if (value < EXPONENT_MAX) {
            value = value * 10 + (**p - '0');
        }
    }
    return is_negative ? -value : value;
}

const char *codec_json_number_scan(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, struct codec_json_number *ret_number)
{
    struct codec_json_number n = {.is_negative = *p == '-', .is_integer = true};
    const char *at = p + n.is_negative;
    if (!scan_is_digit(*at)) {
        return codec_json_fault_bad(j, node, p, "syntax", "not a JSON value");
    }
    if (*at == '0') {
        at++;
        if (scan_is_digit(*at)) {
            return codec_json_fault_bad(j, node, p, "syntax", "a number with a leading zero");
        }
    } else {
        const char *first = at;
        at = number_digits(at, j->end, &n.mantissa);
        n.digit_count = (size_t)(at - first);
    }
    if (*at == '.') {
        const char *first = ++at;
        at = number_digits(at, j->end, &n.mantissa);
        if (at == first) {
            return codec_json_fault_bad(j, node, p, "syntax", "a number that ends in a point");
        }
        n.digit_count += (size_t)(at - first);
        n.point = -(int64_t)(at - first);
        n.is_integer = false;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        const char *digit = at + (*at == '-' || *at == '+');
        if (!scan_is_digit(*digit)) {
            return codec_json_fault_bad(j, node, p, "syntax", "an exponent without digits");
        }
        n.point += read_exponent(&at, j->end);
        n.is_integer = false;
    }
    n.text = str_n(p, (size_t)(at - p));
    *ret_number = n;
    return at;
}

bool codec_json_number_text(struct str text, struct codec_json_number *ret_number)
{
    struct codec_json_number n = {.text = text, .is_integer = true};
    const char *at = text.ptr;
    const char *end = at + text.len;
    if (at < end && (*at == '-' || *at == '+')) {
        n.is_negative = *at++ == '-';
    }
    const char *digits = at;
    while (at < end && *at == '0') {
        at++;
    }
    const char *first = at;
    at = number_digits(at, end, &n.mantissa);
    n.digit_count = (size_t)(at - first);
    size_t written = (size_t)(at - digits);
    if (at < end && *at == '.') {
        first = ++at;
        at = number_digits(at, end, &n.mantissa);
        n.digit_count += (size_t)(at - first);
        n.point = -(int64_t)(at - first);
        written += (size_t)(at - first);
        n.is_integer = false;
    }
    if (written > 0 && at < end && (*at | 0x20) == 'e') {
        at++;
        if (!scan_is_digit(end[-1])) {
            return false; /* "1e", "1e+" */
        }
        n.point += read_exponent(&at, end);
        n.is_integer = false;
    }
    *ret_number = n;
    return written > 0 && at == end;
}

/* A terminated copy of a number's text: in `stack` when it is short, else *ret_heap. */
static const char *terminated(struct str text, char *stack, size_t stack_bytes, char **ret_heap)
{
    char *copy = stack;
    if (text.len >= stack_bytes) {
        copy = mem_alloc(text.len + 1);
        *ret_heap = copy;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool double_slow(struct codec_json *j, const struct codec_json_number *n, double *ret_value)
{
    char stack[64];
    AUTO_FREE char *heap = NULL;
    const char *text = terminated(n->text, stack, sizeof(stack), &heap);
    double value = strtod_l(text, NULL, (locale_t)j->locale);
    if (isinf(value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* (high + something in [0, 1), not 0 when `is_inexact`) * 2^exponent, to nearest, ties to even.
 * The result must be a normal number; high is not 0. */
static double round_to_double(uint64_t high, int exponent, bool is_inexact)
{
    int zeros = __builtin_clzll(high);
    high <<= zeros;
    uint64_t kept = high >> 11;
    uint64_t cut = high & 0x7ff;
    kept += cut > 0x400 || (cut == 0x400 && (is_inexact || (kept & 1) != 0));
    /* When rounding made it 2^53, the carry goes into the exponent, as it should. */
    int biased = exponent - zeros + 11 + 1075;
    uint64_t bits = ((uint64_t)biased << 52) + (kept - (UINT64_C(1) << 52));
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* mantissa * 10^point for |point| <= 19 and mantissa > 0. */
static double double_exact(uint64_t mantissa, int64_t point)
{
    if (point >= 0) {
        unsigned __int128 product = (unsigned __int128)mantissa * codec_json_number_powers[point];
        uint64_t high = (uint64_t)(product >> 64);
        if (high == 0) {
            return round_to_double((uint64_t)product, 0, false);
        }
        int zeros = __builtin_clzll(high);
        product <<= zeros;
        return round_to_double((uint64_t)(product >> 64), 64 - zeros, (uint64_t)product != 0);
    }
    /* Both with their top bit set, so that the quotient has 63 or 64 bits. */
    uint64_t divisor = codec_json_number_powers[-point];
    int mantissa_zeros = __builtin_clzll(mantissa);
    int divisor_zeros = __builtin_clzll(divisor);
    divisor <<= divisor_zeros;
    unsigned __int128 dividend = (unsigned __int128)(mantissa << mantissa_zeros) << 63;
    uint64_t quotient = (uint64_t)(dividend / divisor);
    bool is_inexact = (unsigned __int128)quotient * divisor != dividend;
    return round_to_double(quotient, divisor_zeros - mantissa_zeros - 63, is_inexact);
}

bool codec_json_number_double(struct codec_json *j, const struct codec_json_number *n,
                              double *ret_value)
{
    double value;
    if (UNLIKELY(n->digit_count > 19)) {
        return double_slow(j, n, ret_value);
    }
    if (LIKELY(n->mantissa <= UINT64_C(1) << 53 && n->point >= -22 && n->point <= 22)) {
        value = (double)n->mantissa;
        value = n->point < 0 ? value / double_powers[-n->point] : value * double_powers[n->point];
    } else if (n->mantissa == 0) {
        value = 0;
    } else if (n->point >= -19 && n->point <= 19) {
        value = double_exact(n->mantissa, n->point);
    } else {
        return double_slow(j, n, ret_value);
    }
    *ret_value = n->is_negative ? -value : value;
    return true;
}

bool codec_json_number_float(struct codec_json *j, const struct codec_json_number *n,
                             float *ret_value)
{
    double value;
    if (!codec_json_number_double(j, n, &value)) {
        return false;
    }
    /* Rounding twice goes wrong only when the first rounding ended in a tie of the second, and
     * below the smallest normal float the tie's bits are elsewhere. */
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const uint64_t cut = (UINT64_C(1) << (DBL_MANT_DIG - FLT_MANT_DIG)) - 1;
    float result = (float)value;
    if ((bits & cut) == (cut >> 1) + 1 || (value != 0 && fabs(value) < 2 * (double)FLT_MIN)) {
        char stack[64];
        AUTO_FREE char *heap = NULL;
        const char *text = terminated(n->text, stack, sizeof(stack), &heap);
        result = strtof_l(text, NULL, (locale_t)j->locale);
    }
    if (isinf(result)) {
        return false;
    }
    *ret_value = result;
    return true;
}

/* Digits of `text` at each side of its point, and its exponent. */
struct decimal_parts {
    struct str before;
    struct str behind;
    int64_t exponent;
    bool is_negative;
};

static bool decimal_split(struct str text, struct decimal_parts *ret_parts)
{
    struct decimal_parts d = {0};
    const char *p = text.ptr;
    const char *end = p + text.len;
    if (p < end && (*p == '-' || *p == '+')) {
        d.is_negative = *p++ == '-';
    }
    const char *first = p;
    while (p < end && scan_is_digit(*p)) {
        p++;
    }
    d.before = str_n(first, (size_t)(p - first));
    if (p < end && *p == '.') {
        first = ++p;
        while (p < end && scan_is_digit(*p)) {
            p++;
        }
        d.behind = str_n(first, (size_t)(p - first));
    }
    if (d.before.len + d.behind.len == 0) {
        return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        const char *digit = p < end && (*p == '-' || *p == '+') ? p + 1 : p;
        if (digit >= end) {
            return false;
        }
        d.exponent = read_exponent(&p, end);
        if (!scan_is_digit(end[-1])) {
            return false;
        }
    }
    *ret_parts = d;
    return p == end;
}

static unsigned digit_at(const struct decimal_parts *d, size_t i)
{
    return i < d->before.len ? (unsigned)(d->before.ptr[i] - '0')
                             : (unsigned)(d->behind.ptr[i - d->before.len] - '0');
}

/* Whether what is cut off, the digits from `kept` on, adds one to the magnitude. */
static bool rounds_up(const struct decimal_parts *d, int64_t kept, size_t count,
                      enum codec_json_rounding rounding)
{
    if (kept >= (int64_t)count) {
        return false;
    }
    if (rounding == CODEC_JSON_HALF_UP) {
        return kept >= 0 && digit_at(d, (size_t)kept) >= 5;
    }
    if (!d->is_negative) {
        return false;
    }
    for (size_t i = kept < 0 ? 0 : (size_t)kept; i < count; i++) {
        if (digit_at(d, i) != 0) {
            return true;
        }
    }
    return false;
}

static unsigned __int128 power_of_ten(int exponent)
{
    assert(exponent >= 0 && exponent <= 38);
    return exponent <= 19 ? (unsigned __int128)codec_json_number_powers[exponent]
                          : (unsigned __int128)codec_json_number_powers[19] *
                                codec_json_number_powers[exponent - 19];
}

enum codec_json_fit codec_json_number_decimal(struct str text, int precision, int scale,
                                              enum codec_json_rounding rounding,
                                              __int128 *ret_value)
{
    struct decimal_parts d;
    if (!decimal_split(text, &d)) {
        return CODEC_JSON_NO_NUMBER;
    }
    size_t count = d.before.len + d.behind.len;
    int64_t kept = (int64_t)d.before.len + d.exponent + scale; /* digits that stay */
    unsigned __int128 value = 0;
    int significant = 0;
    for (int64_t i = 0; i < kept; i++) {
        if (i >= (int64_t)count && value == 0) {
            break;
        }
        value = value * 10 + (i < (int64_t)count ? digit_at(&d, (size_t)i) : 0);
        significant += value != 0;
        if (significant > precision) {
            return CODEC_JSON_OUT_OF_RANGE;
        }
    }
    value += rounds_up(&d, kept, count, rounding);
    if (value >= power_of_ten(precision)) {
        return CODEC_JSON_OUT_OF_RANGE;
    }
    *ret_value = d.is_negative ? -(__int128)value : (__int128)value;
    return CODEC_JSON_FITS;
}

enum codec_json_fit codec_json_number_scaled(const struct codec_json_number *n, int precision,
                                             int scale, enum codec_json_rounding rounding,
                                             __int128 *ret_value)
{
    int64_t shift = n->point + scale;
    if (n->digit_count > 19 || shift < 0 || shift > 19) {
        return codec_json_number_decimal(n->text, precision, scale, rounding, ret_value);
    }
    unsigned __int128 value = (unsigned __int128)n->mantissa * codec_json_number_powers[shift];
    if (value >= power_of_ten(precision)) {
        return CODEC_JSON_OUT_OF_RANGE;
    }
    *ret_value = n->is_negative ? -(__int128)value : (__int128)value;
    return CODEC_JSON_FITS;
}
