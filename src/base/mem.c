/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - allocation that does not fail
 *
 * The only callers of malloc and free in the tree.  A failed allocation ends
 * the process with one line on stderr, written without allocating.
 *
 *  (1) No function here returns NULL, save mem_strdup(NULL).
 *  (2) A request of zero bytes is one byte, so that (1) holds for it too.
 */
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static NORETURN COLD void mem_fail(const char *what, size_t bytes)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "sluice: %s (%zu bytes)\n", what, bytes);
    ssize_t written = write(STDERR_FILENO, line, (size_t)len);
    (void)written; /* there is nobody left to tell */
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *ptr = malloc(bytes == 0 ? 1 : bytes);
    if (ptr == NULL) {
        mem_fail("out of memory", bytes);
    }
    return ptr;
}

void *mem_zalloc(size_t bytes)
{
    void *ptr = calloc(1, bytes == 0 ? 1 : bytes);
    if (ptr == NULL) {
        mem_fail("out of memory", bytes);
    }
    return ptr;
}

void *mem_realloc(void *ptr, size_t bytes)
{
    void *moved = realloc(ptr, bytes == 0 ? 1 : bytes);
    if (moved == NULL) {
        mem_fail("out of memory", bytes);
    }
    return moved;
}

void mem_free(void *ptr)
{
    free(ptr);
}

void *mem_dup(const void *ptr, size_t bytes)
{
    void *copy = mem_alloc(bytes);
    if (bytes > 0) {
        memcpy(copy, ptr, bytes);
    }
    return copy;
}

char *mem_strdup(const char *s)
{
    if (s == NULL) {
        return NULL;
    }
    return mem_dup(s, strlen(s) + 1);
}

char *mem_printf(const char *fmt, ...)
{
    assert(fmt != NULL);
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0) {
        mem_fail("a format that cannot be printed", 0);
    }
    char *text = mem_alloc((size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

size_t mem_product(size_t a, size_t b)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        mem_fail("an array beyond the address space", SIZE_MAX);
    }
    return product;
}

void mem_freep(void *ptr_to_ptr)
{
    /* By memcpy, since the variable has a pointer type of its own. */
    void *ptr;
    memcpy(&ptr, ptr_to_ptr, sizeof(ptr));
    free(ptr);
    ptr = NULL;
    memcpy(ptr_to_ptr, &ptr, sizeof(ptr));
}
