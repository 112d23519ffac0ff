/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

/*
 * buf - a growing byte string with a maximum
 *
 * Owns its bytes; there is always a NUL after the last one, not counted in
 * `len`.  {0} is an empty buffer whose maximum is BUF_DEFAULT_MAX.  Appending
 * past the maximum sets `.overflow` and appends nothing more, so that a caller
 * checks once at the end with buf_check().
 */
#define BUF_DEFAULT_MAX ((size_t)1 << 31)

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max; /* 0 = BUF_DEFAULT_MAX */
    bool overflow;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; leaves {0} */
void buf_reset(struct buf *b); /* empty, memory kept */
#define AUTO_BUF AUTO(buf_done)

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t value); /* decimal */
void buf_add_i64(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) PRINTF(2, 0);
void buf_add_hex(struct buf *b, const void *bytes, size_t len); /* lower case */
void buf_add_base64(struct buf *b, const void *bytes, size_t len);

/* Room for `len` more bytes at ptr + len; NULL on overflow. Then set .len oneself. */
char *buf_reserve(struct buf *b, size_t len);

/* ERR_DATA "… is larger than N bytes" when it overflowed; else 0. */
int buf_check(const struct buf *b, const char *what, struct err *err);

struct str buf_str(const struct buf *b); /* borrows until the next change */
char *buf_take(struct buf *b);           /* the terminated bytes, caller frees; leaves {0} */

#endif
