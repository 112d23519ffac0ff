/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#include "sql/sql.h"

/*
 * A scan of numbers: rows 0…total-1 of (id BIGINT, name STRING, tags ARRAY<STRING>), shared by
 * all worker threads.  Asserts stay out of the callbacks: cmocka's would jump over C++ frames.
 */
struct numbers {
    struct sql_scan scan;
    struct mutex lock;
    int64_t next, total;
    int64_t fail_at; /* fill fails from this row on; -1 = never */
    atomic_int open, ended_early;
};

struct numbers_local {
    struct arena arena;
    bool saw_end;
};

static int numbers_open(struct sql_scan *scan, const bool *wanted, void **ret_local,
                        struct err *err)
{
    (void)wanted;
    (void)err;
    struct numbers *n = CONTAINER_OF(scan, struct numbers, scan);
    atomic_fetch_add(&n->open, 1);
    *ret_local = mem_new(struct numbers_local);
    return 0;
}

static void write_row(struct column *const *columns, size_t row, int64_t id, struct arena *arena)
{
    if (columns[0] != NULL) {
        ((int64_t *)columns[0]->data)[row] = id;
    }
    if (columns[1] != NULL) {
        if (id % 10 == 9) {
            column_set_null(columns[1], row);
        } else {
            column_set_string(columns[1], row,
                              str_of(arena_printf(arena, "a rather long name %" PRId64, id)));
        }
    }
    if (columns[2] != NULL) {
        size_t count = (size_t)(id % 4);
        uint64_t at = column_open_list(columns[2], row, count);
        for (size_t i = 0; i < count; i++) {
            column_set_string(&columns[2]->children[0], at + i, STR("tag"));
        }
    }
}

static int numbers_fill(struct sql_scan *scan, void *ptr, struct column *const *columns,
                        size_t capacity, struct err *err)
{
    struct numbers *n = CONTAINER_OF(scan, struct numbers, scan);
    struct numbers_local *local = ptr;
    arena_reset(&local->arena);
    mutex_lock(&n->lock);
    int64_t first = n->next;
    int64_t count = n->total - first < (int64_t)capacity ? n->total - first : (int64_t)capacity;
    n->next += count;
    mutex_unlock(&n->lock);
    if (n->fail_at >= 0 && first + count > n->fail_at) {
        return err_set(err, ERR_DATA, "row %" PRId64 " is poisoned", n->fail_at);
    }
    for (int64_t i = 0; i < count; i++) {
        write_row(columns, (size_t)i, first + i, &local->arena);
    }
    local->saw_end = count == 0;
    return (int)count;
}

static void numbers_close(struct sql_scan *scan, void *ptr)
{
    struct numbers *n = CONTAINER_OF(scan, struct numbers, scan);
    struct numbers_local *local = ptr;
    if (!local->saw_end) {
        atomic_fetch_add(&n->ended_early, 1);
    }
    arena_done(&local->arena);
    mem_free(local);
    atomic_fetch_sub(&n->open, 1);
}

static const struct sql_scan_ops numbers_ops = {numbers_open, numbers_fill, numbers_close};

struct fixture {
    struct arena arena;
    struct sql_db *db;
    struct sql_conn *conn;
    struct sql_source *source;
    struct numbers numbers;
    char *dir;
    struct err err;
};

#define OK(f, expr)                                                                                \
    do {                                                                                           \
        if ((expr) < 0) {                                                                          \
            fail_msg("%s", (f)->err.msg);                                                          \
        }                                                                                          \
    } while (0)

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    OK(f, fs_make_temp_dir("/tmp", "sluice-sql", &f->dir, &f->err));
    struct sql_db_options options = {
        .memory_bytes = (uint64_t)256 << 20, .threads = 2, .temp_dir = f->dir, .sandbox = true};
    OK(f, sql_open(&options, &f->db, &f->err));
    OK(f, sql_connect(f->db, &f->conn, &f->err));
    struct type_field fields[] = {
        {.name = STR("id"), .type = type_simple(TYPE_BIGINT), .nullable = true},
        {.name = STR("name"), .type = type_simple(TYPE_STRING), .nullable = true},
        {.name = STR("tags"),
         .type = type_array(&f->arena, type_simple(TYPE_STRING), true),
         .nullable = true},
    };
    const struct type *row = type_struct(&f->arena, fields, ARRAY_COUNT(fields));
    OK(f, sql_register_source(f->conn, "src", row, &f->source, &f->err));
    f->numbers.scan.ops = &numbers_ops;
    f->numbers.fail_at = -1;
    mutex_init(&f->numbers.lock);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sql_disconnect(f->conn);
    sql_close(f->db);
    OK(f, fs_remove_tree(f->dir, &f->err));
    mem_free(f->dir);
    mutex_done(&f->numbers.lock);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

