/* SPDX-License-Identifier: Apache-2.0 */
/*
 * growth - tables of any age without their data, and what a writer pays for their age
 *
 *     growth_bench make FOLDER COMMITS FILES [cleaned]
 *     growth_bench copy FROM TO
 *     growth_bench open|commit|refresh|idle|checkpoint LOCATION SPOOL REPEATS
 *
 * `make` writes the log alone: version 0, COMMITS - 1 more of which each adds a file and most
 * remove one, so that FILES live, and a checkpoint with TAIL commits behind it; `cleaned` leaves
 * out what that checkpoint made superfluous.  (When there are more files than commits, the first
 * ones come by the checkpoint.)  The others measure one thing in a process of their own and print
 * one JSON object a line: medians, and the most memory.  bench/growth.py runs them in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "delta/delta.h"
#include "store/store.h"

#define TAIL 9

/* As job/query.c opens the database that writes checkpoints. */
#define MEMORY_BYTES ((uint64_t)512 << 20)

/* Longer than anybody keeps the tombstone. */
#define OLD_MS INT64_C(1600000000000)

static int fail(const struct err *err)
{
    fprintf(stderr, "growth_bench: %s\n", err->msg);
    return 1;
}

/* ---- making ---- */

static void print_add(struct buf *out, int64_t number)
{
    buf_printf(out,
               "{\"add\":{\"path\":\"part-%012" PRId64 "-5f1d6f1c-0000-4000-8000-c000.snappy"
               ".parquet\",\"partitionValues\":{},\"size\":123456,\"modificationTime\":%" PRId64
               ",\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":1000,\\\"minValues\\\":{"
               "\\\"id\\\":%" PRId64
               ",\\\"name\\\":\\\"abc\\\"},\\\"maxValues\\\":{\\\"id\\\":%" PRId64
               ",\\\"name\\\":\\\"xyz\\\"},\\\"nullCount\\\":{\\\"id\\\":0,\\\"name\\\":0}}"
               "\"}}\n",
               number, OLD_MS + number, number * 1000, number * 1000 + 999);
}

static void print_remove(struct buf *out, int64_t number)
{
    buf_printf(out,
               "{\"remove\":{\"path\":\"part-%012" PRId64 "-5f1d6f1c-0000-4000-8000-c000.snappy"
               ".parquet\",\"deletionTimestamp\":%" PRId64
               ",\"dataChange\":false,\"extendedFileMetadata\":true,\"partitionValues\":{},"
               "\"size\":123456}}\n",
               number, OLD_MS + number);
}

static void print_first(struct buf *out)
{
    buf_add_c(out,
              "{\"commitInfo\":{\"timestamp\":1600000000000,\"operation\":\"CREATE TABLE\","
              "\"operationParameters\":{},\"isBlindAppend\":true}}\n"
              "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
              "{\"metaData\":{\"id\":\"5f1d6f1c-1111-4000-8000-000000000000\",\"format\":{"
              "\"provider\":\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":"
              "\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\",\\\"type\\\":\\\"long\\\","
              "\\\"nullable\\\":true,\\\"metadata\\\":{}},{\\\"name\\\":\\\"name\\\",\\\"type\\\":"
              "\\\"string\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\",\"partitionColumns\":"
              "[],\"configuration\":{},\"createdTime\":1600000000000}}\n");
}

static void print_commit(struct buf *out, int64_t version, int64_t files)
{
    buf_printf(out,
               "{\"commitInfo\":{\"timestamp\":%" PRId64 ",\"operation\":\"STREAMING UPDATE\","
               "\"operationParameters\":{\"outputMode\":\"Append\",\"queryId\":\"q\",\"epochId\":"
               "\"%" PRId64 "\"},\"readVersion\":%" PRId64
               ",\"isolationLevel\":\"WriteSerializable\",\"isBlindAppend\":true,"
               "\"operationMetrics\":{\"numAddedFiles\":\"1\"},\"engineInfo\":\"bench\",\"txnId\":"
               "\"5f1d6f1c-2222-4000-8000-%012" PRId64 "\"}}\n",
               OLD_MS + version, version, version - 1, version);
    buf_printf(out,
               "{\"txn\":{\"appId\":\"sluice/bench/q\",\"version\":%" PRId64
               ",\"lastUpdated\":%" PRId64 "}}\n",
               version, OLD_MS + version);
    if (version > files) {
        print_remove(out, version - files);
    }
    print_add(out, version);
}

