/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_SELF_H
#define JOB_SELF_H

#include "base/base.h"

/*
 * self - this process as the kernel sees it, private to job/
 */
struct self_figures {
    double cpu_seconds;
    uint64_t resident_bytes;
    double start_seconds;      /* since 1970 */
    int64_t open_fds, max_fds; /* -1 = unknown */
};
/* What cannot be read is 0, or -1 where that is said. */
void self_read(struct self_figures *ret_figures);

/* Resident memory of this process, bytes. */
uint64_t self_memory_bytes(void);

#endif