static void attach(struct fixture *f, int64_t total)
{
    f->numbers.next = 0;
    f->numbers.total = total;
    sql_source_attach(f->source, &f->numbers.scan);
}

/* The single cell of a query's single row. */
static void assert_cell(struct fixture *f, const char *query, const char *want)
{
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    OK(f, sql_query(f->conn, query, &rows, &f->err));
    struct str cell;
    int rc = sql_rows_next(rows, &cell, &f->err);
    OK(f, rc);
    assert_int_equal(rc, 1);
    char *got = str_dup(cell);
    assert_string_equal(got, want);
    mem_free(got);
}

static void every_row_of_the_scan_arrives_once(void **state)
{
    struct fixture *f = *state;
    attach(f, 1000000);
    assert_cell(f,
                "SELECT (count(*) || ' ' || sum(id) || ' ' || count(name) || ' ' || "
                "sum(len(tags)) || ' ' || min(name))::VARCHAR FROM src()",
                "1000000 499999500000 900000 1500000 a rather long name 0");
    assert_int_equal(atomic_load(&f->numbers.open), 0);
}

static void a_statement_that_reads_the_source_twice_fails(void **state)
{
    struct fixture *f = *state;
    attach(f, 10);
    struct err err;
    assert_int_equal(sql_run(f->conn, "SELECT * FROM src() a, src() b", &err), ERR_DATA);
    assert_non_null(strstr(err.msg, "reads a stream twice"));
}

static void a_source_without_a_batch_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    sql_source_attach(f->source, NULL);
    struct err err;
    assert_true(sql_run(f->conn, "SELECT * FROM src()", &err) < 0);
}

static struct str *copy_dir(struct fixture *f, const char *name)
{
    struct str *dir = arena_new(&f->arena, struct str);
    *dir = str_of(arena_printf(&f->arena, "%s/%s", f->dir, name));
    OK(f, fs_make_dirs(dir->ptr, &f->err));
    return dir;
}

static void copy_writes_one_file_with_statistics(void **state)
{
    struct fixture *f = *state;
    attach(f, 300000);
    struct sql_copy_options options = {
        .dir = copy_dir(f, "a")->ptr, .compression = "snappy", .row_group_rows = 122880};
    struct sql_copy_result result;
    OK(f, sql_copy(f->conn, "SELECT id, name, {'x': id} AS s FROM src() WHERE id >= 1000", &options,
                   &f->arena, &result, &f->err));
    assert_int_equal(result.row_count, 299000);
    assert_int_equal(result.file_count, 1);
    bool seen = false;
    for (size_t i = 0; i < result.files[0].stats_count; i++) {
        const struct sql_column_stats *stats = &result.files[0].stats[i];
        if (str_eq(stats->path, STR("\"s\".\"x\""))) {
            seen = true;
            assert_true(stats->has_min && str_eq(stats->min, STR("1000")));
            assert_true(stats->has_max && str_eq(stats->max, STR("299999")));
            assert_true(stats->has_null_count && stats->null_count == 0);
        }
    }
    assert_true(seen);
    uint64_t bytes = 0;
    OK(f, fs_file_size(result.files[0].path.ptr, &bytes, &f->err));
    assert_int_equal(bytes, result.files[0].size_bytes);
}