/* A small file; not synced: whoever loses power makes the table again. */
static int write_plain(const char *path, struct str body, struct err *err)
{
    AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_set_errno(err, errno, "create \"%s\"", path);
    }
    return fs_write_all(fd, body.ptr, body.len, path, err);
}

static int write_log(const char *folder, int64_t first, int64_t commits, int64_t files,
                     struct err *err)
{
    AUTO_BUF struct buf body = {0};
    for (int64_t version = first; version < commits; version++) {
        AUTO_FREE char *path = mem_printf("%s/_delta_log/%020" PRId64 ".json", folder, version);
        buf_reset(&body);
        if (version == 0) {
            print_first(&body);
        } else {
            print_commit(&body, version, files);
        }
        TRY(write_plain(path, buf_str(&body), err));
    }
    return 0;
}

/*
 * The checkpoint of `version` without reading a million commits: that of a table whose only
 * commit holds all the files.
 */
static int write_base(const char *folder, int64_t version, int64_t files, struct sql_db *db,
                      struct err *err)
{
    AUTO_FREE char *scratch = mem_printf("%s/scratch", folder);
    AUTO_FREE char *log = mem_printf("%s/_delta_log", scratch);
    AUTO_FREE char *first = mem_printf("%s/00000000000000000000.json", log);
    AUTO_FREE char *made = mem_printf("%s/00000000000000000000.checkpoint.parquet", log);
    AUTO_FREE char *place =
        mem_printf("%s/_delta_log/%020" PRId64 ".checkpoint.parquet", folder, version);
    AUTO_FREE char *hint = mem_printf("%s/_delta_log/_last_checkpoint", folder);
    AUTO_STORE struct store *store = NULL;
    AUTO_BUF struct buf body = {0};
    TRY(fs_make_dirs(log, err));
    print_first(&body);
    buf_printf(&body, "{\"txn\":{\"appId\":\"sluice/bench/q\",\"version\":%" PRId64 "}}\n",
               version);
    for (int64_t i = 0; i < files; i++) {
        print_add(&body, version - i);
    }
    TRY(write_plain(first, buf_str(&body), err));
    struct store_options options = {0};
    TRY(store_open(str_of(scratch), &options, &store, err));
    int64_t rows = 0;
    TRY(delta_checkpoint_write(store, db, folder, 0, &rows, err));
    uint64_t bytes = 0;
    TRY(fs_file_size(made, &bytes, err));
    if (rename(made, place) < 0) {
        return err_set_errno(err, errno, "rename \"%s\"", made);
    }
    buf_reset(&body);
    buf_printf(&body,
               "{\"version\":%" PRId64 ",\"size\":%" PRId64 ",\"sizeInBytes\":%" PRIu64
               ",\"numOfAddFiles\":%" PRId64 "}",
               version, files + 3, bytes, files);
    TRY(write_plain(hint, buf_str(&body), err));
    return fs_remove_tree(scratch, err);
}

static int make(const char *folder, int64_t commits, int64_t files, bool cleaned, struct err *err)
{
    AUTO_FREE char *log = mem_printf("%s/_delta_log", folder);
    AUTO_SQL_DB struct sql_db *db = NULL;
    struct sql_db_options sql = {.temp_dir = folder};
    int64_t base = commits - 1 - TAIL;
    TRY(fs_make_dirs(log, err));
    TRY(sql_open(&sql, &db, err));
    TRY(write_base(folder, base, files, db, err));
    return write_log(folder, cleaned ? base : 0, commits, files, err);
}

/* ---- copying ---- */

struct copy {
    struct store *from;
    struct store *to;
};

static int copy_one(void *user, const struct store_entry *entry, struct err *err)
{
    struct copy *copy = user;
    AUTO_BUF struct buf body = {0};
    if (TRY(store_get(copy->from, entry->key, &body, err)) != STORE_GOT) {
        return err_set(err, ERR_IO, "\"%.*s\" is gone", STR_FMT(entry->key));
    }
    return store_put(copy->to, entry->key, buf_str(&body), err);
}

