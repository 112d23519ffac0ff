/* SPDX-License-Identifier: Apache-2.0 */
#include "job/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "column/memory.h"

/*
 * A batch without DuckDB: threads of ours stand in for its workers, so that the hand-over between
 * reader and scans can be watched by ThreadSanitizer.
 */
#define WORKERS  3
#define CAPACITY 64

struct text_packet {
    struct packet base;
    struct arena arena;
};

static void text_packet_free(struct packet *base)
{
    struct text_packet *p = CONTAINER_OF(base, struct text_packet, base);
    arena_done(&p->arena);
    mem_free(p);
}

/* Messages {"id": first} … in offset order of partition 0; every `bad`th is no JSON (0 = none). */
static struct packet *packet_make(int64_t first, size_t count, int64_t bad)
{
    struct text_packet *p = mem_new(struct text_packet);
    p->base = (struct packet){.count = count, .bytes = count * 400, .free = text_packet_free};
    p->base.messages = arena_new_array(&p->arena, struct message, count);
    for (size_t i = 0; i < count; i++) {
        int64_t id = first + (int64_t)i;
        char *text = bad > 0 && id % bad == 0
                         ? arena_printf(&p->arena, "nope %" PRId64, id)
                         : arena_printf(&p->arena, "{\"id\": %" PRId64 "}", id);
        p->base.messages[i] =
            (struct message){.value = str_of(text), .offset = id, .timestamp_us = id};
    }
    return &p->base;
}

struct scene {
    struct arena arena;
    struct plan_stream stream;
    struct plan_table table;
    struct plan_query query;
    struct source source;
    struct source *sources[1];
    struct batch *batch;
};

static void scene_open(struct scene *s, enum plan_bad_record on_bad)
{
    *s = (struct scene){.stream = {.name = STR("s"), .format = STR("json")}};
    struct type_field field = {.name = STR("id"), .type = type_simple(TYPE_BIGINT)};
    field.nullable = true;
    s->stream.row_type = type_struct(&s->arena, &field, 1);
    s->stream.on_bad_record = on_bad;
    s->query.table = &s->table;
    struct plan_input *input = vec_push(&s->query.inputs);
    *input = (struct plan_input){
        .stream = &s->stream, .row_type = s->stream.row_type, .declared_count = 1};
    *vec_push(&s->source.partitions) = (struct source_partition){
        .topic = STR("t"), .started = true, .end_offset = -1, .leader_epoch = 3};
    s->sources[0] = &s->source;
    s->batch = batch_new(&s->query, s->sources, 0, 64 * 1024);
}

static void scene_close(struct scene *s)
{
    batch_free(s->batch);
    vec_done(&s->query.inputs);
    vec_done(&s->source.partitions);
    arena_done(&s->arena);
}

/* One worker: what it read, summed up. */
struct worker {
    struct thread thread;
    struct batch_input *in;
    int64_t rows, nulls, sum;
    int rc;
    size_t rows_max; /* goes away early after so many; 0 = never */
};

static void work(void *user)
{
    struct worker *w = user;
    struct sql_scan *scan = &w->in->scan;
    struct column_memory *memory = column_memory_new(w->in->input->row_type, CAPACITY);
    struct column *columns[1] = {column_memory_columns(memory)};
    bool wanted[1] = {true};
    void *local = NULL;
    struct err err;
    w->rc = scan->ops->open_local(scan, wanted, &local, &err);
    while (w->rc >= 0) {
        column_memory_reset(memory);
        w->rc = scan->ops->fill(scan, local, columns, CAPACITY, &err);
        if (w->rc <= 0) {
            break;
        }
        for (size_t row = 0; row < (size_t)w->rc; row++) {
            bool valid = column_is_valid(columns[0], row);
            w->nulls += !valid;
            w->sum += valid ? ((const int64_t *)columns[0]->data)[row] : 0;
        }
        w->rows += w->rc;
        if (w->rows_max > 0 && (size_t)w->rows >= w->rows_max) {
            break;
        }
    }
    scan->ops->close_local(scan, local);
    column_memory_free(memory);
}

static void workers_start(struct worker *workers, struct batch *batch)
{
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.in = &batch->inputs[0]};
        thread_start(&workers[i].thread, "worker", work, &workers[i]);
    }
}

static struct worker workers_join(struct worker *workers)
{
    struct worker sum = {0};
    for (size_t i = 0; i < WORKERS; i++) {
        thread_join(&workers[i].thread);
        sum.rows += workers[i].rows;
        sum.nulls += workers[i].nulls;
        sum.sum += workers[i].sum;
        sum.rc = workers[i].rc < 0 ? workers[i].rc : sum.rc;
    }
    return sum;
}

#define MESSAGES 20000
#define PACKET   77

