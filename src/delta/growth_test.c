/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

/*
 * growth_test - what a table's age may cost: operations, names and bytes, never time
 *
 * bench/growth.py has the times.
 */
#define COMMITS INT64_C(5000)
#define BASE    (COMMITS - 8)

static struct {
    struct sql_db *db;
    char *spool;
    int number;
} env;

static int set_up(void **state)
{
    (void)state;
    struct err err;
    OK(fs_make_temp_dir("/tmp", "delta-growth", &env.spool, &err));
    struct sql_db_options options = {.temp_dir = env.spool};
    OK(sql_open(&options, &env.db, &err));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct err err;
    sql_close(env.db);
    int rc = fs_remove_tree(env.spool, &err);
    mem_free(env.spool);
    return rc;
}

/* ---- a store that counts ---- */

struct counts {
    int64_t gets, heads, puts, lists;
    int64_t names; /* that lists gave */
    uint64_t read_bytes;
};

struct counting {
    struct store base;
    struct store *inner;
    struct counts *counts; /* borrows */
};

static struct counting *counting_of(struct store *store)
{
    return CONTAINER_OF(store, struct counting, base);
}

static int counting_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                        struct buf *out, struct err *err)
{
    struct counting *s = counting_of(store);
    size_t before = out->len;
    int rc = s->inner->ops->get(s->inner, key, offset, len, out, err);
    /* From several threads. */
    (void)__atomic_add_fetch(&s->counts->gets, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&s->counts->read_bytes, out->len - before, __ATOMIC_RELAXED);
    return rc;
}

static int counting_head(struct store *store, struct str key, struct store_entry *ret_entry,
                         struct err *err)
{
    struct counting *s = counting_of(store);
    s->counts->heads++;
    return store_head(s->inner, key, ret_entry, err);
}

static int counting_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct counting *s = counting_of(store);
    s->counts->puts++;
    return store_put(s->inner, key, body, err);
}

static int counting_put_file(struct store *store, struct str key, const char *path, struct err *err)
{
    struct counting *s = counting_of(store);
    s->counts->puts++;
    return store_put_file(s->inner, key, path, err);
}

static int counting_put_if_absent(struct store *store, struct str key, struct str body,
                                  struct err *err)
{
    struct counting *s = counting_of(store);
    s->counts->puts++;
    return store_put_if_absent(s->inner, key, body, err);
}

struct counted_list {
    struct counts *counts;
    store_list_fn on_entry;
    void *user;
};

static int count_name(void *user, const struct store_entry *entry, struct err *err)
{
    struct counted_list *list = user;
    list->counts->names++;
    return list->on_entry(list->user, entry, err);
}

static int counting_list(struct store *store, struct str prefix, struct str start_after,
                         store_list_fn on_entry, void *user, struct err *err)
{
    struct counting *s = counting_of(store);
    struct counted_list list = {s->counts, on_entry, user};
    s->counts->lists++;
    return store_list(s->inner, prefix, start_after, count_name, &list, err);
}

static int counting_del(struct store *store, struct str key, struct err *err)
{
    return store_delete(counting_of(store)->inner, key, err);
}

static void counting_cancel(struct store *store)
{
    store_cancel(counting_of(store)->inner);
}

static void counting_close(struct store *store)
{
    store_close(counting_of(store)->inner);
    mem_free(counting_of(store));
}

static const struct store_ops counting_ops = {
    .name = "counting",
    .get = counting_get,
    .head = counting_head,
    .put = counting_put,
    .put_file = counting_put_file,
    .put_if_absent = counting_put_if_absent,
    .list = counting_list,
    .del = counting_del,
    .cancel = counting_cancel,
    .close = counting_close,
};

/* Takes `inner`. */
static struct store *count(struct store *inner, struct counts *counts)
{
    struct counting *s = mem_new(struct counting);
    s->base.ops = &counting_ops;
    s->base.lists_whole_folders = inner->lists_whole_folders;
    s->inner = inner;
    s->counts = counts;
    return &s->base;
}

/* ---- an old table ---- */

static void put_append(struct store *store, int64_t version)
{
    AUTO_FREE char *lines =
        mem_printf("{\"txn\":{\"appId\":\"sluice/old\",\"version\":%" PRId64 "}}\n"
                   "{\"add\":{\"path\":\"f%" PRId64 "\",\"partitionValues\":{},\"size\":1,"
                   "\"modificationTime\":1,\"dataChange\":true}}\n",
                   version, version);
    test_put_commit(store, version, lines);
}

static int write_checkpoint(struct store *store, int64_t version, int64_t *rows, struct err *err)
{
    return delta_checkpoint_write(store, env.db, env.spool, version, rows, err);
}