static int copy_table(const char *from, const char *to, struct err *err)
{
    AUTO_STORE struct store *source = NULL;
    AUTO_STORE struct store *target = NULL;
    struct store_options options = {0};
    TRY(store_open(str_of(from), &options, &source, err));
    TRY(store_open(str_of(to), &options, &target, err));
    struct copy copy = {source, target};
    return store_list(source, STR(""), STR(""), copy_one, &copy, err);
}

/* ---- measuring ---- */

struct sample {
    int64_t wall_us;
    int64_t cpu_us;
};

struct measure {
    const char *location;
    const char *spool;
    struct sql_db *db;
    struct sample samples[1000];
    size_t count;
    size_t wanted;
    struct sample began;
};

static void begin(struct measure *m)
{
    m->began = (struct sample){clock_mono_us(), clock_process_cpu_us()};
}

static void end(struct measure *m)
{
    m->samples[m->count++] = (struct sample){clock_mono_us() - m->began.wall_us,
                                             clock_process_cpu_us() - m->began.cpu_us};
}

static int open_table(const struct measure *m, struct delta_table **ret_table, struct err *err)
{
    struct store *store = NULL;
    struct store_options options = {0};
    struct delta_options delta = {.db = m->db, .spool = m->spool};
    TRY(store_open(str_of(m->location), &options, &store, err));
    return delta_open(store, &delta, ret_table, err);
}

static int append(struct delta_table *table, const char *app_id, struct err *err)
{
    char uuid[UUID_TEXT];
    rand_uuid(uuid);
    AUTO_FREE char *key = mem_printf("part-%s.snappy.parquet", uuid);
    struct delta_add add = {
        .key = str_of(key),
        .size_bytes = 123456,
        .modified_ms = OLD_MS,
        .row_count = 1000,
        .stats = STR("{\"numRecords\":1000,\"minValues\":{\"id\":1,\"name\":\"abc\"},"
                     "\"maxValues\":{\"id\":9,\"name\":\"xyz\"},\"nullCount\":{\"id\":0,"
                     "\"name\":0}}"),
    };
    struct delta_txn txn = {.app_id = str_of(app_id),
                            .version = delta_snapshot(table)->version + 1};
    struct delta_change change = {.operation = "STREAMING UPDATE",
                                  .parameters = STR("{\"outputMode\":\"Append\"}"),
                                  .add_count = 1,
                                  .adds = &add,
                                  .txn_count = 1,
                                  .txns = &txn};
    int64_t version = -1;
    return delta_commit(table, &change, &version, err);
}

static int measure_open(struct measure *m, struct err *err)
{
    while (m->count < m->wanted) {
        AUTO_DELTA struct delta_table *table = NULL;
        begin(m);
        TRY(open_table(m, &table, err));
        end(m);
    }
    return 0;
}

static int measure_commit(struct measure *m, struct err *err)
{
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(open_table(m, &table, err));
    while (m->count < m->wanted) {
        begin(m);
        TRY(append(table, "sluice/bench/mine", err));
        end(m);
    }
    return 0;
}

/* Another handle's commit is looked for; with `idle`, there is none. */
static int measure_refresh(struct measure *m, bool idle, struct err *err)
{
    AUTO_DELTA struct delta_table *table = NULL;
    AUTO_DELTA struct delta_table *other = NULL;
    TRY(open_table(m, &table, err));
    TRY(open_table(m, &other, err));
    while (m->count < m->wanted) {
        if (!idle) {
            TRY(append(other, "sluice/bench/other", err));
        }
        begin(m);
        int rc = TRY(delta_refresh(table, err));
        end(m);
        if (rc != !idle) {
            return err_set(err, ERR_CORRUPT, "a refresh saw %s", idle ? "a commit" : "no commit");
        }
    }
    return 0;
}

