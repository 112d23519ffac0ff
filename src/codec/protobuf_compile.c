/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_compile - .proto files to a descriptor set, by protoc
 *
 * protoc writes into a fresh private folder; what it says on stderr comes through a pipe and
 * into the error.  No shell is involved and no name is taken for an option.
 *
 * Invariants:
 *  (1) The folder is removed and the process reaped on every path.
 *  (2) It ends: what it says is cut at 64 KiB, and at the deadline it is killed.
 */
#include "codec/protobuf_compile.h"

#include <stdlib.h>

#include "codec/protobuf.h"

#define PROTOC_US_MAX        (INT64_C(60) * 1000000)
#define SAID_BYTES_MAX       ((size_t)64 << 10)
#define COMPLAINT_BYTES_MAX  700
#define DESCRIPTOR_BYTES_MAX ((size_t)256 << 20)

int codec_protobuf_compile_folder(char **ret_folder, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    return fs_make_temp_dir(parent != NULL && parent[0] != '\0' ? parent : "/tmp", "protoc",
                            ret_folder, err);
}

void codec_protobuf_compile_folder_done(char **folder)
{
    if (*folder != NULL) {
        struct err ignored;
        fs_remove_tree(*folder, &ignored);
        mem_free(*folder);
    }
}

/* The arguments, in an arena; options first, then files, none of which looks like an option. */
static const char **arguments(struct arena *arena, const char *const *files,
                              const char *const *includes, const char *out)
{
    size_t file_count = 0;
    size_t include_count = 0;
    while (files[file_count] != NULL) {
        file_count++;
    }
    while (includes != NULL && includes[include_count] != NULL) {
        include_count++;
    }
    const char **args = arena_new_array(arena, const char *, 2 * file_count + include_count + 4);
    size_t count = 0;
    args[count++] = "protoc";
    args[count++] = "--include_imports";
    args[count++] = arena_printf(arena, "--descriptor_set_out=%s", out);
    for (size_t i = 0; i < include_count; i++) {
        args[count++] = arena_printf(arena, "--proto_path=%s", includes[i]);
    }
    for (size_t i = 0; i < file_count && include_count == 0; i++) {
        struct str path = str_of(files[i]);
        ptrdiff_t slash = str_rfind(path, '/');
        struct str folder = slash < 0    ? STR(".")
                            : slash == 0 ? STR("/")
                                         : str_head(path, (size_t)slash);
        args[count++] = arena_printf(arena, "--proto_path=%.*s", STR_FMT(folder));
    }
    for (size_t i = 0; i < file_count; i++) {
        bool is_bare = files[i][0] == '-' || files[i][0] == '@';
        args[count++] = arena_printf(arena, "%s%s", is_bare ? "./" : "", files[i]);
    }
    return args;
}

/* The first lines of what it says, in one. */
static void join_lines(struct str said, const char *own_name, struct buf *out)
{
    struct str rest = str_head(str_trim(said), COMPLAINT_BYTES_MAX);
    rest.len = str_utf8_prefix(rest);
    struct str own = str_of(own_name == NULL ? "" : own_name);
    struct str line;
    bool first = true;
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        line = str_trim(line);
        bool is_own =
            own.len > 0 && str_starts(line, own) && line.len > own.len && line.ptr[own.len] == ':';
        buf_add_c(out, first ? "" : "; ");
        buf_add_str(out, is_own ? str_skip(line, own.len + 1) : line);
        first = false;
    }
}

int codec_protobuf_compile_run(const struct codec_protobuf_compile_run *run, struct buf *out,
                               struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    AUTO_BUF struct buf said = {0};
    const char *result = arena_printf(&arena, "%s/descriptors", run->folder);
    const char **args = arguments(&arena, run->files, run->includes, result);
    int code = 0;
    int rc = process_run(args, run->deadline_mono_us, run->stop, SAID_BYTES_MAX, &said, &code, err);
    if (rc == ERR_CONFIG) {
        return err_set(err, ERR_CONFIG,
                       "protoc, which compiles .proto files, is not installed; install it (Debian: "
                       "protobuf-compiler)%s",
                       run->alternative == NULL ? "" : run->alternative);
    }
    TRY(rc);
    if (code != 0) {
        AUTO_BUF struct buf words = {0};
        join_lines(buf_str(&said), run->own_name, &words);
        if (words.len == 0) {
            buf_printf(&words, "failed and did not say why (code %d)", code);
        }
        return err_set(err, run->refusal, "protoc: %s", words.ptr);
    }
    return fs_read_file(result, out, err);
}

int codec_protobuf_compile(const char *const *files, const char *const *includes,
                           struct buf *ret_descriptors, struct err *err)
{
    if (files[0] == NULL) {
        return err_set(err, ERR_CONFIG, "no .proto file is named");
    }
    AUTO_PROTOC_FOLDER char *folder = NULL;
    TRY(codec_protobuf_compile_folder(&folder, err));
    AUTO_BUF struct buf bytes = {.max = DESCRIPTOR_BYTES_MAX};
    struct codec_protobuf_compile_run run = {
        .folder = folder,
        .files = files,
        .includes = includes,
        .deadline_mono_us = clock_mono_us() + PROTOC_US_MAX,
        .refusal = ERR_CONFIG,
        .alternative = " or give a descriptor set made by protoc --include_imports "
                       "--descriptor_set_out=FILE",
    };
    int rc = codec_protobuf_compile_run(&run, &bytes, err);
    if (rc == ERR_IO && err->retry) {
        return err_set(err, ERR_CONFIG, "protoc has not finished within a minute");
    }
    TRY(rc);
    buf_add_str(ret_descriptors, buf_str(&bytes));
    return buf_check(ret_descriptors, "the descriptor set", err);
}