static void copy_splits_by_text_keys(void **state)
{
    struct fixture *f = *state;
    attach(f, 1000);
    const char *names[] = {"__p0", "__p1"};
    struct sql_copy_options options = {.dir = copy_dir(f, "b")->ptr,
                                       .compression = "zstd",
                                       .row_group_rows = 10000,
                                       .partition_count = 2,
                                       .partition_names = names};
    struct sql_copy_result result;
    OK(f, sql_copy(f->conn,
                   "SELECT id, 'v' || (id % 3)::VARCHAR || '/%=' AS \"__p0\", "
                   "CASE WHEN id % 2 = 0 THEN 'n' ELSE 'v' END AS \"__p1\" FROM src()",
                   &options, &f->arena, &result, &f->err));
    assert_int_equal(result.row_count, 1000);
    assert_int_equal(result.file_count, 6);
    for (size_t i = 0; i < result.file_count; i++) {
        struct str key = result.files[i].partition_values[0];
        assert_int_equal(key.len, 5);
        assert_true(str_ends(key, STR("/%=")));
    }
}

/* ---- many partitions ---- */

/* All columns, and nothing that depends on the order of rows. */
#define ROWS_OF(from)                                                                              \
    "SELECT count(*) || ' ' || sum(hash(id, name, tags, t, d, s, m)) || ' ' || "                   \
    "count(DISTINCT id) FROM (" from ")"
#define MANY                                                                                       \
    "SELECT id, name, tags, make_timestamptz(id * 1000003) AS t, (id / 7)::DECIMAL(20, 3) AS d, "  \
    "{'x': name, 'y': [id]} AS s, MAP {'k': id} AS m, 'v' || (id * 7919 %% "

/* Rows of `dir` by what is in its files and their keys; what a file holds by its statistics. */
static void check_split(struct fixture *f, const struct sql_copy_result *result, const char *want,
                        size_t partitions)
{
    AUTO_BUF struct buf query = {0};
    int64_t rows = 0;
    buf_add_c(&query, "SELECT * FROM read_parquet([");
    for (size_t i = 0; i < result->file_count; i++) {
        const struct sql_file *file = &result->files[i];
        buf_add_c(&query, i == 0 ? "" : ", ");
        sql_quote_text(&query, file->path);
        rows += file->row_count;
        assert_int_equal(file->partition_count, 1);
        assert_int_equal(file->partition_values[0].ptr[0], 'v');
        assert_true(file->stats_count >= 7);
        for (size_t k = 0; k < i; k++) {
            assert_false(str_eq(file->partition_values[0], result->files[k].partition_values[0]));
        }
    }
    buf_add_c(&query, "], hive_partitioning = false)");
    assert_int_equal(result->file_count, partitions);
    assert_int_equal(rows, result->row_count);
    AUTO_FREE char *cell = mem_printf(ROWS_OF("%s"), query.ptr);
    assert_cell(f, cell, want);
    /* The key is in no file, and the columns are in their order. */
    AUTO_FREE char *columns =
        mem_printf("SELECT string_agg(column_name, ' ') FROM (DESCRIBE %s)", query.ptr);
    assert_cell(f, columns, "id name tags t d s m");
    /* Each file holds rows of its partition and all of them. */
    const struct sql_file *first = &result->files[0];
    AUTO_FREE char *keys = mem_printf(
        "SELECT count(*) || ' ' || count(DISTINCT id * 7919 %% %zu) || ' ' || "
        "min('v' || (id * 7919 %% %zu)) FROM read_parquet('%.*s', hive_partitioning = false)",
        partitions, partitions, STR_FMT(first->path));
    AUTO_FREE char *expected =
        mem_printf("%" PRId64 " 1 %.*s", first->row_count, STR_FMT(first->partition_values[0]));
    assert_cell(f, keys, expected);
}

