/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_fault_test - the Kafka source when brokers, topics and offsets misbehave */
#include "connect/kafka_fixture.h"

static void a_broker_that_goes_away_is_waited_for(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    fixture_set(f, "metadataRefresh", "300 ms");
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    assert_true(fixture_await_state(f, SOURCE_DOWN));
    assert_true(strlen(f->source->status.reason) > 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture_quiet(f, 100000), SOURCE_IDLE);
    }
    rd_kafka_mock_broker_set_up(f->cluster, 1);
    /* Nothing new to read, and still it is known that the broker is back. */
    assert_true(fixture_await_state(f, SOURCE_RUNNING));
    fixture_produce(f, "t", 0, 100, 50);
    assert_int_equal(fixture_take(f, 150, &t), SOURCE_PACKET);
    assert_int_equal(t.count, 150);
    assert_int_equal(f->source->counts.dropped_below, 0);
    fixture_free(f);
}

static void a_stop_ends_the_wait_for_a_broker(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 0);
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    fixture_open_only(f);
    stop_set(&f->stop);
    int64_t begun = clock_mono_us();
    assert_int_equal(source_discover(f->source, &f->err), ERR_CANCELED);
    assert_true(clock_mono_us() - begun < 4000000);
    assert_int_equal(f->source->status.state, SOURCE_DOWN);
    source_close(f->source);
    f->source = NULL;
    assert_true(clock_mono_us() - begun < 5000000);
    fixture_free(f);
}

static void bring_up_later(void *cluster)
{
    clock_sleep_us(700000);
    rd_kafka_mock_broker_set_up(cluster, 1);
}

static void discover_waits_until_the_broker_is_there(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 5);
    struct thread later = {0};
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    thread_start(&later, "later", bring_up_later, f->cluster);
    fixture_begin_at(f, 0);
    assert_int_equal(f->source->status.state, SOURCE_RUNNING);
    thread_join(&later);
    struct taken t = {0};
    assert_int_equal(fixture_take(f, 5, &t), SOURCE_PACKET);
    fixture_free(f);
}

static void offsets_that_retention_took_stop_the_query(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    assert_int_equal(rd_kafka_mock_partition_delete_records(f->cluster, "t", 0, 50), 0);
    fixture_begin_at(f, 10);
    assert_int_equal(fixture_take_news(f), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "topic \"t\" partition 0: offset 10 is next, but the log "
                                       "runs from 50 to 100: 40 offsets are gone"));
    /* It is answered until the next start. */
    assert_int_equal(fixture_quiet(f, 0), ERR_DATA);
    assert_int_equal(f->source->partitions.items[0].next_offset, 10);
    f->source->partitions.items[0].next_offset = 60;
    OK(source_start(f->source, &f->err));
    struct taken t = {0};
    assert_int_equal(fixture_take(f, 40, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 60);
    fixture_free(f);
}

static void offsets_that_retention_took_are_counted_when_loss_is_allowed(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    fixture_set(f, "failOnDataLoss", "false");
    assert_int_equal(rd_kafka_mock_partition_delete_records(f->cluster, "t", 0, 50), 0);
    fixture_begin_at(f, 10);
    assert_int_equal(fixture_take(f, 50, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 50);
    assert_int_equal(f->source->partitions.items[0].lost_count, 40);
    fixture_free(f);
}

static void a_bounded_run_over_a_log_that_lost_everything_ends(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    fixture_set(f, "failOnDataLoss", "false");
    assert_int_equal(rd_kafka_mock_partition_delete_records(f->cluster, "t", 0, 100), 0);
    fixture_open(f);
    f->source->partitions.items[0].next_offset = 10;
    OK(source_bound(f->source, &f->err));
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take(f, 1, &t), SOURCE_END);
    assert_int_equal(f->source->partitions.items[0].lost_count, 90);
    fixture_free(f);
}

static void a_position_beyond_the_end_is_a_truncated_log(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    fixture_set(f, "failOnDataLoss", "false");
    fixture_begin_at(f, 500);
    assert_int_equal(fixture_take_news(f), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "offset 500 is next, but the log runs from 0 to 100: it was "
                                       "truncated"));
    fixture_free(f);
}

/* What is appended from now on has the next leader epoch. */
static void elect(struct fixture *f, int broker)
{
    assert_int_equal(rd_kafka_mock_partition_set_leader(f->cluster, "t", 0, broker), 0);
}

/* Two brokers; the first leads partition 0. (The mock crashes when a fetch finds no leader.) */
static struct fixture *elected_topic(int partitions, int messages)
{
    struct fixture *f = fixture_topic_on(2, partitions, 0);
    elect(f, 1);
    for (int p = 0; p < partitions; p++) {
        fixture_produce(f, "t", p, 0, messages);
    }
    return f;
}

