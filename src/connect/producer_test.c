/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/kafka_fixture.h"

static struct producer *producer_of(struct fixture *f, const char *topic)
{
    struct producer *producer = NULL;
    OK(producer_open(&f->settings, topic, &f->stop, &producer, &f->err));
    return producer;
}

static void messages_arrive_with_key_value_and_partition(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct taken t = {0};
    OK(mock_broker_create_topic(f->mock, "t", 3, &f->err));
    struct producer *producer = producer_of(f, "t");
    OK(producer_send(producer, STR("key"), STR("p2-0"), 2, &f->err));
    OK(producer_send(producer, STR("key"), STR("p2-1"), 2, &f->err));
    OK(producer_flush(producer, &f->err));
    assert_int_equal(producer_counts(producer).sent, 2);
    assert_int_equal(producer_counts(producer).delivered, 2);
    assert_int_equal(producer_counts(producer).failed, 0);
    producer_close(producer);
    fixture_set(f, "subscribe", "t");
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(fixture_take(f, 2, &t), SOURCE_PACKET);
    assert_int_equal(t.counts[2], 2);
    fixture_free(f);
}

static void nulls_stay_null(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct packet *packet = NULL;
    int rc = SOURCE_IDLE;
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    struct producer *producer = producer_of(f, "t");
    OK(producer_send(producer, STR_NULL, STR_NULL, 0, &f->err));
    OK(producer_flush(producer, &f->err));
    producer_close(producer);
    fixture_set(f, "subscribe", "t");
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    while (rc == SOURCE_IDLE) {
        rc = source_poll(f->source, clock_mono_us() + 1000000, 10, 1 << 20, &packet, &f->err);
    }
    assert_int_equal(rc, SOURCE_PACKET);
    assert_null(packet->messages[0].value.ptr);
    assert_null(packet->messages[0].key.ptr);
    packet_free(packet);
    fixture_free(f);
}

static void the_rate_is_kept(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    struct producer *producer = producer_of(f, "t");
    int64_t begun = clock_mono_us();
    producer_set_rate(producer, 500);
    for (int i = 0; i < 150; i++) {
        OK(producer_send(producer, STR_NULL, STR("x"), -1, &f->err));
    }
    assert_in_range(clock_mono_us() - begun, 290000, 5000000);
    OK(producer_flush(producer, &f->err));
    producer_close(producer);
    fixture_free(f);
}

static void a_message_that_cannot_be_delivered_is_an_error(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    fixture_set(f, "kafka.message.timeout.ms", "500");
    fixture_set(f, "kafka.enable.idempotence", "false");
    struct producer *producer = producer_of(f, "t");
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    OK(producer_send(producer, STR_NULL, STR("x"), 0, &f->err));
    assert_int_equal(producer_flush(producer, &f->err), ERR_IO);
    assert_non_null(strstr(f->err.msg, "topic \"t\": a message was not delivered"));
    assert_int_equal(producer_counts(producer).failed, 1);
    producer_close(producer);
    fixture_free(f);
}

static void a_stop_ends_a_flush(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    struct producer *producer = producer_of(f, "t");
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    OK(producer_send(producer, STR_NULL, STR("x"), 0, &f->err));
    stop_set(&f->stop);
    assert_int_equal(producer_flush(producer, &f->err), ERR_CANCELED);
    producer_close(producer);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_with_key_value_and_partition),
        cmocka_unit_test(nulls_stay_null),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(a_message_that_cannot_be_delivered_is_an_error),
        cmocka_unit_test(a_stop_ends_a_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
