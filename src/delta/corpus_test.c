/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

/*
 * corpus_test - tables written by other engines, against what others say of them
 *
 * ../shared/data holds 101 tables and 9 broken logs; its README.md has a line a
 * table with version, protocol, features, partition columns, number of live
 * files and txns, computed by an independent replay.  Every line is compared;
 * then every table that we may append to is appended to, checkpointed, opened
 * again from that checkpoint and compared once more.
 */

/* One line of the README. */
struct fact {
    struct str path;
    int64_t version; /* -1 = no table */
    int64_t files;   /* -1 = not said */
    int min_reader, min_writer;
    struct str writer_features, reader_features; /* comma-separated */
    struct str partition_columns;
    struct str txns; /* JSON object */
};

static struct {
    char *dir; /* where the archives were unpacked; NULL = no data */
    char *data;
    struct sql_db *db;
    struct arena arena;
    struct buf readme;
    VEC(struct fact) facts;
} corpus;

/* ---- the README ------------------------------------------------------------------------------ */

static struct str after(struct str field, const char *prefix)
{
    struct str want = str_of(prefix);
    return str_starts(field, want) ? str_skip(field, want.len) : STR_NULL;
}

/* "3/7 [w:a,b r:c]" */
static void parse_protocol(struct str field, struct fact *fact)
{
    char text[16] = "";
    (void)snprintf(text, sizeof(text), "%.*s", STR_FMT(str_head(field, 3)));
    if (sscanf(text, "%d/%d", &fact->min_reader, &fact->min_writer) != 2) {
        return;
    }
    ptrdiff_t open = str_find(field, '[');
    if (open < 0) {
        return;
    }
    struct str rest = str_n(field.ptr + open + 1, field.len - (size_t)open - 2);
    struct str part = STR_NULL;
    while (str_split(&rest, ' ', &part)) {
        struct str writers = after(part, "w:");
        struct str readers = after(part, "r:");
        fact->writer_features = writers.ptr != NULL ? writers : fact->writer_features;
        fact->reader_features = readers.ptr != NULL ? readers : fact->reader_features;
    }
}

static void parse_fact(struct str line)
{
    struct fact fact = {.version = -1, .files = -1};
    struct str rest = line;
    struct str field = STR_NULL;
    while (str_split(&rest, '|', &field)) {
        field = str_trim(field);
        struct str value;
        if (str_starts(field, STR("//"))) {
            break; /* prose */
        }
        if (fact.path.ptr == NULL) {
            fact.path = field;
        } else if ((value = after(field, "v=")).ptr != NULL) {
            (void)str_to_i64(value, &fact.version);
        } else if ((value = after(field, "files=")).ptr != NULL) {
            (void)str_to_i64(value, &fact.files);
        } else if ((value = after(field, "part=")).ptr != NULL) {
            fact.partition_columns = value;
        } else if ((value = after(field, "txn=")).ptr != NULL) {
            fact.txns = value;
        } else if (field.len >= 3 && field.ptr[1] == '/' && fact.min_reader == 0) {
            parse_protocol(field, &fact);
        }
    }
    *vec_push(&corpus.facts) = fact;
}

static void parse_readme(void)
{
    struct str rest = buf_str(&corpus.readme);
    struct str line = STR_NULL;
    bool inside = false;
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, STR("```"))) {
            inside = !inside;
        } else if (inside && str_find_str(line, STR(" | v=")) > 0) {
            parse_fact(line);
        }
    }
}

