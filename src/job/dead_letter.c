/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_letter - the messages of one batch that cannot become rows
 *
 * The file is a row of records, each a fixed head and then its bytes:
 *
 *     struct head · stream · topic · topic id · reason · message · key · value · headers
 *     header = name length, value length (UINT32_MAX = null), name, value
 *
 * in the machine's own order of bytes: nobody reads it but this process.
 *
 *  (1) Adding is serialised by the lock; a record is in the file wholly or the batch fails.
 *  (2) Reading maps the file: strings of the vectors point into the map, which stays until
 *      dead_letters_free.
 *  (3) STRING columns get UTF-8 whatever came in: text is cut or replaced, never refused.
 */
#include "job/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SOURCE_NAME   "sluice_dead_letters"
#define FLUSH_BYTES   ((size_t)1 << 20)
#define NO_BYTES      UINT32_MAX
#define ROW_GROUP     10000
#define FILE_BYTES    ((uint64_t)128 << 20)
#define CHUNK_BYTES   ((uint64_t)32 << 20)
#define HEADERS_LIMIT 10000

const char dead_letters_columns[] =
    "STRUCT<query: STRING, stream: STRING, topic: STRING, topic_id: STRING, `partition`: INT, "
    "`offset`: BIGINT, `timestamp`: TIMESTAMP, key: BINARY, "
    "headers: ARRAY<STRUCT<key: STRING, value: BINARY>>, value: BINARY, value_bytes: BIGINT, "
    "value_sha256: STRING, reason: STRING, message: STRING, position: BIGINT, time: TIMESTAMP, "
    "replay_id: BIGINT, replay_offset: BIGINT>";

enum column_index {
    COL_QUERY,
    COL_STREAM,
    COL_TOPIC,
    COL_TOPIC_ID,
    COL_PARTITION,
    COL_OFFSET,
    COL_TIMESTAMP,
    COL_KEY,
    COL_HEADERS,
    COL_VALUE,
    COL_VALUE_BYTES,
    COL_VALUE_SHA256,
    COL_REASON,
    COL_MESSAGE,
    COL_POSITION,
    COL_TIME,
    COL_REPLAY_ID,
    COL_REPLAY_OFFSET,
    COL_WHOLE, /* the value when it is to be hashed; not in the table */
    COL_COUNT
};

struct head {
    int64_t offset, timestamp_us, position, replay_id, replay_offset, time_us;
    int32_t partition;
    uint32_t stream_len, topic_len, topic_id_len, reason_len, message_len;
    uint32_t key_len;   /* NO_BYTES = null */
    uint32_t value_len; /* NO_BYTES = null */
    uint32_t header_count;
};

struct dead_letters {
    char *path;
    struct mutex lock;
    int fd;            /* guarded by .lock, as are the three below */
    struct buf buffer; /* not yet in the file */
    int64_t count;
    uint64_t bytes; /* in the file */
    const char *map;
    uint64_t map_bytes;
    struct arena arena; /* headers of letters that were read back */
};

struct dead_letters *dead_letters_new(const char *path)
{
    struct dead_letters *d = mem_new(struct dead_letters);
    d->path = mem_strdup(path);
    d->fd = -1;
    mutex_init(&d->lock);
    return d;
}

void dead_letters_free(struct dead_letters *d)
{
    if (d == NULL) {
        return;
    }
    if (d->map != NULL) {
        (void)munmap((void *)(uintptr_t)d->map, d->map_bytes);
    }
    if (d->fd >= 0) {
        fd_close(&d->fd);
        (void)unlink(d->path);
    }
    buf_done(&d->buffer);
    arena_done(&d->arena);
    mutex_done(&d->lock);
    mem_free(d->path);
    mem_free(d);
}

