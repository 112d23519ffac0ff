/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor - what a running plan shows, and the commands it takes
 *
 * Here are the registry of queries, the sampler's thread, commands and waiting.  What the queries
 * tell is monitor_feed.c, what people get monitor_print.c and metrics.c.
 *
 *  (1) The array of queries is made once, by job_run_plan, and stays: readers need no lock for
 *      what is constant in it.
 *  (2) While a query runs its own figures count; at the end the monitor takes a copy, under
 *      the same lock that readers hold.
 *  (3) The sampler is the only one that writes samples.
 */
#include "job/monitor_query.h"

#include <math.h>

#include "job/self.h"

#define SECOND_US           ((int64_t)1000000)
#define READY_LAG_US_PRESET (300 * SECOND_US)

struct job_monitor {
    int64_t ready_lag_us;
    atomic_ullong requests[MONITOR_STATUS_END];
    struct thread sampler;
    struct stop stop; /* ends the sampler */
    struct mutex lock;
    struct cond changed;
    /* guarded by .lock */
    uint64_t generation;
    struct monitor_query *queries;
    size_t count;
};

const char *const monitor_states[MONITOR_STATES] = {
    "starting", "running", "idle", "waiting", "paused", "stopping", "ended", "failed",
};

struct job_monitor *job_monitor_new(const struct job_monitor_options *options)
{
    struct job_monitor *m = mem_new(struct job_monitor);
    m->ready_lag_us = options->ready_lag_us > 0 ? options->ready_lag_us : READY_LAG_US_PRESET;
    m->generation = 1;
    stop_init(&m->stop);
    mutex_init(&m->lock);
    cond_init(&m->changed);
    return m;
}

static void query_free(struct monitor_query *mq)
{
    for (size_t i = 0; i < mq->progress_count; i++) {
        mem_free(mq->progress.items[(mq->progress_first + i) % MONITOR_PROGRESS_MAX].json);
    }
    vec_done(&mq->progress);
    for (size_t i = 0; i < mq->names.count; i++) {
        mem_free(mq->names.items[i]);
    }
    vec_done(&mq->names);
    vec_done(&mq->topics);
    mem_free(mq->partitions);
    mem_free(mq->spare);
    mem_free(mq->samples);
    mem_free(mq->plan);
    mem_free(mq->schema);
    mem_free(mq->name);
    mem_free(mq->location);
    mem_free(mq->file);
    mem_free(mq->pipeline);
    mutex_done(&mq->lock);
}

void job_monitor_free(struct job_monitor *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        assert(m->queries[i].query == NULL);
        query_free(&m->queries[i]);
    }
    mem_free(m->queries);
    cond_done(&m->changed);
    mutex_done(&m->lock);
    stop_done(&m->stop);
    mem_free(m);
}

/* ---- generations --------------------------------------------------------------------------- */

static void advance(struct job_monitor *m)
{
    MUTEX_GUARD(&m->lock);
    m->generation++;
    cond_broadcast(&m->changed);
}

void monitor_changed(const struct query *q)
{
    if (q->shown != NULL) {
        advance(q->shown->monitor);
    }
}

uint64_t job_monitor_wait(struct job_monitor *m, uint64_t seen, int64_t until_mono_us)
{
    MUTEX_GUARD(&m->lock);
    while (m->generation == seen && cond_wait_until(&m->changed, &m->lock, until_mono_us)) {
    }
    return m->generation;
}

void job_monitor_count_request(struct job_monitor *m, int status)
{
    if (status >= 0 && status < MONITOR_STATUS_END) {
        atomic_fetch_add_explicit(&m->requests[status], 1, memory_order_relaxed);
    }
}

uint64_t monitor_requests(const struct job_monitor *m, int status)
{
    assert(status >= 0 && status < MONITOR_STATUS_END);
    return atomic_load_explicit(&m->requests[status], memory_order_relaxed);
}

