/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/deadletters_sql.h"
#include "cli/option.h"
#include "sql/sql.h"

static const struct cli_deadletters_of of = {{"q'1", 3}, "letters", "claims"};
static const struct cli_deadletters_filter any = {
    .partition = CLI_NUMBER_NONE, .from = CLI_NUMBER_NONE, .to = CLI_NUMBER_NONE};
static const struct str streams[] = {{"s", 1}, {"r", 1}};

struct fixture {
    struct sql_db *db;
    struct sql_conn *conn;
    struct err err;
};

#define OK(expr)                                                                                   \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s", f->err.msg);                                                            \
        }                                                                                          \
    } while (0)

static void run(struct fixture *f, const char *text)
{
    OK(sql_run(f->conn, text, &f->err));
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = mem_new(struct fixture);
    struct sql_db_options options = {.threads = 1};
    OK(sql_open(&options, &f->db, &f->err));
    OK(sql_connect(f->db, &f->conn, &f->err));
    AUTO_FREE char *letters = mem_printf("CREATE TABLE letters AS %s", cli_deadletters_no_letters);
    AUTO_FREE char *claims = mem_printf("CREATE TABLE claims AS %s", cli_deadletters_no_claims);
    run(f, letters);
    run(f, claims);
    return f;
}

static void fixture_free(struct fixture *f)
{
    sql_disconnect(f->conn);
    sql_close(f->db);
    mem_free(f);
}

/* A letter of the query (round 0) or of one of its replays, written at second `time`. */
static void add_letter(struct fixture *f, int offset, int round, int time, const char *more)
{
    AUTO_FREE char *text = mem_printf(
        "INSERT INTO letters BY NAME SELECT CASE WHEN %d = 0 THEN 'q''1' ELSE 'q''1/replay' END "
        "AS query, 's' AS stream, 't' AS topic, '' AS topic_id, 0 AS \"partition\", "
        "%d AS \"offset\", 'v%d'::BLOB AS value, octet_length('v%d'::BLOB) AS value_bytes, "
        "'syntax' AS reason, to_timestamp(%d) AS time, nullif(%d, 0) AS replay_id",
        round, offset, offset, offset, time, round);
    run(f, text);
    if (more != NULL) {
        AUTO_FREE char *change =
            mem_printf("UPDATE letters SET %s WHERE \"offset\" = %d AND time = to_timestamp(%d)",
                       more, offset, time);
        run(f, change);
    }
}

/* Everything that the filter chooses goes to the claims, as the command does it. */
static void claim(struct fixture *f, const struct cli_deadletters_filter *filter, int64_t replay_id)
{
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "INSERT INTO claims BY NAME ");
    cli_deadletters_sql_choose(&text, &of, filter, streams, 2, replay_id);
    run(f, text.ptr);
}

/* All cells, "a b|c d". */
static char *result(struct fixture *f, const struct buf *text)
{
    struct buf out = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[16];
    OK(sql_query(f->conn, text->ptr, &rows, &f->err));
    int rc = 0;
    while ((rc = sql_rows_next(rows, cells, &f->err)) == 1) {
        buf_add_c(&out, out.len > 0 ? "|" : "");
        for (size_t i = 0; i < sql_rows_column_count(rows); i++) {
            buf_add_c(&out, i > 0 ? " " : "");
            buf_add_str(&out, cells[i].ptr == NULL ? STR("NULL") : cells[i]);
        }
    }
    OK(rc);
    buf_add_c(&out, "");
    char *all = out.ptr == NULL ? mem_strdup("") : mem_strdup(out.ptr);
    buf_done(&out);
    return all;
}

#define expect_result(f, text, wanted)                                                             \
    do {                                                                                           \
        AUTO_FREE char *got = result((f), (text));                                                 \
        assert_string_equal(got, (wanted));                                                        \
    } while (0)

