/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_feed - what the threads of a query tell the monitor
 *
 * Nothing here is done for each message.  What costs more than a copy is made before the
 * lock is taken: a reader of the monitor is never waited for longer than it copies.
 */
#include "job/monitor_query.h"

#define PUBLISH_US ((int64_t)1000000)

/* Under the lock. The monitor's own copy of a name, the same one each time: they come in the same
 * order again and again. */
static const char *intern(struct monitor_query *mq, struct str name)
{
    for (size_t i = 0; i < mq->names.count; i++) {
        size_t at = (mq->name_hint + i) % mq->names.count;
        if (str_eq_c(name, mq->names.items[at])) {
            mq->name_hint = at;
            return mq->names.items[at];
        }
    }
    char *copy = str_dup(name);
    *vec_push(&mq->names) = copy;
    mq->name_hint = mq->names.count - 1;
    return copy;
}

static const char *intern_one(struct monitor_query *mq, struct str name)
{
    MUTEX_GUARD(&mq->lock);
    return intern(mq, name);
}

/* ---- about once a second ------------------------------------------------------------------- */

static double rate_of(const struct monitor_query *mq, size_t at,
                      const struct monitor_partition *now, double seconds)
{
    if (at >= mq->partition_count) {
        return 0;
    }
    const struct monitor_partition *before = &mq->partitions[at];
    bool same = before->number == now->number && before->topic == now->topic;
    int64_t step = now->next_offset - before->next_offset;
    return same && before->next_offset >= 0 && step > 0 ? (double)step / seconds : 0;
}

/* Into .spare, which only we know. */
static size_t gather_partitions(struct query *q, struct monitor_query *mq, double seconds)
{
    const struct query_parts *p = &q->parts;
    size_t total = 0;
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        total += p->sources[i]->partitions.count;
    }
    if (mq->spare_cap < total) {
        mem_free(mq->spare);
        mq->spare = mem_new_array(struct monitor_partition, total);
        mq->spare_cap = total;
    }
    size_t at = 0;
    for (size_t i = 0; i < p->query->inputs.count; i++) {
        struct str stream = p->query->inputs.items[i].stream->name;
        const char *stream_name = intern_one(mq, stream);
        const char *topic_name = NULL;
        struct str topic = STR_NULL;
        vec_foreach (struct source_partition, part, &p->sources[i]->partitions) {
            if (topic_name == NULL || !str_eq(topic, part->topic)) {
                topic_name = intern_one(mq, part->topic);
                topic = part->topic;
            }
            struct monitor_partition *to = &mq->spare[at];
            *to = (struct monitor_partition){
                .stream = stream_name,
                .topic = topic_name,
                .number = part->number,
                .held = part->held,
                .next_offset = part->next_offset,
                .log_end = part->end_offset,
                .newest_us = part->newest_us,
            };
            /* Reading what only we write needs no lock. */
            to->rate = rate_of(mq, at, to, seconds);
            at++;
        }
    }
    return at;
}

static int64_t add_known(int64_t sum, int64_t value)
{
    return value < 0 ? sum : value + (sum < 0 ? 0 : sum);
}

/* Of all sources together: sums, the number of brokers of the largest cluster, the slowest trip. */
static struct source_client look_at_clients(struct query *q)
{
    struct source_client all = {-1, -1, -1, -1, -1};
    for (size_t i = 0; i < q->parts.query->inputs.count; i++) {
        struct source_client one;
        source_look(q->parts.sources[i], &one);
        all.queue_messages = add_known(all.queue_messages, one.queue_messages);
        all.queue_bytes = add_known(all.queue_bytes, one.queue_bytes);
        all.request_errors = add_known(all.request_errors, one.request_errors);
        all.brokers_up = one.brokers_up > all.brokers_up ? one.brokers_up : all.brokers_up;
        all.round_trip_s =
            one.round_trip_s > all.round_trip_s ? one.round_trip_s : all.round_trip_s;
    }
    return all;
}

static int64_t queued_bytes(const struct query *q)
{
    int64_t bytes = 0;
    for (size_t i = 0; q->filling != NULL && i < q->filling->input_count; i++) {
        bytes += (int64_t)queue_cost(q->filling->inputs[i].packets);
    }
    return bytes;
}

