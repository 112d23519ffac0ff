/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/delta.h"

#include <stdlib.h>

/*
 * dv - deletion vectors: the rows of a file that do not count any more
 *
 *     file     version byte 1, then anywhere: size (BE 4), data, CRC-32 of data (BE 4)
 *     data     magic (LE 4), number of maps (LE 8), then each: high half of the rows (LE 4), map
 *     or       magic (BE 4), number of maps (BE 4), then each: its bytes (BE 4), map: the early
 *              form of the protocol's own example; the high half is the place of the map
 *     map      a Roaring bitmap of 32 bits in its portable form, all LE:
 *              cookie 12346, count (4)                            no run containers
 *              cookie 12347 | count - 1 << 16, a bit a container  set = a run container
 *              key (2), cardinality - 1 (2) of each container
 *              offsets (4) of each, with cookie 12346 or from 4 containers on
 *              containers: array   ascending values (2), up to 4096 of them
 *                          bitmap  1024 words (8)
 *                          run     number of runs (2), then start, length - 1 (2 each)
 *
 *  (1) It is checked as a whole before the first row comes out: sizes, order, counts,
 *      the CRC, the cardinality that the log states.  A vector that does not add up
 *      is ERR_CORRUPT: to read on would bring deleted rows back.
 *  (2) Rows come out one after the other: a few bytes can stand for billions of rows,
 *      which are never held.
 *  (3) A file's name comes from the log's UUID; a path of its own ("p") is followed
 *      only into the table's folder.
 */
enum {
    DV_MAGIC = 1681511377,
    DV_MAGIC_EARLY = 1681511376,
    COOKIE = 12346,
    COOKIE_RUNS = 12347,
    OFFSETS_FROM = 4, /* containers, with COOKIE_RUNS */
    ARRAY_MAX = 4096,
    BITMAP_BYTES = 8192,
    UUID_CHARS = 20, /* 16 bytes in base 85 */
    VERSION_IN_REACH = 4096,
};
#define DV_BYTES_MAX ((uint64_t)256 << 20)

enum container_kind { CONTAINER_ARRAY, CONTAINER_BITMAP, CONTAINER_RUNS };

struct delta_dv_container {
    uint64_t base; /* of its rows */
    enum container_kind kind;
    uint32_t count; /* values, or runs */
    uint32_t cardinality;
    const uint8_t *data;
};

/* ---- base 85 (Z85) --------------------------------------------------------------------------- */

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 ".-:+=^!/*?&<>()[]{}@%$#";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

static bool decode_z85(struct str text, struct buf *out)
{
    if (text.len % 5 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i += 5) {
        uint64_t value = 0;
        for (size_t k = 0; k < 5; k++) {
            int digit = digit_of(text.ptr[i + k]);
            if (digit < 0) {
                return false;
            }
            value = value * 85 + (uint64_t)digit;
        }
        if (value > UINT32_MAX) {
            return false;
        }
        for (int shift = 24; shift >= 0; shift -= 8) {
            buf_add_char(out, (char)(value >> shift));
        }
    }
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint32_t big_end(const char *at)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value = value << 8 | (uint8_t)at[i];
    }
    return value;
}

static uint16_t u16_at(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

/* CRC-32 as in gzip. */
static uint32_t crc_of(struct str bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static const uint8_t *take(struct cursor *c, size_t bytes)
{
    static const uint8_t nothing[8];
    if (bytes > (size_t)(c->end - c->at)) {
        c->bad = true;
        c->at = c->end;
        return bytes <= sizeof(nothing) ? nothing : NULL;
    }
    const uint8_t *at = c->at;
    c->at += bytes;
    return at;
}

static uint64_t take_number(struct cursor *c, size_t bytes)
{
    const uint8_t *at = take(c, bytes);
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

/* ---- containers ------------------------------------------------------------------------------ */

static bool check_array(const struct delta_dv_container *c)
{
    for (uint32_t i = 1; i < c->count; i++) {
        if (u16_at(c->data + 2 * (size_t)i) <= u16_at(c->data + 2 * (size_t)(i - 1))) {
            return false;
        }
    }
    return true;
}

static bool check_bitmap(const struct delta_dv_container *c)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < BITMAP_BYTES; i++) {
        bits += (uint32_t)__builtin_popcount(c->data[i]);
    }
    return bits == c->cardinality;
}

static bool check_runs(const struct delta_dv_container *c)
{
    uint32_t next = 0; /* the lowest start that the run may have */
    uint32_t values = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t start = u16_at(c->data + 4 * (size_t)i);
        uint32_t length = (uint32_t)u16_at(c->data + 4 * (size_t)i + 2) + 1;
        if (start < next || start + length > 65536) {
            return false;
        }
        next = start + length;
        values += length;
    }
    return values == c->cardinality;
}

