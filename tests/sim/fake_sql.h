/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FAKE_SQL_H
#define SIM_FAKE_SQL_H

#include "plan/plan.h"

/*
 * fake_sql - DuckDB's part in a batch: pulls the rows of the scan, writes them to files
 */

/* What plan_bind would have registered; lives in the arena. */
struct sql_source *fake_sql_source(struct arena *arena, size_t stream);

#endif
