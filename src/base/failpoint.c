/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failpoint - named places where a test can make the process die or wait
 *
 * The variable is read once; every thread may pass.
 */
#include "base/failpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"

static struct {
    struct str name; /* ptr NULL = no point is set */
    bool pause;
    atomic_long countdown;
} point;

static void point_read(void)
{
    struct str rest = str_of(getenv("SLUICE_FAILPOINT"));
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
    point.pause = str_split(&rest, ':', &part) && str_eq(part, STR("pause"));
}

void failpoint_hit(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, point_read);
    if (point.name.ptr == NULL || !str_eq_c(point.name, name)) {
        return;
    }
    if (atomic_fetch_sub(&point.countdown, 1) == 1) {
        kill(getpid(), point.pause ? SIGSTOP : SIGKILL);
    }
}
