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

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAIN_NAME             "sluice.registry.proto"
#define DESCRIPTORS_BYTES_MAX ((size_t)64 << 20)
#define COMPLAINT_BYTES_MAX   700
#define NAME_BYTES_MAX        512
#define LOOK_US               2000

struct folder {
    char *path;
};

static void folder_done(struct folder *f)
{
    struct err ignored;
    if (f->path != NULL) {
        (void)fs_remove_tree(f->path, &ignored);
        mem_free(f->path);
    }
}

#define AUTO_FOLDER AUTO(folder_done)

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

/* ---- the process ---- */

static int spawn(char *const argv[], const char *stderr_path, pid_t *ret_pid, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, stderr_path,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT) {
        return err_set(err, ERR_CONFIG,
                       "the program \"protoc\" is needed for Protobuf schemas and is not there; "
                       "Debian has it in the package protobuf-compiler");
    }
    return rc == 0 ? 0 : err_set_errno(err, rc, "cannot start protoc");
}

/* Rule (2). Gives the exit code, -1 for a signal. */
static int wait_for(pid_t pid, int64_t deadline_mono_us, struct stop *stop, int *ret_code,
                    struct err *err)
{
    int status = 0;
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got < 0 && errno != EINTR) {
            return err_set_errno(err, errno, "cannot wait for protoc");
        }
        if (got == pid) {
            *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            return 0;
        }
        bool stopped = stop != NULL && stop_is_set(stop);
        if (stopped || clock_mono_us() >= deadline_mono_us) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return stopped ? err_set(err, ERR_CANCELED, "protoc: canceled")
                           : err_set_retry(err, "protoc did not end in time");
        }
        clock_sleep_us(LOOK_US);
    }
}

/* Its first lines, in one; paths of ours are taken out. */
static void add_complaint(const char *path, struct buf *out)
{
    AUTO_BUF struct buf text = {0};
    struct err ignored;
    buf_init(&text, (size_t)1 << 20);
    (void)fs_read_file(path, &text, &ignored);
    struct str rest = str_head(str_trim(buf_str(&text)), COMPLAINT_BYTES_MAX);
    rest.len = str_utf8_prefix(rest);
    struct str line;
    bool first = true;
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        struct str own = STR(MAIN_NAME ":");
        line = str_trim(line);
        buf_add_c(out, first ? "" : "; ");
        buf_add_str(out, str_starts(line, own) ? str_skip(line, own.len) : line);
        first = false;
    }
}

int codec_registry_proto_compile(struct str text, const struct codec_schema_file *references,
                                 size_t reference_count, int64_t deadline_mono_us,
                                 struct stop *stop, struct arena *arena,
                                 struct str *ret_descriptors, struct err *err)
{
    const char *temp = getenv("TMPDIR");
    AUTO_FOLDER struct folder folder = {0};
    TRY(fs_make_temp_dir(temp != NULL && temp[0] != '\0' ? temp : "/tmp", "sluice-proto",
                         &folder.path, err));
    AUTO_FREE char *sources = mem_printf("%s/in", folder.path);
    TRY(write_sources(sources, text, references, reference_count, err));
    AUTO_FREE char *complaint = mem_printf("%s/stderr", folder.path);
    AUTO_FREE char *result = mem_printf("%s/out", folder.path);
    AUTO_FREE char *source_arg = mem_printf("--proto_path=%s", sources);
    AUTO_FREE char *out_arg = mem_printf("--descriptor_set_out=%s", result);
    char program[] = "protoc";
    char imports[] = "--include_imports";
    char main_name[] = MAIN_NAME;
    char *const argv[] = {program, source_arg, out_arg, imports, main_name, NULL};
    pid_t pid;
    int code = 0;
    TRY(spawn(argv, complaint, &pid, err));
    TRY(wait_for(pid, deadline_mono_us, stop, &code, err));
    if (code != 0) {
        AUTO_BUF struct buf why = {0};
        add_complaint(complaint, &why);
        return err_set(err, ERR_DATA, "protoc: %s", why.len == 0 ? "no reason given" : why.ptr);
    }
    AUTO_BUF struct buf descriptors = {0};
    buf_init(&descriptors, DESCRIPTORS_BYTES_MAX);
    TRY(fs_read_file(result, &descriptors, err));
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
