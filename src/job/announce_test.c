/* SPDX-License-Identifier: Apache-2.0 */
/*
 * announce_test - the lines in which a running plan tells what it does
 */
#include "job/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/log_capture.h"

static void assert_logged(void **state, const char *expected)
{
    assert_string_equal(log_captured_text(state), expected);
}

static void retries_of_the_store_are_told_and_counted(void **state)
{
    struct store_event event = {.kind = STORE_EVENT_RETRY,
                                .operation = "put",
                                .key = STR("part-1.parquet"),
                                .status = 503,
                                .reason = "SlowDown",
                                .attempts = 2,
                                .pause_us = 150000};
    log_set_query("q");
    LOG_IN_BATCH(7);
    job_on_store_event(NULL, &event);
    assert_logged(state, "level=warn module=store event=retrying query=q batch=7 operation=put "
                         "key=part-1.parquet status=503 reason=SlowDown attempts=2 pause_ms=150\n");
    for (int i = 0; i < 5; i++) {
        job_on_store_event(NULL, &event);
    }
    assert_logged(state, "");
    event.operation = "get";
    job_on_store_event(NULL, &event);
    assert_logged(state, "level=warn module=store event=retrying query=q batch=7 operation=get "
                         "key=part-1.parquet status=503 reason=SlowDown attempts=2 pause_ms=150\n");
    *log_capture_clock() += 10 * INT64_C(1000000);
    event.operation = "put";
    event.attempts = 9;
    job_on_store_event(NULL, &event);
    assert_logged(state, "level=warn module=store event=retrying query=q batch=7 operation=put "
                         "key=part-1.parquet status=503 reason=SlowDown attempts=9 pause_ms=150 "
                         "repeated=5\n");
}

static void other_events_of_the_store_have_their_level(void **state)
{
    log_open(LOG_DEBUG, LOG_LOGFMT);
    struct store_event keys = {.kind = STORE_EVENT_KEYS, .operation = "keys", .reason = "no file"};
    job_on_store_event(NULL, &keys);
    assert_logged(state, "level=warn module=store event=\"no new keys\" reason=\"no file\"\n");
    struct store_event learned = {.kind = STORE_EVENT_LEARNED,
                                  .operation = "head",
                                  .key = STR("k"),
                                  .status = 301,
                                  .reason = "PermanentRedirect"};
    job_on_store_event(NULL, &learned);
    assert_logged(state, "level=debug module=store event=corrected operation=head key=k status=301 "
                         "reason=PermanentRedirect\n");
}

static void changes_of_a_source_are_told_once(void **state)
{
    char stream[] = "feed";
    struct source_status status = {
        .state = SOURCE_DOWN, .was = SOURCE_CONNECTING, .reason = "no broker"};
    job_on_source_status(stream, &status);
    assert_logged(state, "level=warn module=connect event=\"source down\" stream=feed "
                         "reason=\"no broker\"\n");
    status.was = SOURCE_DOWN; /* another reason only */
    job_on_source_status(stream, &status);
    assert_logged(state, "");
    status =
        (struct source_status){.state = SOURCE_RUNNING, .was = SOURCE_DOWN, .was_for_us = 1500000};
    job_on_source_status(stream, &status);
    assert_logged(state, "level=info module=connect event=\"source back\" stream=feed "
                         "down_ms=1500\n");
    status = (struct source_status){.state = SOURCE_RUNNING, .was = SOURCE_CONNECTING};
    job_on_source_status(stream, &status);
    assert_logged(state, ""); /* the usual start */
}

