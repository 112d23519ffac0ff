/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ages_test - no message is lost, however many packets there are
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/ages.h"

static struct histogram_copy read_at(const struct ages *a, int64_t now_us)
{
    struct histogram h = {0};
    struct histogram_copy copy;
    ages_observe(a, now_us, &h);
    histogram_read(&h, &copy);
    return copy;
}

static void each_packet_is_as_old_as_it_is(void **state)
{
    (void)state;
    struct ages a = {0};
    ages_add(&a, 1000000, 10);
    ages_add(&a, 5000000, 3);
    struct histogram_copy copy = read_at(&a, 6000000);
    assert_int_equal(copy.count, 13);
    assert_int_equal(copy.at_most[10], 3);  /* 1 s */
    assert_int_equal(copy.at_most[13], 13); /* 8 s */
    assert_true(copy.sum == 53.0);
}

static void packets_of_one_moment_share_an_entry(void **state)
{
    (void)state;
    struct ages a = {0};
    ages_add(&a, 1000, 1);
    ages_add(&a, 1900, 2);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.items[0].mean_us, 1600);
    assert_int_equal(a.items[0].messages, 3);
}

static void many_packets_keep_count_and_sum(void **state)
{
    (void)state;
    struct ages a = {0};
    const int packets = 100000;
    for (int i = 0; i < packets; i++) {
        ages_add(&a, (int64_t)i * 10000, 7);
    }
    assert_true(a.count <= AGES_MAX);
    struct histogram_copy copy = read_at(&a, (int64_t)packets * 10000);
    assert_int_equal(copy.count, 7 * packets);
    double expected = 7 * 0.01 * (double)packets * (double)(packets + 1) / 2;
    assert_true(copy.sum > expected * 0.9999 && copy.sum < expected * 1.0001);
}

static void nothing_is_not_an_entry(void **state)
{
    (void)state;
    struct ages a = {0};
    ages_add(&a, 5, 0);
    assert_int_equal(a.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_is_as_old_as_it_is),
        cmocka_unit_test(packets_of_one_moment_share_an_entry),
        cmocka_unit_test(many_packets_keep_count_and_sum),
        cmocka_unit_test(nothing_is_not_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
