/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQL_THRIFT_H
#define SQL_THRIFT_H

#include "base/base.h"

/*
 * thrift - a pull reader of Thrift's compact protocol, as far as Parquet's footer needs it
 *
 *     struct thrift_struct s = {0};
 *     while (sql_thrift_field(t, &s)) {
 *         switch (s.id) { case 3: n = sql_thrift_i64(t, &s); break; default: sql_thrift_skip(t,
 * &s); }
 *     }
 *
 * The first thing that is wrong sets `bad` and moves to the end: everything after reads as
 * zero, no loop goes on, and the caller looks at `bad` once.
 */
struct thrift {
    const uint8_t *start, *at, *end;
    bool bad;
    int depth; /* of sql_thrift_skip */
};

enum thrift_type {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT,
};

/* Where a struct's reading stands; {0} at its beginning. */
struct thrift_struct {
    int id;
    enum thrift_type type;
    const uint8_t *field; /* where the field's header begins */
};

void sql_thrift_init(struct thrift *t, struct str bytes);
/* True = s->id and s->type are the next field; false = the struct has ended. */
bool sql_thrift_field(struct thrift *t, struct thrift_struct *s);
/* The value of the field; a type that does not fit is bad. */
int64_t sql_thrift_i64(struct thrift *t, const struct thrift_struct *s);
bool sql_thrift_bool(struct thrift *t, const struct thrift_struct *s);
struct str sql_thrift_text(struct thrift *t, const struct thrift_struct *s);
/* The number of elements of a list of `type`, which follow. */
size_t sql_thrift_list(struct thrift *t, const struct thrift_struct *s, enum thrift_type type);
/* An element of a list of strings. */
struct str sql_thrift_element_text(struct thrift *t);
void sql_thrift_skip(struct thrift *t, const struct thrift_struct *s);
bool sql_thrift_is_struct(struct thrift *t, const struct thrift_struct *s);

/* For writing: a number as a varint, a signed one as a zigzag varint. */
void sql_thrift_add_varint(struct buf *out, uint64_t value);
void sql_thrift_add_i64(struct buf *out, int64_t value);

#endif
