/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_test - time as int64_t microseconds
 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/rand.h"

#define DAY_US INT64_C(86400000000)

static void clocks_go_forward(void **state)
{
    (void)state;
    int64_t mono_us = clock_mono_us();
    int64_t wall_us = clock_wall_us();
    int64_t cpu_us = clock_thread_cpu_us();
    clock_sleep_us(2000);
    clock_sleep_us(0);
    clock_sleep_us(-5);
    assert_true(clock_mono_us() >= mono_us + 2000);
    assert_true(clock_wall_us() > wall_us);
    assert_true(clock_thread_cpu_us() >= cpu_us);
    assert_true(clock_process_cpu_us() >= cpu_us);
    assert_true(wall_us > INT64_C(1700000000) * 1000000); /* it is past 2023 */
}

static void days_are_counted_from_1970(void **state)
{
    (void)state;
    assert_int_equal(clock_days_of(1970, 1, 1), 0);
    assert_int_equal(clock_days_of(1969, 12, 31), -1);
    assert_int_equal(clock_days_of(2000, 2, 29), 11016);
    assert_int_equal(clock_days_of(2000, 3, 1), 11017);
    assert_int_equal(clock_days_of(1900, 3, 1) - clock_days_of(1900, 2, 28), 1);
    assert_int_equal(clock_days_of(1, 1, 1), -719162);
    assert_int_equal(clock_days_of(9999, 12, 31), 2932896);
    assert_int_equal(clock_days_of(0, 3, 1), -719468);
}

static void every_day_of_12000_years_is_its_own(void **state)
{
    (void)state;
    int64_t last_year = -1001;
    unsigned last_month = 12;
    unsigned last_day = 31;
    for (int64_t days = clock_days_of(-1000, 1, 1); days <= clock_days_of(11000, 12, 31); days++) {
        int64_t year;
        unsigned month;
        unsigned day;
        clock_civil_of(days, &year, &month, &day);
        bool follows = (year == last_year && month == last_month && day == last_day + 1) ||
                       (year == last_year && month == last_month + 1 && day == 1) ||
                       (year == last_year + 1 && month == 1 && last_month == 12 && day == 1);
        if (!follows || clock_days_of(year, month, day) != days) {
            fail_msg("day %lld is %lld-%u-%u", (long long)days, (long long)year, month, day);
        }
        last_year = year;
        last_month = month;
        last_day = day;
    }
}

static void calendar_agrees_with_libc(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        time_t seconds = (time_t)rng_below(&rng, UINT64_C(315537897600)) - INT64_C(62135596800);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char expected[64];
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.000Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        AUTO_BUF struct buf text = {0};
        clock_add_iso_ms(&text, (int64_t)seconds * 1000000);
        assert_string_equal(text.ptr, expected);
    }
}

static void assert_iso(int64_t us, const char *ms_text, const char *us_text)
{
    AUTO_BUF struct buf text = {0};
    clock_add_iso_ms(&text, us);
    assert_string_equal(text.ptr, ms_text);
    buf_reset(&text);
    clock_add_iso_us(&text, us);
    assert_string_equal(text.ptr, us_text);
}

