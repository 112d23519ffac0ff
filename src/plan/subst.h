/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_SUBST_H
#define PLAN_SUBST_H

#include "base/base.h"

/*
 * subst - ${NAME} and ${NAME:-default} from the environment
 */

/* Bytes of `out` from here on are bytes of `in` from there on, or all stand for that one place. */
struct plan_subst_mark {
    size_t out;
    size_t in;
    bool inserted;
};

struct plan_subst {
    struct str in;
    struct str out; /* in the arena */
    const struct plan_subst_mark *marks;
    size_t mark_count;
};

/* `file` is for messages. `in` is borrowed by the result. */
int plan_subst_run(struct arena *arena, struct str file, struct str in,
                   struct plan_subst *ret_subst, struct err *err);

/* The text as it is. */
void plan_subst_none(struct arena *arena, struct str in, struct plan_subst *ret_subst);

#endif
