/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor_fake - job/monitor.h with one query "q", led by a test
 */
#include "http/monitor_fake.h"

void monitor_fake_init(struct job_monitor *m)
{
    *m = (struct job_monitor){.generation = 1, .ready = true};
    mutex_init(&m->lock);
    cond_init(&m->changed);
}

void monitor_fake_done(struct job_monitor *m)
{
    cond_done(&m->changed);
    mutex_done(&m->lock);
}

void monitor_fake_change(struct job_monitor *m)
{
    MUTEX_GUARD(&m->lock);
    m->generation++;
    cond_broadcast(&m->changed);
}

uint64_t job_monitor_wait(struct job_monitor *m, uint64_t seen, int64_t until_mono_us)
{
    MUTEX_GUARD(&m->lock);
    while (m->generation == seen && cond_wait_until(&m->changed, &m->lock, until_mono_us)) {
    }
    return m->generation;
}

void job_monitor_print_queries(struct job_monitor *m, struct buf *out)
{
    MUTEX_GUARD(&m->lock);
    m->prints++;
    buf_printf(out, "{\"generation\":%" PRIu64 ",\"queries\":[{\"name\":\"q\"}],\"padding\":\"",
               m->generation);
    for (size_t i = 0; i < m->padding; i++) {
        buf_add_char(out, 'x');
    }
    buf_add_c(out, "\"}");
}

static int print(struct str name, const char *what, int64_t number, struct buf *out)
{
    if (!str_eq_c(name, "q")) {
        return 0;
    }
    buf_printf(out, "{\"state\":\"running\",\"what\":\"%s\",\"number\":%" PRId64 "}", what, number);
    return 1;
}

int job_monitor_print_query(struct job_monitor *m, struct str name, struct buf *out)
{
    (void)m;
    return print(name, "query", 0, out);
}

int job_monitor_print_progress(struct job_monitor *m, struct str name, size_t limit,
                               struct buf *out)
{
    (void)m;
    return print(name, "progress", (int64_t)limit, out);
}

int job_monitor_print_history(struct job_monitor *m, struct str name, int64_t since_s,
                              struct buf *out)
{
    (void)m;
    return print(name, "history", since_s, out);
}

int job_monitor_print_offsets(struct job_monitor *m, struct str name, struct buf *out)
{
    (void)m;
    return print(name, "offsets", 0, out);
}

int job_monitor_print_errors(struct job_monitor *m, struct str name, struct buf *out)
{
    (void)m;
    return print(name, "errors", 0, out);
}

int job_monitor_print_plan(struct job_monitor *m, struct str name, struct buf *out)
{
    (void)m;
    return print(name, "plan", 0, out);
}

int job_monitor_print_schema(struct job_monitor *m, struct str name, struct buf *out)
{
    (void)m;
    return print(name, "schema", 0, out);
}

void job_monitor_print_metrics(struct job_monitor *m, struct buf *out)
{
    (void)m;
    buf_add_c(out, "# EOF\n");
}

bool job_monitor_print_ready(struct job_monitor *m, struct buf *out)
{
    MUTEX_GUARD(&m->lock);
    buf_add_c(out, "{}");
    return m->ready;
}

int job_monitor_command(struct job_monitor *m, struct str name, enum job_command command,
                        struct err *err)
{
    MUTEX_GUARD(&m->lock);
    if (!str_eq_c(name, "q")) {
        return 0;
    }
    if (m->refuse) {
        return err_set(err, ERR_CONFIG, "the query has ended");
    }
    m->commands[command]++;
    return 1;
}

void job_monitor_count_request(struct job_monitor *m, int status)
{
    MUTEX_GUARD(&m->lock);
    assert(status >= 0 && (size_t)status < ARRAY_COUNT(m->counted));
    m->counted[status]++;
}