/* "offset@replay_offset" of what would be chosen. */
static void expect_open(struct fixture *f, const struct cli_deadletters_filter *filter,
                        const char *wanted)
{
    AUTO_BUF struct buf text = {0};
    buf_add_c(&text, "SELECT \"offset\" || '@' || replay_offset FROM (");
    cli_deadletters_sql_choose(&text, &of, filter, streams, 2, 99);
    buf_add_c(&text, ") ORDER BY stream, replay_offset");
    expect_result(f, &text, wanted);
}

static void a_claimed_letter_is_not_open(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 30, 0, 1, NULL);
    add_letter(f, 20, 0, 2, NULL);
    expect_open(f, &any, "20@0|30@1");
    struct cli_deadletters_filter one = any;
    one.from = 20;
    one.to = 20;
    claim(f, &one, 1);
    expect_open(f, &any, "30@0");
    claim(f, &any, 2);
    expect_open(f, &any, "");
    fixture_free(f);
}

static void a_letter_that_failed_again_is_open_until_a_later_claim(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 5, 0, 1, NULL);
    claim(f, &any, 1);
    add_letter(f, 5, 1, 2, NULL);
    expect_open(f, &any, "5@0");
    claim(f, &any, 2);
    expect_open(f, &any, "");
    add_letter(f, 5, 2, 3, NULL);
    expect_open(f, &any, "5@0");
    fixture_free(f);
}

static void a_message_read_again_from_its_topic_is_a_new_letter(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 5, 0, 1, NULL);
    claim(f, &any, 1);
    add_letter(f, 5, 0, 9, NULL);
    expect_open(f, &any, "5@0");
    claim(f, &any, 2);
    expect_open(f, &any, "");
    fixture_free(f);
}

static void a_message_with_several_open_letters_is_claimed_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 5, 0, 1, NULL);
    claim(f, &any, 1);
    add_letter(f, 5, 1, 2, "reason = 'type'");
    add_letter(f, 5, 0, 3, NULL);
    expect_open(f, &any, "5@0");
    struct cli_deadletters_filter one = any;
    one.reason = "type";
    claim(f, &one, 2);
    expect_open(f, &any, "");
    fixture_free(f);
}

static void letters_of_other_queries_are_not_ours(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 1, "query = 'other'");
    add_letter(f, 2, 0, 1, "query = 'q''1/replay'");
    add_letter(f, 3, 1, 1, "query = 'q''1'");
    expect_open(f, &any, "");
    add_letter(f, 4, 0, 1, NULL);
    run(f, "INSERT INTO claims BY NAME SELECT 'other' AS query, stream, topic, topic_id, "
           "\"partition\", \"offset\", 7 AS replay_id, time AS letter_time FROM letters");
    expect_open(f, &any, "4@0");
    fixture_free(f);
}

static void filters_choose_and_positions_are_counted_per_stream(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 1, NULL);
    add_letter(f, 2, 0, 1, "topic = 'other', \"partition\" = 3");
    add_letter(f, 3, 0, 1, "reason = 'sql'");
    add_letter(f, 4, 0, 1, "stream = 'r'");
    expect_open(f, &any, "4@0|2@0|1@1|3@2");
    struct cli_deadletters_filter one = any;
    one.topic = "other";
    expect_open(f, &one, "2@0");
    one = any;
    one.partition = 0;
    expect_open(f, &one, "4@0|1@0|3@1");
    one = any;
    one.reason = "sql";
    expect_open(f, &one, "3@0");
    one = any;
    one.from = 2;
    one.to = 3;
    expect_open(f, &one, "2@0|3@1");
    fixture_free(f);
}

static void what_cannot_be_replayed_is_named(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 1, "value_bytes = 100");
    add_letter(f, 2, 0, 1, "stream = 'gone'");
    add_letter(f, 3, 0, 1, "value = NULL, value_bytes = NULL");
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_unable(&text, &of, &any, streams, 2);
    expect_result(f, &text, "t:0:1 cut|t:0:2 stream");
    expect_open(f, &any, "3@0");
    fixture_free(f);
}

