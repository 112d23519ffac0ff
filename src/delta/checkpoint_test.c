/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * checkpoint_test - snapshots from checkpoints, and the checkpoints themselves
 *
 * Over the memory store, so that files go through the spool as they do with S3.
 */
static struct {
    struct sql_db *db;
    char *spool;
    int number;
} env;

static int set_up(void **state)
{
    (void)state;
    struct err err;
    OK(fs_make_temp_dir("/tmp", "delta-checkpoint", &env.spool, &err));
    struct sql_db_options options = {.temp_dir = env.spool};
    OK(sql_open(&options, &env.db, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct err err;
    sql_close(env.db);
    /* Nothing is left behind in the spool. */
    int left = rmdir(env.spool);
    (void)fs_remove_tree(env.spool, &err);
    mem_free(env.spool);
    return left;
}

static struct store *new_store(char name[32])
{
    (void)snprintf(name, 32, "checkpoint-%d", env.number++);
    return store_memory_open(name);
}

static int try_open(struct store *store, struct delta_table **ret_table, struct err *err)
{
    struct delta_options options = {.db = env.db, .spool = env.spool};
    return delta_open(store, &options, ret_table, err);
}

static struct delta_table *open_named(const char *name)
{
    struct delta_table *table = NULL;
    struct err err;
    OK(try_open(store_memory_open(name), &table, &err));
    return table;
}

static int write_checkpoint(struct store *store, int64_t version, struct err *err)
{
    int64_t rows = 0;
    return delta_checkpoint_write(store, env.db, env.spool, version, &rows, err);
}

static void delete_commits(struct store *store, int64_t first, int64_t last)
{
    struct err err;
    char room[DELTA_LOG_KEY_BYTES];
    for (int64_t v = first; v <= last; v++) {
        OK(store_delete(store, delta_log_commit_key(room, v), &err));
    }
}

static int collect(void *user, const struct delta_file *file, struct err *err)
{
    (void)err;
    struct buf *out = user;
    buf_printf(out, "%.*s %" PRIu64 " %.*s %.*s %.*s\n", STR_FMT(file->key), file->size_bytes,
               STR_FMT(file->partition_values), STR_FMT(file->stats),
               STR_FMT(file->deletion_vector));
    return 0;
}

static char *files_of(struct store *store, int64_t version, struct arena *arena)
{
    AUTO_BUF struct buf out = {0};
    struct delta_snapshot snapshot;
    struct err err;
    OK(delta_files(store, env.db, env.spool, version, arena, &snapshot, collect, &out, &err));
    return arena_strdup(arena, buf_str(&out));
}

#define ADD(path, more)                                                                            \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":1" more "}}\n"
#define REMOVE(path, more) "{\"remove\":{\"path\":\"" path "\",\"dataChange\":true" more "}}\n"
#define DV(where)                                                                                  \
    ",\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"" where                       \
    "\",\"offset\":1,\"sizeInBytes\":2,\"cardinality\":3}"
#define LONG_AGO  ",\"deletionTimestamp\":1000"
#define FAR_AHEAD ",\"deletionTimestamp\":9000000000000"

static void make_history(struct store *store)
{
    test_make_table(store);
    test_put_commit(store, 1,
                    ADD("a", ",\"stats\":\"{\\\"numRecords\\\":1}\"") ADD("b%20c", "")
                        ADD("d", "") "{\"txn\":{\"appId\":\"z\",\"version\":1,\"lastUpdated\":5}}\n"
                                     "{\"txn\":{\"appId\":\"m\",\"version\":7}}\n");
    test_put_commit(store, 2,
                    REMOVE("a", LONG_AGO)
                        REMOVE("d", FAR_AHEAD) "{\"domainMetadata\":{\"domain\":\"x\","
                                               "\"configuration\":\"{}\",\"removed\":false}}\n"
                                               "{\"domainMetadata\":{\"domain\":\"y\","
                                               "\"configuration\":\"q\",\"removed\":false}}\n");
    test_put_commit(store, 3,
                    ADD("e", DV("p")) "{\"txn\":{\"appId\":\"z\",\"version\":2}}\n"
                                      "{\"domainMetadata\":{\"domain\":\"y\",\"configuration\":"
                                      "\"\",\"removed\":true}}\n");
    test_put_commit(store, 4, REMOVE("e", FAR_AHEAD DV("p")) ADD("e", DV("r")) ADD("a", ""));
}
static const char files_at_4[] =
    "a 1 {}  \nb c 1 {}  \ne 1 {}  {\"storageType\":\"u\",\"pathOrInlineDv\":\"r\",\"offset\":1,"
    "\"sizeInBytes\":2,\"cardinality\":3,\"maxRowIndex\":null}\n";

static void a_checkpoint_says_what_the_commits_said(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_ARENA struct arena arena = {0};
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    assert_string_equal(files_of(store, -1, &arena), files_at_4);
    assert_string_equal(files_of(store, 2, &arena), "b c 1 {}  \n");
    for (int64_t version = 2; version <= 4; version++) {
        /* 3 and 4 are built from the one before. */
        OK(write_checkpoint(store, version, &err));
        delete_commits(store, 0, version - 1);
    }
    assert_string_equal(files_of(store, -1, &arena), files_at_4);
    AUTO_DELTA struct delta_table *table = open_named(name);
    const struct delta_snapshot *snapshot = delta_snapshot(table);
    assert_int_equal(snapshot->version, 4);
    assert_int_equal(snapshot->checkpoint_version, 4);
    assert_int_equal(table->state.row_count, 10);
    assert_int_equal(snapshot->txns.count, 2);
    assert_int_equal(delta_find_txn(snapshot, STR("z"))->version, 2);
    assert_int_equal(delta_find_txn(snapshot, STR("m"))->version, 7);
    assert_int_equal(snapshot->domains.count, 1);
    assert_true(str_eq_c(snapshot->domains.items[0].name, "x"));
}

static int64_t ask(struct store *store, const char *key, const char *expression)
{
    struct err err;
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf sql = {0};
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    AUTO_FREE char *path = mem_printf("%s/ask-%d.parquet", env.spool, env.number++);
    struct str cell;
    int64_t value = -1;
    assert_int_equal(OK(store_get(store, str_of(key), &body, &err)), STORE_GOT);
    OK(fs_write_file(path, buf_str(&body), &err));
    OK(sql_connect(env.db, &conn, &err));
    buf_printf(&sql, "SELECT (%s)::VARCHAR FROM read_parquet('%s')", expression, path);
    OK(sql_query(conn, sql.ptr, &rows, &err));
    assert_int_equal(OK(sql_rows_next(rows, &cell, &err)), 1);
    assert_true(str_to_i64(cell, &value));
    (void)unlink(path);
    return value;
}

static void tombstones_stay_until_they_are_old(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    static const char key[] = "_delta_log/00000000000000000004.checkpoint.parquet";
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    OK(write_checkpoint(store, 4, &err));
    assert_int_equal(ask(store, key, "count(remove.path)"), 2); /* d, and e with its old vector */
    assert_int_equal(ask(store, key, "count(*) FILTER (remove.path = 'a')"), 0);
    assert_int_equal(ask(store, key, "count(add.path)"), 3);
    assert_int_equal(ask(store, key, "count(*) FILTER (add.dataChange)"), 0);
    assert_int_equal(ask(store, key, "count(protocol.readerFeatures)"), 0);
    assert_int_equal(ask(store, key, "count(*)"), 2 + 2 + 2 + 1 + 3);
}

static void a_v2_table_gets_a_checkpoint_with_its_row(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    static const char key[] = "_delta_log/00000000000000000001.checkpoint.parquet";
    AUTO_STORE struct store *store = new_store(name);
    test_put_commit(
        store, 0,
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":"
        "[\"v2Checkpoint\"],\"writerFeatures\":[\"v2Checkpoint\",\"appendOnly\"]}}"
        "\n" TEST_METADATA_OF("t-1", "\"delta.checkpointPolicy\":\"v2\""));
    test_put_commit(store, 1, ADD("a", ""));
    OK(write_checkpoint(store, 1, &err));
    assert_int_equal(ask(store, key, "sum(checkpointMetadata.version)"), 1);
    delete_commits(store, 0, 0);
    AUTO_DELTA struct delta_table *table = open_named(name);
    assert_int_equal(delta_snapshot(table)->protocol.writer_features.count, 2);
    assert_int_equal(delta_snapshot(table)->protocol.reader_features.count, 1);
}

static void expired_txns_are_left_out(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_STORE struct store *store = new_store(name);
    test_put_commit(store, 0,
                    TEST_PROTOCOL TEST_METADATA_OF("t-1",
                                                   "\"delta.setTransactionRetentionDuration\":"
                                                   "\"interval 1 days\""));
    test_put_commit(store, 1,
                    "{\"txn\":{\"appId\":\"old\",\"version\":1,\"lastUpdated\":1000}}\n"
                    "{\"txn\":{\"appId\":\"never\",\"version\":1}}\n"
                    "{\"txn\":{\"appId\":\"new\",\"version\":1,\"lastUpdated\":9000000000000}}\n");
    OK(write_checkpoint(store, 1, &err));
    AUTO_DELTA struct delta_table *table = open_named(name);
    assert_int_equal(delta_snapshot(table)->txns.count, 1);
    assert_non_null(delta_find_txn(delta_snapshot(table), STR("new")));
}

static void assert_live(const char *name, int64_t files, int64_t bytes)
{
    AUTO_DELTA struct delta_table *table = open_named(name);
    assert_int_equal(delta_snapshot(table)->file_count, files);
    assert_int_equal(delta_snapshot(table)->file_bytes, bytes);
}

/* Nobody reads the adds of a checkpoint for it. */
static void live_files_are_counted_where_the_log_says_how_many(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    assert_live(name, 3, -1); /* a remove that does not tell its size */
    OK(write_checkpoint(store, 4, &err));
    assert_live(name, 3, 3);
    test_put_commit(store, 5, ADD("f", "") ADD("g", ""));
    assert_live(name, 5, 5);
    test_put_commit(store, 6, REMOVE("f", ",\"size\":1"));
    assert_live(name, 4, 4);
    OK(store_put(store, STR("_delta_log/_last_checkpoint"), STR("{\"version\":4,\"size\":9}"),
                 &err));
    assert_live(name, -1, -1);
    AUTO_DELTA struct delta_table *table = open_named(name);
    assert_true(delta_snapshot(table)->checkpoint_us > 0);
    assert_int_equal(delta_snapshot(table)->checkpoint_version, 4);
}

static void a_checkpoint_never_comes_before_its_commit(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    FAILS(write_checkpoint(store, 5, &err), ERR_CONFIG, "000005.json\" is not there");
}

static void the_hint_goes_forward_only(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    OK(write_checkpoint(store, 4, &err));
    OK(write_checkpoint(store, 2, &err));
    struct delta_log_hint hint;
    assert_int_equal(OK(delta_log_read_hint(store, &hint, &err)), 1);
    assert_int_equal(hint.version, 4);
    assert_int_equal(hint.add_count, 3);
    assert_true(hint.file_bytes > 0);
}

static void hints_and_checkpoints_that_are_broken_are_passed(void **state)
{
    (void)state;
    static const char *const hints[] = {NULL,
                                        "",
                                        "{",
                                        "{\"version\":99}",
                                        "{\"version\":3}",
                                        "{\"version\":0}",
                                        "[1]",
                                        "{\"version\":-7}"};
    struct err err;
    char name[32];
    AUTO_ARENA struct arena arena = {0};
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    OK(write_checkpoint(store, 1, &err));
    OK(write_checkpoint(store, 3, &err));
    delete_commits(store, 0, 0);
    OK(store_put(store, STR("_delta_log/00000000000000000003.checkpoint.parquet"), STR("PAR1junk"),
                 &err));
    /* An incomplete one of two parts counts for nothing. */
    OK(store_put(store,
                 STR("_delta_log/00000000000000000004.checkpoint.0000000001.0000000002.parquet"),
                 STR("x"), &err));
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        if (hints[i] == NULL) {
            OK(store_delete(store, STR(DELTA_LOG_HINT), &err));
        } else {
            OK(store_put(store, STR(DELTA_LOG_HINT), str_of(hints[i]), &err));
        }
        AUTO_DELTA struct delta_table *table = open_named(name);
        assert_int_equal(delta_snapshot(table)->version, 4);
        assert_int_equal(delta_snapshot(table)->checkpoint_version, 1);
        assert_string_equal(files_of(store, -1, &arena), files_at_4);
    }
}

static void a_log_that_cannot_be_replayed_names_file_and_line(void **state)
{
    (void)state;
    static const struct {
        int64_t version;
        const char *body, *words;
    } cases[] = {
        {2, NULL, "\"_delta_log/00000000000000000002.json\" is missing, but version 3 is there"},
        {0, NULL, "the log begins at version 1 and has no complete checkpoint"},
        {3, "", "\"_delta_log/00000000000000000003.json\" line 1: the file is empty"},
        {3, "\n\n", "00003.json\" line 1: the file is empty"},
        {3, "{\"txn\":{\"appId\":\"z\",\"version\":2}}\n{\"add\":{\"pa", "00003.json\" line 2:"},
        {4, ADD("q", "") "\n{\"add\":{\"path\":\"x\"}}\n", "00004.json\" line 3:"},
        {0, TEST_PROTOCOL, "holds no metaData"},
        {0, TEST_METADATA, "holds no protocol"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        char name[32];
        AUTO_STORE struct store *store = new_store(name);
        struct delta_table *table = NULL;
        make_history(store);
        if (cases[i].body == NULL) {
            delete_commits(store, cases[i].version, cases[i].version);
        } else {
            test_put_commit(store, cases[i].version, cases[i].body);
        }
        struct store *other = store_memory_open(name);
        FAILS(try_open(other, &table, &err), ERR_CORRUPT, cases[i].words);
    }
}

static int count_ops(int *ops)
{
    int seen = *ops;
    *ops = 0;
    return seen;
}

static enum store_fault only_count(void *user, enum store_op op, struct str key)
{
    (void)op;
    (void)key;
    (*(int *)user)++;
    return STORE_FAULT_NONE;
}

static void a_refresh_costs_one_list_and_the_new_commits(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    int ops = 0;
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    AUTO_DELTA struct delta_table *table = NULL;
    OK(try_open(store_faulty_open(store_memory_open(name), only_count, &ops), &table, &err));
    (void)count_ops(&ops);
    assert_int_equal(OK(delta_refresh(table, &err)), 0);
    assert_int_equal(count_ops(&ops), 1);
    test_put_commit(store, 5, ADD("n", ""));
    assert_int_equal(OK(delta_refresh(table, &err)), 1);
    assert_int_equal(count_ops(&ops), 2);
    assert_int_equal(delta_snapshot(table)->version, 5);
}

static void a_log_cleaned_under_us_is_loaded_again(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    int64_t version = -1;
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    AUTO_DELTA struct delta_table *table = open_named(name);
    for (int64_t v = 5; v <= 9; v++) {
        test_put_commit(store, v, "{\"txn\":{\"appId\":\"other\",\"version\":1}}\n");
    }
    OK(write_checkpoint(store, 8, &err));
    delete_commits(store, 0, 7);
    /* The put at 5 would succeed: the listing must come first. */
    table->state.snapshot.refreshed_boot_us -= (int64_t)11 * 60 * 1000000;
    assert_int_equal(OK(test_append(table, "x", 1, &version, &err)), DELTA_SCHEMA_CHANGED);
    assert_int_equal(delta_snapshot(table)->version, 9);
    assert_int_equal(OK(test_append(table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 10);
}

static void many_commits_are_read_in_order(void **state)
{
    (void)state;
    char name[32];
    AUTO_STORE struct store *store = new_store(name);
    test_make_table(store);
    for (int i = 1; i <= 100; i++) {
        char line[96];
        (void)snprintf(line, sizeof(line), "{\"txn\":{\"appId\":\"a%d\",\"version\":%d}}\n", i % 7,
                       i);
        test_put_commit(store, i, line);
    }
    AUTO_DELTA struct delta_table *table = open_named(name);
    assert_int_equal(delta_snapshot(table)->version, 100);
    assert_int_equal(delta_snapshot(table)->txns.count, 7);
    assert_int_equal(delta_find_txn(delta_snapshot(table), STR("a2"))->version, 100);
    assert_true(delta_checkpoint_due(table));
    delta_checkpoint_done(table, 95, 9);
    assert_false(delta_checkpoint_due(table));
}

struct fault_plan {
    enum store_fault fault;
    int at, ops;
};

static enum store_fault nth_fails(void *user, enum store_op op, struct str key)
{
    (void)op;
    (void)key;
    struct fault_plan *plan = user;
    return ++plan->ops == plan->at ? plan->fault : STORE_FAULT_NONE;
}

static void a_checkpoint_that_fails_anywhere_leaves_the_table_readable(void **state)
{
    (void)state;
    static const enum store_fault faults[] = {STORE_FAULT_BEFORE, STORE_FAULT_AFTER,
                                              STORE_FAULT_TRUNCATE, STORE_FAULT_REFUSE};
    for (size_t f = 0; f < ARRAY_COUNT(faults); f++) {
        for (int at = 1;; at++) {
            struct err err;
            char name[32];
            AUTO_ARENA struct arena arena = {0};
            AUTO_STORE struct store *store = new_store(name);
            make_history(store);
            OK(write_checkpoint(store, 2, &err));
            struct fault_plan plan = {faults[f], at, 0};
            AUTO_STORE struct store *faulty =
                store_faulty_open(store_memory_open(name), nth_fails, &plan);
            int rc = write_checkpoint(faulty, 4, &err);
            assert_string_equal(files_of(store, -1, &arena), files_at_4);
            if (plan.ops < at) {
                assert_int_equal(rc, 0);
                break;
            }
        }
    }
}

static int first_words(void *user, int64_t version, struct str commit_info, struct err *err)
{
    (void)err;
    buf_printf(user, "%" PRId64 " %.*s\n", version, STR_FMT(str_head(commit_info, 14)));
    return 0;
}

static void history_is_told_from_the_end(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    AUTO_BUF struct buf out = {0};
    AUTO_STORE struct store *store = new_store(name);
    make_history(store);
    test_put_commit(store, 1, TEST_FOREIGN_APPEND);
    OK(delta_history(store, 100, first_words, &out, &err));
    assert_string_equal(out.ptr, "4 {}\n3 {}\n2 {}\n1 {\"timestamp\":1\n0 {\"timestamp\":1\n");
    buf_reset(&out);
    OK(delta_history(store, 2, first_words, &out, &err));
    assert_string_equal(out.ptr, "4 {}\n3 {}\n");
}

static void names_of_log_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum delta_log_kind kind;
    } cases[] = {
        {"00000000000000000010.json", DELTA_LOG_COMMIT},
        {"00000000000000000010.checkpoint.parquet", DELTA_LOG_CLASSIC},
        {"00000000000000000010.checkpoint.0000000001.0000000003.parquet", DELTA_LOG_MULTIPART},
        {"00000000000000000010.checkpoint.0000000004.0000000003.parquet", DELTA_LOG_OTHER},
        {"00000000000000000010.checkpoint.bd1885fd-6ec0-4370-b0f5-43b5162fd4de.json",
         DELTA_LOG_V2_JSON},
        {"00000000000000000010.checkpoint.bd1885fd-6ec0-4370-b0f5-43b5162fd4de.parquet",
         DELTA_LOG_V2_PARQUET},
        {"00000000000000000010.crc", DELTA_LOG_OTHER},
        {"00000000000000000010.json.tmp", DELTA_LOG_OTHER},
        {"00000000000000000010.00000000000000000012.compacted.json", DELTA_LOG_OTHER},
        {"0000000000000000010.json", DELTA_LOG_OTHER},
        {"99999999999999999999.json", DELTA_LOG_OTHER},
        {"_last_checkpoint", DELTA_LOG_OTHER},
        {"", DELTA_LOG_OTHER},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct delta_log_name name = delta_log_parse_name(str_of(cases[i].name));
        assert_int_equal(name.kind, cases[i].kind);
        assert_true(name.kind == DELTA_LOG_OTHER || name.version == 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_says_what_the_commits_said),
        cmocka_unit_test(tombstones_stay_until_they_are_old),
        cmocka_unit_test(a_v2_table_gets_a_checkpoint_with_its_row),
        cmocka_unit_test(expired_txns_are_left_out),
        cmocka_unit_test(live_files_are_counted_where_the_log_says_how_many),
        cmocka_unit_test(a_checkpoint_never_comes_before_its_commit),
        cmocka_unit_test(the_hint_goes_forward_only),
        cmocka_unit_test(hints_and_checkpoints_that_are_broken_are_passed),
        cmocka_unit_test(a_log_that_cannot_be_replayed_names_file_and_line),
        cmocka_unit_test(a_refresh_costs_one_list_and_the_new_commits),
        cmocka_unit_test(a_log_cleaned_under_us_is_loaded_again),
        cmocka_unit_test(many_commits_are_read_in_order),
        cmocka_unit_test(a_checkpoint_that_fails_anywhere_leaves_the_table_readable),
        cmocka_unit_test(history_is_told_from_the_end),
        cmocka_unit_test(names_of_log_files_are_read),
    };
    return cmocka_run_group_tests_name("delta/checkpoint", tests, set_up, tear_down);
}