static void the_epoch_of_the_last_record_delivered_is_known(void **state)
{
    (void)state;
    struct fixture *f = elected_topic(2, 100);
    struct taken t = {0};
    elect(f, 2);
    fixture_produce(f, "t", 0, 100, 50);
    fixture_set(f, "startingOffsets", "earliest");
    fixture_begin(f);
    assert_int_equal(f->source->partitions.items[0].leader_epoch, -1);
    assert_int_equal(fixture_take(f, 250, &t), SOURCE_PACKET);
    int32_t before = f->source->partitions.items[1].leader_epoch;
    assert_true(before >= 0);
    assert_true(f->source->partitions.items[0].leader_epoch > before);
    fixture_free(f);
}

static void a_position_with_its_epoch_is_looked_at_before_it_is_read(void **state)
{
    (void)state;
    struct fixture *f = elected_topic(1, 100);
    struct taken t = {0};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    int32_t epoch = f->source->partitions.items[0].leader_epoch;
    elect(f, 2);
    fixture_produce(f, "t", 0, 100, 50);
    source_close(f->source);
    f->source = NULL;
    rd_kafka_mock_start_request_tracking(f->cluster);
    fixture_open(f);
    f->source->partitions.items[0].next_offset = 100;
    f->source->partitions.items[0].leader_epoch = epoch;
    OK(source_start(f->source, &f->err));
    struct taken again = {0};
    assert_int_equal(fixture_take(f, 50, &again), SOURCE_PACKET);
    assert_int_equal(again.first[0], 100);
    assert_int_equal(fixture_requests(f, API_OFFSET_FOR_EPOCH), 1);
    assert_true(f->source->partitions.items[0].leader_epoch > epoch);
    fixture_free(f);
}

static void a_log_that_was_truncated_and_grew_again_is_noticed(void **state)
{
    (void)state;
    struct fixture *f = elected_topic(1, 100);
    struct taken t = {0};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    int32_t epoch = f->source->partitions.items[0].leader_epoch;
    elect(f, 2);
    fixture_produce(f, "t", 0, 100, 50);
    source_close(f->source);
    f->source = NULL;
    fixture_open(f);
    /* The table says that 20 more records of the old epoch were read: the new leader lacks them. */
    f->source->partitions.items[0].next_offset = 120;
    f->source->partitions.items[0].leader_epoch = epoch;
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take_news(f), ERR_DATA);
    assert_non_null(strstr(f->err.msg,
                           "topic \"t\" partition 0: the log was truncated below offset "
                           "120, which is next, and has grown again"));
    assert_int_equal(f->source->partitions.items[0].next_offset, 120);
    /* Set back by hand, without an epoch, it is read. */
    f->source->partitions.items[0].next_offset = 100;
    f->source->partitions.items[0].leader_epoch = -1;
    OK(source_start(f->source, &f->err));
    struct taken again = {0};
    assert_int_equal(fixture_take(f, 50, &again), SOURCE_PACKET);
    fixture_free(f);
}

static void a_position_moved_by_loss_or_a_limit_has_no_epoch(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    fixture_set(f, "failOnDataLoss", "false");
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    assert_true(f->source->partitions.items[0].leader_epoch >= 0);
    assert_int_equal(rd_kafka_mock_partition_delete_records(f->cluster, "t", 0, 100), 0);
    f->source->partitions.items[0].next_offset = 10;
    f->source->partitions.items[0].limit_offset = 100;
    OK(source_start(f->source, &f->err));
    assert_int_equal(fixture_take(f, 101, &t), SOURCE_END);
    assert_int_equal(f->source->partitions.items[0].lost_count, 90);
    assert_int_equal(f->source->partitions.items[0].leader_epoch, -1);
    fixture_free(f);
}

static void a_false_alarm_loses_nothing(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    rd_kafka_mock_partition_push_request_errors(f->cluster, "t", 0, API_FETCH, 2,
                                                RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                                                RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 0);
    assert_int_equal(f->source->partitions.items[0].lost_count, 0);
    fixture_free(f);
}

static void passing_fetch_errors_lose_nothing(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,  RD_KAFKA_RESP_ERR_UNKNOWN,
        RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,       RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,       RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED};
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        struct fixture *f = fixture_topic(1, 100);
        struct taken t = {0};
        rd_kafka_mock_partition_push_request_errors(f->cluster, "t", 0, API_FETCH, 2, codes[i],
                                                    codes[i]);
        fixture_begin_at(f, 0);
        assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
        assert_int_equal(t.count, 100);
        assert_int_equal(f->source->status.state, SOURCE_RUNNING);
        fixture_free(f);
    }
}

