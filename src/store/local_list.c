/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local_list - the regular files below a folder, in the order of their whole keys
 *
 *  (1) The order is that of whole keys: within a folder, a folder sorts as its
 *      name with '/' behind it.  ("a-b" < "a/x", although "a" < "a-b".)
 *  (2) Only folders that can hold a wanted key are read, and only entries that
 *      are wanted are sorted and looked at: the tail of a long log costs one
 *      pass over its folder's names.
 *  (3) One folder's wanted names are in memory at a time, for each level.
 *  (4) What disappears meanwhile is left out, as in any object store.
 */
#include "store/local_list.h"

#include "store/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEPTH_MAX 128 /* a symbolic link may lead to a folder above it */

struct name {
    struct str text; /* in the arena; a folder's ends with '/' */
    bool is_dir;
};

struct names {
    struct arena arena;
    VEC(struct name) list;
};

static void names_done(struct names *n)
{
    vec_done(&n->list);
    arena_done(&n->arena);
}

#define AUTO_NAMES AUTO(names_done)

static void dir_close(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

#define AUTO_DIR AUTO(dir_close)

static int name_cmp(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    return str_cmp(x->text, y->text);
}

static int fail(const struct buf *key, int errnum, struct err *err)
{
    char shown[STORE_KEY_SHOWN];
    int rc = err_set_errno(err, errnum, "list \"%s\"", store_key_show(buf_str(key), shown));
    if (errnum == EACCES || errnum == ELOOP || errnum == ENAMETOOLONG) {
        err->code = ERR_CONFIG;
        rc = ERR_CONFIG;
    }
    return rc;
}

/* Whether `key`, or for a folder ("a/b/") some key in it, is asked for. */
static bool is_wanted(const struct store_local_listing *l, struct str key, bool is_dir)
{
    bool in_prefix = str_starts(key, l->prefix) || (is_dir && str_starts(l->prefix, key));
    bool is_after = str_cmp(key, l->start_after) > 0 || (is_dir && str_starts(l->start_after, key));
    return in_prefix && is_after;
}

/* Outcome 1 = a folder, 0 = a regular file, 2 = neither, or gone. */
static int kind_of(int dir_fd, const struct dirent *e)
{
    if (e->d_type == DT_DIR || e->d_type == DT_REG) {
        return e->d_type == DT_DIR;
    }
    struct stat st;
    if ((e->d_type != DT_LNK && e->d_type != DT_UNKNOWN) ||
        fstatat(dir_fd, e->d_name, &st, 0) < 0) {
        return 2;
    }
    return S_ISDIR(st.st_mode) ? 1 : S_ISREG(st.st_mode) ? 0 : 2;
}

/* Collects what is wanted of a folder; `key` is its key, "" or "a/b/", and is left as it was. */
static int read_names(const struct store_local_listing *l, DIR *dir, struct buf *key,
                      struct names *out, struct err *err)
{
    size_t key_len = key->len;
    struct str after = STR("");
    if (str_starts(l->start_after, buf_str(key))) {
        after = str_skip(l->start_after, key_len);
    }
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(dir); // NOLINT(concurrency-mt-unsafe): the stream is ours
        if (e == NULL) {
            return errno == 0 ? 0 : fail(key, errno, err);
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            str_starts(str_of(e->d_name), STR(STORE_KEY_TEMP))) {
            continue;
        }
        /* Most names of a long log end here; a folder may still hold what comes after. */
        if (str_cmp(str_of(e->d_name), after) < 0 && !str_starts(after, str_of(e->d_name))) {
            continue;
        }
        int kind = kind_of(dirfd(dir), e);
        if (kind == 2) {
            continue;
        }
        buf_add_c(key, e->d_name);
        buf_add_c(key, kind == 1 ? "/" : "");
        if (is_wanted(l, buf_str(key), kind == 1)) {
            *vec_push(&out->list) = (struct name){
                .text = arena_str(&out->arena, str_skip(buf_str(key), key_len)),
                .is_dir = kind == 1,
            };
        }
        key->len = key_len;
    }
}

/* Outcome 1 = the caller wants no more. */
static int give(const struct store_local_listing *l, int dir_fd, const struct name *name,
                const struct buf *key, struct err *err)
{
    struct stat st;
    if (fstatat(dir_fd, name->text.ptr, &st, 0) < 0) {
        return errno == ENOENT ? 0 : fail(key, errno, err);
    }
    if (stop_is_set(l->stop)) {
        return err_set(err, ERR_CANCELED, "list: canceled");
    }
    struct store_entry entry = {
        .key = buf_str(key),
        .size_bytes = (uint64_t)st.st_size,
        .modified_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000,
    };
    return l->on_entry(l->user, &entry, err);
}

/* `key` is the folder's, "" or "a/b/"; outcome 1 = the caller wants no more. */
static int list_dir(const struct store_local_listing *l, struct buf *key, unsigned depth,
                    struct err *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", l->root, key->len == 0 ? "" : key->ptr);
    AUTO_DIR DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail(key, errno, err);
    }
    if (depth > DEPTH_MAX) {
        return fail(key, ELOOP, err);
    }
    AUTO_NAMES struct names names = {0};
    TRY(read_names(l, dir, key, &names, err));
    if (names.list.count > 1) {
        qsort(names.list.items, names.list.count, sizeof(struct name), name_cmp);
    }
    size_t key_len = key->len;
    vec_foreach (struct name, name, &names.list) {
        buf_add_str(key, name->text);
        int rc =
            name->is_dir ? list_dir(l, key, depth + 1, err) : give(l, dirfd(dir), name, key, err);
        key->len = key_len;
        key->ptr[key_len] = '\0';
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int store_local_list(const struct store_local_listing *l, struct err *err)
{
    AUTO_BUF struct buf key = {0};
    ptrdiff_t slash = str_rfind(l->prefix, '/');
    if (slash >= 0) {
        buf_add(&key, l->prefix.ptr, (size_t)slash + 1);
    }
    int rc = list_dir(l, &key, 0, err);
    return rc < 0 ? rc : 0;
}
