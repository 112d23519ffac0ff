/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_print - what people and the status page get: JSON
 *
 * Each printer looks once, copies, and prints from the copy.  What is not known is null; times
 * are ISO-8601 in UTC.  Texts had their secrets masked when they came in.
 */
#include "job/monitor_query.h"

#include <math.h>
#include <unistd.h>

#include "job/self.h"

static void print_time(struct json_writer *w, const char *name, int64_t wall_us)
{
    json_name(w, name);
    if (wall_us <= 0) {
        json_null(w);
        return;
    }
    AUTO_BUF struct buf text = {0};
    clock_add_iso_ms(&text, wall_us);
    json_str(w, buf_str(&text));
}

/* Below 0 is unknown. */
static void print_count(struct json_writer *w, const char *name, int64_t value)
{
    json_name(w, name);
    if (value < 0) {
        json_null(w);
    } else {
        json_i64(w, value);
    }
}

static void print_number(struct json_writer *w, const char *name, double value, int decimals)
{
    json_name(w, name);
    json_double(w, value, decimals);
}

/* "" is unknown. */
static void print_text(struct json_writer *w, const char *name, const char *value)
{
    json_name(w, name);
    json_c(w, value[0] == '\0' ? NULL : value);
}

/* ---- a query ------------------------------------------------------------------------------- */

static void print_totals(struct json_writer *w, const struct query_figures *f)
{
    json_name(w, "totals");
    json_open_object(w);
    print_count(w, "inputRows", f->input_rows);
    print_count(w, "inputBytes", f->input_bytes);
    print_count(w, "outputRows", f->output_rows);
    print_count(w, "batches", f->batches);
    print_count(w, "files", f->files);
    print_count(w, "bytes", f->bytes);
    print_count(w, "badRecords", f->bad_records);
    print_count(w, "badFields", f->bad_fields);
    print_count(w, "dropped", f->dropped);
    print_count(w, "deadLetters", f->dead);
    json_close_object(w);
}

static void print_reasons(struct json_writer *w, const char *name, const int64_t *counts)
{
    json_name(w, name);
    json_open_object(w);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (counts[i] > 0) {
            print_count(w, reason_names[i], counts[i]);
        }
    }
    json_close_object(w);
}

static void print_table(struct json_writer *w, const struct monitor_view *v)
{
    const struct query_table *at = &v->figures.at;
    int64_t age_us = clock_wall_us() - at->checkpoint_us;
    bool has_age = at->checkpoint_version >= 0 && at->checkpoint_us > 0;
    json_name(w, "table");
    json_open_object(w);
    print_text(w, "location", v->of->location);
    print_count(w, "version", at->version);
    print_count(w, "files", at->files);
    print_count(w, "bytes", at->bytes);
    print_count(w, "checkpointVersion", at->checkpoint_version);
    print_count(w, "checkpointAgeSeconds", has_age ? (age_us > 0 ? age_us / 1000000 : 0) : -1);
    json_close_object(w);
}

static void print_last_commit(struct json_writer *w, const struct query_committed *c)
{
    json_name(w, "lastCommit");
    if (c->version < 0) {
        json_null(w);
        return;
    }
    json_open_object(w);
    print_count(w, "version", c->version);
    print_count(w, "batchId", c->batch_id);
    print_time(w, "timestamp", c->wall_us);
    print_count(w, "outputRows", c->output_rows);
    print_count(w, "files", c->files);
    print_count(w, "bytes", c->bytes);
    json_close_object(w);
}

static void print_memory(struct json_writer *w, const struct monitor_view *v)
{
    int64_t queue = v->queue_bytes;
    queue = v->client.queue_bytes > 0 ? queue + v->client.queue_bytes : queue;
    json_name(w, "memory");
    json_open_object(w);
    print_count(w, "duckdbBytes", v->duckdb.bytes);
    print_count(w, "duckdbLimitBytes", (int64_t)v->of->memory_limit_bytes);
    print_count(w, "queueBytes", queue);
    json_close_object(w);
}

