/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs - files and folders, with errors that name the path
 *
 *  (1) Every descriptor is opened O_CLOEXEC.
 *  (2) Below the path that a caller names no symbolic link is followed: folders
 *      are entered with O_NOFOLLOW, relative to their parent's descriptor.
 *  (3) A folder is read to its end before anything in it is visited, so that
 *      removing entries does not disturb the reading.
 */
#include "base/fs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/vec.h"

#define READ_CHUNK ((size_t)64 << 10)

void fd_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
        *fd = -1;
    }
}

/* The error of a path that should have been there. */
static int fail_at(struct err *err, int errnum, const char *verb, const char *path)
{
    if (errnum == ENOENT || errnum == ENOTDIR) {
        return err_set(err, ERR_CONFIG, "cannot %s \"%s\": %s", verb, path,
                       strerrordesc_np(errnum));
    }
    return err_set_errno(err, errnum, "cannot %s \"%s\"", verb, path);
}

static ssize_t read_retry(int fd, void *out, size_t len)
{
    ssize_t got;
    do {
        got = read(fd, out, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

int fs_read_file(const char *path, struct buf *out, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_at(err, errno, "open", path);
    }
    size_t max = out->max == 0 ? BUF_DEFAULT_MAX : out->max;
    size_t start = out->len;
    for (;;) {
        size_t room = max - out->len;
        size_t want = room < READ_CHUNK ? room : READ_CHUNK;
        char probe;
        char *at = want == 0 ? &probe : buf_reserve(out, want);
        assert(at != NULL);
        ssize_t got = read_retry(fd, at, want == 0 ? 1 : want);
        if (got > 0 && want > 0) {
            out->len += (size_t)got;
            out->ptr[out->len] = '\0';
            continue;
        }
        if (got == 0) {
            return 0;
        }
        int errnum = errno;
        out->len = start;
        if (out->ptr != NULL) {
            out->ptr[start] = '\0';
        }
        if (got < 0) {
            return err_set_errno(err, errnum, "cannot read \"%s\"", path);
        }
        return err_set(err, ERR_DATA, "file \"%s\" is larger than %zu bytes", path, max - start);
    }
}

int fs_pread_all(int fd, void *out, size_t len, uint64_t offset, const char *path, struct err *err)
{
    assert(fd >= 0);
    if (offset > INT64_MAX || len > (uint64_t)INT64_MAX - offset) {
        return err_set(err, ERR_CORRUPT, "\"%s\" has no bytes at offset %" PRIu64, path, offset);
    }
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (char *)out + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_set_errno(err, errno, "cannot read \"%s\"", path);
        }
        if (got == 0) {
            return err_set(err, ERR_CORRUPT,
                           "\"%s\" ends at byte %" PRIu64 ", %zu bytes short of what was written",
                           path, offset + done, len - done);
        }
        done += (size_t)got;
    }
    return 0;
}

int fs_write_all(int fd, const void *bytes, size_t len, const char *path, struct err *err)
{
    assert(fd >= 0);
    const char *at = bytes;
    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return err_set_errno(err, errno, "cannot write \"%s\"", path);
        }
        at += written;
        len -= (size_t)written;
    }
    return 0;
}

int fs_write_file(const char *path, struct str bytes, struct err *err)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot create \"%s\"", path);
    }
    TRY(fs_write_all(fd, bytes.ptr, bytes.len, path, err));
    if (close(TAKE_FD(fd)) < 0) { /* where network file systems report a full disk */
        return err_set_errno(err, errno, "cannot write \"%s\"", path);
    }
    return 0;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* mkdir whose errno is 0 when the folder is there afterwards. */
static int make_dir(const char *path)
{
    if (mkdir(path, 0777) == 0) {
        return 0;
    }
    int errnum = errno;
    if (is_dir(path)) {
        return 0; /* EEXIST, and also EROFS or EACCES of a parent that exists */
    }
    return errnum == EEXIST ? ENOTDIR : errnum;
}

