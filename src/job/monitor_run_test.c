/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_run_test - whole pipelines with somebody who looks, and commands them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "job/job.h"
#include "job/monitor.h"

#define PATIENCE_US ((int64_t)60 * 1000000)

struct fixture {
    char *dir;
    struct arena arena;
    struct plan *plan;
    struct job_monitor *monitor;
    struct job_options options;
    struct stop stop, now;
    struct thread runner;
    struct err err;
    int rc;
};

static int set_up(void **state)
{
    const struct job_monitor_options options = {0};
    struct fixture *f = mem_new(struct fixture);
    assert_true(fs_make_temp_dir("/tmp", "sluice-monitor", &f->dir, &f->err) >= 0);
    f->monitor = job_monitor_new(&options);
    f->options.monitor = f->monitor;
    stop_init(&f->stop);
    stop_init(&f->now);
    log_open(LOG_ERROR, LOG_LOGFMT);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stop_set(&f->now);
    stop_set(&f->stop);
    thread_join(&f->runner);
    job_monitor_free(f->monitor);
    plan_free(f->plan);
    stop_done(&f->stop);
    stop_done(&f->now);
    (void)fs_remove_tree(f->dir, &f->err);
    mem_free(f->dir);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

static void run(void *user)
{
    struct fixture *f = user;
    f->rc = job_run_plan(f->plan, &f->options, &f->stop, &f->now, &f->err);
}

/* "@" in the pipeline is the test's folder. */
static void start(struct fixture *f, const char *text)
{
    AUTO_BUF struct buf pipeline = {0};
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '@') {
            buf_add_c(&pipeline, f->dir);
        } else {
            buf_add_char(&pipeline, *c);
        }
    }
    if (plan_load(STR("test.sql"), buf_str(&pipeline), &f->plan, &f->err) < 0) {
        fail_msg("%s", f->err.msg);
    }
    thread_start(&f->runner, "run", run, f);
}

static void wait_end(struct fixture *f)
{
    thread_join(&f->runner);
    if (f->rc < 0) {
        fail_msg("%s", f->err.msg);
    }
}

static struct json *parsed(struct fixture *f, const struct buf *text)
{
    struct json *root = NULL;
    char *copy = arena_strdup(&f->arena, buf_str(text));
    if (json_parse(&f->arena, str_of(copy), &root, &f->err) < 0) {
        fail_msg("%s: %s", f->err.msg, copy);
    }
    return root;
}

/* NULL before the run has begun. */
static struct json *look(struct fixture *f, const char *name)
{
    AUTO_BUF struct buf text = {0};
    return job_monitor_print_query(f->monitor, str_of(name), &text) == 1 ? parsed(f, &text) : NULL;
}

static bool is_in(struct fixture *f, const char *name, const char *state)
{
    struct str now = STR("");
    (void)json_get_str(json_find(look(f, name), "state"), &now);
    return str_eq_c(now, state);
}

static int64_t total(struct fixture *f, const char *name, const char *what)
{
    int64_t value = 0;
    (void)json_get_i64(json_find(json_find(look(f, name), "totals"), what), &value);
    return value;
}

static void await_state(struct fixture *f, const char *name, const char *state)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    uint64_t seen = 0;
    while (!is_in(f, name, state)) {
        if (clock_mono_us() > until) {
            fail_msg("query \"%s\" does not become %s", name, state);
        }
        seen = job_monitor_wait(f->monitor, seen, clock_mono_us() + 100000);
    }
}

static void await_rows(struct fixture *f, const char *name, int64_t more_than)
{
    int64_t until = clock_mono_us() + PATIENCE_US;
    while (total(f, name, "outputRows") <= more_than) {
        if (clock_mono_us() > until) {
            fail_msg("query \"%s\" commits nothing", name);
        }
        clock_sleep_us(2000);
    }
}

static void command(struct fixture *f, const char *name, enum job_command what)
{
    if (job_monitor_command(f->monitor, str_of(name), what, &f->err) != 1) {
        fail_msg("%s", f->err.msg);
    }
}

#define ENDLESS(stream, table)                                                                     \
    "CREATE STREAM " stream " (event_id BIGINT) USING generator OPTIONS (kind = 'events', "        \
    "rowsPerSecond = 20000, clock = 'wall');"                                                      \
    "CREATE STREAMING TABLE " table " USING delta LOCATION '@/" table "' "                         \
    "OPTIONS (trigger = '0 seconds') AS SELECT event_id FROM " stream ";"

