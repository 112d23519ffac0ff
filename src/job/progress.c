/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - Spark's StreamingQueryProgress for each batch
 *
 * Field names and shapes are Spark's (streaming.md 1.10), so that tools made
 * for it read ours.
 */
#include "job/monitor_query.h"

#include <stdio.h>

static void print_offsets(struct json_writer *w, const struct batch_input *in,
                          const int64_t *offsets)
{
    /* Partitions of one topic stand together. */
    json_open_object(w);
    struct str topic = STR_NULL;
    for (size_t p = 0; p < in->partition_count; p++) {
        const struct source_partition *part = &in->partitions[p];
        if (topic.ptr == NULL || !str_eq(topic, part->topic)) {
            if (topic.ptr != NULL) {
                json_close_object(w);
            }
            topic = part->topic;
            json_name_str(w, topic);
            json_open_object(w);
        }
        char number[16];
        snprintf(number, sizeof(number), "%d", part->number);
        json_name(w, number);
        json_i64(w, offsets[p]);
    }
    if (topic.ptr != NULL) {
        json_close_object(w);
    }
    json_close_object(w);
}

static double per_second(int64_t count, int64_t us)
{
    return us <= 0 ? 0.0 : (double)count * 1e6 / (double)us;
}

/* Spark's map of what else a source has to say: text to text. */
static void print_metrics(struct json_writer *w, const struct batch_input *in)
{
    const struct {
        const char *name;
        long long count;
    } metrics[] = {
        {"badFields", atomic_load(&in->counts.bad_fields)},
        {"badRecords", atomic_load(&in->counts.bad_records)},
        {"deadLetters", atomic_load(&in->counts.dead)},
        {"dropped", atomic_load(&in->counts.dropped)},
    };
    json_name(w, "metrics");
    json_open_object(w);
    for (size_t i = 0; i < ARRAY_COUNT(metrics); i++) {
        char text[32];
        snprintf(text, sizeof(text), "%lld", metrics[i].count);
        json_name(w, metrics[i].name);
        json_c(w, text);
    }
    json_close_object(w);
}

static void print_source(struct json_writer *w, const struct batch *batch,
                         const struct batch_input *in)
{
    json_open_object(w);
    json_name(w, "description");
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s[%.*s]", in->input->stream->source->name,
               STR_FMT(in->input->stream->name));
    json_str(w, buf_str(&text));
    json_name(w, "startOffset");
    print_offsets(w, in, in->start_offsets);
    json_name(w, "endOffset");
    print_offsets(w, in, in->end_offsets);
    json_name(w, "numInputRows");
    json_i64(w, in->pushed_messages);
    json_name(w, "processedRowsPerSecond");
    json_double(w, per_second(in->pushed_messages, batch->committed_us - batch->opened_us), 1);
    print_metrics(w, in);
    json_close_object(w);
}

static void print_durations(struct json_writer *w, const struct batch *batch)
{
    json_name(w, "durationMs");
    json_open_object(w);
    json_name(w, "addBatch");
    json_i64(w, (batch->encoded_us - batch->copy_started_us) / 1000);
    json_name(w, "commitOffsets");
    json_i64(w, (batch->committed_us - batch->uploaded_us) / 1000);
    json_name(w, "latestOffset");
    json_i64(w, (batch->sealed_us - batch->opened_us) / 1000);
    json_name(w, "triggerExecution");
    json_i64(w, (batch->committed_us - batch->copy_started_us) / 1000);
    json_name(w, "upload");
    json_i64(w, (batch->uploaded_us - batch->encoded_us) / 1000);
    json_close_object(w);
}

static int64_t bytes_of(const struct batch *batch)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < batch->copied.file_count; i++) {
        bytes += (int64_t)batch->copied.files[i].size_bytes;
    }
    return bytes;
}

