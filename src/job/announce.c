/* SPDX-License-Identifier: Apache-2.0 */
/*
 * announce - the lines in which a running plan tells what it does
 *
 * Folders below job/ do not log: they tell observers, which are here, and answer questions.  A line
 * has the module of the folder that it is about.
 *
 *  (1) What happens once in a while is always told: starts, stops, a source that goes and comes.
 *  (2) What may come again and again is told by log_often: retries of the store.
 *  (3) docs/logs.md has every event of the sources, which a test compares.
 */
#include "job/announce.h"

#include <stdio.h>
#include <unistd.h>

/* Positions that are spelled out on one line. */
#define PLACES_SHOWN 16

/* ---- observers ---------------------------------------------------------------------------- */

void job_on_source_status(void *stream, const struct source_status *status)
{
    struct str name = str_of(stream);
    if (status->state == status->was) {
        return;
    }
    if (status->state == SOURCE_DOWN) {
        log_line_in(LOG_MODULE_CONNECT, LOG_WARN, "source down", LOG_STR("stream", name),
                    LOG_S("reason", status->reason), LOG_END);
    } else if (status->was == SOURCE_DOWN) {
        log_line_in(LOG_MODULE_CONNECT, LOG_INFO, "source back", LOG_STR("stream", name),
                    LOG_I("down_ms", status->was_for_us / 1000), LOG_END);
    }
}

void job_on_store_event(void *user, const struct store_event *event)
{
    (void)user;
    switch (event->kind) {
    case STORE_EVENT_RETRY:
        log_often_in(LOG_MODULE_STORE, LOG_WARN, event->operation, "retrying",
                     LOG_S("operation", event->operation), LOG_STR("key", event->key),
                     LOG_I("status", event->status), LOG_S("reason", event->reason),
                     LOG_I("attempts", event->attempts), LOG_I("pause_ms", event->pause_us / 1000),
                     LOG_END);
        return;
    case STORE_EVENT_LEARNED:
        log_often_in(LOG_MODULE_STORE, LOG_DEBUG, event->operation, "corrected",
                     LOG_S("operation", event->operation), LOG_STR("key", event->key),
                     LOG_I("status", event->status), LOG_S("reason", event->reason), LOG_END);
        return;
    case STORE_EVENT_KEYS:
        log_often_in(LOG_MODULE_STORE, LOG_WARN, NULL, "no new keys",
                     LOG_S("reason", event->reason), LOG_END);
        return;
    }
}

/* ---- starts ------------------------------------------------------------------------------- */

void announce_plan(const struct plan *plan)
{
    log_line(LOG_INFO, "starting", LOG_S("version", SLUICE_VERSION),
             LOG_STR("pipeline", plan->file), LOG_I("queries", plan->tables.count),
             LOG_I("pid", getpid()), LOG_END);
}

void announce_source(const struct plan_stream *stream, const struct source *source)
{
    if (source->connected_to[0] != '\0') {
        log_line_in(LOG_MODULE_CONNECT, LOG_INFO, "connected", LOG_STR("stream", stream->name),
                    LOG_S("to", source->connected_to), LOG_END);
    }
}

/* Partitions of one topic, which stand together. */
static size_t announce_topic(const struct plan_stream *stream, const struct source *source,
                             const bool *fresh, size_t first)
{
    AUTO_BUF struct buf places = {0};
    struct str topic = source->partitions.items[first].topic;
    size_t resumed = 0;
    size_t i = first;
    for (; i < source->partitions.count; i++) {
        const struct source_partition *p = &source->partitions.items[i];
        if (!str_eq(p->topic, topic)) {
            break;
        }
        resumed += fresh[i] ? 0 : 1;
        if (i - first < PLACES_SHOWN) {
            buf_printf(&places, "%s%" PRId32 ":%" PRId64, i > first ? "," : "", p->number,
                       p->next_offset);
        }
    }
    if (i - first > PLACES_SHOWN) {
        buf_add_c(&places, ",…");
    }
    log_line_in(LOG_MODULE_CONNECT, LOG_INFO, "reading", LOG_STR("stream", stream->name),
                LOG_STR("topic", topic), LOG_I("partitions", i - first), LOG_I("resumed", resumed),
                LOG_S("offsets", places.ptr), LOG_END);
    return i;
}