static void a_paused_query_commits_and_reads_no_more_until_it_is_resumed(void **state)
{
    struct fixture *f = *state;
    start(f, ENDLESS("a", "one") ENDLESS("b", "two"));
    await_rows(f, "one", 0);
    command(f, "one", JOB_COMMAND_PAUSE);
    await_state(f, "one", "paused");
    int64_t rows = total(f, "one", "outputRows");
    assert_int_equal(rows, total(f, "one", "inputRows"));
    /* The other goes on meanwhile. */
    await_rows(f, "two", total(f, "two", "outputRows") + 1000);
    assert_int_equal(total(f, "one", "outputRows"), rows);
    assert_true(is_in(f, "one", "paused"));
    command(f, "one", JOB_COMMAND_RESUME);
    await_rows(f, "one", rows);
    assert_false(is_in(f, "one", "paused"));
    stop_set(&f->stop);
    wait_end(f);
    assert_true(is_in(f, "one", "ended"));
    assert_true(is_in(f, "two", "ended"));
}

static int64_t table_version(struct fixture *f, const char *name)
{
    int64_t value = -1;
    (void)json_get_i64(json_find(json_find(look(f, name), "table"), "version"), &value);
    return value;
}

/* They are written anew by commits without rows. */
static void positions_of_a_paused_query_do_not_expire(void **state)
{
    struct fixture *f = *state;
    start(f, "CREATE STREAM s (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
             "rowsPerSecond = 20000, clock = 'wall');"
             "CREATE STREAMING TABLE t USING delta LOCATION '@/t' OPTIONS (trigger = '0 seconds') "
             "TBLPROPERTIES ('delta.setTransactionRetentionDuration' = 'interval 800 "
             "milliseconds') AS SELECT event_id FROM s;");
    await_rows(f, "t", 0);
    command(f, "t", JOB_COMMAND_PAUSE);
    await_state(f, "t", "paused");
    int64_t rows = total(f, "t", "outputRows");
    int64_t version = table_version(f, "t");
    int64_t until = clock_mono_us() + PATIENCE_US;
    while (table_version(f, "t") < version + 2) {
        if (clock_mono_us() > until) {
            fail_msg("nothing is written");
        }
        clock_sleep_us(2000);
    }
    assert_int_equal(total(f, "t", "outputRows"), rows);
    assert_true(is_in(f, "t", "paused"));
    command(f, "t", JOB_COMMAND_RESUME);
    await_rows(f, "t", rows);
    stop_set(&f->stop);
    wait_end(f);
    assert_int_equal(total(f, "t", "outputRows"), total(f, "t", "inputRows"));
}

static void a_stop_of_one_query_stops_no_other_and_the_last_ends_the_run(void **state)
{
    struct fixture *f = *state;
    start(f, ENDLESS("a", "one") ENDLESS("b", "two"));
    await_rows(f, "one", 0);
    command(f, "one", JOB_COMMAND_STOP);
    await_state(f, "one", "ended");
    await_rows(f, "two", total(f, "two", "outputRows") + 1000);
    command(f, "two", JOB_COMMAND_PAUSE);
    await_state(f, "two", "paused");
    command(f, "two", JOB_COMMAND_STOP);
    wait_end(f);
    assert_true(is_in(f, "two", "ended"));
}

static void a_stop_ends_a_paused_query(void **state)
{
    struct fixture *f = *state;
    start(f, ENDLESS("a", "one"));
    await_rows(f, "one", 0);
    command(f, "one", JOB_COMMAND_PAUSE);
    await_state(f, "one", "paused");
    stop_set(&f->stop);
    wait_end(f);
}

static int64_t find_i64(const struct json *object, const char *name)
{
    int64_t value = -1;
    assert_true(json_get_i64(json_find(object, name), &value));
    return value;
}

static bool has_text(const struct buf *text, const char *part)
{
    return str_find_str(buf_str(text), str_of(part)) >= 0;
}

