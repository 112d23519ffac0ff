/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_test - the Kafka source against librdkafka's in-process broker: the ordinary course */
#include "connect/kafka_fixture.h"

static void earliest_delivers_everything_in_order(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(3, 500);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.count, 3);
    assert_int_equal(fixture_take(f, 1500, &t), SOURCE_PACKET);
    assert_int_equal(t.count, 1500);
    for (int p = 0; p < 3; p++) {
        assert_int_equal(t.first[p], 0);
        assert_int_equal(t.last[p], 499);
        assert_int_equal(f->source->partitions.items[p].next_offset, 500);
    }
    assert_int_equal(fixture_quiet(f, 600000), SOURCE_IDLE);
    assert_int_equal(f->source->partitions.items[0].end_offset, 500);
    assert_int_equal(f->source->counts.dropped_below, 0);
    assert_int_equal(f->source->status.state, SOURCE_RUNNING);
    fixture_free(f);
}

static void latest_delivers_only_what_comes_later(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    fixture_begin(f);
    assert_int_equal(f->source->partitions.items[0].next_offset, 100);
    assert_int_equal(fixture_quiet(f, 300000), SOURCE_IDLE);
    fixture_produce(f, "t", 0, 100, 5);
    assert_int_equal(fixture_take(f, 5, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 100);
    fixture_free(f);
}

static void json_says_where_each_partition_begins(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(3, 100);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "{\"t\":{\"0\":23,\"1\":-1,\"2\":-2}}");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.items[0].next_offset, 23);
    assert_int_equal(f->source->partitions.items[1].next_offset, 100);
    assert_int_equal(f->source->partitions.items[2].next_offset, 0);
    assert_int_equal(fixture_take(f, 177, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 23);
    fixture_free(f);
}

static void json_that_leaves_a_partition_out_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 1);
    bool which[] = {true, true};
    fixture_set(f, "startingOffsets", "{\"t\":{\"0\":0}}");
    fixture_open(f);
    assert_int_equal(source_resolve(f->source, which, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "partition 1 of topic \"t\""));
    fixture_free(f);
}

static void json_that_names_another_topic_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 1);
    bool which[] = {true};
    fixture_set(f, "startingOffsets", "{\"t\":{\"0\":0},\"u\":{\"7\":0}}");
    fixture_open(f);
    assert_int_equal(source_resolve(f->source, which, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "partition 7 of topic \"u\""));
    fixture_free(f);
}

static void a_partition_without_position_beside_one_with_begins_at_earliest(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 100);
    bool which[] = {false, true};
    fixture_set(f, "startingOffsets", "latest");
    fixture_open(f);
    f->source->partitions.items[0].next_offset = 50;
    OK(source_resolve(f->source, which, &f->err));
    assert_int_equal(f->source->partitions.items[0].next_offset, 50);
    assert_int_equal(f->source->partitions.items[1].next_offset, 0);
    fixture_free(f);
}

static void start_delivers_again_from_the_position_set(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 2000);
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    for (int round = 0; round < 20; round++) {
        struct taken t = {0};
        /* Some is taken, more has been fetched ahead; then back to an arbitrary place. */
        assert_int_equal(fixture_take(f, 1 + (size_t)round * 37, &t), SOURCE_PACKET);
        f->source->partitions.items[0].next_offset = round * 11;
        f->source->partitions.items[1].next_offset = 1500 - round * 50;
        OK(source_start(f->source, &f->err));
        struct taken again = {0};
        size_t want = (size_t)(2000 - round * 11 + 500 + round * 50);
        assert_int_equal(fixture_take(f, want, &again), SOURCE_PACKET);
        assert_int_equal(again.count, want);
        assert_int_equal(again.first[0], round * 11);
        assert_int_equal(again.first[1], 1500 - round * 50);
        f->source->partitions.items[0].next_offset = 0;
        f->source->partitions.items[1].next_offset = 0;
        OK(source_start(f->source, &f->err));
    }
    assert_int_equal(f->source->counts.dropped_below, 0);
    fixture_free(f);
}

