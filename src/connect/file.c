/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - lines of files as messages
 *
 * Each file is a log of its own: topic = its path, partition 0, offset = line
 * number from 0.  `path` is a file, a glob pattern, or a folder, whose files
 * (not those that begin with "." or "_") are taken in name order.  A file that
 * grows is followed, and new files are found every second.
 *
 *  (1) A file is known by its path, so that files that come later change
 *      nothing for those that are there.
 *  (2) Only whole lines are delivered: what is behind the last newline waits
 *      for its end.  Bounded (available now), a last line without newline
 *      counts as whole.
 *  (3) A blank line is a gap: it has an offset but is not delivered.
 *  (4) A file that shrinks or is replaced under us stops the source: its line
 *      numbers mean something else now.
 *
 * Beginning at line n reads the file from its start and counts newlines.
 */
#include "connect/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAGIC        0x66696c65U
#define FILE_BLOCK_BYTES  ((size_t)256 << 10)
#define FILE_SLICE_US     20000
#define FILE_RESCAN_US    1000000
#define FILE_TOPIC_ID_MAX 48

/* One file; by the same index as source->partitions. */
struct file_log {
    char *path;
    int fd;
    dev_t device;
    ino_t inode;
    uint64_t read_at;  /* bytes taken from the file; what is behind the last newline is in tail */
    struct buf tail;   /* the beginning of a line whose end has not been read */
    uint64_t limit_at; /* bytes when bounded; UINT64_MAX = follow */
};

struct file_source {
    struct source base;
    uint32_t magic;
    struct stop *stop;
    char *path;
    size_t line_bytes_max;
    bool begins_at_end;
    bool has_started;
    VEC(struct file_log *) logs;
    size_t turn;
    int64_t rescan_us;
    /* guarded by .lock: verify runs on another thread while the job adds files */
    struct mutex lock;
};

struct file_packet {
    struct packet base;
    char *bytes;
};

extern const struct option file_options[];

static struct file_source *file_source_of(struct source *base)
{
    struct file_source *s = CONTAINER_OF(base, struct file_source, base);
    assert(s->magic == FILE_MAGIC);
    return s;
}

static int file_open(const struct settings *settings, const char *query, struct stop *stop,
                     struct source **ret_source, struct err *err)
{
    (void)query;
    struct str path = settings_str(settings, file_options, "path");
    if (path.len == 0) {
        return err_set(err, ERR_CONFIG, "option \"path\" is missing");
    }
    if (str_starts(path, STR("file://"))) {
        path = str_skip(path, strlen("file://"));
    }
    struct file_source *s = mem_new(struct file_source);
    s->base.ops = &file_source_ops;
    s->magic = FILE_MAGIC;
    s->stop = stop;
    s->path = str_dup(path);
    s->line_bytes_max = (size_t)settings_bytes(settings, file_options, "maxLineBytes", 0);
    s->begins_at_end = settings_enum(settings, file_options, "startingOffsets") == 1;
    mutex_init(&s->lock);
    source_set_status(&s->base, SOURCE_RUNNING, "%s", "");
    *ret_source = &s->base;
    return 0;
}

