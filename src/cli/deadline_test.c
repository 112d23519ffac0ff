/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/deadline.h"

#define LONG_US ((int64_t)600 * 1000000)

static void the_time_sets_the_stop_but_not_the_parent(void **state)
{
    (void)state;
    struct err err = {0};
    struct stop parent;
    struct cli_deadline d;
    stop_init(&parent);
    cli_deadline_begin(&d, &parent, 0);
    assert_true(stop_wait_us(&d.stop, LONG_US));
    assert_false(stop_is_set(&parent));
    int rc = err_set(&err, ERR_CANCELED, "waiting for b:9092");
    rc = cli_deadline_judge(&d, rc, 2000000, &err);
    assert_int_equal(rc, ERR_IO);
    assert_true(err.retry);
    assert_string_equal(err.msg, "no answer within 2 s: waiting for b:9092");
    cli_deadline_end(&d);
    stop_done(&parent);
}

static void the_parent_sets_the_stop_and_nothing_is_late(void **state)
{
    (void)state;
    struct err err = {0};
    struct stop parent;
    struct cli_deadline d;
    stop_init(&parent);
    cli_deadline_begin(&d, &parent, LONG_US);
    stop_set(&parent);
    assert_true(stop_wait_us(&d.stop, LONG_US));
    int rc = err_set(&err, ERR_CANCELED, "interrupted");
    assert_int_equal(cli_deadline_judge(&d, rc, LONG_US, &err), ERR_CANCELED);
    cli_deadline_end(&d);
    stop_done(&parent);
}

static void an_end_before_the_time_leaves_other_errors_alone(void **state)
{
    (void)state;
    struct err err = {0};
    struct stop parent;
    struct cli_deadline d;
    stop_init(&parent);
    cli_deadline_begin(&d, &parent, LONG_US);
    int rc = err_set(&err, ERR_CONFIG, "no such topic");
    assert_int_equal(cli_deadline_judge(&d, rc, LONG_US, &err), ERR_CONFIG);
    assert_int_equal(cli_deadline_judge(&d, 0, LONG_US, &err), 0);
    cli_deadline_end(&d);
    stop_done(&parent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_sets_the_stop_but_not_the_parent),
        cmocka_unit_test(the_parent_sets_the_stop_and_nothing_is_late),
        cmocka_unit_test(an_end_before_the_time_leaves_other_errors_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
