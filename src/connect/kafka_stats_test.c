/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_stats_test - what is read from librdkafka's statistics, however broken
 */
#include "connect/kafka_fixture.h"
#include "connect/kafka_source.h"

/* As librdkafka 2.15 prints it, shortened. */
static const char text[] =
    "{ \"name\": \"q#consumer-1\", \"type\":\"consumer\", \"msg_cnt\":0, \"brokers\":{ "
    "\"localhost:9092/bootstrap\": { \"name\":\"localhost:9092/bootstrap\", \"nodeid\":-1, "
    "\"state\":\"UP\", \"txerrs\":1, \"rxerrs\":0, \"req_timeouts\":0, \"rtt\": { \"min\":100, "
    "\"avg\":100, \"cnt\":1 }, \"toppars\":{ } }, "
    "\"a}\\\"{:9092/1\": { \"nodeid\":1, \"state\":\"UP\", \"txerrs\":0, \"rxerrs\":2, "
    "\"req_timeouts\":4, \"rtt\": { \"avg\":500, \"cnt\":3 } }, "
    "\"b:9092/2\": { \"nodeid\":2, \"state\":\"DOWN\", \"txerrs\":0, \"rxerrs\":0, "
    "\"req_timeouts\":0, \"rtt\": { \"avg\":0, \"cnt\":0 } } }, \"topics\":{ \"t\": { "
    "\"partitions\":{ \"0\": { \"fetchq_cnt\":7, \"fetchq_size\":700 }, \"1\": { "
    "\"fetchq_cnt\":7, \"fetchq_size\":710 }, \"-1\": { \"fetchq_cnt\":0, \"fetchq_size\":0 } } } "
    "}, \"cgrp\": { \"state\":\"up\" } }";

static void brokers_and_queues_are_read(void **state)
{
    (void)state;
    struct source_client client;
    kafka_stats_read(str_of(text), &client);
    assert_int_equal(client.brokers_up, 1);
    assert_int_equal(client.request_errors, 7);
    assert_int_equal(client.queue_bytes, 710);
    assert_true(client.round_trip_s > 0.000399 && client.round_trip_s < 0.000401);
}

static void a_text_that_ends_early_hurts_nobody(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(text); len++) {
        AUTO_FREE char *part = mem_alloc(len + 1);
        memcpy(part, text, len);
        part[len] = '\0';
        struct source_client client;
        kafka_stats_read(str_n(part, len), &client);
        assert_true(client.queue_bytes == -1 || client.queue_bytes <= 710);
        assert_true(client.brokers_up == -1 || client.brokers_up == 1);
    }
}

static void what_is_not_there_is_unknown(void **state)
{
    (void)state;
    struct source_client client;
    kafka_stats_read(STR("{}"), &client);
    assert_int_equal(client.brokers_up, -1);
    assert_int_equal(client.request_errors, -1);
    assert_int_equal(client.queue_bytes, -1);
    assert_true(client.round_trip_s < 0);
}

/* By way of the library itself: what it prints may change with its version. */
static void a_running_client_tells_its_brokers_and_queues(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 5);
    struct source_client client = {-1, -1, -1, -1, -1};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_set(f, "kafka.statistics.interval.ms", "50");
    fixture_begin(f);
    int64_t until_us = clock_mono_us() + (int64_t)60 * 1000000;
    /* Nobody polls: ten messages and two ends of partitions wait. */
    while (client.brokers_up < 1 || client.queue_bytes < 1 || client.queue_messages < 10) {
        assert_true(clock_mono_us() < until_us);
        source_look(f->source, &client);
        clock_sleep_us(1000);
    }
    assert_int_equal(client.brokers_up, 1);
    assert_int_equal(client.request_errors, 0);
    assert_true(client.round_trip_s > 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_and_queues_are_read),
        cmocka_unit_test(a_text_that_ends_early_hurts_nobody),
        cmocka_unit_test(what_is_not_there_is_unknown),
        cmocka_unit_test(a_running_client_tells_its_brokers_and_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