static void read_container(struct cursor *c, struct delta_dv_container *out, bool is_runs)
{
    if (is_runs) {
        out->kind = CONTAINER_RUNS;
        out->count = (uint32_t)take_number(c, 2);
        out->data = take(c, 4 * (size_t)out->count);
        c->bad = c->bad || !check_runs(out);
    } else if (out->cardinality <= ARRAY_MAX) {
        out->kind = CONTAINER_ARRAY;
        out->count = out->cardinality;
        out->data = take(c, 2 * (size_t)out->count);
        c->bad = c->bad || !check_array(out);
    } else {
        out->kind = CONTAINER_BITMAP;
        out->count = out->cardinality;
        out->data = take(c, BITMAP_BYTES);
        c->bad = c->bad || !check_bitmap(out);
    }
}

/* One map of 32 bits; its rows begin at `base`. */
static void read_map(struct delta_dv *dv, struct cursor *c, uint64_t base)
{
    uint32_t cookie = (uint32_t)take_number(c, 4);
    bool has_runs = (cookie & 0xFFFF) == COOKIE_RUNS;
    uint64_t count = has_runs ? (cookie >> 16) + 1 : take_number(c, 4);
    if ((!has_runs && cookie != COOKIE) || count > 65536) {
        c->bad = true;
        return;
    }
    const uint8_t *run_bits = has_runs ? take(c, (size_t)(count + 7) / 8) : NULL;
    const uint8_t *heads = take(c, 4 * (size_t)count);
    if (!has_runs || count >= OFFSETS_FROM) {
        (void)take(c, 4 * (size_t)count);
    }
    int32_t last = -1;
    for (size_t i = 0; i < count && !c->bad; i++) {
        uint16_t key = u16_at(heads + 4 * i);
        struct delta_dv_container container = {
            .base = base | (uint64_t)key << 16,
            .cardinality = (uint32_t)u16_at(heads + 4 * i + 2) + 1,
        };
        c->bad = key <= last;
        last = key;
        if (!c->bad) {
            read_container(c, &container, has_runs && (run_bits[i / 8] >> i % 8 & 1) != 0);
        }
        dv->row_count += container.cardinality;
        *vec_push(&dv->containers) = container;
    }
}

static void read_maps(struct delta_dv *dv, struct cursor *c)
{
    uint64_t maps = take_number(c, 8);
    int64_t last = -1;
    for (uint64_t i = 0; i < maps && !c->bad; i++) {
        int64_t high = (int64_t)take_number(c, 4);
        c->bad = c->bad || high <= last || high > INT32_MAX;
        last = high;
        if (!c->bad) {
            read_map(dv, c, (uint64_t)high << 32);
        }
    }
}

static uint32_t take_big(struct cursor *c)
{
    return __builtin_bswap32((uint32_t)take_number(c, 4));
}

static void read_early_maps(struct delta_dv *dv, struct cursor *c)
{
    uint32_t maps = take_big(c);
    for (uint32_t i = 0; i < maps && !c->bad; i++) {
        uint32_t bytes = take_big(c);
        const uint8_t *begin = c->at;
        c->bad = c->bad || i > INT32_MAX;
        if (!c->bad) {
            read_map(dv, c, (uint64_t)i << 32);
        }
        c->bad = c->bad || (size_t)(c->at - begin) != bytes;
    }
}

