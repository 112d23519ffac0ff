/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_MONITOR_H
#define JOB_MONITOR_H

#include "base/base.h"

/*
 * monitor - what a running plan shows, and the commands it takes
 *
 * The second face of job/, for the status page, the API and the metrics.  It is made before
 * job_run_plan, which is given it in its options and registers its queries, and it outlives it:
 * after the run it shows how everything ended.  All functions may be called from any thread.
 *
 * The printers append JSON (the metrics: OpenMetrics text) to `out`.  They work on copies: a
 * thread that moves messages never waits for a reader longer than a copy takes.  Memory is fixed
 * for each query: an hour of samples, one a second; the newest progress objects, at most 1,000 and
 * at most 4 MiB; the last 50 errors.
 */
struct job_monitor;

struct job_monitor_options {
    int64_t ready_lag_us; /* a query that is further behind is not ready; 0 = 300 s */
};

struct job_monitor *job_monitor_new(const struct job_monitor_options *options);
/* After job_run_plan has returned, and when nobody reads any more. NULL is fine. */
void job_monitor_free(struct job_monitor *m);

/* The process and all queries: the body of GET /api/v1/queries. */
void job_monitor_print_queries(struct job_monitor *m, struct buf *out);

/* Of one query: 1 = printed, 0 = there is no query of that name. */
int job_monitor_print_query(struct job_monitor *m, struct str name, struct buf *out);
/* StreamingQueryProgress objects, newest first, at most `limit`. */
int job_monitor_print_progress(struct job_monitor *m, struct str name, size_t limit,
                               struct buf *out);
/* Samples at and after `since_s`, seconds since 1970. */
int job_monitor_print_history(struct job_monitor *m, struct str name, int64_t since_s,
                              struct buf *out);
int job_monitor_print_offsets(struct job_monitor *m, struct str name, struct buf *out);
int job_monitor_print_errors(struct job_monitor *m, struct str name, struct buf *out);
int job_monitor_print_plan(struct job_monitor *m, struct str name, struct buf *out);
int job_monitor_print_schema(struct job_monitor *m, struct str name, struct buf *out);

/* OpenMetrics text, from the table in metrics.c; ends with "# EOF\n". */
void job_monitor_print_metrics(struct job_monitor *m, struct buf *out);
/* What they are, as Markdown for docs/metrics.md. */
void job_monitor_metrics_markdown(struct buf *out);
/* The body of GET /readyz; true = every query that has not ended well is ready. */
bool job_monitor_print_ready(struct job_monitor *m, struct buf *out);

/*
 * Pause: the query finishes and commits its batch and reads no more, its sources stay open.
 * Stop: it ends as by a signal; the others go on, and when all have ended the run ends.
 * Returns when the command is given, not when it has been carried out.  1 = given (or in force
 * already), 0 = no such query, < 0: ERR_CONFIG, not possible in the query's state.
 */
enum job_command { JOB_COMMAND_STOP, JOB_COMMAND_PAUSE, JOB_COMMAND_RESUME };
int job_monitor_command(struct job_monitor *m, struct str name, enum job_command command,
                        struct err *err);

/* Waits until the generation is another than `seen`, at the latest until the time; answers the
 * present one. It grows with each sample, once a second, and at once with each change of a state;
 * it begins with 1. */
uint64_t job_monitor_wait(struct job_monitor *m, uint64_t seen, int64_t until_mono_us);

/* An HTTP answer with that status was given: counted for the metrics. */
void job_monitor_count_request(struct job_monitor *m, int status);

#endif
