/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_METRICS_H
#define JOB_METRICS_H

#include "job/monitor_query.h"
#include "job/self.h"

/*
 * metrics - every figure for Prometheus, defined in one table, private to job/
 *
 * The text format is OpenMetrics 1.0.  A metric's name in the table is its family's: counters get
 * _total, histograms _bucket, _count and _sum.  docs/metrics.md is made of the
 * same table (job_monitor_metrics_markdown).
 */
enum metrics_type { METRICS_GAUGE, METRICS_COUNTER, METRICS_HISTOGRAM };

struct metrics_writer;

struct metrics_entry {
    const char *name;
    enum metrics_type type;
    const char *unit;   /* the end of the name; "" = none */
    const char *labels; /* beside `query`, for people: "topic, partition" */
    const char *help;
    /* Prints the samples: of one query, or, `of_process`, of all together. */
    void (*print)(struct metrics_writer *w, const struct monitor_view *v);
    size_t offset; /* for those that print one int64_t of the view */
    bool of_process;
};
extern const struct metrics_entry metrics_table[];
extern const size_t metrics_table_count;

/* A label's value, escaped: backslash, quote, line feed; what is not UTF-8 becomes U+FFFD. */
void metrics_add_label_value(struct buf *out, struct str value);

#endif
