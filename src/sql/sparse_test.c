/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "sql/sql.h"
#include "store/faulty.h"
#include "store/memory.h"

/* Wide enough that no column is in the tail that comes with the footer. */
#define ROWS "60000"
#define MAKE                                                                                       \
    "SELECT i AS id, i % 10 AS small, 'text ' || i AS s, md5(i::VARCHAR) AS noise, "               \
    "i / 7.0::DOUBLE AS d, (i % 1000)::DECIMAL(12,2) AS p, DATE '2026-01-01' + (i % 90)::INT AS "  \
    "day, i % 2 = 0 AS flag, CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS gaps, "                   \
    "{'a': i, 'b': 'x' || i} AS st, [i, i + 1] AS li, MAP {'k': i} AS ma, NULL::BIGINT AS none, "  \
    "md5((i * 7)::VARCHAR) AS noise2 FROM range(" ROWS ") t(i)"

static struct sql_db *db;
static struct sql_conn *conn;
static char *dir;
static struct store *store;

static int open_all(void **state)
{
    (void)state;
    struct sql_db_options options = {.threads = 2};
    struct err err;
    store = store_memory_open("sparse_test");
    return fs_make_temp_dir("/tmp", "sparse", &dir, &err) < 0 ||
                   sql_open(&options, &db, &err) < 0 || sql_connect(db, &conn, &err) < 0
               ? -1
               : 0;
}

static int close_all(void **state)
{
    (void)state;
    struct err ignored;
    sql_disconnect(conn);
    sql_close(db);
    store_close(store);
    (void)fs_remove_tree(dir, &ignored);
    mem_free(dir);
    return 0;
}

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        fail_msg("%s", err->msg);
    }
}

/* Puts a Parquet file with these rows into the store and leaves it at dir/whole.parquet. */
static uint64_t make_object(const char *select, const char *options)
{
    struct err err;
    uint64_t bytes = 0;
    AUTO_FREE char *path = mem_printf("%s/whole.parquet", dir);
    AUTO_FREE char *sql = mem_printf("COPY (%s) TO '%s' (FORMAT parquet%s)", select, path, options);
    AUTO_BUF struct buf body = {0};
    must(sql_run(conn, sql, &err), &err);
    must(fs_read_file(path, &body, &err), &err);
    must(fs_file_size(path, &bytes, &err), &err);
    must(store_put(store, STR("a.parquet"), buf_str(&body), &err), &err);
    return bytes;
}

static char *sparse_path(void)
{
    static int number;
    return mem_printf("%s/sparse-%d.parquet", dir, number++);
}

/* The one cell, or ERR_…; on error ret_cell is untouched. */
static int ask(const char *sql, struct buf *ret_cell, struct err *err)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell = STR_NULL;
    TRY(sql_query(conn, sql, &rows, err));
    if (TRY(sql_rows_next(rows, &cell, err)) == 1) {
        buf_add_str(ret_cell, cell);
    }
    return 0;
}

static const char *const columns[] = {"id",   "small", "s",  "noise", "d",  "p",    "day",
                                      "flag", "gaps",  "st", "li",    "ma", "none", "noise2"};

static int hash_of(const char *column, const char *path, struct buf *ret_hash, struct err *err)
{
    AUTO_FREE char *sql = mem_printf(
        "SELECT (count(*) || ' ' || count(\"%s\") || ' ' || coalesce(bit_xor(hash(\"%s\")), "
        "0))::VARCHAR FROM read_parquet('%s')",
        column, column, path);
    return ask(sql, ret_hash, err);
}

/* Each column for itself: what was fetched reads as in the whole file, all else is an error. */
static void check_columns(const char *options)
{
    uint64_t bytes = make_object(MAKE, options);
    AUTO_FREE char *whole = mem_printf("%s/whole.parquet", dir);
    for (size_t i = 0; i < ARRAY_COUNT(columns); i++) {
        AUTO_FREE char *path = sparse_path();
        struct sql_sparse_count count = {0};
        struct sql_sparse sparse;
        struct sql_sparse *files[] = {&sparse};
        struct err err;
        must(sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, &err), &err);
        sql_sparse_want_name(&sparse, str_of(columns[i]));
        must(sql_sparse_fetch(files, 1, &err), &err);
        assert_true(atomic_load(&count.bytes) < bytes / 2);
        for (size_t k = 0; k < ARRAY_COUNT(columns); k++) {
            AUTO_BUF struct buf got = {0};
            AUTO_BUF struct buf expected = {0};
            int rc = hash_of(columns[k], path, &got, &err);
            must(hash_of(columns[k], whole, &expected, &err), &err);
            if (k == i && (rc < 0 || !str_eq(buf_str(&got), buf_str(&expected)))) {
                fail_msg("column %s%s: %s", columns[k], options, rc < 0 ? err.msg : got.ptr);
            }
            /* A small column may lie in the gap that was not worth a request of its own. */
            if (k != i && rc >= 0 && !str_eq(buf_str(&got), buf_str(&expected))) {
                fail_msg("a hole of column %s%s was read as %s", columns[k], options, got.ptr);
            }
        }
        sql_sparse_close(&sparse);
    }
}

