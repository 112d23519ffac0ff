/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "delta/load.h"
#include "store/memory.h"

/* A checkpoint of 60,000 files: some MiB of adds, a handful of everything else. */
#define ADDS    60000
#define REMOVES 1000
#define TXNS    3

static struct sql_db *db;
static struct sql_conn *conn;
static char *dir;
static struct store *store;
static struct arena arena;

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        fail_msg("%s", err->msg);
    }
}

static void put_checkpoint(const char *key, struct store_entry *ret_entry)
{
    struct err err;
    AUTO_FREE char *path = mem_printf("%s/made.parquet", dir);
    AUTO_BUF struct buf sql = {0};
    AUTO_BUF struct buf body = {0};
    buf_printf(
        &sql,
        "COPY (SELECT "
        "CASE WHEN i = 0 THEN {'minReaderVersion': 1, 'minWriterVersion': 2} END AS protocol, "
        "CASE WHEN i = 1 THEN {'id': 'the-id', 'schemaString': "
        "'{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,"
        "\"metadata\":{}}]}', 'partitionColumns': ['p'], 'configuration': MAP {'k': 'v'}, "
        "'createdTime': 5, 'format': {'provider': 'parquet', 'options': MAP {}}} END AS "
        "\"metaData\", "
        "CASE WHEN i BETWEEN 2 AND 4 THEN {'appId': 'app-' || i, 'version': i} END AS txn, "
        "CASE WHEN i BETWEEN 5 AND 1004 THEN {'path': 'gone-' || i, 'deletionTimestamp': i, "
        "'dataChange': true} END AS remove, "
        "CASE WHEN i > 1004 THEN {'path': md5(i::VARCHAR) || '.parquet', 'partitionValues': MAP "
        "{'p': (i %% 7)::VARCHAR}, 'size': i, 'modificationTime': i, 'dataChange': false, 'stats': "
        "'{\"numRecords\":' || i || ',\"minValues\":{\"a\":' || hash(i) || '}}'} END AS \"add\" "
        "FROM range(%d) t(i)) TO '%s' (FORMAT parquet, ROW_GROUP_SIZE 10240)",
        1005 + ADDS, path);
    must(sql_run(conn, sql.ptr, &err), &err);
    must(fs_read_file(path, &body, &err), &err);
    must(store_put(store, str_of(key), buf_str(&body), &err), &err);
    *ret_entry =
        (struct store_entry){.key = arena_str(&arena, str_of(key)), .size_bytes = body.len};
}

static int open_all(void **state)
{
    (void)state;
    struct sql_db_options options = {.threads = 1};
    struct err err;
    store = store_memory_open("load_test");
    return fs_make_temp_dir("/tmp", "load", &dir, &err) < 0 || sql_open(&options, &db, &err) < 0 ||
                   sql_connect(db, &conn, &err) < 0
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
    arena_done(&arena);
    return 0;
}

struct seen {
    int protocols, metadata, txns, others;
    int64_t version_sum;
};

static int on_action(void *user, const struct delta_action *action, struct err *err)
{
    (void)err;
    struct seen *seen = user;
    switch (action->kind) {
    case DELTA_ACTION_PROTOCOL:
        seen->protocols++;
        break;
    case DELTA_ACTION_METADATA:
        seen->metadata++;
        break;
    case DELTA_ACTION_TXN:
        seen->txns++;
        seen->version_sum += action->txn.version;
        break;
    default:
        seen->others++;
    }
    return 0;
}

/* "count(add) count(remove) sum(add.size)" by the SELECT of the file actions. */
static int ask(const struct delta_load *load, struct buf *ret_answer, struct err *err)
{
    AUTO_BUF struct buf select = {0};
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell = STR_NULL;
    assert_true(delta_load_select(load, NULL, &select));
    buf_printf(
        &sql,
        "SELECT (count(\"add\") || ' ' || count(\"remove\") || ' ' || sum(\"add\".size) || ' ' "
        "|| count(DISTINCT \"add\".stats))::VARCHAR FROM (%.*s)",
        STR_FMT(buf_str(&select)));
    TRY(sql_query(conn, sql.ptr, &rows, err));
    assert_int_equal(1, TRY(sql_rows_next(rows, &cell, err)));
    buf_add_str(ret_answer, cell);
    return 0;
}

