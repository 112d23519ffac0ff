/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - messages that are read a second time, out of a file made for it
 *
 * The file is a row of records, each a fixed head and then its bytes, in the machine's own order:
 *
 *     struct replay_head · topic · topic id · key · value · headers
 *     header = name length, value length (REPLAY_NULL = null), name, value
 *
 *  (1) Packets own copies of what their messages point to: they may outlive the source.
 *  (2) An offset that no record has is a gap: the position moves past it.
 */
#include "connect/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPLAY_MAGIC       0x7265706cU
#define REPLAY_NULL        UINT32_MAX
#define REPLAY_FLUSH_BYTES ((size_t)1 << 20)

struct replay_head {
    int64_t offset, origin_offset, timestamp_us;
    int32_t origin_partition;
    uint32_t topic_len, topic_id_len;
    uint32_t key_len, value_len; /* REPLAY_NULL = null */
    uint32_t header_count;
};

/* ---- the file -------------------------------------------------------------------------------- */

struct replay_file {
    char *path;
    int fd;
    int64_t last_offset;
    struct buf buffer; /* not yet in the file */
};

int replay_file_open(const char *path, struct replay_file **ret_file, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create \"%s\"", path);
    }
    struct replay_file *file = mem_new(struct replay_file);
    file->path = mem_strdup(path);
    file->fd = fd;
    file->last_offset = -1;
    *ret_file = file;
    return 0;
}

void replay_file_free(struct replay_file *file)
{
    if (file != NULL) {
        fd_close(&file->fd);
        buf_done(&file->buffer);
        mem_free(file->path);
        mem_free(file);
    }
}

void replay_file_freep(struct replay_file **file)
{
    replay_file_free(*file);
}

int replay_file_flush(struct replay_file *file, struct err *err)
{
    TRY(buf_check(&file->buffer, "replay", err));
    TRY(fs_write_all(file->fd, file->buffer.ptr, file->buffer.len, file->path, err));
    buf_reset(&file->buffer);
    return 0;
}

static uint32_t replay_length(struct str s)
{
    assert(s.len < REPLAY_NULL);
    return s.ptr == NULL ? REPLAY_NULL : (uint32_t)s.len;
}

int replay_file_add(struct replay_file *file, const struct message *m, struct err *err)
{
    assert(m->extra != NULL);
    assert(m->extra->origin != NULL);
    assert(m->offset > file->last_offset);
    const struct message_origin *origin = m->extra->origin;
    struct replay_head head = {
        .offset = m->offset,
        .origin_offset = origin->offset,
        .timestamp_us = m->timestamp_us,
        .origin_partition = origin->partition,
        .topic_len = (uint32_t)origin->topic.len,
        .topic_id_len = (uint32_t)origin->topic_id.len,
        .key_len = replay_length(m->key),
        .value_len = replay_length(m->value),
        .header_count = (uint32_t)m->extra->header_count,
    };
    struct buf *out = &file->buffer;
    file->last_offset = m->offset;
    buf_add(out, &head, sizeof(head));
    buf_add_str(out, origin->topic);
    buf_add_str(out, origin->topic_id);
    buf_add_str(out, m->key);
    buf_add_str(out, m->value);
    for (size_t i = 0; i < m->extra->header_count; i++) {
        const struct message_header *header = &m->extra->headers[i];
        uint32_t lens[2] = {(uint32_t)header->name.len, replay_length(header->value)};
        buf_add(out, lens, sizeof(lens));
        buf_add_str(out, header->name);
        buf_add_str(out, header->value);
    }
    return out->len < REPLAY_FLUSH_BYTES ? 0 : replay_file_flush(file, err);
}

/* ---- reading it ------------------------------------------------------------------------------ */

struct replay_record {
    int64_t offset;
    uint64_t at; /* in the map */
};

struct replay {
    struct source base;
    uint32_t magic;
    struct stop *stop;
    char *topic;
    int64_t length;
    char *map; /* NULL = nothing to read */
    uint64_t map_bytes;
    VEC(struct replay_record) records;
    size_t next; /* record to be delivered */
};

struct replay_packet {
    struct packet base;
    struct arena arena;
};

struct replay_cursor {
    const char *next, *end;
};

extern const struct option replay_options[];

static struct replay *replay_of(struct source *base)
{
    struct replay *r = CONTAINER_OF(base, struct replay, base);
    assert(r->magic == REPLAY_MAGIC);
    return r;
}

