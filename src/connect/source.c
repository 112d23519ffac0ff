/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - the connectors there are, and the order in which one is driven
 *
 *  (1) discover comes before resolve, start and poll; start before poll.
 *  (2) What a connector answers keeps its promises: positions never move back
 *      during a poll, a packet has messages, none at or above a limit.
 *
 * verify and acknowledge may run on another thread: their wrappers look at
 * nothing but the table of functions.
 */
#include "connect/connector.h"

#include <stdarg.h>
#include <stdio.h>

#include "connect/file.h"
#include "connect/generator.h"
#include "connect/kafka.h"

enum source_phase { SOURCE_OPENED, SOURCE_DISCOVERED, SOURCE_STARTED };

static const struct source_ops *const source_all[] = {&kafka_source_ops, &file_source_ops,
                                                      &generator_source_ops};

const struct source_ops *source_find(struct str name, struct err *err)
{
    AUTO_BUF struct buf known = {0};
    for (size_t i = 0; i < ARRAY_COUNT(source_all); i++) {
        if (str_eq_nocase_c(name, source_all[i]->name)) {
            return source_all[i];
        }
        buf_printf(&known, "%s%s", i > 0 ? ", " : "", source_all[i]->name);
    }
    err_set(err, ERR_CONFIG, "unknown connector \"%.*s\"; there are %s", STR_FMT(name), known.ptr);
    return NULL;
}

int source_open(const struct source_ops *ops, const struct settings *settings, const char *query,
                struct stop *stop, struct source **ret_source, struct err *err)
{
    assert(ops != NULL);
    assert(settings != NULL);
    assert(query != NULL);
    assert(stop != NULL);
    struct source *s = NULL;
    TRY(ops->open(settings, query, stop, &s, err));
    assert(s->ops == ops);
    s->phase = SOURCE_OPENED;
    *ret_source = s;
    return 0;
}

void source_watch(struct source *s, source_status_fn on_status, void *user)
{
    s->on_status = on_status;
    s->on_status_user = user;
}

int source_discover(struct source *s, struct err *err)
{
    size_t before = s->partitions.count;
    int added = TRY(s->ops->discover(s, err));
    assert(s->partitions.count == before + (size_t)added);
    if (s->phase == SOURCE_OPENED) {
        s->phase = SOURCE_DISCOVERED;
    }
    return added;
}

int source_resolve(struct source *s, const bool *which, struct err *err)
{
    assert(s->phase >= SOURCE_DISCOVERED);
    assert(which != NULL);
    TRY(s->ops->resolve(s, which, err));
    for (size_t i = 0; i < s->partitions.count; i++) {
        if (which[i]) {
            assert(s->partitions.items[i].next_offset >= 0);
        }
    }
    return 0;
}

int source_start(struct source *s, struct err *err)
{
    assert(s->phase >= SOURCE_DISCOVERED);
    vec_foreach (struct source_partition, p, &s->partitions) {
        assert(p->next_offset >= 0);
    }
    TRY(s->ops->start(s, err));
    s->phase = SOURCE_STARTED;
    return 0;
}

int source_poll(struct source *s, int64_t until_mono_us, size_t messages_max, uint64_t bytes_max,
                struct packet **ret_packet, struct err *err)
{
    assert(s->phase == SOURCE_STARTED);
    assert(messages_max > 0);
    assert(messages_max <= PACKET_MESSAGES_MAX);
    int rc = TRY(s->ops->poll(s, until_mono_us, messages_max, bytes_max, ret_packet, err));
    if (rc == SOURCE_PACKET) {
        assert((*ret_packet)->count > 0);
        assert((*ret_packet)->count <= messages_max);
    }
    return rc;
}

int source_bound(struct source *s, struct err *err)
{
    assert(s->phase >= SOURCE_DISCOVERED);
    return s->ops->bound(s, err);
}

int source_verify(struct source *s, struct err *err)
{
    return s->ops->verify(s, err);
}

void source_acknowledge(struct source *s, const int64_t *next_offsets, size_t count)
{
    assert(next_offsets != NULL || count == 0);
    s->ops->acknowledge(s, next_offsets, count);
}

int source_acknowledged(struct source *s, int64_t *ret_offsets, struct err *err)
{
    assert(s->phase >= SOURCE_DISCOVERED);
    for (size_t i = 0; i < s->partitions.count; i++) {
        ret_offsets[i] = -1;
    }
    return s->ops->acknowledged == NULL ? 0 : s->ops->acknowledged(s, ret_offsets, err);
}

void source_look(struct source *s, struct source_client *ret_client)
{
    *ret_client = (struct source_client){-1, -1, -1, -1, -1};
    if (s->ops->client != NULL) {
        s->ops->client(s, ret_client);
    }
}

void source_close(struct source *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

void source_set_status(struct source *s, enum source_state state, const char *fmt, ...)
{
    char reason[sizeof(s->status.reason)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    int64_t now_us = clock_mono_us();
    s->status.was = s->status.state;
    s->status.was_for_us = now_us - s->status.since_mono_us;
    if (s->status.state != state) {
        s->status.since_mono_us = now_us;
    }
    s->status.state = state;
    memcpy(s->status.reason, reason, sizeof(reason));
    if (s->on_status != NULL) {
        s->on_status(s->on_status_user, &s->status);
    }
}
