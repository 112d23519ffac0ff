/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * json - small documents: log actions, options, progress (RFC 8259)
 *
 * The data path has its own decoder, codec/json.c.  Here: a strict parser into
 * a tree that lives in an arena (numbers keep their text), and a writer.
 */
enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_kind kind;
    struct str text;    /* JSON_STRING: decoded, valid UTF-8; JSON_NUMBER: as written */
    struct str name;    /* in an object: this member's name, decoded */
    struct json *child; /* first member or element */
    struct json *next;  /* next sibling */
    size_t count;       /* members or elements */
};

/*
 * Parses one document (white space around it allowed).  Strings point into
 * `text` or the arena, so both must outlive the tree.  ERR_DATA names line and
 * column.  Depth is at most 512.
 */
int json_parse(struct arena *arena, struct str text, struct json **ret_root, struct err *err);

#define json_foreach(it, parent) for (struct json *it = (parent)->child; it != NULL; it = it->next)

/* The last member of that name; NULL when not there or `object` is NULL or no object. */
struct json *json_find(const struct json *object, const char *name);
/* As the type asked for; false when NULL, JSON null or of another kind/range. */
bool json_get_str(const struct json *v, struct str *ret_value);
bool json_get_i64(const struct json *v, int64_t *ret_value);
bool json_get_double(const struct json *v, double *ret_value);
bool json_get_bool(const struct json *v, bool *ret_value);

/* Building a tree, for documents that are edited. Names and texts are borrowed. */
struct json *json_make(struct arena *arena, enum json_kind kind);
struct json *json_make_str(struct arena *arena, struct str text);
void json_append(struct json *parent, struct str name, struct json *child); /* name for objects */

/* Compact text of a tree. */
void json_print(const struct json *v, struct buf *out);

/*
 * Writer: appends to a buffer, keeps commas right.
 *     struct json_writer w; json_begin(&w, &buf);
 *     json_open_object(&w); json_name(&w, "version"); json_i64(&w, 3); json_close_object(&w);
 */
struct json_writer {
    struct buf *out;
    bool comma; /* a value has been written at this level */
};
void json_begin(struct json_writer *w, struct buf *out);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_name(struct json_writer *w, const char *name);
void json_name_str(struct json_writer *w, struct str name);
void json_str(struct json_writer *w, struct str s); /* bytes that are not UTF-8 become U+FFFD */
void json_c(struct json_writer *w, const char *s);  /* NULL gives null */
void json_i64(struct json_writer *w, int64_t value);
void json_double(struct json_writer *w, double value, int decimals); /* NaN, inf: null */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str text); /* JSON text as it is */

/* The string as a JSON string with quotes. */
void json_quote(struct buf *out, struct str s);

#endif
