/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* Compiler attributes under short names, and the cleanup words. */

#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN           __attribute__((noreturn))
#define COLD               __attribute__((cold))
#define MUST_USE           __attribute__((warn_unused_result))
#define UNUSED             __attribute__((unused))
#define LIKELY(x)          __builtin_expect(!!(x), 1)
#define UNLIKELY(x)        __builtin_expect(!!(x), 0)
#define ARRAY_COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/*
 * AUTO(fn) runs fn(&variable) when the variable leaves its scope.  Every type
 * that owns something defines one word of its own from it (AUTO_BUF, AUTO_FD).
 * Always initialise such a variable where it is declared; never jump over one.
 */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Yields pointer `p` and leaves NULL in its place: ownership goes elsewhere. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) *take_at = &(p);                                                             \
        __typeof__(p) take_value = *take_at;                                                       \
        *take_at = NULL;                                                                           \
        take_value;                                                                                \
    })

/* The struct of type `type` whose member `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The same for a const member: the container of a const object is const. */
#define CONTAINER_OF_CONST(ptr, type, member)                                                      \
    ((const type *)(const void *)((const char *)(ptr)-offsetof(type, member)))

#endif
