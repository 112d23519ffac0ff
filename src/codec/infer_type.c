/* SPDX-License-Identifier: Apache-2.0 */
/*
 * infer_type - hints, widening and printing of row types
 *
 * Types are immutable: what changes is built anew along the path to it, the rest is shared.
 * Paths are names joined by points; an array's elements are "element", a map's keys and values
 * "key" and "value", as in Databricks' schema hints.
 */
#include "base/base.h"
#include "codec/infer_tree.h"

/* The field of that name, else the first that differs only in case, else -1. */
static ptrdiff_t find_field(const struct type *t, struct str name)
{
    ptrdiff_t exact = type_find_field(t, name);
    return exact >= 0 ? exact : type_find_field_nocase(t, name);
}

/* A copy of the STRUCT with the field at `at` replaced, or appended when `at` is its count. */
static const struct type *with_field(const struct type *t, size_t at, struct type_field field,
                                     struct arena *arena)
{
    size_t count = t->field_count + (at == t->field_count);
    struct type_field *fields = arena_new_array(arena, struct type_field, count);
    if (t->field_count > 0) {
        memcpy(fields, t->fields, t->field_count * sizeof(*fields));
    }
    fields[at] = field;
    return type_struct(arena, fields, count);
}

/* An ARRAY or MAP with another element, key or value (`at`). */
static const struct type *with_inner(const struct type *t, size_t at, const struct type *inner,
                                     struct arena *arena)
{
    if (t->kind == TYPE_ARRAY) {
        return type_array(arena, inner, t->fields[0].nullable);
    }
    const struct type *key = at == 0 ? inner : t->fields[0].type;
    const struct type *value = at == 1 ? inner : t->fields[1].type;
    return type_map(arena, key, value, t->fields[1].nullable);
}

/* ---- hints --------------------------------------------------------------------------------- */

struct hint {
    const struct type_field *field;
    struct arena *arena;
    struct err *err;
};

static int bad_hint(const struct hint *h, const char *why)
{
    return err_set(h->err, ERR_CONFIG, "schema hint \"%.*s\": %s",
                   STR_FMT(str_head(h->field->name, 128)), why);
}

/* Cuts the first name off a path that is not empty. */
static int next_name(const struct hint *h, struct str *path, struct str *ret_name)
{
    if (path->ptr[0] != '`') {
        ptrdiff_t point = str_find(*path, '.');
        *ret_name = point < 0 ? *path : str_head(*path, (size_t)point);
        *path = str_skip(*path, ret_name->len);
    } else {
        char *name = arena_alloc(h->arena, path->len);
        size_t len = 0;
        size_t at = 1;
        for (; at < path->len; at++) {
            bool is_quote = path->ptr[at] == '`';
            if (is_quote && (at + 1 == path->len || path->ptr[at + 1] != '`')) {
                break;
            }
            at += is_quote;
            name[len++] = path->ptr[at];
        }
        if (at == path->len) {
            return bad_hint(h, "a backtick is not closed");
        }
        *ret_name = arena_str(h->arena, str_n(name, len));
        *path = str_skip(*path, at + 1);
    }
    if (ret_name->len == 0) {
        return bad_hint(h, "a name is empty");
    }
    if (path->len > 0) {
        if (path->ptr[0] != '.' || path->len == 1) {
            return bad_hint(h, path->ptr[0] == '.' ? "it ends in a point"
                                                   : "a point is missing behind a backtick");
        }
        *path = str_skip(*path, 1);
    }
    return 0;
}

static int set_path(const struct hint *h, const struct type *t, struct str path,
                    const struct type **ret_type);

/* A field of a STRUCT, or of what becomes one. */
static int set_field(const struct hint *h, const struct type *t, struct str name, struct str path,
                     const struct type **ret_type)
{
    static const struct type nothing = {.kind = TYPE_STRUCT};
    if (t == NULL || t->kind != TYPE_STRUCT) {
        t = &nothing;
    }
    ptrdiff_t found = find_field(t, name);
    size_t at = found < 0 ? t->field_count : (size_t)found;
    struct type_field field = {.name = arena_str(h->arena, name), .nullable = true};
    if (found >= 0) {
        assert(t->fields != NULL);
        field = t->fields[found];
    }
    if (path.len == 0) {
        field.nullable = h->field->nullable;
        field.comment = h->field->comment.len > 0 ? h->field->comment : field.comment;
    }
    TRY(set_path(h, field.type, path, &field.type));
    *ret_type = with_field(t, at, field, h->arena);
    return 0;
}