static int unpack(void **state)
{
    (void)state;
    struct err err;
    const char *root = getenv("SLUICE_SOURCE_ROOT");
    corpus.data = mem_printf("%s/../shared/data", root == NULL ? "." : root);
    AUTO_FREE char *readme = mem_printf("%s/README.md", corpus.data);
    if (!fs_exists(readme)) {
        return 0;
    }
    assert_return_code(fs_make_temp_dir("/tmp", "delta-corpus", &corpus.dir, &err), 0);
    AUTO_FREE char *command = mem_printf(
        "cd '%s' && for a in delta-tables format-corpora; do zstd -dcq '%s'/$a.tar.zst | "
        "tar -x || exit 1; done",
        corpus.dir, corpus.data);
    assert_int_equal(system(command), 0);
    assert_return_code(fs_read_file(readme, &corpus.readme, &err), 0);
    parse_readme();
    struct sql_db_options options = {.temp_dir = corpus.dir};
    assert_return_code(sql_open(&options, &corpus.db, &err), 0);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    struct err err;
    sql_close(corpus.db);
    if (corpus.dir != NULL) {
        (void)fs_remove_tree(corpus.dir, &err);
    }
    mem_free(corpus.dir);
    mem_free(corpus.data);
    buf_done(&corpus.readme);
    vec_done(&corpus.facts);
    arena_done(&corpus.arena);
    return 0;
}

static bool has_data(void)
{
    if (corpus.dir == NULL) {
        print_message("SKIP: %s is not there\n", corpus.data);
    }
    return corpus.dir != NULL;
}

/* ---- comparing
 * ------------------------------------------------------------------------------------ */

static struct store *open_store(const char *path)
{
    struct store_options options = {0};
    struct store *store = NULL;
    struct err err;
    if (store_open(str_of(path), &options, &store, &err) < 0) {
        fail_msg("%s: %s", path, err.msg);
    }
    return store;
}

static char *table_path(struct str path)
{
    return arena_printf(&corpus.arena, "%s/%.*s", corpus.dir, STR_FMT(path));
}

static char *spool(void)
{
    return arena_printf(&corpus.arena, "%s/spool", corpus.dir);
}

static void check_names(struct str path, const char *what, struct str want, const struct str *items,
                        size_t count)
{
    size_t expected = 0;
    struct str name = STR_NULL;
    struct str rest = want;
    while (want.len > 0 && str_split(&rest, ',', &name)) {
        bool found = false;
        for (size_t i = 0; i < count; i++) {
            found = found || str_eq(items[i], name);
        }
        if (!found) {
            fail_msg("%.*s: no %s \"%.*s\"", STR_FMT(path), what, STR_FMT(name));
        }
        expected++;
    }
    if (count != expected) {
        fail_msg("%.*s: %zu %s, not %zu", STR_FMT(path), count, what, expected);
    }
}

static void check_txns(const struct fact *fact, const struct delta_snapshot *snapshot, size_t extra)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *root = NULL;
    struct err err;
    size_t count = 0;
    if (fact->txns.len > 0) {
        assert_return_code(json_parse(&arena, fact->txns, &root, &err), 0);
        count = root->count;
        json_foreach (it, root) {
            int64_t version = -1;
            const struct delta_txn *txn = delta_find_txn(snapshot, it->name);
            assert_true(json_get_i64(it, &version));
            if (txn == NULL || txn->version != version) {
                fail_msg("%.*s: txn %.*s", STR_FMT(fact->path), STR_FMT(it->name));
            }
        }
    }
    if (snapshot->txns.count != count + extra) {
        fail_msg("%.*s: %zu txns, not %zu", STR_FMT(fact->path), snapshot->txns.count,
                 count + extra);
    }
}

static void check_snapshot(const struct fact *fact, const struct delta_snapshot *snapshot,
                           int64_t version, size_t extra_txns)
{
    if (snapshot->version != version) {
        fail_msg("%.*s: version %" PRId64 ", not %" PRId64, STR_FMT(fact->path), snapshot->version,
                 version);
    }
    if (version < 0) {
        return;
    }
    assert_int_equal(snapshot->protocol.min_reader, fact->min_reader);
    assert_int_equal(snapshot->protocol.min_writer, fact->min_writer);
    check_names(fact->path, "writer feature", fact->writer_features,
                snapshot->protocol.writer_features.items, snapshot->protocol.writer_features.count);
    check_names(fact->path, "reader feature", fact->reader_features,
                snapshot->protocol.reader_features.items, snapshot->protocol.reader_features.count);
    check_names(fact->path, "partition column", fact->partition_columns,
                snapshot->metadata.partition_columns.items,
                snapshot->metadata.partition_columns.count);
    check_txns(fact, snapshot, extra_txns);
}

