/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delta/delta.h"
#include "job/job.h"
#include "plan/plan.h"

/*
 * Whole pipelines in this process: generator or files into a local table, read back by DuckDB
 * over the files that the log names.
 */
struct fixture {
    struct arena arena;
    char *dir;
    struct sql_db *db;
    struct sql_conn *conn;
    struct stop stop, now;
    struct err err;
};

#define OK(f, expr)                                                                                \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s", (f)->err.msg);                                                          \
        }                                                                                          \
    } while (0)

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    OK(f, fs_make_temp_dir("/tmp", "sluice-job", &f->dir, &f->err));
    struct sql_db_options options = {.threads = 1};
    OK(f, sql_open(&options, &f->db, &f->err));
    OK(f, sql_connect(f->db, &f->conn, &f->err));
    stop_init(&f->stop);
    stop_init(&f->now);
    log_open(LOG_ERROR, LOG_LOGFMT);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stop_done(&f->stop);
    stop_done(&f->now);
    sql_disconnect(f->conn);
    sql_close(f->db);
    OK(f, fs_remove_tree(f->dir, &f->err));
    mem_free(f->dir);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

/* Runs the pipeline, in which "@" is the test's folder, until its source is drained. */
static int run(struct fixture *f, const char *text)
{
    AUTO_BUF struct buf pipeline = {0};
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '@') {
            buf_add_c(&pipeline, f->dir);
        } else {
            buf_add_char(&pipeline, *c);
        }
    }
    AUTO_PLAN struct plan *plan = NULL;
    TRY(plan_load(STR("test.sql"), buf_str(&pipeline), &plan, &f->err));
    struct job_options options = {.available_now = true};
    return job_run_plan(plan, &options, &f->stop, &f->now, &f->err);
}

struct files {
    struct fixture *f;
    struct buf list; /* 'path', 'path' */
    int64_t count;
};

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    (void)err;
    struct files *files = user;
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/table/%.*s", files->f->dir, STR_FMT(file->key));
    buf_add_c(&files->list, files->count++ == 0 ? "" : ", ");
    sql_quote_text(&files->list, buf_str(&path));
    return 0;
}

/* The single cell of `SELECT <expr> FROM <the table>`. */
static char *ask(struct fixture *f, const char *expr)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_FREE char *root = mem_printf("%s/table", f->dir);
    struct store_options options = {0};
    OK(f, store_open(str_of(root), &options, &store, &f->err));
    struct files files = {.f = f};
    struct delta_snapshot snapshot;
    OK(f, delta_files(store, f->db, f->dir, -1, &f->arena, &snapshot, on_file, &files, &f->err));
    AUTO_FREE char *query = files.count == 0
                                ? mem_printf("SELECT '(no files)'")
                                : mem_printf("SELECT (%s)::VARCHAR FROM read_parquet([%s], "
                                             "union_by_name = true, filename = true)",
                                             expr, files.list.ptr);
    buf_done(&files.list);
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    OK(f, sql_query(f->conn, query, &rows, &f->err));
    struct str cell;
    OK(f, sql_rows_next(rows, &cell, &f->err));
    return arena_strdup(&f->arena, cell);
}

static void write_lines(struct fixture *f, const char *lines)
{
    AUTO_FREE char *path = mem_printf("%s/in.json", f->dir);
    OK(f, fs_write_file(path, str_of(lines), &f->err));
}

#define EVENTS                                                                                     \
    "CREATE STREAM events (event_id BIGINT, user_id BIGINT) USING generator "                      \
    "OPTIONS (kind = 'events', numRows = 20000, rowsPerSecond = 0, partitions = 3);"

static void every_message_becomes_a_row_once(void **state)
{
    struct fixture *f = *state;
    static const char pipeline[] =
        EVENTS "CREATE STREAMING TABLE t USING delta LOCATION '@/table' AS "
               "SELECT _partition AS p, _offset AS o FROM events;";
    OK(f, run(f, pipeline));
    assert_string_equal(ask(f, "count(*) || ' ' || count(DISTINCT (p, o)) || ' ' || max(p)"),
                        "20000 20000 2");
    /* The table knows where it stands: a second run adds nothing. */
    OK(f, run(f, pipeline));
    assert_string_equal(ask(f, "count(*)"), "20000");
}

