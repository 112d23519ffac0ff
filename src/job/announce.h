/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_ANNOUNCE_H
#define JOB_ANNOUNCE_H

#include "job/query.h"

/*
 * announce - the lines in which a running plan tells what it does, private to job/
 *
 * Its observers (job_on_…) are in job.h.
 */
void announce_plan(const struct plan *plan);
void announce_source(const struct plan_stream *stream, const struct source *source);
/* Where each topic is read from; fresh[i] = the table had no position of that partition. */
void announce_positions(const struct plan_stream *stream, const struct source *source,
                        const bool *fresh);
void announce_running(const struct query *q);
/* What a commit met with, by the counters before and after it. */
void announce_commit(const struct batch *batch, const struct delta_counters *before,
                     const struct delta_counters *after);
void announce_checkpoint(struct delta_sink *sink);
void announce_retry(const struct err *err, int64_t wait_us);
/* err NULL = ended as asked. `since_us` is how long it ran. */
void announce_end(struct query *q, int64_t since_us, const struct err *err);

#endif
