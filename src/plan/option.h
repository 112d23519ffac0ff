/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_OPTION_H
#define PLAN_OPTION_H

#include "base/base.h"
#include "plan/plan.h"

/*
 * option - the settings of streams, tables and files, checked and put into their fields
 */
int plan_option_apply_stream(const struct plan *plan, struct plan_stream *stream, struct err *err);
/* resolve.c: after row_type or key_type were set: the rescued column and scan_type. */
void plan_stream_finish(struct arena *arena, struct plan_stream *stream);

/* option_format.c: formats, schemas, inference. */
int plan_option_apply_format(const struct plan *plan, struct plan_stream *stream, struct err *err);
int plan_option_apply_table(struct plan *plan, struct plan_table *table, struct err *err);
int plan_option_apply_set(struct plan *plan, struct str name, struct plan_place name_place,
                          struct str value, struct plan_place value_place, struct err *err);

/* The place of a setting's value, or `otherwise`. */
struct plan_place plan_option_place(const struct setting *setting, struct plan_place otherwise);

/* True when the value of that setting must not be shown. */
bool plan_option_is_secret(const struct option *const *tables, struct str name);

#endif
