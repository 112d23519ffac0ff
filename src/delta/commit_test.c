/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/test_table.h"

/*
 * commit_test - whatever the store does, a change is in the table once or not at all
 */

/* What goes wrong, when. */
struct plan {
    enum store_fault fault;
    int at;     /* the operation to fail, from 1; 0 = none */
    int ops;    /* seen so far */
    bool armed; /* count and fail */
    int rivals; /* foreign commits still to be slipped in before our puts */
    const char *rival_lines;
    struct store *beside; /* the same objects */
    int put_count;
    struct rng *random; /* fail three of ten operations, if set */
    struct store *cancel_at_end;
    int cancel_after;
};

static enum store_fault on_operation(void *user, enum store_op op, struct str key)
{
    struct plan *plan = user;
    if (!plan->armed) {
        return STORE_FAULT_NONE;
    }
    plan->ops++;
    if (op == STORE_OP_PUT_IF_ABSENT) {
        plan->put_count++;
        if (plan->rivals > 0) {
            struct err err;
            plan->rivals--;
            (void)store_put_if_absent(plan->beside, key, str_of(plan->rival_lines), &err);
        }
    }
    if (plan->cancel_at_end != NULL && plan->ops > plan->cancel_after) {
        store_cancel(plan->cancel_at_end);
        return STORE_FAULT_NONE; /* the store's own answer */
    }
    if (plan->random != NULL) {
        uint64_t draw = rng_below(plan->random, 10);
        return draw == 0 ? STORE_FAULT_BEFORE : draw <= 2 ? STORE_FAULT_AFTER : STORE_FAULT_NONE;
    }
    /* 0: every operation but the look at the tip, which would end the commit before its put. */
    bool every = plan->at == 0 && op != STORE_OP_HEAD;
    return every || plan->ops == plan->at ? plan->fault : STORE_FAULT_NONE;
}

/* A table, a second way to its objects, and a handle that goes through the plan. */
struct scene {
    struct plan plan;
    struct store *beside;
    struct delta_table *table;
    char name[32]; /* of the objects */
};

static void scene_open(struct scene *scene)
{
    static int number;
    *scene = (struct scene){0};
    const char *name = scene->name;
    (void)snprintf(scene->name, sizeof(scene->name), "commit-%d", number++);
    scene->beside = store_memory_open(name);
    scene->plan.beside = scene->beside;
    scene->plan.rival_lines = TEST_FOREIGN_APPEND;
    test_make_table(scene->beside);
    scene->table =
        test_open(store_faulty_open(store_memory_open(name), on_operation, &scene->plan));
    scene->plan.armed = true;
}

static void scene_close(struct scene *scene)
{
    delta_close(scene->table);
    store_close(scene->beside);
}
#define SCENE(name)                                                                                \
    struct scene name __attribute__((cleanup(scene_close)));                                       \
    scene_open(&name)

static void a_commit_is_read_back_by_everybody(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    assert_int_equal(OK(test_append(s.table, "a b/é.parquet", 41, &version, &err)),
                     DELTA_COMMITTED);
    assert_int_equal(version, 1);
    assert_int_equal(delta_snapshot(s.table)->version, 1);
    assert_int_equal(test_count_adds(s.beside, "a%20b/%C3%A9.parquet"), 1);
    const struct delta_txn *txn = delta_find_txn(delta_snapshot(s.table), STR("sluice/q"));
    assert_non_null(txn);
    assert_int_equal(txn->version, 41);
    assert_true(txn->last_updated_ms > 0);
    assert_int_equal(s.plan.ops, 2); /* the look at the tip, the put */
    assert_int_equal(s.table->state.row_count, 1);
}

static void the_first_line_of_a_commit_says_who_and_what(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    AUTO_BUF struct buf body = {0};
    AUTO_ARENA struct arena arena = {0};
    struct str line = STR_NULL;
    struct delta_action action;
    OK(test_append(s.table, "x", 1, &version, &err));
    OK(store_get(s.beside, STR("_delta_log/00000000000000000001.json"), &body, &err));
    struct str rest = buf_str(&body);
    assert_true(str_split(&rest, '\n', &line));
    OK(delta_action_parse(&arena, line, &action, &err));
    assert_int_equal(action.kind, DELTA_ACTION_COMMIT_INFO);
    assert_true(str_eq_c(action.info.operation, "STREAMING UPDATE"));
    assert_int_equal(action.info.txn_id.len, 36);
    int64_t read_version = -1;
    bool blind = false;
    struct str engine;
    struct str rows;
    const struct json *tree = action.info.tree;
    assert_true(json_get_i64(json_find(tree, "readVersion"), &read_version));
    assert_int_equal(read_version, 0);
    assert_true(json_get_bool(json_find(tree, "isBlindAppend"), &blind) && blind);
    assert_true(json_get_str(json_find(tree, "engineInfo"), &engine));
    assert_true(str_starts(engine, STR("sluice/")));
    assert_true(
        json_get_str(json_find(json_find(tree, "operationMetrics"), "numOutputRows"), &rows));
    assert_true(str_eq_c(rows, "2"));
}

