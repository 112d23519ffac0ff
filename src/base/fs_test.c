/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs_test - files and folders, with errors that name the path
 */
#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Every case gets an empty folder, removed behind it. */
static int make_root(void **state)
{
    struct err err;
    const char *tmp = getenv("TMPDIR");
    char *root;
    if (fs_make_temp_dir(tmp == NULL ? "/tmp" : tmp, "fs-test", &root, &err) < 0) {
        return -1;
    }
    *state = root;
    return 0;
}

static int remove_root(void **state)
{
    struct err err;
    char *root = *state;
    int rc = fs_remove_tree(root, &err);
    bool is_gone = !fs_exists(root);
    mem_free(root);
    return rc == 0 && is_gone ? 0 : -1;
}

#define PATH(name, relative)                                                                       \
    AUTO_FREE char *name = mem_printf("%s/%s", (const char *)*state, (relative))

static void put(const char *path, struct str bytes)
{
    struct err err;
    assert_int_equal(fs_write_file(path, bytes, &err), 0);
}

static void written_file_reads_back(void **state)
{
    PATH(path, "a");
    struct err err;
    AUTO_BUF struct buf out = {0};
    put(path, STR("longer than the next"));
    put(path, STR("a\0b"));
    buf_add_c(&out, "before ");
    assert_int_equal(fs_read_file(path, &out, &err), 0);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.ptr, "before a\0b", 11);
    uint64_t bytes = 0;
    assert_int_equal(fs_file_size(path, &bytes, &err), 0);
    assert_int_equal(bytes, 3);
}

static void files_without_a_size_are_read_too(void **state)
{
    (void)state;
    AUTO_BUF struct buf out = {0};
    struct err err;
    assert_int_equal(fs_read_file("/proc/self/status", &out, &err), 0);
    assert_true(str_starts(buf_str(&out), STR("Name:")));
    buf_reset(&out);
    assert_int_equal(fs_read_file("/dev/null", &out, &err), 0);
    assert_int_equal(out.len, 0);
}

static void file_of_exactly_the_maximum_is_read(void **state)
{
    PATH(path, "a");
    put(path, STR("0123456789"));
    AUTO_BUF struct buf out = {0};
    struct err err;
    buf_init(&out, 10);
    assert_int_equal(fs_read_file(path, &out, &err), 0);
    assert_string_equal(out.ptr, "0123456789");
    AUTO_BUF struct buf small = {0};
    buf_init(&small, 9);
    assert_int_equal(fs_read_file(path, &small, &err), ERR_DATA);
    assert_int_equal(small.len, 0);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.msg, "9 bytes"));
}

static void large_file_reads_back(void **state)
{
    PATH(path, "a");
    enum { BYTES = 1000003 };
    AUTO_FREE char *bytes = mem_alloc(BYTES);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (char)(i * 31 >> 3);
    }
    put(path, str_n(bytes, BYTES));
    AUTO_BUF struct buf out = {0};
    struct err err;
    assert_int_equal(fs_read_file(path, &out, &err), 0);
    assert_int_equal(out.len, BYTES);
    assert_memory_equal(out.ptr, bytes, BYTES);
}

static void missing_file_is_the_users_to_change(void **state)
{
    PATH(path, "none");
    AUTO_BUF struct buf out = {0};
    struct err err;
    uint64_t bytes;
    assert_int_equal(fs_read_file(path, &out, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.msg, "No such file"));
    assert_int_equal(fs_file_size(path, &bytes, &err), ERR_CONFIG);
    assert_false(fs_exists(path));
    assert_int_equal(fs_read_file(*state, &out, &err), ERR_IO); /* a folder */
}

