/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

#include "base/attr.h"
#include "base/mem.h"

/*
 * vec - a typed growing array
 *
 *     struct plan { VEC(struct plan_query) queries; };
 *     *vec_push(&plan->queries) = (struct plan_query){…};
 *     vec_foreach(struct plan_query, q, &plan->queries) { … }
 *
 * {0} is an empty vector.  vec_done frees the array, not what elements own.
 */
#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *items;                                                                                  \
        size_t count;                                                                              \
        size_t cap;                                                                                \
    }

/* Address of a new zeroed last element; earlier addresses may move. */
#define vec_push(v)                                                                                \
    ((__typeof__((v)->items))vec_push_at((void *)&(v)->items, &(v)->count, &(v)->cap,              \
                                         sizeof(*(v)->items)))
#define vec_reserve(v, want)                                                                       \
    vec_reserve_at((void *)&(v)->items, &(v)->cap, (want), sizeof(*(v)->items))
#define vec_last(v) (&(v)->items[(v)->count - 1])
#define vec_done(v)                                                                                \
    do {                                                                                           \
        mem_free((v)->items);                                                                      \
        (v)->items = NULL;                                                                         \
        (v)->count = 0;                                                                            \
        (v)->cap = 0;                                                                              \
    } while (0)
#define vec_foreach(T, it, v)                                                                      \
    for (T *it = (v)->items, *it##_end = (v)->count == 0 ? it : it + (v)->count; it < it##_end;    \
         it++)

void *vec_push_at(void **items, size_t *count, size_t *cap, size_t item_bytes);
void vec_reserve_at(void **items, size_t *cap, size_t want, size_t item_bytes);

#endif
