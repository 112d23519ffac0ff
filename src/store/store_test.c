/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of store.h, over every store: local, memory, and S3.  S3 is the
 * fake of s3_fake.c, or with SLUICE_TEST_S3=s3://bucket/prefix a real server, whose
 * endpoint and keys are taken from the environment as in production.
 */
#include "store/store_fixture.h"

/* ---- the contract ---- */

static void what_was_put_is_got_back(void **state)
{
    struct fixture *f = *state;
    put(f, "part-1.parquet", "hello");
    assert_object(f, "part-1.parquet", "hello");
    put(f, "a/b/c/empty", "");
    assert_object(f, "a/b/c/empty", "");

    AUTO_BUF struct buf large = {0};
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < 300000; i++) {
        buf_add_char(&large, (char)(i * 7 + i / 251));
    }
    assert_ok(f, store_put(f->s, STR("large"), buf_str(&large), &f->err));
    buf_add_c(&out, "before:");
    assert_int_equal(store_get(f->s, STR("large"), &out, &f->err), STORE_GOT);
    assert_true(str_starts(buf_str(&out), STR("before:")));
    assert_true(str_eq(str_skip(buf_str(&out), 7), buf_str(&large)));
}

static void a_put_overwrites(void **state)
{
    struct fixture *f = *state;
    put(f, "k", "a longer first body");
    put(f, "k", "second");
    assert_object(f, "k", "second");
}

static void an_absent_key_is_absent(void **state)
{
    struct fixture *f = *state;
    struct store_entry entry;
    AUTO_BUF struct buf out = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_head(f->s, STR("x/nothing"), &entry, &f->err), STORE_ABSENT);
        assert_absent(f, "x/nothing");
        assert_int_equal(store_get_range(f->s, STR("x/nothing"), 3, 4, &out, &f->err),
                         STORE_ABSENT);
        assert_int_equal(store_get_range(f->s, STR("x/nothing"), 0, 0, &out, &f->err),
                         STORE_ABSENT);
        assert_ok(f, store_delete(f->s, STR("x/nothing"), &f->err));
        put(f, "other", "1"); /* and again in a store that is not empty */
    }
}

static void a_range_ends_where_the_object_does(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset;
        uint64_t len;
        const char *want;
    } cases[] = {
        {0, 3, "012"},
        {4, 3, "456"},
        {8, 100, "89"},
        {9, 1, "9"},
        {0, 10, "0123456789"},
        {5, UINT64_MAX, "56789"},
        {10, 5, ""},
        {1000000, UINT64_MAX, ""},
        {3, 0, ""},
    };
    put(f, "digits", "0123456789");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf out = {0};
        buf_add_c(&out, ">");
        assert_int_equal(
            store_get_range(f->s, STR("digits"), cases[i].offset, cases[i].len, &out, &f->err),
            STORE_GOT);
        assert_string_equal(out.ptr + 1, cases[i].want);
    }
}

static void an_object_that_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    buf_init(&out, 20);
    put(f, "k", "0123456789");
    buf_add_c(&out, "before");
    assert_int_equal(store_get(f->s, STR("k"), &out, &f->err), STORE_GOT);
    assert_fails(f, ERR_DATA, store_get(f->s, STR("k"), &out, &f->err));
    assert_string_equal(out.ptr, "before0123456789");
    assert_false(out.overflow);
    assert_non_null(strstr(f->err.msg, "get \"k\""));
    assert_non_null(strstr(f->err.msg, "20 bytes"));
}

static void head_tells_size_and_time(void **state)
{
    struct fixture *f = *state;
    struct store_entry entry;
    put(f, "a/k", "0123456789");
    assert_int_equal(store_head(f->s, STR("a/k"), &entry, &f->err), STORE_GOT);
    assert_true(str_eq_c(entry.key, "a/k"));
    assert_int_equal(entry.size_bytes, 10);
    int64_t age_us = clock_wall_us() - entry.modified_us;
    assert_true(age_us > -60000000 && age_us < 60000000);
}

static void a_key_is_created_once(void **state)
{
    struct fixture *f = *state;
    struct str key = STR("_delta_log/00000000000000000000.json");
    assert_int_equal(store_put_if_absent(f->s, key, STR("first"), &f->err), STORE_PUT_DONE);
    assert_int_equal(store_put_if_absent(f->s, key, STR("second"), &f->err), STORE_PUT_EXISTS);
    assert_int_equal(store_put_if_absent(f->s, key, STR("first"), &f->err), STORE_PUT_EXISTS);
    assert_object(f, key.ptr, "first");
    assert_ok(f, store_delete(f->s, key, &f->err));
    assert_int_equal(store_put_if_absent(f->s, key, STR("third"), &f->err), STORE_PUT_DONE);
    assert_object(f, key.ptr, "third");
}

