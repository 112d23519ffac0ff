/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * log_limit - which of the lines that repeat are written; private to base/
 *
 * One line of a kind an interval.  A kind is module, event, query and what the caller adds.
 * Not thread-safe; time is the caller's.
 */
#define LOG_LIMIT_INTERVAL_US ((int64_t)10 * 1000000)
#define LOG_LIMIT_KINDS       128

struct log_kind {
    uint8_t module;
    uint8_t level;
    const char *event; /* lives as long as the process */
    struct str query;  /* borrowed by the call; kept as a copy */
    struct str key;
};

/* Lines of a kind that were left out since the last one that was written. */
struct log_left_out {
    uint8_t module;
    uint8_t level;
    const char *event;
    char query[128];
    uint64_t count;
};

struct log_limit {
    struct log_limit_entry {
        uint64_t hash; /* 0 = free */
        int64_t written_us;
        struct log_left_out left_out;
    } entries[LOG_LIMIT_KINDS];
};

/*
 * Whether a line of this kind may be written at `now_us` (monotonic): then *ret_repeated is how
 * many were left out before it.  When there are more kinds than room, the one that was written
 * longest ago is forgotten; what was left out of it is in *ret_forgotten (count 0 = nothing).
 */
bool log_limit_pass(struct log_limit *limit, const struct log_kind *kind, int64_t now_us,
                    uint64_t *ret_repeated, struct log_left_out *ret_forgotten);

/* Takes what was left out of one kind; false = nothing more. */
bool log_limit_take(struct log_limit *limit, struct log_left_out *ret_left_out);

#endif
