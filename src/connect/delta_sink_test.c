/* SPDX-License-Identifier: Apache-2.0 */
/* delta_sink_test - what a restart finds in the table; the fence is tested by tests/sim */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "connect/delta_sink.h"
#include "store/memory.h"

#define TOPIC_ID STR("0f1e2d3c4b5a69788796a5")

struct fixture {
    struct store *store;
    struct arena arena;
    const struct type *row_type;
    struct delta_sink *sink;
    struct err err;
};

#define OK(expr)                                                                                   \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s: %s", #expr, f->err.msg);                                                 \
        }                                                                                          \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    f->store = store_memory_open("sink");
    struct type_field field = {.name = STR("id"), .type = type_simple(TYPE_BIGINT)};
    field.nullable = true;
    f->row_type = type_struct(&f->arena, &field, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    delta_sink_close(f->sink);
    store_close(f->store);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

static struct sink_position position_of(int32_t partition, int64_t next_offset, int32_t epoch)
{
    return (struct sink_position){.stream = STR("feed"),
                                  .topic = STR("a/b"),
                                  .topic_id = TOPIC_ID,
                                  .partition = partition,
                                  .next_offset = next_offset,
                                  .leader_epoch = epoch};
}

/* A start of the query, up to where its positions are known. */
static void start(struct fixture *f, struct sink_position *positions, size_t count)
{
    struct delta_sink_options options = {
        .query = STR("q"), .run_id = "run", .row_type = f->row_type, .codec = "snappy"};
    delta_sink_close(f->sink);
    f->sink = NULL;
    OK(delta_sink_open(store_memory_open("sink"), NULL, "/tmp", &options, &f->sink, &f->err));
    OK(delta_sink_positions(f->sink, positions, count, &f->err));
}

static void begin(struct fixture *f, const struct sink_position *positions, size_t count)
{
    bool moved = true;
    OK(delta_sink_begin(f->sink, positions, count, &moved, &f->err));
    assert_false(moved);
}

static int on_newest(void *user, int64_t version, struct str commit_info, struct err *err)
{
    (void)version;
    (void)err;
    buf_add_str(user, commit_info);
    return 1;
}

/* The commitInfo of the newest commit. */
static void newest(struct fixture *f, struct buf *out)
{
    buf_reset(out);
    OK(delta_history(f->store, 1, on_newest, out, &f->err));
}

static void a_restart_finds_positions_with_their_epochs(void **state)
{
    struct fixture *f = *state;
    struct sink_position p[] = {position_of(0, -1, 9), position_of(1, -1, 9)};
    start(f, p, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(p[i].next_offset, -1);
        assert_int_equal(p[i].leader_epoch, -1);
        p[i].next_offset = 0;
    }
    begin(f, p, 2);
    struct sink_position moved = position_of(1, 50, 4);
    OK(delta_sink_record(f->sink, &moved, 1, &f->err));
    moved = position_of(0, 30, 7);
    OK(delta_sink_record(f->sink, &moved, 1, &f->err));
    for (int round = 0; round < 3; round++) {
        /* Also after starts that read nothing. */
        start(f, p, 2);
        assert_int_equal(p[0].next_offset, 30);
        assert_int_equal(p[0].leader_epoch, 7);
        assert_int_equal(p[1].next_offset, 50);
        assert_int_equal(p[1].leader_epoch, 4);
        begin(f, p, 2);
    }
}

static void an_epoch_that_became_unknown_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct sink_position p[] = {position_of(0, 0, -1)};
    AUTO_BUF struct buf info = {0};
    start(f, p, 1);
    p[0].next_offset = 0;
    begin(f, p, 1);
    p[0] = position_of(0, 10, 2);
    OK(delta_sink_record(f->sink, p, 1, &f->err));
    newest(f, &info);
    assert_non_null(strstr(info.ptr,
                           "\"sluiceLeaderEpochs\":{\"feed/a%2Fb/0f1e2d3c4b5a69788796a5\":"
                           "{\"0\":2}}"));
    p[0] = position_of(0, 12, -1);
    OK(delta_sink_record(f->sink, p, 1, &f->err));
    newest(f, &info);
    assert_null(strstr(info.ptr, "sluiceLeaderEpochs"));
    start(f, p, 1);
    assert_int_equal(p[0].next_offset, 12);
    assert_int_equal(p[0].leader_epoch, -1);
}

static void epochs_of_partitions_that_are_gone_are_dropped_by_the_start(void **state)
{
    struct fixture *f = *state;
    struct sink_position p[] = {position_of(0, 0, -1), position_of(1, 0, -1)};
    AUTO_BUF struct buf info = {0};
    start(f, p, 2);
    p[0] = position_of(0, 1, 3);
    p[1] = position_of(1, 1, 3);
    begin(f, p, 2);
    start(f, p, 1);
    begin(f, p, 1);
    newest(f, &info);
    assert_non_null(strstr(info.ptr, "{\"0\":3}"));
}

/* What `sluice offsets set` writes: a commit in the query's name without epochs. */
static void a_position_set_by_hand_has_no_epoch(void **state)
{
    struct fixture *f = *state;
    struct sink_position p[] = {position_of(0, 0, -1)};
    start(f, p, 1);
    p[0] = position_of(0, 10, 2);
    begin(f, p, 1);
    delta_sink_close(f->sink);
    f->sink = NULL;
    struct delta_options options = {.spool = "/tmp"};
    AUTO_DELTA struct delta_table *table = NULL;
    AUTO_BUF struct buf app_id = {0};
    int64_t version = -1;
    OK(delta_open(store_memory_open("sink"), &options, &table, &f->err));
    delta_sink_app_id(STR("q"), &p[0], &app_id);
    struct delta_txn txns[] = {{STR("sluice/q"), 2, 0}, {buf_str(&app_id), 8, 0}};
    struct delta_change change = {.operation = "SET OFFSETS",
                                  .parameters = STR("{\"queryName\":\"q\"}"),
                                  .txn_count = 2,
                                  .txns = txns};
    OK(delta_commit(table, &change, &version, &f->err));
    start(f, p, 1);
    assert_int_equal(p[0].next_offset, 8);
    assert_int_equal(p[0].leader_epoch, -1);
    begin(f, p, 1);
}

static void a_table_restored_since_is_refused_by_the_start(void **state)
{
    struct fixture *f = *state;
    struct sink_position p[] = {position_of(0, 0, -1)};
    start(f, p, 1);
    p[0] = position_of(0, 10, 2);
    begin(f, p, 1);
    OK(store_put(f->store, STR("_delta_log/00000000000000000001.json"),
                 STR("{\"commitInfo\":{\"timestamp\":1,\"operation\":\"RESTORE\","
                     "\"operationParameters\":{}}}\n"),
                 &f->err));
    start(f, p, 1);
    bool moved = false;
    assert_int_equal(delta_sink_begin(f->sink, p, 1, &moved, &f->err), ERR_IDENTITY);
    assert_non_null(strstr(f->err.msg, "version 1 (RESTORE) replaced the table's rows"));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_restart_finds_positions_with_their_epochs),
        CASE(an_epoch_that_became_unknown_is_forgotten),
        CASE(epochs_of_partitions_that_are_gone_are_dropped_by_the_start),
        CASE(a_position_set_by_hand_has_no_epoch),
        CASE(a_table_restored_since_is_refused_by_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