void monitor_publish(struct query *q)
{
    struct monitor_query *mq = q->shown;
    int64_t now_us = mq == NULL ? 0 : clock_mono_us();
    if (mq == NULL || now_us - mq->published_us < PUBLISH_US) {
        return;
    }
    double seconds = (double)(now_us - mq->published_us) / 1e6;
    mq->published_us = now_us;
    struct source_client client = look_at_clients(q);
    size_t count = gather_partitions(q, mq, seconds);
    struct sql_memory duckdb = {-1, -1};
    struct err ignored;
    if (q->parts.watch != NULL) {
        (void)sql_memory(q->parts.watch, &duckdb, &ignored);
    }
    int64_t queue_bytes = queued_bytes(q);
    char hold_reason[sizeof(mq->hold_reason)];
    memcpy(hold_reason, q->holds.reason, sizeof(hold_reason));
    log_mask_text(hold_reason);
    MUTEX_GUARD(&mq->lock);
    struct monitor_partition *shown = mq->partitions;
    size_t cap = mq->partition_cap;
    mq->partitions = mq->spare;
    mq->partition_cap = mq->spare_cap;
    mq->partition_count = count;
    mq->spare = shown;
    mq->spare_cap = cap;
    mq->client = client;
    mq->duckdb = duckdb;
    mq->queue_bytes = queue_bytes;
    memcpy(mq->hold_reason, hold_reason, sizeof(mq->hold_reason));
}

void monitor_forget(const struct query *q)
{
    struct monitor_query *mq = q->shown;
    if (mq != NULL) {
        MUTEX_GUARD(&mq->lock);
        mq->client.queue_messages = -1;
        mq->client.queue_bytes = -1;
        mq->duckdb = (struct sql_memory){-1, -1};
        mq->queue_bytes = -1;
    }
}

/* ---- packets and batches ------------------------------------------------------------------- */

void monitor_count_read(const struct query *q, size_t messages)
{
    struct monitor_query *mq = q->shown;
    if (mq == NULL) {
        return;
    }
    atomic_fetch_add_explicit(&mq->read_rows, (long long)messages, memory_order_relaxed);
    atomic_store_explicit(&mq->read_mono_us, clock_mono_us(), memory_order_relaxed);
}

static void count_topic(struct monitor_query *mq, struct str name,
                        const struct batch_intake *intake)
{
    const char *wanted = intern(mq, name);
    size_t at = 0;
    while (at < mq->topics.count && mq->topics.items[at].name != wanted) {
        at++;
    }
    if (at == mq->topics.count && at >= MONITOR_TOPICS_MAX) {
        at = MONITOR_TOPICS_MAX;
        wanted = MONITOR_TOPICS_OTHER;
    }
    if (at == mq->topics.count) {
        vec_push(&mq->topics)->name = wanted;
    }
    mq->topics.items[at].records += intake->records;
    mq->topics.items[at].bytes += intake->bytes;
}

/* Partitions of one topic stand together: one search for all of them. */
static void count_topics(struct monitor_query *mq, const struct batch_input *in)
{
    struct batch_intake sum = {0};
    for (size_t p = 0; p < in->partition_count; p++) {
        sum.records += in->intake[p].records;
        sum.bytes += in->intake[p].bytes;
        bool last = p + 1 == in->partition_count ||
                    !str_eq(in->partitions[p].topic, in->partitions[p + 1].topic);
        if (last && sum.records > 0) {
            count_topic(mq, in->partitions[p].topic, &sum);
        }
        sum = last ? (struct batch_intake){0} : sum;
    }
}

void monitor_count_batch(const struct query *q, const struct batch *batch)
{
    struct monitor_query *mq = q->shown;
    if (mq == NULL) {
        return;
    }
    ages_observe(&batch->ages, clock_wall_us(), &mq->latency);
    histogram_add(&mq->phases[MONITOR_PHASE_READ], batch->sealed_us - batch->opened_us, 1);
    histogram_add(&mq->phases[MONITOR_PHASE_ENCODE], batch->encoded_us - batch->copy_started_us, 1);
    histogram_add(&mq->phases[MONITOR_PHASE_UPLOAD], batch->uploaded_us - batch->encoded_us, 1);
    histogram_add(&mq->phases[MONITOR_PHASE_COMMIT], batch->committed_us - batch->uploaded_us, 1);
    MUTEX_GUARD(&mq->lock);
    for (size_t i = 0; i < batch->input_count; i++) {
        count_topics(mq, &batch->inputs[i]);
    }
}

/* ---- progress and errors ------------------------------------------------------------------- */

/* Under the lock. The text of the oldest, which is no longer there. */
static char *forget_oldest(struct monitor_query *mq)
{
    struct monitor_progress *oldest = &mq->progress.items[mq->progress_first];
    mq->progress_first = (mq->progress_first + 1) % MONITOR_PROGRESS_MAX;
    mq->progress_count--;
    mq->progress_bytes -= oldest->bytes;
    return TAKE(oldest->json);
}