static bool file_is_known(const struct file_source *s, const char *path)
{
    for (size_t i = 0; i < s->logs.count; i++) {
        if (strcmp(s->logs.items[i]->path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Outcome 1 = added, 0 = it is there already or is no file. */
static int file_add(struct file_source *s, const char *path, struct err *err)
{
    struct stat st;
    if (file_is_known(s, path)) {
        return 0;
    }
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int errnum = errno;
        err_set_errno(err, errnum, "file \"%s\"", path);
        return err->code = ERR_CONFIG;
    }
    if (!S_ISREG(st.st_mode)) {
        return 0;
    }
    struct file_log *log = mem_new(struct file_log);
    log->path = mem_strdup(path);
    log->fd = TAKE_FD(fd);
    log->device = st.st_dev;
    log->inode = st.st_ino;
    log->limit_at = UINT64_MAX;
    buf_init(&log->tail, s->line_bytes_max);
    {
        MUTEX_GUARD(&s->lock);
        *vec_push(&s->logs) = log;
    }
    *vec_push(&s->base.partitions) = (struct source_partition){
        .topic = str_of(log->path),
        .topic_id = STR(""),
        .next_offset = -1,
        .end_offset = -1,
        .limit_offset = INT64_MAX,
        .leader_epoch = -1,
    };
    return 1;
}

struct file_walk {
    struct file_source *s;
    int added;
};

static int file_on_walk(void *user, const char *relative, uint64_t bytes, struct err *err)
{
    (void)bytes;
    struct file_walk *walk = user;
    struct str rest = str_of(relative);
    struct str part;
    while (str_split(&rest, '/', &part)) {
        if (part.len > 0 && (part.ptr[0] == '.' || part.ptr[0] == '_')) {
            return 0;
        }
    }
    const char *path = walk->s->path;
    size_t len = strlen(path);
    AUTO_FREE char *full =
        mem_printf("%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", relative);
    walk->added += TRY(file_add(walk->s, full, err));
    return 0;
}

static int file_scan_glob(struct file_source *s, struct err *err)
{
    glob_t found = {0};
    int added = 0;
    int rc = glob(s->path, 0, NULL, &found);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++) {
        int one = file_add(s, found.gl_pathv[i], err);
        if (one < 0) {
            globfree(&found);
            return one;
        }
        added += one;
    }
    globfree(&found);
    return added;
}

/* Looks for files that are not known yet. Answers how many were added. */
static int file_scan(struct file_source *s, struct err *err)
{
    struct stat st;
    if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        struct file_walk walk = {.s = s};
        TRY(fs_walk(s->path, file_on_walk, &walk, err));
        return walk.added;
    }
    if (strpbrk(s->path, "*?[") != NULL) {
        return file_scan_glob(s, err);
    }
    return file_add(s, s->path, err);
}

static int file_discover(struct source *base, struct err *err)
{
    struct file_source *s = file_source_of(base);
    int added = TRY(file_scan(s, err));
    struct stat st;
    if (base->partitions.count == 0 && stat(s->path, &st) < 0 && strpbrk(s->path, "*?[") == NULL) {
        return err_set(err, ERR_CONFIG, "file \"%s\" does not exist", s->path);
    }
    return added;
}

static int file_read_error(const struct file_log *log, int errnum, struct err *err)
{
    return err_set_errno(err, errnum, "file \"%s\"", log->path);
}

/* ERR_DATA when the path is another file now or the file is shorter than what was read. */
static int file_check(const struct file_log *log, uint64_t read_at, struct err *err)
{
    struct stat here;
    struct stat there;
    if (fstat(log->fd, &here) < 0) {
        return file_read_error(log, errno, err);
    }
    if (stat(log->path, &there) < 0 || there.st_ino != log->inode || there.st_dev != log->device) {
        return err_set(err, ERR_DATA, "file \"%s\" was removed or replaced while it was read",
                       log->path);
    }
    if ((uint64_t)here.st_size < read_at) {
        return err_set(err, ERR_DATA,
                       "file \"%s\" is shorter than what was read of it: it was truncated",
                       log->path);
    }
    return 0;
}

/*
 * Counts lines from the start of the file: up to `lines_max` of them, or to the end.  A last line
 * without newline counts only if `takes_rest`.  Answers the byte behind the last line counted.
 */
static int file_count(const struct file_log *log, int64_t lines_max, bool takes_rest,
                      int64_t *ret_lines, uint64_t *ret_bytes, struct err *err)
{
    AUTO_FREE char *block = mem_alloc(FILE_BLOCK_BYTES);
    uint64_t at = 0;
    uint64_t line_at = 0;
    int64_t lines = 0;
    while (lines < lines_max) {
        ssize_t got = pread(log->fd, block, FILE_BLOCK_BYTES, (off_t)at);
        if (got < 0) {
            return file_read_error(log, errno, err);
        }
        if (got == 0) {
            break;
        }
        const char *next = block;
        const char *end = block + got;
        const char *newline = NULL;
        while (lines < lines_max && (newline = memchr(next, '\n', (size_t)(end - next))) != NULL) {
            next = newline + 1;
            lines++;
            line_at = at + (uint64_t)(next - block);
        }
        at += (uint64_t)got;
    }
    if (takes_rest && lines < lines_max && at > line_at) {
        lines++;
        line_at = at;
    }
    *ret_lines = lines;
    *ret_bytes = line_at;
    return 0;
}

static int file_resolve(struct source *base, const bool *which, struct err *err)
{
    struct file_source *s = file_source_of(base);
    for (size_t i = 0; i < base->partitions.count; i++) {
        if (!which[i]) {
            continue;
        }
        int64_t lines = 0;
        uint64_t bytes = 0;
        if (s->begins_at_end && !s->has_started) {
            TRY(file_count(s->logs.items[i], INT64_MAX, false, &lines, &bytes, err));
        }
        base->partitions.items[i].next_offset = lines;
    }
    return 0;
}

static int file_start(struct source *base, struct err *err)
{
    struct file_source *s = file_source_of(base);
    for (size_t i = 0; i < base->partitions.count; i++) {
        struct source_partition *p = &base->partitions.items[i];
        struct file_log *log = s->logs.items[i];
        int64_t lines = 0;
        uint64_t bytes = 0;
        TRY(file_count(log, p->next_offset, true, &lines, &bytes, err));
        if (lines < p->next_offset) {
            return err_set(err, ERR_DATA,
                           "file \"%s\" has %" PRId64 " lines, but line %" PRId64 " is next: it "
                           "was truncated or replaced",
                           log->path, lines, p->next_offset);
        }
        MUTEX_GUARD(&s->lock);
        log->read_at = bytes;
        buf_reset(&log->tail);
        p->started = true;
        p->at_limit = p->next_offset >= p->limit_offset;
    }
    s->has_started = true;
    base->has_new_partitions = false;
    return 0;
}

static void file_packet_free(struct packet *base)
{
    struct file_packet *packet = CONTAINER_OF(base, struct file_packet, base);
    mem_free(packet->bytes);
    mem_free(base->messages);
    mem_free(packet);
}

/* One line becomes a message, unless it is blank (3). */
static void file_line(struct source_partition *p, uint32_t index, struct str line,
                      struct file_packet *packet)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    if (str_trim(line).len > 0) {
        packet->base.messages[packet->base.count++] = (struct message){
            .value = line, .offset = p->next_offset, .timestamp_us = -1, .partition = index};
    }
    p->next_offset++;
    p->at_limit = p->next_offset >= p->limit_offset;
}