/* Puts the hint's type at the end of `path` in `t`, which is NULL when there is none yet. */
static int set_path(const struct hint *h, const struct type *t, struct str path,
                    const struct type **ret_type)
{
    if (path.len == 0) {
        *ret_type = h->field->type;
        return 0;
    }
    struct str name = STR_NULL;
    TRY(next_name(h, &path, &name));
    if (t == NULL || (t->kind != TYPE_ARRAY && t->kind != TYPE_MAP)) {
        return set_field(h, t, name, path, ret_type);
    }
    size_t at = str_eq_nocase_c(name, "value") ? 1 : 0;
    if (t->kind == TYPE_ARRAY && !str_eq_nocase_c(name, "element")) {
        return bad_hint(h, "it leads into an ARRAY, whose elements are \".element\"");
    }
    if (t->kind == TYPE_MAP && at == 0 && !str_eq_nocase_c(name, "key")) {
        return bad_hint(h, "it leads into a MAP, which has \".key\" and \".value\"");
    }
    const struct type *inner = NULL;
    TRY(set_path(h, t->fields[at].type, path, &inner));
    *ret_type = with_inner(t, at, inner, h->arena);
    return 0;
}

int codec_infer_hint(const struct type *row_type, const struct type *hints, struct arena *arena,
                     const struct type **ret_row_type, struct err *err)
{
    assert(row_type->kind == TYPE_STRUCT);
    assert(hints->kind == TYPE_STRUCT);
    for (size_t i = 0; i < hints->field_count; i++) {
        struct hint h = {.field = &hints->fields[i], .arena = arena, .err = err};
        if (h.field->name.len == 0) {
            return bad_hint(&h, "a name is empty");
        }
        TRY(set_path(&h, row_type, h.field->name, &row_type));
    }
    *ret_row_type = row_type;
    return 0;
}

/* ---- widening ------------------------------------------------------------------------------ */

struct widening {
    struct arena *arena;
    struct buf path;
    VEC(struct str) added;
};

/* Appends a name to the path; returns how long it was. */
static size_t path_push(struct widening *w, struct str name)
{
    size_t len = w->path.len;
    buf_add_c(&w->path, len > 0 ? "." : "");
    codec_infer_tree_add_name(name, &w->path);
    return len;
}

static void path_pop(struct widening *w, size_t len)
{
    w->path.len = len;
}

static const struct type *widen(struct widening *w, const struct type *have,
                                const struct type *found);

static const struct type *widen_struct(struct widening *w, const struct type *have,
                                       const struct type *found)
{
    struct type_field *fields =
        arena_new_array(w->arena, struct type_field, have->field_count + found->field_count);
    if (have->field_count > 0) {
        memcpy(fields, have->fields, have->field_count * sizeof(*fields));
    }
    size_t count = have->field_count;
    bool changed = false;
    for (size_t i = 0; i < found->field_count; i++) {
        const struct type_field *field = &found->fields[i];
        size_t len = path_push(w, field->name);
        ptrdiff_t at = type_find_field(have, field->name);
        if (at >= 0) {
            fields[at].type = widen(w, have->fields[at].type, field->type);
            changed |= fields[at].type != have->fields[at].type;
        } else if (type_find_field_nocase(have, field->name) < 0) {
            fields[count] = *field;
            fields[count++].nullable = true;
            changed = true;
            *vec_push(&w->added) = arena_str(w->arena, buf_str(&w->path));
        }
        path_pop(w, len);
    }
    return changed ? type_struct(w->arena, fields, count) : have;
}

