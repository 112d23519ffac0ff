/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_test - what is shown of a query, and readers beside writers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "job/monitor_fixture.h"

struct test {
    struct monitor_fixture f;
    struct arena arena;
    struct buf text;
};

static int set_up(void **state)
{
    struct test *t = mem_new(struct test);
    monitor_fixture_open(&t->f, "orders", "t");
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct test *t = *state;
    if (t->f.query.shown->query != NULL) {
        monitor_fixture_end(&t->f);
    }
    monitor_fixture_close(&t->f);
    arena_done(&t->arena);
    buf_done(&t->text);
    mem_free(t);
    return 0;
}

/* What was printed, as a tree. */
static struct json *parsed(struct test *t)
{
    struct json *root = NULL;
    struct err err;
    char *text = arena_strdup(&t->arena, buf_str(&t->text));
    if (json_parse(&t->arena, str_of(text), &root, &err) < 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    buf_reset(&t->text);
    return root;
}

static struct json *look(struct test *t)
{
    assert_int_equal(job_monitor_print_query(t->f.monitor, STR("orders"), &t->text), 1);
    return parsed(t);
}

static struct json *at(struct json *parent, size_t index)
{
    struct json *child = parent->child;
    while (index-- > 0) {
        assert_non_null(child);
        child = child->next;
    }
    assert_non_null(child);
    return child;
}

static void assert_text(const struct json *object, const char *name, const char *expected)
{
    struct str text;
    assert_true(json_get_str(json_find(object, name), &text));
    AUTO_FREE char *copy = str_dup(text);
    assert_string_equal(copy, expected);
}

static void assert_i64(const struct json *object, const char *name, int64_t expected)
{
    int64_t value = 0;
    assert_true(json_get_i64(json_find(object, name), &value));
    assert_int_equal(value, expected);
}

static void assert_unknown(const struct json *object, const char *name)
{
    assert_non_null(json_find(object, name));
    assert_int_equal(json_find(object, name)->kind, JSON_NULL);
}

static void what_is_not_known_yet_is_null(void **state)
{
    struct test *t = *state;
    static const char *const nulls[] = {"id",         "reason",     "latencyMs", "lagRecords",
                                        "lagSeconds", "lastCommit", "lastError"};
    struct json *q = look(t);
    assert_text(q, "name", "orders");
    assert_text(q, "state", "starting");
    for (size_t i = 0; i < ARRAY_COUNT(nulls); i++) {
        assert_unknown(q, nulls[i]);
    }
    assert_unknown(json_find(q, "table"), "bytes");
    assert_i64(json_find(q, "totals"), "inputRows", 0);
}

static void a_query_that_is_not_there_is_none(void **state)
{
    struct test *t = *state;
    struct job_monitor *m = t->f.monitor;
    struct err err;
    struct str name = STR("order");
    assert_int_equal(job_monitor_print_query(m, name, &t->text), 0);
    assert_int_equal(job_monitor_print_progress(m, name, 1, &t->text), 0);
    assert_int_equal(job_monitor_print_history(m, name, 0, &t->text), 0);
    assert_int_equal(job_monitor_print_offsets(m, name, &t->text), 0);
    assert_int_equal(job_monitor_print_errors(m, name, &t->text), 0);
    assert_int_equal(job_monitor_print_plan(m, name, &t->text), 0);
    assert_int_equal(job_monitor_print_schema(m, name, &t->text), 0);
    assert_int_equal(job_monitor_command(m, name, JOB_COMMAND_STOP, &err), 0);
    assert_int_equal(t->text.len, 0);
}

static void the_process_and_its_queries_are_listed(void **state)
{
    struct test *t = *state;
    job_monitor_print_queries(t->f.monitor, &t->text);
    struct json *root = parsed(t);
    assert_text(json_find(root, "process"), "version", SLUICE_VERSION);
    assert_int_equal(json_find(root, "queries")->count, 1);
    assert_text(at(json_find(root, "queries"), 0), "name", "orders");
}

static void before_the_run_there_is_no_query(void **state)
{
    (void)state;
    const struct job_monitor_options options = {0};
    struct job_monitor *m = job_monitor_new(&options);
    AUTO_BUF struct buf text = {0};
    job_monitor_print_queries(m, &text);
    assert_true(str_ends(buf_str(&text), STR(",\"queries\":[]}")));
    buf_reset(&text);
    assert_false(job_monitor_print_ready(m, &text));
    assert_string_equal(text.ptr, "{\"ready\":false,\"queries\":[]}");
    job_monitor_free(m);
    job_monitor_free(NULL);
}

static void partitions_are_shown_as_they_stand(void **state)
{
    struct test *t = *state;
    struct source_partition *parts = t->f.source.partitions.items;
    parts[0].newest_us = clock_wall_us() - 5000000;
    parts[1].held = true;
    parts[2].next_offset = 100;
    snprintf(t->f.query.holds.reason, sizeof(t->f.query.holds.reason), "schema 7 is not known");
    monitor_publish(&t->f.query);
    assert_int_equal(job_monitor_print_offsets(t->f.monitor, STR("orders"), &t->text), 1);
    struct json *list = json_find(parsed(t), "partitions");
    assert_int_equal(list->count, 3);
    assert_text(at(list, 0), "stream", "events");
    assert_text(at(list, 0), "topic", "t");
    assert_i64(at(list, 0), "lag", 100);
    double seconds = 0;
    assert_true(json_get_double(json_find(at(list, 0), "lagSeconds"), &seconds));
    assert_true(seconds >= 5);
    assert_unknown(at(list, 0), "held");
    assert_text(at(list, 1), "held", "schema 7 is not known");
    assert_unknown(at(list, 1), "lagSeconds");
    assert_i64(at(list, 2), "lag", 0);
    assert_true(json_get_double(json_find(at(list, 2), "lagSeconds"), &seconds));
    assert_true(seconds == 0);
    struct json *q = look(t);
    assert_i64(q, "lagRecords", 190);
    assert_int_equal(json_find(q, "topics")->count, 1);
}

static void a_lag_with_an_unknown_end_is_unknown(void **state)
{
    struct test *t = *state;
    t->f.source.partitions.items[1].end_offset = -1;
    monitor_publish(&t->f.query);
    assert_unknown(look(t), "lagRecords");
    (void)job_monitor_print_offsets(t->f.monitor, STR("orders"), &t->text);
    struct json *part = at(json_find(parsed(t), "partitions"), 1);
    assert_unknown(part, "lag");
    assert_unknown(part, "logEnd");
}

static void a_query_that_reads_nothing_is_idle(void **state)
{
    struct test *t = *state;
    struct query *q = &t->f.query;
    query_set_state(q, JOB_RUNNING, NULL);
    assert_text(look(t), "state", "running");
    q->figures.state_since_us -= 60 * (int64_t)1000000;
    assert_text(look(t), "state", "running");
    atomic_fetch_sub(&q->shown->read_mono_us, 6 * 1000000);
    assert_text(look(t), "state", "idle");
    monitor_count_read(q, 5);
    assert_text(look(t), "state", "running");
}

/* ---- commands ------------------------------------------------------------------------------ */

static int command(struct test *t, enum job_command what)
{
    struct err err;
    int rc = job_monitor_command(t->f.monitor, STR("orders"), what, &err);
    if (rc < 0) {
        assert_int_equal(err.code, ERR_CONFIG);
        buf_add_c(&t->text, err.msg);
    }
    return rc;
}

static void commands_reach_the_query(void **state)
{
    struct test *t = *state;
    struct query *q = &t->f.query;
    query_set_state(q, JOB_RUNNING, NULL);
    assert_int_equal(command(t, JOB_COMMAND_RESUME), ERR_CONFIG);
    assert_string_equal(t->text.ptr, "query \"orders\" cannot be resumed: it is running");
    buf_reset(&t->text);
    assert_int_equal(command(t, JOB_COMMAND_PAUSE), 1);
    assert_true(atomic_load(&q->pause_wanted));
    assert_int_equal(command(t, JOB_COMMAND_PAUSE), 1);
    assert_int_equal(command(t, JOB_COMMAND_RESUME), 1);
    assert_false(atomic_load(&q->pause_wanted));
    assert_int_equal(command(t, JOB_COMMAND_STOP), 1);
    assert_true(stop_is_set(q->stop));
    assert_text(look(t), "state", "stopping");
    assert_int_equal(command(t, JOB_COMMAND_STOP), 1);
    assert_int_equal(command(t, JOB_COMMAND_PAUSE), ERR_CONFIG);
    assert_string_equal(t->text.ptr, "query \"orders\" cannot be paused: it is stopping");
}

static void what_has_ended_takes_no_command(void **state)
{
    struct test *t = *state;
    query_set_state(&t->f.query, JOB_FAILED, "it broke");
    assert_int_equal(command(t, JOB_COMMAND_STOP), ERR_CONFIG);
    assert_string_equal(t->text.ptr, "query \"orders\" cannot be stopped: it is failed");
    buf_reset(&t->text);
    t->f.query.figures.output_rows = 42;
    monitor_fixture_end(&t->f);
    t->f.query.figures.output_rows = 0; /* nobody looks there any more */
    assert_int_equal(command(t, JOB_COMMAND_RESUME), ERR_CONFIG);
    buf_reset(&t->text);
    struct json *q = look(t);
    assert_text(q, "state", "failed");
    assert_text(q, "reason", "it broke");
    assert_i64(json_find(q, "totals"), "outputRows", 42);
}

/* ---- rings --------------------------------------------------------------------------------- */

static void keep_progress(struct test *t, int number, size_t padding)
{
    AUTO_BUF struct buf json = {0};
    buf_printf(&json, "{\"batchId\":%d,\"x\":\"", number);
    for (size_t i = 0; i < padding; i++) {
        buf_add_char(&json, 'x');
    }
    buf_add_c(&json, "\"}");
    monitor_keep_progress(&t->f.query, &json);
}

static struct json *progress(struct test *t, size_t limit)
{
    (void)job_monitor_print_progress(t->f.monitor, STR("orders"), limit, &t->text);
    return parsed(t);
}

static void the_newest_progress_comes_first(void **state)
{
    struct test *t = *state;
    assert_int_equal(progress(t, 10)->count, 0);
    for (int i = 0; i < MONITOR_PROGRESS_MAX + 5; i++) {
        keep_progress(t, i, 1);
    }
    struct json *list = progress(t, 3);
    assert_int_equal(list->count, 3);
    assert_i64(at(list, 0), "batchId", MONITOR_PROGRESS_MAX + 4);
    assert_i64(at(list, 2), "batchId", MONITOR_PROGRESS_MAX + 2);
    list = progress(t, 5000);
    assert_int_equal(list->count, MONITOR_PROGRESS_MAX);
    assert_i64(at(list, MONITOR_PROGRESS_MAX - 1), "batchId", 5);
}

static void progress_keeps_to_its_memory(void **state)
{
    struct test *t = *state;
    const size_t large = MONITOR_PROGRESS_BYTES / 3;
    for (int i = 0; i < 10; i++) {
        keep_progress(t, i, large);
    }
    struct json *list = progress(t, 100);
    assert_int_equal(list->count, 2);
    assert_i64(at(list, 0), "batchId", 9);
    keep_progress(t, 10, MONITOR_PROGRESS_BYTES + 1); /* too large for any */
    assert_i64(at(progress(t, 1), 0), "batchId", 9);
    assert_true(t->f.query.shown->progress_bytes <= MONITOR_PROGRESS_BYTES);
}

static void the_last_errors_are_kept_without_secrets(void **state)
{
    struct test *t = *state;
    log_mask(STR("hunter2-very-secret"));
    monitor_keep_error(&t->f.query, "attempt", "io", "put: hunter2-very-secret: 503", true);
    for (int i = 0; i < MONITOR_ERRORS; i++) {
        AUTO_FREE char *message = mem_printf("record %d", i);
        monitor_keep_error(&t->f.query, "bad record", "syntax", message, false);
    }
    (void)job_monitor_print_errors(t->f.monitor, STR("orders"), &t->text);
    struct json *list = parsed(t);
    assert_int_equal(list->count, MONITOR_ERRORS);
    assert_text(at(list, 0), "message", "record 49");
    assert_text(at(list, 0), "kind", "bad record");
    assert_text(at(list, MONITOR_ERRORS - 1), "message", "record 0");
    /* Bad records are many: the last error of an attempt stays. */
    const struct json *last = json_find(look(t), "lastError");
    assert_text(last, "message", "put: ***: 503");
    assert_text(last, "code", "io");
}

static void a_long_error_is_cut_between_characters(void **state)
{
    struct test *t = *state;
    AUTO_BUF struct buf message = {0};
    buf_add_char(&message, 'x');
    for (int i = 0; i < 400; i++) {
        buf_add_c(&message, "é");
    }
    monitor_keep_error(&t->f.query, "attempt", "io", message.ptr, true);
    (void)look(t);
    assert_int_equal(strlen(t->f.query.shown->last_error.message), 511);
}

/* Also when the place for it ends in the middle of one. */
static void the_reason_of_a_state_has_no_secrets(void **state)
{
    struct test *t = *state;
    AUTO_BUF struct buf reason = {0};
    log_mask(STR("hunter2-very-secret"));
    while (reason.len < sizeof(t->f.query.figures.reason) - 10) {
        buf_add_char(&reason, 'x');
    }
    buf_add_c(&reason, "hunter2-very-secret");
    query_set_state(&t->f.query, JOB_WAITING, "put: hunter2-very-secret: 503");
    assert_text(look(t), "reason", "put: ***: 503");
    query_set_state(&t->f.query, JOB_WAITING, reason.ptr);
    struct str shown;
    assert_true(json_get_str(json_find(look(t), "reason"), &shown));
    assert_true(str_ends(shown, STR("x***")));
}

static void why_a_partition_is_held_has_no_secrets(void **state)
{
    struct test *t = *state;
    log_mask(STR("hunter2-very-secret"));
    snprintf(t->f.query.holds.reason, sizeof(t->f.query.holds.reason), "get hunter2-very-secret");
    t->f.source.partitions.items[0].held = true;
    monitor_publish(&t->f.query);
    (void)job_monitor_print_offsets(t->f.monitor, STR("orders"), &t->text);
    assert_text(at(json_find(parsed(t), "partitions"), 0), "held", "get ***");
}

/* ---- history ------------------------------------------------------------------------------- */

static struct json *history(struct test *t, int64_t since_s, int64_t *ret_start)
{
    (void)job_monitor_print_history(t->f.monitor, STR("orders"), since_s, &t->text);
    struct json *root = parsed(t);
    assert_i64(root, "stepSeconds", 1);
    assert_true(json_get_i64(json_find(root, "start"), ret_start));
    return json_find(root, "series");
}

static double value_at(const struct json *series, const char *name, size_t index)
{
    double value = -1;
    const struct json *v = at(json_find(series, name), index);
    assert_true(v->kind == JSON_NULL || json_get_double(v, &value));
    return value;
}

#define LATER ((int64_t)4000000000)

static void a_second_is_a_sample(void **state)
{
    struct test *t = *state;
    struct query *q = &t->f.query;
    int64_t start = 0;
    monitor_sample(t->f.monitor, LATER * 1000000);
    monitor_count_read(q, 500);
    q->figures.output_rows = 300;
    q->figures.dead = 2;
    q->figures.batches = 1;
    q->figures.latency_us = 12500;
    monitor_sample(t->f.monitor, (LATER + 1) * 1000000);
    monitor_sample(t->f.monitor, (LATER + 1) * 1000000 + 5); /* once a second */
    monitor_count_read(q, 300);
    monitor_sample(t->f.monitor, (LATER + 4) * 1000000); /* two were missed */
    const struct json *series = history(t, LATER, &start);
    assert_int_equal(start, LATER);
    assert_int_equal(json_find(series, "lagRecords")->count, 5);
    assert_true(value_at(series, "inputRowsPerSecond", 0) == -1);
    assert_true(value_at(series, "inputRowsPerSecond", 1) == 500);
    assert_true(value_at(series, "inputRowsPerSecond", 2) == -1);
    assert_true(value_at(series, "inputRowsPerSecond", 4) == 100);
    assert_true(value_at(series, "outputRowsPerSecond", 1) == 300);
    assert_true(value_at(series, "latencyMs", 1) == 12.5);
    assert_true(value_at(series, "latencyMs", 4) == -1);
    assert_true(value_at(series, "deadLetters", 1) == 2);
    assert_true(value_at(series, "deadLetters", 4) == 0);
    assert_true(value_at(series, "memoryBytes", 4) > 100000);
    series = history(t, LATER + 3, &start);
    assert_int_equal(start, LATER + 4);
    assert_int_equal(json_find(series, "badRecords")->count, 1);
    series = history(t, LATER + 100, &start);
    assert_int_equal(json_find(series, "badRecords")->count, 0);
}

static void an_hour_is_kept(void **state)
{
    struct test *t = *state;
    int64_t start = 0;
    for (int64_t i = 0; i < MONITOR_SAMPLES + 100; i++) {
        monitor_sample(t->f.monitor, (LATER + i) * 1000000);
    }
    const struct json *series = history(t, 0, &start);
    assert_int_equal(start, LATER + 100);
    assert_int_equal(json_find(series, "lagRecords")->count, MONITOR_SAMPLES);
}

/* ---- waiting and readiness ------------------------------------------------------------------ */

static void change_later(void *user)
{
    query_set_state(user, JOB_RUNNING, NULL);
}

static void a_change_of_state_wakes_who_waits(void **state)
{
    struct test *t = *state;
    stop_set(&t->f.query.own_stop); /* no matter */
    uint64_t seen = job_monitor_wait(t->f.monitor, 0, 0);
    assert_true(seen >= 1);
    struct thread thread = {0};
    thread_start(&thread, "change", change_later, &t->f.query);
    uint64_t next = job_monitor_wait(t->f.monitor, seen, clock_mono_us() + 60000000);
    assert_true(next > seen);
    thread_join(&thread);
    /* The same state again is no change. */
    monitor_fixture_end(&t->f);
    seen = job_monitor_wait(t->f.monitor, 0, 0);
    query_set_state(&t->f.query, JOB_RUNNING, NULL);
    assert_int_equal(job_monitor_wait(t->f.monitor, seen, clock_mono_us()), seen);
}

static const struct json *ready(struct test *t, bool expected)
{
    assert_int_equal(job_monitor_print_ready(t->f.monitor, &t->text), expected);
    return at(json_find(parsed(t), "queries"), 0);
}

static void readiness_says_why_not(void **state)
{
    struct test *t = *state;
    struct query *q = &t->f.query;
    assert_text(ready(t, false), "reason", "it is starting");
    query_set_state(q, JOB_RUNNING, NULL);
    assert_unknown(ready(t, true), "reason");
    t->f.source.partitions.items[0].newest_us = clock_wall_us() - 400 * (int64_t)1000000;
    monitor_publish(q);
    struct str why;
    assert_true(json_get_str(json_find(ready(t, false), "reason"), &why));
    assert_true(str_ends(why, STR("s behind, more than 300")));
    query_set_state(q, JOB_WAITING, "no broker");
    assert_text(ready(t, false), "reason", "it is waiting: no broker");
    query_set_state(q, JOB_ENDED, NULL);
    assert_unknown(ready(t, true), "reason");
    query_set_state(q, JOB_FAILED, "it broke");
    assert_text(ready(t, false), "reason", "it is failed: it broke");
}

/* ---- many threads -------------------------------------------------------------------------- */

#define ROUNDS 300

static void read_all(void *user)
{
    struct test *t = user;
    struct job_monitor *m = t->f.monitor;
    uint64_t seen = 0;
    struct err err;
    for (int i = 0; i < ROUNDS; i++) {
        AUTO_BUF struct buf out = {0};
        job_monitor_print_queries(m, &out);
        (void)job_monitor_print_progress(m, STR("orders"), 100, &out);
        (void)job_monitor_print_history(m, STR("orders"), 0, &out);
        (void)job_monitor_print_offsets(m, STR("orders"), &out);
        (void)job_monitor_print_errors(m, STR("orders"), &out);
        (void)job_monitor_print_plan(m, STR("orders"), &out);
        (void)job_monitor_print_schema(m, STR("orders"), &out);
        (void)job_monitor_print_ready(m, &out);
        job_monitor_print_metrics(m, &out);
        job_monitor_count_request(m, 200);
        (void)job_monitor_command(m, STR("orders"), JOB_COMMAND_PAUSE, &err);
        (void)job_monitor_command(m, STR("orders"), JOB_COMMAND_RESUME, &err);
        seen = job_monitor_wait(m, seen, clock_mono_us());
    }
}

static void readers_and_writers_do_not_meet(void **state)
{
    struct test *t = *state;
    struct query *q = &t->f.query;
    struct thread readers[2] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        thread_start(&readers[i], "reader", read_all, t);
    }
    for (int i = 0; i < ROUNDS; i++) {
        query_set_state(q, i % 2 == 0 ? JOB_RUNNING : JOB_WAITING, "a reason");
        monitor_count_read(q, 10);
        t->f.source.partitions.items[0].next_offset++;
        q->shown->published_us = 0;
        monitor_publish(q);
        monitor_fixture_commit(&t->f, 1, 1000);
        keep_progress(t, i, 100);
        monitor_keep_error(q, "attempt", "io", "it broke", true);
        monitor_sample(t->f.monitor, (LATER + i) * 1000000);
    }
    monitor_fixture_end(&t->f);
    for (size_t i = 0; i < ARRAY_COUNT(readers); i++) {
        thread_join(&readers[i]);
    }
    assert_i64(at(progress(t, 1), 0), "batchId", ROUNDS - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_known_yet_is_null),
        TEST(a_query_that_is_not_there_is_none),
        TEST(the_process_and_its_queries_are_listed),
        cmocka_unit_test(before_the_run_there_is_no_query),
        TEST(partitions_are_shown_as_they_stand),
        TEST(a_lag_with_an_unknown_end_is_unknown),
        TEST(a_query_that_reads_nothing_is_idle),
        TEST(commands_reach_the_query),
        TEST(what_has_ended_takes_no_command),
        TEST(the_newest_progress_comes_first),
        TEST(progress_keeps_to_its_memory),
        TEST(the_last_errors_are_kept_without_secrets),
        TEST(a_long_error_is_cut_between_characters),
        TEST(the_reason_of_a_state_has_no_secrets),
        TEST(why_a_partition_is_held_has_no_secrets),
        TEST(a_second_is_a_sample),
        TEST(an_hour_is_kept),
        TEST(a_change_of_state_wakes_who_waits),
        TEST(readiness_says_why_not),
        TEST(readers_and_writers_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