static void small_batches_give_the_same_rows(void **state)
{
    struct fixture *f = *state;
    OK(f, run(f, "CREATE STREAM events (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
                 "numRows = 5000, rowsPerSecond = 0, partitions = 2, maxOffsetsPerTrigger = 777);"
                 "CREATE STREAMING TABLE t USING delta LOCATION '@/table' AS "
                 "SELECT _partition AS p, _offset AS o FROM events;"));
    assert_string_equal(ask(f, "count(*) || ' ' || count(DISTINCT (p, o))"), "5000 5000");
}

#define FILE_STREAM(options)                                                                       \
    "CREATE STREAM s (id BIGINT, v STRING) USING file OPTIONS (path = '@/in.json'" options ");"
#define INTO_TABLE "CREATE STREAMING TABLE t USING delta LOCATION '@/table' AS "

static const char bad_lines[] = "{\"id\": 1, \"v\": \"1\"}\n"
                                "{\"id\": 2, \"v\"\n"
                                "{\"id\": 3, \"v\": \"3\"}\n";

static void a_bad_record_is_a_row_of_nulls_by_default(void **state)
{
    struct fixture *f = *state;
    write_lines(f, bad_lines);
    OK(f, run(f, FILE_STREAM("") INTO_TABLE "SELECT * FROM s;"));
    assert_string_equal(ask(f, "count(*) || ' ' || count(id) || ' ' || sum(id)"), "3 2 4");
}

static void a_bad_record_can_be_dropped(void **state)
{
    struct fixture *f = *state;
    write_lines(f, bad_lines);
    OK(f, run(f, FILE_STREAM(", onBadRecord = 'drop'") INTO_TABLE "SELECT * FROM s;"));
    assert_string_equal(ask(f, "count(*) || ' ' || sum(id)"), "2 4");
}

static void a_bad_record_can_end_the_query(void **state)
{
    struct fixture *f = *state;
    write_lines(f, bad_lines);
    assert_int_equal(run(f, FILE_STREAM(", mode = 'FAILFAST'") INTO_TABLE "SELECT * FROM s;"),
                     ERR_DATA);
    assert_non_null(strstr(f->err.msg, "offset 1"));
    /* What stands before it is committed: the position is the bad record's, for offsets skip. */
    assert_string_equal(ask(f, "count(*)"), "1");
}

/* 100 lines of which the SQL cannot take two. */
static void write_poisoned(struct fixture *f)
{
    AUTO_BUF struct buf lines = {0};
    for (int i = 0; i < 100; i++) {
        buf_printf(&lines, "{\"id\": %d, \"v\": \"%s\"}\n", i, i == 17 || i == 60 ? "x" : "7");
    }
    write_lines(f, lines.ptr);
}

#define CAST_V "SELECT id, CAST(v AS INTEGER) AS n FROM s;"

static void a_row_the_sql_cannot_take_is_found_and_nulled(void **state)
{
    struct fixture *f = *state;
    write_poisoned(f);
    OK(f, run(f, FILE_STREAM("") INTO_TABLE CAST_V));
    assert_string_equal(
        ask(f, "count(*) || ' ' || count(id) || ' ' || sum(n) || ' ' || count(DISTINCT id)"),
        "100 98 686 98");
}

static void a_row_the_sql_cannot_take_is_found_and_dropped(void **state)
{
    struct fixture *f = *state;
    write_poisoned(f);
    OK(f, run(f, FILE_STREAM(", onBadRecord = 'drop'") INTO_TABLE CAST_V));
    assert_string_equal(ask(f, "count(*) || ' ' || sum(n) || ' ' || count(DISTINCT id)"),
                        "98 686 98");
}

static void a_row_the_sql_cannot_take_ends_the_query_by_name(void **state)
{
    struct fixture *f = *state;
    write_poisoned(f);
    assert_int_equal(run(f, FILE_STREAM(", onBadRecord = 'fail'") INTO_TABLE CAST_V), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "offset 17"));
    /* What stood before it is in the table, once. */
    assert_string_equal(ask(f, "count(*) || ' ' || count(DISTINCT id)"), "17 17");
}

