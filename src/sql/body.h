/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_BODY_H
#define SQL_BODY_H

#include "base/base.h"

/*
 * body - more about SELECT bodies than sql.h says; part of the face, included by it
 */
struct sql_conn;
struct sql_place;

/* Registered sources must be named so for sql_shape_* to know them. */
#define SQL_SOURCE_PREFIX "__src_"

enum sql_ref_kind {
    SQL_REF_COLUMN,         /* one call for each part of a.b.c; also USING, EXCLUDE, REPLACE */
    SQL_REF_TABLE,          /* FROM x */
    SQL_REF_TABLE_FUNCTION, /* FROM f(…) */
    SQL_REF_FUNCTION,       /* f(…), operators included ("+") */
    SQL_REF_CTE,            /* WITH x AS: may be the target of a SQL_REF_TABLE */
    SQL_REF_PARAMETER,      /* ?, $1, $name */
    SQL_REF_AT,             /* FROM x AT (VERSION => …) */
    SQL_REF_SHOW,           /* DESCRIBE, SHOW, SUMMARIZE in a FROM */
};

struct sql_ref {
    enum sql_ref_kind kind;
    struct str name;
    struct str qualifier; /* schema of a table or function; "" = none */
    int64_t offset;       /* byte of the body; -1 = unknown */
};

/* Calls on_ref for everything that the body mentions, in no order; < 0 from it ends the walk. */
typedef int (*sql_ref_fn)(void *user, const struct sql_ref *ref, struct err *err);
int sql_body_refs(struct sql_conn *conn, struct str body, sql_ref_fn on_ref, void *user,
                  struct sql_place *ret_place, struct err *err);

/* What sql_shape_of tells, source by source. */
struct sql_read {
    struct str source; /* "__src_0" */
    size_t count;
};
struct sql_look {
    const char *stateful;   /* as in struct sql_shape */
    struct str foreign;     /* a table function that reads something else; "" = none */
    size_t read_count;      /* sources read */
    struct sql_read *reads; /* each once */
};

/*
 * Binds `select` and looks at its plan. Unoptimised: a CTE counts as often as it is used.
 * Optimised: sources count as often as they will be scanned; `stateful` is NULL.  *ret_place is
 * written with a parser's or binder's error.
 */
int sql_shape_look(struct sql_conn *conn, const char *select, bool optimised, struct arena *arena,
                   struct sql_look *ret_look, struct sql_place *ret_place, struct err *err);

/* Appends a query's answer of one VARCHAR cell. */
int sql_body_ask(struct sql_conn *conn, const char *query, struct buf *out, struct err *err);
/* The tree of such an answer, in the arena; it points into `answer`. */
struct json;
int sql_body_tree(struct arena *arena, struct str answer, struct json **ret_root, struct err *err);
/*
 * DuckDB's error in the answer of json_serialize_sql or json_serialize_plan as ours: first line
 * only. `text` is what was asked about.
 */
int sql_body_error(const struct json *answer, struct str text, struct sql_place *ret_place,
                   struct err *err);

#endif
