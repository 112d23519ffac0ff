/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEADLINE_H
#define CLI_DEADLINE_H

#include <stdatomic.h>

#include "base/base.h"

/*
 * deadline - a stop of its own that is set when the time is up, or when `parent` is
 */
struct cli_deadline {
    struct stop stop;
    struct stop *parent;
    int64_t until_mono_us;
    struct stop done;
    atomic_bool expired;
    struct thread thread;
};
void cli_deadline_begin(struct cli_deadline *d, struct stop *parent, int64_t timeout_us);
/* An ERR_CANCELED that came of the deadline becomes an ERR_IO that says so; else rc. */
int cli_deadline_judge(const struct cli_deadline *d, int rc, int64_t timeout_us, struct err *err);
void cli_deadline_end(struct cli_deadline *d);

#endif
