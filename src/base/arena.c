/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory with one common end
 *
 * Blocks form a list, the one being filled first.  Block sizes double from
 * 4 KiB to 1 MiB.  A request that is large for the next block gets a block of
 * its own *behind* the first, so that what is left of the first is still used.
 *
 *  (1) a->next <= a->end, and both lie in a->block or are NULL together with it.
 *  (2) a->next is 8-byte aligned.
 *  (3) total_bytes is the sum of the blocks' capacities.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define ARENA_BLOCK_MIN ((size_t)4096)
#define ARENA_BLOCK_MAX ((size_t)1 << 20)

struct arena_block {
    struct arena_block *older;
    size_t bytes; /* behind this header */
    _Alignas(16) char data[];
};

static struct arena_block *arena_block_new(struct arena *a, size_t bytes)
{
    struct arena_block *block = mem_alloc(sizeof(*block) + bytes);
    block->older = NULL;
    block->bytes = bytes;
    a->total_bytes += bytes;
    return block;
}

static void arena_fill(struct arena *a, struct arena_block *block)
{
    a->block = block;
    a->next = block->data;
    a->end = block->data + block->bytes;
}

void arena_done(struct arena *a)
{
    struct arena_block *block = a->block;
    while (block != NULL) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    struct arena_block *largest = a->block;
    if (largest == NULL) {
        return;
    }
    for (struct arena_block *block = largest->older; block != NULL; block = block->older) {
        if (block->bytes > largest->bytes) {
            largest = block;
        }
    }
    struct arena_block *block = a->block;
    while (block != NULL) {
        struct arena_block *older = block->older;
        if (block != largest) {
            mem_free(block);
        }
        block = older;
    }
    largest->older = NULL;
    a->total_bytes = largest->bytes;
    arena_fill(a, largest);
}

static char *align_up(char *at, size_t align)
{
    size_t over = (uintptr_t)at & (align - 1);
    return over == 0 ? at : at + (align - over);
}

void *arena_alloc_slow(struct arena *a, size_t bytes, size_t align)
{
    assert(align >= 8 && (align & (align - 1)) == 0);
    assert(bytes <= SIZE_MAX / 2 && align <= 4096);
    /* Data starts at 16; anything stricter may have to skip up to `align` bytes. */
    size_t want = ((bytes + 7) & ~(size_t)7) + (align > 16 ? align : 0);
    size_t block_bytes = ARENA_BLOCK_MIN;
    if (a->block != NULL) {
        char *at = align_up(a->next, align);
        if (at <= a->end && (size_t)(a->end - at) >= want) {
            a->next = at + ((bytes + 7) & ~(size_t)7);
            return at;
        }
        size_t doubled = a->block->bytes * 2;
        block_bytes = doubled < ARENA_BLOCK_MAX ? doubled : ARENA_BLOCK_MAX;
        if (want > block_bytes / 4) {
            struct arena_block *own = arena_block_new(a, want);
            own->older = a->block->older;
            a->block->older = own;
            return align_up(own->data, align);
        }
    }
    struct arena_block *block = arena_block_new(a, want > block_bytes ? want : block_bytes);
    block->older = a->block;
    arena_fill(a, block);
    char *at = align_up(a->next, align);
    a->next = at + ((bytes + 7) & ~(size_t)7);
    assert(a->next <= a->end);
    return at;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return str_n(arena_strdup(a, s), s.len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}
