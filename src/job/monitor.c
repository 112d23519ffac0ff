/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor - what a running plan shows, and the commands it takes
 */
#include "job/monitor.h"

#include <stdatomic.h>

#define HTTP_STATUS_END 600

struct job_monitor {
    struct job_monitor_options options;
    struct mutex lock;
    struct cond changed;
    uint64_t generation; /* guarded by .lock */
    atomic_ullong requests[HTTP_STATUS_END];
};

struct job_monitor *job_monitor_new(const struct job_monitor_options *options)
{
    struct job_monitor *m = mem_new(struct job_monitor);
    m->options = *options;
    m->generation = 1;
    mutex_init(&m->lock);
    cond_init(&m->changed);
    return m;
}

void job_monitor_free(struct job_monitor *m)
{
    if (m == NULL) {
        return;
    }
    cond_done(&m->changed);
    mutex_done(&m->lock);
    mem_free(m);
}

void job_monitor_print_queries(struct job_monitor *m, struct buf *out)
{
    assert(m != NULL);
    buf_add_c(out, "{\"process\":{},\"queries\":[]}");
}

static int find_none(struct job_monitor *m, struct str name, struct buf *out)
{
    assert(m != NULL && name.ptr != NULL && out != NULL);
    return 0;
}

int job_monitor_print_query(struct job_monitor *m, struct str name, struct buf *out)
{
    return find_none(m, name, out);
}

int job_monitor_print_progress(struct job_monitor *m, struct str name, size_t limit,
                               struct buf *out)
{
    (void)limit;
    return find_none(m, name, out);
}

int job_monitor_print_history(struct job_monitor *m, struct str name, int64_t since_s,
                              struct buf *out)
{
    (void)since_s;
    return find_none(m, name, out);
}

int job_monitor_print_offsets(struct job_monitor *m, struct str name, struct buf *out)
{
    return find_none(m, name, out);
}

int job_monitor_print_errors(struct job_monitor *m, struct str name, struct buf *out)
{
    return find_none(m, name, out);
}

int job_monitor_print_plan(struct job_monitor *m, struct str name, struct buf *out)
{
    return find_none(m, name, out);
}

int job_monitor_print_schema(struct job_monitor *m, struct str name, struct buf *out)
{
    return find_none(m, name, out);
}

void job_monitor_print_metrics(struct job_monitor *m, struct buf *out)
{
    assert(m != NULL);
    buf_add_c(out, "# EOF\n");
}

bool job_monitor_print_ready(struct job_monitor *m, struct buf *out)
{
    assert(m != NULL);
    buf_add_c(out, "{\"ready\":false,\"queries\":[]}");
    return false;
}

int job_monitor_command(struct job_monitor *m, struct str name, enum job_command command,
                        struct err *err)
{
    assert(m != NULL && name.ptr != NULL && command <= JOB_COMMAND_RESUME && err != NULL);
    return 0;
}

uint64_t job_monitor_wait(struct job_monitor *m, uint64_t seen, int64_t until_mono_us)
{
    MUTEX_GUARD(&m->lock);
    while (m->generation == seen && cond_wait_until(&m->changed, &m->lock, until_mono_us)) {
    }
    return m->generation;
}

void job_monitor_count_request(struct job_monitor *m, int status)
{
    if (status >= 0 && status < HTTP_STATUS_END) {
        atomic_fetch_add_explicit(&m->requests[status], 1, memory_order_relaxed);
    }
}
