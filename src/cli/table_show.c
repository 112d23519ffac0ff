/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_show - a version of a table on one page
 */
#include "cli/table_show.h"

#include <stdio.h>

#include "cli/cli.h"

struct size {
    int64_t files;
    uint64_t bytes;
    int64_t rows; /* -1 = not all files say */
};

int64_t cli_table_show_rows(const struct delta_file *file)
{
    AUTO_ARENA struct arena arena = {0};
    struct json *stats = NULL;
    struct err ignored;
    int64_t rows = -1;
    if (file->stats.len == 0 || json_parse(&arena, file->stats, &stats, &ignored) < 0 ||
        !json_get_i64(json_find(stats, "numRecords"), &rows) || rows < 0) {
        return -1;
    }
    return rows;
}

static int on_file(void *user, const struct delta_file *file, struct err *err)
{
    (void)err;
    struct size *size = user;
    int64_t rows = file->deletion_vector.len > 0 ? -1 : cli_table_show_rows(file);
    size->files++;
    size->bytes += file->size_bytes;
    size->rows = size->rows < 0 || rows < 0 ? -1 : size->rows + rows;
    return 0;
}

static void add_bytes(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit + 1 < ARRAY_COUNT(units)) {
        value /= 1024;
        unit++;
    }
    buf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void add_line(struct buf *out, const char *name, struct str value)
{
    if (value.len > 0) {
        buf_printf(out, "%-12s %.*s\n", name, STR_FMT(value));
    }
}

static void add_features(struct buf *out, const struct delta_protocol *p)
{
    buf_printf(out, "%-12s reader %d, writer %d", "protocol", p->min_reader, p->min_writer);
    for (size_t i = 0; i < p->writer_features.count; i++) {
        buf_printf(out, "%s%.*s", i == 0 ? " (" : ", ", STR_FMT(p->writer_features.items[i]));
    }
    buf_add_c(out, p->writer_features.count > 0 ? ")\n" : "\n");
}

static void add_queries(struct buf *out, const struct delta_snapshot *s)
{
    for (size_t i = 0; i < s->txns.count; i++) {
        const struct delta_txn *txn = &s->txns.items[i];
        buf_printf(out, "%s  %.*s = %" PRId64, i == 0 ? "transactions\n" : "", STR_FMT(txn->app_id),
                   txn->version);
        if (txn->last_updated_ms != 0) {
            buf_add_c(out, "  at ");
            clock_add_iso_ms(out, txn->last_updated_ms * 1000);
        }
        buf_add_char(out, '\n');
    }
}

static void add_columns(struct buf *out, const struct type *schema)
{
    buf_add_c(out, "columns\n");
    for (size_t i = 0; schema != NULL && i < schema->field_count; i++) {
        const struct type_field *f = &schema->fields[i];
        buf_printf(out, "  %.*s ", STR_FMT(f->name));
        type_print(f->type, out);
        buf_add_c(out, f->nullable ? "" : " NOT NULL");
        if (f->comment.len > 0) {
            buf_printf(out, "  -- %.*s", STR_FMT(f->comment));
        }
        buf_add_char(out, '\n');
    }
}

static void print_text(const struct delta_snapshot *s, const struct size *size, struct str location,
                       struct buf *out)
{
    const struct delta_metadata *m = &s->metadata;
    AUTO_BUF struct buf text = {0};
    add_line(out, "location", location);
    buf_printf(out, "%-12s %" PRId64 "\n", "version", s->version);
    add_line(out, "id", m->id);
    add_line(out, "name", m->name);
    add_line(out, "description", m->description);
    if (m->created_ms > 0) {
        clock_add_iso_ms(&text, m->created_ms * 1000);
        add_line(out, "created", buf_str(&text));
        buf_reset(&text);
    }
    add_features(out, &s->protocol);
    for (size_t i = 0; i < m->partition_columns.count; i++) {
        buf_printf(&text, "%s%.*s", i == 0 ? "" : ", ", STR_FMT(m->partition_columns.items[i]));
    }
    add_line(out, "partitioned", buf_str(&text));
    buf_reset(&text);
    buf_printf(&text, "%" PRId64 ", ", size->files);
    add_bytes(&text, size->bytes);
    add_line(out, "files", buf_str(&text));
    buf_reset(&text);
    buf_add_i64(&text, size->rows);
    add_line(out, "rows",
             size->rows < 0 ? STR("unknown (files without statistics)") : buf_str(&text));
    if (s->checkpoint_version >= 0) {
        buf_printf(out, "%-12s %" PRId64 "\n", "checkpoint", s->checkpoint_version);
    }
    for (size_t i = 0; i < m->configuration.count; i++) {
        buf_printf(out, "%s  %.*s = %.*s\n", i == 0 ? "properties\n" : "",
                   STR_FMT(m->configuration.items[i].name),
                   STR_FMT(m->configuration.items[i].value));
    }
    add_columns(out, m->schema);
    add_queries(out, s);
}

