/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_REASON_H
#define JOB_REASON_H

#include <stddef.h>

#include "base/base.h"

/*
 * reason - the closed list of why a message became no row, private to job/
 *
 * The codecs' codes (struct codec_fault), those of the SQL, and two more: "earlier" is a message
 * that was a dead letter before this run, "other" is what is not in the list.  So a metric's label
 * has no other values.
 */
#define REASON_COUNT 28
extern const char *const reason_names[REASON_COUNT];

/* The place of a code in the list; that of "other" for any other text. */
size_t reason_index(struct str code);

#endif