/* Two batches, as the second one knows from the first. */
static void split_twice(struct fixture *f, size_t partitions, size_t buckets_then)
{
    const char *names[] = {"__p0"};
    struct sql_partitions known = {0};
    int64_t total = 30000;
    AUTO_FREE char *select = mem_printf(MANY "%zu) AS \"__p0\" FROM src()", partitions);
    attach(f, total);
    AUTO_FREE char *source = mem_printf(ROWS_OF(MANY "%zu) AS k FROM src()"), partitions);
    AUTO_SQL_ROWS struct sql_rows *rows = NULL;
    struct str cell;
    OK(f, sql_query(f->conn, source, &rows, &f->err));
    assert_int_equal(sql_rows_next(rows, &cell, &f->err), 1);
    AUTO_FREE char *want = str_dup(cell);
    for (int batch = 0; batch < 2; batch++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "many-%zu-%d", partitions, batch);
        struct sql_copy_options options = {.dir = copy_dir(f, name)->ptr,
                                           .compression = "snappy",
                                           .row_group_rows = 61440,
                                           .partition_count = 1,
                                           .partition_names = names,
                                           .partitions = &known};
        struct sql_copy_result result;
        attach(f, total);
        OK(f, sql_copy(f->conn, select, &options, &f->arena, &result, &f->err));
        assert_int_equal(result.row_count, total);
        assert_int_equal(result.bucket_count, batch == 0 ? 16 : buckets_then);
        AUTO_FREE char *buckets = mem_printf("%s/buckets", options.dir);
        assert_false(fs_exists(buckets)); /* the first pass leaves nothing */
        check_split(f, &result, want, partitions);
    }
    sql_partitions_done(&known);
}

static void one_partition_goes_in_one_pass(void **state)
{
    split_twice(*state, 1, 0);
}

static void ten_partitions_go_in_one_pass(void **state)
{
    split_twice(*state, 10, 0);
}

static void five_hundred_partitions_go_through_buckets(void **state)
{
    split_twice(*state, 500, 32);
}

static void three_thousand_partitions_fit_into_the_memory_of_a_stream(void **state)
{
    split_twice(*state, 3000, 64);
}

static size_t buckets_of(struct fixture *f, struct sql_partitions *known, int64_t rows,
                         int partitions)
{
    const char *names[] = {"__p0"};
    char name[32];
    static int number;
    (void)snprintf(name, sizeof(name), "learn-%d", number++);
    struct sql_copy_options options = {.dir = copy_dir(f, name)->ptr,
                                       .compression = "snappy",
                                       .row_group_rows = 61440,
                                       .partition_count = 1,
                                       .partition_names = names,
                                       .partitions = known};
    struct sql_copy_result result;
    AUTO_FREE char *select =
        mem_printf("SELECT id, 'v' || (id %% %d) AS \"__p0\" FROM src()", partitions);
    attach(f, rows);
    OK(f, sql_copy(f->conn, select, &options, &f->arena, &result, &f->err));
    assert_int_equal(result.row_count, rows);
    return result.bucket_count;
}

static void what_batches_had_decides_on_the_passes_of_the_next(void **state)
{
    struct fixture *f = *state;
    struct sql_partitions known = {0};
    assert_int_equal(buckets_of(f, &known, 0, 1), 16);    /* nothing is known */
    assert_int_equal(buckets_of(f, &known, 100, 16), 16); /* and no rows tell nothing */
    assert_int_equal(buckets_of(f, &known, 100, 17), 0);  /* 16 go at once, one is learnt */
    assert_int_equal(buckets_of(f, &known, 100, 100), 2);
    assert_int_equal(buckets_of(f, &known, 100, 1), 8);
    /* Small batches add up to what a large one will have… */
    for (int i = 0; i < 126; i++) {
        assert_int_equal(buckets_of(f, &known, 1, 1), 8);
    }
    /* …and are forgotten after as many once more. */
    for (int i = 0; i < 125; i++) {
        (void)buckets_of(f, &known, 1, 1);
    }
    assert_int_equal(buckets_of(f, &known, 1, 1), 8);
    (void)buckets_of(f, &known, 1, 1);
    (void)buckets_of(f, &known, 1, 1);
    assert_int_equal(buckets_of(f, &known, 1, 1), 0);
    sql_partitions_done(&known);
}