static void stamps_are_floored_towards_the_past(void **state)
{
    (void)state;
    assert_iso(0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000Z");
    assert_iso(1999, "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001999Z");
    assert_iso(-1, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999999Z");
    assert_iso(-1001, "1969-12-31T23:59:59.998Z", "1969-12-31T23:59:59.998999Z");
    assert_iso(-DAY_US, "1969-12-31T00:00:00.000Z", "1969-12-31T00:00:00.000000Z");
    assert_iso(clock_days_of(9999, 12, 31) * DAY_US + DAY_US - 1, "9999-12-31T23:59:59.999Z",
               "9999-12-31T23:59:59.999999Z");
}

static void years_beyond_four_digits_have_a_sign(void **state)
{
    (void)state;
    assert_iso(clock_days_of(10000, 1, 1) * DAY_US, "+10000-01-01T00:00:00.000Z",
               "+10000-01-01T00:00:00.000000Z");
    assert_iso(clock_days_of(0, 1, 1) * DAY_US, "0000-01-01T00:00:00.000Z",
               "0000-01-01T00:00:00.000000Z");
    assert_iso(clock_days_of(-1, 12, 31) * DAY_US, "-0001-12-31T00:00:00.000Z",
               "-0001-12-31T00:00:00.000000Z");
    assert_iso(INT64_MAX, "+294247-01-10T04:00:54.775Z", "+294247-01-10T04:00:54.775807Z");
    assert_iso(INT64_MIN, "-290308-12-21T19:59:05.224Z", "-290308-12-21T19:59:05.224192Z");
    AUTO_BUF struct buf text = {0};
    clock_add_date(&text, INT32_MIN);
    assert_string_equal(text.ptr, "-5877641-06-23");
    buf_reset(&text);
    clock_add_date(&text, clock_days_of(2026, 2, 3));
    assert_string_equal(text.ptr, "2026-02-03");
}

static void assert_parses(const char *text, int64_t expected_us, bool expected_zone)
{
    int64_t us;
    bool has_zone;
    if (!clock_parse_timestamp(str_of(text), &us, &has_zone)) {
        fail_msg("%s was refused", text);
    }
    assert_int_equal(us, expected_us);
    assert_int_equal(has_zone, expected_zone);
}

static void timestamps_are_read_in_all_their_forms(void **state)
{
    (void)state;
    int64_t day_us = clock_days_of(2026, 11, 22) * DAY_US;
    int64_t minute_us = day_us + (17 * 60 + 40) * INT64_C(60000000);
    assert_parses("2026-11-22", day_us, false);
    assert_parses("2026-11-22T17:40", minute_us, false);
    assert_parses("2026-11-22 17:40:08", minute_us + 8000000, false);
    assert_parses("2026-11-22T17:40:08.1", minute_us + 8100000, false);
    assert_parses("2026-11-22T17:40:08.123456", minute_us + 8123456, false);
    assert_parses("2026-11-22T17:40:08.123456999", minute_us + 8123456, false);
    assert_parses("2026-11-22T17:40Z", minute_us, true);
    assert_parses("2026-11-22T17:40:08.5Z", minute_us + 8500000, true);
    assert_parses("2026-11-22T17:40+02", minute_us - INT64_C(7200000000), true);
    assert_parses("2026-11-22T17:40-0230", minute_us + INT64_C(9000000000), true);
    assert_parses("2026-11-22T17:40:00+05:45", minute_us - INT64_C(20700000000), true);
    assert_parses("2026-11-22T17:40-00:00", minute_us, true);
    assert_parses("2026-11-22T17:40+18:00", minute_us - INT64_C(64800000000), true);
    assert_parses("1969-12-31T23:59:59.999999Z", -1, true);
    assert_parses("1969-12-31T23:59:59.9999999Z", -1, true);
    assert_parses("0001-01-01T00:00:00Z", clock_days_of(1, 1, 1) * DAY_US, true);
    assert_parses("9999-12-31T23:59:59.999999", clock_days_of(10000, 1, 1) * DAY_US - 1, false);
    assert_parses("2024-02-29", clock_days_of(2024, 2, 29) * DAY_US, false);
    assert_parses("2000-02-29", clock_days_of(2000, 2, 29) * DAY_US, false);
}

static void malformed_timestamps_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11",
        "2026-11-2",
        "2026-1-22",
        "26-11-22",
        "02026-11-22",
        "+2026-11-22",
        "-2026-11-22",
        "2026/11/22",
        "20261122",
        " 2026-11-22",
        "2026-11-22 ",
        "0000-01-01",
        "2026-00-22",
        "2026-13-22",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "1900-02-29",
        "2026-11-22T",
        "2026-11-22T17",
        "2026-11-22T1:40",
        "2026-11-22T17:4",
        "2026-11-22t17:40",
        "2026-11-22  17:40",
        "2026-11-22T17:40:",
        "2026-11-22T17:40:8",
        "2026-11-22T17:40:08.",
        "2026-11-22T17:40:08.Z",
        "2026-11-22T17:40:08,5",
        "2026-11-22T17:40.5",
        "2026-11-22T24:00",
        "2026-11-22T17:60",
        "2026-11-22T17:40:60",
        "2026-11-22T17:40z",
        "2026-11-22T17:40ZZ",
        "2026-11-22T17:40 Z",
        "2026-11-22T17:40+",
        "2026-11-22T17:40+2",
        "2026-11-22T17:40+02:",
        "2026-11-22T17:40+02:0",
        "2026-11-22T17:40+020",
        "2026-11-22T17:40+02:00:00",
        "2026-11-22T17:40+02:60",
        "2026-11-22T17:40+18:01",
        "2026-11-22T17:40+19",
        "2026-11-22Z",
        "2026-11-22+02",
        "2026-11-22T17:40 UTC",
        "2026-11-\xEF\xBC\x92\xEF\xBC\x92",
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        int64_t us = 7;
        bool has_zone;
        if (clock_parse_timestamp(str_of(bad[i]), &us, &has_zone)) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
        assert_int_equal(us, 7);
    }
    int64_t us;
    bool has_zone;
    assert_false(clock_parse_timestamp(STR("2026-11-22\0"), &us, &has_zone));
    assert_false(clock_parse_timestamp(STR_NULL, &us, &has_zone));
}

static void dates_are_ten_characters(void **state)
{
    (void)state;
    int32_t days = 7;
    assert_true(clock_parse_date(STR("1970-01-01"), &days) && days == 0);
    assert_true(clock_parse_date(STR("0001-01-01"), &days) && days == -719162);
    assert_true(clock_parse_date(STR("9999-12-31"), &days) && days == 2932896);
    days = 7;
    assert_false(clock_parse_date(STR("2026-02-29"), &days));
    assert_false(clock_parse_date(STR("2026-11-22T00:00"), &days));
    assert_false(clock_parse_date(STR("2026-11-22 "), &days));
    assert_false(clock_parse_date(STR(""), &days));
    assert_int_equal(days, 7);
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    int64_t first_us = clock_days_of(1, 1, 1) * DAY_US;
    uint64_t span_us = (uint64_t)(clock_days_of(10000, 1, 1) * DAY_US - first_us);
    for (int i = 0; i < 20000; i++) {
        int64_t us = first_us + (int64_t)rng_below(&rng, span_us);
        AUTO_BUF struct buf text = {0};
        clock_add_iso_us(&text, us);
        assert_parses(text.ptr, us, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(days_are_counted_from_1970),
        cmocka_unit_test(every_day_of_12000_years_is_its_own),
        cmocka_unit_test(calendar_agrees_with_libc),
        cmocka_unit_test(stamps_are_floored_towards_the_past),
        cmocka_unit_test(years_beyond_four_digits_have_a_sign),
        cmocka_unit_test(timestamps_are_read_in_all_their_forms),
        cmocka_unit_test(malformed_timestamps_are_refused),
        cmocka_unit_test(dates_are_ten_characters),
        cmocka_unit_test(what_is_printed_reads_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
