/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str_test - a borrowed string: comparing, cutting, converting
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

static void comparison_is_by_bytes(void **state)
{
    (void)state;
    assert_true(str_eq_c(STR("abc"), "abc"));
    assert_false(str_eq_c(STR("abc"), "abcd"));
    assert_true(str_eq(STR_NULL, STR("")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("a\0")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
}

static void case_is_ignored_for_ascii_only(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("aZ09_"), STR("Az09_")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("["), STR("{")));
    assert_false(str_eq_nocase(STR("Ä"), STR("ä")));
    assert_true(str_eq_nocase_c(STR("SELECT"), "select"));
    assert_true(str_starts_nocase(STR("Interval 5"), STR("INTERVAL")));
    assert_false(str_starts_nocase(STR("inter"), STR("INTERVAL")));
}

static void starts_and_ends_compare_whole_affixes(void **state)
{
    (void)state;
    assert_true(str_starts(STR("a/b"), STR("a/")));
    assert_true(str_starts(STR("a"), STR("")));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("x.parquet"), STR(".parquet")));
    assert_false(str_ends(STR("parquet"), STR(".parquet")));
    assert_true(str_ends(STR_NULL, STR_NULL));
}

static void cutting_stops_at_the_ends(void **state)
{
    (void)state;
    assert_true(str_eq_c(str_trim(STR(" \t\r\n a b \v\f")), "a b"));
    assert_int_equal(str_trim(STR("  ")).len, 0);
    assert_int_equal(str_trim(STR_NULL).len, 0);
    assert_true(str_eq_c(str_skip(STR("abc"), 2), "c"));
    assert_int_equal(str_skip(STR("abc"), 9).len, 0);
    assert_int_equal(str_skip(STR_NULL, 9).len, 0);
    assert_true(str_eq_c(str_head(STR("abc"), 2), "ab"));
    assert_true(str_eq_c(str_head(STR("abc"), 9), "abc"));
}

static void find_gives_the_index_or_minus_one(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("abca"), 'a'), 0);
    assert_int_equal(str_rfind(STR("abca"), 'a'), 3);
    assert_int_equal(str_find(STR("abc"), 'x'), -1);
    assert_int_equal(str_rfind(STR_NULL, 'x'), -1);
    assert_int_equal(str_find_str(STR("aab"), STR("ab")), 1);
    assert_int_equal(str_find_str(STR("aa"), STR("aab")), -1);
    assert_int_equal(str_find_str(STR_NULL, STR("")), 0);
}

static void split_gives_empty_parts_too(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,");
    struct str part;
    static const char *const expected[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_split(&rest, ',', &part));
        assert_true(str_eq_c(part, expected[i]));
    }
    assert_false(str_split(&rest, ',', &part));
    assert_null(rest.ptr);
    rest = STR("");
    assert_true(str_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(str_split(&rest, ',', &part));
}

static void dup_is_terminated(void **state)
{
    (void)state;
    AUTO_FREE char *copy = str_dup(str_head(STR("abc"), 2));
    assert_string_equal(copy, "ab");
    AUTO_FREE char *none = str_dup(STR_NULL);
    assert_string_equal(none, "");
}

static void integers_are_read_to_their_limits(void **state)
{
    (void)state;
    int64_t i = 0;
    uint64_t u = 0;
    assert_true(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(str_to_i64(STR("-0"), &i) && i == 0);
    assert_true(str_to_i64(STR("0000000000000000000000007"), &i) && i == 7);
    assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    i = 42;
    u = 42;
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_false(str_to_i64(STR("-9223372036854775809"), &i));
    assert_false(str_to_i64(STR("99999999999999999999999999"), &i));
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR("18446744073709551620"), &u));
    assert_false(str_to_u64(STR("-1"), &u));
    assert_int_equal(i, 42);
    assert_int_equal(u, 42);
}

static void integers_take_the_whole_string(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "--1", "1_0"};
    int64_t i;
    for (size_t at = 0; at < ARRAY_COUNT(bad); at++) {
        assert_false(str_to_i64(str_of(bad[at]), &i));
    }
    assert_false(str_to_i64(STR("1\0"), &i));
    assert_false(str_to_i64(STR_NULL, &i));
}

static double to_double(const char *text)
{
    double value = 0;
    assert_true(str_to_double(str_of(text), &value));
    return value;
}