static void an_error_of_the_scan_ends_the_first_pass(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"__p0"};
    struct sql_partitions known = {0};
    attach(f, 1000000);
    f->numbers.fail_at = 5000;
    struct sql_copy_options options = {.dir = copy_dir(f, "fails")->ptr,
                                       .compression = "snappy",
                                       .row_group_rows = 10000,
                                       .partition_count = 1,
                                       .partition_names = names,
                                       .partitions = &known};
    struct sql_copy_result result;
    struct err err;
    assert_true(sql_copy(f->conn, "SELECT id, 'v' || id % 100 AS \"__p0\" FROM src()", &options,
                         &f->arena, &result, &err) < 0);
    assert_non_null(strstr(err.msg, "row 5000 is poisoned"));
    assert_int_equal(atomic_load(&f->numbers.open), 0);
    assert_false(known.known);
    sql_partitions_done(&known);
}

static void a_large_copy_goes_on_in_the_next_file(void **state)
{
    struct fixture *f = *state;
    attach(f, 500000);
    struct sql_copy_options options = {.dir = copy_dir(f, "e")->ptr,
                                       .compression = "uncompressed",
                                       .row_group_rows = 20480,
                                       .file_bytes = 4 << 20};
    struct sql_copy_result result;
    OK(f, sql_copy(f->conn, "SELECT id, md5(id::VARCHAR) AS h FROM src()", &options, &f->arena,
                   &result, &f->err));
    assert_int_equal(result.row_count, 500000);
    assert_in_range(result.file_count, 3, 8);
}

static void an_empty_copy_gives_no_files(void **state)
{
    struct fixture *f = *state;
    attach(f, 1000);
    struct sql_copy_options options = {
        .dir = copy_dir(f, "c")->ptr, .compression = "snappy", .row_group_rows = 10000};
    struct sql_copy_result result;
    OK(f, sql_copy(f->conn, "SELECT id FROM src() WHERE id < 0", &options, &f->arena, &result,
                   &f->err));
    assert_int_equal(result.file_count, 0);
}

static void an_error_of_the_scan_ends_the_copy(void **state)
{
    struct fixture *f = *state;
    attach(f, 1000000);
    f->numbers.fail_at = 5000;
    struct sql_copy_options options = {
        .dir = copy_dir(f, "d")->ptr, .compression = "snappy", .row_group_rows = 10000};
    struct sql_copy_result result;
    struct err err;
    assert_true(sql_copy(f->conn, "SELECT id FROM src()", &options, &f->arena, &result, &err) < 0);
    assert_non_null(strstr(err.msg, "row 5000 is poisoned"));
    assert_int_equal(atomic_load(&f->numbers.open), 0);
}

static void a_limit_is_seen_as_an_early_end(void **state)
{
    struct fixture *f = *state;
    attach(f, 1000000);
    assert_cell(f, "SELECT count(*)::VARCHAR FROM (SELECT * FROM src() LIMIT 5)", "5");
    assert_true(atomic_load(&f->numbers.ended_early) > 0);
}

static void the_sandbox_keeps_sql_inside(void **state)
{
    struct fixture *f = *state;
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/sluice-should-not-be'",
        "ATTACH '/tmp/sluice-should-not-be.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 7",
        "SET allowed_directories = ['/']",
    };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        struct err err;
        if (sql_run(f->conn, refused[i], &err) >= 0) {
            fail_msg("allowed: %s", refused[i]);
        }
    }
}

static void a_database_tells_its_memory_in_the_sandbox_too(void **state)
{
    struct fixture *f = *state;
    AUTO_SQL_DB struct sql_db *db = NULL;
    AUTO_SQL_CONN struct sql_conn *conn = NULL;
    struct sql_db_options options = {.threads = 1, .temp_dir = f->dir, .sandbox = true};
    struct sql_memory before;
    struct sql_memory after;
    OK(f, sql_open(&options, &db, &f->err));
    OK(f, sql_connect(db, &conn, &f->err));
    OK(f, sql_memory(conn, &before, &f->err));
    assert_true(before.bytes >= 0);
    assert_int_equal(before.temp_bytes, 0);
    OK(f, sql_run(conn, "CREATE TABLE t AS SELECT random() AS r FROM range(1000000)", &f->err));
    OK(f, sql_memory(conn, &after, &f->err));
    assert_true(after.bytes > before.bytes + 1000000);
}

