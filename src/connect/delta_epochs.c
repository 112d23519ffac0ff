/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta_epochs - leader epochs of a query's positions, as they stand in commitInfo
 *
 *  (1) Each commit has the epochs of all partitions, not only of those it moved:
 *      the newest commit of the query is the only one that a start looks at.
 *  (2) A commit of the query that has none (`sluice offsets set`) forgets them all.
 */
#include "connect/delta_epochs.h"

#include <stdio.h>

void delta_epochs_done(struct delta_epochs *e)
{
    vec_foreach (struct delta_epochs_place, place, &e->places) {
        mem_free(place->name);
        vec_done(&place->items);
    }
    vec_done(&e->places);
}

/* Few topics. NULL = not there. */
static struct delta_epochs_place *place_find(const struct delta_epochs *e, struct str name)
{
    for (size_t i = 0; i < e->places.count; i++) {
        if (str_eq_c(name, e->places.items[i].name)) {
            return &e->places.items[i];
        }
    }
    return NULL;
}

/* Where `partition` is, or belongs. */
static size_t place_at(const struct delta_epochs_place *place, int32_t partition)
{
    size_t low = 0;
    size_t high = place->items.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place->items.items[middle].partition < partition) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t delta_epochs_find(const struct delta_epochs *e, struct str place_name, int32_t partition)
{
    const struct delta_epochs_place *place = place_find(e, place_name);
    size_t at = place == NULL ? 0 : place_at(place, partition);
    if (place == NULL || at == place->items.count ||
        place->items.items[at].partition != partition) {
        return -1;
    }
    return place->items.items[at].epoch;
}

void delta_epochs_set(struct delta_epochs *e, struct str place_name, int32_t partition,
                      int32_t epoch)
{
    assert(partition >= 0);
    struct delta_epochs_place *place = place_find(e, place_name);
    if (place == NULL) {
        place = vec_push(&e->places);
        *place = (struct delta_epochs_place){.name = str_dup(place_name)};
    }
    size_t at = place_at(place, partition);
    assert(at == place->items.count || place->items.items != NULL);
    if (at == place->items.count || place->items.items[at].partition != partition) {
        vec_push(&place->items);
        struct delta_epoch *items = place->items.items;
        assert(items != NULL);
        memmove(&items[at + 1], &items[at], (place->items.count - 1 - at) * sizeof(*items));
        items[at].partition = partition;
    }
    assert(place->items.items != NULL);
    place->items.items[at].epoch = epoch < 0 ? -1 : epoch;
}

void delta_epochs_read(struct delta_epochs *e, const struct json *info)
{
    const struct json *places = json_find(info, DELTA_EPOCHS_MEMBER);
    if (places == NULL || places->kind != JSON_OBJECT) {
        return;
    }
    json_foreach (place, places) {
        if (place->kind != JSON_OBJECT) {
            continue;
        }
        json_foreach (it, place) {
            int64_t partition = -1;
            int64_t epoch = -1;
            if (str_to_i64(it->name, &partition) && json_get_i64(it, &epoch) && partition >= 0 &&
                partition <= INT32_MAX && epoch >= 0 && epoch <= INT32_MAX) {
                delta_epochs_set(e, place->name, (int32_t)partition, (int32_t)epoch);
            }
        }
    }
}

static bool place_is_empty(const struct delta_epochs_place *place)
{
    for (size_t i = 0; i < place->items.count; i++) {
        if (place->items.items[i].epoch >= 0) {
            return false;
        }
    }
    return true;
}

void delta_epochs_print(const struct delta_epochs *e, struct buf *out)
{
    AUTO_BUF struct buf text = {0};
    struct json_writer w;
    bool any = false;
    json_begin(&w, &text);
    json_open_object(&w);
    json_name(&w, DELTA_EPOCHS_MEMBER);
    json_open_object(&w);
    vec_foreach (const struct delta_epochs_place, place, &e->places) {
        if (place_is_empty(place)) {
            continue;
        }
        any = true;
        json_name(&w, place->name);
        json_open_object(&w);
        vec_foreach (const struct delta_epoch, it, &place->items) {
            if (it->epoch >= 0) {
                char number[16];
                snprintf(number, sizeof(number), "%" PRId32, it->partition);
                json_name(&w, number);
                json_i64(&w, it->epoch);
            }
        }
        json_close_object(&w);
    }
    json_close_object(&w);
    json_close_object(&w);
    if (any) {
        buf_add_str(out, buf_str(&text));
    }
}