/* Live files of the newest version, whether we can read the table or not. */
static int64_t count_live(struct store *store, struct str path, int64_t *ret_with_stats)
{
    AUTO_REPLAY struct delta_replay replay = {0};
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[2];
    struct err err;
    int64_t count = -1;
    if (delta_replay_open(&replay, store, corpus.db, spool(), -1, &err) < 0 ||
        delta_replay_views(&replay, INT64_MAX, &err) < 0 ||
        sql_query(replay.conn, "SELECT count(*)::VARCHAR, count(\"add\".stats)::VARCHAR FROM live",
                  &rows, &err) < 0 ||
        sql_rows_next(rows, cells, &err) != 1) {
        fail_msg("%.*s: %s", STR_FMT(path), err.msg);
    }
    assert_true(str_to_i64(cells[0], &count));
    assert_true(str_to_i64(cells[1], ret_with_stats));
    return count;
}

struct file_count {
    int64_t count;
    struct buf last; /* path */
};

static int count_file(void *user, const struct delta_file *file, struct err *err)
{
    struct file_count *files = user;
    if (str_cmp(buf_str(&files->last), file->path) > 0) {
        return err_set(err, ERR_CORRUPT, "files are not in the order of paths");
    }
    buf_reset(&files->last);
    buf_add_str(&files->last, file->path);
    files->count++;
    return 0;
}

static struct delta_table *open_table(const char *path)
{
    struct delta_options options = {.db = corpus.db, .spool = spool()};
    struct delta_table *table = NULL;
    struct err err;
    if (delta_open(open_store(path), &options, &table, &err) < 0) {
        fail_msg("%s: %s", path, err.msg);
    }
    return table;
}

static void every_table_opens_as_others_say(void **state)
{
    (void)state;
    if (!has_data()) {
        return;
    }
    size_t compared = 0;
    vec_foreach (struct fact, fact, &corpus.facts) {
        char *path = table_path(fact->path);
        AUTO_DELTA struct delta_table *table = open_table(path);
        check_snapshot(fact, delta_snapshot(table), fact->version, 0);
        if (fact->version < 0) {
            continue;
        }
        int64_t with_stats = 0;
        int64_t live = count_live(delta_store(table), fact->path, &with_stats);
        if (live != fact->files) {
            fail_msg("%.*s: %" PRId64 " files, not %" PRId64, STR_FMT(fact->path), live,
                     fact->files);
        }
        struct err err;
        if (delta_check_read(delta_snapshot(table), &err) >= 0) {
            struct file_count files = {0};
            struct delta_snapshot snapshot;
            AUTO_ARENA struct arena arena = {0};
            int rc = delta_files(delta_store(table), corpus.db, spool(), -1, &arena, &snapshot,
                                 count_file, &files, &err);
            buf_done(&files.last);
            if (rc < 0) {
                fail_msg("%.*s: %s", STR_FMT(fact->path), err.msg);
            }
            assert_int_equal(files.count, fact->files);
            check_snapshot(fact, &snapshot, fact->version, 0);
        }
        compared++;
    }
    print_message("# %zu tables compared\n", compared);
    assert_true(compared > 90);
}

/* ---- refusals
 * ------------------------------------------------------------------------------------ */

static const struct {
    const char *path;
    const char *append; /* words of the refusal; NULL = appending is fine */
    const char *read;
} refusals[] = {
    {"kernel-java/catalog-owned-preview", "catalogManaged", "catalogManaged"},
    {"kernel-rs/table-with-geo", "geospatial", "geospatial"},
    {"kernel-rs/void-column", "void", "void"},
    {"kernel-rs/unshredded-variant", "variantType-preview", "variantType-preview"},
    {"spark/variant-stats-no-checkpoint", "variant", "variant"},
    {"kernel-rs/cdf-column-mapping-id-mode", "columnMapping", NULL},
    {"kernel-rs/partition_cm/name", "columnMapping", NULL},
    {"spark/table-with-dv-small", "columnMapping", NULL},
    {"kernel-rs/crc-full", "rowTracking", NULL},
    {"kernel-rs/partitioned_with_materialize_feature", "materializePartitionColumns", NULL},
    {"kernel-rs/type-widening", "typeWidening-preview", NULL},
    {"spark/dbr_8_1_generated_columns", "generatedColumns", NULL},
    {"spark/identity_test_written_by_version_5", NULL, NULL},
    {"kernel-rs/partition_cm/none", NULL, NULL},
    {"spark/dbr_8_0_non_generated_columns", NULL, NULL},
};