static void a_run_leaves_its_figures(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf text = {0};
    f->options.available_now = true;
    start(f, "CREATE STREAM events (event_id BIGINT, user_id BIGINT) USING generator OPTIONS "
             "(kind = 'events', numRows = 20000, rowsPerSecond = 0, partitions = 3, "
             "maxOffsetsPerTrigger = 7000);"
             "CREATE STREAMING TABLE t USING delta LOCATION '@/table' PARTITIONED BY (p) AS "
             "SELECT event_id, user_id % 2 AS p FROM events;");
    wait_end(f);
    assert_int_equal(total(f, "t", "inputRows"), 20000);
    assert_int_equal(total(f, "t", "outputRows"), 20000);
    assert_true(total(f, "t", "inputBytes") > 20000 * 50);
    const struct json *q = look(f, "t");
    const struct json *table = json_find(q, "table");
    assert_int_equal(find_i64(table, "files"), total(f, "t", "files"));
    assert_int_equal(find_i64(table, "bytes"), total(f, "t", "bytes"));
    assert_int_equal(find_i64(table, "version"), find_i64(json_find(q, "lastCommit"), "version"));
    assert_int_equal(find_i64(q, "attempts"), 1);
    assert_int_equal(job_monitor_print_progress(f->monitor, STR("t"), 100, &text), 1);
    int64_t rows = 0;
    int64_t files = 0;
    json_foreach (batch, parsed(f, &text)) {
        const struct json *sink = json_find(batch, "sink");
        rows += find_i64(sink, "numOutputRows");
        files += find_i64(sink, "files");
        assert_true(find_i64(sink, "bytes") > 0);
    }
    assert_int_equal(rows, 20000);
    assert_int_equal(files, total(f, "t", "files"));
    buf_reset(&text);
    job_monitor_print_metrics(f->monitor, &text);
    assert_true(has_text(&text, "sluice_record_latency_seconds_count{query=\"t\"} 20000\n"));
    assert_true(has_text(&text, "sluice_query_state{query=\"t\",state=\"ended\"} 1\n"));
    assert_true(has_text(&text, "operation=\"put_if_absent\",outcome=\"ok\"}"));
    assert_false(has_text(&text, "operation=\"put\",outcome=\"ok\"} 0\n"));
    assert_false(has_text(&text, "sluice_store_sent_bytes_total{query=\"t\"} 0\n"));
    /* There is no database any more. */
    assert_false(has_text(&text, "sluice_duckdb_memory_bytes{"));
    assert_int_equal(json_find(json_find(q, "memory"), "duckdbBytes")->kind, JSON_NULL);
    assert_int_equal(json_find(json_find(q, "memory"), "queueBytes")->kind, JSON_NULL);
    buf_reset(&text);
    assert_int_equal(job_monitor_print_schema(f->monitor, STR("t"), &text), 1);
    assert_string_equal(
        text.ptr,
        "{\"columns\":["
        "{\"name\":\"event_id\",\"type\":\"BIGINT\",\"nullable\":true,\"partition\":false},"
        "{\"name\":\"p\",\"type\":\"BIGINT\",\"nullable\":true,\"partition\":true}]}");
    buf_reset(&text);
    assert_int_equal(job_monitor_print_plan(f->monitor, STR("t"), &text), 1);
    struct str plan;
    assert_true(json_get_str(json_find(parsed(f, &text), "plan"), &plan));
    assert_true(str_find_str(plan, STR("event_id")) >= 0);
}

static void the_pipeline_is_shown_as_written(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf text = {0};
    f->options.available_now = true;
    start(f, "CREATE STREAM e (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
             "numRows = '${SLUICE_NOT_SET:-10}', rowsPerSecond = 0);"
             "CREATE STREAMING TABLE t USING delta LOCATION '@/t' AS SELECT * FROM e;");
    wait_end(f);
    assert_int_equal(job_monitor_print_plan(f->monitor, STR("t"), &text), 1);
    assert_true(has_text(&text, "${SLUICE_NOT_SET:-10}"));
    assert_true(has_text(&text, "\"file\":\"test.sql\""));
}

static void bad_records_are_counted_by_reason_and_listed(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf text = {0};
    AUTO_FREE char *path = mem_printf("%s/in.json", f->dir);
    assert_true(fs_write_file(path,
                              STR("{\"id\": 1}\n{\"id\": \n{\"id\": 0}\n\"\xff\"\n{\"id\": 2}\n"),
                              &f->err) >= 0);
    f->options.available_now = true;
    start(f, "CREATE STREAM s (id BIGINT) USING file OPTIONS (path = '@/in.json', onBadRecord = "
             "'drop');"
             "CREATE STREAMING TABLE t USING delta LOCATION '@/t' AS SELECT CASE WHEN id = 0 THEN "
             "error('zero') ELSE id END AS id FROM s;");
    wait_end(f);
    const struct json *reasons = json_find(look(f, "t"), "badReasons");
    int64_t sum = 0;
    json_foreach (reason, reasons) {
        int64_t count = 0;
        assert_true(json_get_i64(reason, &count));
        sum += count;
    }
    assert_int_equal(sum, total(f, "t", "badRecords"));
    assert_int_equal(find_i64(reasons, "sql"), 1);
    assert_int_equal(total(f, "t", "outputRows"), 2);
    assert_int_equal(job_monitor_print_errors(f->monitor, STR("t"), &text), 1);
    assert_true(has_text(&text, "\"kind\":\"bad record\""));
    assert_true(has_text(&text, "partition 0 offset "));
    buf_reset(&text);
    job_monitor_print_metrics(f->monitor, &text);
    assert_true(has_text(&text, "sluice_bad_records_total{query=\"t\",reason=\"sql\"} 1\n"));
    assert_false(has_text(&text, "sluice_batches_total{query=\"t\",outcome=\"retried\"} 0\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_paused_query_commits_and_reads_no_more_until_it_is_resumed),
        TEST(positions_of_a_paused_query_do_not_expire),
        TEST(a_stop_of_one_query_stops_no_other_and_the_last_ends_the_run),
        TEST(a_stop_ends_a_paused_query),
        TEST(a_run_leaves_its_figures),
        TEST(the_pipeline_is_shown_as_written),
        TEST(bad_records_are_counted_by_reason_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
