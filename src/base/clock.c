/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - time as int64_t microseconds
 *
 * The calendar is the proleptic Gregorian one, counted in eras of 400 years
 * that begin on 1 March, so that a leap day is the last day of its year
 * (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (86400 * US_PER_SECOND)
#define DAYS_PER_ERA  146097
#define DAYS_TO_1970  719468 /* from 0000-03-01 */

static int64_t now_us(clockid_t id)
{
    struct timespec now;
    int rc = clock_gettime(id, &now);
    assert(rc == 0);
    return now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static const struct clock_source *replaced;

void clock_replace(const struct clock_source *source)
{
    replaced = source;
}

int64_t clock_mono_us(void)
{
    return UNLIKELY(replaced != NULL) ? replaced->now_us() : now_us(CLOCK_MONOTONIC);
}

int64_t clock_boot_us(void)
{
    return UNLIKELY(replaced != NULL) ? replaced->now_us() : now_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_us(void)
{
    return UNLIKELY(replaced != NULL) ? replaced->now_us() : now_us(CLOCK_REALTIME);
}

int64_t clock_thread_cpu_us(void)
{
    return now_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_process_cpu_us(void)
{
    return now_us(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_sleep_us(int64_t us)
{
    if (us <= 0) {
        return;
    }
    if (replaced != NULL) {
        replaced->sleep_us(us);
        return;
    }
    struct timespec left = {.tv_sec = us / US_PER_SECOND, .tv_nsec = us % US_PER_SECOND * 1000};
    int rc;
    do {
        rc = clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left);
    } while (rc == EINTR);
    assert(rc == 0);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t clock_days_of(int64_t year, unsigned month, unsigned day)
{
    assert(month >= 1 && month <= 12);
    assert(day >= 1 && day <= 31);
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = ((int64_t)month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

void clock_civil_of(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    int64_t era = floor_div(days + DAYS_TO_1970, DAYS_PER_ERA);
    int64_t day_of_era = days + DAYS_TO_1970 - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *ret_day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *ret_month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

/* Writes `value` with exactly `width` digits; the address behind them. */
static char *put_digits(char *at, int width, uint64_t value)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    assert(value == 0);
    return at + width;
}

#define DATE_TEXT_MAX  32
#define STAMP_TEXT_MAX (DATE_TEXT_MAX + 17)

static char *put_date(char *at, int64_t days)
{
    int64_t year;
    unsigned month;
    unsigned day;
    clock_civil_of(days, &year, &month, &day);
    if (year < 0 || year > 9999) {
        *at++ = year < 0 ? '-' : '+';
    }
    uint64_t magnitude = year < 0 ? 0 - (uint64_t)year : (uint64_t)year;
    int width = 4;
    for (uint64_t rest = magnitude / 10000; rest > 0; rest /= 10) {
        width++;
    }
    at = put_digits(at, width, magnitude);
    *at++ = '-';
    at = put_digits(at, 2, month);
    *at++ = '-';
    return put_digits(at, 2, day);
}

static void add_iso(struct buf *out, int64_t wall_us, int fraction_digits)
{
    int64_t days = floor_div(wall_us, US_PER_DAY);
    int64_t rest = wall_us % US_PER_DAY; /* days * US_PER_DAY may be before INT64_MIN */
    uint64_t us = (uint64_t)(rest < 0 ? rest + US_PER_DAY : rest);
    uint64_t second = us / (uint64_t)US_PER_SECOND;
    uint64_t fraction = us % (uint64_t)US_PER_SECOND;
    char text[STAMP_TEXT_MAX];
    char *at = put_date(text, days);
    *at++ = 'T';
    at = put_digits(at, 2, second / 3600);
    *at++ = ':';
    at = put_digits(at, 2, second / 60 % 60);
    *at++ = ':';
    at = put_digits(at, 2, second % 60);
    *at++ = '.';
    at = put_digits(at, fraction_digits, fraction_digits == 3 ? fraction / 1000 : fraction);
    *at++ = 'Z';
    buf_add(out, text, (size_t)(at - text));
}

void clock_add_iso_ms(struct buf *out, int64_t wall_us)
{
    add_iso(out, wall_us, 3);
}

void clock_add_iso_us(struct buf *out, int64_t wall_us)
{
    add_iso(out, wall_us, 6);
}

void clock_add_date(struct buf *out, int64_t days)
{
    char text[DATE_TEXT_MAX];
    char *end = put_date(text, days);
    buf_add(out, text, (size_t)(end - text));
}

/* Cuts exactly `width` digits off *s. */
static bool take_digits(struct str *s, size_t width, unsigned *ret_value)
{
    if (s->len < width) {
        return false;
    }
    unsigned value = 0;
    for (size_t i = 0; i < width; i++) {
        char c = s->ptr[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(c - '0');
    }
    *s = str_skip(*s, width);
    *ret_value = value;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = str_skip(*s, 1);
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(struct str *s, int64_t *ret_days)
{
    unsigned year;
    unsigned month;
    unsigned day;
    if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &month) ||
        !take_char(s, '-') || !take_digits(s, 2, &day)) {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    *ret_days = clock_days_of(year, month, day);
    return true;
}

/* ".123456": at least one digit; those past the sixth are cut. */
static bool take_fraction(struct str *s, int64_t *ret_us)
{
    int64_t us = 0;
    int64_t unit = US_PER_SECOND / 10;
    unsigned digit;
    if (!take_digits(s, 1, &digit)) {
        return false;
    }
    do {
        us += (int64_t)digit * unit;
        unit /= 10;
    } while (take_digits(s, 1, &digit));
    *ret_us = us;
    return true;
}

/* "17:40[:08[.123456]]" */
static bool take_time(struct str *s, int64_t *ret_us)
{
    unsigned hour;
    unsigned minute;
    unsigned second = 0;
    int64_t fraction_us = 0;
    if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute)) {
        return false;
    }
    if (take_char(s, ':')) {
        if (!take_digits(s, 2, &second) || (take_char(s, '.') && !take_fraction(s, &fraction_us))) {
            return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_us = (int64_t)(hour * 3600 + minute * 60 + second) * US_PER_SECOND + fraction_us;
    return true;
}

/* "Z", "+02", "+0200", "+02:00"; at most 18 hours, as in Java. The rest must be nothing else. */
static bool take_zone(struct str *s, int64_t *ret_offset_us)
{
    *ret_offset_us = 0;
    if (take_char(s, 'Z')) {
        return s->len == 0;
    }
    bool west = take_char(s, '-');
    unsigned hours;
    unsigned minutes = 0;
    if ((!west && !take_char(s, '+')) || !take_digits(s, 2, &hours)) {
        return false;
    }
    if (s->len > 0) {
        take_char(s, ':');
        if (!take_digits(s, 2, &minutes) || s->len > 0) {
            return false;
        }
    }
    if (minutes > 59 || hours * 60 + minutes > 18 * 60) {
        return false;
    }
    int64_t offset_us = (int64_t)(hours * 60 + minutes) * 60 * US_PER_SECOND;
    *ret_offset_us = west ? -offset_us : offset_us;
    return true;
}

bool clock_parse_timestamp(struct str s, int64_t *ret_us, bool *ret_has_zone)
{
    int64_t days;
    int64_t time_us = 0;
    int64_t offset_us = 0;
    bool has_zone = false;
    if (!take_date(&s, &days)) {
        return false;
    }
    if (s.len > 0) {
        if ((!take_char(&s, 'T') && !take_char(&s, ' ')) || !take_time(&s, &time_us)) {
            return false;
        }
        has_zone = s.len > 0;
        if (has_zone && !take_zone(&s, &offset_us)) {
            return false;
        }
    }
    *ret_us = days * US_PER_DAY + time_us - offset_us;
    *ret_has_zone = has_zone;
    return true;
}

bool clock_parse_date(struct str s, int32_t *ret_days)
{
    int64_t days;
    if (!take_date(&s, &days) || s.len > 0) {
        return false;
    }
    *ret_days = (int32_t)days;
    return true;
}
