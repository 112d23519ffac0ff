/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_FEATURE_H
#define DELTA_FEATURE_H

#include "delta/delta.h"

/*
 * feature - the table of table features
 */
enum delta_feature_ability {
    DELTA_FEATURE_NO,
    DELTA_FEATURE_UNLESS_USED, /* as long as .in_use says no */
    DELTA_FEATURE_YES,
};

struct delta_feature {
    const char *name;
    bool is_reader;    /* must be listed for readers too */
    int legacy_reader; /* the numbers that imply it; 0 = none do */
    int legacy_writer;
    enum delta_feature_ability append;
    enum delta_feature_ability read;
    bool (*in_use)(const struct delta_metadata *metadata); /* NULL = cannot be told: in use */
    bool (*needed)(const struct delta_metadata *metadata); /* must be listed; NULL = never */
    const char *why; /* after "which an append cannot honour: " */
};

extern const struct delta_feature delta_features[];
extern const size_t delta_feature_count;

/* NULL = unknown. */
const struct delta_feature *delta_feature_find(struct str name);
/* Listed, or implied by the writer version. */
bool delta_feature_is_on(const struct delta_protocol *protocol, const char *name);
/* A property of metadata; STR_NULL = not set. */
struct str delta_feature_property(const struct delta_metadata *metadata, const char *name);
bool delta_feature_property_is(const struct delta_metadata *metadata, const char *name,
                               const char *value);
/* True when every commit must carry an inCommitTimestamp. */
bool delta_feature_has_timestamps(const struct delta_protocol *protocol,
                                  const struct delta_metadata *metadata);

/* delta_check_append before there is a snapshot. */
int delta_feature_check_append(const struct delta_protocol *protocol,
                               const struct delta_metadata *metadata, struct err *err);

#endif