static struct str replay_take(struct replay_cursor *c, uint32_t len)
{
    if (len == REPLAY_NULL) {
        return STR_NULL;
    }
    assert((size_t)(c->end - c->next) >= len);
    struct str s = str_n(c->next, len);
    c->next += len;
    return s;
}

static struct replay_head replay_take_head(struct replay_cursor *c)
{
    struct replay_head head;
    memcpy(&head, replay_take(c, sizeof(head)).ptr, sizeof(head));
    return head;
}

static void replay_take_lengths(struct replay_cursor *c, uint32_t lens[2])
{
    memcpy(lens, replay_take(c, 2 * sizeof(*lens)).ptr, 2 * sizeof(*lens));
}

/* Where each record begins. */
static void replay_index(struct replay *r)
{
    struct replay_cursor c = {r->map, r->map + r->map_bytes};
    while (c.next < c.end) {
        uint64_t at = (uint64_t)(c.next - r->map);
        struct replay_head head = replay_take_head(&c);
        *vec_push(&r->records) = (struct replay_record){head.offset, at};
        (void)replay_take(&c, head.topic_len);
        (void)replay_take(&c, head.topic_id_len);
        (void)replay_take(&c, head.key_len);
        (void)replay_take(&c, head.value_len);
        for (uint32_t i = 0; i < head.header_count; i++) {
            uint32_t lens[2];
            replay_take_lengths(&c, lens);
            (void)replay_take(&c, lens[0]);
            (void)replay_take(&c, lens[1]);
        }
    }
}

static int replay_map(struct replay *r, const char *path, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "open \"%s\"", path);
    }
    TRY(fs_file_size(path, &r->map_bytes, err));
    if (r->map_bytes == 0) {
        return 0;
    }
    void *map = mmap(NULL, r->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return err_set_errno(err, errno, "map \"%s\"", path);
    }
    r->map = map;
    replay_index(r);
    return 0;
}

static void replay_close(struct source *base)
{
    struct replay *r = replay_of(base);
    if (r->map != NULL) {
        (void)munmap(r->map, r->map_bytes);
    }
    vec_done(&base->partitions);
    vec_done(&r->records);
    mem_free(r->topic);
    mem_free(r);
}

static int replay_open(const struct settings *settings, const char *query, struct stop *stop,
                       struct source **ret_source, struct err *err)
{
    (void)query;
    struct str path = settings_str(settings, replay_options, "path");
    struct replay *r = mem_new(struct replay);
    r->base.ops = &replay_source_ops;
    r->magic = REPLAY_MAGIC;
    r->stop = stop;
    r->topic = str_dup(settings_str(settings, replay_options, "topic"));
    r->length = settings_int(settings, replay_options, "length", 0);
    source_set_status(&r->base, SOURCE_RUNNING, "%s", "");
    if (path.len > 0) {
        AUTO_FREE char *name = str_dup(path);
        int rc = replay_map(r, name, err);
        if (rc < 0) {
            replay_close(&r->base);
            return rc;
        }
    }
    *ret_source = &r->base;
    return 0;
}

static int replay_discover(struct source *base, struct err *err)
{
    (void)err;
    struct replay *r = replay_of(base);
    if (r->length == 0 || base->partitions.count > 0) {
        return 0;
    }
    *vec_push(&base->partitions) = (struct source_partition){
        .topic = str_of(r->topic),
        .topic_id = STR(""),
        .next_offset = -1,
        .end_offset = r->length,
        .limit_offset = r->length,
        .leader_epoch = -1,
    };
    return 1;
}

static int replay_resolve(struct source *base, const bool *which, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < base->partitions.count; i++) {
        if (which[i]) {
            base->partitions.items[i].next_offset = 0;
        }
    }
    return 0;
}

static int replay_start(struct source *base, struct err *err)
{
    (void)err;
    struct replay *r = replay_of(base);
    vec_foreach (struct source_partition, p, &base->partitions) {
        p->started = true;
        p->at_limit = p->next_offset >= p->limit_offset;
        r->next = 0;
        while (r->next < r->records.count && r->records.items[r->next].offset < p->next_offset) {
            r->next++;
        }
    }
    return 0;
}