void monitor_keep_progress(const struct query *q, struct buf *json)
{
    struct monitor_query *mq = q->shown;
    if (mq == NULL || json->len == 0 || json->len > MONITOR_PROGRESS_BYTES) {
        return;
    }
    struct monitor_progress entry = {.bytes = json->len};
    entry.json = str_dup(buf_str(json)); /* no larger than it is */
    log_mask_text(entry.json);
    entry.bytes = strlen(entry.json);
    MUTEX_GUARD(&mq->lock);
    if (mq->progress.items == NULL) {
        vec_reserve(&mq->progress, MONITOR_PROGRESS_MAX);
    }
    while (mq->progress_count == MONITOR_PROGRESS_MAX ||
           mq->progress_bytes + entry.bytes > MONITOR_PROGRESS_BYTES) {
        mem_free(forget_oldest(mq));
    }
    size_t at = (mq->progress_first + mq->progress_count) % MONITOR_PROGRESS_MAX;
    mq->progress.items[at] = entry;
    mq->progress_count++;
    mq->progress_bytes += entry.bytes;
}

void monitor_keep_error(const struct query *q, const char *kind, const char *code,
                        const char *message, bool retry)
{
    struct monitor_query *mq = q->shown;
    if (mq == NULL) {
        return;
    }
    AUTO_FREE char *text = mem_strdup(message);
    log_mask_text(text);
    struct monitor_error error = {
        .wall_us = clock_wall_us(), .kind = kind, .code = code, .retry = retry};
    struct str cut = str_head(str_of(text), sizeof(error.message) - 1);
    memcpy(error.message, cut.ptr, str_utf8_prefix(cut));
    MUTEX_GUARD(&mq->lock);
    mq->errors[mq->error_count++ % MONITOR_ERRORS] = error;
    if (strcmp(kind, "attempt") == 0) {
        mq->last_error = error;
    }
}

/* ---- plan and schema ----------------------------------------------------------------------- */

static void explain(struct query *q, struct buf *out)
{
    AUTO_FREE char *sql = mem_printf("EXPLAIN %s", q->parts.query->select);
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cells[2];
    struct err ignored;
    if (sql_query(q->parts.conn, sql, &rows, &ignored) < 0) {
        return;
    }
    while (sql_rows_next(rows, cells, &ignored) == 1) {
        buf_add_str(out, cells[1]);
    }
}

static void print_columns(const struct query *q, struct buf *out)
{
    const struct delta_metadata *table = &delta_sink_snapshot(q->parts.sink)->metadata;
    struct json_writer w;
    json_begin(&w, out);
    json_open_array(&w);
    for (size_t i = 0; table->schema != NULL && i < table->schema->field_count; i++) {
        const struct type_field *field = &table->schema->fields[i];
        AUTO_BUF struct buf type = {0};
        type_print(field->type, &type);
        bool partition = false;
        for (size_t k = 0; k < table->partition_columns.count; k++) {
            partition = partition || str_eq_nocase(table->partition_columns.items[k], field->name);
        }
        json_open_object(&w);
        json_name(&w, "name");
        json_str(&w, field->name);
        json_name(&w, "type");
        json_str(&w, buf_str(&type));
        json_name(&w, "nullable");
        json_bool(&w, field->nullable);
        json_name(&w, "partition");
        json_bool(&w, partition);
        json_close_object(&w);
    }
    json_close_array(&w);
}

/* Answers what was there, to be freed after the lock. */
static char *swap_text(struct monitor_query *mq, char **place, char *text)
{
    MUTEX_GUARD(&mq->lock);
    char *old = *place;
    *place = text;
    return old;
}

void monitor_show_plan(struct query *q)
{
    struct monitor_query *mq = q->shown;
    if (mq == NULL) {
        return;
    }
    AUTO_BUF struct buf plan = {0};
    explain(q, &plan);
    char *text = buf_take(&plan);
    log_mask_text(text);
    mem_free(swap_text(mq, &mq->plan, text));
}

void monitor_show_schema(struct query *q)
{
    struct monitor_query *mq = q->shown;
    uint64_t hash = str_hash(delta_sink_snapshot(q->parts.sink)->metadata.schema_string);
    if (mq == NULL || (mq->schema_hash == hash && hash != 0)) {
        return;
    }
    mq->schema_hash = hash;
    AUTO_BUF struct buf columns = {0};
    print_columns(q, &columns);
    mem_free(swap_text(mq, &mq->schema, buf_take(&columns)));
}
