/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PIPELINE_H
#define CLI_PIPELINE_H

#include "cli/cli.h"
#include "plan/plan.h"

/*
 * pipeline - the plan that a command is about
 */

/*
 * The file that the arguments name; without one, the pipeline that the environment describes:
 * KAFKA_TOPIC of KAFKA_BROKER into DELTA_LAKE_PATH, columns inferred. ERR_CONFIG says what is
 * missing.
 */
int cli_pipeline_load(const struct cli_args *args, struct plan **ret_plan, struct err *err);

/* plan_resolve for a person who waits: connects, and gives up after `timeout_us`. */
int cli_pipeline_resolve(struct plan *plan, struct stop *stop, int64_t timeout_us, struct err *err);
/* The same for a service: what is away is waited for, until the stop (ERR_CANCELED). */
int cli_pipeline_await(struct plan *plan, struct stop *stop, struct err *err);

#endif
