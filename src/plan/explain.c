/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - plans and options for people
 *
 *  (1) The value of a secret never gets here but as ***: options of that type, names passed
 *      through to a library that sound like one, user and password of a URL.
 */
#include "plan/option.h"

#include <stdio.h>

#include "codec/infer.h"
#include "plan/complain.h"

static void add_str(struct buf *out, const char *label, struct str value)
{
    if (value.len > 0) {
        buf_printf(out, "  %-12s %.*s\n", label, STR_FMT(value));
    }
}

/* A URL without "user:password@". */
static void add_location(struct buf *out, struct str location)
{
    struct uri_parts parts;
    uri_split(location, &parts);
    ptrdiff_t at = str_rfind(parts.authority, '@');
    if (at < 0) {
        add_str(out, "location", location);
        return;
    }
    buf_printf(out, "  %-12s %.*s://***%.*s%.*s\n", "location", STR_FMT(parts.scheme),
               STR_FMT(str_skip(parts.authority, (size_t)at)), STR_FMT(parts.path));
}

static void add_settings(struct buf *out, const struct settings *settings,
                         const struct option *const *tables)
{
    vec_foreach (struct setting, setting, &settings->items) {
        struct str value =
            plan_option_is_secret(tables, setting->name) ? STR("***") : setting->value;
        buf_printf(out, "  %-12s %.*s = '%.*s'\n", "option", STR_FMT(setting->name),
                   STR_FMT(value));
    }
}

static void add_field(struct buf *out, const struct type_field *field, const char *note)
{
    buf_printf(out, "    %.*s ", STR_FMT(field->name));
    type_print(field->type, out);
    buf_printf(out, "%s%s", field->nullable ? "" : " NOT NULL", note);
    if (field->comment.len > 0) {
        buf_add_c(out, " COMMENT ");
        sql_quote_text(out, field->comment);
    }
    buf_add_char(out, '\n');
}

static void add_input(struct buf *out, const struct plan_input *input)
{
    const struct plan_stream *stream = input->stream;
    const struct option *const tables[] = {stream->source->options, plan_stream_options, NULL};
    buf_printf(out, "stream %.*s\n", STR_FMT(stream->name));
    add_str(out, "connector", str_of(stream->source->name));
    add_str(out, "format", stream->format);
    add_settings(out, &stream->settings, tables);
    if (stream->is_inferred) {
        buf_add_c(out,
                  "  columns, found; to fix them, paste the list behind the stream's name:\n(\n");
        codec_infer_print_columns(stream->row_type, out);
        buf_add_c(out, "\n)\n");
        return;
    }
    buf_add_c(out, "  columns\n");
    for (size_t i = 0; i < input->declared_count; i++) {
        add_field(out, &input->row_type->fields[i], "");
    }
}

static void add_trigger(struct buf *out, const struct plan_table *table)
{
    switch (table->trigger) {
    case PLAN_TRIGGER_AVAILABLE_NOW:
        add_str(out, "trigger", STR("what is there now, then the end"));
        break;
    case PLAN_TRIGGER_ONCE:
        add_str(out, "trigger", STR("one batch, then the end"));
        break;
    case PLAN_TRIGGER_INTERVAL:
        if (table->trigger_us == 0) {
            add_str(out, "trigger", STR("as soon as possible"));
        } else {
            buf_printf(out, "  %-12s every %.3f s\n", "trigger",
                       (double)table->trigger_us / 1000000.0);
        }
        break;
    }
}

static bool is_partition(const struct plan_table *table, struct str name)
{
    vec_foreach (struct str, column, &table->partition_columns) {
        if (str_eq_nocase(*column, name)) {
            return true;
        }
    }
    return false;
}

void plan_explain(const struct plan *plan, const struct plan_query *query, struct buf *out)
{
    const struct plan_table *table = query->table;
    const struct option *const tables[] = {plan_table_options, NULL};
    buf_printf(out, "streaming table %.*s (%.*s:%" PRIu32 ")\n", STR_FMT(table->name),
               STR_FMT(plan->file), table->place.line);
    if (!str_eq(table->query_name, table->name)) {
        add_str(out, "query", table->query_name);
    }
    add_location(out, table->location);
    add_str(out, "comment", table->comment);
    add_trigger(out, table);
    add_str(out, "checkpoint", table->checkpoint_location);
    add_settings(out, &table->settings, tables);
    vec_foreach (struct setting, property, &table->properties) {
        buf_printf(out, "  %-12s %.*s = '%.*s'\n", "property", STR_FMT(property->name),
                   STR_FMT(property->value));
    }
    buf_add_c(out, "  columns\n");
    for (size_t i = 0; i < query->row_type->field_count; i++) {
        const struct type_field *field = &query->row_type->fields[i];
        add_field(out, field, is_partition(table, field->name) ? " (partition)" : "");
    }
    vec_foreach (struct plan_input, input, &query->inputs) {
        add_input(out, input);
    }
    buf_printf(out, "statement\n%s\n", query->select);
}

/* ---- Markdown ---------------------------------------------------------------------------- */

static const char *type_name(enum option_type type)
{
    static const char *const names[] = {
        [OPTION_STRING] = "text",         [OPTION_BOOL] = "true or false",
        [OPTION_INT] = "whole number",    [OPTION_BYTES] = "size",
        [OPTION_DURATION] = "duration",   [OPTION_ENUM] = "",
        [OPTION_SECRET] = "text, secret", [OPTION_PREFIX] = "passed through",
    };
    assert((unsigned)type < ARRAY_COUNT(names));
    return names[type];
}

/* "|" parts the cells of a Markdown table. */
static void add_cell(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '|') {
            buf_add_c(out, "\\");
        }
        buf_add_char(out, *p);
    }
}

static void add_choices(struct buf *out, const char *choices)
{
    struct str rest = str_of(choices);
    struct str choice;
    const char *sep = "";
    while (str_split(&rest, '|', &choice)) {
        buf_printf(out, "%s`%.*s`", sep, STR_FMT(choice));
        sep = ", ";
    }
}

static void add_table(struct buf *out, const char *title, const struct option *options)
{
    buf_printf(out, "## %s\n\n| option | value | default | |\n|---|---|---|---|\n", title);
    for (const struct option *o = options; o->name != NULL; o++) {
        buf_printf(out, "| `%s%s` | ", o->name, o->type == OPTION_PREFIX ? "…" : "");
        if (o->type == OPTION_ENUM) {
            add_choices(out, o->choices);
        } else {
            buf_add_c(out, type_name(o->type));
        }
        buf_printf(out, " | %s%s%s | ", o->preset == NULL ? "" : "`",
                   o->preset == NULL ? "" : o->preset, o->preset == NULL ? "" : "`");
        add_cell(out, o->help);
        buf_add_c(out, " |\n");
    }
    buf_add_char(out, '\n');
}

void plan_options_markdown(struct buf *out)
{
    static const char *const connectors[] = {"kafka", "file", "generator"};
    struct err err;
    buf_add_c(out, "# Options\n\nNames are matched without regard to case.\n\n");
    add_table(out, "Every stream", plan_stream_options);
    for (size_t i = 0; i < ARRAY_COUNT(connectors); i++) {
        const struct source_ops *source = source_find(str_of(connectors[i]), &err);
        if (source != NULL) {
            char title[64];
            snprintf(title, sizeof(title), "Streams USING %s", source->name);
            add_table(out, title, source->options);
        }
    }
    add_table(out, "Streaming tables", plan_table_options);
}