int64_t monitor_ready_lag_us(const struct job_monitor *m)
{
    return m->ready_lag_us;
}

/* ---- looking ------------------------------------------------------------------------------- */

struct monitor_query *monitor_queries(struct job_monitor *m, size_t *ret_count)
{
    MUTEX_GUARD(&m->lock);
    *ret_count = m->count;
    return m->queries;
}

struct monitor_query *monitor_find(struct job_monitor *m, struct str name)
{
    size_t count = 0;
    struct monitor_query *queries = monitor_queries(m, &count);
    for (size_t i = 0; i < count; i++) {
        if (str_eq_c(name, queries[i].name)) {
            return &queries[i];
        }
    }
    return NULL;
}

/* Under the query's lock of ours. */
static struct query_figures figures_of(struct monitor_query *mq)
{
    if (mq->query == NULL) {
        return mq->last;
    }
    MUTEX_GUARD(&mq->query->lock);
    return mq->query->figures;
}

double monitor_lag_seconds(const struct monitor_partition *p, int64_t now_us)
{
    if (p->log_end < 0 || p->next_offset < 0) {
        return NAN;
    }
    if (p->log_end <= p->next_offset) {
        return 0;
    }
    if (p->newest_us == 0) {
        return NAN;
    }
    int64_t behind_us = now_us - p->newest_us;
    return behind_us < 0 ? 0 : (double)behind_us / 1e6;
}

/* Offsets between our positions and the ends; -1 when one of them is unknown. */
static int64_t lag_of(const struct monitor_query *mq, const struct query_figures *f)
{
    if (mq->partition_count == 0) {
        return f->lag;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < mq->partition_count; i++) {
        const struct monitor_partition *p = &mq->partitions[i];
        if (p->log_end < 0 || p->next_offset < 0) {
            return -1;
        }
        sum += p->log_end > p->next_offset ? p->log_end - p->next_offset : 0;
    }
    return sum;
}

static double lag_seconds_of(const struct monitor_query *mq, int64_t now_us)
{
    double most = NAN;
    for (size_t i = 0; i < mq->partition_count; i++) {
        double seconds = monitor_lag_seconds(&mq->partitions[i], now_us);
        most = isnan(most) || seconds > most ? seconds : most;
    }
    return most;
}

static double rate_of(const struct monitor_query *mq, enum monitor_series series, int64_t now_us)
{
    double sum = 0;
    int count = 0;
    for (int64_t at = now_us / SECOND_US - MONITOR_RATE_SAMPLES; at <= now_us / SECOND_US; at++) {
        const struct monitor_sample *sample = &mq->samples[at % MONITOR_SAMPLES];
        if (sample->second == at && !isnan(sample->values[series])) {
            sum += sample->values[series];
            count++;
        }
    }
    return count == 0 ? NAN : sum / count;
}

/* The word for the state, and since when. */
static void name_state(const struct monitor_query *mq, const struct query_figures *f,
                       struct monitor_view *view)
{
    view->state = job_state_name(f->state);
    view->state_since_us = f->state_since_us;
    if (f->state == JOB_ENDED || f->state == JOB_FAILED) {
        return;
    }
    if (f->stop_us > 0) {
        view->state = job_state_name(JOB_STOPPING);
        view->state_since_us = f->stop_us;
        return;
    }
    int64_t now_us = clock_wall_us();
    int64_t quiet_us =
        clock_mono_us() - atomic_load_explicit(&mq->read_mono_us, memory_order_relaxed);
    int64_t age_us = now_us - f->state_since_us;
    quiet_us = age_us < quiet_us ? age_us : quiet_us;
    if (f->state == JOB_RUNNING && quiet_us >= MONITOR_IDLE_US) {
        view->state = "idle";
        view->state_since_us = now_us - (quiet_us - MONITOR_IDLE_US);
    }
}

