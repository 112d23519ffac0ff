/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_COMPLAIN_H
#define PLAN_COMPLAIN_H

#include "base/base.h"
#include "plan/plan.h"

/*
 * complain - errors with a place, and "did you mean"
 */

/* ERR_CONFIG "file:line:column: …". */
int plan_complain(struct err *err, struct str file, struct plan_place place, const char *fmt, ...)
    PRINTF(4, 5) COLD;

/* Line and column of a byte; moves forward only. Start with plan_complain_start. */
struct plan_cursor {
    struct str text;
    size_t offset;
    struct plan_place place;
};
struct plan_cursor plan_complain_start(struct str text);
struct plan_place plan_complain_at(struct plan_cursor *cursor, size_t offset);

/* The place of byte `offset` of a body. */
struct plan_place plan_complain_in(const struct plan_marks *marks, struct str body, size_t offset);

/* The candidate nearest to what was met, if any is near enough to be meant. */
struct plan_near {
    struct str met;
    struct str best;
    size_t distance;
};
struct plan_near plan_complain_near(struct str met);
void plan_complain_offer(struct plan_near *near, struct str candidate);
/* '; did you mean "x"?' or "". */
#define PLAN_HINT_BYTES 96
const char *plan_complain_hint(const struct plan_near *near, char out[PLAN_HINT_BYTES]);

/* `"text"` on one line, cut after some 40 bytes at a character. */
#define PLAN_QUOTE_BYTES 64
const char *plan_complain_quote(struct str text, char out[PLAN_QUOTE_BYTES]);

#endif