static void partitions_are_split_by_value(void **state)
{
    struct fixture *f = *state;
    write_lines(f, "{\"id\": 1, \"v\": \"a b\"}\n{\"id\": 2}\n{\"id\": 3, \"v\": \"x/y=%\"}\n"
                   "{\"id\": 4, \"v\": \"a b\"}\n");
    OK(f, run(f, FILE_STREAM("") "CREATE STREAMING TABLE t USING delta LOCATION '@/table' "
                                 "PARTITIONED BY (v) AS SELECT * FROM s;"));
    assert_string_equal(ask(f, "count(*) || ' ' || sum(id)"), "4 10");
    AUTO_FREE char *folder = mem_printf("%s/table/v=x%%2Fy%%3D%%25", f->dir);
    assert_true(fs_exists(folder));
    AUTO_FREE char *null_folder = mem_printf("%s/table/v=__HIVE_DEFAULT_PARTITION__", f->dir);
    assert_true(fs_exists(null_folder));
}

/* The first batch ends after 20,000 messages, and tells the next one what to expect. */
static void many_partitions_get_every_row_once(void **state)
{
    struct fixture *f = *state;
    OK(f, run(f, "CREATE STREAM events (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
                 "numRows = 30000, rowsPerSecond = 0, partitions = 3);"
                 "CREATE STREAMING TABLE t USING delta LOCATION '@/table' PARTITIONED BY (k) AS "
                 "SELECT _partition AS p, _offset AS o, _offset % 150 AS k FROM events;"));
    assert_string_equal(ask(f, "count(*) || ' ' || count(DISTINCT (p, o)) || ' ' || sum(o)"),
                        "30000 30000 149985000");
    /* A file is of one partition, and each of two batches has one of each. */
    assert_string_equal(ask(f, "count(DISTINCT k) || ' ' || count(DISTINCT filename)"), "150 300");
    assert_string_equal(ask(f, "count(*) FILTER (o % 150 <> k)"), "0");
}

static void a_null_in_a_not_null_column_is_refused(void **state)
{
    struct fixture *f = *state;
    write_lines(f, "{\"id\": 1}\n{\"v\": \"x\"}\n{\"id\": 3}\n");
    static const char pipeline[] =
        FILE_STREAM(", onBadRecord = 'fail'") "CREATE STREAMING TABLE t (id BIGINT NOT NULL, v "
                                              "STRING) USING delta LOCATION '@/table' AS "
                                              "SELECT * FROM s;";
    assert_int_equal(run(f, pipeline), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "NOT NULL"));
    assert_non_null(strstr(f->err.msg, "offset 1"));
}

/* The pipeline that made the table said so, the one that runs now does not. */
static void a_column_that_only_the_table_calls_not_null_is_checked(void **state)
{
    struct fixture *f = *state;
#define NOT_NULL_FROM(body)                                                                        \
    "CREATE STREAM g (n BIGINT) USING file OPTIONS (path = '@/in.json', "                          \
    "onBadRecord = 'fail'); " body
#define NOT_NULL_ROW                                                                               \
    "n, 'x' || n AS s, n > 1 AS b, n::DECIMAL(9, 2) AS d, n::DOUBLE AS f, n::INTEGER AS i, "       \
    "make_timestamp(n)::TIMESTAMPTZ AS ts, make_date(2026, 1, 2) AS day, ('x' || n)::BLOB AS "     \
    "bin, "                                                                                        \
    "'p' || n AS p FROM g"
    write_lines(f, "{\"n\": 1}\n{\"n\": 2}\n");
    OK(f,
       run(f, NOT_NULL_FROM("CREATE STREAMING TABLE t (n BIGINT NOT NULL, s STRING NOT NULL, "
                            "b BOOLEAN NOT NULL, d DECIMAL(9, 2) NOT NULL, f DOUBLE NOT NULL, "
                            "i INT NOT NULL, ts TIMESTAMP NOT NULL, day DATE NOT NULL, "
                            "bin BINARY NOT NULL, p STRING NOT NULL) USING delta "
                            "LOCATION '@/table' PARTITIONED BY (p) AS SELECT " NOT_NULL_ROW ";")));
    static const char again[] =
        NOT_NULL_FROM("CREATE STREAMING TABLE t USING delta LOCATION '@/table' "
                      "PARTITIONED BY (p) AS SELECT " NOT_NULL_ROW ";");
    write_lines(f, "{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n");
    OK(f, run(f, again));
    assert_string_equal(ask(f, "count(*)"), "3");
    write_lines(f, "{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n{\"n\": 4}\n{}\n");
    assert_int_equal(run(f, again), ERR_DATA);
    assert_non_null(strstr(f->err.msg, "NOT NULL in the table and got a NULL"));
    assert_non_null(strstr(f->err.msg, "offset 4"));
    assert_string_equal(ask(f, "count(*)"), "4");
}