int fs_make_dirs(const char *path, struct err *err)
{
    AUTO_FREE char *part = mem_strdup(path);
    size_t len = strlen(part);
    for (size_t i = 1; i <= len; i++) {
        bool at_end = i == len;
        if (!at_end && (part[i] != '/' || part[i - 1] == '/')) {
            continue;
        }
        part[i] = '\0';
        int errnum = make_dir(part);
        if (errnum != 0) {
            return err_set_errno(err, errnum, "cannot create folder \"%s\"", part);
        }
        if (!at_end) {
            part[i] = '/';
        }
    }
    return len > 0 ? 0 : err_set_errno(err, ENOENT, "cannot create folder \"\"");
}

static void dir_closep(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
        *dir = NULL;
    }
}
#define AUTO_DIR AUTO(dir_closep)

struct entry {
    char *name; /* owned; a folder's ends in '/' */
    bool is_dir;
    bool is_file;
    uint64_t bytes;
};

struct entries {
    VEC(struct entry) list;
};

static void entries_done(struct entries *e)
{
    vec_foreach (struct entry, entry, &e->list) {
        mem_free(entry->name);
    }
    vec_done(&e->list);
}
#define AUTO_ENTRIES AUTO(entries_done)

/*
 * With the slash behind folders' names, visiting entries in this order gives the
 * paths below in bytewise order as a whole: "a.b" comes before "a/b".
 */
static int entry_cmp(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Opens the folder `name` in `at` (AT_FDCWD: as it is) and lists it, sorted.
 * Outcome 1 = done, 0 = there is no such folder. */
static int list_dir(int at, const char *name, int open_flags, const char *path, int *ret_fd,
                    struct entries *out, struct err *err)
{
    AUTO_FD int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | open_flags);
    if (fd < 0) {
        return errno == ENOENT ? 0 : fail_at(err, errno, "open folder", path);
    }
    AUTO_FD int again = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* one for fdopendir, one for openat */
    AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);
    if (dir == NULL) {
        return err_set_errno(err, errno, "cannot read folder \"%s\"", path);
    }
    again = -1; /* closedir closes it */
    for (;;) {
        errno = 0;
        struct dirent *found = readdir(dir);
        if (found == NULL && errno != 0) {
            return err_set_errno(err, errno, "cannot read folder \"%s\"", path);
        }
        if (found == NULL) {
            break;
        }
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) {
            continue;
        }
        struct stat st;
        if (fstatat(fd, found->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) {
                continue; /* removed since */
            }
            return err_set_errno(err, errno, "cannot look at \"%s/%s\"", path, found->d_name);
        }
        bool dir_found = S_ISDIR(st.st_mode);
        *vec_push(&out->list) =
            (struct entry){.name = mem_printf("%s%s", found->d_name, dir_found ? "/" : ""),
                           .is_dir = dir_found,
                           .is_file = S_ISREG(st.st_mode),
                           .bytes = (uint64_t)st.st_size};
    }
    if (out->list.count > 1) {
        qsort(out->list.items, out->list.count, sizeof(struct entry), entry_cmp);
    }
    *ret_fd = TAKE_FD(fd);
    return 1;
}

/* Takes the slash off a folder's name: with it, openat would follow a link of that name. */
static const char *bare_name(struct entry *dir)
{
    assert(dir->is_dir);
    dir->name[strlen(dir->name) - 1] = '\0';
    return dir->name;
}

/* Empties the folder `name` in `at`, then removes it. */
static int remove_dir(int at, const char *name, const char *path, struct err *err)
{
    AUTO_ENTRIES struct entries entries = {0};
    AUTO_FD int fd = -1;
    if (TRY(list_dir(at, name, O_NOFOLLOW, path, &fd, &entries, err)) == 0) {
        return 0; /* removed since */
    }
    vec_foreach (struct entry, entry, &entries.list) {
        AUTO_FREE char *below = mem_printf("%s/%s", path, entry->name);
        if (entry->is_dir) {
            TRY(remove_dir(fd, bare_name(entry), below, err));
        } else if (unlinkat(fd, entry->name, 0) < 0 && errno != ENOENT) {
            return err_set_errno(err, errno, "cannot remove \"%s\"", below);
        }
    }
    if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        return err_set_errno(err, errno, "cannot remove folder \"%s\"", path);
    }
    return 0;
}