static void bound_ends_at_the_end_of_that_moment(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 300);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_open(f);
    fixture_resolve_all(f);
    OK(source_bound(f->source, &f->err));
    OK(source_start(f->source, &f->err));
    fixture_produce(f, "t", 0, 300, 200);
    fixture_produce(f, "t", 1, 300, 200);
    assert_int_equal(fixture_take(f, 100000, &t), SOURCE_END);
    assert_int_equal(t.count, 600);
    for (int p = 0; p < 2; p++) {
        assert_int_equal(f->source->partitions.items[p].next_offset, 300);
        assert_true(f->source->partitions.items[p].at_limit);
    }
    /* A limit set further on, and delivery goes on there: the pause is over. */
    OK(source_bound(f->source, &f->err));
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take(f, 100000, &t), SOURCE_END);
    assert_int_equal(t.count, 1000);
    fixture_free(f);
}

static void bound_of_an_empty_topic_ends_at_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 0);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_open(f);
    fixture_resolve_all(f);
    OK(source_bound(f->source, &f->err));
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take(f, 1, &t), SOURCE_END);
    fixture_free(f);
}

static void a_limit_inside_the_log_is_kept(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 1000);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_open(f);
    fixture_resolve_all(f);
    f->source->partitions.items[0].limit_offset = 123;
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take(f, 100000, &t), SOURCE_END);
    assert_int_equal(t.count, 123);
    assert_int_equal(f->source->partitions.items[0].next_offset, 123);
    fixture_free(f);
}

static void packets_are_bounded_in_messages_and_bytes(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 3000);
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    clock_sleep_us(300000); /* much is there now */
    size_t count = 0;
    while (count < 3000) {
        struct packet *packet = NULL;
        int rc = source_poll(f->source, clock_mono_us() + 1000000, 70, 8000, &packet, &f->err);
        assert_int_equal(rc, SOURCE_PACKET);
        assert_true(packet->count <= 70);
        assert_true(packet->bytes <= 8000 + 70 * 80);
        count += packet->count;
        packet_free(packet);
    }
    fixture_free(f);
}

static void packets_outlive_the_source(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct packet *packet = NULL;
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    int rc = SOURCE_IDLE;
    while (rc == SOURCE_IDLE) {
        rc = source_poll(f->source, clock_mono_us() + 1000000, 100, 1 << 20, &packet, &f->err);
    }
    assert_int_equal(rc, SOURCE_PACKET);
    source_close(f->source);
    f->source = NULL;
    assert_true(str_eq_c(packet->messages[0].value, "p0-0"));
    packet_free(packet);
    fixture_free(f);
}

static void assign_reads_only_the_partitions_named(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct taken t = {0};
    OK(mock_broker_create_topic(f->mock, "t", 4, &f->err));
    for (int p = 0; p < 4; p++) {
        fixture_produce(f, "t", p, 0, 10);
    }
    fixture_set(f, "assign", "{\"t\":[3,1]}");
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.count, 2);
    assert_int_equal(fixture_take(f, 20, &t), SOURCE_PACKET);
    assert_int_equal(t.last[3], 9);
    assert_int_equal(t.last[1], 9);
    assert_int_equal(fixture_quiet(f, 300000), SOURCE_IDLE);
    fixture_free(f);
}

static void assign_of_a_partition_that_is_not_there_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 0);
    f->settings.items.count = 1;
    fixture_set(f, "assign", "{\"t\":[2]}");
    fixture_open_only(f);
    assert_int_equal(source_discover(f->source, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "has no partition 2"));
    fixture_free(f);
}

static void several_topics_are_read_together(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct taken t = {0};
    OK(mock_broker_create_topic(f->mock, "a", 1, &f->err));
    OK(mock_broker_create_topic(f->mock, "b", 2, &f->err));
    fixture_produce(f, "a", 0, 0, 10);
    fixture_produce(f, "b", 1, 0, 10);
    fixture_set(f, "subscribe", "a, b");
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.count, 3);
    assert_int_equal(fixture_take(f, 20, &t), SOURCE_PACKET);
    fixture_free(f);
}

