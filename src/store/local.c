/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - a folder as an object store
 *
 * A key is the path of a regular file below the root.
 *
 *  (1) A file appears whole or not at all: it is written under a temporary name
 *      beside its place, synced, and then given its name by rename(2), or by
 *      link(2), which fails when the name is taken and so is put_if_absent.
 *      Where there are no hard links, renameat2(RENAME_NOREPLACE) does the same.
 *  (2) It is durable on return: the folder is synced after the name was given,
 *      and so are the parents of folders that had to be made for it.
 *  (3) Over NFS link(2) may report a failure although the link was made; the
 *      temporary file then has two names, which tells.
 *  (4) Temporary files (STORE_KEY_TEMP) are not listed.  A crash may leave some;
 *      they are nobody's and may be deleted at any time.
 *
 * Keys were checked by key.c and cannot leave the root by their names; symbolic
 * links below the root are the user's own and are followed.  Listing is
 * local_list.c.
 */
#include "store/local.h"

#include "store/key.h"
#include "store/local_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)256 << 10)

struct store_local {
    struct store base;
    char *root; /* absolute, without a slash at its end; "" for "/" */
    struct stop stop;
};

static const struct store_ops local_ops;

static struct store_local *local_of(struct store *store)
{
    assert(store->ops == &local_ops);
    return CONTAINER_OF(store, struct store_local, base);
}

/* What the user can mend is ERR_CONFIG; a full disk may have room later. */
static int fail(const char *action, struct str key, int errnum, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    store_key_show(key, shown);
    switch (errnum) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
        err_set_errno(err, errnum, "%s \"%s\"", action, shown);
        err->code = ERR_CONFIG;
        return ERR_CONFIG;
    default:
        err_set_errno(err, errnum, "%s \"%s\"", action, shown);
        err->retry = errnum == ENOSPC || errnum == EDQUOT || errnum == EMFILE || errnum == ENFILE ||
                     errnum == EINTR || errnum == EAGAIN || errnum == ESTALE;
        return ERR_IO;
    }
}

static int check_canceled(struct store_local *s, const char *action, struct str key,
                          struct err *err)
{
    if (!stop_is_set(&s->stop)) {
        return 0;
    }
    char shown[STORE_KEY_SHOWN];
    return err_set(err, ERR_CANCELED, "%s \"%s\": canceled", action, store_key_show(key, shown));
}

static char *path_of(const struct store_local *s, struct str key)
{
    return mem_printf("%s/%.*s", s->root, STR_FMT(key));
}

static bool is_not_there(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR;
}

/* ---- reading ---- */

static int64_t modified_us(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

/* Reads until `len` bytes or the end: the size is the file's own business. */
static int read_range(int fd, struct str key, uint64_t offset, uint64_t len, struct buf *out,
                      struct err *err)
{
    while (len > 0) {
        size_t want = len < COPY_BYTES ? (size_t)len : COPY_BYTES;
        char *at = buf_reserve(out, want);
        if (at == NULL) {
            return 0; /* the caller checks .overflow */
        }
        ssize_t got = pread(fd, at, want, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail("get", key, errno, err);
        }
        if (got == 0) {
            return 0;
        }
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
        offset += (uint64_t)got;
        len -= (uint64_t)got;
    }
    return 0;
}

static int local_get(struct store *store, struct str key, uint64_t offset, uint64_t len,
                     struct buf *out, struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "get", key, err));
    AUTO_FREE char *path = path_of(s, key);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return is_not_there(errno) ? (int)STORE_ABSENT : fail("get", key, errno, err);
    }
    if (!S_ISREG(st.st_mode)) {
        return STORE_ABSENT;
    }
    uint64_t size = (uint64_t)st.st_size;
    if (offset >= size) {
        return STORE_GOT;
    }
    len = len < size - offset ? len : size - offset;
    size_t start = out->len;
    int rc = read_range(fd, key, offset, len, out, err);
    if (rc >= 0 && out->overflow) {
        rc = store_key_too_large(key, out, err);
    }
    if (rc < 0 && out->ptr != NULL) {
        out->len = start;
        out->ptr[start] = '\0';
        out->overflow = false;
    }
    return rc < 0 ? rc : (int)STORE_GOT;
}

static int local_head(struct store *store, struct str key, struct store_entry *ret_entry,
                      struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "head", key, err));
    AUTO_FREE char *path = path_of(s, key);
    struct stat st;
    if (stat(path, &st) < 0) {
        return is_not_there(errno) ? (int)STORE_ABSENT : fail("head", key, errno, err);
    }
    if (!S_ISREG(st.st_mode)) {
        return STORE_ABSENT;
    }
    *ret_entry = (struct store_entry){
        .key = key, .size_bytes = (uint64_t)st.st_size, .modified_us = modified_us(&st)};
    return STORE_GOT;
}