static void an_answer_that_got_lost_is_found_out_by_reading_back(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.fault = STORE_FAULT_AFTER;
    s.plan.at = 2; /* 1 is the look at the tip */
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 1);
    assert_int_equal(s.plan.put_count, 1);
    assert_int_equal(delta_counters(s.table)->unknown_answers, 1);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void a_put_that_never_arrived_is_sent_again_at_the_same_version(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.fault = STORE_FAULT_BEFORE;
    s.plan.at = 2; /* 1 is the look at the tip */
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 1);
    assert_int_equal(s.plan.put_count, 2);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void half_a_commit_is_a_broken_store(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.fault = STORE_FAULT_TRUNCATE;
    s.plan.at = 2; /* 1 is the look at the tip */
    FAILS(test_append(s.table, "x", 1, &version, &err), ERR_CORRUPT, "the store kept");
    /* And whoever reads it is told the place. */
    FAILS(delta_snapshot_advance(s.table, &err), ERR_CORRUPT,
          "\"_delta_log/00000000000000000001.json\" line 1");
}

/* The process died before it could read back: a later one must not take the piece for the whole. */
static void a_commit_cut_at_the_end_of_a_line_is_not_read_as_a_whole_one(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    AUTO_BUF struct buf body = {0};
    struct str key = STR("_delta_log/00000000000000000001.json");
    static const struct delta_options options = {.spool = "/tmp"};
    OK(test_append(s.table, "x", 1, &version, &err));
    OK(store_get(s.beside, key, &body, &err));
    size_t cuts = 0;
    for (size_t len = 1; len < body.len; len++) {
        if (body.ptr[len - 1] != '\n' && body.ptr[len] != '\n') {
            continue;
        }
        struct delta_table *table = NULL;
        bool is_whole = len == body.len - 1; /* but for its last line break */
        OK(store_put(s.beside, key, str_n(body.ptr, len), &err));
        int rc = delta_open(store_memory_open(s.name), &options, &table, &err);
        assert_int_equal(rc, is_whole ? 0 : ERR_CORRUPT);
        assert_true(is_whole || strstr(err.msg, "of its 3 actions") != NULL);
        delta_close(table);
        cuts++;
    }
    assert_int_equal(cuts, 5);
}

static void a_refusal_is_an_error_and_nothing_was_written(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.fault = STORE_FAULT_REFUSE;
    s.plan.at = 2; /* 1 is the look at the tip */
    FAILS(test_append(s.table, "x", 1, &version, &err), ERR_CONFIG, "commit \"_delta_log/");
    assert_null(strstr(err.msg, "unknown"));
    assert_int_equal(test_count_adds(s.beside, "x"), 0);
    /* The handle is as good as before. */
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static enum store_fault lose_then_refuse(void *user, enum store_op op, struct str key)
{
    (void)key;
    int *puts = user;
    if (op != STORE_OP_PUT_IF_ABSENT) {
        return STORE_FAULT_NONE;
    }
    return (*puts)++ == 0 ? STORE_FAULT_BEFORE : STORE_FAULT_REFUSE;
}

static void a_refusal_after_a_lost_put_says_that_the_outcome_is_unknown(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    int puts = 0;
    struct store *inner = store_memory_open("lose-then-refuse");
    test_make_table(inner);
    AUTO_DELTA struct delta_table *table =
        test_open(store_faulty_open(inner, lose_then_refuse, &puts));
    FAILS(test_append(table, "x", 1, &version, &err), ERR_CONFIG,
          "outcome of the commit is unknown");
    assert_int_equal(puts, 2);
}

static void foreign_appends_are_passed(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1, TEST_FOREIGN_APPEND);
    test_put_commit(s.beside, 2,
                    TEST_FOREIGN_APPEND "{\"txn\":{\"appId\":\"somebody\",\"version\":3}}\n");
    test_put_commit(s.beside, 3, "{\"remove\":{\"path\":\"y\",\"dataChange\":false}}\n");
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 4);
    assert_int_equal(delta_counters(s.table)->rebases, 1);
    assert_int_equal(delta_counters(s.table)->foreign_commits, 3);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void a_rival_that_is_always_faster_only_delays(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.rivals = 4;
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 5);
    assert_int_equal(delta_counters(s.table)->rebases, 4);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void a_rival_takes_the_version_while_ours_is_in_doubt(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.rivals = 1;
    s.plan.fault = STORE_FAULT_BEFORE; /* our first put is lost, the rival's is there */
    s.plan.at = 2;                     /* 1 is the look at the tip */
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 2);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void a_foreign_commit_with_our_app_id_fences_us(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    /* An innocent one first, new metadata between: the fence beats both. */
    test_put_commit(s.beside, 1, TEST_FOREIGN_APPEND);
    test_put_commit(s.beside, 2, TEST_METADATA_OF("t-1", "\"x\":\"y\""));
    test_put_commit(s.beside, 3, "{\"txn\":{\"appId\":\"sluice/q\",\"version\":9}}\n");
    FAILS(test_append(s.table, "x", 1, &version, &err), ERR_FENCED, "version 3");
    assert_int_equal(test_count_adds(s.beside, "x"), 0);
}