/* Each with one commit more, as a writer would ask for them. */
static int measure_checkpoint(struct measure *m, struct err *err)
{
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(open_table(m, &table, err));
    while (m->count < m->wanted) {
        TRY(append(table, "sluice/bench/mine", err));
        int64_t version = delta_snapshot(table)->version;
        int64_t rows = 0;
        begin(m);
        TRY(delta_checkpoint_write(delta_store(table), m->db, m->spool, version, &rows, err));
        end(m);
        delta_checkpoint_done(table, version, rows);
    }
    return 0;
}

static int by_wall(const void *a, const void *b)
{
    const struct sample *x = a;
    const struct sample *y = b;
    return (x->wall_us > y->wall_us) - (x->wall_us < y->wall_us);
}

static int by_cpu(const void *a, const void *b)
{
    const struct sample *x = a;
    const struct sample *y = b;
    return (x->cpu_us > y->cpu_us) - (x->cpu_us < y->cpu_us);
}

static double peak_mb(void)
{
    AUTO_BUF struct buf status = {0};
    struct err err;
    if (fs_read_file("/proc/self/status", &status, &err) < 0) {
        return 0;
    }
    const char *at = strstr(status.ptr, "VmHWM:");
    return at == NULL ? 0 : strtod(at + 6, NULL) / 1024;
}

static void report(struct measure *m, const char *what)
{
    qsort(m->samples, m->count, sizeof(struct sample), by_wall);
    double wall_ms = (double)m->samples[m->count / 2].wall_us / 1000;
    double most_ms = (double)m->samples[m->count - 1].wall_us / 1000;
    qsort(m->samples, m->count, sizeof(struct sample), by_cpu);
    double cpu_ms = (double)m->samples[m->count / 2].cpu_us / 1000;
    printf("{\"what\": \"%s\", \"ms\": %.3f, \"ms_most\": %.3f, \"cpu_ms\": %.3f, \"rss_mb\": "
           "%.1f}\n",
           what, wall_ms, most_ms, cpu_ms, peak_mb());
}

static int run(struct measure *m, const char *what, struct err *err)
{
    if (strcmp(what, "open") == 0) {
        return measure_open(m, err);
    }
    if (strcmp(what, "commit") == 0) {
        return measure_commit(m, err);
    }
    if (strcmp(what, "refresh") == 0 || strcmp(what, "idle") == 0) {
        return measure_refresh(m, strcmp(what, "idle") == 0, err);
    }
    if (strcmp(what, "checkpoint") == 0) {
        return measure_checkpoint(m, err);
    }
    return err_set(err, ERR_CONFIG, "\"%s\" is nothing to measure", what);
}

static int measure(const char *what, const char *location, const char *spool, size_t repeats,
                   struct err *err)
{
    AUTO_FREE struct measure *m = mem_new(struct measure);
    AUTO_SQL_DB struct sql_db *db = NULL;
    struct sql_db_options sql = {.memory_bytes = MEMORY_BYTES, .threads = 1, .temp_dir = spool};
    TRY(sql_open(&sql, &db, err));
    *m = (struct measure){.location = location, .spool = spool, .db = db};
    m->wanted = repeats < ARRAY_COUNT(m->samples) ? repeats : ARRAY_COUNT(m->samples);
    TRY(run(m, what, err));
    report(m, what);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err;
    int64_t first = 0;
    int64_t second = 0;
    if (argc >= 5 && strcmp(argv[1], "make") == 0 && str_to_i64(str_of(argv[3]), &first) &&
        str_to_i64(str_of(argv[4]), &second) && first > TAIL + 1 && second > 0) {
        return make(argv[2], first, second, argc > 5, &err) < 0 ? fail(&err) : 0;
    }
    if (argc == 4 && strcmp(argv[1], "copy") == 0) {
        return copy_table(argv[2], argv[3], &err) < 0 ? fail(&err) : 0;
    }
    if (argc == 5 && str_to_i64(str_of(argv[4]), &first) && first > 0) {
        return measure(argv[1], argv[2], argv[3], (size_t)first, &err) < 0 ? fail(&err) : 0;
    }
    fprintf(stderr, "usage: growth_bench make FOLDER COMMITS FILES [cleaned]\n"
                    "       growth_bench copy FROM TO\n"
                    "       growth_bench open|commit|refresh|idle|checkpoint LOCATION SPOOL N\n");
    return 2;
}
