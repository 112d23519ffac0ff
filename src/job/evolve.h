/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_EVOLVE_H
#define JOB_EVOLVE_H

#include "plan/plan.h"

/*
 * evolve - columns for fields that nobody has declared, private to job/
 *
 * While a batch is read, its workers note the messages that have fields the stream has not
 * (schemaEvolutionMode = addNewColumns or failOnNewColumns).  From them follow the columns that
 * the stream is to have.
 */
struct evolve;

struct evolve *evolve_new(const struct plan_stream *stream);
void evolve_free(struct evolve *e); /* NULL is fine */
/* A message with unknown fields; any thread, copies what it needs. */
void evolve_note(struct evolve *e, struct str value);
/* Messages noted so far; any thread. */
int64_t evolve_count(const struct evolve *e);

/*
 * When nobody notes any more: 1 = *ret_row_type (in `arena`) is the stream's row type with the new
 * fields, and `added` lists them; 0 = there is nothing that could be added (objects without
 * members; names that differ by case from known ones, that every stream has, or that Delta has
 * not).
 */
int evolve_finish(struct evolve *e, struct arena *arena, const struct type **ret_row_type,
                  struct buf *added, struct err *err);

#endif