/* Commits 0 … `last`, a checkpoint at `base`. */
static void make_old_table(struct store *store, int64_t last, int64_t base)
{
    struct err err;
    int64_t rows = 0;
    test_make_table(store);
    for (int64_t version = 1; version <= last; version++) {
        put_append(store, version);
    }
    OK(write_checkpoint(store, base, &rows, &err));
    assert_int_equal(rows, base + 3); /* files; protocol, metaData, txn */
}

static struct store *old_table(char name[32])
{
    (void)snprintf(name, 32, "growth-%d", env.number++);
    struct store *store = store_memory_open(name);
    make_old_table(store, COMMITS, BASE);
    return store;
}

static struct delta_table *open_counted(struct store *inner, struct counts *counts)
{
    struct delta_options options = {.db = env.db, .spool = env.spool};
    struct delta_table *table = NULL;
    struct err err;
    OK(delta_open(count(inner, counts), &options, &table, &err));
    return table;
}

/* A folder of its own; store_open is relative to nothing. */
static struct store *local_store(const char *name)
{
    AUTO_FREE char *root = mem_printf("%s/%s", env.spool, name);
    struct store_options options = {0};
    struct store *store = NULL;
    struct err err;
    OK(store_open(str_of(root), &options, &store, &err));
    return store;
}

/* ---- tests ---- */

static void an_open_reads_the_checkpoint_and_what_came_after(void **state)
{
    (void)state;
    char name[32];
    struct counts counts = {0};
    UNUSED AUTO_STORE struct store *store = old_table(name);
    AUTO_DELTA struct delta_table *table = open_counted(store_memory_open(name), &counts);
    assert_int_equal(delta_snapshot(table)->version, COMMITS);
    assert_int_equal(counts.lists, 1);
    assert_in_range(counts.names, 1, COMMITS - BASE + 3); /* checkpoint, its commit, the hint */
    assert_in_range(counts.gets, 1, COMMITS - BASE + 3);
}

static void a_commit_on_an_old_table_looks_at_its_tip_and_puts(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    struct counts counts = {0};
    UNUSED AUTO_STORE struct store *store = old_table(name);
    AUTO_DELTA struct delta_table *table = open_counted(store_memory_open(name), &counts);
    counts = (struct counts){0};
    for (int64_t i = 1; i <= 100; i++) {
        int64_t version = -1;
        OK(test_append(table, "new", i, &version, &err));
        assert_int_equal(version, COMMITS + i);
        assert_int_equal(counts.heads, i);
        assert_int_equal(counts.puts, i);
    }
    assert_int_equal(counts.lists, 0);
    assert_int_equal(counts.gets, 0);
}

static void a_refresh_lists_and_reads_what_is_new(void **state)
{
    (void)state;
    struct err err;
    char name[32];
    struct counts counts = {0};
    AUTO_STORE struct store *store = old_table(name);
    AUTO_DELTA struct delta_table *table = open_counted(store_memory_open(name), &counts);
    put_append(store, COMMITS + 1);
    put_append(store, COMMITS + 2);
    counts = (struct counts){0};
    assert_int_equal(OK(delta_refresh(table, &err)), 1);
    assert_int_equal(counts.lists, 1);
    assert_in_range(counts.names, 3, 4); /* what we know, two new ones, the hint */
    assert_int_equal(counts.gets, 2);
    assert_in_range(counts.read_bytes, 1, 1000);
}

static void a_local_refresh_asks_for_the_next_version_and_lists_nothing(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    struct counts counts = {0};
    AUTO_STORE struct store *store = local_store("refresh");
    make_old_table(store, 300, 290);
    AUTO_DELTA struct delta_table *table = open_counted(local_store("refresh"), &counts);
    counts = (struct counts){0};
    assert_int_equal(OK(delta_refresh(table, &err)), 0);
    assert_int_equal(counts.heads, 2); /* 300 is there, 301 is not */
    assert_int_equal(counts.gets, 0);
    put_append(store, 301);
    put_append(store, 302);
    OK(write_checkpoint(store, 301, &rows, &err));
    counts = (struct counts){0};
    assert_int_equal(OK(delta_refresh(table, &err)), 1);
    assert_int_equal(counts.heads, 4);
    assert_int_equal(counts.gets, 3); /* the commits, the hint */
    assert_int_equal(counts.lists, 0);
    assert_int_equal(delta_snapshot(table)->version, 302);
    assert_int_equal(delta_snapshot(table)->checkpoint_version, 301); /* somebody else's */
}