/*
 * Cuts `text` into lines until the packet is full.  Answers the bytes used: all up to the last
 * newline that was taken, or everything when `takes_rest` and no newline is left.
 */
static size_t file_cut(struct source_partition *p, uint32_t index, struct str text, bool takes_rest,
                       size_t messages_max, struct file_packet *packet)
{
    size_t used = 0;
    while (packet->base.count < messages_max && !p->at_limit && used < text.len) {
        struct str rest = str_skip(text, used);
        ptrdiff_t newline = str_find(rest, '\n');
        if (newline < 0 && !takes_rest) {
            break;
        }
        size_t len = newline < 0 ? rest.len : (size_t)newline;
        file_line(p, index, str_head(rest, len), packet);
        used += len + (newline < 0 ? 0 : 1);
    }
    return used;
}

/* Reads the next block behind the tail into *ret_bytes (tail first). */
static int file_read(struct file_log *log, size_t want, char **ret_bytes, size_t *ret_len,
                     struct err *err)
{
    uint64_t left = log->limit_at - log->read_at;
    if (want > left) {
        want = (size_t)left;
    }
    AUTO_FREE char *bytes = mem_alloc(log->tail.len + want + 1);
    if (log->tail.len > 0) {
        memcpy(bytes, log->tail.ptr, log->tail.len);
    }
    ssize_t got = want == 0 ? 0 : pread(log->fd, bytes + log->tail.len, want, (off_t)log->read_at);
    if (got < 0) {
        return file_read_error(log, errno, err);
    }
    *ret_len = log->tail.len + (size_t)got;
    *ret_bytes = TAKE(bytes);
    return (int)(got > 0);
}