static void missing_rights_show_in_the_status(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    struct taken t = {0};
    rd_kafka_mock_topic_set_error(f->cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 100, &t), SOURCE_PACKET);
    rd_kafka_resp_err_t codes[200];
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        codes[i] = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    }
    rd_kafka_mock_push_request_errors_array(f->cluster, API_FETCH, ARRAY_COUNT(codes), codes);
    assert_true(fixture_await_state(f, SOURCE_DOWN));
    assert_non_null(strstr(f->source->status.reason, "uthoriz"));
    rd_kafka_mock_clear_request_errors(f->cluster, API_FETCH);
    fixture_produce(f, "t", 0, 100, 10);
    assert_int_equal(fixture_take(f, 110, &t), SOURCE_PACKET);
    assert_int_equal(f->source->status.state, SOURCE_RUNNING);
    fixture_free(f);
}

static void a_corrupt_record_stops_at_its_offset(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 100);
    rd_kafka_mock_partition_push_request_errors(f->cluster, "t", 0, API_FETCH, 1,
                                                RD_KAFKA_RESP_ERR_INVALID_MSG);
    fixture_begin_at(f, 30);
    assert_int_equal(fixture_take_news(f), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "topic \"t\" partition 0 offset 30 cannot be read"));
    assert_int_equal(f->source->partitions.items[0].next_offset, 30);
    /* Begun anew at the same place, nothing has been skipped. */
    OK(source_start(f->source, &f->err));
    struct taken t = {0};
    assert_int_equal(fixture_take(f, 70, &t), SOURCE_PACKET);
    assert_int_equal(t.first[0], 30);
    fixture_free(f);
}

static void a_recreated_topic_is_found_by_verify(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    assert_int_equal(f->source->partitions.items[0].topic_id.len, 22);
    OK(source_verify(f->source, &f->err));
    assert_int_equal(rd_kafka_mock_topic_delete(f->cluster, "t"), 0);
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    assert_int_equal(source_verify(f->source, &f->err), ERR_IDENTITY);
    assert_non_null(strstr(f->err.msg, "topic \"t\" was deleted and created again (id "));
    fixture_free(f);
}

static void a_recreated_topic_is_found_while_idle(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    fixture_set(f, "metadataRefresh", "200 ms");
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    assert_int_equal(rd_kafka_mock_topic_delete(f->cluster, "t"), 0);
    OK(mock_broker_create_topic(f->mock, "t", 1, &f->err));
    assert_int_equal(fixture_take_news(f), ERR_IDENTITY);
    fixture_free(f);
}

static void a_deleted_topic_stops_the_query(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    fixture_set(f, "metadataRefresh", "200 ms");
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    assert_int_equal(rd_kafka_mock_topic_delete(f->cluster, "t"), 0);
    assert_int_equal(fixture_take_news(f), ERR_IDENTITY);
    assert_non_null(strstr(f->err.msg, "topic \"t\" was deleted"));
    assert_int_equal(source_verify(f->source, &f->err), ERR_IDENTITY);
    fixture_free(f);
}

static void a_topic_that_is_not_there_brings_the_nearest_name(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    OK(mock_broker_create_topic(f->mock, "dev_topic", 1, &f->err));
    OK(mock_broker_create_topic(f->mock, "other", 1, &f->err));
    fixture_set(f, "subscribe", "dev_topics");
    fixture_open_only(f);
    assert_int_equal(source_discover(f->source, &f->err), ERR_CONFIG);
    assert_string_equal(f->err.msg,
                        "topic \"dev_topics\" does not exist; did you mean \"dev_topic\"?");
    fixture_free(f);
}

static void group_offsets_that_are_refused_are_only_counted(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    rd_kafka_mock_push_request_errors(f->cluster, API_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    int64_t next[] = {10};
    source_acknowledge(f->source, next, 1);
    for (int i = 0; i < 50 && f->source->counts.acknowledge_failed == 0; i++) {
        assert_int_equal(fixture_quiet(f, 100000), SOURCE_IDLE);
    }
    assert_int_equal(f->source->counts.acknowledge_failed, 1);
    fixture_free(f);
}

static void a_group_that_may_not_be_read_is_told_so(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 1);
    int64_t told[1];
    fixture_open(f);
    rd_kafka_mock_push_request_errors(f->cluster, API_OFFSET_FETCH, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_int_equal(source_acknowledged(f->source, told, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "uthoriz"));
    fixture_free(f);
}

static void a_coordinator_that_is_not_ready_is_asked_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 1);
    int64_t told[1] = {7};
    fixture_open(f);
    rd_kafka_mock_push_request_errors(f->cluster, API_OFFSET_FETCH, 2,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    OK(source_acknowledged(f->source, told, &f->err));
    assert_int_equal(told[0], -1);
    assert_int_equal(f->source->status.state, SOURCE_RUNNING);
    fixture_free(f);
}