static void a_pattern_matches_whole_names_and_finds_new_topics(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct taken t = {0};
    OK(mock_broker_create_topic(f->mock, "in1", 1, &f->err));
    OK(mock_broker_create_topic(f->mock, "other_in1", 1, &f->err));
    fixture_produce(f, "in1", 0, 0, 10);
    fixture_set(f, "subscribePattern", "in\\d+");
    fixture_set(f, "startingOffsets", "latest");
    fixture_set(f, "metadataRefresh", "200 ms");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.count, 1);
    assert_int_equal(fixture_quiet(f, 300000), SOURCE_IDLE);
    OK(mock_broker_create_topic(f->mock, "in22", 2, &f->err));
    fixture_produce(f, "in22", 1, 0, 7);
    for (int i = 0; i < 50 && !f->source->has_new_partitions; i++) {
        assert_int_equal(fixture_quiet(f, 100000), SOURCE_IDLE);
    }
    assert_true(f->source->has_new_partitions);
    assert_int_equal(f->source->partitions.count, 3);
    bool which[] = {false, true, true};
    OK(source_resolve(f->source, which, &f->err));
    assert_int_equal(f->source->partitions.items[2].next_offset, 0);
    OK(source_start(f->source, &f->err));
    assert_false(f->source->has_new_partitions);
    assert_int_equal(fixture_take(f, 7, &t), SOURCE_PACKET);
    OK(source_verify(f->source, &f->err));
    fixture_free(f);
}

static void a_time_after_the_last_record_is_an_error_or_the_end(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    bool which[] = {true};
    /* The mock broker finds no record by time: -1. */
    fixture_set(f, "startingOffsetsByTimestamp", "{\"t\":{\"0\":1000}}");
    fixture_open(f);
    assert_int_equal(source_resolve(f->source, which, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "no record as late"));
    source_close(f->source);
    f->source = NULL;
    fixture_set(f, "startingOffsetsByTimestampStrategy", "latest");
    fixture_open(f);
    OK(source_resolve(f->source, which, &f->err));
    assert_int_equal(f->source->partitions.items[0].next_offset, 10);
    fixture_free(f);
}

static void group_offsets_are_committed(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(2, 10);
    struct taken t = {0};
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(fixture_take(f, 20, &t), SOURCE_PACKET);
    rd_kafka_mock_start_request_tracking(f->cluster);
    int64_t next[] = {10, -1};
    source_acknowledge(f->source, next, 2);
    int64_t next2[] = {-1, 9};
    source_acknowledge(f->source, next2, 2);
    for (int i = 0; i < 50 && fixture_requests(f, API_OFFSET_COMMIT) < 2; i++) {
        assert_int_equal(fixture_quiet(f, 100000), SOURCE_IDLE);
    }
    assert_int_equal(fixture_requests(f, API_OFFSET_COMMIT), 2);
    assert_int_equal(f->source->counts.acknowledge_failed, 0);
    fixture_free(f);
}

static void what_the_group_was_told_can_be_read_back(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(3, 10);
    int64_t told[3] = {7, 7, 7};
    fixture_open(f);
    OK(source_acknowledged(f->source, told, &f->err));
    for (int p = 0; p < 3; p++) {
        assert_int_equal(told[p], -1);
    }
    fixture_resolve_all(f);
    OK(source_start(f->source, &f->err));
    int64_t next[] = {10, -1, 4};
    source_acknowledge(f->source, next, 3);
    for (int i = 0; i < 50 && told[2] != 4; i++) {
        assert_int_equal(fixture_quiet(f, 100000), SOURCE_IDLE);
        OK(source_acknowledged(f->source, told, &f->err));
    }
    assert_int_equal(told[0], 10);
    assert_int_equal(told[1], -1);
    assert_int_equal(told[2], 4);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earliest_delivers_everything_in_order),
        cmocka_unit_test(latest_delivers_only_what_comes_later),
        cmocka_unit_test(json_says_where_each_partition_begins),
        cmocka_unit_test(json_that_leaves_a_partition_out_is_refused),
        cmocka_unit_test(json_that_names_another_topic_is_refused),
        cmocka_unit_test(a_partition_without_position_beside_one_with_begins_at_earliest),
        cmocka_unit_test(start_delivers_again_from_the_position_set),
        cmocka_unit_test(bound_ends_at_the_end_of_that_moment),
        cmocka_unit_test(bound_of_an_empty_topic_ends_at_once),
        cmocka_unit_test(a_limit_inside_the_log_is_kept),
        cmocka_unit_test(packets_are_bounded_in_messages_and_bytes),
        cmocka_unit_test(packets_outlive_the_source),
        cmocka_unit_test(assign_reads_only_the_partitions_named),
        cmocka_unit_test(assign_of_a_partition_that_is_not_there_is_refused),
        cmocka_unit_test(several_topics_are_read_together),
        cmocka_unit_test(a_pattern_matches_whole_names_and_finds_new_topics),
        cmocka_unit_test(a_time_after_the_last_record_is_an_error_or_the_end),
        cmocka_unit_test(group_offsets_are_committed),
        cmocka_unit_test(what_the_group_was_told_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
