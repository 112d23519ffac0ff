/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connect/connector.h"

static void an_unknown_connector_brings_the_list(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(source_find(STR("kinesis"), &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(err.msg, "unknown connector \"kinesis\"; there are kafka, file, generator");
}

static void connectors_are_found_in_any_case(void **state)
{
    (void)state;
    struct err err = {0};
    assert_string_equal(source_find(STR("Kafka"), &err)->name, "kafka");
    assert_string_equal(source_find(STR("FILE"), &err)->name, "file");
    assert_string_equal(source_find(STR("generator"), &err)->name, "generator");
}

static void a_state_keeps_its_beginning_while_the_reason_changes(void **state)
{
    (void)state;
    struct source s = {0};
    source_set_status(&s, SOURCE_DOWN, "%s", "first");
    int64_t since = s.status.since_mono_us;
    assert_true(since > 0);
    source_set_status(&s, SOURCE_DOWN, "%s %d", "second", 2);
    assert_string_equal(s.status.reason, "second 2");
    assert_int_equal(s.status.since_mono_us, since);
    source_set_status(&s, SOURCE_RUNNING, "%s", "");
    assert_int_equal(s.status.state, SOURCE_RUNNING);
    assert_true(s.status.since_mono_us >= since);
}

static void count_downs(void *user, const struct source_status *status)
{
    int *downs = user;
    *downs += status->state == SOURCE_DOWN && strcmp(status->reason, "no broker") == 0;
}

static void whoever_watches_is_told_of_the_status_as_it_changes(void **state)
{
    (void)state;
    struct source s = {0};
    int downs = 0;
    source_set_status(&s, SOURCE_DOWN, "no %s", "broker");
    assert_int_equal(downs, 0);
    source_watch(&s, count_downs, &downs);
    source_set_status(&s, SOURCE_DOWN, "no %s", "broker");
    source_set_status(&s, SOURCE_RUNNING, "%s", "");
    assert_int_equal(downs, 1);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    source_close(NULL);
    packet_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_connector_brings_the_list),
        cmocka_unit_test(connectors_are_found_in_any_case),
        cmocka_unit_test(a_state_keeps_its_beginning_while_the_reason_changes),
        cmocka_unit_test(whoever_watches_is_told_of_the_status_as_it_changes),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
