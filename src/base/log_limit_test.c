/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_limit_test - which of the lines that repeat are written
 */
#include "base/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

static int set_up(void **state)
{
    *state = mem_new(struct log_limit);
    return 0;
}

static int tear_down(void **state)
{
    mem_free(*state);
    return 0;
}

static bool pass(struct log_limit *limit, const char *event, const char *query, int64_t now_us,
                 uint64_t *ret_repeated)
{
    struct log_left_out forgotten;
    struct log_kind kind = {1, 2, event, str_of(query), STR("")};
    bool passed = log_limit_pass(limit, &kind, now_us, ret_repeated, &forgotten);
    assert_int_equal(forgotten.count, 0);
    return passed;
}

static void one_line_an_interval_passes(void **state)
{
    uint64_t repeated = 99;
    assert_true(pass(*state, "e", "q", 0, &repeated));
    assert_int_equal(repeated, 0);
    assert_false(pass(*state, "e", "q", 0, &repeated));
    assert_false(pass(*state, "e", "q", LOG_LIMIT_INTERVAL_US - 1, &repeated));
    assert_true(pass(*state, "e", "q", LOG_LIMIT_INTERVAL_US, &repeated));
    assert_int_equal(repeated, 2);
    assert_true(pass(*state, "e", "q", 3 * LOG_LIMIT_INTERVAL_US, &repeated));
    assert_int_equal(repeated, 0);
}

static void kinds_do_not_hold_up_each_other(void **state)
{
    struct log_limit *limit = *state;
    uint64_t repeated;
    struct log_left_out forgotten;
    assert_true(pass(limit, "e", "q", 0, &repeated));
    assert_true(pass(limit, "eq", "", 0, &repeated));
    assert_true(pass(limit, "", "eq", 0, &repeated));
    struct log_kind module = {2, 2, "e", STR("q"), STR("")};
    assert_true(log_limit_pass(limit, &module, 0, &repeated, &forgotten));
    struct log_kind key = {1, 2, "e", STR("q"), STR("k")};
    assert_true(log_limit_pass(limit, &key, 0, &repeated, &forgotten));
    struct log_kind level = {1, 3, "e", STR("q"), STR("")};
    assert_false(log_limit_pass(limit, &level, 0, &repeated, &forgotten)); /* the same kind */
}

static void what_was_left_out_can_be_taken_once(void **state)
{
    uint64_t repeated;
    struct log_left_out left_out;
    assert_false(log_limit_take(*state, &left_out));
    (void)pass(*state, "e", "q", 0, &repeated);
    assert_false(log_limit_take(*state, &left_out));
    (void)pass(*state, "e", "q", 1, &repeated);
    assert_true(log_limit_take(*state, &left_out));
    assert_int_equal(left_out.count, 1);
    assert_int_equal(left_out.module, 1);
    assert_int_equal(left_out.level, 2);
    assert_string_equal(left_out.event, "e");
    assert_string_equal(left_out.query, "q");
    assert_false(log_limit_take(*state, &left_out));
    assert_true(pass(*state, "e", "q", LOG_LIMIT_INTERVAL_US, &repeated));
    assert_int_equal(repeated, 0);
}

/* Each line is written, counted by a later one, or still to be taken: none is lost. */
static void every_line_is_written_or_counted(void **state)
{
    enum { LINES = 20000, KINDS = 3 * LOG_LIMIT_KINDS };
    struct log_limit *limit = *state;
    struct rng rng;
    rng_init(&rng, 7);
    uint64_t accounted = 0;
    uint64_t forgotten_count = 0;
    int64_t now_us = 0;
    struct log_left_out left_out;
    for (int i = 0; i < LINES; i++) {
        char query[16];
        snprintf(query, sizeof(query), "%d", (int)rng_below(&rng, KINDS));
        struct log_kind kind = {0, 0, "e", str_of(query), STR("")};
        uint64_t repeated = 0;
        now_us += (int64_t)rng_below(&rng, 50000);
        bool passed = log_limit_pass(limit, &kind, now_us, &repeated, &left_out);
        accounted += repeated + left_out.count + (passed ? 1 : 0);
        forgotten_count += left_out.count > 0;
    }
    while (log_limit_take(limit, &left_out)) {
        accounted += left_out.count;
    }
    assert_int_equal(accounted, LINES);
    assert_true(forgotten_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_line_an_interval_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_do_not_hold_up_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_left_out_can_be_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_line_is_written_or_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("log_limit", tests, NULL, NULL);
}