static void two_filters_over_one_stream_read_it_once(void **state)
{
    struct fixture *f = *state;
    OK(f, run(f, EVENTS INTO_TABLE
              "SELECT _offset AS o, 'even' AS k FROM events WHERE _offset % 2 = 0 "
              "UNION ALL SELECT _offset, 'odd' FROM events WHERE _offset % 2 = 1;"));
    assert_string_equal(ask(f, "count(*) || ' ' || count(*) FILTER (k = 'odd' AND o % 2 = 1)"),
                        "20000 9999");
}

static void two_tables_of_one_file_run_side_by_side(void **state)
{
    struct fixture *f = *state;
    OK(f, run(f, EVENTS "CREATE STREAMING TABLE t USING delta LOCATION '@/table' AS "
                        "SELECT _offset AS o FROM events;"
                        "CREATE STREAMING TABLE u USING delta LOCATION '@/other' AS "
                        "SELECT _offset AS o FROM events WHERE _offset < 10;"));
    assert_string_equal(ask(f, "count(*)"), "20000");
}

static void a_new_column_needs_merge_schema(void **state)
{
    struct fixture *f = *state;
    write_lines(f, "{\"id\": 1, \"v\": \"a\"}\n");
    OK(f, run(f, FILE_STREAM("") INTO_TABLE "SELECT id FROM s;"));
    write_lines(f, "{\"id\": 1, \"v\": \"a\"}\n{\"id\": 2, \"v\": \"b\"}\n");
    assert_int_equal(run(f, FILE_STREAM("") INTO_TABLE "SELECT id, v FROM s;"), ERR_CONFIG);
    assert_non_null(strstr(f->err.msg, "mergeSchema"));
    OK(f, run(f, FILE_STREAM("") "CREATE STREAMING TABLE t USING delta LOCATION '@/table' OPTIONS "
                                 "(mergeSchema = true) AS SELECT id, v FROM s;"));
    assert_string_equal(ask(f, "count(*) || ' ' || sum(id) || ' ' || max(v)"), "2 3 b");
}

static void a_renamed_query_stops(void **state)
{
    struct fixture *f = *state;
    OK(f, run(f, EVENTS INTO_TABLE "SELECT _offset AS o FROM events;"));
    assert_int_equal(run(f, EVENTS "CREATE STREAMING TABLE renamed USING delta LOCATION '@/table' "
                                   "AS SELECT _offset AS o FROM events;"),
                     ERR_IDENTITY);
    OK(f, run(f, EVENTS "CREATE STREAMING TABLE renamed USING delta LOCATION '@/table' OPTIONS "
                        "(allowSecondQuery = true) AS SELECT _offset AS o FROM events;"));
    assert_string_equal(ask(f, "count(*)"), "40000");
}

struct endless {
    struct fixture *f;
    const struct plan *plan;
    int rc;
    struct err err;
};

static void run_endless(void *user)
{
    struct endless *e = user;
    struct job_options options = {0};
    e->rc = job_run_plan(e->plan, &options, &e->f->stop, &e->f->now, &e->err);
}