static void a_fence_that_a_refresh_passed_is_found_at_the_next_commit(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    OK(test_append(s.table, "x", 1, &version, &err));
    test_put_commit(s.beside, 2, "{\"txn\":{\"appId\":\"sluice/q\",\"version\":9}}\n");
    assert_int_equal(OK(delta_refresh(s.table, &err)), 1);
    FAILS(test_append(s.table, "z", 2, &version, &err), ERR_FENCED, "sluice/q");
    FAILS(test_append(s.table, "z", 2, &version, &err), ERR_FENCED, "sluice/q");
    assert_int_equal(test_count_adds(s.beside, "z"), 0);
}

static void new_metadata_makes_us_plan_again(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1, TEST_METADATA_OF("t-1", "\"delta.checkpointInterval\":\"3\""));
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_SCHEMA_CHANGED);
    assert_int_equal(delta_snapshot(s.table)->version, 1);
    assert_true(str_eq_c(delta_property(delta_snapshot(s.table), "delta.checkpointInterval"), "3"));
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(test_count_adds(s.beside, "x"), 1);
}

static void a_feature_that_came_in_is_refused_by_name(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1,
                    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
                    "\"writerFeatures\":[\"appendOnly\",\"sorcery\"]}}\n");
    FAILS(test_append(s.table, "x", 1, &version, &err), ERR_CONFIG, "sorcery");
    FAILS(test_append(s.table, "x", 1, &version, &err), ERR_CONFIG, "sorcery");
    assert_int_equal(test_count_adds(s.beside, "x"), 0);
}

static void a_table_that_was_replaced_makes_us_look_again(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1, TEST_FOREIGN_INFO("RESTORE") TEST_FOREIGN_ADD("old"));
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_SCHEMA_CHANGED);
    assert_int_equal(delta_snapshot(s.table)->replaced_version, 1);
    assert_true(str_eq_c(delta_snapshot(s.table)->replaced_operation, "RESTORE"));
    assert_int_equal(test_count_adds(s.beside, "x"), 0);
}

static void a_table_made_anew_at_the_same_place_is_another_table(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    OK(test_append(s.table, "x", 1, &version, &err));
    OK(store_delete(s.beside, STR("_delta_log/00000000000000000001.json"), &err));
    test_put_commit(s.beside, 0, TEST_PROTOCOL TEST_METADATA_OF("t-2", ""));
    FAILS(delta_refresh(s.table, &err), ERR_IDENTITY, "made again");
}

static void a_table_that_was_dropped_under_us_gets_no_commit(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    OK(test_append(s.table, "x", 1, &version, &err));
    char room[DELTA_LOG_KEY_BYTES];
    struct str key = delta_log_commit_key(room, version);
    OK(store_delete(s.beside, key, &err));
    FAILS(test_append(s.table, "y", 2, &version, &err), ERR_IDENTITY, "dropped or replaced");
    OK(store_put(s.beside, key, STR("{}\n"), &err));
    FAILS(test_append(s.table, "y", 2, &version, &err), ERR_IDENTITY, "was replaced");
}