static void give_rights_back_later(void *cluster)
{
    clock_sleep_us(700000);
    rd_kafka_mock_topic_set_error(cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* What lag tools know of partition 0 after the source has been closed. */
static int64_t told_after_close(struct fixture *f)
{
    int64_t told[1] = {7};
    source_close(f->source);
    f->source = NULL;
    fixture_open(f);
    OK(source_acknowledged(f->source, told, &f->err));
    return told[0];
}

static void a_commit_that_comes_before_its_coordinator_is_sent_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    int64_t next[] = {10};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    rd_kafka_mock_push_request_errors(
        f->cluster, API_OFFSET_COMMIT, 5, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    source_acknowledge(f->source, next, 1);
    assert_int_equal(told_after_close(f), 10);
    fixture_free(f);
}

static void an_identity_that_may_not_be_seen_is_not_taken_for_verified(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    struct taken t = {0};
    struct thread later = {0};
    fixture_begin_at(f, 0);
    assert_int_equal(fixture_take(f, 10, &t), SOURCE_PACKET);
    rd_kafka_mock_topic_set_error(f->cluster, "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    int64_t begun = clock_mono_us();
    thread_start(&later, "later", give_rights_back_later, f->cluster);
    OK(source_verify(f->source, &f->err));
    assert_true(clock_mono_us() - begun > 600000);
    thread_join(&later);
    fixture_free(f);
}

static void rights_that_are_missing_at_the_start_are_an_error(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 10);
    rd_kafka_mock_topic_set_error(f->cluster, "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    fixture_open_only(f);
    assert_int_equal(source_discover(f->source, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "topic \"t\": "));
    fixture_free(f);
}

struct committer {
    struct fixture *f;
    struct err err;
    int rc;
};

static void commit_all_the_time(void *user)
{
    struct committer *c = user;
    for (int64_t i = 0; i < 200 && c->rc == 0; i++) {
        c->rc = source_verify(c->f->source, &c->err);
        source_acknowledge(c->f->source, &i, 1);
    }
}

static void verify_and_acknowledge_run_beside_poll(void **state)
{
    (void)state;
    struct fixture *f = fixture_topic(1, 2000);
    struct committer c = {.f = f};
    struct thread thread = {0};
    struct taken t = {0};
    fixture_set(f, "metadataRefresh", "10 ms");
    fixture_begin_at(f, 0);
    thread_start(&thread, "committer", commit_all_the_time, &c);
    assert_int_equal(fixture_take(f, 2000, &t), SOURCE_PACKET);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_quiet(f, 50000), SOURCE_IDLE);
    }
    thread_join(&thread);
    assert_int_equal(c.rc, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_that_goes_away_is_waited_for),
        cmocka_unit_test(a_stop_ends_the_wait_for_a_broker),
        cmocka_unit_test(discover_waits_until_the_broker_is_there),
        cmocka_unit_test(offsets_that_retention_took_stop_the_query),
        cmocka_unit_test(offsets_that_retention_took_are_counted_when_loss_is_allowed),
        cmocka_unit_test(a_bounded_run_over_a_log_that_lost_everything_ends),
        cmocka_unit_test(a_position_beyond_the_end_is_a_truncated_log),
        cmocka_unit_test(the_epoch_of_the_last_record_delivered_is_known),
        cmocka_unit_test(a_position_with_its_epoch_is_looked_at_before_it_is_read),
        cmocka_unit_test(a_log_that_was_truncated_and_grew_again_is_noticed),
        cmocka_unit_test(a_position_moved_by_loss_or_a_limit_has_no_epoch),
        cmocka_unit_test(a_false_alarm_loses_nothing),
        cmocka_unit_test(passing_fetch_errors_lose_nothing),
        cmocka_unit_test(missing_rights_show_in_the_status),
        cmocka_unit_test(a_corrupt_record_stops_at_its_offset),
        cmocka_unit_test(a_recreated_topic_is_found_by_verify),
        cmocka_unit_test(a_recreated_topic_is_found_while_idle),
        cmocka_unit_test(a_deleted_topic_stops_the_query),
        cmocka_unit_test(a_topic_that_is_not_there_brings_the_nearest_name),
        cmocka_unit_test(group_offsets_that_are_refused_are_only_counted),
        cmocka_unit_test(a_group_that_may_not_be_read_is_told_so),
        cmocka_unit_test(a_coordinator_that_is_not_ready_is_asked_again),
        cmocka_unit_test(a_commit_that_comes_before_its_coordinator_is_sent_again),
        cmocka_unit_test(an_identity_that_may_not_be_seen_is_not_taken_for_verified),
        cmocka_unit_test(rights_that_are_missing_at_the_start_are_an_error),
        cmocka_unit_test(verify_and_acknowledge_run_beside_poll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
