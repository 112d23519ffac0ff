/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - batch SQL over Delta tables
 */
#include "cli/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/scan_query.h"
#include "cli/signals.h"

#define STDIN_BYTES_MAX ((size_t)16 << 20)
#define COPY_BYTES      ((size_t)1 << 20)
/* Longest cell on a terminal; files and pipes get all. */
#define TERMINAL_CELL 80

struct query_values {
    struct cli_common common;
    const char *pipeline;
    int format;
    const char *output;
    const char *fetch_max;
    bool stats;
};

static void on_signal(void *user, int count)
{
    (void)count;
    cli_scan_query_cancel(user);
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    for (;;) {
        char *at = buf_reserve(out, 65536);
        if (at == NULL) {
            return buf_check(out, "the query", err);
        }
        ssize_t n = read(fd, at, 65536);
        if (n < 0 && errno != EINTR) {
            return err_set_errno(err, errno, "read standard input");
        }
        if (n == 0) {
            return 0;
        }
        out->len += n > 0 ? (size_t)n : 0;
    }
}

static int copy_to_fd(const char *path, int fd, const char *target, struct err *err)
{
    AUTO_FD int in = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t size = 0;
    if (in < 0) {
        return err_set_errno(err, errno, "open \"%s\"", path);
    }
    TRY(fs_file_size(path, &size, err));
    AUTO_FREE char *piece = mem_alloc(COPY_BYTES);
    for (uint64_t at = 0; at < size;) {
        size_t len = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        TRY(fs_pread_all(in, piece, len, at, path, err));
        TRY(fs_write_all(fd, piece, len, target, err));
        at += len;
    }
    return 0;
}

static int write_result(struct cli_scan_query *q, const struct query_values *v, int fd,
                        const char *target, struct err *err)
{
    if (v->format != CLI_PRINT_PARQUET) {
        size_t cell_max = isatty(fd) == 1 ? TERMINAL_CELL : 0;
        return cli_scan_query_print(q, fd, target, cell_max, err);
    }
    AUTO_FREE char *path = mem_printf("%s/result.parquet", q->spool.path);
    TRY(cli_scan_query_copy(q, path, err));
    return copy_to_fd(path, fd, target, err);
}

/* The file appears when it is complete. */
static int write_file(struct cli_scan_query *q, const struct query_values *v, struct err *err)
{
    AUTO_FREE char *temporary = mem_printf("%s.part", v->output);
    AUTO_FD int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        int code = errno;
        return err_set(err, ERR_CONFIG, "cannot create \"%s\": %s", temporary,
                       strerrordesc_np(code));
    }
    int rc = write_result(q, v, fd, v->output, err);
    if (rc >= 0 && rename(temporary, v->output) != 0) {
        rc = err_set_errno(err, errno, "rename \"%s\"", temporary);
    }
    if (rc < 0) {
        (void)unlink(temporary);
    }
    return rc;
}

static int run_query(struct cli_scan_query *q, const char *text, const struct query_values *v,
                     struct err *err)
{
    AUTO_PLAN struct plan *plan = NULL;
    AUTO_BUF struct buf input = {.max = STDIN_BYTES_MAX};
    struct str sql = str_of(text);
    if (strcmp(text, "-") == 0) {
        TRY(read_all(STDIN_FILENO, &input, err));
        sql = buf_str(&input);
    }
    if (v->pipeline != NULL) {
        TRY(plan_load_file(v->pipeline, &plan, err));
    }
    struct cli_scan_query_options options = {.plan = plan,
                                             .format = (enum cli_print_format)v->format};
    if (!str_to_bytes(str_of(v->fetch_max), &options.fetch_bytes_max)) {
        return err_set(err, ERR_CONFIG, "--fetch-max is \"%s\"; a size such as 20GB is expected",
                       v->fetch_max);
    }
    TRY(cli_scan_query_open(q, sql, &options, err));
    if (v->stats) {
        cli_scan_query_note(q);
    }
    return v->output != NULL ? write_file(q, v, err)
                             : write_result(q, v, STDOUT_FILENO, "standard output", err);
}

static int query_main(const struct cli_args *args, const void *values, struct err *err)
{
    const struct query_values *v = values;
    if (v->format == CLI_PRINT_PARQUET && v->output == NULL && cli_out_is_terminal()) {
        return err_set(err, ERR_CONFIG, "a Parquet file cannot be shown; name one with -o FILE");
    }
    AUTO_SCAN_QUERY struct cli_scan_query q;
    cli_scan_query_init(&q);
    struct cli_signals signals = {0};
    TRY(cli_signals_open(&signals, on_signal, &q, err));
    int rc = run_query(&q, args->items[0], v, err);
    cli_signals_close(&signals);
    if (rc < 0 && stop_is_set(&q.stop)) {
        return err_set(err, ERR_CANCELED, "interrupted");
    }
    return rc;
}

static const struct cli_option query_options[] = {
    {.name = "pipeline",
     .letter = 'p',
     .type = CLI_TEXT,
     .offset = offsetof(struct query_values, pipeline),
     .value = "FILE.sql",
     .help = "its streaming tables can be named in FROM; its store options are used"},
    {.name = "format",
     .letter = 'f',
     .type = CLI_CHOICE,
     .offset = offsetof(struct query_values, format),
     .preset = "table",
     .choices = "table|csv|json|parquet",
     .help = "of the result; json is an object a line"},
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = offsetof(struct query_values, output),
     .value = "FILE",
     .help = "write the result there"},
    {.name = "fetch-max",
     .type = CLI_TEXT,
     .offset = offsetof(struct query_values, fetch_max),
     .preset = "16GB",
     .value = "BYTES",
     .help = "how much may be copied here, for the time of the query, from a store that is not "
             "local"},
    {.name = "stats",
     .type = CLI_FLAG,
     .offset = offsetof(struct query_values, stats),
     .help = "say on standard error how many files and bytes of each table were read"},
    {0},
};

const struct cli_command cli_query_command = {
    .name = "query",
    .arguments = "'SELECT …' | -",
    .summary = "run a SELECT over Delta tables",
    .about =
        "A table is delta_scan('PATH') or delta_scan('PATH', VERSION), PATH being a folder or\n"
        "s3a://bucket/path, or with --pipeline the name of a streaming table. The SQL is "
        "DuckDB's;\n"
        "it can read these tables and no other files. With - the query is read from standard\n"
        "input. Files that cannot have rows for the query are left out; of the files of an S3\n"
        "table, the columns and row groups that it reads are copied to $TMPDIR (or "
        "$SLUICE_SPOOL).\n",
    .examples = "  sluice query \"SELECT count(*) FROM delta_scan('./lake/vehicle_positions')\"\n"
                "  sluice query -p vehicle_positions.sql 'FROM vehicle_positions LIMIT 10'\n"
                "  sluice query --format csv -o day.csv \"SELECT * FROM "
                "delta_scan('s3a://lake/events', 42) "
                "WHERE day = '2026-01-31'\"\n",
    .options = query_options,
    .values_bytes = sizeof(struct query_values),
    .args_min = 1,
    .args_max = 1,
    .run = query_main,
};