static void an_old_look_at_the_log_is_renewed_before_the_commit(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.table->state.snapshot.refreshed_boot_us -= (int64_t)11 * 60 * 1000000;
    test_put_commit(s.beside, 1, TEST_FOREIGN_APPEND);
    assert_int_equal(OK(test_append(s.table, "x", 1, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 2);
    assert_int_equal(delta_counters(s.table)->rebases, 0);
    assert_int_equal(s.plan.put_count, 1);
}

static void a_short_retention_shortens_the_look(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1,
                    TEST_METADATA_OF("t-1", "\"delta.logRetentionDuration\":"
                                            "\"interval 2 minutes\""));
    OK(delta_refresh(s.table, &err));
    s.table->state.snapshot.refreshed_boot_us -= (int64_t)61 * 1000000;
    s.plan.ops = 0;
    OK(test_append(s.table, "x", 1, &version, &err));
    assert_int_equal(s.plan.ops, 3); /* the tip, a look, then the commit */
}

static void cancel_ends_a_commit_that_cannot_be_settled(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    s.plan.fault = STORE_FAULT_BEFORE;
    s.plan.at = 0; /* every operation */
    s.plan.cancel_after = 3;
    s.plan.cancel_at_end = delta_store(s.table);
    int rc = test_append(s.table, "x", 1, &version, &err);
    assert_true(rc == ERR_CANCELED || rc == ERR_IO);
    assert_non_null(strstr(err.msg, "outcome of the commit is unknown"));
}

static void in_commit_timestamps_never_go_back(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    SCENE(s);
    test_put_commit(s.beside, 1,
                    "{\"commitInfo\":{\"inCommitTimestamp\":99999999999999}}\n"
                    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":7,"
                    "\"writerFeatures\":[\"inCommitTimestamp\"]}}\n" TEST_METADATA_OF(
                        "t-1", "\"delta.enableInCommitTimestamps\":\"true\""));
    OK(delta_refresh(s.table, &err));
    OK(test_append(s.table, "x", 1, &version, &err));
    assert_int_equal(delta_snapshot(s.table)->in_commit_timestamp_ms, 100000000000000);
    test_put_commit(s.beside, 3, "{\"commitInfo\":{\"inCommitTimestamp\":100000000000007}}\n");
    OK(test_append(s.table, "y", 2, &version, &err));
    assert_int_equal(version, 4);
    assert_int_equal(delta_snapshot(s.table)->in_commit_timestamp_ms, 100000000000008);
}

static void a_new_table_is_created_once(void **state)
{
    (void)state;
    struct err err;
    int64_t version = -1;
    AUTO_ARENA struct arena arena = {0};
    struct delta_metadata metadata;
    struct delta_protocol protocol;
    struct type_field fields[] = {{STR("a"), type_simple(TYPE_BIGINT), true, STR("")},
                                  {STR("day"), type_simple(TYPE_DATE), true, STR("")}};
    struct str partition = STR("DAY");
    const struct type *row = type_struct(&arena, fields, 2);
    OK(delta_table_make(&arena, row, &partition, 1, NULL, 0, &metadata, &protocol, &err));
    struct delta_change change = {
        .operation = "CREATE TABLE", .metadata = &metadata, .protocol = &protocol};
    AUTO_DELTA struct delta_table *one = test_open(store_memory_open("create"));
    AUTO_DELTA struct delta_table *two = test_open(store_memory_open("create"));
    assert_int_equal(delta_snapshot(one)->version, -1);
    assert_int_equal(OK(delta_commit(one, &change, &version, &err)), DELTA_COMMITTED);
    assert_int_equal(version, 0);
    assert_int_equal(OK(delta_commit(two, &change, &version, &err)), DELTA_SCHEMA_CHANGED);
    assert_int_equal(delta_snapshot(two)->version, 0);
    assert_int_equal(delta_snapshot(two)->protocol.min_writer, 2);
    assert_true(str_eq_c(delta_snapshot(two)->metadata.partition_columns.items[0], "day"));
}

/* ---- faults at every place ------------------------------------------------------------------- */

/* The change is there once, or not and an error said so. */
static void check_once(struct scene *s, int rc, const struct err *err, const char *what)
{
    int64_t count = -1;
    struct err broken;
    struct test_count counter = {.path = "x"};
    AUTO_LOG_LIST struct delta_log_list list = {0};
    assert_true(delta_log_list(s->beside, 0, &list, &broken) >= 0);
    for (size_t i = 0; i < list.commits.count; i++) {
        assert_int_equal(list.commits.items[i], i);
    }
    int read = delta_log_read(s->beside, 0, (int64_t)list.commits.count - 1, test_count_file,
                              test_skip, &counter, &broken);
    count = counter.count;
    if (read < 0) {
        /* Only a store that truncates may leave this, and it must have been told. */
        if (s->plan.fault != STORE_FAULT_TRUNCATE || rc != ERR_CORRUPT) {
            fail_msg("%s: %d %s, but the log is broken: %s", what, rc, err->msg, broken.msg);
        }
        return;
    }
    if (count > 1 || (rc == DELTA_COMMITTED && count != 1)) {
        fail_msg("%s: outcome %d, but the file is there %" PRId64 " times", what, rc, count);
    }
    if (rc >= 0 && rc != DELTA_COMMITTED) {
        fail_msg("%s: outcome %d", what, rc);
    }
}

static void every_operation_may_fail_in_every_way(void **state)
{
    (void)state;
    static const enum store_fault faults[] = {STORE_FAULT_BEFORE, STORE_FAULT_AFTER,
                                              STORE_FAULT_TRUNCATE, STORE_FAULT_REFUSE};
    for (size_t f = 0; f < ARRAY_COUNT(faults); f++) {
        for (int rivals = 0; rivals <= 2; rivals++) {
            for (int at = 1;; at++) {
                SCENE(s);
                struct err err = {.msg = ""};
                int64_t version = -1;
                char what[64];
                (void)snprintf(what, sizeof(what), "fault %zu rivals %d operation %d", f, rivals,
                               at);
                s.plan.fault = faults[f];
                s.plan.at = at;
                s.plan.rivals = rivals;
                int rc = test_append(s.table, "x", 1, &version, &err);
                check_once(&s, rc, &err, what);
                if (s.plan.ops < at) {
                    assert_int_equal(rc, DELTA_COMMITTED);
                    break; /* it never came to that operation */
                }
            }
        }
    }
}

static void random_faults_never_double_or_lose(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng random;
        rng_init(&random, seed);
        SCENE(s);
        s.plan.random = &random;
        s.plan.rivals = (int)rng_below(&random, 4);
        for (int batch = 1; batch <= 3; batch++) {
            struct err err = {.msg = ""};
            int64_t version = -1;
            char key[16];
            (void)snprintf(key, sizeof(key), "f%d", batch);
            int rc = test_append(s.table, key, batch, &version, &err);
            s.plan.armed = false;
            int64_t count = test_count_adds(s.beside, key);
            s.plan.armed = true;
            /* A retryable failure of a LIST or GET while rebasing comes out as ERR_IO: not ours. */
            if (count != (rc == DELTA_COMMITTED) || (rc < 0 && rc != ERR_IO)) {
                fail_msg("seed %" PRIu64 " batch %d: %d %s, %" PRId64 " times", seed, batch, rc,
                         err.msg, count);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_read_back_by_everybody),
        cmocka_unit_test(the_first_line_of_a_commit_says_who_and_what),
        cmocka_unit_test(an_answer_that_got_lost_is_found_out_by_reading_back),
        cmocka_unit_test(a_put_that_never_arrived_is_sent_again_at_the_same_version),
        cmocka_unit_test(half_a_commit_is_a_broken_store),
        cmocka_unit_test(a_commit_cut_at_the_end_of_a_line_is_not_read_as_a_whole_one),
        cmocka_unit_test(a_refusal_is_an_error_and_nothing_was_written),
        cmocka_unit_test(a_refusal_after_a_lost_put_says_that_the_outcome_is_unknown),
        cmocka_unit_test(foreign_appends_are_passed),
        cmocka_unit_test(a_rival_that_is_always_faster_only_delays),
        cmocka_unit_test(a_rival_takes_the_version_while_ours_is_in_doubt),
        cmocka_unit_test(a_foreign_commit_with_our_app_id_fences_us),
        cmocka_unit_test(a_fence_that_a_refresh_passed_is_found_at_the_next_commit),
        cmocka_unit_test(new_metadata_makes_us_plan_again),
        cmocka_unit_test(a_feature_that_came_in_is_refused_by_name),
        cmocka_unit_test(a_table_that_was_replaced_makes_us_look_again),
        cmocka_unit_test(a_table_made_anew_at_the_same_place_is_another_table),
        cmocka_unit_test(a_table_that_was_dropped_under_us_gets_no_commit),
        cmocka_unit_test(an_old_look_at_the_log_is_renewed_before_the_commit),
        cmocka_unit_test(a_short_retention_shortens_the_look),
        cmocka_unit_test(cancel_ends_a_commit_that_cannot_be_settled),
        cmocka_unit_test(in_commit_timestamps_never_go_back),
        cmocka_unit_test(a_new_table_is_created_once),
        cmocka_unit_test(every_operation_may_fail_in_every_way),
        cmocka_unit_test(random_faults_never_double_or_lose),
    };
    return cmocka_run_group_tests_name("delta/commit", tests, NULL, NULL);
}
