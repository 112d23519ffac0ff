/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - every streaming table of a plan, each supervised
 *
 * One table says what becomes of an error (judge): try again after a back-off,
 * or stop.  An attempt begins anew from what the Delta table says, so trying
 * again is always safe.
 *
 *  (1) A stop lets each query finish its batch; after the grace time, or at a
 *      second signal, what is under way is abandoned.  Both are as safe as a
 *      kill.
 *  (2) A query that fails for good does not stop the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "job/announce.h"
#include "job/monitor_query.h"
#include "job/status.h"

#define GRACE_US_PRESET  (10 * (int64_t)1000000)
#define BACKOFF_FIRST_US ((int64_t)500000)
#define BACKOFF_MAX_US   ((int64_t)60 * 1000000)
#define LOOK_US          50000

/* Batches between the threads: one waiting beside the one being worked on. */
#define PIPELINE_BATCHES 1

const char *job_state_name(enum job_state state)
{
    static const char *const names[] = {
        [JOB_STARTING] = "starting", [JOB_RUNNING] = "running",   [JOB_WAITING] = "waiting",
        [JOB_PAUSED] = "paused",     [JOB_STOPPING] = "stopping", [JOB_ENDED] = "ended",
        [JOB_FAILED] = "failed",
    };
    return names[state];
}

/* Frees batches that nobody took over. */
static void drop_queue(struct query *q, struct queue *queue)
{
    void *item = NULL;
    queue_close(queue);
    while (queue_pop(queue, &item, 0) == QUEUE_OK) {
        query_let_go(q, item);
    }
    queue_free(queue);
}

static int attempt_running(struct query *q, struct err *err)
{
    q->to_encode = queue_new(PIPELINE_BATCHES);
    q->to_commit = queue_new(PIPELINE_BATCHES);
    thread_start(&q->encoder, "encoder", query_encode, q);
    thread_start(&q->committer, "committer", query_commit, q);
    query_set_state(q, JOB_RUNNING, NULL);
    announce_running(q);
    int rc = query_read(q, err);
    if (rc < 0) {
        query_cancel(q);
    }
    queue_close(q->to_encode);
    thread_join(&q->encoder);
    thread_join(&q->committer);
    drop_queue(q, q->to_encode);
    drop_queue(q, q->to_commit);
    batch_free(TAKE(q->failed));
    return rc;
}

/* One life of the query, from opening to the end. */
static int attempt(struct query *q, struct err *err)
{
    q->trouble = TROUBLE_NONE;
    q->handed = 0;
    q->finished = 0;
    q->message_limit = 0;
    q->message_limit_goal = 0;
    vec_done(&q->poisons);
    arena_reset(&q->poison_arena);
    holds_done(&q->holds);
    rand_uuid(q->run_id);
    {
        MUTEX_GUARD(&q->lock);
        q->figures.attempts++;
        q->figures.under_way_us = 0;
        memcpy(q->figures.run_id, q->run_id, sizeof(q->run_id));
    }
    int rc = query_open_parts(q, err);
    if (rc >= 0) {
        rc = attempt_running(q, err);
    }
    query_close_parts(q);
    return rc;
}

/* Whether to try again. The one place that decides it. */
static bool judge(const struct err *err)
{
    switch (err->code) {
    case ERR_IO:
        return err->retry;
    case ERR_CONFIG:
    case ERR_DATA:
    case ERR_CORRUPT:
    case ERR_CANCELED:
    case ERR_FENCED:
    case ERR_IDENTITY:
        return false;
    }
    return false;
}

static void end_query(struct query *q, int rc, const struct err *err)
{
    announce_end(q, clock_mono_us() - q->begun_us, rc < 0 ? err : NULL);
    query_set_state(q, rc < 0 ? JOB_FAILED : JOB_ENDED, rc < 0 ? err->msg : NULL);
    MUTEX_GUARD(&q->lock);
    q->ended = true;
    q->end_rc = rc;
    if (rc < 0) {
        q->end_err = *err;
    }
    cond_broadcast(&q->changed);
}

/* A cancel ends an attempt; the next one begins with a new flag. Somebody may be canceling. */
static void renew_cancel(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    stop_done(&q->cancel);
    stop_init(&q->cancel);
}

static void supervise(void *user)
{
    struct query *q = user;
    AUTO_FREE char *name = str_dup(q->table->query_name);
    log_set_query(name);
    struct rng rng;
    rng_init(&rng, (uint64_t)clock_mono_us());
    int64_t backoff_us = BACKOFF_FIRST_US;
    struct err err;
    q->begun_us = clock_mono_us();
    for (;;) {
        int64_t started = clock_mono_us();
        int rc = attempt(q, &err);
        if (rc >= 0 || (stop_is_set(q->stop) && (rc == ERR_CANCELED || judge(&err)))) {
            end_query(q, 0, NULL);
            break;
        }
        if (!judge(&err)) {
            monitor_keep_error(q, "attempt", err_code_name(err.code), err.msg, false);
            end_query(q, rc, &err);
            break;
        }
        if (clock_mono_us() - started > BACKOFF_MAX_US) {
            backoff_us = BACKOFF_FIRST_US; /* it had been well for a while */
        }
        int64_t wait_us = backoff_us / 2 + (int64_t)rng_below(&rng, (uint64_t)backoff_us / 2);
        monitor_keep_error(q, "attempt", err_code_name(err.code), err.msg, true);
        announce_retry(&err, wait_us);
        query_set_state(q, JOB_WAITING, err.msg);
        if (stop_wait_us(q->stop, wait_us)) {
            end_query(q, 0, NULL);
            break;
        }
        backoff_us = backoff_us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : backoff_us * 2;
        renew_cancel(q);
    }
    log_set_query(NULL);
}