/* ---- writing ---- */

/* The part of a path before its last slash; "/" for "/x". */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    assert(slash != NULL);
    return slash == path ? mem_strdup("/") : str_dup(str_n(path, (size_t)(slash - path)));
}

static int sync_dir(const char *dir)
{
    AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -1 : 0;
}

/* mkdir -p, each new folder durable in its parent. -1 with errno. */
static int make_dir(const char *dir)
{
    if (mkdir(dir, 0777) == 0) {
        AUTO_FREE char *parent = parent_of(dir);
        return sync_dir(parent);
    }
    if (errno == EEXIST) {
        struct stat st;
        if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
            errno = ENOTDIR;
            return -1;
        }
        return 0;
    }
    if (errno != ENOENT || strcmp(dir, "/") == 0) {
        return -1;
    }
    AUTO_FREE char *parent = parent_of(dir);
    return make_dir(parent) < 0 ? -1 : make_dir(dir);
}

/* An unfinished file beside its place; its name goes when this leaves the scope. */
struct temp {
    char *dir;
    char *path; /* NULL = there is none (any more) */
    int fd;
};

static void temp_done(struct temp *t)
{
    fd_close(&t->fd);
    if (t->path != NULL) {
        (void)unlink(t->path);
    }
    mem_free(t->path);
    mem_free(t->dir);
}

#define AUTO_TEMP AUTO(temp_done)

/* Creates the file, and its folder if need be. -1 with errno. */
static int temp_open(struct temp *t, const char *final_path)
{
    char uuid[UUID_TEXT];
    rand_uuid(uuid);
    t->dir = parent_of(final_path);
    t->path = mem_printf("%s/%s%s", t->dir, STORE_KEY_TEMP, uuid);
    t->fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (t->fd < 0 && errno == ENOENT && make_dir(t->dir) == 0) {
        t->fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (t->fd < 0) {
        mem_free(TAKE(t->path));
        return -1;
    }
    return 0;
}

static int write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return -1;
        }
        bytes = str_skip(bytes, (size_t)written);
    }
    return 0;
}

/* Gives the file its name, replacing what has it. -1 with errno. */
static int temp_rename(struct temp *t, const char *final_path)
{
    if (rename(t->path, final_path) < 0) {
        return -1;
    }
    mem_free(TAKE(t->path));
    return sync_dir(t->dir);
}

static int put_bytes(const char *path, struct str body)
{
    AUTO_TEMP struct temp t = {.fd = -1};
    if (temp_open(&t, path) < 0 || write_all(t.fd, body) < 0 || fsync(t.fd) < 0) {
        return -1;
    }
    return temp_rename(&t, path);
}

static int local_put(struct store *store, struct str key, struct str body, struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "put", key, err));
    AUTO_FREE char *path = path_of(s, key);
    return put_bytes(path, body) < 0 ? fail("put", key, errno, err) : 0;
}

static int copy_all(int from, int to)
{
    AUTO_FREE char *block = mem_alloc(COPY_BYTES);
    for (;;) {
        ssize_t got = read(from, block, COPY_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : 0;
        }
        if (write_all(to, str_n(block, (size_t)got)) < 0) {
            return -1;
        }
    }
}

static int put_copy(int from, const char *path)
{
    AUTO_TEMP struct temp t = {.fd = -1};
    if (temp_open(&t, path) < 0 || copy_all(from, t.fd) < 0 || fsync(t.fd) < 0) {
        return -1;
    }
    return temp_rename(&t, path);
}

/* Moves the file when that is possible, else copies it. -1 with errno. */
static int put_moved(int from, const char *from_path, const char *path)
{
    AUTO_FREE char *dir = parent_of(path);
    if (fsync(from) < 0) {
        return -1;
    }
    int rc = rename(from_path, path);
    if (rc < 0 && errno == ENOENT && make_dir(dir) == 0) {
        rc = rename(from_path, path);
    }
    if (rc == 0) {
        return sync_dir(dir);
    }
    /* Another file system, or a folder that we may not take from. */
    bool can_copy = errno == EXDEV || errno == EPERM || errno == EACCES;
    return can_copy ? put_copy(from, path) : -1;
}

static int local_put_file(struct store *store, struct str key, const char *from_path,
                          struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "put", key, err));
    AUTO_FREE char *path = path_of(s, key);
    AUTO_FD int from = open(from_path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0) {
        return err_set_errno(err, errno, "cannot open \"%s\"", from_path);
    }
    /* Moving a symbolic link would put the link there, not the file. */
    struct stat link_st;
    bool is_plain = lstat(from_path, &link_st) == 0 && S_ISREG(link_st.st_mode);
    int rc = is_plain ? put_moved(from, from_path, path) : put_copy(from, path);
    return rc < 0 ? fail("put", key, errno, err) : 0;
}