int delta_dv_parse(struct delta_dv *dv, struct str data, struct err *err)
{
    struct cursor c = {(const uint8_t *)data.ptr, (const uint8_t *)data.ptr + data.len, false};
    uint32_t magic = (uint32_t)take_number(&c, 4);
    if (magic == DV_MAGIC) {
        read_maps(dv, &c);
    } else if (__builtin_bswap32(magic) == DV_MAGIC_EARLY) {
        read_early_maps(dv, &c);
    } else {
        return err_set(err, ERR_CORRUPT, "it is no deletion vector");
    }
    return c.bad || c.at != c.end ? err_set(err, ERR_CORRUPT, "it is damaged") : 0;
}

bool delta_dv_next(struct delta_dv *dv, uint64_t *ret_row)
{
    while (dv->container < dv->containers.count) {
        const struct delta_dv_container *c = &dv->containers.items[dv->container];
        if (c->kind == CONTAINER_ARRAY && dv->item < c->count) {
            *ret_row = c->base | u16_at(c->data + 2 * (size_t)dv->item++);
            return true;
        }
        if (c->kind == CONTAINER_RUNS && dv->item < c->count) {
            uint32_t start = u16_at(c->data + 4 * (size_t)dv->item);
            *ret_row = c->base | (start + dv->inside);
            bool is_last = dv->inside++ == u16_at(c->data + 4 * (size_t)dv->item + 2);
            dv->item += is_last ? 1 : 0;
            dv->inside = is_last ? 0 : dv->inside;
            return true;
        }
        while (c->kind == CONTAINER_BITMAP && dv->item < 65536) {
            uint32_t bit = dv->item++;
            if ((c->data[bit / 8] >> bit % 8 & 1) != 0) {
                *ret_row = c->base | bit;
                return true;
            }
        }
        dv->container++;
        dv->item = 0;
    }
    return false;
}

void delta_dv_close(struct delta_dv *dv)
{
    vec_done(&dv->containers);
    buf_done(&dv->bytes);
    *dv = (struct delta_dv){0};
}

/* ---- where it is ----------------------------------------------------------------------------- */

struct descriptor {
    struct str type, path;
    int64_t offset, bytes, cardinality;
};

static int read_descriptor(struct arena *arena, struct str text, struct descriptor *d,
                           struct err *err)
{
    struct json *root = NULL;
    *d = (struct descriptor){.offset = 1, .bytes = -1, .cardinality = -1};
    TRY(json_parse(arena, text, &root, err));
    (void)json_get_i64(json_find(root, "offset"), &d->offset);
    if (!json_get_str(json_find(root, "storageType"), &d->type) ||
        !json_get_str(json_find(root, "pathOrInlineDv"), &d->path) ||
        !json_get_i64(json_find(root, "sizeInBytes"), &d->bytes) ||
        !json_get_i64(json_find(root, "cardinality"), &d->cardinality) || d->bytes < 0 ||
        (uint64_t)d->bytes > DV_BYTES_MAX || d->cardinality < 0 || d->offset < 0) {
        return err_set(err, ERR_CORRUPT, "the log describes it wrong");
    }
    return 0;
}

/* "ab" and a UUID in base 85 → "ab/deletion_vector_<uuid>.bin" */
static int uuid_key(struct str path, struct buf *key, struct err *err)
{
    AUTO_BUF struct buf uuid = {0};
    if (path.len < UUID_CHARS || !decode_z85(str_skip(path, path.len - UUID_CHARS), &uuid)) {
        return err_set(err, ERR_CORRUPT, "\"%.*s\" is no file's name", STR_FMT(path));
    }
    if (path.len > UUID_CHARS) {
        buf_add_str(key, str_head(path, path.len - UUID_CHARS));
        buf_add_char(key, '/');
    }
    buf_add_c(key, "deletion_vector_");
    for (size_t i = 0; i < 16; i++) {
        buf_add_c(key, i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "");
        buf_add_hex(key, uuid.ptr + i, 1);
    }
    buf_add_c(key, ".bin");
    return 0;
}

