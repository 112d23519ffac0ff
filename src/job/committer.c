/* SPDX-License-Identifier: Apache-2.0 */
/*
 * committer - uploads a batch's files and makes them visible
 *
 *  (1) The topics' identities are looked up after the batch's last fetch and
 *      before its commit: a topic that was deleted and made again under an
 *      assigned consumer gives no error and loses messages (design.md 2a).
 *  (2) Every file is durable before the commit that names it is sent; dead letters are committed
 *      before the rows of their batch (dead_table.c).
 *  (3) Group offsets are told after the commit, for lag tools only.
 *  (4) After a failure nothing more is committed: the next attempt starts from
 *      what the table says.
 */
#include "job/query.h"

#include "job/announce.h"

static int verify_sources(struct query *q, const struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        if (batch->inputs[i].pushed_messages > 0) {
            TRY(source_verify(q->parts.sources[i], err));
        }
    }
    return 0;
}

static int commit_batch(struct query *q, struct batch *batch, struct err *err)
{
    struct delta_sink *sink = q->parts.sink;
    TRY(verify_sources(q, batch, err));
    struct delta_add *adds = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        cap += batch->inputs[i].partition_count;
    }
    struct sink_position *positions = arena_new_array(&batch->arena, struct sink_position, cap);
    size_t position_count = batch_positions(batch, positions, cap);
    TRY(delta_sink_upload(sink, batch->copied.files, batch->copied.file_count, &batch->arena, &adds,
                          err));
    batch->uploaded_us = clock_mono_us();
    pulse_step();
    if (batch->letters != NULL) {
        TRY(dead_table_commit(q->parts.dead, batch->letters, &batch->dead_copied, positions,
                              position_count, err));
    }
    struct sink_batch out = {
        .files = batch->copied.files,
        .file_count = batch->copied.file_count,
        .positions = positions,
        .position_count = position_count,
        .input_rows = batch_messages(batch),
        .output_rows = batch->copied.row_count,
    };
    struct delta_counters before = *delta_sink_counters(sink);
    TRY(delta_sink_commit(sink, &out, adds, &batch->version, err));
    batch->committed_us = clock_mono_us();
    pulse_step();
    announce_commit(batch, &before, delta_sink_counters(sink));
    return 0;
}

static void acknowledge(struct query *q, const struct batch *batch)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        source_acknowledge(q->parts.sources[i], batch->inputs[i].end_offsets,
                           batch->inputs[i].partition_count);
    }
}

static void commit_one(struct query *q, struct batch *batch)
{
    bool failed = false;
    {
        MUTEX_GUARD(&q->lock);
        failed = q->trouble == TROUBLE_FATAL;
    }
    struct err err;
    if (failed || query_is_canceled(q)) {
        query_let_go(q, batch);
        return;
    }
    LOG_IN_BATCH(delta_sink_sequence(q->parts.sink) + 1);
    if (commit_batch(q, batch, &err) < 0) {
        query_note_table(q);
        {
            MUTEX_GUARD(&q->lock);
            q->figures.failed++;
            q->figures.commit_failures++;
        }
        query_fail(q, &err);
        query_let_go(q, batch);
        return;
    }
    acknowledge(q, batch);
    query_report(q, batch);
    delta_sink_maintain(q->parts.sink);
    announce_checkpoint(q->parts.sink);
    query_let_go(q, batch);
}

void query_commit(void *query)
{
    struct query *q = query;
    void *item = NULL;
    while (queue_pop(q->to_commit, &item, INT64_MAX) == QUEUE_OK) {
        commit_one(q, item);
    }
}
