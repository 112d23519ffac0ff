/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/thrift.h"

/* One field of every type, ids 1, 2, … and then 40 in the long form. */
static const char every_type[] = "\x11"         /* true */
                                 "\x12"         /* false */
                                 "\x13\xFE"     /* byte -2 */
                                 "\x14\x03"     /* i16 -2 */
                                 "\x15\x80\x01" /* i32 64 */
                                 "\x16\x01"     /* i64 -1 */
                                 "\x17"
                                 "12345678" /* double */
                                 "\x18\x02"
                                 "hi"               /* binary */
                                 "\x19\x25\x02\x04" /* list of i32: 1, 2 */
                                 "\x1A\x11\x01"     /* set of bool */
                                 "\x1B\x01\x85\x01"
                                 "k\x06"            /* map of binary to i32 */
                                 "\x1C\x15\x02\x00" /* struct {1: 1} */
                                 "\x06\x50\x0E"     /* id 40, i64 7 */
                                 "\x00";

static void every_type_is_skipped_as_long_as_it_is(void **state)
{
    (void)state;
    struct thrift t;
    struct thrift_struct s = {0};
    int ids = 0;
    sql_thrift_init(&t, str_n(every_type, sizeof(every_type) - 1));
    while (sql_thrift_field(&t, &s)) {
        ids++;
        assert_int_equal(ids <= 12 ? ids : 40, s.id);
        sql_thrift_skip(&t, &s);
    }
    assert_false(t.bad);
    assert_int_equal(13, ids);
    assert_true(t.at == t.end);
}

static void values_are_read_by_their_types(void **state)
{
    (void)state;
    struct thrift t;
    struct thrift_struct s = {0};
    struct str text = STR("");
    int64_t sum = 0;
    int trues = 0;
    size_t elements = 0;
    sql_thrift_init(&t, str_n(every_type, sizeof(every_type) - 1));
    while (sql_thrift_field(&t, &s)) {
        switch (s.id) {
        case 1:
        case 2:
            trues += sql_thrift_bool(&t, &s) ? 1 : 0;
            break;
        case 3:
        case 4:
        case 5:
        case 6:
        case 40:
            sum = sum * 100 + sql_thrift_i64(&t, &s);
            break;
        case 8:
            text = sql_thrift_text(&t, &s);
            break;
        case 9:
            elements = sql_thrift_list(&t, &s, THRIFT_I32);
            t.at += elements;
            break;
        default:
            sql_thrift_skip(&t, &s);
        }
    }
    assert_false(t.bad);
    assert_int_equal(1, trues);
    assert_int_equal((((-2LL * 100 - 2) * 100 + 64) * 100 - 1) * 100 + 7, sum);
    assert_true(str_eq_c(text, "hi"));
    assert_int_equal(2, elements);
}

static void a_value_of_another_type_is_bad(void **state)
{
    (void)state;
    struct thrift t;
    struct thrift_struct s = {0};
    sql_thrift_init(&t, STR("\x18\x02hi"));
    assert_true(sql_thrift_field(&t, &s));
    assert_int_equal(0, sql_thrift_i64(&t, &s));
    assert_true(t.bad);
    assert_false(sql_thrift_field(&t, &s));
}

static void lengths_beyond_the_end_are_bad(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR("\x18\x7Fhi"),
        STR("\x19\xF5\xFF\xFF\xFF\xFF\x0F"),
        STR("\x1B\xFF\xFF\xFF\x0F\x55\x02"),
        STR("\x16\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
        STR("\x17"
            "1234"),
        STR("\x1D"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct thrift t;
        struct thrift_struct s = {0};
        sql_thrift_init(&t, cases[i]);
        if (sql_thrift_field(&t, &s)) {
            sql_thrift_skip(&t, &s);
        }
        assert_true(t.bad);
    }
}

static void thrift_that_nests_without_end_is_bad(void **state)
{
    (void)state;
    char bytes[4096];
    struct thrift t;
    struct thrift_struct s = {0};
    memset(bytes, 0x1C, sizeof(bytes)); /* field 1, struct */
    sql_thrift_init(&t, str_n(bytes, sizeof(bytes)));
    assert_true(sql_thrift_field(&t, &s));
    sql_thrift_skip(&t, &s);
    assert_true(t.bad);
    assert_false(sql_thrift_field(&t, &s));
}

static void numbers_print_as_they_are_read(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, -1, 63, -64, 64, 300, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        AUTO_BUF struct buf out = {0};
        struct thrift t;
        struct thrift_struct s = {.type = THRIFT_I64};
        sql_thrift_add_i64(&out, values[i]);
        sql_thrift_init(&t, buf_str(&out));
        assert_true(sql_thrift_i64(&t, &s) == values[i]);
        assert_true(!t.bad && t.at == t.end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_skipped_as_long_as_it_is),
        cmocka_unit_test(values_are_read_by_their_types),
        cmocka_unit_test(a_value_of_another_type_is_bad),
        cmocka_unit_test(lengths_beyond_the_end_are_bad),
        cmocka_unit_test(thrift_that_nests_without_end_is_bad),
        cmocka_unit_test(numbers_print_as_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
