/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline - a stop of its own that is set when the time is up, or when `parent` is
 *
 * What a job waits for without end, such as a broker, a person at a terminal does
 * not.  struct stop has no chains, so a thread looks at both.
 */
#include "cli/deadline.h"

#define DEADLINE_LOOK_US ((int64_t)20000)

static void wait_deadline(void *user)
{
    struct cli_deadline *d = user;
    while (!stop_wait_us(&d->done, DEADLINE_LOOK_US)) {
        bool late = clock_mono_us() >= d->until_mono_us;
        if (late || stop_is_set(d->parent)) {
            atomic_store(&d->expired, late);
            stop_set(&d->stop);
            return;
        }
    }
}

void cli_deadline_begin(struct cli_deadline *d, struct stop *parent, int64_t timeout_us)
{
    *d = (struct cli_deadline){.parent = parent, .until_mono_us = clock_mono_us() + timeout_us};
    stop_init(&d->stop);
    stop_init(&d->done);
    thread_start(&d->thread, "deadline", wait_deadline, d);
}

int cli_deadline_judge(const struct cli_deadline *d, int rc, int64_t timeout_us, struct err *err)
{
    if (rc != ERR_CANCELED || !atomic_load(&d->expired)) {
        return rc;
    }
    struct err was = *err;
    return err_set_retry(err, "no answer within %" PRId64 " s: %s", timeout_us / 1000000, was.msg);
}

void cli_deadline_end(struct cli_deadline *d)
{
    stop_set(&d->done);
    thread_join(&d->thread);
    stop_done(&d->done);
    stop_done(&d->stop);
}
