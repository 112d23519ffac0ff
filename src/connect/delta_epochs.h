/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_DELTA_EPOCHS_H
#define CONNECT_DELTA_EPOCHS_H

#include "base/base.h"

/*
 * delta_epochs - leader epochs of a query's positions, as they stand in commitInfo
 *
 *     "sluiceLeaderEpochs":{"<stream>/<topic>/<topic-id>":{"0":5,"1":7}}
 *
 * Best effort: a commit without them, or with others than ours, is a commit without epochs.
 */
#define DELTA_EPOCHS_MEMBER "sluiceLeaderEpochs"

struct delta_epoch {
    int32_t partition;
    int32_t epoch; /* -1 = forgotten */
};

struct delta_epochs_place {
    char *name;
    VEC(struct delta_epoch) items; /* by partition */
};

struct delta_epochs {
    VEC(struct delta_epochs_place) places;
};

void delta_epochs_done(struct delta_epochs *e); /* leaves it empty and usable */

/* -1 = not known. */
int32_t delta_epochs_find(const struct delta_epochs *e, struct str place, int32_t partition);
void delta_epochs_set(struct delta_epochs *e, struct str place, int32_t partition, int32_t epoch);

/* Takes over what the commitInfo `info` says; what is not of our form is passed over. */
void delta_epochs_read(struct delta_epochs *e, const struct json *info);
/* An object with the member, as more members for commitInfo; nothing when no epoch is known. */
void delta_epochs_print(const struct delta_epochs *e, struct buf *out);

#endif