static void fetched_columns_read_right_and_holes_never_as_rows(void **state)
{
    (void)state;
    check_columns(", COMPRESSION snappy, ROW_GROUP_SIZE 6144");
    check_columns(", COMPRESSION zstd");
    check_columns(", COMPRESSION uncompressed, ROW_GROUP_SIZE 50000");
    check_columns(", COMPRESSION uncompressed, PARQUET_VERSION v2, ROW_GROUP_SIZE 100000");
}

static void a_column_that_was_not_fetched_is_an_error(void **state)
{
    (void)state;
    static const char *const options[] = {", COMPRESSION snappy", ", COMPRESSION uncompressed",
                                          ", COMPRESSION uncompressed, PARQUET_VERSION v2"};
    for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
        uint64_t bytes = make_object(MAKE, options[i]);
        AUTO_FREE char *path = sparse_path();
        struct sql_sparse_count count = {0};
        struct sql_sparse sparse;
        struct err err;
        must(sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, &err), &err);
        /* noise2 and none may be in the tail that came with the footer */
        for (size_t k = 0; k + 2 < ARRAY_COUNT(columns); k++) {
            AUTO_BUF struct buf got = {0};
            assert_true(hash_of(columns[k], path, &got, &err) < 0);
            assert_int_equal(0, got.len);
        }
        sql_sparse_close(&sparse);
    }
}

static void row_groups_that_are_left_out_are_neither_fetched_nor_read(void **state)
{
    (void)state;
    struct err err;
    uint64_t bytes = make_object(MAKE, ", COMPRESSION snappy, ROW_GROUP_SIZE 6144");
    AUTO_FREE char *path = sparse_path();
    struct sql_sparse_count count = {0};
    struct sql_sparse sparse;
    struct sql_sparse *files[] = {&sparse};
    bool keep[64] = {false};
    must(sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, &err), &err);
    assert_int_equal(10, sparse.footer.group_count);
    for (size_t g = 0; g < sparse.footer.group_count; g++) {
        const struct sql_range *id = &sparse.footer.groups[g].chunks[0].range;
        assert_int_equal(SQL_VALUE_NUMBER, id->min.kind);
        assert_int_equal(0, id->null_count);
        assert_int_equal(g * 6144, id->min.number);
        keep[g] = g == 3 || g == 7;
    }
    must(sql_sparse_keep(&sparse, keep, &err), &err);
    sql_sparse_want_name(&sparse, STR("ID"));
    sql_sparse_want_name(&sparse, STR("noise"));
    uint64_t missing = sql_sparse_missing(&sparse);
    uint64_t before = atomic_load(&count.bytes);
    must(sql_sparse_fetch(files, 1, &err), &err);
    assert_int_equal(missing, atomic_load(&count.bytes) - before);
    assert_int_equal(0, sql_sparse_missing(&sparse));
    AUTO_BUF struct buf got = {0};
    AUTO_FREE char *sql =
        mem_printf("SELECT (count(*) || ' ' || min(id) || ' ' || max(id) || ' ' || "
                   "bool_and(noise = md5(id::VARCHAR)))::VARCHAR FROM read_parquet('%s')",
                   path);
    must(ask(sql, &got, &err), &err);
    assert_string_equal("12288 18432 49151 true", got.ptr);
    sql_sparse_close(&sparse);
}

static void a_bloom_filter_comes_with_its_column(void **state)
{
    (void)state;
    struct err err;
    /* Values far apart, so that only the filter can tell that one is missing. */
    uint64_t bytes = make_object("SELECT (i * 7919) % 100003 AS v, md5(i::VARCHAR) AS noise FROM "
                                 "range(200000) t(i)",
                                 ", ROW_GROUP_SIZE 20480, DICTIONARY_SIZE_LIMIT 100000");
    AUTO_FREE char *path = sparse_path();
    struct sql_sparse_count count = {0};
    struct sql_sparse sparse;
    struct sql_sparse *files[] = {&sparse};
    must(sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, &err), &err);
    assert_true(sparse.footer.groups[0].chunks[0].bloom > 0);
    sql_sparse_want_name(&sparse, STR("v"));
    must(sql_sparse_fetch(files, 1, &err), &err);
    for (int v = 0; v < 100003; v += 9973) {
        AUTO_BUF struct buf got = {0};
        AUTO_BUF struct buf expected = {0};
        AUTO_FREE char *sparse_sql =
            mem_printf("SELECT count(*)::VARCHAR FROM '%s' WHERE v = %d", path, v);
        AUTO_FREE char *whole_sql =
            mem_printf("SELECT count(*)::VARCHAR FROM '%s/whole.parquet' WHERE v = %d", dir, v);
        must(ask(sparse_sql, &got, &err), &err);
        must(ask(whole_sql, &expected, &err), &err);
        assert_string_equal(expected.ptr, got.ptr);
        assert_true(got.ptr[0] != '0');
    }
    sql_sparse_close(&sparse);
}