static void positions_are_told_by_topic(void **state)
{
    struct plan_stream stream = {.name = STR("feed")};
    struct source source = {.connected_to = "a:1,b:2"};
    bool fresh[21] = {false, true};
    for (int32_t i = 0; i < 2; i++) {
        *vec_push(&source.partitions) =
            (struct source_partition){.topic = STR("x"), .number = i, .next_offset = 10 * i};
    }
    for (int32_t i = 0; i < 17; i++) {
        *vec_push(&source.partitions) =
            (struct source_partition){.topic = STR("y"), .number = i, .next_offset = i};
    }
    announce_source(&stream, &source);
    assert_logged(state, "level=info module=connect event=connected stream=feed to=a:1,b:2\n");
    announce_positions(&stream, &source, fresh);
    struct str lines = log_captured(state);
    struct str first;
    assert_true(str_split(&lines, '\n', &first));
    assert_true(str_eq(str_skip(first, 28),
                       STR("level=info module=connect event=reading stream=feed topic=x "
                           "partitions=2 resumed=1 offsets=0:0,1:10")));
    assert_true(str_eq(str_skip(lines, 28),
                       STR("level=info module=connect event=reading stream=feed topic=y "
                           "partitions=17 resumed=17 offsets=0:0,1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,"
                           "9:9,10:10,11:11,12:12,13:13,14:14,15:15,…\n")));
    vec_done(&source.partitions);
}

static void what_a_commit_met_with_is_told(void **state)
{
    struct batch batch = {.version = 12, .uploaded_us = 1000, .committed_us = 6000};
    struct delta_counters before = {.rebases = 3, .unknown_answers = 1};
    struct delta_counters after = before;
    announce_commit(&batch, &before, &after);
    assert_logged(state, "");
    after.unknown_answers += 2;
    announce_commit(&batch, &before, &after);
    assert_logged(state, "level=warn module=delta event=\"commit was unclear\" version=12 "
                         "answers=2\n");
    after = before;
    after.rebases++;
    announce_commit(&batch, &before, &after);
    assert_logged(state, "level=info module=delta event=\"commit rebased\" version=12 rebases=1\n");
    struct log_levels levels;
    struct err err;
    assert_int_equal(log_levels_parse(STR("error,delta=debug"), &levels, &err), 0);
    log_open_levels(&levels, LOG_LOGFMT);
    announce_commit(&batch, &before, &before);
    assert_logged(state, "level=debug module=delta event=committed version=12 files=0 ms=5\n");
}

static void ends_have_a_summary(void **state)
{
    struct query q = {.figures = {.batches = 2,
                                  .input_rows = 30,
                                  .output_rows = 28,
                                  .files = 2,
                                  .bytes = 900,
                                  .bad_records = 3,
                                  .dropped = 2,
                                  .dead = 1,
                                  .version = 5}};
    struct stop stop;
    stop_init(&stop);
    mutex_init(&q.lock);
    q.stop = &stop;
#define SUMMARY                                                                                    \
    "batches=2 input_rows=30 output_rows=28 files=2 bytes=900 bad_records=3 dropped=2 "            \
    "dead_letters=1 version=5 seconds=1.5\n"
    announce_end(&q, 1500000, NULL);
    assert_logged(state, "level=info module=job event=stopped outcome=ended " SUMMARY);
    stop_set(&stop);
    announce_end(&q, 1500000, NULL);
    assert_logged(state, "level=info module=job event=stopped outcome=stopped " SUMMARY);
    struct err err;
    err_set(&err, ERR_FENCED, "another instance");
    announce_end(&q, 1500000, &err);
    struct str lines = log_captured(state);
    assert_true(str_find_str(lines, STR("level=error module=job event=fenced code=fenced ")) > 0);
    assert_true(str_find_str(lines, STR("event=stopped outcome=failed ")) > 0);
    err_set(&err, ERR_DATA, "bad");
    announce_end(&q, 1500000, &err);
    lines = log_captured(state);
    assert_true(str_find_str(lines, STR("level=error module=job event=failed code=data ")) > 0);
    announce_retry(&err, 750000);
    assert_logged(state, "level=warn module=job event=\"trying again\" code=data message=bad "
                         "retry_in_ms=750\n");
    mutex_done(&q.lock);
    stop_done(&stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_CAPTURE_TIMED(retries_of_the_store_are_told_and_counted),
        LOG_CAPTURE_TIMED(other_events_of_the_store_have_their_level),
        LOG_CAPTURE_TIMED(changes_of_a_source_are_told_once),
        LOG_CAPTURE_TIMED(positions_are_told_by_topic),
        LOG_CAPTURE_TIMED(what_a_commit_met_with_is_told),
        LOG_CAPTURE_TIMED(ends_have_a_summary),
    };
    return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}