static void pread_gives_all_or_says_corrupt(void **state)
{
    PATH(path, "a");
    put(path, STR("0123456789"));
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char out[20] = "";
    struct err err;
    assert_int_equal(fs_pread_all(fd, out, 4, 6, path, &err), 0);
    assert_memory_equal(out, "6789", 4);
    assert_int_equal(fs_pread_all(fd, out, 0, 10, path, &err), 0);
    assert_int_equal(fs_pread_all(fd, out, 5, 6, path, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(fs_pread_all(fd, out, 1, UINT64_MAX, path, &err), ERR_CORRUPT);
    assert_int_equal(fs_pread_all(fd, out, 1, INT64_MAX, path, &err), ERR_CORRUPT);
}

static void failed_write_names_the_path(void **state)
{
    (void)state;
    AUTO_FD int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct err err;
    assert_int_equal(fs_write_all(fd, "x", 1, "the name", &err), ERR_IO);
    assert_string_equal(err.msg, "cannot write \"the name\": No space left on device");
    assert_int_equal(fs_write_file("/dev/full", STR("x"), &err), ERR_IO);
    assert_int_equal(fs_write_file("/none/x", STR("x"), &err), ERR_IO);
}

static void folders_are_made_with_their_parents(void **state)
{
    PATH(path, "a//b/c/");
    PATH(file, "a/file");
    PATH(below_file, "a/file/x");
    struct err err;
    assert_int_equal(fs_make_dirs(path, &err), 0);
    assert_int_equal(fs_make_dirs(path, &err), 0);
    assert_true(fs_exists(path));
    assert_int_equal(fs_make_dirs("/", &err), 0);
    put(file, STR(""));
    assert_int_equal(fs_make_dirs(file, &err), ERR_IO);
    assert_int_equal(fs_make_dirs(below_file, &err), ERR_IO);
    assert_int_equal(fs_make_dirs("", &err), ERR_IO);
}

static void relative_folders_are_made_here(void **state)
{
    AUTO_FD int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(*state), 0);
    struct err err;
    int made = fs_make_dirs("x/y", &err);
    bool is_there = fs_exists("x/y");
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(made, 0);
    assert_true(is_there);
}

static void removing_a_tree_spares_what_links_point_to(void **state)
{
    PATH(kept, "kept");
    PATH(kept_file, "kept/file");
    PATH(tree, "tree");
    PATH(deep, "tree/a/b/c");
    PATH(file, "tree/a/file");
    PATH(link_in, "tree/a/link");
    PATH(link_to_file, "tree/link");
    PATH(link_beside, "link");
    PATH(link_slash, "link/");
    struct err err;
    fs_make_dirs(kept, &err);
    put(kept_file, STR("x"));
    fs_make_dirs(deep, &err);
    put(file, STR("x"));
    assert_int_equal(symlink(kept, link_in), 0);
    assert_int_equal(symlink(kept_file, link_to_file), 0);
    assert_int_equal(fs_remove_tree(tree, &err), 0);
    assert_false(fs_exists(tree));
    assert_true(fs_exists(kept_file));
    /* Of a link itself only the link goes, whether or not a slash stands behind it. */
    assert_int_equal(symlink(kept, link_beside), 0);
    assert_int_equal(fs_remove_tree(link_slash, &err), 0);
    struct stat st;
    assert_int_equal(lstat(link_beside, &st), -1);
    assert_true(fs_exists(kept_file));
}

static void removing_takes_files_and_what_is_not_there(void **state)
{
    PATH(file, "file");
    PATH(below_file, "file/x");
    PATH(none, "none/none");
    PATH(dangling, "dangling");
    struct err err;
    put(file, STR(""));
    assert_int_equal(fs_remove_tree(below_file, &err), 0);
    assert_int_equal(fs_remove_tree(none, &err), 0);
    assert_int_equal(fs_remove_tree(file, &err), 0);
    assert_false(fs_exists(file));
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_int_equal(fs_remove_tree(dangling, &err), 0);
    assert_int_equal(fs_remove_tree("/", &err), ERR_CONFIG);
    assert_int_equal(fs_remove_tree("", &err), ERR_CONFIG);
}

struct walked {
    struct buf paths;
    uint64_t bytes;
    int stop_at; /* fails at this file; 0 = never */
};

static int on_walked(void *user, const char *relative, uint64_t bytes, struct err *err)
{
    struct walked *w = user;
    buf_printf(&w->paths, "%s\n", relative);
    w->bytes += bytes;
    if (w->stop_at > 0 && --w->stop_at == 0) {
        return err_set(err, ERR_CANCELED, "enough");
    }
    return 7; /* any outcome goes on */
}

static void make_tree_to_walk(void **state)
{
    static const char *const dirs[] = {"t/a", "t/b/deep/er", "t/empty", "elsewhere"};
    static const char *const files[] = {"t/a/2", "t/a/10",        "t/a.b", "t/a-b",      "t/zz",
                                        "t/b/x", "t/b/deep/er/y", "t/B",   "elsewhere/q"};
    struct err err;
    for (size_t i = 0; i < ARRAY_COUNT(dirs); i++) {
        PATH(path, dirs[i]);
        assert_int_equal(fs_make_dirs(path, &err), 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        PATH(path, files[i]);
        put(path, STR("abc"));
    }
    PATH(target, "elsewhere");
    PATH(link_path, "t/link");
    PATH(fifo, "t/fifo");
    assert_int_equal(symlink(target, link_path), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
}

static void walk_gives_regular_files_in_order_of_their_paths(void **state)
{
    make_tree_to_walk(state);
    PATH(root, "t");
    struct walked w = {0};
    struct err err;
    assert_int_equal(fs_walk(root, on_walked, &w, &err), 0);
    assert_string_equal(buf_str(&w.paths).ptr, "B\na-b\na.b\na/10\na/2\nb/deep/er/y\nb/x\nzz\n");
    assert_int_equal(w.bytes, 24);
    buf_done(&w.paths);
}

static void walk_stops_at_the_first_error(void **state)
{
    make_tree_to_walk(state);
    PATH(root, "t");
    PATH(none, "none");
    PATH(empty, "t/empty");
    struct walked w = {.stop_at = 4};
    struct err err;
    assert_int_equal(fs_walk(root, on_walked, &w, &err), ERR_CANCELED);
    assert_string_equal(buf_str(&w.paths).ptr, "B\na-b\na.b\na/10\n");
    buf_reset(&w.paths);
    assert_int_equal(fs_walk(none, on_walked, &w, &err), ERR_CONFIG);
    assert_int_equal(fs_walk(empty, on_walked, &w, &err), 0);
    assert_int_equal(w.paths.len, 0);
    buf_done(&w.paths);
}

static void temporary_folders_are_private_and_new(void **state)
{
    struct err err;
    AUTO_FREE char *first = NULL;
    AUTO_FREE char *second = NULL;
    AUTO_FREE char *third = NULL;
    PATH(none, "none");
    assert_int_equal(fs_make_temp_dir(*state, "spool", &first, &err), 0);
    assert_int_equal(fs_make_temp_dir(*state, "spool", &second, &err), 0);
    assert_string_not_equal(first, second);
    assert_non_null(strstr(first, "/spool-"));
    struct stat st;
    assert_int_equal(stat(first, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fs_make_temp_dir(none, "spool", &third, &err), ERR_IO);
    assert_null(third);
}

static void lock_has_one_holder(void **state)
{
    PATH(path, "lock");
    struct err err;
    int first = -1;
    int second = -1;
    assert_int_equal(fs_lock(path, &first, &err), 1);
    assert_int_equal(fs_lock(path, &second, &err), 0);
    assert_int_equal(second, -1);
    fd_close(&first);
    assert_int_equal(first, -1);
    assert_int_equal(fs_lock(path, &second, &err), 1);
    fd_close(&second);
    assert_int_equal(fs_lock("/none/lock", &second, &err), ERR_IO);
}

static void close_keeps_errno_and_takes_minus_one(void **state)
{
    (void)state;
    int none = -1;
    fd_close(&none);
    int fd = 1000000; /* not open */
    errno = EAGAIN;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, EAGAIN);
    int value = 5;
    assert_int_equal(TAKE_FD(value), 5);
    assert_int_equal(value, -1);
}

static void folder_is_synced(void **state)
{
    PATH(none, "none");
    struct err err;
    assert_int_equal(fs_sync_dir(*state, &err), 0);
    assert_int_equal(fs_sync_dir(none, &err), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_file_reads_back, make_root, remove_root),
        cmocka_unit_test_setup_teardown(files_without_a_size_are_read_too, make_root, remove_root),
        cmocka_unit_test_setup_teardown(file_of_exactly_the_maximum_is_read, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(large_file_reads_back, make_root, remove_root),
        cmocka_unit_test_setup_teardown(missing_file_is_the_users_to_change, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(pread_gives_all_or_says_corrupt, make_root, remove_root),
        cmocka_unit_test_setup_teardown(failed_write_names_the_path, make_root, remove_root),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(relative_folders_are_made_here, make_root, remove_root),
        cmocka_unit_test_setup_teardown(removing_a_tree_spares_what_links_point_to, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(removing_takes_files_and_what_is_not_there, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(make_tree_to_walk, make_root, remove_root),
        cmocka_unit_test_setup_teardown(walk_gives_regular_files_in_order_of_their_paths, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(walk_stops_at_the_first_error, make_root, remove_root),
        cmocka_unit_test_setup_teardown(temporary_folders_are_private_and_new, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(lock_has_one_holder, make_root, remove_root),
        cmocka_unit_test_setup_teardown(close_keeps_errno_and_takes_minus_one, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(folder_is_synced, make_root, remove_root),
    };
    return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
