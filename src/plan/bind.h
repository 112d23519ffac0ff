/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_BIND_H
#define PLAN_BIND_H

#include "base/base.h"
#include "plan/plan.h"

/*
 * bind - what the bind*.c files share
 */

/* A SELECT of the file: a view's or the table's. */
struct plan_piece {
    struct str body;
    const struct plan_marks *marks;
    size_t view_limit; /* views before this one can be named */
};

struct plan_binder {
    const struct plan *plan;
    const struct plan_table *table;
    struct sql_conn *conn;
    struct plan_query *query;
    bool *stream_used; /* by index in the plan */
    bool *view_used;
    bool *materialized; /* by input */
    bool meta_used[PLAN_META_COUNT];
    bool shadowed;           /* a CTE of the body has the name of a stream or view */
    struct str *view_hidden; /* bodies with meta columns taken out of `*` */
    struct str body_hidden;
    struct err *err;
};

/* ERR_CONFIG at byte `offset` of the piece; at its start when < 0. */
int plan_bind_complain(const struct plan_binder *b, const struct plan_piece *piece, int64_t offset,
                       const char *fmt, ...) PRINTF(4, 5) COLD;
/* The same for an error of sql/, whose message is kept. */
int plan_bind_forward(const struct plan_binder *b, const struct plan_piece *piece, int64_t offset,
                      const struct err *inner);

/* bind_refs.c: what the piece names: marks streams, views and meta columns, refuses the rest. */
int plan_bind_refs(struct plan_binder *b, const struct plan_piece *piece);

/* bind_state.c: the refusal of a clause that keeps state, at its place. */
int plan_bind_refuse_state(const struct plan_binder *b, const struct plan_piece *piece,
                           const char *clause);

/* bind_result.c: row_type, select and copy_select, from the body over the inputs. */
int plan_bind_result(struct plan_binder *b, const struct plan_piece *piece);

/*
 * bind.c: "WITH streams, views <behind>" up to and with what comes behind; answers where `body`
 * begins in the text.  Views from `view_limit` on are left out.
 */
void plan_bind_text(const struct plan_binder *b, size_t view_limit, const char *front,
                    struct str body, const char *behind, struct buf *out);

#endif