struct rival {
    struct store *s;
    char key[64];
    char body[64];
    int outcome;
    struct err err;
};

static void rival_run(void *user)
{
    struct rival *r = user;
    r->outcome = store_put_if_absent(r->s, str_of(r->key), str_of(r->body), &r->err);
}

static void of_many_writers_exactly_one_wins(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 10; round++) {
        struct rival rivals[8] = {0};
        struct thread threads[8] = {0};
        for (size_t i = 0; i < ARRAY_COUNT(rivals); i++) {
            rivals[i].s = f->s;
            snprintf(rivals[i].key, sizeof(rivals[i].key), "_delta_log/%020d.json", round);
            snprintf(rivals[i].body, sizeof(rivals[i].body), "writer %zu of round %d", i, round);
            thread_start(&threads[i], "rival", rival_run, &rivals[i]);
        }
        const struct rival *winner = NULL;
        for (size_t i = 0; i < ARRAY_COUNT(rivals); i++) {
            thread_join(&threads[i]);
            if (rivals[i].outcome == STORE_PUT_DONE) {
                assert_null(winner);
                winner = &rivals[i];
            } else {
                assert_int_equal(rivals[i].outcome, STORE_PUT_EXISTS);
            }
        }
        assert_non_null(winner);
        assert_object(f, winner->key, winner->body);
    }
}

static void a_file_becomes_an_object(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 100000, (size_t)5 << 20, ((size_t)12 << 20) + 1};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        AUTO_BUF struct buf content = {0};
        AUTO_BUF struct buf out = {0};
        AUTO_FREE char *path = make_file(f, "spooled.parquet", sizes[i], &content);
        struct str key = STR("dt=2026-11-22/part-1.parquet");
        struct store_entry entry;
        assert_ok(f, store_put_file(f->s, key, path, &f->err));
        assert_int_equal(store_head(f->s, key, &entry, &f->err), STORE_GOT);
        assert_int_equal(entry.size_bytes, sizes[i]);
        assert_int_equal(store_get(f->s, key, &out, &f->err), STORE_GOT);
        assert_true(str_eq(buf_str(&out), buf_str(&content)));
    }
    assert_true(store_put_file(f->s, STR("k"), "/nowhere/file", &f->err) < 0);
    assert_non_null(strstr(f->err.msg, "/nowhere/file"));
}

static void a_list_is_in_the_order_of_keys(void **state)
{
    struct fixture *f = *state;
    assert_list(f, "", "", "");
    assert_list(f, "x/y/", "", "");
    static const char *const keys[] = {"b/2", "b/10", "a-b", "a/x", "a/w/1", "a.b", "b/1", "c"};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        put(f, keys[i], "123");
    }
    assert_list(f, "", "", "a-b=3,a.b=3,a/w/1=3,a/x=3,b/1=3,b/10=3,b/2=3,c=3,");
    assert_list(f, "b/", "", "b/1=3,b/10=3,b/2=3,");
    assert_list(f, "b/1", "", "b/1=3,b/10=3,");
    assert_list(f, "a", "", "a-b=3,a.b=3,a/w/1=3,a/x=3,");
    assert_list(f, "b", "b/1", "b/10=3,b/2=3,");
    assert_list(f, "", "a/w", "a/w/1=3,a/x=3,b/1=3,b/10=3,b/2=3,c=3,");
    assert_list(f, "", "a/w/1", "a/x=3,b/1=3,b/10=3,b/2=3,c=3,");
    assert_list(f, "b/", "b/100", "b/2=3,");
    assert_list(f, "b/", "a", "b/1=3,b/10=3,b/2=3,");
    assert_list(f, "b/", "c", "");
    assert_list(f, "nothing/", "", "");
    assert_list(f, "c/", "", "");
}

static void the_end_of_a_log_is_found_by_start_after(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf want = {0};
    for (int i = 0; i < 25; i++) {
        char key[64];
        snprintf(key, sizeof(key), "_delta_log/%020d.json", i);
        assert_int_equal(store_put_if_absent(f->s, str_of(key), STR("x"), &f->err), STORE_PUT_DONE);
        if (i > 21) {
            buf_printf(&want, "%s=1,", key);
        }
    }
    put(f, "_delta_log/_last_checkpoint", "{}");
    buf_add_c(&want, "_delta_log/_last_checkpoint=2,");
    assert_list(f, "_delta_log/", "_delta_log/00000000000000000021.json", want.ptr);
}

