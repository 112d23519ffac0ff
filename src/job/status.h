/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_STATUS_H
#define JOB_STATUS_H

#include "job/query.h"

/*
 * status - the live line on a terminal, private to job/
 *
 * One line a query, redrawn in place on stderr; rates are over the last second.
 */
#define STATUS_QUERIES_MAX 16

struct status {
    bool live;
    size_t lines; /* drawn last time */
    struct {
        int64_t rows;
        int64_t at_us;
        double rate;
    } last[STATUS_QUERIES_MAX];
    int64_t drawn_us;
    bool drawing; /* in this round */
    size_t line;  /* next to be drawn in it */
};

void status_begin(struct status *s, bool live);
void status_show(struct status *s, struct str name, size_t index,
                 const struct query_figures *figures);
void status_end(struct status *s);

#endif