static int64_t sum_counts(const struct batch *batch, size_t member)
{
    int64_t sum = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        const char *counts = (const char *)&batch->inputs[i].counts;
        sum += atomic_load((const atomic_llong *)(const void *)(counts + member));
    }
    return sum;
}

void query_progress_print(const struct query *q, const struct batch *batch, struct buf *out)
{
    int64_t messages = batch_messages(batch);
    int64_t duration_us = batch->committed_us - batch->opened_us;
    AUTO_BUF struct buf stamp = {0};
    clock_add_iso_ms(&stamp, batch->wall_us);
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "id");
    json_c(&w, q->id);
    json_name(&w, "runId");
    json_c(&w, q->run_id);
    json_name(&w, "name");
    json_str(&w, q->table->query_name);
    json_name(&w, "timestamp");
    json_str(&w, buf_str(&stamp));
    json_name(&w, "batchId");
    json_i64(&w, delta_sink_sequence(q->parts.sink));
    json_name(&w, "batchDuration");
    json_i64(&w, duration_us / 1000);
    json_name(&w, "numInputRows");
    json_i64(&w, messages);
    json_name(&w, "inputRowsPerSecond");
    json_double(&w, per_second(messages, batch->sealed_us - batch->opened_us), 1);
    json_name(&w, "processedRowsPerSecond");
    json_double(&w, per_second(messages, duration_us), 1);
    print_durations(&w, batch);
    json_name(&w, "stateOperators");
    json_open_array(&w);
    json_close_array(&w);
    json_name(&w, "sources");
    json_open_array(&w);
    for (size_t i = 0; i < batch->input_count; i++) {
        print_source(&w, batch, &batch->inputs[i]);
    }
    json_close_array(&w);
    json_name(&w, "sink");
    json_open_object(&w);
    json_name(&w, "description");
    AUTO_BUF struct buf sink = {0};
    buf_printf(&sink, "DeltaSink[%.*s]", STR_FMT(q->table->location));
    json_str(&w, buf_str(&sink));
    json_name(&w, "numOutputRows");
    json_i64(&w, batch->copied.row_count);
    json_name(&w, "version");
    json_i64(&w, batch->version);
    json_name(&w, "files");
    json_i64(&w, (int64_t)batch->copied.file_count);
    json_name(&w, "bytes");
    json_i64(&w, bytes_of(batch));
    json_close_object(&w);
    json_close_object(&w);
}

/* Messages between our positions and the last known ends of the logs; -1 = unknown. */
static int64_t lag_of(const struct batch *batch)
{
    int64_t lag = 0;
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct batch_input *in = &batch->inputs[i];
        for (size_t p = 0; p < in->partition_count; p++) {
            if (in->log_ends[p] < 0) {
                return -1;
            }
            if (in->log_ends[p] > in->end_offsets[p]) {
                lag += in->log_ends[p] - in->end_offsets[p];
            }
        }
    }
    return lag;
}

static void count_inputs(struct query_figures *f, const struct batch *batch)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct batch_input *in = &batch->inputs[i];
        for (size_t p = 0; p < in->partition_count; p++) {
            f->input_bytes += in->intake[p].bytes;
        }
        for (size_t r = 0; r < REASON_COUNT; r++) {
            f->bad_reasons[r] += atomic_load(&in->counts.bad_reasons[r]);
            f->dead_reasons[r] += atomic_load(&in->counts.dead_reasons[r]);
        }
    }
}