static void tables_that_we_cannot_honour_are_refused_by_name(void **state)
{
    (void)state;
    if (!has_data()) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        AUTO_DELTA struct delta_table *table = open_table(table_path(str_of(refusals[i].path)));
        struct err err = {.msg = ""};
        const struct delta_snapshot *snapshot = delta_snapshot(table);
        if (refusals[i].append != NULL) {
            assert_int_equal(delta_check_append(snapshot, &err), ERR_CONFIG);
            assert_non_null(strstr(err.msg, refusals[i].append));
        } else {
            assert_return_code(delta_check_append(snapshot, &err), 0);
        }
        if (refusals[i].read != NULL) {
            assert_int_equal(delta_check_read(snapshot, &err), ERR_CONFIG);
            assert_non_null(strstr(err.msg, refusals[i].read));
        } else {
            assert_return_code(delta_check_read(snapshot, &err), 0);
        }
    }
}

/* ---- broken logs
 * ------------------------------------------------------------------------------------ */

/*
 * What is wrong: nothing (a), a gap before the checkpoint (b), after it (c), commits that go
 * through a catalog (d, e, f, h, i), a jump to a complete checkpoint of a far version (g: legal,
 * the log before a checkpoint may have gone).
 */
static const struct {
    const char *name;
    int rc; /* of opening and delta_check_read */
    int64_t version;
    const char *words;
} broken_logs[] = {
    {"table_a", 0, 13, ""},
    {"table_b", 0, 13, ""},
    {"table_c", ERR_CORRUPT, -1, "00000000000000000012.json\" is missing"},
    {"table_d", ERR_CONFIG, -1, "catalogOwned"},
    {"table_e", ERR_CONFIG, -1, "catalogOwned"},
    {"table_f", ERR_CONFIG, -1, "catalogOwned"},
    {"table_g", 0, 9999, ""},
    {"table_h", ERR_CONFIG, -1, "catalogOwned"},
    {"table_i", ERR_CONFIG, -1, "catalogOwned"},
};

static void broken_logs_are_told_or_survived(void **state)
{
    (void)state;
    if (!has_data()) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(broken_logs); i++) {
        AUTO_FREE char *path =
            mem_printf("%s/formats/delta-broken-logs/crates/core/tests/data_err_logs/%s",
                       corpus.dir, broken_logs[i].name);
        struct delta_options options = {.db = corpus.db, .spool = spool()};
        struct store *store = open_store(path);
        AUTO_DELTA struct delta_table *table = NULL;
        struct err err = {.msg = ""};
        int rc = delta_open(store, &options, &table, &err);
        if (rc >= 0) {
            rc = delta_check_read(delta_snapshot(table), &err);
        }
        assert_int_equal(rc, broken_logs[i].rc);
        if (rc >= 0) {
            assert_int_equal(delta_snapshot(table)->version, broken_logs[i].version);
        } else {
            assert_non_null(strstr(err.msg, broken_logs[i].words));
        }
    }
}

/* ---- append, checkpoint, open again
 * ---------------------------------------------------------------- */

