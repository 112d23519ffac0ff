/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FAKE_SQL_H
#define SIM_FAKE_SQL_H

#include "world.h"

/*
 * fake_sql - DuckDB's part in a batch: pulls the rows of the scan, writes them to files
 */

/* What plan_bind would have registered; lives in the arena. */
struct sql_source *fake_sql_source(struct arena *arena, size_t stream);

/* A table function: one of the query's streams, or dead letters on their way to a file. */
struct fake_sql_source {
    size_t stream;
    bool is_letters;
    struct sql_scan *scan;
};

struct fake_conn {
    bool interrupted;
    struct fake_sql_source letters;
    const struct type *letters_type; /* NULL = not registered */
};

bool fake_sql_is_db(const struct sql_db *db);           /* the simulated one */
struct fake_conn *fake_sql_conn(struct sql_conn *conn); /* NULL = a real one */
/* A point some rows ahead, or far behind the last one. */
int64_t fake_sql_draw_point(struct world *world, unsigned per_mille);

/* fake_letters.c: COPY of sluice_dead_letters(). */
int fake_letters_copy(struct instance *in, struct fake_conn *conn, const char *dir,
                      struct arena *arena, struct sql_copy_result *ret_result, struct err *err);

#endif