static void count_batch(struct query *q, const struct batch *batch, int64_t bytes)
{
    MUTEX_GUARD(&q->lock);
    struct query_figures *f = &q->figures;
    int64_t messages = batch_messages(batch);
    f->batches++;
    f->input_rows += messages;
    f->output_rows += batch->copied.row_count;
    f->bad_records += sum_counts(batch, offsetof(struct batch_counts, bad_records));
    f->bad_fields += sum_counts(batch, offsetof(struct batch_counts, bad_fields));
    f->dropped += sum_counts(batch, offsetof(struct batch_counts, dropped));
    f->dead += sum_counts(batch, offsetof(struct batch_counts, dead));
    f->files += (int64_t)batch->copied.file_count;
    f->bytes += bytes;
    f->version = batch->version;
    f->lag = lag_of(batch);
    f->latency_us =
        batch->oldest_record_us == INT64_MAX ? -1 : clock_wall_us() - batch->oldest_record_us;
    f->last_commit_mono_us = batch->committed_us;
    f->input_rate = per_second(messages, batch->committed_us - batch->opened_us);
    count_inputs(f, batch);
    f->last_commit = (struct query_committed){
        .version = batch->version,
        .batch_id = delta_sink_sequence(q->parts.sink),
        .wall_us = clock_wall_us(),
        .output_rows = batch->copied.row_count,
        .files = (int64_t)batch->copied.file_count,
        .bytes = bytes,
    };
}

static void log_fault(const struct query *q, const struct batch *batch)
{
    const struct batch_fault *fault = &batch->fault;
    if (!fault->set) {
        return;
    }
    /* One line a batch: the first one met; the counts say how many there were. */
    const struct source_partition *part = fault->source;
    AUTO_FREE char *text =
        mem_printf("topic \"%.*s\" partition %d offset %" PRId64 ": %s", STR_FMT(part->topic),
                   part->number, fault->offset, fault->fault.message);
    monitor_keep_error(q, "bad record", fault->fault.reason, text, false);
    log_often(LOG_WARN, NULL, "bad record", LOG_STR("topic", part->topic),
              LOG_I("partition", part->number), LOG_I("offset", fault->offset),
              LOG_S("reason", fault->fault.reason), LOG_S("error", fault->fault.message),
              LOG_I("position", fault->fault.position),
              LOG_I("bad_records", sum_counts(batch, offsetof(struct batch_counts, bad_records))),
              LOG_I("bad_fields", sum_counts(batch, offsetof(struct batch_counts, bad_fields))),
              LOG_I("dropped", sum_counts(batch, offsetof(struct batch_counts, dropped))),
              LOG_I("dead_letters", sum_counts(batch, offsetof(struct batch_counts, dead))),
              LOG_END);
}

void query_report(struct query *q, struct batch *batch)
{
    int64_t bytes = bytes_of(batch);
    count_batch(q, batch, bytes);
    query_note_table(q);
    monitor_count_batch(q, batch);
    log_fault(q, batch);
    bool is_logged = log_is_on(LOG_INFO);
    AUTO_BUF struct buf progress = {0};
    if (q->shown != NULL || is_logged) {
        query_progress_print(q, batch, &progress);
    }
    if (is_logged && log_format_now() == LOG_JSON) {
        log_line(LOG_INFO, "batch", LOG_J("progress", buf_str(&progress)), LOG_END);
        is_logged = false;
    }
    monitor_keep_progress(q, &progress);
    if (!is_logged) {
        return;
    }
    log_line(LOG_INFO, "batch", LOG_I("batch", delta_sink_sequence(q->parts.sink)),
             LOG_I("version", batch->version), LOG_I("input_rows", batch_messages(batch)),
             LOG_I("output_rows", batch->copied.row_count),
             LOG_I("files", batch->copied.file_count), LOG_I("bytes", bytes),
             LOG_I("encode_ms", (batch->encoded_us - batch->copy_started_us) / 1000),
             LOG_I("upload_ms", (batch->uploaded_us - batch->encoded_us) / 1000),
             LOG_I("commit_ms", (batch->committed_us - batch->uploaded_us) / 1000),
             LOG_I("bad_records", sum_counts(batch, offsetof(struct batch_counts, bad_records))),
             LOG_I("dropped", sum_counts(batch, offsetof(struct batch_counts, dropped))),
             LOG_I("dead_letters", sum_counts(batch, offsetof(struct batch_counts, dead))),
             LOG_I("lag", q->figures.lag), LOG_END);
}
