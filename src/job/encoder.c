/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder - one COPY a batch
 *
 * Runs on its own thread; DuckDB's workers pull the batch's messages through
 * the scans meanwhile.
 *
 *  (1) A batch whose statement failed for the data's sake goes to the reader
 *      (TROUBLE_RETRY); all later ones are dropped until it has dealt with it.
 *  (2) A batch is passed on only when every message of it was taken.
 */
#include "job/query.h"

#define BAD_RATIO_MESSAGES_MIN 100
#define BAD_RATIO_MESSAGES_MAX 100000

/* A batch is out of the pipeline, whatever became of it. Under .lock. */
static void count_finished(struct query *q)
{
    q->finished++;
    int64_t sealed = q->handed - q->finished - (q->reader_has != NULL ? 1 : 0);
    q->figures.under_way_us = sealed > 0 ? clock_mono_us() : 0;
    cond_broadcast(&q->changed);
}

void query_let_go(struct query *q, struct batch *batch)
{
    if (batch->dir != NULL) {
        struct err ignored;
        (void)fs_remove_tree(batch->dir, &ignored);
    }
    batch_free(batch);
    MUTEX_GUARD(&q->lock);
    count_finished(q);
}

/* A column without statistics is not known to be free of NULLs: the rows are not committed. */
static int check_column_not_null(const struct sql_file *file, const char *path, struct err *err)
{
    for (size_t i = 0; i < file->stats_count; i++) {
        const struct sql_column_stats *stats = &file->stats[i];
        if (str_eq_c(stats->path, path) && stats->has_null_count) {
            return stats->null_count == 0 ? 0
                                          : err_set(err, ERR_DATA,
                                                    "column %s is NOT NULL in the table and got a "
                                                    "NULL",
                                                    path);
        }
    }
    return err_set(err, ERR_CORRUPT,
                   "column %s is NOT NULL in the table, and its file does not say that it has no "
                   "NULL",
                   path);
}

/* For what the pipeline does not declare NOT NULL itself (plan/bind_result.c), but the table has.
 */
static int check_not_null(const struct query *q, const struct batch *batch, struct err *err)
{
    for (size_t f = 0; f < batch->copied.file_count; f++) {
        const struct sql_file *file = &batch->copied.files[f];
        for (const char *const *path = q->parts.not_null; *path != NULL && file->row_count > 0;
             path++) {
            TRY(check_column_not_null(file, *path, err));
        }
        for (size_t k = 0; k < file->partition_count; k++) {
            if (q->parts.partition_not_null[k] && str_eq(file->partition_values[k], STR("n"))) {
                return err_set(err, ERR_DATA,
                               "a partition column is NOT NULL in the table and got a NULL");
            }
        }
    }
    return 0;
}

/* A query that would swallow everything stops before it commits that. */
static int check_bad_ratio(struct query *q, struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->input_count; i++) {
        const struct batch_input *in = &batch->inputs[i];
        struct query_seen *seen = &q->seen[i];
        seen->messages += atomic_load(&in->counts.messages);
        seen->bad += atomic_load(&in->counts.bad_records) + atomic_load(&in->counts.bad_fields);
        double limit = in->input->stream->max_bad_ratio;
        if (seen->messages >= BAD_RATIO_MESSAGES_MIN &&
            (double)seen->bad > limit * (double)seen->messages) {
            batch->is_hopeless = true;
            return err_set(err, ERR_DATA,
                           "%" PRId64 " of the last %" PRId64 " messages of stream \"%.*s\" are "
                           "bad, more than maxBadRatio %g allows; nothing of this batch was "
                           "written. Look at the pipeline, or raise maxBadRatio",
                           seen->bad, seen->messages, STR_FMT(in->input->stream->name), limit);
        }
        if (seen->messages >= BAD_RATIO_MESSAGES_MAX) { /* what is long ago counts less */
            seen->messages /= 2;
            seen->bad /= 2;
        }
    }
    return 0;
}

static int encode_letters(struct query *q, struct batch *batch, struct err *err)
{
    TRY(check_bad_ratio(q, batch, err));
    if (batch->letters == NULL) {
        return 0;
    }
    AUTO_FREE char *dir = mem_printf("%s/letters", batch->dir);
    return dead_table_encode(q->parts.dead, batch->letters, dir, &batch->arena, &batch->dead_copied,
                             err);
}

