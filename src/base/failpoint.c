/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failpoint - named places where a test can make the process die or wait
 *
 * The variable is read once, before main and any other thread; every thread may pass.
 */
#include "base/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"

atomic_bool failpoint_is_set;

static struct {
    struct str name;
    bool pause, hang;
    atomic_long countdown;
} point;

__attribute__((constructor)) void failpoint_read(void)
{
    struct str rest = str_of(getenv("SLUICE_FAILPOINT"));
    atomic_store(&failpoint_is_set, rest.len > 0);
    if (rest.len == 0) {
        return;
    }
    struct str part;
    if (str_split(&rest, ':', &part)) {
        point.name = part;
    }
    int64_t nth = 1;
    if (str_split(&rest, ':', &part)) {
        (void)str_to_i64(part, &nth);
    }
    atomic_store(&point.countdown, nth);
    part = STR_NULL;
    (void)str_split(&rest, ':', &part);
    point.pause = str_eq(part, STR("pause"));
    point.hang = str_eq(part, STR("hang"));
}

void failpoint_hit(const char *name)
{
    if (!str_eq_c(point.name, name)) {
        return;
    }
    if (atomic_fetch_sub(&point.countdown, 1) == 1) {
        while (point.hang) {
            pause();
        }
        kill(getpid(), point.pause ? SIGSTOP : SIGKILL);
    }
}
