/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_REGISTRY_CACHE_H
#define CODEC_REGISTRY_CACHE_H

#include <stdatomic.h>

#include "codec/registry.h"

/*
 * registry_cache - id to schema, read without a lock; and ids that are unknown, for a while
 */
#define CODEC_REGISTRY_CACHE_SCHEMAS_MAX 65536
#define CODEC_REGISTRY_CACHE_UNKNOWN_MAX 256

/* A schema and the memory of all that it points to. */
struct codec_registry_entry {
    struct arena arena;
    struct codec_schema schema;
};

struct codec_registry_table;

struct codec_registry_unknown {
    uint32_t id;
    int64_t until_us; /* monotonic */
};

struct codec_registry_cache {
    _Atomic(struct codec_registry_table *) table; /* NULL = empty */
    struct mutex lock;
    /* guarded by .lock */
    struct codec_registry_table *old; /* tables that a reader may still be in */
    VEC(struct codec_registry_entry *) entries;
    struct codec_registry_unknown unknown[CODEC_REGISTRY_CACHE_UNKNOWN_MAX]; /* a ring */
    size_t unknown_next;
};

void codec_registry_cache_init(struct codec_registry_cache *cache);
void codec_registry_cache_done(struct codec_registry_cache *cache);
const struct codec_schema *codec_registry_cache_find(const struct codec_registry_cache *cache,
                                                     uint32_t id);
/* Takes the entry, on error too. Gives the schema under that id: an earlier one when another
 * thread was faster. ERR_DATA when there are too many. */
int codec_registry_cache_add(struct codec_registry_cache *cache, struct codec_registry_entry *entry,
                             const struct codec_schema **ret_schema, struct err *err);

void codec_registry_cache_set_unknown(struct codec_registry_cache *cache, uint32_t id,
                                      int64_t until_us);
bool codec_registry_cache_is_unknown(struct codec_registry_cache *cache, uint32_t id);

void codec_registry_entry_free(struct codec_registry_entry *entry); /* NULL is fine */

#endif
