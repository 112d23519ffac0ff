/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include <stdatomic.h>
#include <stddef.h>

/*
 * pulse - whether a piece of work still moves
 *
 * Who works counts steps; who watches compares.  A step is a piece of work done, or a look around
 * in a wait that ends by itself (a deadline, a stop).  Waiting for another thread of the same work
 * is no step: if that one hangs, all do, and the pulse stands still.
 */
struct pulse {
    atomic_uint_fast64_t steps;
};

/* The pulse of the calling thread, and of threads that it starts from now on; NULL = none. It
 * outlives them. */
void pulse_attach(struct pulse *pulse);
struct pulse *pulse_attached(void);

/* Of the calling thread's, if there is one. */
void pulse_step(void);

/* Of this one, for threads that are not ours; NULL is fine. */
static inline void pulse_step_of(struct pulse *pulse)
{
    if (pulse != NULL) {
        atomic_fetch_add_explicit(&pulse->steps, 1, memory_order_relaxed);
    }
}

#endif
