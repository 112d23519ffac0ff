/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - what a Delta table is, has and went through
 *
 * Reads only.  A commitInfo is other people's text: members that are missing or
 * of another kind are shown as NULL.
 */
#include "cli/table.h"

#include <unistd.h>

#include "cli/print.h"
#include "cli/spool.h"
#include "cli/table_show.h"

struct table_values {
    struct cli_common common;
    bool json;
    int64_t version;
    int64_t limit;
};

#define HISTORY_LIMIT_PRESET "20"

static int print_begin(struct cli_print *print, const struct cli_print_column *columns,
                       size_t count, struct err *err)
{
    print->format = CLI_PRINT_TABLE;
    print->fd = STDOUT_FILENO;
    print->target = "standard output";
    print->cell_max = cli_out_is_terminal() ? 100 : 0;
    print->columns = columns;
    print->column_count = count;
    return cli_print_begin(print, err);
}

/* ---- history ------------------------------------------------------------------------------- */

struct history {
    struct cli_print print;
    bool json;
};

static const struct cli_print_column history_columns[] = {
    {{"version", 7}, true},      {{"timestamp", 9}, false}, {{"operation", 9}, false},
    {{"parameters", 10}, false}, {{"rows", 4}, true},       {{"files", 5}, true},
};

/* The first of the names that is there, as text; numbers as written. */
static struct str find_text(const struct json *object, const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct json *v = json_find(object, *names);
        if (v != NULL && (v->kind == JSON_STRING || v->kind == JSON_NUMBER)) {
            return v->text;
        }
    }
    return STR_NULL;
}

static struct str find_time(const struct json *info, struct buf *text)
{
    int64_t ms = 0;
    if (!json_get_i64(json_find(info, "inCommitTimestamp"), &ms) &&
        !json_get_i64(json_find(info, "timestamp"), &ms)) {
        return STR_NULL;
    }
    if (ms > INT64_MAX / 1000 || ms < INT64_MIN / 1000) {
        return STR_NULL;
    }
    clock_add_iso_ms(text, ms * 1000);
    return buf_str(text);
}

/* {"a": "1", "b": ["x"]} as a=1 b=["x"]. */
static struct str find_parameters(const struct json *info, struct buf *text)
{
    const struct json *parameters = json_find(info, "operationParameters");
    if (parameters == NULL || parameters->kind != JSON_OBJECT) {
        return STR_NULL;
    }
    json_foreach (p, parameters) {
        buf_printf(text, "%s%.*s=", text->len == 0 ? "" : " ", STR_FMT(p->name));
        if (p->kind == JSON_STRING) {
            buf_add_str(text, p->text);
        } else {
            json_print(p, text);
        }
    }
    return text->len == 0 ? STR("") : buf_str(text);
}

static int history_row(struct history *h, int64_t version, const struct json *info, struct err *err)
{
    static const char *const rows_names[] = {"numOutputRows", "num_added_rows", "num_output_rows",
                                             NULL};
    static const char *const file_names[] = {"numAddedFiles", "numFiles", "num_added_files", NULL};
    static const char *const operation_names[] = {"operation", NULL};
    const struct json *metrics = json_find(info, "operationMetrics");
    AUTO_BUF struct buf number = {0};
    AUTO_BUF struct buf time = {0};
    AUTO_BUF struct buf parameters = {0};
    buf_add_i64(&number, version);
    struct str cells[] = {
        buf_str(&number),
        find_time(info, &time),
        find_text(info, operation_names),
        find_parameters(info, &parameters),
        find_text(metrics, rows_names),
        find_text(metrics, file_names),
    };
    return cli_print_row(&h->print, cells, err);
}

static int on_commit(void *user, int64_t version, struct str commit_info, struct err *err)
{
    struct history *h = user;
    if (h->json) {
        AUTO_BUF struct buf line = {0};
        buf_printf(&line, "{\"version\":%" PRId64 ",\"commitInfo\":", version);
        buf_add_str(&line, commit_info.len == 0 ? STR("null") : commit_info);
        buf_add_c(&line, "}\n");
        return cli_out_write(buf_str(&line), err);
    }
    AUTO_ARENA struct arena arena = {0};
    struct json *info = NULL;
    struct err ignored;
    if (commit_info.len > 0 && json_parse(&arena, commit_info, &info, &ignored) < 0) {
        info = NULL;
    }
    return history_row(h, version, info, err);
}

static int show_history(const struct cli_args *args, const void *values, struct err *err)
{
    const struct table_values *v = values;
    AUTO_SPOOL struct cli_spool spool = {0};
    AUTO_DELTA struct delta_table *table = NULL;
    TRY(cli_spool_open(&spool, err));
    TRY(cli_spool_table(&spool, str_of(args->items[0]), NULL, &table, err));
    struct history h = {.json = v->json};
    TRY(h.json ? 0 : print_begin(&h.print, history_columns, ARRAY_COUNT(history_columns), err));
    int rc = delta_history(delta_store(table), v->limit, on_commit, &h, err);
    rc = rc < 0 || h.json ? rc : cli_print_end(&h.print, err);
    cli_print_done(&h.print);
    return rc;
}

