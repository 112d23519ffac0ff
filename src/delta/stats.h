/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_STATS_H
#define DELTA_STATS_H

#include "delta/delta.h"

/*
 * stats - bounds of strings (delta.md 1.5); the rest is in delta.h
 */

/* A prefix of at most `units` UTF-16 units, never half a character: a lower bound. */
struct str delta_stats_cut(struct str text, size_t units);
/* An upper bound of about that length, appended to `out`. False when there is none that is short
 * enough. */
bool delta_stats_cut_max(struct str text, size_t units, struct buf *out);

#endif