void monitor_look(struct monitor_query *mq, struct arena *arena, struct monitor_view *ret_view)
{
    struct monitor_view *v = ret_view;
    *v = (struct monitor_view){.of = mq};
    int64_t now_us = clock_wall_us();
    MUTEX_GUARD(&mq->lock);
    v->figures = figures_of(mq);
    name_state(mq, &v->figures, v);
    v->partition_count = mq->partition_count;
    v->partitions = arena_new_array(arena, struct monitor_partition, mq->partition_count);
    for (size_t i = 0; i < mq->partition_count; i++) {
        v->partitions[i] = mq->partitions[i];
        v->stream_count += i == 0 || v->partitions[i].stream != v->partitions[i - 1].stream;
    }
    v->topic_count = mq->topics.count;
    v->topics = arena_new_array(arena, struct monitor_topic, mq->topics.count);
    for (size_t i = 0; i < mq->topics.count; i++) {
        v->topics[i] = mq->topics.items[i];
    }
    memcpy(v->hold_reason, mq->hold_reason, sizeof(v->hold_reason));
    v->client = mq->client;
    v->duckdb = mq->duckdb;
    v->queue_bytes = mq->queue_bytes;
    v->lag = lag_of(mq, &v->figures);
    v->lag_seconds = lag_seconds_of(mq, now_us);
    v->input_rate = rate_of(mq, MONITOR_INPUT_RATE, now_us);
    v->output_rate = rate_of(mq, MONITOR_OUTPUT_RATE, now_us);
    v->has_error = mq->last_error.wall_us > 0;
    v->last_error = mq->last_error;
}

/* ---- samples ------------------------------------------------------------------------------- */

static double since(int64_t *seen, int64_t now)
{
    int64_t step = now - *seen;
    *seen = now;
    return (double)step;
}

static void sample_query(struct monitor_query *mq, int64_t second, double memory)
{
    MUTEX_GUARD(&mq->lock);
    struct query_figures f = figures_of(mq);
    int64_t before = 0; /* the last sample, if it is not long ago */
    for (int64_t back = 1; back <= MONITOR_RATE_SAMPLES && before == 0; back++) {
        int64_t at = second - back;
        before = mq->samples[at % MONITOR_SAMPLES].second == at ? at : 0;
    }
    double seconds = before == 0 ? NAN : (double)(second - before);
    int64_t batches = f.batches;
    int64_t lag = lag_of(mq, &f);
    bool has_latency = since(&mq->seen_batches, batches) > 0 && f.latency_us >= 0;
    struct monitor_sample sample = {.second = second};
    double *values = sample.values;
    values[MONITOR_INPUT_RATE] = since(&mq->seen_read, atomic_load(&mq->read_rows)) / seconds;
    values[MONITOR_OUTPUT_RATE] = since(&mq->seen_output, f.output_rows) / seconds;
    values[MONITOR_LATENCY_MS] = has_latency ? (double)f.latency_us / 1000 : NAN;
    values[MONITOR_LAG] = lag < 0 ? NAN : (double)lag;
    values[MONITOR_MEMORY] = memory;
    values[MONITOR_DEAD_LETTERS] = since(&mq->seen_dead, f.dead);
    values[MONITOR_BAD_RECORDS] = since(&mq->seen_bad, f.bad_records);
    mq->samples[second % MONITOR_SAMPLES] = sample;
}

void monitor_sample(struct job_monitor *m, int64_t wall_us)
{
    size_t count = 0;
    struct monitor_query *queries = monitor_queries(m, &count);
    double memory = (double)self_memory_bytes();
    for (size_t i = 0; i < count; i++) {
        int64_t second = wall_us / SECOND_US;
        if (queries[i].samples[second % MONITOR_SAMPLES].second != second) {
            sample_query(&queries[i], second, memory);
        }
    }
    advance(m);
}

static void sample_always(void *user)
{
    struct job_monitor *m = user;
    while (!stop_wait_us(&m->stop, SECOND_US - clock_wall_us() % SECOND_US)) {
        monitor_sample(m, clock_wall_us());
    }
}