static void opening_does_without_the_columns_of_files(void **state)
{
    (void)state;
    struct err err;
    struct store_entry entry;
    put_checkpoint("_delta_log/00000000000000000009.checkpoint.parquet", &entry);
    assert_true(entry.size_bytes > 3 * SQL_SPARSE_WHOLE_BYTES);
    struct delta_log_checkpoint checkpoint = {
        .kind = DELTA_LOG_CLASSIC, .version = 9, .file_count = 1, .files = &entry};
    AUTO_LOAD struct delta_load load = {0};
    struct seen seen = {0};
    must(delta_load_open(&load, store, conn, dir, &checkpoint, &err), &err);
    must(delta_load_actions(&load, on_action, &seen, &err), &err);
    assert_int_equal(1, seen.protocols);
    assert_int_equal(1, seen.metadata);
    assert_int_equal(TXNS, seen.txns);
    assert_int_equal(2 + 3 + 4, seen.version_sum);
    assert_int_equal(0, seen.others);
    assert_int_equal(1005 + ADDS, load.files.items[0].row_count);
    assert_true(atomic_load(&load.count.bytes) < entry.size_bytes / 10);

    /* Without delta_load_files there is an error, not a table without files. */
    AUTO_BUF struct buf answer = {0};
    assert_true(ask(&load, &answer, &err) < 0);
    assert_int_equal(0, answer.len);
}

static void file_actions_come_when_they_are_asked_for(void **state)
{
    (void)state;
    struct err err;
    struct store_entry entries[2];
    put_checkpoint("_delta_log/00000000000000000010.checkpoint.0000000001.0000000002.parquet",
                   &entries[0]);
    put_checkpoint("_delta_log/00000000000000000010.checkpoint.0000000002.0000000002.parquet",
                   &entries[1]);
    struct delta_log_checkpoint checkpoint = {
        .kind = DELTA_LOG_MULTIPART, .version = 10, .file_count = 2, .files = entries};
    AUTO_LOAD struct delta_load load = {0};
    struct seen seen = {0};
    AUTO_BUF struct buf answer = {0};
    must(delta_load_open(&load, store, conn, dir, &checkpoint, &err), &err);
    must(delta_load_actions(&load, on_action, &seen, &err), &err);
    assert_int_equal(2 * TXNS, seen.txns);
    must(delta_load_files(&load, &err), &err);
    must(ask(&load, &answer, &err), &err);
    int64_t sum = 0;
    for (int64_t i = 1005; i < 1005 + ADDS; i++) {
        sum += 2 * i;
    }
    AUTO_FREE char *expected = mem_printf("%d %d %" PRId64 " %d", 2 * ADDS, 2 * REMOVES, sum, ADDS);
    assert_string_equal(expected, answer.ptr);
    uint64_t all = entries[0].size_bytes + entries[1].size_bytes;
    assert_true(atomic_load(&load.count.bytes) < all + all / 10);
}

static void a_sidecar_comes_with_its_files(void **state)
{
    (void)state;
    struct err err;
    struct store_entry entry;
    put_checkpoint("_delta_log/_sidecars/a b.parquet", &entry);
    AUTO_LOAD struct delta_load load = {.store = store, .conn = conn};
    AUTO_BUF struct buf answer = {0};
    must(delta_load_sidecar(&load, dir, STR("a%20b.parquet"), &err), &err);
    must(delta_load_files(&load, &err), &err);
    must(ask(&load, &answer, &err), &err);
    assert_true(str_starts(buf_str(&answer), STR("60000 1000 ")));
}

static void a_checkpoint_that_is_gone_or_cut_is_corrupt(void **state)
{
    (void)state;
    struct err err;
    struct store_entry entry;
    put_checkpoint("_delta_log/00000000000000000011.checkpoint.parquet", &entry);
    struct delta_log_checkpoint checkpoint = {
        .kind = DELTA_LOG_CLASSIC, .version = 11, .file_count = 1, .files = &entry};
    {
        AUTO_LOAD struct delta_load load = {0};
        entry.size_bytes--;
        assert_int_equal(ERR_CORRUPT, delta_load_open(&load, store, conn, dir, &checkpoint, &err));
    }
    must(store_delete(store, entry.key, &err), &err);
    AUTO_LOAD struct delta_load load = {0};
    assert_int_equal(ERR_CORRUPT, delta_load_open(&load, store, conn, dir, &checkpoint, &err));
    assert_non_null(strstr(err.msg, "checkpoint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_does_without_the_columns_of_files),
        cmocka_unit_test(file_actions_come_when_they_are_asked_for),
        cmocka_unit_test(a_sidecar_comes_with_its_files),
        cmocka_unit_test(a_checkpoint_that_is_gone_or_cut_is_corrupt),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