/* Runs the pipeline until the table has that version, and stops it; false = it never came. */
static bool run_until(struct fixture *f, const char *text, int64_t version, int *ret_rc)
{
    struct endless e = {.f = f};
    struct plan *plan = NULL;
    OK(f, plan_load(STR("test.sql"), str_of(text), &plan, &f->err));
    e.plan = plan;
    struct thread thread = {0};
    thread_start(&thread, "endless", run_endless, &e);
    AUTO_FREE char *path = mem_printf("%s/table/_delta_log/%020" PRId64 ".json", f->dir, version);
    for (int i = 0; i < 3000 && !fs_exists(path); i++) {
        clock_sleep_us(10000);
    }
    bool written = fs_exists(path);
    stop_set(&f->stop);
    thread_join(&thread);
    plan_free(plan);
    *ret_rc = e.rc;
    return written;
}

/* An idle query's positions would expire, and a restart would read everything again. */
static void an_idle_query_keeps_its_positions_from_expiring(void **state)
{
    struct fixture *f = *state;
    write_lines(f, "{\"id\": 1}\n");
    AUTO_FREE char *text = mem_printf(
        "CREATE STREAM s (id BIGINT) USING file OPTIONS (path = '%s/in.json');"
        "CREATE STREAMING TABLE t USING delta LOCATION '%s/table' TBLPROPERTIES "
        "('delta.setTransactionRetentionDuration' = 'interval 1 second') AS SELECT id FROM s;",
        f->dir, f->dir);
    int rc = 0;
    /* Start commit, one batch, and then commits without data. */
    assert_true(run_until(f, text, 4, &rc));
    assert_int_equal(rc, 0);
    assert_string_equal(ask(f, "count(*)"), "1");
}

/* DuckDB waits for the end of the first while the second has more than its queue takes. */
static void a_busy_stream_behind_a_quiet_one_is_committed(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *text = mem_printf(
        "SET threads = 2;"
        "CREATE STREAM quiet (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
        "rowsPerSecond = 1);"
        "CREATE STREAM busy (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
        "rowsPerSecond = 0);"
        "CREATE STREAMING TABLE t USING delta LOCATION '%s/table' AS "
        "SELECT _offset AS o FROM quiet UNION ALL SELECT _offset FROM busy;",
        f->dir);
    int rc = 0;
    assert_true(run_until(f, text, 1, &rc));
    assert_int_equal(rc, 0);
}

static void a_stop_ends_an_endless_query_cleanly(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *text = mem_printf(
        "CREATE STREAM events (event_id BIGINT) USING generator OPTIONS (kind = 'events', "
        "rowsPerSecond = 0);CREATE STREAMING TABLE t USING delta LOCATION '%s/table' "
        "OPTIONS (trigger = '0 seconds') AS SELECT _offset AS o FROM events;",
        f->dir);
    AUTO_PLAN struct plan *plan = NULL;
    OK(f, plan_load(STR("test.sql"), str_of(text), &plan, &f->err));
    struct job_options options = {0};
    stop_set(&f->stop);
    OK(f, job_run_plan(plan, &options, &f->stop, &f->now, &f->err));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_message_becomes_a_row_once),
        TEST(small_batches_give_the_same_rows),
        TEST(a_bad_record_is_a_row_of_nulls_by_default),
        TEST(a_bad_record_can_be_dropped),
        TEST(a_bad_record_can_end_the_query),
        TEST(a_row_the_sql_cannot_take_is_found_and_nulled),
        TEST(a_row_the_sql_cannot_take_is_found_and_dropped),
        TEST(a_row_the_sql_cannot_take_ends_the_query_by_name),
        TEST(partitions_are_split_by_value),
        TEST(many_partitions_get_every_row_once),
        TEST(a_null_in_a_not_null_column_is_refused),
        TEST(a_column_that_only_the_table_calls_not_null_is_checked),
        TEST(two_filters_over_one_stream_read_it_once),
        TEST(two_tables_of_one_file_run_side_by_side),
        TEST(a_new_column_needs_merge_schema),
        TEST(a_renamed_query_stops),
        TEST(an_idle_query_keeps_its_positions_from_expiring),
        TEST(a_busy_stream_behind_a_quiet_one_is_committed),
        TEST(a_stop_ends_an_endless_query_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