/* An absolute path in the folder of a local table. */
static int absolute_key(struct store *store, struct str path, struct buf *key, struct err *err)
{
    const char *local = store_local_root(store);
    AUTO_FREE char *root = local == NULL ? NULL : realpath(local, NULL);
    AUTO_BUF struct buf decoded = {0};
    struct str rest = path;
    if (str_starts_nocase(path, STR("file:"))) {
        TRY(uri_decode(&decoded, str_skip(path, strlen("file:")), err));
        rest = buf_str(&decoded);
        while (str_starts(rest, STR("//"))) {
            rest = str_skip(rest, 1);
        }
    }
    size_t len = root == NULL ? 0 : strlen(root);
    if (root == NULL || !str_starts(rest, str_of(root)) || rest.len <= len ||
        rest.ptr[len] != '/') {
        return err_set(err, ERR_CONFIG,
                       "\"%.*s\" is outside of the table's folder (a shallow clone?), which cannot "
                       "be read",
                       STR_FMT(path));
    }
    buf_add_str(key, str_skip(rest, len + 1));
    return 0;
}

/* Size, data and CRC at the offset, to dv->bytes; the version byte too where it is near. */
static int read_file(struct delta_dv *dv, struct store *store, const struct descriptor *d,
                     struct str key, struct str *ret_data, struct err *err)
{
    uint64_t from = d->offset <= VERSION_IN_REACH ? 0 : (uint64_t)d->offset;
    uint64_t before = (uint64_t)d->offset - from;
    uint64_t bytes = before + (uint64_t)d->bytes + 8;
    buf_init(&dv->bytes, DV_BYTES_MAX + VERSION_IN_REACH + 8);
    int rc = store_get_range(store, key, from, bytes, &dv->bytes, err);
    if (rc < 0) {
        return rc;
    }
    if (rc == STORE_ABSENT || dv->bytes.len != bytes) {
        return err_set(err, ERR_CORRUPT, "file \"%.*s\" is %s", STR_FMT(key),
                       rc == STORE_ABSENT ? "gone" : "too short");
    }
    if (before > 0 && dv->bytes.ptr[0] != 1) {
        return err_set(err, ERR_CONFIG, "file \"%.*s\" has format version %d, which is unknown",
                       STR_FMT(key), dv->bytes.ptr[0]);
    }
    struct str data = {dv->bytes.ptr + before + 4, (size_t)d->bytes};
    if (big_end(data.ptr - 4) != (uint64_t)d->bytes ||
        big_end(data.ptr + data.len) != crc_of(data)) {
        return err_set(err, ERR_CORRUPT, "file \"%.*s\" has a wrong size or checksum",
                       STR_FMT(key));
    }
    *ret_data = data;
    return 0;
}

static int read_inline(struct delta_dv *dv, const struct descriptor *d, struct str *ret_data,
                       struct err *err)
{
    if (!decode_z85(d->path, &dv->bytes) || dv->bytes.len < (uint64_t)d->bytes ||
        dv->bytes.len - (uint64_t)d->bytes > 3) {
        return err_set(err, ERR_CORRUPT, "its text is damaged");
    }
    *ret_data = str_n(dv->bytes.ptr, (size_t)d->bytes);
    return 0;
}

static int open_described(struct delta_dv *dv, struct store *store, struct str text,
                          struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf key = {0};
    struct descriptor d;
    struct str data = STR_NULL;
    TRY(read_descriptor(&arena, text, &d, err));
    if (str_eq_c(d.type, "i")) {
        TRY(read_inline(dv, &d, &data, err));
    } else if (str_eq_c(d.type, "u")) {
        TRY(uuid_key(d.path, &key, err));
        TRY(read_file(dv, store, &d, buf_str(&key), &data, err));
    } else if (str_eq_c(d.type, "p")) {
        TRY(absolute_key(store, d.path, &key, err));
        TRY(read_file(dv, store, &d, buf_str(&key), &data, err));
    } else {
        return err_set(err, ERR_CONFIG, "its storage type \"%.*s\" is unknown", STR_FMT(d.type));
    }
    TRY(delta_dv_parse(dv, data, err));
    if (dv->row_count != (uint64_t)d.cardinality) {
        return err_set(err, ERR_CORRUPT, "it has %" PRIu64 " rows, the log says %" PRId64,
                       dv->row_count, d.cardinality);
    }
    return 0;
}

int delta_dv_open(struct delta_dv *dv, struct store *store, struct str descriptor, struct err *err)
{
    *dv = (struct delta_dv){0};
    int rc = open_described(dv, store, descriptor, err);
    if (rc < 0) {
        delta_dv_close(dv);
        return err_wrap(err, "deletion vector");
    }
    return 0;
}