static void replay_packet_free(struct packet *base)
{
    struct replay_packet *packet = CONTAINER_OF(base, struct replay_packet, base);
    arena_done(&packet->arena);
    mem_free(packet);
}

static struct str replay_copy(struct replay_cursor *c, struct arena *arena, uint32_t len)
{
    return len == REPLAY_NULL ? STR_NULL : arena_str(arena, replay_take(c, len));
}

static struct message replay_message(const struct replay *r, uint64_t at, struct arena *arena)
{
    struct replay_cursor c = {r->map + at, r->map + r->map_bytes};
    struct replay_head head = replay_take_head(&c);
    struct message_origin *origin = arena_new(arena, struct message_origin);
    struct message_extra *extra = arena_new(arena, struct message_extra);
    struct message_header *headers =
        arena_new_array(arena, struct message_header, (size_t)head.header_count + 1);
    struct message m = {.offset = head.offset, .timestamp_us = head.timestamp_us, .extra = extra};
    origin->topic = replay_copy(&c, arena, head.topic_len);
    origin->topic_id = replay_copy(&c, arena, head.topic_id_len);
    origin->partition = head.origin_partition;
    origin->offset = head.origin_offset;
    m.key = replay_copy(&c, arena, head.key_len);
    m.value = replay_copy(&c, arena, head.value_len);
    for (uint32_t i = 0; i < head.header_count; i++) {
        uint32_t lens[2];
        replay_take_lengths(&c, lens);
        headers[i].name = replay_copy(&c, arena, lens[0]);
        headers[i].value = replay_copy(&c, arena, lens[1]);
    }
    *extra = (struct message_extra){head.header_count, headers, origin};
    return m;
}

static struct packet *replay_pack(struct replay *r, size_t count_max, uint64_t bytes_max)
{
    struct replay_packet *packet = mem_new(struct replay_packet);
    struct message *messages = arena_new_array(&packet->arena, struct message, count_max);
    size_t count = 0;
    while (count < count_max && r->next < r->records.count &&
           (count == 0 || packet->arena.total_bytes < bytes_max)) {
        messages[count++] = replay_message(r, r->records.items[r->next++].at, &packet->arena);
    }
    packet->base = (struct packet){
        .count = count,
        .messages = messages,
        .bytes = sizeof(*packet) + packet->arena.total_bytes,
        .free = replay_packet_free,
    };
    return &packet->base;
}

static int replay_poll(struct source *base, int64_t until_mono_us, size_t messages_max,
                       uint64_t bytes_max, struct packet **ret_packet, struct err *err)
{
    (void)err;
    struct replay *r = replay_of(base);
    struct source_partition *p = base->partitions.count == 0 ? NULL : &base->partitions.items[0];
    if (p == NULL || p->at_limit) {
        return SOURCE_END;
    }
    if (p->held) {
        int64_t now = clock_mono_us();
        (void)stop_wait_us(r->stop, until_mono_us > now ? until_mono_us - now : 1);
        return SOURCE_IDLE;
    }
    bool got = r->next < r->records.count;
    if (got) {
        *ret_packet = replay_pack(r, messages_max, bytes_max);
    }
    p->next_offset =
        r->next < r->records.count ? r->records.items[r->next].offset : p->limit_offset;
    p->at_limit = p->next_offset >= p->limit_offset;
    return got ? SOURCE_PACKET : SOURCE_END;
}

static int replay_bound(struct source *base, struct err *err)
{
    (void)base;
    (void)err;
    return 0;
}

static int replay_verify(struct source *base, struct err *err)
{
    (void)base;
    (void)err;
    return 0;
}

static void replay_acknowledge(struct source *base, const int64_t *next_offsets, size_t count)
{
    (void)base;
    (void)next_offsets;
    (void)count;
}

const struct option replay_options[] = {
    {"path", OPTION_STRING, NULL, NULL, "the file"},
    {"topic", OPTION_STRING, "", NULL, "how the partition's topic is called"},
    {"length", OPTION_INT, "0", NULL, "the offset behind the last message"},
    {0},
};

const struct source_ops replay_source_ops = {
    .name = "replay",
    .options = replay_options,
    .open = replay_open,
    .discover = replay_discover,
    .resolve = replay_resolve,
    .start = replay_start,
    .poll = replay_poll,
    .bound = replay_bound,
    .verify = replay_verify,
    .acknowledge = replay_acknowledge,
    .close = replay_close,
};
