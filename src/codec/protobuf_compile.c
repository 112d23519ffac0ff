/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_compile - .proto files to a descriptor set, by protoc
 *
 * protoc writes into a fresh private folder; what it says on stderr comes through a pipe and
 * into the error.  No shell is involved and no name is taken for an option.
 *
 * Invariants:
 *  (1) The folder is removed and the process reaped on every path.
 *  (2) It ends: what it says is cut at 64 KiB, and after a minute it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "codec/protobuf.h"

#define PROTOC_US_MAX        (INT64_C(60) * 1000000)
#define SAID_BYTES_MAX       ((size_t)64 << 10)
#define DESCRIPTOR_BYTES_MAX ((size_t)256 << 20)

static void remove_tree(char **path)
{
    if (*path != NULL) {
        struct err ignored;
        fs_remove_tree(*path, &ignored);
        mem_free(*path);
    }
}

/* The arguments, in an arena; options first, then files, none of which looks like an option. */
static char **arguments(struct arena *arena, const char *const *files, const char *const *includes,
                        const char *out)
{
    size_t file_count = 0;
    size_t include_count = 0;
    while (files[file_count] != NULL) {
        file_count++;
    }
    while (includes != NULL && includes[include_count] != NULL) {
        include_count++;
    }
    char **args = arena_new_array(arena, char *, 2 * file_count + include_count + 4);
    size_t count = 0;
    args[count++] = arena_strdup(arena, STR("protoc"));
    args[count++] = arena_strdup(arena, STR("--include_imports"));
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

/* Starts it with stderr going to `said`; the pid. */
static int start(char *const *args, int said, pid_t *ret_pid, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    /* Threads of ours block signals; a program of its own should not. */
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawnp(ret_pid, "protoc", &actions, &attributes, args, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT || rc == EACCES) {
        return err_set(err, ERR_CONFIG,
                       "protoc, which compiles .proto files, is not installed; install it (Debian: "
                       "protobuf-compiler) or give a descriptor set made by protoc "
                       "--include_imports --descriptor_set_out=FILE");
    }
    return rc == 0 ? 0 : err_set_errno(err, rc, "cannot start protoc");
}

/* What it says until it closes stderr; false when that takes too long. */
static bool listen(int said, struct buf *out)
{
    int64_t deadline = clock_mono_us() + PROTOC_US_MAX;
    for (;;) {
        int64_t left = deadline - clock_mono_us();
        struct pollfd poller = {.fd = said, .events = POLLIN};
        if (left <= 0 || poll(&poller, 1, (int)(left / 1000) + 1) == 0) {
            return false;
        }
        char bytes[4096];
        ssize_t got = read(said, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return true;
        }
        if (out->len < SAID_BYTES_MAX) {
            buf_add(out, bytes, (size_t)got);
        }
    }
}

/* Runs protoc; ERR_CONFIG with what it said when it refuses. */
static int run(char *const *args, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_set_errno(err, errno, "cannot make a pipe to protoc");
    }
    AUTO_FD int said = ends[0];
    AUTO_FD int other = ends[1];
    pid_t pid;
    TRY(start(args, other, &pid, err));
    fd_close(&other);
    AUTO_BUF struct buf text = {0};
    bool is_in_time = listen(said, &text);
    if (!is_in_time) {
        kill(pid, SIGKILL);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!is_in_time) {
        return err_set(err, ERR_CONFIG, "protoc has not finished within a minute");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    /* One line; the first complaints are what matters. */
    struct str words = str_head(str_trim(buf_str(&text)), 700);
    for (size_t i = 0; i < words.len; i++) {
        if (text.ptr[words.ptr - text.ptr + (ptrdiff_t)i] == '\n') {
            text.ptr[words.ptr - text.ptr + (ptrdiff_t)i] = ' ';
        }
    }
    if (words.len == 0) {
        return err_set(err, ERR_CONFIG, "protoc failed and did not say why (status %d)", status);
    }
    return err_set(err, ERR_CONFIG, "protoc: %.*s", STR_FMT(words));
}

int codec_protobuf_compile(const char *const *files, const char *const *includes,
                           struct buf *ret_descriptors, struct err *err)
{
    if (files[0] == NULL) {
        return err_set(err, ERR_CONFIG, "no .proto file is named");
    }
    const char *parent = getenv("TMPDIR");
    AUTO(remove_tree) char *folder = NULL;
    TRY(fs_make_temp_dir(parent != NULL && parent[0] != '\0' ? parent : "/tmp", "protoc", &folder,
                         err));
    AUTO_ARENA struct arena arena = {0};
    const char *out = arena_printf(&arena, "%s/descriptors", folder);
    TRY(run(arguments(&arena, files, includes, out), err));
    AUTO_BUF struct buf bytes = {.max = DESCRIPTOR_BYTES_MAX};
    TRY(fs_read_file(out, &bytes, err));
    buf_add_str(ret_descriptors, buf_str(&bytes));
    return buf_check(ret_descriptors, "the descriptor set", err);
}