static void doubles_are_rounded_correctly(void **state)
{
    (void)state;
    assert_true(to_double("0.1") == 0.1);
    assert_true(to_double("-1.5e3") == -1500.0);
    assert_true(to_double("123456789012345e22") == 123456789012345e22);
    assert_true(to_double("1234567890123456e-22") == 1234567890123456e-22);
    assert_true(to_double("9007199254740993") == 9007199254740992.0);
    assert_true(to_double("2.2250738585072011e-308") == 2.2250738585072011e-308);
    assert_true(to_double("1.7976931348623157e308") == 1.7976931348623157e308);
    assert_true(to_double("4.9e-324") == 4.9e-324);
    assert_true(to_double("1e-400") == 0);
    assert_true(to_double("0e999999999999") == 0);
    assert_true(to_double("5.") == 5);
    assert_true(to_double(".5") == 0.5);
    assert_true(to_double("1E+2") == 100);
    assert_true(signbit(to_double("-0")) != 0);
}

/* What is short is computed, what is long goes to strtod; both must agree with it. */
static void doubles_agree_with_strtod(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 100000; i++) {
        AUTO_FREE char *text =
            mem_printf("%s%" PRIu64 ".%0*" PRIu64 "e%d", rng_below(&rng, 2) ? "-" : "",
                       rng_next(&rng) >> rng_below(&rng, 64), (int)rng_below(&rng, 12) + 1,
                       rng_below(&rng, 100000), (int)rng_below(&rng, 60) - 30);
        double expected = strtod(text, NULL);
        double value = to_double(text);
        assert_memory_equal(&value, &expected, sizeof(value));
    }
}

static void long_numbers_are_no_trouble(void **state)
{
    (void)state;
    enum { DIGITS = 5000 };
    char text[DIGITS + 8];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    memcpy(text + DIGITS, "e-5000", 7);
    assert_true(to_double(text) == 0.1);
    memset(text, '0', sizeof(text));
    memcpy(text, "0.", 2);
    memcpy(text + DIGITS - 1, "1e4998", 7);
    assert_true(to_double(text) == 1);
}

static void doubles_take_the_whole_string(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "-",   ".",   "e5",  "1e",    "1e+",  "+1", " 1", "1 ",    "0x1",    "inf",
        "nan", "1.e", "1,5", "--1", "1e5.0", "-.e1", "1d", "1f", "1e400", "-1e400", "1..2"};
    double value = 7;
    for (size_t at = 0; at < ARRAY_COUNT(bad); at++) {
        assert_false(str_to_double(str_of(bad[at]), &value));
    }
    assert_false(str_to_double(STR_NULL, &value));
    assert_true(value == 7);
}

static void durations_know_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"10 seconds", 10000000},
        {"500ms", 500000},
        {"1 minute", 60000000},
        {"2 hours", 7200000000},
        {"1 day", 86400000000},
        {"interval 5 minutes", 300000000},
        {"INTERVAL 1 Week", 604800000000},
        {" 7us ", 7},
        {"0 seconds", 0},
        {"1m30s", 90000000},
        {"1 hour 5 minutes", 3900000000},
        {"9223372036854775807us", INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        int64_t us = -1;
        assert_true(str_to_duration_us(str_of(good[i].text), &us));
        assert_int_equal(us, good[i].us);
    }
    static const char *const bad[] = {"",
                                      "5",
                                      "seconds",
                                      "-1 s",
                                      "1.5 s",
                                      "5 x",
                                      "interval",
                                      "interval5s",
                                      "1 month",
                                      "5s 6",
                                      "106751992d",
                                      "9223372036854775808us",
                                      "99999999999999999999s",
                                      "5 s, 6 s"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        int64_t us;
        assert_false(str_to_duration_us(str_of(bad[i]), &us));
    }
}

static void sizes_are_powers_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"512", 512},           {"64k", 65536},
        {"8MB", 8388608},       {"1g", 1073741824},
        {"16 MiB", 16777216},   {"0b", 0},
        {"2TB", 2199023255552}, {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        uint64_t bytes = 1;
        assert_true(str_to_bytes(str_of(good[i].text), &bytes));
        assert_true(bytes == good[i].bytes);
    }
    static const char *const bad[] = {"", "k", "-1", "1.5g", "1 x", "1k 2k", "1 2", "16777216t"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        uint64_t bytes;
        assert_false(str_to_bytes(str_of(bad[i]), &bytes));
    }
}

static void booleans_have_eight_words(void **state)
{
    (void)state;
    static const char *const words[] = {"false", "TRUE", "0", "1", "No", "Yes", "off", "oN"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        bool value = i % 2 == 0;
        assert_true(str_to_bool(str_of(words[i]), &value));
        assert_int_equal(value, i % 2);
    }
    bool value;
    assert_false(str_to_bool(STR(""), &value));
    assert_false(str_to_bool(STR("t"), &value));
    assert_false(str_to_bool(STR("true "), &value));
}

