/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_test - bounds, cumulative counts, and many threads at once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/thread.h"

static void a_bound_is_a_power_of_two(void **state)
{
    (void)state;
    assert_true(histogram_bound(0) == 1.0 / 1024);
    assert_true(histogram_bound(10) == 1.0);
    assert_true(histogram_bound(HISTOGRAM_BOUNDS - 1) == 4096.0);
}

static void what_is_equal_to_a_bound_is_at_most_it(void **state)
{
    (void)state;
    struct histogram h = {0};
    struct histogram_copy copy;
    histogram_add(&h, 1000000, 1);
    histogram_add(&h, 1000001, 2);
    histogram_read(&h, &copy);
    assert_int_equal(copy.at_most[9], 0);
    assert_int_equal(copy.at_most[10], 1);
    assert_int_equal(copy.at_most[11], 3);
    assert_int_equal(copy.count, 3);
    assert_true(copy.sum > 3.000001 && copy.sum < 3.000003);
}

static void what_is_beyond_all_bounds_is_counted(void **state)
{
    (void)state;
    struct histogram h = {0};
    struct histogram_copy copy;
    histogram_add(&h, (int64_t)5000 * 1000000, 4);
    histogram_read(&h, &copy);
    assert_int_equal(copy.at_most[HISTOGRAM_BOUNDS - 1], 0);
    assert_int_equal(copy.count, 4);
}

static void a_time_below_zero_is_zero(void **state)
{
    (void)state;
    struct histogram h = {0};
    struct histogram_copy copy;
    histogram_add(&h, -5, 1);
    histogram_read(&h, &copy);
    assert_int_equal(copy.at_most[0], 1);
    assert_true(copy.sum == 0.0);
}

/* A topic of a billion records that are a year old, read from its beginning. */
static void the_sum_of_old_records_does_not_wrap(void **state)
{
    (void)state;
    const int64_t year_s = (int64_t)365 * 86400;
    struct histogram h = {0};
    struct histogram_copy copy;
    double before = 0;
    for (int i = 0; i < 1000; i++) {
        histogram_add(&h, year_s * 1000000, 1000000);
        histogram_read(&h, &copy);
        assert_true(copy.sum > before);
        before = copy.sum;
    }
    double off = copy.sum / ((double)year_s * 1e9) - 1;
    assert_true(off > -1e-9 && off < 1e-9);
}

#define THREADS 4
#define ADDS    20000

static void add_many(void *user)
{
    for (int i = 0; i < ADDS; i++) {
        histogram_add(user, (int64_t)i, 1);
    }
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct histogram h = {0};
    struct histogram_copy copy;
    struct thread threads[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        thread_start(&threads[i], "add", add_many, &h);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    histogram_read(&h, &copy);
    assert_int_equal(copy.count, THREADS * ADDS);
    assert_true(atomic_load(&h.sum_us) == (double)THREADS * ADDS * (ADDS - 1) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_is_a_power_of_two),
        cmocka_unit_test(what_is_equal_to_a_bound_is_at_most_it),
        cmocka_unit_test(what_is_beyond_all_bounds_is_counted),
        cmocka_unit_test(a_time_below_zero_is_zero),
        cmocka_unit_test(the_sum_of_old_records_does_not_wrap),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
