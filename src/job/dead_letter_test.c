/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "job/dead_letter.h"
#include "plan/plan.h"

struct fixture {
    struct arena arena;
    char *dir, *path;
    struct dead_letters *letters;
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
    OK(f, fs_make_temp_dir("/tmp", "sluice-dead", &f->dir, &f->err));
    f->path = mem_printf("%s/letters", f->dir);
    f->letters = dead_letters_new(f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dead_letters_free(f->letters);
    assert_false(fs_exists(f->path));
    OK(f, fs_remove_tree(f->dir, &f->err));
    mem_free(f->path);
    mem_free(f->dir);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

static struct dead_letter letter(int64_t offset, struct str value)
{
    return (struct dead_letter){.stream = STR("s"),
                                .topic = STR("t"),
                                .topic_id = STR("id"),
                                .partition = 7,
                                .offset = offset,
                                .timestamp_us = -1,
                                .key = STR_NULL,
                                .value = value,
                                .reason = STR("syntax"),
                                .message = STR("what is wrong"),
                                .position = -1};
}

struct seen {
    int64_t count;
    struct dead_letter last;
};

static int on_letter(void *user, const struct dead_letter *l, struct err *err)
{
    (void)err;
    struct seen *seen = user;
    assert_int_equal(l->offset, seen->count);
    seen->count++;
    seen->last = *l;
    return 0;
}

static void what_goes_in_comes_out(void **state)
{
    struct fixture *f = *state;
    const struct message_header headers[] = {{STR("h"), STR("v")}, {STR("none"), STR_NULL}};
    struct dead_letter l = letter(0, STR("bad\0bytes"));
    l.key = STR("");
    l.header_count = 2;
    l.headers = headers;
    l.timestamp_us = 12;
    l.position = 3;
    l.replay_id = 4;
    l.replay_offset = 5;
    OK(f, dead_letters_add(f->letters, &l, &f->err));
    assert_int_equal(dead_letters_count(f->letters), 1);
    struct seen seen = {0};
    OK(f, dead_letters_each(f->letters, on_letter, &seen, &f->err));
    assert_int_equal(seen.count, 1);
    const struct dead_letter *out = &seen.last;
    assert_true(str_eq(out->value, l.value));
    assert_true(out->key.ptr != NULL && out->key.len == 0);
    assert_int_equal(out->partition, 7);
    assert_int_equal(out->timestamp_us, 12);
    assert_int_equal(out->position, 3);
    assert_int_equal(out->replay_id, 4);
    assert_int_equal(out->replay_offset, 5);
    assert_true(out->time_us > 0);
    assert_int_equal(out->header_count, 2);
    assert_true(str_eq(out->headers[0].value, STR("v")));
    assert_null(out->headers[1].value.ptr);
}

static void text_that_is_not_utf8_is_made_so(void **state)
{
    struct fixture *f = *state;
    struct dead_letter l = letter(0, STR_NULL);
    l.message = STR("a\xff\xc3");
    OK(f, dead_letters_add(f->letters, &l, &f->err));
    struct seen seen = {0};
    OK(f, dead_letters_each(f->letters, on_letter, &seen, &f->err));
    assert_true(str_eq(seen.last.message, STR("a??")));
    assert_null(seen.last.value.ptr);
}

static void more_than_the_buffer_goes_through_the_file(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *large = mem_zalloc(300000);
    for (int64_t i = 0; i < 20; i++) {
        struct dead_letter l = letter(i, str_n(large, 300000));
        OK(f, dead_letters_add(f->letters, &l, &f->err));
    }
    assert_true(fs_exists(f->path));
    struct seen seen = {0};
    OK(f, dead_letters_each(f->letters, on_letter, &seen, &f->err));
    assert_int_equal(seen.count, 20);
    assert_int_equal(seen.last.value.len, 300000);
}

struct adder {
    struct thread thread;
    struct dead_letters *letters;
};

static void add_many(void *user)
{
    struct adder *a = user;
    for (int64_t i = 0; i < 2000; i++) {
        struct err err;
        struct dead_letter l = letter(0, STR("value"));
        int rc = dead_letters_add(a->letters, &l, &err);
        assert(rc >= 0);
    }
}

static int count_only(void *user, const struct dead_letter *l, struct err *err)
{
    (void)err;
    assert(str_eq(l->value, STR("value")));
    (*(int64_t *)user)++;
    return 0;
}

static void several_threads_add(void **state)
{
    struct fixture *f = *state;
    struct adder adders[4];
    for (size_t i = 0; i < ARRAY_COUNT(adders); i++) {
        adders[i] = (struct adder){.letters = f->letters};
        thread_start(&adders[i].thread, "adder", add_many, &adders[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(adders); i++) {
        thread_join(&adders[i].thread);
    }
    int64_t count = 0;
    OK(f, dead_letters_each(f->letters, count_only, &count, &f->err));
    assert_int_equal(count, 8000);
    assert_int_equal(dead_letters_count(f->letters), 8000);
}

/* The one cell of a query over what was written. */
static void assert_cell(struct fixture *f, struct sql_conn *conn, const struct sql_file *file,
                        const char *expression, const char *expected)
{
    AUTO_FREE char *text =
        mem_printf("SELECT CAST(%s AS VARCHAR) FROM '%.*s'", expression, STR_FMT(file->path));
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell;
    OK(f, sql_query(conn, text, &rows, &f->err));
    assert_int_equal(sql_rows_next(rows, &cell, &f->err), 1);
    assert_string_equal(arena_strdup(&f->arena, cell), expected);
}

static void parquet_has_every_letter_and_cuts_what_is_large(void **state)
{
    struct fixture *f = *state;
    AUTO_SQL_DB struct sql_db *db = NULL;
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    struct sql_db_options options = {.threads = 1};
    const struct type *row_type = NULL;
    struct sql_source *source = NULL;
    OK(f, sql_open(&options, &db, &f->err));
    OK(f, sql_connect(db, &conn, &f->err));
    OK(f, plan_parse_type(&f->arena, str_of(dead_letters_columns), &row_type, &f->err));
    OK(f, dead_letters_register(conn, row_type, &f->arena, &source, &f->err));
    struct dead_letter small = letter(0, STR("12345"));
    struct dead_letter large = letter(1, STR("123456"));
    OK(f, dead_letters_add(f->letters, &small, &f->err));
    OK(f, dead_letters_add(f->letters, &large, &f->err));
    AUTO_FREE char *dir = mem_printf("%s/out", f->dir);
    struct dead_letters_copy copy = {.conn = conn,
                                     .source = source,
                                     .query = STR("q"),
                                     .value_bytes_max = 5,
                                     .dir = dir,
                                     .compression = "snappy"};
    struct sql_copy_result result;
    OK(f, dead_letters_write(f->letters, &copy, &f->arena, &result, &f->err));
    assert_int_equal(result.row_count, 2);
    assert_int_equal(result.file_count, 1);
    const struct sql_file *file = &result.files[0];
    assert_cell(f, conn, file, "string_agg(decode(value), ',' ORDER BY \"offset\")", "12345,12345");
    assert_cell(f, conn, file, "string_agg(value_bytes, ',' ORDER BY \"offset\")", "5,6");
    assert_cell(f, conn, file, "max(value_sha256) = sha256('123456') AND count(value_sha256) = 1",
                "true");
    assert_cell(f, conn, file,
                "count(*) FILTER (query = 'q' AND key IS NULL AND replay_id IS NULL "
                "AND \"timestamp\" IS NULL AND headers IS NULL)",
                "2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
        TEST(text_that_is_not_utf8_is_made_so),
        TEST(more_than_the_buffer_goes_through_the_file),
        TEST(several_threads_add),
        TEST(parquet_has_every_letter_and_cuts_what_is_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