static void append_one(struct delta_table *table, struct str path)
{
    const struct delta_snapshot *snapshot = delta_snapshot(table);
    size_t count = snapshot->metadata.partition_columns.count;
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf key = {0};
    struct str *values = arena_new_array(&arena, struct str, count + 1);
    delta_file_key(snapshot->metadata.partition_columns.items, values, count, "snappy", &key);
    struct delta_add add = {
        .key = buf_str(&key),
        .partition_count = count,
        .partition_values = values,
        .size_bytes = 1234,
        .modified_ms = 1700000000000,
        .row_count = 3,
        .stats = STR("{\"numRecords\":3}"),
    };
    struct delta_txn txn = {.app_id = STR("sluice/corpus"), .version = 7};
    struct delta_change change = {
        .operation = "STREAMING UPDATE",
        .add_count = 1,
        .adds = &add,
        .txn_count = 1,
        .txns = &txn,
    };
    int64_t version = snapshot->version;
    int64_t committed = -1;
    struct err err;
    int rc = delta_commit(table, &change, &committed, &err);
    if (rc != DELTA_COMMITTED) {
        fail_msg("%.*s: %s", STR_FMT(path), rc < 0 ? err.msg : "schema changed");
    }
    assert_int_equal(committed, version + 1);
}

static void check_again(const struct fact *fact, const char *path, struct str metadata,
                        int64_t live_stats)
{
    AUTO_DELTA struct delta_table *table = open_table(path);
    const struct delta_snapshot *snapshot = delta_snapshot(table);
    AUTO_BUF struct buf now = {0};
    int64_t with_stats = 0;
    struct fact expected = *fact;
    if (delta_property(snapshot, "delta.setTransactionRetentionDuration").ptr != NULL &&
        snapshot->checkpoint_version == snapshot->version) {
        expected.txns = STR_NULL; /* older than that: not in a checkpoint */
    }
    check_snapshot(&expected, snapshot, fact->version + 1, 1);
    delta_action_print_metadata(&snapshot->metadata, &now);
    assert_true(str_eq(buf_str(&now), metadata));
    assert_int_equal(count_live(delta_store(table), fact->path, &with_stats), fact->files + 1);
    assert_int_equal(with_stats, live_stats);
}

static void our_checkpoint_says_what_the_log_said(void **state)
{
    (void)state;
    if (!has_data()) {
        return;
    }
    size_t appended = 0;
    vec_foreach (struct fact, fact, &corpus.facts) {
        struct err err;
        char *path = table_path(fact->path);
        if (fact->files > 100000) {
            continue; /* opened above; five replays more would take most of the time */
        }
        AUTO_DELTA struct delta_table *table = open_table(path);
        if (fact->version < 0 || delta_check_append(delta_snapshot(table), &err) < 0) {
            print_message("# not appended: %.*s: %s\n", STR_FMT(fact->path),
                          fact->version < 0 ? "no table" : err.msg);
            continue;
        }
        AUTO_BUF struct buf metadata = {0};
        append_one(table, fact->path);
        delta_action_print_metadata(&delta_snapshot(table)->metadata, &metadata);
        int64_t with_stats = 0;
        (void)count_live(delta_store(table), fact->path, &with_stats);
        check_again(fact, path, buf_str(&metadata), with_stats);
        int64_t version = delta_snapshot(table)->version;
        int64_t rows = 0;
        if (delta_checkpoint_write(delta_store(table), corpus.db, spool(), version, &rows, &err) <
            0) {
            fail_msg("%.*s: %s", STR_FMT(fact->path), err.msg);
        }
        delta_checkpoint_done(table, version, rows);
        AUTO_FREE char *command = mem_printf(
            "find '%s/_delta_log' -name '*.json' -not -name '%020" PRId64 ".json' -delete", path,
            version);
        assert_int_equal(system(command), 0);
        AUTO_DELTA struct delta_table *again = open_table(path);
        assert_int_equal(delta_snapshot(again)->checkpoint_version, version);
        check_again(fact, path, buf_str(&metadata), with_stats);
        appended++;
    }
    print_message("# %zu tables appended to and checkpointed\n", appended);
    assert_true(appended > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_opens_as_others_say),
        cmocka_unit_test(tables_that_we_cannot_honour_are_refused_by_name),
        cmocka_unit_test(broken_logs_are_told_or_survived),
        cmocka_unit_test(our_checkpoint_says_what_the_log_said),
    };
    return cmocka_run_group_tests_name("delta/corpus", tests, unpack, clear);
}