/* What a code point at a time would answer, from the definition. */
static size_t slow_prefix(const unsigned char *s, size_t len)
{
    size_t at = 0;
    while (at < len) {
        unsigned c = s[at];
        size_t bytes = c < 0x80 ? 1 : c < 0xC0 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF8 ? 4 : 0;
        if (bytes == 0 || at + bytes > len) {
            break;
        }
        uint32_t point = bytes == 1 ? c : c & (0x7Fu >> bytes);
        for (size_t i = 1; i < bytes; i++) {
            point = (s[at + i] & 0xC0) == 0x80 ? point << 6 | (s[at + i] & 0x3F) : UINT32_MAX >> 8;
            if (point == UINT32_MAX >> 8) {
                return at;
            }
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (point < least[bytes] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
            break;
        }
        at += bytes;
    }
    return at;
}

static void every_sequence_of_lead_bytes_is_judged_by_definition(void **state)
{
    (void)state;
    /* All two-byte heads, with tails at the borders that matter. */
    static const unsigned char tails[] = {0x00, 0x7F, 0x80, 0x8F, 0x90,
                                          0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            for (size_t c = 0; c < ARRAY_COUNT(tails); c++) {
                for (size_t d = 0; d < ARRAY_COUNT(tails); d++) {
                    const unsigned char s[] = {(unsigned char)a, (unsigned char)b, tails[c],
                                               tails[d]};
                    for (size_t len = 1; len <= 4; len++) {
                        struct str text = str_n((const char *)s, len);
                        size_t expected = slow_prefix(s, len);
                        if (str_utf8_prefix(text) != expected ||
                            str_is_utf8(text) != (expected == len)) {
                            fail_msg("%02x %02x %02x %02x, %zu bytes", a, b, tails[c], tails[d],
                                     len);
                        }
                    }
                }
            }
        }
    }
}

static void one_bad_byte_is_found_wherever_it_is(void **state)
{
    (void)state;
    assert_true(str_is_utf8(STR_NULL));
    for (size_t len = 1; len < 130; len++) {
        AUTO_FREE char *exact = mem_alloc(len); /* so that ASan sees a step too far */
        memset(exact, 'a', len);
        assert_true(str_is_utf8(str_n(exact, len)));
        for (size_t at = 0; at < len; at++) {
            exact[at] = (char)0x80;
            assert_int_equal(str_utf8_prefix(str_n(exact, len)), at);
            exact[at] = 'a';
        }
        if (len >= 3) {
            memcpy(exact + len - 3, "€", 3);
            assert_true(str_is_utf8(str_n(exact, len)));
            assert_int_equal(str_utf8_prefix(str_n(exact, len - 1)), len - 3);
        }
    }
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("abc"), STR("abc")), 0);
    assert_int_equal(str_distance(STR("topic"), STR("tpoic")), 2);
    char many[1000];
    memset(many, 'x', sizeof(many));
    assert_int_equal(str_distance(str_n(many, sizeof(many)), STR_NULL), 64);
}

static void hash_depends_on_every_byte_and_the_length(void **state)
{
    (void)state;
    char text[40] = {0};
    for (size_t len = 0; len < sizeof(text); len++) {
        uint64_t hash = str_hash(str_n(text, len));
        assert_true(hash == str_hash(str_n(text, len)));
        assert_true(hash != str_hash(str_n(text, len + 1 < sizeof(text) ? len + 1 : 0)));
        for (size_t at = 0; at < len; at++) {
            text[at] = 1;
            assert_true(hash != str_hash(str_n(text, len)));
            text[at] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparison_is_by_bytes),
        cmocka_unit_test(case_is_ignored_for_ascii_only),
        cmocka_unit_test(starts_and_ends_compare_whole_affixes),
        cmocka_unit_test(cutting_stops_at_the_ends),
        cmocka_unit_test(find_gives_the_index_or_minus_one),
        cmocka_unit_test(split_gives_empty_parts_too),
        cmocka_unit_test(dup_is_terminated),
        cmocka_unit_test(integers_are_read_to_their_limits),
        cmocka_unit_test(integers_take_the_whole_string),
        cmocka_unit_test(doubles_are_rounded_correctly),
        cmocka_unit_test(doubles_agree_with_strtod),
        cmocka_unit_test(long_numbers_are_no_trouble),
        cmocka_unit_test(doubles_take_the_whole_string),
        cmocka_unit_test(durations_know_their_units),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(booleans_have_eight_words),
        cmocka_unit_test(every_sequence_of_lead_bytes_is_judged_by_definition),
        cmocka_unit_test(one_bad_byte_is_found_wherever_it_is),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(hash_depends_on_every_byte_and_the_length),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