void announce_positions(const struct plan_stream *stream, const struct source *source,
                        const bool *fresh)
{
    for (size_t i = 0; i < source->partitions.count;) {
        i = announce_topic(stream, source, fresh, i);
    }
}

void announce_running(const struct query *q)
{
    log_line(LOG_INFO, "running", LOG_STR("table", q->table->location),
             LOG_I("version", delta_sink_snapshot(q->parts.sink)->version),
             LOG_J("created", q->parts.created ? STR("true") : STR("false")),
             LOG_S("run_id", q->run_id), LOG_END);
}

/* ---- commits ------------------------------------------------------------------------------ */

void announce_commit(const struct batch *batch, const struct delta_counters *before,
                     const struct delta_counters *after)
{
    if (after->unknown_answers > before->unknown_answers) {
        log_often_in(LOG_MODULE_DELTA, LOG_WARN, NULL, "commit was unclear",
                     LOG_I("version", batch->version),
                     LOG_I("answers", after->unknown_answers - before->unknown_answers), LOG_END);
    }
    if (after->rebases > before->rebases) {
        log_often_in(LOG_MODULE_DELTA, LOG_INFO, NULL, "commit rebased",
                     LOG_I("version", batch->version),
                     LOG_I("rebases", after->rebases - before->rebases), LOG_END);
    }
    log_line_in(LOG_MODULE_DELTA, LOG_DEBUG, "committed", LOG_I("version", batch->version),
                LOG_I("files", batch->copied.file_count),
                LOG_I("ms", (batch->committed_us - batch->uploaded_us) / 1000), LOG_END);
}

void announce_checkpoint(struct delta_sink *sink)
{
    struct err err;
    int64_t version = -1;
    int rc = delta_sink_checkpoint_news(sink, &version, &err);
    if (rc < 0) {
        log_often_in(LOG_MODULE_DELTA, LOG_WARN, NULL, "checkpoint failed",
                     LOG_S("code", err_code_name(err.code)), LOG_S("message", err.msg), LOG_END);
    } else if (rc == 1) {
        log_line_in(LOG_MODULE_DELTA, LOG_DEBUG, "checkpoint", LOG_I("version", version), LOG_END);
    }
}

/* ---- ends --------------------------------------------------------------------------------- */

void announce_retry(const struct err *err, int64_t wait_us)
{
    log_line(LOG_WARN, "trying again", LOG_S("code", err_code_name(err->code)),
             LOG_S("message", err->msg), LOG_I("retry_in_ms", wait_us / 1000), LOG_END);
}

void announce_end(struct query *q, int64_t since_us, const struct err *err)
{
    if (err != NULL) {
        log_err(LOG_ERROR, err->code == ERR_FENCED ? "fenced" : "failed", err);
    }
    struct query_figures f;
    {
        MUTEX_GUARD(&q->lock);
        f = q->figures;
    }
    const char *outcome = err != NULL ? "failed" : stop_is_set(q->stop) ? "stopped" : "ended";
    log_line(LOG_INFO, "stopped", LOG_S("outcome", outcome), LOG_I("batches", f.batches),
             LOG_I("input_rows", f.input_rows), LOG_I("output_rows", f.output_rows),
             LOG_I("files", f.files), LOG_I("bytes", f.bytes), LOG_I("bad_records", f.bad_records),
             LOG_I("dropped", f.dropped), LOG_I("dead_letters", f.dead),
             LOG_I("version", f.version), LOG_D("seconds", (double)since_us / 1e6), LOG_END);
}
