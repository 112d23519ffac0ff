/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_proto - Protobuf schemas, which registries keep as .proto text
 *
 *  (1) protoc sees a private folder with the schema and its references, and what it brings
 *      itself (google/protobuf/…).  A reference's name becomes a path below that folder or is
 *      refused.
 *  (2) It runs at most until the deadline or the stop, then it is killed and waited for.
 *
 * Descriptors are read just far enough to find the name of a message; decoding them is the
 * Protobuf codec's.
 */
#include "codec/registry_proto.h"

#include "codec/protobuf_compile.h"

#define MAIN_NAME             "sluice.registry.proto"
#define DESCRIPTORS_BYTES_MAX ((size_t)64 << 20)
#define NAME_BYTES_MAX        512

/* ---- the folder ---- */

/* Rule (1). */
static bool is_safe_path(struct str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == '\\') {
            return false;
        }
    }
    struct str part;
    while (str_split(&name, '/', &part)) {
        if (part.len == 0 || part.len > 200 || str_eq_c(part, ".") || str_eq_c(part, "..")) {
            return false;
        }
    }
    return true;
}

static int write_source(const char *dir, struct str name, struct str text, struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/%.*s", dir, STR_FMT(name));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    TRY(fs_make_dirs(path, err));
    *slash = '/';
    return fs_write_file(path, text, err);
}

static int write_sources(const char *dir, struct str text,
                         const struct codec_schema_file *references, size_t reference_count,
                         struct err *err)
{
    TRY(fs_make_dirs(dir, err));
    for (size_t i = 0; i < reference_count; i++) {
        struct str name = references[i].name;
        if (!is_safe_path(name) || str_eq_c(name, MAIN_NAME)) {
            return err_set(err, ERR_DATA, "the reference's name \"%.*s\" is no path for an import",
                           STR_FMT(str_head(name, 100)));
        }
        TRY(write_source(dir, name, references[i].text, err));
    }
    return write_source(dir, STR(MAIN_NAME), text, err);
}

int codec_registry_proto_compile(struct str text, const struct codec_schema_file *references,
                                 size_t reference_count, int64_t deadline_mono_us,
                                 struct stop *stop, struct arena *arena,
                                 struct str *ret_descriptors, struct err *err)
{
    AUTO_PROTOC_FOLDER char *folder = NULL;
    TRY(codec_protobuf_compile_folder(&folder, err));
    AUTO_FREE char *sources = mem_printf("%s/in", folder);
    TRY(write_sources(sources, text, references, reference_count, err));
    AUTO_BUF struct buf descriptors = {0};
    buf_init(&descriptors, DESCRIPTORS_BYTES_MAX);
    struct codec_protobuf_compile_run run = {
        .folder = folder,
        .files = (const char *const[]){MAIN_NAME, NULL},
        .includes = (const char *const[]){sources, NULL},
        .deadline_mono_us = deadline_mono_us,
        .stop = stop,
        .refusal = ERR_DATA,
        .own_name = MAIN_NAME,
    };
    TRY(codec_protobuf_compile_run(&run, &descriptors, err));
    *ret_descriptors = arena_str(arena, buf_str(&descriptors));
    return 0;
}

/* ---- descriptors ---- */

/* A field of a message on the wire. */
struct field {
    uint32_t number;
    bool is_bytes;
    struct str bytes;
};

static bool take_varint(struct str *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < rest->len; i++) {
        uint8_t byte = (uint8_t)rest->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = str_skip(*rest, i + 1);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Outcome 1 = a field, 0 = the end, ERR_DATA. */
static int next_field(struct str *rest, struct field *f, struct err *err)
{
    uint64_t tag;
    uint64_t value;
    if (rest->len == 0) {
        return 0;
    }
    size_t skip = 0;
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3) {
        return err_set(err, ERR_DATA, "a descriptor is damaged");
    }
    *f = (struct field){.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
    case 0:
        if (!take_varint(rest, &value)) {
            return err_set(err, ERR_DATA, "a descriptor is cut off");
        }
        return 1;
    case 1:
        skip = 8;
        break;
    case 2:
        if (!take_varint(rest, &value) || value > rest->len) {
            return err_set(err, ERR_DATA, "a descriptor is cut off");
        }
        f->is_bytes = true;
        f->bytes = str_head(*rest, (size_t)value);
        skip = (size_t)value;
        break;
    case 5:
        skip = 4;
        break;
    default:
        return err_set(err, ERR_DATA, "a descriptor is damaged");
    }
    if (skip > rest->len) {
        return err_set(err, ERR_DATA, "a descriptor is cut off");
    }
    *rest = str_skip(*rest, skip);
    return 1;
}

/* The field `number` for the `index`-th time (SIZE_MAX = the last). Outcome 1 = found, 0 = not. */
static int find_field(struct str message, uint32_t number, size_t index, struct str *ret_bytes,
                      struct err *err)
{
    struct field f = {0};
    size_t seen = 0;
    bool found = false;
    while (TRY(next_field(&message, &f, err)) == 1) {
        if (f.number == number && f.is_bytes) {
            if (index == SIZE_MAX || seen == index) {
                *ret_bytes = f.bytes;
                found = true;
            }
            seen++;
        }
    }
    return found ? 1 : 0;
}

int codec_registry_proto_message(struct str descriptors, const uint32_t *indexes,
                                 size_t index_count, struct buf *out, struct err *err)
{
    enum { SET_FILE = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, MESSAGE_NAME = 1, MESSAGE_NESTED = 3 };
    struct str at;
    assert(index_count > 0);
    if (TRY(find_field(descriptors, SET_FILE, SIZE_MAX, &at, err)) == 0) {
        return err_set(err, ERR_DATA, "there is no file in the descriptors");
    }
    struct str package = STR("");
    TRY(find_field(at, FILE_PACKAGE, SIZE_MAX, &package, err));
    buf_add_str(out, package);
    for (size_t i = 0; i < index_count; i++) {
        uint32_t number = i == 0 ? FILE_MESSAGE : MESSAGE_NESTED;
        struct str name;
        if (TRY(find_field(at, number, indexes[i], &at, err)) == 0) {
            return err_set(err, ERR_DATA, "the schema has no message number %" PRIu32 " %s%.*s",
                           indexes[i], i == 0 ? "in its file" : "within ",
                           STR_FMT(i == 0 ? STR("") : str_head(buf_str(out), 200)));
        }
        if (TRY(find_field(at, MESSAGE_NAME, SIZE_MAX, &name, err)) == 0) {
            return err_set(err, ERR_DATA, "a message in the descriptors has no name");
        }
        buf_add_c(out, out->len > 0 ? "." : "");
        buf_add_str(out, name);
    }
    return 0;
}
