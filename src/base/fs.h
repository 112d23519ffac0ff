/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * fs - files and folders, with errors that name the path
 */
void fd_close(int *fd); /* closes when >= 0, leaves -1 */
#define AUTO_FD AUTO(fd_close)
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int take_fd = (fd);                                                                        \
        (fd) = -1;                                                                                 \
        take_fd;                                                                                   \
    })

/* Appends the whole file. ERR_DATA past out->max, ERR_CONFIG when it is not there. */
int fs_read_file(const char *path, struct buf *out, struct err *err);
/* Appends bytes [offset, offset+len) of an open file; ERR_CORRUPT when it is shorter. */
int fs_pread_all(int fd, void *out, size_t len, uint64_t offset, const char *path, struct err *err);
int fs_write_all(int fd, const void *bytes, size_t len, const char *path, struct err *err);
/* Creates or truncates; not atomic, not synced. */
int fs_write_file(const char *path, struct str bytes, struct err *err);
/* mkdir -p. */
int fs_make_dirs(const char *path, struct err *err);
/* rm -r; a path that is not there is fine; does not follow symbolic links. */
int fs_remove_tree(const char *path, struct err *err);
int fs_sync_dir(const char *path, struct err *err);
int fs_file_size(const char *path, uint64_t *ret_bytes, struct err *err);
bool fs_exists(const char *path);
/* Calls on_file for every regular file below `path` ("a/b.parquet", relative), in name order. */
typedef int (*fs_walk_fn)(void *user, const char *relative, uint64_t bytes, struct err *err);
int fs_walk(const char *path, fs_walk_fn on_file, void *user, struct err *err);
/* A fresh private folder below `parent`, e.g. "<parent>/spool-4f2a…"; caller frees *ret_path. */
int fs_make_temp_dir(const char *parent, const char *prefix, char **ret_path, struct err *err);
/* An exclusive flock on `path` (created). Outcome 1 = got it, 0 = somebody else holds it. */
int fs_lock(const char *path, int *ret_fd, struct err *err);

#endif
