/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_MONITOR_FIXTURE_H
#define JOB_MONITOR_FIXTURE_H

/*
 * monitor_fixture - a query that does not run, with one source of a few partitions; for tests
 *
 * It needs no library, so ThreadSanitizer can watch its tests.
 */
#include "job/monitor_query.h"

#define FIXTURE_PARTITIONS 3

struct monitor_fixture {
    struct job_monitor *monitor;
    struct plan plan;
    struct plan_stream stream;
    struct plan_query bound;
    struct source source;
    struct source *sources[1];
    struct query query;
};

static const struct source_ops fixture_ops = {.name = "fake"};

static void monitor_fixture_open(struct monitor_fixture *f, const char *name, const char *topic)
{
    const struct job_monitor_options options = {0};
    *f = (struct monitor_fixture){.plan = {.file = STR("test.sql"), .text = STR("SELECT 1;")}};
    f->monitor = job_monitor_new(&options);
    f->stream.name = STR("events");
    vec_push(&f->bound.inputs)->stream = &f->stream;
    f->source.ops = &fixture_ops;
    for (int i = 0; i < FIXTURE_PARTITIONS; i++) {
        *vec_push(&f->source.partitions) = (struct source_partition){
            .topic = str_of(topic), .number = i, .next_offset = 10 * i, .end_offset = 100};
    }
    f->sources[0] = &f->source;
    struct query *q = &f->query;
    q->table = &q->own_table;
    q->own_table.query_name = str_of(name);
    q->own_table.location = STR("/lake/t");
    q->parts.query = &f->bound;
    q->parts.sources = f->sources;
    q->stop = &q->own_stop;
    q->figures.state_since_us = clock_wall_us();
    q->figures.at = (struct query_table){-1, -1, -1, -1, -1};
    q->figures.last_commit.version = -1;
    q->figures.lag = -1;
    q->figures.latency_us = -1;
    stop_init(&q->own_stop);
    mutex_init(&q->lock);
    cond_init(&q->changed);
    monitor_attach(f->monitor, &f->plan, q, 1);
}

static void monitor_fixture_end(struct monitor_fixture *f)
{
    monitor_detach(f->monitor, &f->query, 1);
}

/* After the end. */
static void monitor_fixture_close(struct monitor_fixture *f)
{
    job_monitor_free(f->monitor);
    vec_done(&f->bound.inputs);
    vec_done(&f->source.partitions);
    cond_done(&f->query.changed);
    mutex_done(&f->query.lock);
    stop_done(&f->query.own_stop);
}

/* A batch of so many records from each partition, of that age. */
static void monitor_fixture_commit(struct monitor_fixture *f, int64_t records, int64_t age_us)
{
    struct batch_intake intake[FIXTURE_PARTITIONS];
    for (size_t i = 0; i < FIXTURE_PARTITIONS; i++) {
        intake[i] = (struct batch_intake){records, 100 * records};
    }
    struct batch_input input = {.partitions = f->source.partitions.items,
                                .partition_count = FIXTURE_PARTITIONS,
                                .intake = intake};
    struct batch batch = {.inputs = &input, .input_count = 1};
    batch.sealed_us = 2000;
    batch.copy_started_us = 500;
    batch.encoded_us = 3000;
    batch.uploaded_us = 5000;
    batch.committed_us = 9000;
    ages_add(&batch.ages, clock_wall_us() - age_us, (uint64_t)(records * FIXTURE_PARTITIONS));
    monitor_count_batch(&f->query, &batch);
}

#endif