/* The values of a map, with all that `found`, a map or an object read as one, has for them. */
static const struct type *widen_map(struct widening *w, const struct type *have,
                                    const struct type *found)
{
    size_t len = path_push(w, STR("value"));
    const struct type *value = have->fields[1].type;
    if (found->kind == TYPE_MAP) {
        value = widen(w, value, found->fields[1].type);
    }
    for (size_t i = 0; found->kind == TYPE_STRUCT && i < found->field_count; i++) {
        value = widen(w, value, found->fields[i].type);
    }
    path_pop(w, len);
    return value != have->fields[1].type ? with_inner(have, 1, value, w->arena) : have;
}

static const struct type *widen(struct widening *w, const struct type *have,
                                const struct type *found)
{
    if (have->kind == TYPE_MAP) {
        return widen_map(w, have, found);
    }
    if (have->kind == TYPE_STRUCT && found->kind == TYPE_STRUCT) {
        return widen_struct(w, have, found);
    }
    if (have->kind != TYPE_ARRAY || found->kind != TYPE_ARRAY) {
        return have;
    }
    size_t len = path_push(w, STR("element"));
    const struct type *element = widen(w, have->fields[0].type, found->fields[0].type);
    path_pop(w, len);
    return element != have->fields[0].type ? with_inner(have, 0, element, w->arena) : have;
}

const struct type *codec_infer_widen(const struct type *have, const struct type *found,
                                     struct arena *arena, struct codec_infer_paths *ret_added)
{
    assert(have->kind == TYPE_STRUCT);
    assert(found->kind == TYPE_STRUCT);
    struct widening w = {.arena = arena};
    const struct type *wide = widen(&w, have, found);
    struct str *paths = arena_new_array(arena, struct str, w.added.count);
    if (w.added.count > 0) {
        memcpy(paths, w.added.items, w.added.count * sizeof(*paths));
    }
    *ret_added = (struct codec_infer_paths){paths, w.added.count};
    vec_done(&w.added);
    buf_done(&w.path);
    return wide;
}

/* ---- printing ------------------------------------------------------------------------------ */

/* Bare when every parser takes it so: letters, digits and _, not beginning with a digit. */
static void print_name(struct str name, struct buf *out)
{
    bool is_plain = name.len > 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        is_plain &= is_letter || (i > 0 && c >= '0' && c <= '9');
    }
    if (is_plain) {
        buf_add_str(out, name);
        return;
    }
    buf_add_char(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        buf_add_c(out, name.ptr[i] == '`' ? "`" : "");
        buf_add_char(out, name.ptr[i]);
    }
    buf_add_char(out, '`');
}

static void print_type(const struct type *t, struct buf *out);

static void print_field(const struct type_field *field, const char *between, struct buf *out)
{
    print_name(field->name, out);
    buf_add_c(out, between);
    print_type(field->type, out);
    buf_add_c(out, field->nullable ? "" : " NOT NULL");
    if (field->comment.len > 0) {
        buf_add_c(out, " COMMENT '");
        for (size_t i = 0; i < field->comment.len; i++) {
            char c = field->comment.ptr[i];
            buf_add_c(out, c == '\'' ? "'" : "");
            buf_add_char(out, c);
        }
        buf_add_char(out, '\'');
    }
}

static void print_type(const struct type *t, struct buf *out)
{
    switch (t->kind) {
    case TYPE_STRUCT:
        buf_add_c(out, "STRUCT<");
        for (size_t i = 0; i < t->field_count; i++) {
            buf_add_c(out, i > 0 ? ", " : "");
            print_field(&t->fields[i], ": ", out);
        }
        buf_add_char(out, '>');
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
        buf_add_c(out, t->kind == TYPE_ARRAY ? "ARRAY<" : "MAP<");
        print_type(t->fields[0].type, out);
        if (t->kind == TYPE_MAP) {
            buf_add_c(out, ", ");
            print_type(t->fields[1].type, out);
        }
        buf_add_char(out, '>');
        return;
    default:
        type_print(t, out);
    }
}

void codec_infer_print_columns(const struct type *row_type, struct buf *out)
{
    for (size_t i = 0; i < row_type->field_count; i++) {
        print_field(&row_type->fields[i], " ", out);
        buf_add_c(out, i + 1 < row_type->field_count ? ",\n" : "\n");
    }
}