/* ---- files --------------------------------------------------------------------------------- */

struct files {
    struct cli_print print;
    bool json;
    int64_t left;
    uint64_t count;
};

static const struct cli_print_column files_columns[] = {
    {{"path", 4}, false},
    {{"bytes", 5}, true},
    {{"rows", 4}, true},
    {{"partition", 9}, false},
};

static void add_file_json(const struct delta_file *file, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "path");
    json_str(&w, file->path);
    json_name(&w, "size");
    json_i64(&w, (int64_t)file->size_bytes);
    json_name(&w, "modificationTime");
    json_i64(&w, file->modified_ms);
    json_name(&w, "partitionValues");
    json_raw(&w, file->partition_values.len == 0 ? STR("{}") : file->partition_values);
    if (file->stats.len > 0) {
        json_name(&w, "stats");
        json_str(&w, file->stats);
    }
    if (file->deletion_vector.len > 0) {
        json_name(&w, "deletionVector");
        json_raw(&w, file->deletion_vector);
    }
    json_close_object(&w);
    buf_add_char(out, '\n');
}

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    struct files *f = user;
    f->count++;
    if (f->left-- <= 0) {
        return 0;
    }
    if (f->json) {
        AUTO_BUF struct buf line = {0};
        add_file_json(file, &line);
        return cli_out_write(buf_str(&line), err);
    }
    AUTO_BUF struct buf bytes = {0};
    AUTO_BUF struct buf rows = {0};
    int64_t count = cli_table_show_rows(file);
    buf_add_u64(&bytes, file->size_bytes);
    buf_add_i64(&rows, count);
    struct str cells[] = {
        file->path,
        buf_str(&bytes),
        count < 0 ? STR_NULL : buf_str(&rows),
        str_eq(file->partition_values, STR("{}")) ? STR("") : file->partition_values,
    };
    return cli_print_row(&f->print, cells, err);
}

static int show_files(const struct cli_args *args, const void *values, struct err *err)
{
    const struct table_values *v = values;
    AUTO_SPOOL struct cli_spool spool = {0};
    AUTO_DELTA struct delta_table *table = NULL;
    AUTO_ARENA struct arena arena = {0};
    struct delta_snapshot snapshot;
    TRY(cli_spool_open(&spool, err));
    TRY(cli_spool_table(&spool, str_of(args->items[0]), NULL, &table, err));
    struct files f = {.json = v->json, .left = v->limit};
    TRY(f.json ? 0 : print_begin(&f.print, files_columns, ARRAY_COUNT(files_columns), err));
    int rc = delta_files(delta_store(table), spool.db, spool.path, v->version, &arena, &snapshot,
                         on_file, &f, err);
    rc = rc < 0 || f.json ? rc : cli_print_end(&f.print, err);
    cli_print_done(&f.print);
    TRY(rc);
    if (f.count > (uint64_t)v->limit) {
        cli_out_note("%" PRId64 " of %" PRIu64 " files are shown; --limit shows more\n", v->limit,
                     f.count);
    }
    return 0;
}

static int show_table(const struct cli_args *args, const void *values, struct err *err)
{
    const struct table_values *v = values;
    AUTO_SPOOL struct cli_spool spool = {0};
    AUTO_BUF struct buf text = {0};
    TRY(cli_spool_open(&spool, err));
    TRY(cli_table_show(&spool, str_of(args->items[0]), v->version, v->json, &text, err));
    return cli_out_write(buf_str(&text), err);
}

static const struct cli_action table_actions[] = {
    {"history", "PATH", "the commits from newest to oldest, like DESCRIBE HISTORY", show_history},
    {"show", "PATH", "protocol, columns, partitioning, properties, size, positions of queries",
     show_table},
    {"files", "PATH", "the data files of a version: size, rows, partition values", show_files},
    {0},
};

static const struct cli_option table_options[] = {
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct table_values, json),
     .help = "JSON objects, one a line, instead of a table"},
    {.name = "version",
     .type = CLI_NUMBER,
     .offset = offsetof(struct table_values, version),
     .preset = "-1",
     .value = "N",
     .actions = "show|files",
     .help = "the table as of this version; -1 is the newest"},
    {.name = "limit",
     .type = CLI_NUMBER,
     .offset = offsetof(struct table_values, limit),
     .preset = HISTORY_LIMIT_PRESET,
     .value = "N",
     .actions = "history|files",
     .help = "show so many rows at most"},
    {0},
};

const struct cli_command cli_table_command = {
    .name = "table",
    .arguments = "ACTION PATH",
    .summary = "show a Delta table's history, contents and files",
    .about = "PATH is a folder or s3a://bucket/path; credentials come from MINIO_ENDPOINT,\n"
             "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, or the usual AWS_* variables and files.\n",
    .examples = "  sluice table history ./lake/vehicle_positions\n"
                "  sluice table show s3a://my-bucket/delta-lake --json\n"
                "  sluice table files ./lake/vehicle_positions --version 3 --limit 100\n",
    .options = table_options,
    .values_bytes = sizeof(struct table_values),
    .actions = table_actions,
};
