/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_H
#define JOB_H

#include "base/base.h"
#include "plan/plan.h"

/*
 * job - running a plan
 *
 * The face of the folder: runs every streaming table of a plan side by side,
 * each supervised, until stopped, drained or failed.
 */
struct job_monitor; /* monitor.h */

struct job_options {
    bool available_now;          /* overrides the tables' triggers */
    bool live;                   /* a status line on the terminal instead of log lines per batch */
    int64_t grace_us;            /* what a stop may take before work is abandoned; 0 = 10 s */
    struct job_monitor *monitor; /* shows the queries and commands them; borrowed; NULL = none */
};

/*
 * Runs until `stop` is set or every query has ended. 0 = all ended as asked; < 0 = the first
 * failure (all queries are ended before it returns, unless others still run: a failed query does
 * not stop the others until they end). `now` set = give up at once.
 */
int job_run_plan(const struct plan *plan, const struct job_options *options, struct stop *stop,
                 struct stop *now, struct err *err);

/* Observers that log, for whoever opens a source or a store: `stream` is the stream's name. */
void job_on_source_status(void *stream, const struct source_status *status);
void job_on_store_event(void *user, const struct store_event *event);

/* A query's figures as of now, for the status line and the API. */
enum job_state {
    JOB_STARTING,
    JOB_RUNNING,
    JOB_WAITING,
    JOB_PAUSED,
    JOB_STOPPING,
    JOB_ENDED,
    JOB_FAILED
};
const char *job_state_name(enum job_state state);

#endif