static void print_error(struct json_writer *w, const struct monitor_error *e, bool has_kind)
{
    json_open_object(w);
    print_time(w, "timestamp", e->wall_us);
    print_text(w, "code", e->code);
    print_text(w, "message", e->message);
    json_name(w, "retry");
    json_bool(w, e->retry);
    if (has_kind) {
        print_text(w, "kind", e->kind);
    }
    json_close_object(w);
}

static void print_query(struct json_writer *w, struct monitor_query *mq)
{
    AUTO_ARENA struct arena arena = {0};
    struct monitor_view v;
    monitor_look(mq, &arena, &v);
    const struct query_figures *f = &v.figures;
    json_open_object(w);
    print_text(w, "name", mq->name);
    print_text(w, "id", f->id);
    print_text(w, "runId", f->run_id);
    print_text(w, "state", v.state);
    print_text(w, "reason", f->reason);
    print_time(w, "stateSince", v.state_since_us);
    print_time(w, "startedAt", mq->started_us);
    print_count(w, "attempts", f->attempts);
    json_name(w, "topics");
    json_open_array(w);
    for (size_t i = 0; i < v.partition_count; i++) {
        /* Partitions of one topic stand together. */
        if (i == 0 || v.partitions[i].topic != v.partitions[i - 1].topic) {
            json_c(w, v.partitions[i].topic);
        }
    }
    json_close_array(w);
    print_number(w, "inputRowsPerSecond", v.input_rate, 1);
    print_number(w, "outputRowsPerSecond", v.output_rate, 1);
    print_count(w, "latencyMs", f->latency_us < 0 ? -1 : f->latency_us / 1000);
    print_count(w, "lagRecords", v.lag);
    print_number(w, "lagSeconds", v.lag_seconds, 3);
    print_totals(w, f);
    print_reasons(w, "badReasons", f->bad_reasons);
    print_reasons(w, "deadLetterReasons", f->dead_reasons);
    print_table(w, &v);
    print_last_commit(w, &f->last_commit);
    print_memory(w, &v);
    json_name(w, "lastError");
    if (v.has_error) {
        print_error(w, &v.last_error, false);
    } else {
        json_null(w);
    }
    json_close_object(w);
}

int job_monitor_print_query(struct job_monitor *m, struct str name, struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    struct json_writer w;
    json_begin(&w, out);
    print_query(&w, mq);
    return 1;
}

static void print_process(struct json_writer *w, const struct monitor_query *queries, size_t count)
{
    struct self_figures self;
    self_read(&self);
    double uptime = (double)clock_wall_us() / 1e6 - self.start_seconds;
    uint64_t budget = 0;
    for (size_t i = 0; i < count; i++) {
        budget += queries[i].budget_bytes;
    }
    json_name(w, "process");
    json_open_object(w);
    print_text(w, "version", SLUICE_VERSION);
    print_count(w, "pid", getpid());
    print_time(w, "startedAt", (int64_t)(self.start_seconds * 1e6));
    print_count(w, "uptimeSeconds", uptime > 0 ? (int64_t)uptime : 0);
    print_count(w, "memoryBytes", (int64_t)self.resident_bytes);
    print_count(w, "memoryBudgetBytes", count == 0 ? -1 : (int64_t)budget);
    json_close_object(w);
}