static void an_interrupt_before_the_statement_is_not_lost(void **state)
{
    struct fixture *f = *state;
    struct err err;
    sql_interrupt(f->conn);
    assert_int_equal(sql_run(f->conn, "SELECT 1", &err), ERR_CANCELED);
    AUTO_ARENA struct arena arena = {0};
    const struct type *row_type = NULL;
    assert_int_equal(sql_describe(f->conn, "SELECT 1 AS a", &arena, &row_type, &err), ERR_CANCELED);
    assert_int_equal(sql_describe(f->conn, "SELECT nothing", &arena, &row_type, &err),
                     ERR_CANCELED);
    sql_uninterrupt(f->conn);
    OK(f, sql_run(f->conn, "SELECT 1", &f->err));
}

static void types_that_delta_has_not_name_the_cast(void **state)
{
    struct fixture *f = *state;
    struct err err;
    const struct type *row = NULL;
    assert_int_equal(
        sql_describe(f->conn, "SELECT sum(id) AS total FROM src()", &f->arena, &row, &err),
        ERR_CONFIG);
    assert_non_null(strstr(err.msg, "\"total\" is HUGEINT"));
    assert_non_null(strstr(err.msg, "DECIMAL(38,0)"));
    OK(f, sql_describe(f->conn,
                       "SELECT id, tags, {'a': 1.5::DECIMAL(10,2)} AS s, map {'k': 1} AS m, "
                       "now() AS t, DATE '2020-01-01'::TIMESTAMP AS n FROM src()",
                       &f->arena, &row, &f->err));
    AUTO_BUF struct buf text = {0};
    type_print(row, &text);
    assert_string_equal(text.ptr,
                        "STRUCT<id: BIGINT, tags: ARRAY<STRING>, s: STRUCT<a: DECIMAL(10,2)>, "
                        "m: MAP<STRING, INT>, t: TIMESTAMP, n: TIMESTAMP_NTZ>");
}

static int text_of_decimal(const struct column *in, size_t rows, struct column *out,
                           struct arena *arena, struct err *err)
{
    (void)err;
    for (size_t row = 0; row < rows; row++) {
        if (!column_is_valid(in, row)) {
            column_set_string(out, row, STR("null!"));
            continue;
        }
        char *text = in->type->kind == TYPE_DECIMAL
                         ? arena_printf(arena, "decimal of scale %d", in->type->scale)
                         : arena_printf(arena, "kind %d", (int)in->type->kind);
        column_set_string(out, row, str_of(text));
    }
    return 0;
}

static void a_text_function_sees_the_exact_type(void **state)
{
    struct fixture *f = *state;
    OK(f, sql_register_text_function(f->conn, "describe_it", text_of_decimal, &f->err));
    assert_cell(f, "SELECT describe_it(1.25::DECIMAL(12,5))", "decimal of scale 5");
    assert_cell(f, "SELECT describe_it(NULL::DATE)", "null!");
    AUTO_BUF struct buf want = {0};
    buf_printf(&want, "kind %d", (int)TYPE_TIMESTAMP);
    assert_cell(f, "SELECT describe_it(now())", want.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_of_the_scan_arrives_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_that_reads_the_source_twice_fails, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_source_without_a_batch_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_writes_one_file_with_statistics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_splits_by_text_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_partition_goes_in_one_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ten_partitions_go_in_one_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(five_hundred_partitions_go_through_buckets, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(three_thousand_partitions_fit_into_the_memory_of_a_stream,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_batches_had_decides_on_the_passes_of_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_error_of_the_scan_ends_the_first_pass, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_large_copy_goes_on_in_the_next_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_copy_gives_no_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_of_the_scan_ends_the_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_is_seen_as_an_early_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sandbox_keeps_sql_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_tells_its_memory_in_the_sandbox_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_interrupt_before_the_statement_is_not_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(types_that_delta_has_not_name_the_cast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_function_sees_the_exact_type, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