/* ---- a run --------------------------------------------------------------------------------- */

static void add_query(struct job_monitor *m, struct monitor_query *mq, const struct plan *plan,
                      struct query *q)
{
    uint64_t memory = plan->memory_bytes == 0 ? QUERY_MEMORY_BYTES_PRESET : plan->memory_bytes;
    mq->monitor = m;
    mq->name = str_dup(q->table->query_name);
    mq->location = str_dup(q->table->location);
    mq->file = str_dup(plan->file);
    mq->pipeline = str_dup(plan->text);
    log_mask_text(mq->location);
    log_mask_text(mq->pipeline);
    mq->started_us = clock_wall_us();
    mq->memory_limit_bytes = memory;
    mq->budget_bytes = memory + QUERY_SERVICE_MEMORY_BYTES + QUERY_QUEUE_BYTES;
    mq->client = (struct source_client){-1, -1, -1, -1, -1};
    mq->duckdb = (struct sql_memory){-1, -1};
    mq->queue_bytes = -1;
    mq->samples = mem_new_array(struct monitor_sample, MONITOR_SAMPLES);
    atomic_store(&mq->read_mono_us, clock_mono_us());
    mutex_init(&mq->lock);
    mq->query = q;
    q->shown = mq;
}

void monitor_attach(struct job_monitor *m, const struct plan *plan, struct query *queries,
                    size_t count)
{
    struct monitor_query *shown = mem_new_array(struct monitor_query, count);
    for (size_t i = 0; i < count; i++) {
        add_query(m, &shown[i], plan, &queries[i]);
    }
    {
        MUTEX_GUARD(&m->lock);
        assert(m->queries == NULL); /* a monitor is for one run */
        m->queries = shown;
        m->count = count;
    }
    advance(m);
}

void monitor_start(struct job_monitor *m)
{
    thread_start(&m->sampler, "sampler", sample_always, m);
}

void monitor_detach(struct job_monitor *m, struct query *queries, size_t count)
{
    stop_set(&m->stop);
    thread_join(&m->sampler);
    for (size_t i = 0; i < count; i++) {
        struct monitor_query *mq = queries[i].shown;
        MUTEX_GUARD(&mq->lock);
        mq->last = figures_of(mq);
        mq->query = NULL;
    }
    advance(m);
}

/* ---- commands ------------------------------------------------------------------------------ */

static int refuse(const struct monitor_query *mq, const char *state, const char *command,
                  struct err *err)
{
    return err_set(err, ERR_CONFIG, "query \"%s\" cannot be %s: it is %s", mq->name, command,
                   state);
}

int job_monitor_command(struct job_monitor *m, struct str name, enum job_command command,
                        struct err *err)
{
    static const char *const words[] = {[JOB_COMMAND_STOP] = "stopped",
                                        [JOB_COMMAND_PAUSE] = "paused",
                                        [JOB_COMMAND_RESUME] = "resumed"};
    struct monitor_query *mq = monitor_find(m, name);
    if (mq == NULL) {
        return 0;
    }
    MUTEX_GUARD(&mq->lock);
    struct query *q = mq->query;
    struct query_figures f = figures_of(mq);
    struct monitor_view view;
    name_state(mq, &f, &view);
    bool has_ended = q == NULL || f.state == JOB_ENDED || f.state == JOB_FAILED;
    if (has_ended || (f.stop_us > 0 && command != JOB_COMMAND_STOP)) {
        return refuse(mq, view.state, words[command], err);
    }
    switch (command) {
    case JOB_COMMAND_STOP:
        query_stop(q);
        break;
    case JOB_COMMAND_PAUSE:
        atomic_store(&q->pause_wanted, true);
        break;
    case JOB_COMMAND_RESUME:
        if (!atomic_load(&q->pause_wanted)) {
            return refuse(mq, view.state, words[command], err);
        }
        atomic_store(&q->pause_wanted, false);
        break;
    }
    advance(m);
    return 1;
}
