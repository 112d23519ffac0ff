/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_log_test - librdkafka's own lines, in our log
 */
#include "connect/kafka_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log_capture.h"

static void assert_logged(void **state, const char *expected)
{
    assert_string_equal(log_captured_text(state), expected);
}

static void levels_are_mapped(void **state)
{
    static const char *const wanted[] = {"error", "error", "error", "warn",
                                         "warn",  "info",  "info",  "debug"};
    struct log_levels levels;
    struct err err;
    assert_int_equal(log_levels_parse(STR("error,kafka=debug"), &levels, &err), 0);
    log_open_levels(&levels, LOG_LOGFMT);
    for (int level = 0; level < 8; level++) {
        AUTO_FREE char *facility = mem_printf("F%d", level);
        AUTO_FREE char *line = mem_printf("level=%s module=kafka event=librdkafka client=c "
                                          "facility=F%d message=\"it is\"\n",
                                          wanted[level], level);
        kafka_log("c", level, facility, "it is");
        assert_logged(state, line);
    }
}

static void lines_that_repeat_are_counted_by_client_and_facility(void **state)
{
    for (int i = 0; i < 3; i++) {
        kafka_log("c", 3, "FAIL", "away");
    }
    assert_logged(state, "level=warn module=kafka event=librdkafka client=c facility=FAIL "
                         "message=away\n");
    kafka_log("d", 3, "FAIL", "away");
    assert_logged(state, "level=warn module=kafka event=librdkafka client=d facility=FAIL "
                         "message=away\n");
    *log_capture_clock() += 10 * INT64_C(1000000);
    kafka_log("c", 3, "FAIL", "still");
    assert_logged(state, "level=warn module=kafka event=librdkafka client=c facility=FAIL "
                         "message=still repeated=2\n");
}

static void secrets_of_the_library_are_masked(void **state)
{
    log_mask(STR("rutabaga"));
    kafka_log("c", 3, "SASL", "login as bob with rutabaga failed");
    assert_logged(state, "level=warn module=kafka event=librdkafka client=c facility=SASL "
                         "message=\"login as bob with *** failed\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_CAPTURE_TIMED(levels_are_mapped),
        LOG_CAPTURE_TIMED(lines_that_repeat_are_counted_by_client_and_facility),
        LOG_CAPTURE_TIMED(secrets_of_the_library_are_masked),
    };
    return cmocka_run_group_tests_name("kafka_log", tests, NULL, NULL);
}