/* What was read but not used is kept for the next time. */
static int file_keep(struct file_source *s, struct file_log *log, struct str rest, struct err *err)
{
    if (rest.len > s->line_bytes_max && str_find(rest, '\n') < 0) {
        return err_set(err, ERR_DATA, "file \"%s\" has a line longer than %zu bytes", log->path,
                       s->line_bytes_max);
    }
    buf_reset(&log->tail);
    log->tail.max = rest.len > log->tail.max ? rest.len : log->tail.max;
    buf_add_str(&log->tail, rest);
    return buf_check(&log->tail, "a line", err);
}

/* Takes what one file has. NULL in *ret_packet when there is nothing (yet). */
static int file_take(struct file_source *s, size_t index, size_t messages_max, uint64_t bytes_max,
                     struct packet **ret_packet, struct err *err)
{
    struct source_partition *p = &s->base.partitions.items[index];
    struct file_log *log = s->logs.items[index];
    size_t want = bytes_max < FILE_BLOCK_BYTES ? (size_t)bytes_max + 1 : FILE_BLOCK_BYTES;
    AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    int has_read = TRY(file_read(log, want, &bytes, &len, err));
    if (len == 0) {
        return 0;
    }
    struct file_packet *packet = mem_new(struct file_packet);
    packet->base.messages = mem_new_array(struct message, messages_max);
    packet->base.free = file_packet_free;
    bool takes_rest = log->limit_at != UINT64_MAX && has_read == 0;
    size_t used = file_cut(p, (uint32_t)index, str_n(bytes, len), takes_rest, messages_max, packet);
    uint64_t read_now = len - log->tail.len;
    int rc = file_keep(s, log, str_n(bytes + used, len - used), err);
    {
        MUTEX_GUARD(&s->lock);
        log->read_at += read_now;
    }
    packet->bytes = TAKE(bytes);
    packet->base.bytes = sizeof(*packet) + len + messages_max * sizeof(struct message);
    if (rc < 0 || packet->base.count == 0) {
        file_packet_free(&packet->base);
        return rc < 0 ? rc : (int)(used > 0 || has_read > 0);
    }
    *ret_packet = &packet->base;
    return 1;
}

static bool file_is_at_end(const struct file_source *s)
{
    for (size_t i = 0; i < s->base.partitions.count; i++) {
        const struct source_partition *p = &s->base.partitions.items[i];
        if (p->started && !p->at_limit) {
            return false;
        }
    }
    return s->base.partitions.count > 0 && s->base.partitions.items[0].limit_offset != INT64_MAX;
}

/* Asks each file in turn. 1 = something was read (a packet perhaps), 0 = nothing anywhere. */
static int file_round(struct file_source *s, size_t messages_max, uint64_t bytes_max,
                      struct packet **ret_packet, struct err *err)
{
    int progress = 0;
    for (size_t i = 0; i < s->logs.count && *ret_packet == NULL; i++) {
        size_t index = s->turn % s->logs.count;
        s->turn = index + 1;
        const struct source_partition *p = &s->base.partitions.items[index];
        if (p->started && !p->at_limit) {
            progress |= TRY(file_take(s, index, messages_max, bytes_max, ret_packet, err));
        }
    }
    return progress;
}

