/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELTA_TEST_TABLE_H
#define DELTA_TEST_TABLE_H

#include "delta/snapshot.h"
#include "store/faulty.h"
#include "store/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/*
 * test_table - small tables in memory, for the tests of this folder
 */

/* The outcome of a call that must not fail. */
#define OK(expr)                                                                                   \
    __extension__({                                                                                \
        int ok_rc = (expr);                                                                        \
        if (ok_rc < 0) {                                                                           \
            fail_msg("%s: %s", #expr, err.msg);                                                    \
        }                                                                                          \
        ok_rc;                                                                                     \
    })

/* The call fails with that code and these words are in the message. */
#define FAILS(expr, err_code, words)                                                               \
    do {                                                                                           \
        err.msg[0] = '\0';                                                                         \
        int fails_rc = (expr);                                                                     \
        if (fails_rc != (err_code) || strstr(err.msg, (words)) == NULL) {                          \
            fail_msg("%s: %d \"%s\", not %d \"%s\"", #expr, fails_rc, err.msg, (int)(err_code),    \
                     (words));                                                                     \
        }                                                                                          \
    } while (0)

UNUSED static void test_put_commit(struct store *store, int64_t version, const char *lines)
{
    struct err err;
    char room[DELTA_LOG_KEY_BYTES];
    OK(store_put(store, delta_log_commit_key(room, version), str_of(lines), &err));
}

#define TEST_PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define TEST_METADATA_OF(id, configuration)                                                        \
    "{\"metaData\":{\"id\":\"" id "\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"       \
    "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"a\\\","     \
    "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\","                    \
    "\"partitionColumns\":[],\"configuration\":{" configuration "},\"createdTime\":1}}\n"
#define TEST_METADATA TEST_METADATA_OF("t-1", "")
#define TEST_FOREIGN_INFO(operation)                                                               \
    "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"" operation "\",\"operationParameters\":{}," \
    "\"isBlindAppend\":true}}\n"
#define TEST_FOREIGN_ADD(path)                                                                     \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"    \
    "\"dataChange\":true}}\n"
#define TEST_FOREIGN_APPEND TEST_FOREIGN_INFO("WRITE") TEST_FOREIGN_ADD("foreign.parquet")

/* A table with one column and no files at version 0. */
UNUSED static void test_make_table(struct store *store)
{
    test_put_commit(store, 0, TEST_FOREIGN_INFO("CREATE TABLE") TEST_PROTOCOL TEST_METADATA);
}

UNUSED static struct delta_table *test_open(struct store *store)
{
    static const struct delta_options options = {.db = NULL, .spool = "/tmp"};
    struct delta_table *table = NULL;
    struct err err;
    OK(delta_open(store, &options, &table, &err));
    return table;
}

/* One file and one txn. */
UNUSED static int test_append(struct delta_table *table, const char *key, int64_t txn_version,
                              int64_t *ret_version, struct err *err)
{
    struct delta_add add = {.key = str_of(key), .size_bytes = 10, .modified_ms = 5, .row_count = 2};
    struct delta_txn txn = {.app_id = STR("sluice/q"), .version = txn_version};
    struct delta_change change = {
        .operation = "STREAMING UPDATE",
        .parameters = STR("{\"outputMode\":\"Append\"}"),
        .add_count = 1,
        .adds = &add,
        .txn_count = 1,
        .txns = &txn,
    };
    return delta_commit(table, &change, ret_version, err);
}

struct test_count {
    const char *path;
    int64_t count;
};

UNUSED static int test_count_file(void *user, const struct delta_action *action, struct err *err)
{
    (void)err;
    struct test_count *count = user;
    count->count += action->kind == DELTA_ACTION_ADD && str_eq_c(action->file.path, count->path);
    return 0;
}

UNUSED static int test_skip(void *user, const struct delta_log_commit *commit, struct err *err)
{
    (void)user;
    (void)commit;
    (void)err;
    return 0;
}

/* How often the log adds `path`, by a look that nothing disturbs. */
UNUSED static int64_t test_count_adds(struct store *store, const char *path)
{
    struct err err;
    struct test_count count = {.path = path};
    AUTO_LOG_LIST struct delta_log_list list = {0};
    OK(delta_log_list(store, 0, &list, &err));
    OK(delta_log_read(store, 0, (int64_t)list.commits.count - 1, test_count_file, test_skip, &count,
                      &err));
    return count.count;
}

#endif
