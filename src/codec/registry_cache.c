/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_cache - id to schema, read without a lock; and ids that are unknown, for a while
 *
 *  (1) A slot goes from NULL to a schema once and never changes again; the schema is complete
 *      before it is published (release), and a reader that sees it (acquire) sees all of it.
 *  (2) A table that is half full is replaced by a larger one, published like a slot.  The old one
 *      stays until the end, since a reader may be in it: together they are less than the last.
 *  (3) Writers hold the lock.
 */
#include "codec/registry_cache.h"

#define TABLE_FIRST 64

struct codec_registry_table {
    struct codec_registry_table *older;
    size_t mask;
    size_t count;
    _Atomic(const struct codec_schema *) slots[];
};

static size_t slot_of(const struct codec_registry_table *t, uint32_t id)
{
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & t->mask;
}

static struct codec_registry_table *table_new(size_t slots)
{
    assert((slots & (slots - 1)) == 0);
    size_t slot_bytes = mem_product(slots, sizeof(_Atomic(const struct codec_schema *)));
    struct codec_registry_table *t = mem_zalloc(sizeof(*t) + slot_bytes);
    t->mask = slots - 1;
    return t;
}

static void table_put(struct codec_registry_table *t, const struct codec_schema *schema)
{
    size_t at = slot_of(t, schema->id);
    while (atomic_load_explicit(&t->slots[at], memory_order_relaxed) != NULL) {
        at = (at + 1) & t->mask;
    }
    atomic_store_explicit(&t->slots[at], schema, memory_order_release);
    t->count++;
    assert(t->count <= t->mask);
}

void codec_registry_cache_init(struct codec_registry_cache *cache)
{
    *cache = (struct codec_registry_cache){.unknown_next = 0};
    mutex_init(&cache->lock);
}

void codec_registry_cache_done(struct codec_registry_cache *cache)
{
    for (size_t i = 0; i < cache->entries.count; i++) {
        codec_registry_entry_free(cache->entries.items[i]);
    }
    vec_done(&cache->entries);
    mem_free(atomic_load(&cache->table));
    while (cache->old != NULL) {
        struct codec_registry_table *t = cache->old;
        cache->old = t->older;
        mem_free(t);
    }
    mutex_done(&cache->lock);
}

const struct codec_schema *codec_registry_cache_find(const struct codec_registry_cache *cache,
                                                     uint32_t id)
{
    const struct codec_registry_table *t =
        atomic_load_explicit(&cache->table, memory_order_acquire);
    if (t == NULL) {
        return NULL;
    }
    for (size_t at = slot_of(t, id);; at = (at + 1) & t->mask) {
        const struct codec_schema *schema =
            atomic_load_explicit(&t->slots[at], memory_order_acquire);
        if (schema == NULL || schema->id == id) {
            return schema;
        }
    }
}

/* Rule (2). */
static void make_room(struct codec_registry_cache *cache)
{
    struct codec_registry_table *t = atomic_load_explicit(&cache->table, memory_order_relaxed);
    if (t != NULL && t->count < (t->mask + 1) / 2) {
        return;
    }
    struct codec_registry_table *larger = table_new(t == NULL ? TABLE_FIRST : (t->mask + 1) * 2);
    for (size_t i = 0; i < cache->entries.count; i++) {
        table_put(larger, &cache->entries.items[i]->schema);
    }
    atomic_store_explicit(&cache->table, larger, memory_order_release);
    if (t != NULL) {
        t->older = cache->old;
        cache->old = t;
    }
}

int codec_registry_cache_add(struct codec_registry_cache *cache, struct codec_registry_entry *entry,
                             const struct codec_schema **ret_schema, struct err *err)
{
    MUTEX_GUARD(&cache->lock);
    const struct codec_schema *earlier = codec_registry_cache_find(cache, entry->schema.id);
    if (earlier != NULL) {
        codec_registry_entry_free(entry);
        *ret_schema = earlier;
        return 0;
    }
    if (cache->entries.count == CODEC_REGISTRY_CACHE_SCHEMAS_MAX) {
        codec_registry_entry_free(entry);
        return err_set(err, ERR_DATA, "more than %d schemas in one query",
                       CODEC_REGISTRY_CACHE_SCHEMAS_MAX);
    }
    make_room(cache);
    *vec_push(&cache->entries) = entry;
    table_put(atomic_load_explicit(&cache->table, memory_order_relaxed), &entry->schema);
    *ret_schema = &entry->schema;
    return 0;
}

void codec_registry_cache_set_unknown(struct codec_registry_cache *cache, uint32_t id,
                                      int64_t until_us)
{
    MUTEX_GUARD(&cache->lock);
    cache->unknown[cache->unknown_next] = (struct codec_registry_unknown){id, until_us};
    cache->unknown_next = (cache->unknown_next + 1) % CODEC_REGISTRY_CACHE_UNKNOWN_MAX;
}

bool codec_registry_cache_is_unknown(struct codec_registry_cache *cache, uint32_t id)
{
    int64_t now_us = clock_mono_us();
    MUTEX_GUARD(&cache->lock);
    for (size_t i = 0; i < CODEC_REGISTRY_CACHE_UNKNOWN_MAX; i++) {
        if (cache->unknown[i].id == id && cache->unknown[i].until_us > now_us) {
            return true;
        }
    }
    return false;
}

void codec_registry_entry_free(struct codec_registry_entry *entry)
{
    if (entry != NULL) {
        arena_done(&entry->arena);
        mem_free(entry);
    }
}
