/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector - column views over DuckDB's vectors
 *
 * The layouts agree by design (column/view.h): only pointers are set here.
 *
 *  (1) duckdb_list_vector_reserve may move the child's data and validity, all
 *      the way down, so the subtree's pointers are read again after it.
 *  (2) A vector's validity mask exists only once something made it writable;
 *      a view of it is NULL until then.
 *  (3) A fresh list vector has room for one vector's worth of elements.
 */
#include "sql/vector.h"

static_assert(sizeof(struct column_string) == sizeof(duckdb_string_t), "strings have one layout");
static_assert(sizeof(struct column_list) == sizeof(duckdb_list_entry), "lists have one layout");
static_assert(offsetof(struct column_string, far.ptr) ==
                  offsetof(duckdb_string_t, value.pointer.ptr),
              "strings have one layout");

static bool is_list(const struct column *col)
{
    return col->type->kind == TYPE_ARRAY || col->type->kind == TYPE_MAP;
}

/* The vector of child `index`: a MAP's children are the fields of its entry struct. */
static duckdb_vector child_vector(const struct column *col, size_t index)
{
    duckdb_vector vector = col->vector;
    switch (col->type->kind) {
    case TYPE_STRUCT:
        return duckdb_struct_vector_get_child(vector, index);
    case TYPE_ARRAY:
        return duckdb_list_vector_get_child(vector);
    case TYPE_MAP:
        return duckdb_struct_vector_get_child(duckdb_list_vector_get_child(vector), index);
    default:
        assert(false && "a type without children");
        return NULL;
    }
}

static void attach_at(struct column *col, duckdb_vector vector, size_t capacity, bool fresh)
{
    col->vector = vector;
    col->data = col->type->kind == TYPE_STRUCT ? NULL : duckdb_vector_get_data(vector);
    if (fresh) {
        col->validity = NULL;
        col->child_rows = 0;
    } else if (col->validity != NULL) {
        col->validity = duckdb_vector_get_validity(vector);
    }
    col->capacity = capacity;
    size_t child_capacity = capacity;
    if (is_list(col)) {
        child_capacity = fresh ? duckdb_vector_size() : col->children[0].capacity;
    }
    for (size_t i = 0; i < col->child_count; i++) {
        attach_at(&col->children[i], child_vector(col, i), child_capacity, fresh);
    }
}

static void make_validity(struct column *col)
{
    duckdb_vector_ensure_validity_writable(col->vector);
    col->validity = duckdb_vector_get_validity(col->vector);
}

static void reserve_children(struct column *col, size_t rows)
{
    assert(is_list(col));
    size_t now = col->children[0].capacity;
    if (rows <= now) {
        return;
    }
    size_t want = now * 2 > rows ? now * 2 : rows;
    if (duckdb_list_vector_reserve(col->vector, want) != DuckDBSuccess) {
        assert(false && "a list vector of ours is a list vector");
    }
    for (size_t i = 0; i < col->child_count; i++) {
        attach_at(&col->children[i], child_vector(col, i), want, false);
    }
}

static const struct column_ops vector_ops = {
    .make_validity = make_validity,
    .reserve_children = reserve_children,
};

void vector_view_make(struct column *col, const struct type *type, struct arena *arena)
{
    *col = (struct column){.type = type, .ops = &vector_ops};
    col->child_count = type->field_count;
    if (col->child_count == 0) {
        return;
    }
    col->children = arena_new_array(arena, struct column, col->child_count);
    for (size_t i = 0; i < col->child_count; i++) {
        vector_view_make(&col->children[i], type->fields[i].type, arena);
    }
}

void vector_view_attach(struct column *col, duckdb_vector vector, size_t capacity)
{
    attach_at(col, vector, capacity, true);
}

void vector_view_read(struct column *col, duckdb_vector vector, size_t rows)
{
    attach_at(col, vector, rows, true);
    col->validity = duckdb_vector_get_validity(vector);
}

void vector_view_seal(struct column *col)
{
    if (is_list(col)) {
        if (duckdb_list_vector_set_size(col->vector, col->child_rows) != DuckDBSuccess) {
            assert(false && "a list vector of ours is a list vector");
        }
    }
    for (size_t i = 0; i < col->child_count; i++) {
        vector_view_seal(&col->children[i]);
    }
}
