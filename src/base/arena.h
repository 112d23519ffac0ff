/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"

/*
 * arena - memory with one common end
 *
 * Allocations are never freed singly; arena_reset keeps the largest block for
 * the next round, arena_done frees everything.  {0} is an empty arena.
 */
struct arena_block;

struct arena {
    struct arena_block *block; /* the one being filled; older ones behind it */
    char *next;
    char *end;
    size_t total_bytes; /* in all blocks */
};

void arena_done(struct arena *a);
void arena_reset(struct arena *a);
#define AUTO_ARENA AUTO(arena_done)

void *arena_alloc_slow(struct arena *a, size_t bytes, size_t align);

/* 8-byte aligned, not zeroed. */
static inline void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t want = (bytes + 7) & ~(size_t)7;
    if (LIKELY(a->next != NULL && (size_t)(a->end - a->next) >= want && want >= bytes)) {
        void *at = a->next;
        a->next += want;
        return at;
    }
    return arena_alloc_slow(a, bytes, 8);
}

void *arena_zalloc(struct arena *a, size_t bytes);
char *arena_strdup(struct arena *a, struct str s);   /* terminated */
struct str arena_str(struct arena *a, struct str s); /* a copy; a NUL stands behind it */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
#define arena_new(a, T)              ((T *)arena_zalloc((a), sizeof(T)))
#define arena_new_array(a, T, count) ((T *)arena_zalloc((a), mem_product(sizeof(T), (count))))

#endif