static void odd_keys_stay_what_they_are(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = {
        " a b/c+d",  "a%20b",        "amp&<>\"'#?;=@:,$!*()", "d=a%3Ab/x",
        "tilde~_-.", "\u00e4\u1234", "\U0001f600/x",
    };
    AUTO_BUF struct buf want = {0};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        put(f, keys[i], keys[i]);
        buf_printf(&want, "%s=%zu,", keys[i], strlen(keys[i]));
    }
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct store_entry entry;
        assert_object(f, keys[i], keys[i]);
        assert_int_equal(store_head(f->s, str_of(keys[i]), &entry, &f->err), STORE_GOT);
    }
    assert_list(f, "", "", want.ptr);
    assert_list(f, "a%20", "", "a%20b=5,");
    assert_list(f, " a b/", "", " a b/c+d=8,");
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_ok(f, store_delete(f->s, str_of(keys[i]), &f->err));
    }
    assert_list(f, "", "", "");
}

static void a_listing_can_be_stopped_or_fail(void **state)
{
    struct fixture *f = *state;
    for (const char *c = "abcdefghi"; *c != '\0'; c++) {
        put(f, (char[]){'x', '/', *c, '\0'}, "1");
    }
    struct listed stopped = {.stop_after = 4, .result = 1};
    assert_int_equal(store_list(f->s, STR("x/"), STR(""), on_listed, &stopped, &f->err), 0);
    assert_int_equal(stopped.count, 4);
    buf_done(&stopped.text);
    struct listed failed = {.stop_after = 5, .result = ERR_DATA};
    assert_fails(f, ERR_DATA, store_list(f->s, STR("x/"), STR(""), on_listed, &failed, &f->err));
    assert_int_equal(failed.count, 5);
    buf_done(&failed.text);
    assert_non_null(strstr(f->err.msg, "as asked"));
}

static int on_listed_get(void *user, const struct store_entry *entry, struct err *err)
{
    struct listed *l = user;
    l->count++;
    AUTO_BUF struct buf key = {0};
    buf_add_str(&key, entry->key);
    int rc = store_get(l->s, buf_str(&key), &l->text, err);
    return rc < 0 ? rc : store_delete(l->s, buf_str(&key), err);
}

static void a_listing_may_use_the_store(void **state)
{
    struct fixture *f = *state;
    for (const char *c = "abcdefghi"; *c != '\0'; c++) {
        put(f, (char[]){'x', '/', *c, '\0'}, (char[]){*c, '\0'});
    }
    struct listed l = {.s = f->s};
    assert_ok(f, store_list(f->s, STR("x/"), STR(""), on_listed_get, &l, &f->err));
    assert_string_equal(l.text.ptr, "abcdefghi");
    buf_done(&l.text);
    assert_list(f, "", "", "");
}

static void a_deleted_object_is_gone(void **state)
{
    struct fixture *f = *state;
    put(f, "a/1", "x");
    put(f, "a/2", "y");
    assert_ok(f, store_delete(f->s, STR("a/1"), &f->err));
    assert_ok(f, store_delete(f->s, STR("a/1"), &f->err));
    assert_absent(f, "a/1");
    assert_list(f, "", "", "a/2=1,");
}

static void no_key_leaves_the_root(void **state)
{
    struct fixture *f = *state;
    char too_long[1026];
    memset(too_long, 'k', sizeof(too_long));
    too_long[1025] = '\0';
    const struct str keys[] = {
        STR(""),
        STR(".."),
        STR("../x"),
        STR("a/../../x"),
        STR("a/.."),
        STR("/etc/x"),
        STR("a//b"),
        STR("a/"),
        STR("."),
        STR("a/./b"),
        STR("a\0b"),
        STR("\xff\xfe"),
        STR("a/.sluice-tmp-1"),
        str_of(too_long),
    };
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        AUTO_BUF struct buf out = {0};
        struct store_entry entry;
        assert_fails(f, ERR_CONFIG, store_put(f->s, keys[i], STR("x"), &f->err));
        assert_fails(f, ERR_CONFIG, store_put_if_absent(f->s, keys[i], STR("x"), &f->err));
        assert_fails(f, ERR_CONFIG, store_put_file(f->s, keys[i], "/dev/null", &f->err));
        assert_fails(f, ERR_CONFIG, store_get(f->s, keys[i], &out, &f->err));
        assert_fails(f, ERR_CONFIG, store_get_range(f->s, keys[i], 0, 1, &out, &f->err));
        assert_fails(f, ERR_CONFIG, store_head(f->s, keys[i], &entry, &f->err));
        assert_fails(f, ERR_CONFIG, store_delete(f->s, keys[i], &f->err));
    }
    struct listed l = {0};
    assert_fails(f, ERR_CONFIG, store_list(f->s, STR("../"), STR(""), on_listed, &l, &f->err));
    assert_fails(f, ERR_CONFIG, store_list(f->s, STR("/"), STR(""), on_listed, &l, &f->err));
    put(f, "..a/...", "fine");
    assert_object(f, "..a/...", "fine");
    assert_list(f, "..a/", "", "..a/...=4,");
}