static int run_copy(struct query *q, struct batch *batch, struct err *err)
{
    struct query_parts *p = &q->parts;
    batch->dir = mem_printf("%s/%" PRId64, p->spool, batch->number);
    TRY(fs_make_dirs(batch->dir, err));
    struct sql_copy_options options = {
        .dir = batch->dir,
        .compression = q->table->compression.ptr,
        .row_group_rows = (int64_t)q->table->row_group_rows,
        .file_bytes = q->table->file_bytes,
        .partition_count = q->table->partition_columns.count,
        .partition_names = p->query->partition_keys,
        .partitions = &p->partitions,
    };
    for (size_t i = 0; i < batch->input_count; i++) {
        sql_source_attach(batch->inputs[i].input->source, &batch->inputs[i].scan);
    }
    batch->copy_started_us = clock_mono_us();
    int rc = sql_copy(p->conn, p->copy_select, &options, &batch->arena, &batch->copied, err);
    for (size_t i = 0; i < batch->input_count; i++) {
        sql_source_attach(batch->inputs[i].input->source, NULL);
    }
    TRY(rc);
    if (!atomic_load(&batch->sealed) || atomic_load(&batch->given_up)) {
        return err_set(err, ERR_CORRUPT,
                       "the query ended before the batch did; nothing was "
                       "written");
    }
    TRY(batch_check_taken(batch, err));
    if (TRY(batch_find_new_columns(batch, err)) == 1) {
        batch->wants_columns = true;
        return err_set(err, ERR_DATA, "messages have fields that are no columns yet");
    }
    rc = check_not_null(q, batch, err);
    if (rc < 0) {
        batch->failure_reason = "not_null";
        return rc;
    }
    return encode_letters(q, batch, err);
}

/*
 * Whether reading the batch again in smaller pieces can help: a record that onBadRecord = fail
 * refused (what stands before it is committed, so that the table's position is that record's and
 * `sluice offsets skip` takes no other), an error of the SQL on some row, or memory that did not
 * suffice.
 */
static bool can_retry(const struct batch *batch, const struct err *err)
{
    if (batch->is_hopeless) {
        return false;
    }
    if (batch->scan_failed) {
        return err->code == ERR_DATA;
    }
    return err->code == ERR_DATA || (err->code == ERR_IO && err->retry);
}

/* The reader lets go when it has sealed the batch, or sees it aborted. */
static void wait_for_reader(struct query *q, const struct batch *batch)
{
    MUTEX_GUARD(&q->lock);
    while (q->reader_has == batch) {
        cond_wait(&q->changed, &q->lock);
    }
}

/* Hands the batch to the reader, to be read again; false = there is trouble already. */
static bool ask_for_retry(struct query *q, struct batch *batch, const struct err *err)
{
    MUTEX_GUARD(&q->lock);
    if (q->trouble != TROUBLE_NONE) {
        return false;
    }
    q->trouble = batch->wants_columns ? TROUBLE_EVOLVE : TROUBLE_RETRY;
    q->figures.retried++;
    q->err = *err;
    q->failed = batch;
    count_finished(q);
    return true;
}

static void encode_failed(struct query *q, struct batch *batch, struct err *err)
{
    if (batch->scan_failed) {
        *err = batch->scan_err; /* DuckDB's text of it has lost code and hint */
    } else if (atomic_load(&batch->given_up) || err->code == ERR_CANCELED) {
        query_let_go(q, batch);
        return;
    }
    if (str_find_str(str_of(err->msg), STR(PLAN_NOT_NULL_TEXT)) >= 0) {
        batch->failure_reason = "not_null";
    }
    if (can_retry(batch, err) && ask_for_retry(q, batch, err)) {
        return;
    }
    if (!can_retry(batch, err)) {
        query_fail(q, err);
        MUTEX_GUARD(&q->lock);
        q->figures.failed++;
    }
    query_let_go(q, batch);
}

static void encode_one(struct query *q, struct batch *batch)
{
    bool skip = false;
    {
        MUTEX_GUARD(&q->lock);
        skip = q->trouble != TROUBLE_NONE;
    }
    struct err err;
    int rc =
        skip ? err_set(&err, ERR_CANCELED, "an earlier batch failed") : run_copy(q, batch, &err);
    if (rc < 0) {
        batch_abort(batch);
    }
    wait_for_reader(q, batch);
    if (rc < 0) {
        encode_failed(q, batch, &err);
        return;
    }
    batch->encoded_us = clock_mono_us();
    pulse_step();
    if (queue_push(q->to_commit, batch, 1, INT64_MAX) != QUEUE_OK) {
        query_let_go(q, batch);
    }
}

void query_encode(void *query)
{
    struct query *q = query;
    void *item = NULL;
    while (queue_pop(q->to_encode, &item, INT64_MAX) == QUEUE_OK) {
        encode_one(q, item);
    }
    queue_close(q->to_commit);
}
