/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vec - the untyped half of VEC(T)
 *
 * `items` is the address of a T * seen as void *: it is read and written by
 * memcpy only, so that no pointer type aliases another.
 */
#include "base/vec.h"

#include <assert.h>
#include <string.h>

#define VEC_FIRST_CAP 8

static void vec_resize(void **items, size_t *cap, size_t want, size_t item_bytes)
{
    void *at;
    memcpy(&at, items, sizeof(at));
    at = mem_realloc(at, mem_product(want, item_bytes));
    memcpy(items, &at, sizeof(at));
    *cap = want;
}

void vec_reserve_at(void **items, size_t *cap, size_t want, size_t item_bytes)
{
    assert(item_bytes > 0);
    if (want > *cap) {
        vec_resize(items, cap, want, item_bytes);
    }
}

void *vec_push_at(void **items, size_t *count, size_t *cap, size_t item_bytes)
{
    assert(item_bytes > 0);
    assert(*count <= *cap);
    if (*count == *cap) {
        vec_resize(items, cap, *cap == 0 ? VEC_FIRST_CAP : mem_product(*cap, 2), item_bytes);
    }
    char *first;
    memcpy(&first, items, sizeof(first));
    char *last = first + *count * item_bytes;
    memset(last, 0, item_bytes);
    (*count)++;
    return last;
}
