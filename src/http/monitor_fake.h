/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_MONITOR_FAKE_H
#define HTTP_MONITOR_FAKE_H

#include "job/monitor.h"

/*
 * monitor_fake - job/monitor.h with one query "q", led by a test
 */
struct job_monitor {
    struct mutex lock;
    struct cond changed;
    uint64_t generation; /* guarded by .lock, as all below */
    size_t prints;       /* of the queries */
    size_t padding;      /* bytes that each print of the queries has more */
    bool ready;
    int commands[3]; /* given so far, by enum job_command */
    bool refuse;
    int counted[600]; /* requests by status */
};

void monitor_fake_init(struct job_monitor *m);
void monitor_fake_done(struct job_monitor *m);
void monitor_fake_change(struct job_monitor *m); /* one generation on */

#endif
