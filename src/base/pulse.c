/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse - whether a piece of work still moves
 *
 * What is known of it is a pointer for each thread; thread_start hands it on.
 */
#include "base/pulse.h"

static _Thread_local struct pulse *attached;

void pulse_attach(struct pulse *pulse)
{
    attached = pulse;
}

struct pulse *pulse_attached(void)
{
    return attached;
}

void pulse_step(void)
{
    pulse_step_of(attached);
}