int fs_remove_tree(const char *path, struct err *err)
{
    /* "link/" would be the folder behind the link. */
    AUTO_FREE char *bare = mem_strdup(path);
    size_t len = strlen(bare);
    while (len > 0 && bare[len - 1] == '/') {
        bare[--len] = '\0';
    }
    if (len == 0) {
        return err_set(err, ERR_CONFIG, "will not remove \"%s\"", path);
    }
    struct stat st;
    if (lstat(bare, &st) < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_set_errno(err, errno, "cannot look at \"%s\"", bare);
    }
    if (S_ISDIR(st.st_mode)) {
        return remove_dir(AT_FDCWD, bare, bare, err);
    }
    if (unlink(bare) < 0 && errno != ENOENT) {
        return err_set_errno(err, errno, "cannot remove \"%s\"", bare);
    }
    return 0;
}

int fs_sync_dir(const char *path, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_at(err, errno, "open folder", path);
    }
    if (fsync(fd) < 0) {
        return err_set_errno(err, errno, "cannot sync folder \"%s\"", path);
    }
    return 0;
}

int fs_file_size(const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return fail_at(err, errno, "look at", path);
    }
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct walk {
    const char *root;
    fs_walk_fn on_file;
    void *user;
    struct buf relative; /* of the folder being visited: "" or "a/b/" */
};

static void walk_done(struct walk *w)
{
    buf_done(&w->relative);
}
#define AUTO_WALK AUTO(walk_done)

static void cut_to(struct buf *b, size_t len)
{
    b->len = len;
    b->ptr[len] = '\0';
}

static int walk_entries(struct walk *w, int fd, struct entries *entries, struct err *err)
{
    size_t len = w->relative.len;
    vec_foreach (struct entry, entry, &entries->list) {
        buf_add_c(&w->relative, entry->name);
        assert(!w->relative.overflow);
        if (entry->is_file) {
            TRY(w->on_file(w->user, w->relative.ptr, entry->bytes, err));
        } else if (entry->is_dir) {
            AUTO_ENTRIES struct entries below = {0};
            AUTO_FD int below_fd = -1;
            AUTO_FREE char *path = mem_printf("%s/%s", w->root, w->relative.ptr);
            if (TRY(list_dir(fd, bare_name(entry), O_NOFOLLOW, path, &below_fd, &below, err)) > 0) {
                TRY(walk_entries(w, below_fd, &below, err));
            }
        }
        cut_to(&w->relative, len);
    }
    return 0;
}

int fs_walk(const char *path, fs_walk_fn on_file, void *user, struct err *err)
{
    AUTO_WALK struct walk w = {.root = path, .on_file = on_file, .user = user};
    AUTO_ENTRIES struct entries entries = {0};
    AUTO_FD int fd = -1;
    if (TRY(list_dir(AT_FDCWD, path, 0, path, &fd, &entries, err)) == 0) {
        return fail_at(err, ENOENT, "open folder", path);
    }
    return walk_entries(&w, fd, &entries, err);
}

int fs_make_temp_dir(const char *parent, const char *prefix, char **ret_path, struct err *err)
{
    for (;;) {
        uint64_t number;
        rand_bytes(&number, sizeof(number));
        AUTO_FREE char *path = mem_printf("%s/%s-%016" PRIx64, parent, prefix, number);
        if (mkdir(path, 0700) == 0) {
            *ret_path = TAKE(path);
            return 0;
        }
        if (errno != EEXIST) {
            return err_set_errno(err, errno, "cannot create folder \"%s\"", path);
        }
    }
}

int fs_lock(const char *path, int *ret_fd, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot create \"%s\"", path);
    }
    int rc;
    do {
        rc = flock(fd, LOCK_EX | LOCK_NB);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0 && errno == EWOULDBLOCK) {
        return 0;
    }
    if (rc < 0) {
        return err_set_errno(err, errno, "cannot lock \"%s\"", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 1;
}