/* False when the batch was aborted meanwhile. */
static bool push_all(struct scene *s, int64_t bad)
{
    for (int64_t at = 0; at < MESSAGES; at += PACKET) {
        size_t count = (size_t)(MESSAGES - at < PACKET ? MESSAGES - at : PACKET);
        struct packet *packet = packet_make(at, count, bad);
        batch_count(s->batch, 0, packet);
        if (batch_push(s->batch, 0, packet, INT64_MAX) != QUEUE_OK) {
            packet_free(packet);
            return false;
        }
        s->source.partitions.items[0].next_offset = at + (int64_t)count;
    }
    return true;
}

static void every_message_is_taken_by_one_worker(void **state)
{
    (void)state;
    struct scene s;
    struct worker workers[WORKERS];
    scene_open(&s, PLAN_BAD_NULL);
    workers_start(workers, s.batch);
    assert_true(push_all(&s, 10));
    batch_seal(s.batch);
    struct worker sum = workers_join(workers);
    assert_int_equal(sum.rc, 0);
    assert_int_equal(sum.rows, MESSAGES);
    assert_int_equal(sum.nulls, MESSAGES / 10);
    struct err err;
    assert_int_equal(batch_check_taken(s.batch, &err), 0);
    struct sink_position position;
    assert_int_equal(batch_positions(s.batch, &position, 1), 1);
    assert_int_equal(position.next_offset, MESSAGES);
    assert_int_equal(s.batch->oldest_record_us, 0);
    assert_int_equal(s.source.partitions.items[0].newest_us, MESSAGES - 1);
    assert_int_equal(s.batch->inputs[0].intake[0].records, MESSAGES);
    scene_close(&s);
}

/* Nanoseconds taken for milliseconds, beside records without a time. */
static void times_that_make_no_sense_are_no_others(void **state)
{
    (void)state;
    struct scene s;
    const int64_t far_us = INT64_MAX / 1000 * 1000;
    scene_open(&s, PLAN_BAD_NULL);
    struct packet *packet = packet_make(0, 10, 0);
    for (size_t i = 0; i < 10; i++) {
        packet->messages[i].timestamp_us = i == 0 ? 1000 : i == 1 ? -1 : far_us;
    }
    batch_count(s.batch, 0, packet);
    packet_free(packet);
    assert_int_equal(s.batch->ages.count, 1);
    assert_int_equal(s.batch->ages.items[0].messages, 9);
    assert_true(s.batch->ages.items[0].mean_us > far_us / 10 * 8);
    assert_int_equal(s.batch->oldest_record_us, 1000);
    scene_close(&s);
}

static void dropped_records_leave_neither_row_nor_null(void **state)
{
    (void)state;
    struct scene s;
    struct worker workers[WORKERS];
    scene_open(&s, PLAN_BAD_DROP);
    workers_start(workers, s.batch);
    assert_true(push_all(&s, 10));
    batch_seal(s.batch);
    struct worker sum = workers_join(workers);
    assert_int_equal(sum.rows, MESSAGES - MESSAGES / 10);
    assert_int_equal(sum.nulls, 0);
    assert_int_equal(atomic_load(&s.batch->inputs[0].counts.dropped), MESSAGES / 10);
    scene_close(&s);
}

static void a_record_that_must_not_be_bad_fails_all_workers(void **state)
{
    (void)state;
    struct scene s;
    struct worker workers[WORKERS];
    scene_open(&s, PLAN_BAD_FAIL);
    workers_start(workers, s.batch);
    (void)push_all(&s, 7777);
    batch_abort(s.batch);
    struct worker sum = workers_join(workers);
    assert_true(sum.rc < 0);
    assert_true(s.batch->scan_failed);
    assert_int_equal(s.batch->scan_err.code, ERR_DATA);
    scene_close(&s);
}

static void a_worker_that_leaves_early_is_noticed(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, PLAN_BAD_NULL);
    /* Alone, so that it is sure to get something to leave from. */
    struct worker worker = {.in = &s.batch->inputs[0], .rows_max = 200};
    thread_start(&worker.thread, "worker", work, &worker);
    bool whole = push_all(&s, 0);
    batch_seal(s.batch);
    thread_join(&worker.thread);
    struct err err;
    assert_false(whole); /* leaving early ends pushing */
    assert_true(atomic_load(&s.batch->inputs[0].ended_early));
    assert_int_equal(batch_check_taken(s.batch, &err), ERR_CORRUPT);
    scene_close(&s);
}

static void giving_up_wakes_workers_that_wait(void **state)
{
    (void)state;
    struct scene s;
    struct worker workers[WORKERS];
    scene_open(&s, PLAN_BAD_NULL);
    workers_start(workers, s.batch);
    batch_give_up(s.batch);
    struct worker sum = workers_join(workers);
    assert_int_equal(sum.rc, ERR_CANCELED);
    assert_false(s.batch->scan_failed);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_taken_by_one_worker),
        cmocka_unit_test(times_that_make_no_sense_are_no_others),
        cmocka_unit_test(dropped_records_leave_neither_row_nor_null),
        cmocka_unit_test(a_record_that_must_not_be_bad_fails_all_workers),
        cmocka_unit_test(a_worker_that_leaves_early_is_noticed),
        cmocka_unit_test(giving_up_wakes_workers_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