void job_monitor_print_queries(struct job_monitor *m, struct buf *out)
{
    size_t count = 0;
    struct monitor_query *queries = monitor_queries(m, &count);
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    print_process(&w, queries, count);
    json_name(&w, "queries");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        print_query(&w, &queries[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
}

/* ---- what has happened --------------------------------------------------------------------- */

int job_monitor_print_progress(struct job_monitor *m, struct str name, size_t limit,
                               struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    struct json_writer w;
    json_begin(&w, out);
    json_open_array(&w);
    MUTEX_GUARD(&mq->lock);
    for (size_t i = 0; i < mq->progress_count && i < limit; i++) {
        size_t at = (mq->progress_first + mq->progress_count - 1 - i) % MONITOR_PROGRESS_MAX;
        json_raw(&w, str_n(mq->progress.items[at].json, mq->progress.items[at].bytes));
    }
    json_close_array(&w);
    return 1;
}

static const char *const series_names[MONITOR_SERIES] = {
    [MONITOR_INPUT_RATE] = "inputRowsPerSecond",
    [MONITOR_OUTPUT_RATE] = "outputRowsPerSecond",
    [MONITOR_LATENCY_MS] = "latencyMs",
    [MONITOR_LAG] = "lagRecords",
    [MONITOR_MEMORY] = "memoryBytes",
    [MONITOR_DEAD_LETTERS] = "deadLetters",
    [MONITOR_BAD_RECORDS] = "badRecords",
};

/* The samples by time, without those that are not there any more. Answers the first second. */
static int64_t copy_samples(struct monitor_query *mq, int64_t since_s,
                            struct monitor_sample *samples, size_t *ret_count)
{
    MUTEX_GUARD(&mq->lock);
    int64_t oldest = INT64_MAX;
    int64_t newest = -1;
    for (size_t i = 0; i < MONITOR_SAMPLES; i++) {
        int64_t second = mq->samples[i].second;
        newest = second > newest ? second : newest;
    }
    for (size_t i = 0; i < MONITOR_SAMPLES; i++) {
        int64_t second = mq->samples[i].second;
        if (second > 0 && second > newest - MONITOR_SAMPLES && second >= since_s) {
            oldest = second < oldest ? second : oldest;
        }
    }
    *ret_count = oldest == INT64_MAX ? 0 : (size_t)(newest - oldest + 1);
    for (size_t i = 0; i < *ret_count; i++) {
        samples[i] = mq->samples[(oldest + (int64_t)i) % MONITOR_SAMPLES];
    }
    return oldest == INT64_MAX ? (since_s > 0 ? since_s : 0) : oldest;
}

int job_monitor_print_history(struct job_monitor *m, struct str name, int64_t since_s,
                              struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    AUTO_FREE struct monitor_sample *samples =
        mem_new_array(struct monitor_sample, MONITOR_SAMPLES);
    size_t count = 0;
    int64_t start = copy_samples(mq, since_s, samples, &count);
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    print_count(&w, "stepSeconds", 1);
    print_count(&w, "start", start);
    json_name(&w, "series");
    json_open_object(&w);
    for (size_t s = 0; s < MONITOR_SERIES; s++) {
        json_name(&w, series_names[s]);
        json_open_array(&w);
        for (size_t i = 0; i < count; i++) {
            bool is_there = samples[i].second == start + (int64_t)i;
            json_double(&w, is_there ? samples[i].values[s] : NAN,
                        s == MONITOR_LATENCY_MS || s <= MONITOR_OUTPUT_RATE ? 1 : 0);
        }
        json_close_array(&w);
    }
    json_close_object(&w);
    json_close_object(&w);
    return 1;
}

int job_monitor_print_errors(struct job_monitor *m, struct str name, struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    AUTO_FREE struct monitor_error *errors = mem_new_array(struct monitor_error, MONITOR_ERRORS);
    size_t count = 0;
    {
        MUTEX_GUARD(&mq->lock);
        memcpy(errors, mq->errors, MONITOR_ERRORS * sizeof(*errors));
        count = mq->error_count;
    }
    struct json_writer w;
    json_begin(&w, out);
    json_open_array(&w);
    for (size_t i = 0; i < count && i < MONITOR_ERRORS; i++) {
        print_error(&w, &errors[(count - 1 - i) % MONITOR_ERRORS], true);
    }
    json_close_array(&w);
    return 1;
}

/* ---- what is ------------------------------------------------------------------------------- */

static void print_partition(struct json_writer *w, const struct monitor_view *v,
                            const struct monitor_partition *p, int64_t now_us)
{
    bool known = p->log_end >= 0 && p->next_offset >= 0;
    int64_t lag = p->log_end > p->next_offset ? p->log_end - p->next_offset : 0;
    json_open_object(w);
    print_text(w, "stream", p->stream);
    print_text(w, "topic", p->topic);
    print_count(w, "partition", p->number);
    print_count(w, "nextOffset", p->next_offset);
    print_count(w, "logEnd", p->log_end);
    print_count(w, "lag", known ? lag : -1);
    print_number(w, "lagSeconds", monitor_lag_seconds(p, now_us), 3);
    print_number(w, "recordsPerSecond", p->rate, 1);
    json_name(w, "held");
    json_c(w, p->held ? v->hold_reason : NULL);
    json_close_object(w);
}

int job_monitor_print_offsets(struct job_monitor *m, struct str name, struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    AUTO_ARENA struct arena arena = {0};
    struct monitor_view v;
    monitor_look(mq, &arena, &v);
    int64_t now_us = clock_wall_us();
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "partitions");
    json_open_array(&w);
    for (size_t i = 0; i < v.partition_count; i++) {
        print_partition(&w, &v, &v.partitions[i], now_us);
    }
    json_close_array(&w);
    json_close_object(&w);
    return 1;
}

/* A copy of a text of the query; NULL = there is none yet. */
static char *copy_text(struct monitor_query *mq, char *const *place)
{
    MUTEX_GUARD(&mq->lock);
    return *place == NULL ? NULL : mem_strdup(*place);
}

int job_monitor_print_plan(struct job_monitor *m, struct str name, struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    AUTO_FREE char *plan = copy_text(mq, &mq->plan);
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    print_text(&w, "file", mq->file);
    print_text(&w, "sql", mq->pipeline);
    json_name(&w, "plan");
    json_c(&w, plan);
    json_close_object(&w);
    return 1;
}

int job_monitor_print_schema(struct job_monitor *m, struct str name, struct buf *out)
{
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    AUTO_FREE char *columns = copy_text(mq, &mq->schema);
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "columns");
    json_raw(&w, columns == NULL ? STR("[]") : str_of(columns));
    json_close_object(&w);
    return 1;
}

