/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connect/mock_broker.h"

static void it_listens_on_loopback_and_makes_topics(void **state)
{
    (void)state;
    struct err err = {0};
    struct mock_broker *mock = NULL;
    assert_int_equal(mock_broker_open(1, &mock, &err), 0);
    assert_true(str_starts(str_of(mock_broker_bootstrap(mock)), STR("127.0.0.1:")));
    assert_non_null(mock_broker_cluster(mock));
    assert_int_equal(mock_broker_create_topic(mock, "t", 3, &err), 0);
    mock_broker_close(mock);
    mock_broker_close(NULL);
}

static void a_topic_is_made_only_once(void **state)
{
    (void)state;
    struct err err = {0};
    struct mock_broker *mock = NULL;
    assert_int_equal(mock_broker_open(1, &mock, &err), 0);
    assert_int_equal(mock_broker_create_topic(mock, "t", 3, &err), 0);
    assert_int_equal(mock_broker_create_topic(mock, "t", 3, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "topic \"t\""));
    mock_broker_close(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_listens_on_loopback_and_makes_topics),
        cmocka_unit_test(a_topic_is_made_only_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