static uint64_t requests(const struct store_stats *stats, enum store_operation operation,
                         enum store_outcome outcome)
{
    return atomic_load(&stats->requests[operation][outcome]);
}

static void what_is_asked_is_counted(void **state)
{
    struct fixture *f = *state;
    struct store_stats stats = {0};
    struct store_entry entry;
    struct histogram_copy seconds;
    AUTO_BUF struct buf out = {0};
    store_watch(f->s, &stats);
    put(f, "k", "hello");
    assert_int_equal(store_get(f->s, STR("k"), &out, &f->err), STORE_GOT);
    assert_int_equal(store_get_range(f->s, STR("k"), 1, 2, &out, &f->err), STORE_GOT);
    assert_int_equal(store_get(f->s, STR("none"), &out, &f->err), STORE_ABSENT);
    assert_int_equal(store_head(f->s, STR("none"), &entry, &f->err), STORE_ABSENT);
    assert_int_equal(store_put_if_absent(f->s, STR("c"), STR("12"), &f->err), STORE_PUT_DONE);
    assert_int_equal(store_put_if_absent(f->s, STR("c"), STR("34"), &f->err), STORE_PUT_EXISTS);
    assert_ok(f, store_delete(f->s, STR("c"), &f->err));
    AUTO_FREE char *path = mem_printf("/tmp/sluice-store-count-%d", (int)getpid());
    assert_ok(f, fs_write_file(path, STR("a file"), &f->err));
    assert_ok(f, store_put_file(f->s, STR("f"), path, &f->err));
    (void)unlink(path);
    assert_int_equal(requests(&stats, STORE_OPERATION_PUT, STORE_OUTCOME_OK), 2);
    assert_int_equal(requests(&stats, STORE_OPERATION_GET, STORE_OUTCOME_OK), 2);
    assert_int_equal(requests(&stats, STORE_OPERATION_GET, STORE_OUTCOME_ABSENT), 1);
    assert_int_equal(requests(&stats, STORE_OPERATION_HEAD, STORE_OUTCOME_ABSENT), 1);
    assert_int_equal(requests(&stats, STORE_OPERATION_PUT_IF_ABSENT, STORE_OUTCOME_OK), 1);
    assert_int_equal(requests(&stats, STORE_OPERATION_PUT_IF_ABSENT, STORE_OUTCOME_EXISTS), 1);
    assert_int_equal(requests(&stats, STORE_OPERATION_DELETE, STORE_OUTCOME_OK), 1);
    assert_int_equal(atomic_load(&stats.sent_bytes), 5 + 2 + 6);
    assert_int_equal(atomic_load(&stats.received_bytes), 5 + 2);
    histogram_read(&stats.seconds[STORE_OPERATION_GET], &seconds);
    assert_int_equal(seconds.count, 3);
    store_cancel(f->s);
    assert_int_equal(store_put(f->s, STR("k"), STR("x"), &f->err), ERR_CANCELED);
    assert_int_equal(requests(&stats, STORE_OPERATION_PUT, STORE_OUTCOME_CANCELED), 1);
    assert_int_equal(requests(&stats, STORE_OPERATION_PUT, STORE_OUTCOME_ERROR), 0);
    store_watch(f->s, NULL);
}

static void a_canceled_store_does_nothing_more(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf out = {0};
    struct listed l = {0};
    struct store_entry entry;
    put(f, "k", "1");
    store_cancel(f->s);
    int64_t begin_us = clock_mono_us();
    assert_fails(f, ERR_CANCELED, store_get(f->s, STR("k"), &out, &f->err));
    assert_fails(f, ERR_CANCELED, store_head(f->s, STR("k"), &entry, &f->err));
    assert_fails(f, ERR_CANCELED, store_put(f->s, STR("k"), STR("2"), &f->err));
    assert_fails(f, ERR_CANCELED, store_put_file(f->s, STR("k"), "/etc/passwd", &f->err));
    assert_fails(f, ERR_CANCELED, store_put_if_absent(f->s, STR("n"), STR("2"), &f->err));
    assert_fails(f, ERR_CANCELED, store_list(f->s, STR(""), STR(""), on_listed, &l, &f->err));
    assert_fails(f, ERR_CANCELED, store_delete(f->s, STR("k"), &f->err));
    assert_true(clock_mono_us() - begin_us < 2000000);
}