/* ---- readiness ----------------------------------------------------------------------------- */

/* Why the query is not ready; "" = it is. */
static void judge(const struct monitor_view *v, int64_t ready_lag_us, struct buf *why)
{
    bool has_ended = v->figures.state == JOB_ENDED || v->figures.state == JOB_FAILED;
    int64_t since_us = v->figures.under_way_us;
    int64_t stalled_us = since_us > 0 ? clock_mono_us() - since_us : 0;
    if (v->figures.stop_us > 0 && !has_ended) {
        buf_printf(why, "it is %s", v->state);
        return;
    }
    switch (v->figures.state) {
    case JOB_RUNNING:
    case JOB_PAUSED:
        if (v->lag_seconds * 1e6 > (double)ready_lag_us) {
            buf_printf(why, "it is %.0f s behind, more than %" PRId64, v->lag_seconds,
                       ready_lag_us / 1000000);
        } else if (stalled_us > ready_lag_us) {
            buf_printf(why, "a batch has been under way for %" PRId64 " s, more than %" PRId64,
                       stalled_us / 1000000, ready_lag_us / 1000000);
        }
        return;
    case JOB_ENDED:
        return;
    case JOB_STARTING:
    case JOB_WAITING:
    case JOB_STOPPING:
    case JOB_FAILED:
        buf_printf(why, "it is %s", v->state);
        if (v->figures.reason[0] != '\0') {
            buf_printf(why, ": %s", v->figures.reason);
        }
        return;
    }
}

bool job_monitor_print_ready(struct job_monitor *m, struct buf *out)
{
    size_t count = 0;
    struct monitor_query *queries = monitor_queries(m, &count);
    AUTO_BUF struct buf list = {0};
    struct json_writer w;
    bool all = count > 0;
    json_begin(&w, &list);
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        AUTO_ARENA struct arena arena = {0};
        AUTO_BUF struct buf why = {0};
        struct monitor_view v;
        monitor_look(&queries[i], &arena, &v);
        judge(&v, monitor_ready_lag_us(m), &why);
        all = all && why.len == 0;
        json_open_object(&w);
        print_text(&w, "name", queries[i].name);
        print_text(&w, "state", v.state);
        json_name(&w, "ready");
        json_bool(&w, why.len == 0);
        json_name(&w, "reason");
        json_c(&w, why.len == 0 ? NULL : why.ptr);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "ready");
    json_bool(&w, all);
    json_name(&w, "queries");
    json_raw(&w, buf_str(&list));
    json_close_object(&w);
    return all;
}