static int file_poll(struct source *base, int64_t until_mono_us, size_t messages_max,
                     uint64_t bytes_max, struct packet **ret_packet, struct err *err)
{
    struct file_source *s = file_source_of(base);
    struct packet *packet = NULL;
    for (;;) {
        int64_t now = clock_mono_us();
        if (now >= s->rescan_us) {
            s->rescan_us = now + FILE_RESCAN_US;
            base->has_new_partitions = TRY(file_scan(s, err)) > 0 || base->has_new_partitions;
            for (size_t i = 0; i < s->logs.count; i++) {
                TRY(file_check(s->logs.items[i], s->logs.items[i]->read_at, err));
            }
        }
        if (file_is_at_end(s)) {
            return SOURCE_END;
        }
        int progress = TRY(file_round(s, messages_max, bytes_max, &packet, err));
        if (packet != NULL) {
            *ret_packet = packet;
            return SOURCE_PACKET;
        }
        if (now >= until_mono_us || stop_is_set(s->stop)) {
            return SOURCE_IDLE;
        }
        if (progress == 0 && !file_is_at_end(s)) {
            int64_t left = until_mono_us - now;
            if (stop_wait_us(s->stop, left < FILE_SLICE_US ? left : FILE_SLICE_US)) {
                return SOURCE_IDLE;
            }
        }
    }
}

static int file_bound(struct source *base, struct err *err)
{
    struct file_source *s = file_source_of(base);
    for (size_t i = 0; i < base->partitions.count; i++) {
        struct source_partition *p = &base->partitions.items[i];
        int64_t lines = 0;
        uint64_t bytes = 0;
        TRY(file_count(s->logs.items[i], INT64_MAX, true, &lines, &bytes, err));
        p->limit_offset = lines;
        p->end_offset = lines;
        p->at_limit = p->next_offset >= lines;
        s->logs.items[i]->limit_at = bytes;
    }
    return 0;
}

static int file_verify(struct source *base, struct err *err)
{
    struct file_source *s = file_source_of(base);
    MUTEX_GUARD(&s->lock);
    for (size_t i = 0; i < s->logs.count; i++) {
        TRY(file_check(s->logs.items[i], s->logs.items[i]->read_at, err));
    }
    return 0;
}

static void file_acknowledge(struct source *base, const int64_t *next_offsets, size_t count)
{
    (void)base;
    (void)next_offsets;
    (void)count;
}

static void file_close(struct source *base)
{
    struct file_source *s = file_source_of(base);
    for (size_t i = 0; i < s->logs.count; i++) {
        struct file_log *log = s->logs.items[i];
        fd_close(&log->fd);
        buf_done(&log->tail);
        mem_free(log->path);
        mem_free(log);
    }
    vec_done(&s->logs);
    vec_done(&base->partitions);
    mutex_done(&s->lock);
    mem_free(s->path);
    mem_free(s);
}

const struct option file_options[] = {
    {"path", OPTION_STRING, NULL, NULL,
     "a file, a pattern like 'in/*.json', or a folder: each line is a message"},
    {"startingOffsets", OPTION_ENUM, "earliest", "earliest|latest",
     "where a new query begins in the files that are there"},
    {"maxLineBytes", OPTION_BYTES, "64 MiB", NULL, "a longer line stops the query"},
    {"maxOffsetsPerTrigger", OPTION_INT, NULL, NULL, "most messages in a batch"},
    {0},
};

const struct source_ops file_source_ops = {
    .name = "file",
    .options = file_options,
    .open = file_open,
    .discover = file_discover,
    .resolve = file_resolve,
    .start = file_start,
    .poll = file_poll,
    .bound = file_bound,
    .verify = file_verify,
    .acknowledge = file_acknowledge,
    .close = file_close,
};