static void the_probe_holds_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, store_probe(f->s, &f->err));
    assert_list(f, "", "", "");
}

/* ---- opening ---- */

static void locations_open_the_store_that_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        const char *root;
    } good[] = {
        {"/tmp/a/b/", "/tmp/a/b"},
        {"file:///tmp/x%20y", "/tmp/x%20y"},
        {"file:/tmp/x", "/tmp/x"},
        {"file://localhost/tmp/x", "/tmp/x"},
        {"/", "/"},
        {"/tmp/a://b", "/tmp/a://b"},
    };
    static const char *const bad[] = {"",         "hdfs://host/x", "file://host/x",
                                      "s3a:///x", "abfss://a",     "s3://b/../x"};
    struct err err;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        AUTO_STORE struct store *s = NULL;
        assert_int_equal(store_open(str_of(good[i].location), NULL, &s, &err), 0);
        assert_string_equal(store_local_root(s), good[i].root);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO_STORE struct store *s = NULL;
        assert_int_equal(store_open(str_of(bad[i]), NULL, &s, &err), ERR_CONFIG);
    }
    AUTO_STORE struct store *relative = NULL;
    assert_int_equal(store_open(STR("lake/t"), NULL, &relative, &err), 0);
    assert_int_equal(store_local_root(relative)[0], '/');
    assert_true(str_ends(str_of(store_local_root(relative)), STR("/lake/t")));
    AUTO_STORE struct store *memory = NULL;
    assert_int_equal(store_open(STR("memory://x"), NULL, &memory, &err), 0);
    assert_null(store_local_root(memory));
}

/* ---- running ---- */

struct test_case {
    const char *name;
    CMUnitTestFunction run;
};

#define CASE(fn)                                                                                   \
    {                                                                                              \
#fn, fn                                                                                    \
    }

static const struct test_case contract[] = {
    CASE(what_was_put_is_got_back),
    CASE(a_put_overwrites),
    CASE(an_absent_key_is_absent),
    CASE(a_range_ends_where_the_object_does),
    CASE(an_object_that_does_not_fit_is_refused),
    CASE(head_tells_size_and_time),
    CASE(a_key_is_created_once),
    CASE(of_many_writers_exactly_one_wins),
    CASE(a_file_becomes_an_object),
    CASE(a_list_is_in_the_order_of_keys),
    CASE(the_end_of_a_log_is_found_by_start_after),
    CASE(odd_keys_stay_what_they_are),
    CASE(a_listing_can_be_stopped_or_fail),
    CASE(a_listing_may_use_the_store),
    CASE(a_deleted_object_is_gone),
    CASE(no_key_leaves_the_root),
    CASE(the_probe_holds_and_leaves_nothing),
    CASE(what_is_asked_is_counted),
    CASE(a_canceled_store_does_nothing_more),
};

static const struct test_case free_standing[] = {
    CASE(locations_open_the_store_that_they_name),
};

static size_t add_cases(struct CMUnitTest *tests, size_t count, const struct test_case *cases,
                        size_t case_count, enum kind *kind)
{
    for (size_t i = 0; i < case_count; i++) {
        tests[count++] = (struct CMUnitTest){
            .name = kind == NULL ? mem_strdup(cases[i].name)
                                 : mem_printf("%s: %s", kind_name(*kind), cases[i].name),
            .test_func = cases[i].run,
            .setup_func = kind == NULL ? NULL : setup,
            .teardown_func = kind == NULL ? NULL : teardown,
            .initial_state = kind,
        };
    }
    return count;
}

int main(void)
{
    static enum kind kinds[] = {KIND_LOCAL, KIND_MEMORY, KIND_S3};
    struct CMUnitTest tests[4 * ARRAY_COUNT(contract)] = {0};
    static_assert(ARRAY_COUNT(free_standing) <= ARRAY_COUNT(contract), "they fit into `tests`");
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        count = add_cases(tests, count, contract, ARRAY_COUNT(contract), &kinds[i]);
    }
    count = add_cases(tests, count, free_standing, ARRAY_COUNT(free_standing), NULL);
    int rc = _cmocka_run_group_tests("store", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        mem_free((void *)(uintptr_t)tests[i].name);
    }
    return rc;
}
