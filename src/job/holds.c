/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holds - partitions that wait for a schema
 *
 *  (1) A partition is held at the first message whose schema is missing; what the source delivers
 *      of it after that is dropped (source_partition.held), and read again when it is free.
 *  (2) An id that the registry does not know may be known in a moment: the producer registers
 *      first, but registries are replicated.  So it is asked for again, for ever; who knows better
 *      skips the message (`sluice offsets skip`).
 */
#include "job/holds.h"

#include <stdio.h>

#include "codec/framed.h"

#define RETRY_US ((int64_t)2 * 1000000)

void holds_done(struct holds *h)
{
    vec_done(&h->items);
    *h = (struct holds){0};
}

bool holds_are_due(const struct holds *h)
{
    return h->items.count > 0 && clock_mono_us() >= h->next_try_us;
}

/* 1 = the schema is there, 0 = not now. */
static int load(struct holds *h, struct codec_registry *registry, uint32_t id, struct err *err)
{
    if (codec_registry_cached(registry, id) != NULL) {
        return 1;
    }
    if (clock_mono_us() < h->down_until_us) {
        return 0;
    }
    const struct codec_schema *schema = NULL;
    struct err inner;
    int rc = codec_registry_fetch(registry, id, &schema, &inner);
    if (rc >= 0) {
        if (rc == CODEC_REGISTRY_UNKNOWN) {
            snprintf(h->reason, sizeof(h->reason), "the registry does not know schema %" PRIu32,
                     id);
        }
        return rc == CODEC_REGISTRY_FOUND;
    }
    if (inner.code != ERR_IO || !inner.retry) {
        *err = inner;
        return err_wrap(err, "schema %" PRIu32, id);
    }
    h->down_until_us = clock_mono_us() + RETRY_US;
    snprintf(h->reason, sizeof(h->reason), "%.200s", inner.msg);
    return 0;
}

static void hold_partition(struct holds *h, size_t input, const struct message *m, uint32_t id,
                           struct codec_registry *registry, struct source *source)
{
    struct source_partition *p = &source->partitions.items[m->partition];
    p->held = true;
    p->next_offset = m->offset;
    if (h->items.count == 0) {
        h->next_try_us = clock_mono_us() + RETRY_US;
    }
    *vec_push(&h->items) = (struct hold){input, m->partition, id, registry};
    log_line(LOG_WARN, "partition held", LOG_STR("topic", p->topic), LOG_I("partition", p->number),
             LOG_I("offset", m->offset), LOG_I("schema_id", id), LOG_S("reason", h->reason),
             LOG_END);
}

/* 1 = the bytes can be decoded, or need no schema; 0 = *ret_id is missing. */
static int has_schema(struct holds *h, struct codec_registry *registry, struct str bytes,
                      uint32_t *ret_id, struct err *err)
{
    return registry == NULL || !codec_framed_id(bytes, ret_id) ? 1
                                                               : load(h, registry, *ret_id, err);
}

int holds_filter(struct holds *h, size_t input, const struct plan_stream *stream,
                 struct source *source, struct packet *packet, struct err *err)
{
    struct codec_registry *value_registry =
        codec_framed_needs_schema(stream->format) ? stream->codec.registry : NULL;
    struct codec_registry *key_registry =
        codec_framed_needs_schema(stream->key_format) ? stream->key_codec.registry : NULL;
    if (value_registry == NULL && key_registry == NULL) {
        return 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < packet->count; i++) {
        const struct message *m = &packet->messages[i];
        uint32_t id = 0;
        if (source->partitions.items[m->partition].held) {
            continue;
        }
        if (TRY(has_schema(h, value_registry, m->value, &id, err)) == 0) {
            hold_partition(h, input, m, id, value_registry, source);
        } else if (TRY(has_schema(h, key_registry, m->key, &id, err)) == 0) {
            hold_partition(h, input, m, id, key_registry, source);
        } else {
            packet->messages[kept++] = *m;
        }
    }
    packet->count = kept;
    return 0;
}

int holds_retry(struct holds *h, struct source *const *sources, struct err *err)
{
    int freed = 0;
    size_t kept = 0;
    for (size_t i = 0; i < h->items.count; i++) {
        struct hold hold = h->items.items[i];
        struct source_partition *p = &sources[hold.input]->partitions.items[hold.partition];
        if (TRY(load(h, hold.registry, hold.schema_id, err)) == 0) {
            h->items.items[kept++] = hold;
            continue;
        }
        p->held = false;
        freed = 1;
        log_line(LOG_INFO, "partition free", LOG_STR("topic", p->topic),
                 LOG_I("partition", p->number), LOG_I("schema_id", hold.schema_id), LOG_END);
    }
    h->items.count = kept;
    h->next_try_us = clock_mono_us() + RETRY_US;
    return freed;
}
