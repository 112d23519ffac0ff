/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/thread.h"

/*
 * process - another program, run to its end
 *
 * Runs argv[0], looked for in PATH, without a shell; `argv` ends with NULL.  Its stdin and stdout
 * are /dev/null, its signals those of a fresh process.  The first `stderr_bytes_max` bytes of what
 * it says on stderr are appended to `ret_stderr`; *ret_code is its exit code, or -N when signal N
 * has ended it.
 *
 * ERR_CONFIG: there is no such program.  It is killed at the deadline, ERR_IO with .retry (no other
 * failure has that), and at the stop (may be NULL), ERR_CANCELED.  Always waited for.
 */
int process_run(const char *const *argv, int64_t deadline_mono_us, struct stop *stop,
                size_t stderr_bytes_max, struct buf *ret_stderr, int *ret_code, struct err *err);

#endif
