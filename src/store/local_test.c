/* SPDX-License-Identifier: Apache-2.0 */
/* What only a folder has; the contract of all stores is in store_test.c. */
#include "store/local.h"

#include "store/store_fixture.h"

#include <sys/stat.h>

static void a_local_folder_is_made_when_first_written(void **state)
{
    struct fixture *f = *state;
    const char *root = store_local_root(f->s);
    assert_true(str_ends(str_of(root), STR("/lake/table")));
    assert_absent(f, "a/b");
    assert_list(f, "", "", "");
    assert_ok(f, store_delete(f->s, STR("a/b"), &f->err));
    assert_false(fs_exists(root));
    assert_int_equal(store_put_if_absent(f->s, STR("_delta_log/0.json"), STR("x"), &f->err),
                     STORE_PUT_DONE);
    assert_true(fs_exists(root));
}

static int count_file(void *user, const char *relative, uint64_t bytes, struct err *err)
{
    (void)relative;
    (void)bytes;
    (void)err;
    ++*(size_t *)user;
    return 0;
}

static void unfinished_files_are_hidden_and_none_stays(void **state)
{
    struct fixture *f = *state;
    put(f, "a/1", "x");
    AUTO_FREE char *left = mem_printf("%s/a/.sluice-tmp-left", store_local_root(f->s));
    assert_ok(f, fs_write_file(left, STR("half"), &f->err));
    assert_list(f, "", "", "a/1=1,");
    assert_list(f, "a/.", "", "");
    assert_int_equal(store_put_if_absent(f->s, STR("a/1"), STR("y"), &f->err), STORE_PUT_EXISTS);
    assert_int_equal(store_put_if_absent(f->s, STR("a/2"), STR("y"), &f->err), STORE_PUT_DONE);
    put(f, "a/1", "z");
    size_t count = 0;
    assert_ok(f, fs_walk(store_local_root(f->s), count_file, &count, &f->err));
    assert_int_equal(count, 3);
}

static void a_local_file_is_moved_into_place(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf content = {0};
    AUTO_FREE char *path = make_file(f, "spooled", 1000, &content);
    struct stat before;
    struct stat after;
    assert_int_equal(stat(path, &before), 0);
    assert_ok(f, store_put_file(f->s, STR("deep/er/part"), path, &f->err));
    assert_false(fs_exists(path));
    AUTO_FREE char *placed = mem_printf("%s/deep/er/part", store_local_root(f->s));
    assert_int_equal(stat(placed, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void a_symbolic_link_is_copied_not_moved(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf content = {0};
    AUTO_FREE char *path = make_file(f, "real", 1000, &content);
    AUTO_FREE char *link_path = mem_printf("%s/link", f->dir);
    assert_int_equal(symlink(path, link_path), 0);
    assert_ok(f, store_put_file(f->s, STR("part"), link_path, &f->err));
    AUTO_FREE char *placed = mem_printf("%s/part", store_local_root(f->s));
    struct stat st;
    assert_int_equal(lstat(placed, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_true(fs_exists(path));
}

static void a_file_on_another_file_system_is_copied(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char *dir = NULL;
    if (fs_make_temp_dir("/dev/shm", "store-test", &dir, &err) < 0) {
        skip();
    }
    AUTO_FREE char *path = mem_printf("%s/spooled", dir);
    assert_ok(f, fs_write_file(path, STR("from afar"), &f->err));
    assert_ok(f, store_put_file(f->s, STR("p/q"), path, &f->err));
    assert_object(f, "p/q", "from afar");
    assert_ok(f, fs_remove_tree(dir, &f->err));
    mem_free(dir);
}

static void a_folder_is_no_object(void **state)
{
    struct fixture *f = *state;
    struct store_entry entry;
    put(f, "a/b/c", "x");
    assert_absent(f, "a/b");
    assert_int_equal(store_head(f->s, STR("a"), &entry, &f->err), STORE_ABSENT);
    assert_ok(f, store_delete(f->s, STR("a/b"), &f->err));
    assert_object(f, "a/b/c", "x");
    assert_fails(f, ERR_CONFIG, store_put(f->s, STR("a/b/c/d"), STR("x"), &f->err));
    assert_non_null(strstr(f->err.msg, "put \"a/b/c/d\""));
    assert_fails(f, ERR_CONFIG, store_put(f->s, STR("a/b"), STR("x"), &f->err));
    assert_absent(f, "a/b/c/d");
    assert_ok(f, store_delete(f->s, STR("a/b/c/d"), &f->err));
    size_t count = 0;
    assert_ok(f, fs_walk(store_local_root(f->s), count_file, &count, &f->err));
    assert_int_equal(count, 1);
}

static void a_circle_of_links_ends_the_listing_with_an_error(void **state)
{
    struct fixture *f = *state;
    struct listed l = {0};
    put(f, "a/x", "1");
    AUTO_FREE char *loop = mem_printf("%s/a/loop", store_local_root(f->s));
    assert_int_equal(symlink(".", loop), 0);
    assert_fails(f, ERR_CONFIG, store_list(f->s, STR(""), STR(""), on_listed, &l, &f->err));
    buf_done(&l.text);
}

static int setup_local(void **state)
{
    static enum kind kind = KIND_LOCAL;
    *state = &kind;
    return setup(state);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup_local, teardown)

struct behind {
    struct str after;
    struct buf *out;
};

/* What a list from the start gives behind `after`. */
static int expect_behind(void *user, const struct store_entry *entry, struct err *err)
{
    (void)err;
    struct behind *want = user;
    if (str_cmp(entry->key, want->after) > 0) {
        buf_printf(want->out, "%.*s=1,", STR_FMT(entry->key));
    }
    return 0;
}

static void every_start_of_a_listing_agrees_with_the_whole_one(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {"a",   "a-b/x", "a0",   "ab/c/d", "ab/c0",   "ab-/e",
                                       "b/a", "b/a.x", "b/ab", "b/b/b",  "b.0/abc", "z"};
    static const char *const more[] = {"a/", "a-", "ab", "ab/", "ab/c", "ab/c/", "b/a/", "b0", "~"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        put(f, keys[i], "x");
    }
    for (size_t i = 0; i < ARRAY_COUNT(keys) + ARRAY_COUNT(more); i++) {
        const char *after = i < ARRAY_COUNT(keys) ? keys[i] : more[i - ARRAY_COUNT(keys)];
        AUTO_BUF struct buf expected = {0};
        buf_add_c(&expected, "");
        struct behind want = {str_of(after), &expected};
        assert_ok(f, store_list(f->s, STR(""), STR(""), expect_behind, &want, &f->err));
        assert_list(f, "", after, expected.len == 0 ? "" : expected.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_local_folder_is_made_when_first_written),
        CASE(unfinished_files_are_hidden_and_none_stays),
        CASE(a_local_file_is_moved_into_place),
        CASE(a_symbolic_link_is_copied_not_moved),
        CASE(a_file_on_another_file_system_is_copied),
        CASE(a_folder_is_no_object),
        CASE(a_circle_of_links_ends_the_listing_with_an_error),
        CASE(every_start_of_a_listing_agrees_with_the_whole_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
