/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

/*
 * failpoint - named places where a test can make the process die or wait
 *
 * SLUICE_FAILPOINT="name" kills the process (SIGKILL) when it first gets to
 * that place, "name:3" at the third time, "name:1:pause" stops it with SIGSTOP
 * there instead, and "name:1:hang" lets the thread that gets there hang for ever.  The variable is
 * read before main; without it a point costs a load and a branch.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

extern atomic_bool failpoint_is_set;

void failpoint_hit(const char *name);
/* Reads the variable again; for tests, which change it. */
void failpoint_read(void);

static inline void failpoint_pass(const char *name)
{
    if (UNLIKELY(atomic_load_explicit(&failpoint_is_set, memory_order_relaxed))) {
        failpoint_hit(name);
    }
}

#define FAILPOINT(name) failpoint_pass(name)

#endif
