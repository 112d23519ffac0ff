/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WRAP_H
#define SIM_WRAP_H

#include "job/batch.h"
#include "world.h"

/*
 * wrap - what the engine calls and the simulation answers
 *
 * The linker sends every call of NAME to __wrap_NAME; __real_NAME is the engine's own.  The list
 * is the one in meson.build.  Outside of all fibers, and for the database of the checkpoints,
 * everything is real.
 */
#define WRAP(type, name, ...)                                                                      \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __real_##name(__VA_ARGS__)

/* pipeline.c */
WRAP(const struct source_ops *, source_find, struct str name, struct err *err);
WRAP(int, plan_bind, const struct plan *plan, const struct plan_table *table, struct sql_conn *conn,
     struct plan_query **ret_query, struct err *err);

/* fake_sql.c */
WRAP(int, sql_open, const struct sql_db_options *options, struct sql_db **ret_db, struct err *err);
WRAP(void, sql_close, struct sql_db *db);
WRAP(int, sql_connect, struct sql_db *db, struct sql_conn **ret_conn, struct err *err);
WRAP(void, sql_disconnect, struct sql_conn *conn);
WRAP(void, sql_interrupt, struct sql_conn *conn);
WRAP(int, sql_register_text_function, struct sql_conn *conn, const char *name, sql_scalar_fn fn,
     struct err *err);
WRAP(int, sql_register_source, struct sql_conn *conn, const char *name, const struct type *row_type,
     struct sql_source **ret_source, struct err *err);
WRAP(int, sql_query, struct sql_conn *conn, const char *text, struct sql_rows **ret_rows,
     struct err *err);
WRAP(int, sql_rows_next, struct sql_rows *rows, struct str *cells, struct err *err);
WRAP(void, sql_rows_freep, struct sql_rows **rows);
WRAP(int, delta_files, struct store *store, struct sql_db *db, const char *spool, int64_t version,
     struct arena *arena, struct delta_snapshot *ret_snapshot, delta_file_fn on_file, void *user,
     struct err *err);
WRAP(void, sql_source_attach, struct sql_source *source, struct sql_scan *scan);
WRAP(int, sql_copy, struct sql_conn *conn, const char *select,
     const struct sql_copy_options *options, struct arena *arena,
     struct sql_copy_result *ret_result, struct err *err);

/* instance.c */
WRAP(int, store_open, struct str location, const struct store_options *options,
     struct store **ret_store, struct err *err);
WRAP(int, dead_table_open, struct store *store, const struct plan_table *table,
     const struct settings *kafka, const char *run_id, struct sql_db *db, struct arena *arena,
     const char *spool, struct stop *stop, const struct sink_position *main_positions,
     size_t position_count, struct dead_table **ret_table, struct err *err);
WRAP(int, delta_sink_open, struct store *store, struct sql_db *db, const char *spool,
     const struct delta_sink_options *options, struct delta_sink **ret_sink, struct err *err);
WRAP(int, delta_sink_begin, struct delta_sink *sink, const struct sink_position *positions,
     size_t count, bool *ret_moved, struct err *err);
WRAP(int, delta_sink_commit, struct delta_sink *sink, const struct sink_batch *batch,
     const struct delta_add *adds, int64_t *ret_version, struct err *err);
WRAP(int, delta_sink_record, struct delta_sink *sink, const struct sink_position *positions,
     size_t count, struct err *err);
WRAP(void, delta_sink_maintain, struct delta_sink *sink);

/* broken.c */
WRAP(int, batch_check_taken, struct batch *batch, struct err *err);
WRAP(size_t, batch_positions, const struct batch *batch, struct sink_position *out, size_t cap);
WRAP(int, source_verify, struct source *s, struct err *err);
WRAP(int, source_start, struct source *s, struct err *err);

/* trace.c */
void __wrap_log_line_in(enum log_module module, enum log_level level, const char *event, ...);
void __wrap_log_often_in(enum log_module module, enum log_level level, const char *key,
                         const char *event, ...);
void __wrap_log_err_in(enum log_module module, enum log_level level, const char *event,
                       const struct err *err);

#endif