int64_t dead_letters_count(struct dead_letters *d)
{
    MUTEX_GUARD(&d->lock);
    return d->count;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static int flush(struct dead_letters *d, struct err *err)
{
    if (d->buffer.len == 0) {
        return 0;
    }
    if (d->fd < 0) {
        d->fd = open(d->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (d->fd < 0) {
            return err_set_errno(err, errno, "create \"%s\"", d->path);
        }
    }
    TRY(fs_write_all(d->fd, d->buffer.ptr, d->buffer.len, d->path, err));
    d->bytes += d->buffer.len;
    buf_reset(&d->buffer);
    return 0;
}

static uint32_t length_of(struct str s)
{
    assert(s.len < NO_BYTES);
    return s.ptr == NULL ? NO_BYTES : (uint32_t)s.len;
}

/* Text that is UTF-8 whatever it was: what is not is a question mark. */
static void add_text(struct buf *out, struct str s)
{
    while (s.len > 0) {
        size_t good = str_utf8_prefix(s);
        buf_add_str(out, str_head(s, good));
        s = str_skip(s, good);
        if (s.len > 0) {
            buf_add_char(out, '?');
            s = str_skip(s, 1);
        }
    }
}

static void add_header(struct buf *out, const struct message_header *header)
{
    AUTO_BUF struct buf name = {0};
    add_text(&name, header->name);
    uint32_t lens[2] = {(uint32_t)name.len, length_of(header->value)};
    buf_add(out, lens, sizeof(lens));
    buf_add_str(out, buf_str(&name));
    buf_add_str(out, header->value);
}

static void add_record(struct buf *out, const struct dead_letter *letter)
{
    AUTO_BUF struct buf message = {0};
    add_text(&message, letter->message);
    size_t header_count =
        letter->header_count < HEADERS_LIMIT ? letter->header_count : HEADERS_LIMIT;
    struct head head = {
        .offset = letter->offset,
        .timestamp_us = letter->timestamp_us,
        .position = letter->position,
        .replay_id = letter->replay_id,
        .replay_offset = letter->replay_offset,
        .time_us = clock_wall_us(),
        .partition = letter->partition,
        .stream_len = (uint32_t)letter->stream.len,
        .topic_len = (uint32_t)letter->topic.len,
        .topic_id_len = (uint32_t)letter->topic_id.len,
        .reason_len = (uint32_t)letter->reason.len,
        .message_len = (uint32_t)message.len,
        .key_len = length_of(letter->key),
        .value_len = length_of(letter->value),
        .header_count = (uint32_t)header_count,
    };
    buf_add(out, &head, sizeof(head));
    buf_add_str(out, letter->stream);
    buf_add_str(out, letter->topic);
    buf_add_str(out, letter->topic_id);
    buf_add_str(out, letter->reason);
    buf_add_str(out, buf_str(&message));
    buf_add_str(out, letter->key);
    buf_add_str(out, letter->value);
    for (size_t i = 0; i < header_count; i++) {
        add_header(out, &letter->headers[i]);
    }
}

int dead_letters_add(struct dead_letters *d, const struct dead_letter *letter, struct err *err)
{
    MUTEX_GUARD(&d->lock);
    assert(d->map == NULL);
    add_record(&d->buffer, letter);
    TRY(buf_check(&d->buffer, "dead letters", err));
    d->count++;
    return d->buffer.len >= FLUSH_BYTES ? flush(d, err) : 0;
}

/* ---- reading back ---------------------------------------------------------------------------- */

static int map_file(struct dead_letters *d, struct err *err)
{
    MUTEX_GUARD(&d->lock);
    TRY(flush(d, err));
    if (d->map != NULL || d->bytes == 0) {
        return 0;
    }
    void *map = mmap(NULL, d->bytes, PROT_READ, MAP_PRIVATE, d->fd, 0);
    if (map == MAP_FAILED) {
        return err_set_errno(err, errno, "map \"%s\"", d->path);
    }
    d->map = map;
    d->map_bytes = d->bytes;
    return 0;
}

/* Reads records one after the other. */
struct cursor {
    const char *next, *end;
    struct arena *arena; /* for headers */
};

static struct str take(struct cursor *c, uint32_t len)
{
    if (len == NO_BYTES) {
        return STR_NULL;
    }
    assert((size_t)(c->end - c->next) >= len);
    struct str s = str_n(c->next, len);
    c->next += len;
    return s;
}

static void take_headers(struct cursor *c, uint32_t count, struct dead_letter *letter)
{
    struct message_header *headers = arena_new_array(c->arena, struct message_header, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t lens[2];
        memcpy(lens, take(c, sizeof(lens)).ptr, sizeof(lens));
        headers[i].name = take(c, lens[0]);
        headers[i].value = take(c, lens[1]);
    }
    letter->header_count = count;
    letter->headers = headers;
}

static bool next_letter(struct cursor *c, struct dead_letter *ret_letter)
{
    if (c->next == c->end) {
        return false;
    }
    struct head head;
    memcpy(&head, take(c, sizeof(head)).ptr, sizeof(head));
    struct dead_letter letter = {
        .offset = head.offset,
        .timestamp_us = head.timestamp_us,
        .position = head.position,
        .replay_id = head.replay_id,
        .replay_offset = head.replay_offset,
        .time_us = head.time_us,
        .partition = head.partition,
    };
    letter.stream = take(c, head.stream_len);
    letter.topic = take(c, head.topic_len);
    letter.topic_id = take(c, head.topic_id_len);
    letter.reason = take(c, head.reason_len);
    letter.message = take(c, head.message_len);
    letter.key = take(c, head.key_len);
    letter.value = take(c, head.value_len);
    take_headers(c, head.header_count, &letter);
    *ret_letter = letter;
    return true;
}

int dead_letters_each(struct dead_letters *d, dead_letter_fn on_letter, void *user, struct err *err)
{
    TRY(map_file(d, err));
    struct cursor c = {.next = d->map, .end = d->map + d->map_bytes, .arena = &d->arena};
    struct dead_letter letter;
    while (d->map != NULL && next_letter(&c, &letter)) {
        TRY(on_letter(user, &letter, err));
    }
    return 0;
}

/* ---- into Parquet ---------------------------------------------------------------------------- */

struct reading {
    struct sql_scan scan; /* first: the table function reads us */
    struct mutex lock;
    struct cursor cursor; /* guarded by .lock */
    const struct dead_letters_copy *copy;
};

static void set_bytes(struct column *col, size_t row, struct str bytes)
{
    if (col == NULL) {
        return;
    }
    if (bytes.ptr == NULL) {
        column_set_null(col, row);
    } else {
        column_set_string(col, row, bytes);
    }
}

static void set_i64(struct column *col, size_t row, int64_t value, bool is_null)
{
    if (col == NULL) {
        return;
    }
    if (is_null) {
        column_set_null(col, row);
    } else {
        ((int64_t *)col->data)[row] = value;
    }
}

static void set_headers(struct column *col, size_t row, const struct dead_letter *letter)
{
    if (col == NULL) {
        return;
    }
    if (letter->header_count == 0) {
        column_set_null(col, row);
        return;
    }
    uint64_t at = column_open_list(col, row, letter->header_count);
    struct column *element = &col->children[0];
    for (size_t i = 0; i < letter->header_count; i++) {
        set_bytes(&element->children[0], at + i, letter->headers[i].name);
        set_bytes(&element->children[1], at + i, letter->headers[i].value);
    }
}

static void set_row(const struct reading *r, struct column *const *cols, size_t row,
                    const struct dead_letter *letter)
{
    bool cut = letter->value.len > r->copy->value_bytes_max;
    set_bytes(cols[COL_QUERY], row, r->copy->query);
    set_bytes(cols[COL_STREAM], row, letter->stream);
    set_bytes(cols[COL_TOPIC], row, letter->topic);
    set_bytes(cols[COL_TOPIC_ID], row, letter->topic_id);
    if (cols[COL_PARTITION] != NULL) {
        ((int32_t *)cols[COL_PARTITION]->data)[row] = letter->partition;
    }
    set_i64(cols[COL_OFFSET], row, letter->offset, false);
    set_i64(cols[COL_TIMESTAMP], row, letter->timestamp_us, letter->timestamp_us < 0);
    set_bytes(cols[COL_KEY], row, letter->key);
    set_headers(cols[COL_HEADERS], row, letter);
    set_bytes(cols[COL_VALUE], row,
              cut ? str_head(letter->value, r->copy->value_bytes_max) : letter->value);
    set_i64(cols[COL_VALUE_BYTES], row, (int64_t)letter->value.len, letter->value.ptr == NULL);
    set_bytes(cols[COL_VALUE_SHA256], row, STR_NULL);
    set_bytes(cols[COL_REASON], row, letter->reason);
    set_bytes(cols[COL_MESSAGE], row, letter->message);
    set_i64(cols[COL_POSITION], row, letter->position, letter->position < 0);
    set_i64(cols[COL_TIME], row, letter->time_us, false);
    set_i64(cols[COL_REPLAY_ID], row, letter->replay_id, letter->replay_id == 0);
    set_i64(cols[COL_REPLAY_OFFSET], row, letter->replay_offset, letter->replay_id == 0);
    set_bytes(cols[COL_WHOLE], row, cut ? letter->value : STR_NULL);
}

static int reading_open(struct sql_scan *scan, const bool *wanted, void **ret_local,
                        struct err *err)
{
    (void)wanted;
    (void)err;
    *ret_local = scan;
    return 0;
}

static int reading_fill(struct sql_scan *scan, void *local, struct column *const *columns,
                        size_t capacity, struct err *err)
{
    (void)local;
    (void)err;
    struct reading *r = CONTAINER_OF(scan, struct reading, scan);
    MUTEX_GUARD(&r->lock);
    size_t rows = 0;
    uint64_t bytes = 0;
    struct dead_letter letter;
    while (rows < capacity && bytes < CHUNK_BYTES && next_letter(&r->cursor, &letter)) {
        set_row(r, columns, rows, &letter);
        bytes += letter.value.len;
        rows++;
    }
    return (int)rows;
}

static void reading_close(struct sql_scan *scan, void *local)
{
    (void)scan;
    (void)local;
}

static const struct sql_scan_ops reading_ops = {
    .open_local = reading_open,
    .fill = reading_fill,
    .close_local = reading_close,
};

int dead_letters_register(struct sql_conn *conn, const struct type *row_type, struct arena *arena,
                          struct sql_source **ret_source, struct err *err)
{
    assert(row_type->field_count == COL_WHOLE);
    struct type_field *fields = arena_new_array(arena, struct type_field, COL_COUNT);
    memcpy(fields, row_type->fields, COL_WHOLE * sizeof(*fields));
    fields[COL_WHOLE] = (struct type_field){
        .name = STR("whole"), .type = type_simple(TYPE_BINARY), .nullable = true};
    return sql_register_source(conn, SOURCE_NAME, type_struct(arena, fields, COL_COUNT), ret_source,
                               err);
}

int dead_letters_write(struct dead_letters *d, const struct dead_letters_copy *copy,
                       struct arena *arena, struct sql_copy_result *ret_result, struct err *err)
{
    TRY(map_file(d, err));
    TRY(fs_make_dirs(copy->dir, err));
    struct reading reading = {
        .scan = {&reading_ops},
        .cursor = {.next = d->map, .end = d->map + d->map_bytes, .arena = &d->arena},
        .copy = copy,
    };
    mutex_init(&reading.lock);
    struct sql_copy_options options = {
        .dir = copy->dir,
        .compression = copy->compression,
        .row_group_rows = ROW_GROUP,
        .file_bytes = FILE_BYTES,
    };
    sql_source_attach(copy->source, &reading.scan);
    int rc = sql_copy(copy->conn,
                      "SELECT * EXCLUDE (whole) REPLACE (sha256(whole) AS value_sha256) "
                      "FROM " SOURCE_NAME "()",
                      &options, arena, ret_result, err);
    sql_source_attach(copy->source, NULL);
    mutex_done(&reading.lock);
    if (rc < 0) {
        return err_wrap(err, "dead letters");
    }
    if (ret_result->row_count != dead_letters_count(d)) {
        return err_set(err, ERR_CORRUPT, "%" PRId64 " of %" PRId64 " dead letters were written",
                       ret_result->row_count, dead_letters_count(d));
    }
    return 0;
}