static void json_strs(struct json_writer *w, const char *name, const struct str *items,
                      size_t count)
{
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < count; i++) {
        json_str(w, items[i]);
    }
    json_close_array(w);
}

static void json_protocol(struct json_writer *w, const struct delta_protocol *p)
{
    json_name(w, "minReaderVersion");
    json_i64(w, p->min_reader);
    json_name(w, "minWriterVersion");
    json_i64(w, p->min_writer);
    json_strs(w, "readerFeatures", p->reader_features.items, p->reader_features.count);
    json_strs(w, "writerFeatures", p->writer_features.items, p->writer_features.count);
}

static void json_metadata(struct json_writer *w, const struct delta_metadata *m)
{
    json_name(w, "id");
    json_str(w, m->id);
    json_name(w, "name");
    json_str(w, m->name);
    json_name(w, "description");
    json_str(w, m->description);
    json_name(w, "createdTime");
    json_i64(w, m->created_ms);
    json_strs(w, "partitionColumns", m->partition_columns.items, m->partition_columns.count);
    json_name(w, "configuration");
    json_open_object(w);
    for (size_t i = 0; i < m->configuration.count; i++) {
        json_name_str(w, m->configuration.items[i].name);
        json_str(w, m->configuration.items[i].value);
    }
    json_close_object(w);
    json_name(w, "schema");
    json_raw(w, m->schema_string.len == 0 ? STR("null") : m->schema_string);
}

static void print_json(const struct delta_snapshot *s, const struct size *size, struct str location,
                       struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_open_object(&w);
    json_name(&w, "location");
    json_str(&w, location);
    json_name(&w, "version");
    json_i64(&w, s->version);
    json_protocol(&w, &s->protocol);
    json_metadata(&w, &s->metadata);
    json_name(&w, "numFiles");
    json_i64(&w, size->files);
    json_name(&w, "sizeInBytes");
    json_i64(&w, (int64_t)size->bytes);
    json_name(&w, "numRecords");
    if (size->rows < 0) {
        json_null(&w);
    } else {
        json_i64(&w, size->rows);
    }
    json_name(&w, "checkpointVersion");
    json_i64(&w, s->checkpoint_version);
    json_name(&w, "txns");
    json_open_object(&w);
    for (size_t i = 0; i < s->txns.count; i++) {
        json_name_str(&w, s->txns.items[i].app_id);
        json_i64(&w, s->txns.items[i].version);
    }
    json_close_object(&w);
    json_close_object(&w);
    buf_add_char(out, '\n');
}

int cli_table_show(const struct cli_spool *spool, struct str location, int64_t version, bool json,
                   struct buf *out, struct err *err)
{
    AUTO_DELTA struct delta_table *table = NULL;
    AUTO_ARENA struct arena arena = {0};
    struct delta_snapshot snapshot;
    struct size size = {0};
    TRY(cli_spool_table(spool, location, NULL, &table, err));
    TRY(delta_files(delta_store(table), spool->db, spool->path, version, &arena, &snapshot, on_file,
                    &size, err));
    if (json) {
        print_json(&snapshot, &size, location, out);
    } else {
        print_text(&snapshot, &size, location, out);
    }
    return 0;
}