static void a_local_log_that_went_back_is_noticed_by_a_refresh(void **state)
{
    (void)state;
    struct err err;
    char room[DELTA_LOG_KEY_BYTES];
    AUTO_STORE struct store *store = local_store("back");
    struct counts counts = {0};
    make_old_table(store, 20, 15);
    AUTO_DELTA struct delta_table *table = open_counted(local_store("back"), &counts);
    OK(store_delete(store, delta_log_commit_key(room, 20), &err));
    FAILS(delta_refresh(table, &err), ERR_CORRUPT, "went back from version 20 to 19");
}

static void a_checkpoint_lists_nothing_and_reads_the_commits_since_the_last(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    char name[32];
    struct counts counts = {0};
    UNUSED AUTO_STORE struct store *plain = old_table(name);
    AUTO_STORE struct store *store = count(store_memory_open(name), &counts);
    OK(write_checkpoint(store, COMMITS, &rows, &err));
    assert_int_equal(rows, COMMITS + 3);
    assert_int_equal(counts.lists, 0);
    assert_int_equal(counts.puts, 2);
    /* The state and the files each read the tail and the checkpoint; two hints. */
    assert_in_range(counts.gets, 1, 2 * (COMMITS - BASE) + 6);
}

static void a_version_between_checkpoints_is_found_without_the_hint(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    struct counts counts = {0};
    AUTO_STORE struct store *store = count(local_store("between"), &counts);
    make_old_table(store, 40, 20);
    OK(write_checkpoint(store, 35, &rows, &err));
    counts = (struct counts){0};
    OK(write_checkpoint(store, 30, &rows, &err)); /* before the hint */
    assert_int_equal(rows, 33);
    assert_int_equal(counts.lists, 1);
    AUTO_STATE struct delta_state at = {0};
    AUTO_SEGMENT struct delta_segment segment = {0};
    struct delta_options options = {.db = env.db, .spool = env.spool};
    delta_state_init(&at);
    FAILS(delta_snapshot_load(store, &options, 41, &at, &segment, &err), ERR_CONFIG,
          "no version 41");
}

static void a_gap_behind_the_hint_is_named(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    char room[DELTA_LOG_KEY_BYTES];
    AUTO_STORE struct store *store = local_store("gap");
    make_old_table(store, 40, 20);
    OK(store_delete(store, delta_log_commit_key(room, 30), &err));
    FAILS(write_checkpoint(store, 40, &rows, &err), ERR_CORRUPT,
          "00000000000000000030.json\" is missing");
}

static void a_broken_checkpoint_behind_the_hint_is_passed(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    AUTO_STORE struct store *store = local_store("broken");
    make_old_table(store, 40, 20);
    OK(store_put(store, STR("_delta_log/00000000000000000020.checkpoint.parquet"), STR("PAR1"),
                 &err));
    OK(write_checkpoint(store, 40, &rows, &err));
    assert_int_equal(rows, 43);
}

/* ---- when a checkpoint is due ---- */

static int64_t fake_us;

static int64_t fake_now(void)
{
    return fake_us;
}

static void fake_sleep(int64_t us)
{
    fake_us += us;
}

static const struct clock_source fake_clock = {fake_now, fake_sleep};

/* Asks after each of `commits` commits of `apart_us`; how often the answer was yes. The longest
 * tail that was left is *ret_tail. */
static int ask_after_commits(struct delta_table *table, int commits, int64_t apart_us,
                             int64_t *ret_tail)
{
    int made = 0;
    *ret_tail = 0;
    for (int i = 0; i < commits; i++) {
        struct err err;
        int64_t version = -1;
        OK(test_append(table, "f", i, &version, &err));
        fake_us += apart_us;
        int64_t tail = version - delta_snapshot(table)->checkpoint_version;
        if (delta_checkpoint_due(table)) {
            made++;
            delta_checkpoint_done(table, version, 30);
            tail = 0;
        }
        *ret_tail = tail > *ret_tail ? tail : *ret_tail;
    }
    return made;
}

static struct delta_table *fresh_table(const char *more)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "growth-%d", env.number++);
    struct store *store = store_memory_open(name);
    AUTO_FREE char *lines = mem_printf("%s%s", TEST_PROTOCOL, more);
    test_put_commit(store, 0, lines);
    return test_open(store);
}