/* ---- the plan ----------------------------------------------------------------------------- */

static void query_init(struct query *q, const struct plan *plan, const struct plan_table *table,
                       const struct job_options *options)
{
    *q = (struct query){.plan = plan,
                        .own_table = *table,
                        .options = options,
                        .stop = &q->own_stop,
                        .stop_deadline_us = INT64_MAX};
    q->table = &q->own_table;
    if (table->streams != NULL) {
        size_t count = plan->streams.count;
        q->own_table.streams = arena_new_array(&q->arena, struct plan_stream, count);
        memcpy(q->own_table.streams, table->streams, count * sizeof(*table->streams));
    }
    q->parts.spool_lock = -1;
    stop_init(&q->own_stop);
    stop_init(&q->cancel);
    mutex_init(&q->lock);
    cond_init(&q->changed);
    q->figures.state_since_us = clock_wall_us();
    q->figures.at = (struct query_table){-1, -1, -1, -1, -1};
    q->figures.last_commit.version = -1;
    q->figures.version = -1;
    q->figures.lag = -1;
    q->figures.latency_us = -1;
}

static void query_done(struct query *q)
{
    vec_done(&q->poisons);
    arena_done(&q->poison_arena);
    holds_done(&q->holds);
    arena_done(&q->arena);
    cond_done(&q->changed);
    mutex_done(&q->lock);
    stop_done(&q->cancel);
    stop_done(&q->own_stop);
}

static bool all_ended(struct query *queries, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        MUTEX_GUARD(&queries[i].lock);
        all = all && queries[i].ended;
    }
    return all;
}

/* A query that waits for the outside has nothing to finish. */
static bool may_cancel_at_once(struct query *q)
{
    MUTEX_GUARD(&q->lock);
    return q->figures.state == JOB_STARTING || q->figures.state == JOB_WAITING;
}

/* Passes the run's stop on, and gives up what takes longer than the grace time. */
static void watch_stop(struct query *q, bool stopping, bool now, int64_t grace_us)
{
    if (stopping && !stop_is_set(q->stop)) {
        query_stop(q);
    }
    if (stop_is_set(q->stop) && q->stop_deadline_us == INT64_MAX) {
        q->stop_deadline_us = clock_mono_us() + grace_us;
    }
    bool over = now || clock_mono_us() >= q->stop_deadline_us;
    if (over || (q->stop_deadline_us != INT64_MAX && may_cancel_at_once(q))) {
        query_cancel(q);
    }
}

static void watch(struct query *queries, size_t count, const struct job_options *options,
                  struct stop *stop, struct stop *now)
{
    int64_t grace_us = options->grace_us > 0 ? options->grace_us : GRACE_US_PRESET;
    bool told = false;
    struct status status;
    status_begin(&status, options->live);
    while (!all_ended(queries, count)) {
        for (size_t i = 0; i < count; i++) {
            struct query_figures figures;
            {
                MUTEX_GUARD(&queries[i].lock);
                figures = queries[i].figures;
            }
            status_show(&status, queries[i].table->query_name, i, &figures);
        }
        bool stopping = stop_is_set(stop);
        if (stopping && !told) {
            log_line(LOG_INFO, "stopping", LOG_D("grace_s", (double)grace_us / 1e6), LOG_END);
        }
        told = stopping;
        for (size_t i = 0; i < count; i++) {
            watch_stop(&queries[i], stopping, stop_is_set(now), grace_us);
        }
        if (stopping) {
            clock_sleep_us(LOOK_US);
        } else {
            (void)stop_wait_us(stop, LOOK_US);
        }
    }
    status_end(&status);
}

int job_run_plan(const struct plan *plan, const struct job_options *options, struct stop *stop,
                 struct stop *now, struct err *err)
{
    size_t count = plan->tables.count;
    if (count == 0) {
        return err_set(err, ERR_CONFIG,
                       "%.*s has no CREATE STREAMING TABLE: there is nothing to run",
                       STR_FMT(plan->file));
    }
    announce_plan(plan);
    struct query *queries = mem_new_array(struct query, count);
    for (size_t i = 0; i < count; i++) {
        query_init(&queries[i], plan, &plan->tables.items[i], options);
    }
    if (options->monitor != NULL) {
        monitor_attach(options->monitor, plan, queries, count);
        monitor_start(options->monitor);
    }
    for (size_t i = 0; i < count; i++) {
        thread_start(&queries[i].supervisor, "query", supervise, &queries[i]);
    }
    watch(queries, count, options, stop, now);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        thread_join(&queries[i].supervisor);
    }
    if (options->monitor != NULL) {
        monitor_detach(options->monitor, queries, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (rc >= 0 && queries[i].end_rc < 0) {
            rc = queries[i].end_rc;
            *err = queries[i].end_err;
        }
        query_done(&queries[i]);
    }
    mem_free(queries);
    log_flush();
    return rc;
}