static void messages_come_in_the_order_of_their_claims(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 8, 0, 1,
               "key = '\\x01'::BLOB, \"timestamp\" = to_timestamp(2), headers = "
               "[{'key': 'h', 'value': 'x'::BLOB}, {'key': 'n', 'value': NULL}]");
    add_letter(f, 7, 0, 1, "value = NULL, value_bytes = NULL");
    add_letter(f, 9, 0, 1, "stream = 'r'");
    claim(f, &any, 1);
    add_letter(f, 8, 1, 5, "value = 'later'::BLOB"); /* of this very replay, in a crash */
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_messages(&text, &of, "claims", streams[0]);
    expect_result(f, &text,
                  "0 t  0 7 NULL NULL NULL NULL|1 t  0 8 2000000 01 7638 "
                  "[{\"k\":\"h\",\"v\":\"78\"},{\"k\":\"n\",\"v\":null}]");
    fixture_free(f);
}

static void the_newest_letters_are_shown_and_the_newest_last(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 3, NULL);
    add_letter(f, 2, 0, 1, NULL);
    add_letter(f, 3, 0, 2, "value = '\\xFF\\x00'::BLOB");
    claim(f, &any, 4);
    AUTO_BUF struct buf show = {0};
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_show(&show, &of, 1, &any, 2);
    buf_printf(&text, "SELECT \"offset\"::VARCHAR, value, replayed_in::VARCHAR, query FROM (%s)",
               show.ptr);
    expect_result(f, &text, "3 \\xFF\\x00 4 q'1|1 v1 4 q'1");
    AUTO_BUF struct buf count = {0};
    cli_deadletters_sql_count(&count, &of, 1, &any);
    expect_result(f, &count, "3");
    fixture_free(f);
}

static void a_summary_counts_by_reason(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 1, "value_bytes = 100");
    add_letter(f, 2, 0, 1, NULL);
    add_letter(f, 3, 0, 1, "reason = 'sql'");
    struct cli_deadletters_filter one = any;
    one.from = 2;
    claim(f, &one, 1);
    AUTO_BUF struct buf summary = {0};
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_summary(&summary, &of, 1, &any);
    buf_printf(&text,
               "SELECT reason, letters::VARCHAR, open::VARCHAR, replayed::VARCHAR, cut::VARCHAR "
               "FROM (%s)",
               summary.ptr);
    expect_result(f, &text, "syntax 2 1 1 1|sql 1 0 1 0");
    AUTO_BUF struct buf again = {0};
    add_letter(f, 3, 1, 2, NULL);
    cli_deadletters_sql_again(&again, &of, 1);
    expect_result(f, &again, "1");
    fixture_free(f);
}

static void the_newest_replay_is_the_one_to_be_finished(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    add_letter(f, 1, 0, 1, NULL);
    claim(f, &any, 1);
    add_letter(f, 2, 0, 1, NULL);
    add_letter(f, 3, 0, 1, NULL);
    claim(f, &any, 2);
    AUTO_BUF struct buf newest = {0};
    AUTO_BUF struct buf text = {0};
    cli_deadletters_sql_newest(&newest, &of);
    buf_printf(&text,
               "SELECT replay_id::VARCHAR, \"offset\"::VARCHAR FROM (%s) ORDER BY \"offset\"",
               newest.ptr);
    expect_result(f, &text, "2 2|2 3");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claimed_letter_is_not_open),
        cmocka_unit_test(a_letter_that_failed_again_is_open_until_a_later_claim),
        cmocka_unit_test(a_message_read_again_from_its_topic_is_a_new_letter),
        cmocka_unit_test(a_message_with_several_open_letters_is_claimed_once),
        cmocka_unit_test(letters_of_other_queries_are_not_ours),
        cmocka_unit_test(filters_choose_and_positions_are_counted_per_stream),
        cmocka_unit_test(what_cannot_be_replayed_is_named),
        cmocka_unit_test(messages_come_in_the_order_of_their_claims),
        cmocka_unit_test(the_newest_letters_are_shown_and_the_newest_last),
        cmocka_unit_test(a_summary_counts_by_reason),
        cmocka_unit_test(the_newest_replay_is_the_one_to_be_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