/* link(2) or what replaces it: 1 = done, 0 = the name is taken, -1 = errno. */
static int link_absent(struct temp *t, const char *path)
{
    if (link(t->path, path) == 0) {
        return 1;
    }
    int errnum = errno;
    if (errnum == EEXIST) {
        return 0;
    }
    if (errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EMLINK) {
        if (renameat2(AT_FDCWD, t->path, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
            mem_free(TAKE(t->path));
            return 1;
        }
        return errno == EEXIST ? 0 : -1;
    }
    struct stat st;
    if (fstat(t->fd, &st) == 0 && st.st_nlink == 2) {
        return 1; /* rule (3) */
    }
    errno = errnum;
    return -1;
}

static int local_put_if_absent(struct store *store, struct str key, struct str body,
                               struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "put", key, err));
    AUTO_FREE char *path = path_of(s, key);
    AUTO_TEMP struct temp t = {.fd = -1};
    if (temp_open(&t, path) < 0 || write_all(t.fd, body) < 0 || fsync(t.fd) < 0) {
        return fail("put", key, errno, err);
    }
    int linked = link_absent(&t, path);
    if (linked < 0 && (errno == EINVAL || errno == ENOSYS)) {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CONFIG,
                       "put \"%s\": this file system has neither hard links nor a rename that "
                       "does not replace; a Delta table cannot be written there safely",
                       store_key_show(key, shown));
    }
    if (linked < 0 && (errno == EIO || errno == ESTALE || errno == ETIMEDOUT)) {
        return STORE_PUT_UNKNOWN; /* a network file system that lost its server */
    }
    if (linked < 0) {
        return fail("put", key, errno, err);
    }
    /* Whoever finds the name taken builds on it: it must be durable for him too. */
    if (sync_dir(t.dir) < 0) {
        return STORE_PUT_UNKNOWN;
    }
    return linked > 0 ? STORE_PUT_DONE : STORE_PUT_EXISTS;
}

static int local_del(struct store *store, struct str key, struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "delete", key, err));
    AUTO_FREE char *path = path_of(s, key);
    struct stat st;
    if (unlink(path) == 0 || is_not_there(errno)) {
        return 0;
    }
    int errnum = errno;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return 0; /* a folder is no object */
    }
    return fail("delete", key, errnum, err);
}

static int local_list(struct store *store, struct str prefix, struct str start_after,
                      store_list_fn on_entry, void *user, struct err *err)
{
    struct store_local *s = local_of(store);
    TRY(check_canceled(s, "list", prefix, err));
    struct store_local_listing l = {
        .root = s->root,
        .prefix = prefix,
        .start_after = start_after,
        .stop = &s->stop,
        .on_entry = on_entry,
        .user = user,
    };
    return store_local_list(&l, err);
}

static void local_cancel(struct store *store)
{
    stop_set(&local_of(store)->stop);
}

static void local_close(struct store *store)
{
    struct store_local *s = local_of(store);
    stop_done(&s->stop);
    mem_free(s->root);
    mem_free(s);
}

static const struct store_ops local_ops = {
    .name = "local",
    .get = local_get,
    .head = local_head,
    .put = local_put,
    .put_file = local_put_file,
    .put_if_absent = local_put_if_absent,
    .list = local_list,
    .del = local_del,
    .cancel = local_cancel,
    .close = local_close,
};

const char *store_local_root(struct store *s)
{
    if (s->ops != &local_ops) {
        return NULL;
    }
    const char *root = local_of(s)->root;
    return root[0] == '\0' ? "/" : root;
}

int store_local_open(struct str path, struct store **ret_store, struct err *err)
{
    if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL) {
        return err_set(err, ERR_CONFIG, "the location of a local table is empty or has a NUL");
    }
    AUTO_BUF struct buf root = {0};
    if (path.ptr[0] != '/') {
        char cwd[4096];
        if (getcwd(cwd, sizeof(cwd)) == NULL) {
            return err_set_errno(err, errno, "cannot tell the working directory");
        }
        buf_printf(&root, "%s/", strcmp(cwd, "/") == 0 ? "" : cwd);
    }
    buf_add_str(&root, path);
    while (root.len > 0 && root.ptr[root.len - 1] == '/') {
        root.ptr[--root.len] = '\0';
    }
    struct store_local *s = mem_new(struct store_local);
    s->base.ops = &local_ops;
    s->base.lists_whole_folders = true;
    s->root = root.len == 0 ? mem_strdup("") : buf_take(&root);
    stop_init(&s->stop);
    *ret_store = &s->base;
    return 0;
}
