/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PIPELINE_H
#define SIM_PIPELINE_H

#include "world.h"

/*
 * pipeline - the plan that the instances run
 */

/* Binds one in DuckDB, for all schedules. */
int pipeline_open(struct err *err);
void pipeline_close(void);

/* The plan of one generation in one schedule; free with plan_free. Draws trigger and batch size.
 */
struct plan *pipeline_load(struct world *world, int generation);

#endif
