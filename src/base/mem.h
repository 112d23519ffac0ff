/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/*
 * mem - allocation that does not fail
 *
 * Small allocations abort with a report when memory is gone: the engine must
 * survive kill -9 anyway.  Anything whose size comes from data or the network
 * is bounded by its owner (struct buf, queues) before it gets here.
 * malloc and free appear nowhere else in the tree.
 */
void *mem_alloc(size_t bytes) MUST_USE;
void *mem_zalloc(size_t bytes) MUST_USE;
void *mem_realloc(void *ptr, size_t bytes) MUST_USE;
void mem_free(void *ptr); /* NULL is fine */
void *mem_dup(const void *ptr, size_t bytes) MUST_USE;
char *mem_strdup(const char *s) MUST_USE; /* NULL gives NULL */
char *mem_printf(const char *fmt, ...) PRINTF(1, 2) MUST_USE;

/* A zeroed object of type T, an array of `count` zeroed T (overflow checked). */
#define mem_new(T)              ((T *)mem_zalloc(sizeof(T)))
#define mem_new_array(T, count) ((T *)mem_zalloc(mem_product(sizeof(T), (count))))

/* a * b, aborts on overflow. */
size_t mem_product(size_t a, size_t b);

void mem_freep(void *ptr_to_ptr); /* frees *(void **) and sets it to NULL */
#define AUTO_FREE AUTO(mem_freep)

#endif