static void checkpoints_of_fast_commits_are_ten_seconds_apart(void **state)
{
    (void)state;
    int64_t tail = 0;
    fake_us = 1000;
    clock_replace(&fake_clock);
    AUTO_DELTA struct delta_table *fast = fresh_table(TEST_METADATA);
    /* 40 a second for 60 seconds: the first at once, then five. */
    assert_int_equal(ask_after_commits(fast, 2400, 25 * 1000, &tail), 6);
    assert_in_range(tail, 390, 400);
    AUTO_DELTA struct delta_table *slow = fresh_table(TEST_METADATA);
    /* One a second: every eleven commits, as ever. */
    assert_int_equal(ask_after_commits(slow, 110, 1000 * 1000, &tail), 10);
    assert_int_equal(tail, 10);
    clock_replace(NULL);
}

static void the_tail_of_very_fast_commits_stays_bounded(void **state)
{
    (void)state;
    int64_t tail = 0;
    fake_us = 1000;
    clock_replace(&fake_clock);
    AUTO_DELTA struct delta_table *table = fresh_table(TEST_METADATA);
    assert_int_equal(ask_after_commits(table, 4000, 100, &tail), 4);
    assert_int_equal(tail, 1000);
    clock_replace(NULL);
}

static void an_interval_of_the_table_knows_no_rest(void **state)
{
    (void)state;
    int64_t tail = 0;
    fake_us = 1000;
    clock_replace(&fake_clock);
    AUTO_DELTA struct delta_table *table =
        fresh_table(TEST_METADATA_OF("t-2", "\"delta.checkpointInterval\":\"7\""));
    assert_int_equal(ask_after_commits(table, 70, 100, &tail), 10);
    clock_replace(NULL);
}

static void a_checkpoint_that_fails_is_tried_again_later(void **state)
{
    (void)state;
    int asked = 0;
    fake_us = 1000;
    clock_replace(&fake_clock);
    AUTO_DELTA struct delta_table *table = fresh_table(TEST_METADATA);
    for (int i = 0; i < 100; i++) {
        struct err err;
        int64_t version = -1;
        OK(test_append(table, "f", i, &version, &err));
        fake_us += 250 * 1000;
        asked += delta_checkpoint_due(table); /* and nothing is done */
    }
    assert_int_equal(asked, 3); /* after 11 commits, 10 and 20 seconds later */
    clock_replace(NULL);
}

static void tombstones_count_for_how_often_a_checkpoint_is_worth_it(void **state)
{
    (void)state;
    struct err err;
    int64_t rows = 0;
    char name[32];
    (void)snprintf(name, sizeof(name), "growth-%d", env.number++);
    AUTO_STORE struct store *store = store_memory_open(name);
    AUTO_BUF struct buf lines = {0};
    test_make_table(store);
    for (int i = 0; i < 2000; i++) {
        buf_printf(&lines,
                   "{\"remove\":{\"path\":\"f%d\",\"deletionTimestamp\":9000000000000,"
                   "\"dataChange\":true}}\n",
                   i);
    }
    test_put_commit(store, 1, lines.ptr);
    OK(write_checkpoint(store, 1, &rows, &err));
    assert_int_equal(rows, 2002);
    struct delta_options options = {.db = env.db, .spool = env.spool};
    AUTO_DELTA struct delta_table *table = NULL;
    OK(delta_open(store_memory_open(name), &options, &table, &err));
    int64_t version = -1;
    while (!delta_checkpoint_due(table)) {
        OK(test_append(table, "g", version, &version, &err));
    }
    assert_int_equal(version, 1 + 41); /* 2002 / 50 is 40 */
    /* The next one has not the old tombstones any more. */
    delta_checkpoint_done(table, version, 44);
    assert_int_equal(table->state.row_count, 44);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_reads_the_checkpoint_and_what_came_after),
        cmocka_unit_test(a_commit_on_an_old_table_looks_at_its_tip_and_puts),
        cmocka_unit_test(a_refresh_lists_and_reads_what_is_new),
        cmocka_unit_test(a_local_refresh_asks_for_the_next_version_and_lists_nothing),
        cmocka_unit_test(a_local_log_that_went_back_is_noticed_by_a_refresh),
        cmocka_unit_test(a_checkpoint_lists_nothing_and_reads_the_commits_since_the_last),
        cmocka_unit_test(a_version_between_checkpoints_is_found_without_the_hint),
        cmocka_unit_test(a_gap_behind_the_hint_is_named),
        cmocka_unit_test(a_broken_checkpoint_behind_the_hint_is_passed),
        cmocka_unit_test(checkpoints_of_fast_commits_are_ten_seconds_apart),
        cmocka_unit_test(the_tail_of_very_fast_commits_stays_bounded),
        cmocka_unit_test(an_interval_of_the_table_knows_no_rest),
        cmocka_unit_test(a_checkpoint_that_fails_is_tried_again_later),
        cmocka_unit_test(tombstones_count_for_how_often_a_checkpoint_is_worth_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
