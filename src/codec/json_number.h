/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_NUMBER_H
#define CODEC_JSON_NUMBER_H

#include "codec/json_plan.h"
#include "codec/json_scan.h"

/*
 * json_number - numbers of a message, exactly
 */
struct codec_json_number {
    struct str text;    /* the token */
    uint64_t mantissa;  /* all its digits as one integer; only meaningful when digit_count <= 19 */
    size_t digit_count; /* before and behind the point; an integer part of "0" counts none */
    int64_t point;      /* the value is mantissa * 10^point */
    bool is_negative;
    bool is_integer; /* no point, no exponent: "1" but not "1.0" or "1e2" */
};

/* Reads the number at p; returns the position behind it, NULL = syntax, the message is bad. */
const char *codec_json_number_scan(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, struct codec_json_number *ret_number);

/* The same for a text outside JSON, by Java's rules: "+1", ".5", "5.", "007", "1e3" and nothing
 * around it; false when it is no number. */
bool codec_json_number_text(struct str text, struct codec_json_number *ret_number);

/* The nearest double or float, ties to even; false when it would be infinite. */
bool codec_json_number_double(struct codec_json *j, const struct codec_json_number *n,
                              double *ret_value);
bool codec_json_number_float(struct codec_json *j, const struct codec_json_number *n,
                             float *ret_value);

enum codec_json_fit { CODEC_JSON_FITS, CODEC_JSON_OUT_OF_RANGE, CODEC_JSON_NO_NUMBER };
enum codec_json_rounding { CODEC_JSON_HALF_UP, CODEC_JSON_FLOOR };

/*
 * `text` times 10^scale as an integer of at most `precision` digits (<= 38), in exact decimal
 * arithmetic.  Takes what Java's BigDecimal takes: "-1.5", "+1.", ".5", "1e-3", "007".
 */
enum codec_json_fit codec_json_number_decimal(struct str text, int precision, int scale,
                                              enum codec_json_rounding rounding,
                                              __int128 *ret_value);
/* The same for a scanned number: short ones need no second look at the text. */
enum codec_json_fit codec_json_number_scaled(const struct codec_json_number *n, int precision,
                                             int scale, enum codec_json_rounding rounding,
                                             __int128 *ret_value);

extern const uint64_t codec_json_number_powers[20]; /* 10^0 … 10^19 */

/* The value of eight ASCII digits less '0', the first in the lowest byte. */
static inline uint64_t number_eight_digits(uint64_t w)
{
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    w = w * 10 + (w >> 8);
    return (((w & mask) * UINT64_C(0x000f424000000064)) +
            (((w >> 16) & mask) * UINT64_C(0x0000271000000001))) >>
           32;
}

/* Appends the digits at p to *value, modulo 2^64; returns the position behind them. */
static inline __attribute__((always_inline)) const char *
number_digits(const char *p, const char *end, uint64_t *value)
{
    while (LIKELY(end - p >= 8)) {
        uint64_t w = scan_load64(p) ^ UINT64_C(0x3030303030303030);
        /* The lowest top bit set is that of the first byte > 9; carries only go upwards. */
        uint64_t other = ((w + UINT64_C(0x7676767676767676)) | w) & UINT64_C(0x8080808080808080);
        if (other == 0) {
            *value = *value * 100000000 + number_eight_digits(w);
            p += 8;
            continue;
        }
        unsigned bits = (unsigned)__builtin_ctzll(other) & ~7u;
        if (bits > 0) {
            *value =
                *value * codec_json_number_powers[bits / 8] + number_eight_digits(w << (64 - bits));
        }
        return p + bits / 8;
    }
    for (; p < end && scan_is_digit(*p); p++) {
        *value = *value * 10 + (uint64_t)(*p - '0');
    }
    return p;
}

/*
 * The usual integer: at most 18 digits, no point, no exponent, no leading zero.  Returns the
 * position behind it, NULL when it is anything else (then look again with number_scan).
 */
static inline __attribute__((always_inline)) const char *
number_short_integer(const char *p, const char *end, int64_t *ret_value)
{
    bool is_negative = *p == '-';
    const char *first = p + is_negative;
    uint64_t value = 0;
    const char *behind = number_digits(first, end, &value);
    size_t count = (size_t)(behind - first);
    if (UNLIKELY(count - 1 >= 18 || (*first == '0' && count > 1) || *behind == '.' ||
                 (*behind | 0x20) == 'e')) {
        return NULL;
    }
    *ret_value = is_negative ? -(int64_t)value : (int64_t)value;
    return behind;
}

#endif
