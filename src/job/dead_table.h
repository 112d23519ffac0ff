/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_DEAD_TABLE_H
#define JOB_DEAD_TABLE_H

#include "connect/delta_sink.h"
#include "connect/producer.h"
#include "job/dead_letter.h"
#include "plan/plan.h"

/*
 * dead_table - where the dead letters of a query go, private to job/
 *
 * A Delta table of their own, exactly once, or a Kafka topic, at least once (plan_table's
 * dead_letter_*).  Belongs to the thread that has the query's sink.
 */

/* Offsets of one partition that are in the dead letter table, while the main table has not yet
 * moved past them; sorted. */
struct dead_known {
    struct str stream, topic, topic_id;
    int32_t partition;
    int64_t until; /* this table's position */
    size_t count;
    const int64_t *offsets;
};

struct dead_table;

/* Takes `store` (the table's; NULL with a topic), opens, makes the start commit
 * (after it no predecessor can add letters) and reads what is known: see dead_table_known.
 * On error *ret_table is still to be closed: another thread may be canceling the store.
 * `main_positions` are those of the main table, after its start commit. `db` is borrowed,
 * unsandboxed; `arena` outlives it; `spool` is a folder of its own. */
int dead_table_open(struct store *store, const struct plan_table *table,
                    const struct settings *kafka, const char *run_id, struct sql_db *db,
                    struct arena *arena, const char *spool, struct stop *stop,
                    const struct sink_position *main_positions, size_t position_count,
                    struct dead_table **ret_table, struct err *err);
void dead_table_close(struct dead_table *t); /* NULL is fine */

/* NULL = none known for that position. */
const struct dead_known *dead_table_known(const struct dead_table *t,
                                          const struct sink_position *position);
bool dead_known_has(const struct dead_known *known, int64_t offset);

/* A batch's letters as Parquet in `dir`, or nothing for a topic; the encoder's thread. */
int dead_table_encode(struct dead_table *t, struct dead_letters *letters, const char *dir,
                      struct arena *arena, struct sql_copy_result *ret_copied, struct err *err);
/* Makes them durable, before the main table's commit of the same batch; the committer's thread.
 * `positions` are those the batch moves. */
int dead_table_commit(struct dead_table *t, struct dead_letters *letters,
                      const struct sql_copy_result *copied, const struct sink_position *positions,
                      size_t position_count, struct err *err);

#endif