static void a_small_object_is_one_request(void **state)
{
    (void)state;
    struct err err;
    uint64_t bytes = make_object("SELECT i AS id, md5(i::VARCHAR) AS t FROM range(1000) t(i)", "");
    AUTO_FREE char *path = sparse_path();
    struct sql_sparse_count count = {0};
    struct sql_sparse sparse;
    AUTO_BUF struct buf got = {0};
    must(sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, &err), &err);
    assert_int_equal(1, atomic_load(&count.requests));
    assert_int_equal(bytes, atomic_load(&count.bytes));
    must(hash_of("t", path, &got, &err), &err);
    sql_sparse_close(&sparse);
}

static void a_footer_longer_than_the_first_guess_is_fetched_whole(void **state)
{
    (void)state;
    struct err err;
    AUTO_BUF struct buf select = {0};
    buf_add_c(&select, "SELECT md5(i::VARCHAR) AS noise");
    for (int i = 0; i < 400; i++) {
        buf_printf(&select, ", i + %d AS a_column_with_a_long_name_%d", i, i);
    }
    buf_add_c(&select, " FROM range(20000) t(i)");
    uint64_t bytes = make_object(select.ptr, ", ROW_GROUP_SIZE 2048");
    AUTO_FREE char *path = sparse_path();
    struct sql_sparse_count count = {0};
    struct sql_sparse sparse;
    must(sql_sparse_open(&sparse, store, STR("a.parquet"), SQL_SPARSE_SIZE_UNKNOWN, path, &count,
                         &err),
         &err);
    assert_int_equal(bytes, sparse.size_bytes);
    assert_true(sparse.footer.bytes.len > 65536);
    assert_int_equal(401, sparse.footer.column_count);
    assert_int_equal(2, atomic_load(&count.requests));
    sql_sparse_close(&sparse);
}

static int open_sparse(uint64_t bytes, struct err *err)
{
    AUTO_FREE char *path = sparse_path();
    struct sql_sparse_count count = {0};
    struct sql_sparse sparse;
    int rc = sql_sparse_open(&sparse, store, STR("a.parquet"), bytes, path, &count, err);
    sql_sparse_close(&sparse);
    return rc;
}

static void an_object_of_another_size_or_kind_is_corrupt(void **state)
{
    (void)state;
    struct err err;
    uint64_t bytes = make_object(MAKE, "");
    assert_int_equal(ERR_CORRUPT, open_sparse(bytes + 1, &err));
    assert_int_equal(ERR_CORRUPT, open_sparse(bytes - 1, &err));
    assert_int_equal(ERR_CORRUPT, open_sparse(bytes * 2, &err));
    assert_int_equal(ERR_CORRUPT, open_sparse(3, &err));
    must(store_put(store, STR("a.parquet"), STR("this is not Parquet at all"), &err), &err);
    assert_int_equal(ERR_CORRUPT, open_sparse(26, &err));
    must(store_delete(store, STR("a.parquet"), &err), &err);
    assert_int_equal(ERR_CORRUPT, open_sparse(26, &err));
    assert_non_null(strstr(err.msg, "gone"));
}

static int fail_at_two(void *user, size_t index, struct err *err)
{
    atomic_fetch_add((atomic_int *)user, 1);
    return index == 2 ? err_set(err, ERR_DATA, "two") : 0;
}

static void the_first_error_of_many_jobs_comes_out(void **state)
{
    (void)state;
    struct err err;
    atomic_int runs = 0;
    assert_int_equal(ERR_DATA, sql_sparse_each(100, fail_at_two, &runs, &err));
    assert_string_equal("two", err.msg);
    assert_true(atomic_load(&runs) >= 3);
    runs = 0;
    assert_int_equal(0, sql_sparse_each(2, fail_at_two, &runs, &err));
    assert_int_equal(2, atomic_load(&runs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetched_columns_read_right_and_holes_never_as_rows),
        cmocka_unit_test(a_column_that_was_not_fetched_is_an_error),
        cmocka_unit_test(row_groups_that_are_left_out_are_neither_fetched_nor_read),
        cmocka_unit_test(a_bloom_filter_comes_with_its_column),
        cmocka_unit_test(a_small_object_is_one_request),
        cmocka_unit_test(a_footer_longer_than_the_first_guess_is_fetched_whole),
        cmocka_unit_test(an_object_of_another_size_or_kind_is_corrupt),
        cmocka_unit_test(the_first_error_of_many_jobs_comes_out),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
