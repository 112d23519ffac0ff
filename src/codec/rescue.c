/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue - the text of a rescued column, put together value by value
 *
 * Paths: names are joined by points, "[3]" is the fourth element of an array.  A name that is
 * empty or has one of . [ ] ` stands between backticks, those within it doubled, as in Spark's
 * SQL; so does a top-level name that is one of ours ("_reason", "_truncated"), so that no two
 * values ever have one path.
 *
 * Invariants:
 *  (1) What is printed is one JSON object without duplicate members, provided that callers
 *      forget the earlier of two values of one path.
 *  (2) Memory is bounded by CODEC_RESCUE_MAX whatever the message has: a path is only printed
 *      when it can fit, and an entry that does not fit leaves nothing behind.
 */
#include "codec/rescue.h"

#include "base/base.h"

void codec_rescue_done(struct codec_rescue *r)
{
    buf_done(&r->paths);
    vec_done(&r->entries);
}

void codec_rescue_reset(struct codec_rescue *r)
{
    buf_reset(&r->paths);
    r->entries.count = 0;
    r->alive_count = 0;
    r->bytes = 0;
    r->left_out = 0;
}

static bool needs_backticks(struct str name, bool is_top)
{
    if (name.len == 0 || (is_top && (str_eq_c(name, "_reason") || str_eq_c(name, "_truncated")))) {
        return true;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' || name.ptr[i] == '[' || name.ptr[i] == ']' || name.ptr[i] == '`') {
            return true;
        }
    }
    return false;
}

static void print_path(const struct codec_rescue_path *path, struct buf *out)
{
    if (path->parent != NULL) {
        print_path(path->parent, out);
    }
    if (path->is_index) {
        buf_printf(out, "[%" PRIu64 "]", path->index);
        return;
    }
    if (path->parent != NULL) {
        buf_add_char(out, '.');
    }
    if (!needs_backticks(path->name, path->parent == NULL)) {
        buf_add_str(out, path->name);
        return;
    }
    buf_add_char(out, '`');
    for (size_t i = 0; i < path->name.len; i++) {
        buf_add_c(out, path->name.ptr[i] == '`' ? "`" : "");
        buf_add_char(out, path->name.ptr[i]);
    }
    buf_add_char(out, '`');
}

/* Bytes of the text as a JSON string, at most. */
static size_t quoted_bytes(struct str text)
{
    size_t bytes = text.len + 2;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bytes += c < 0x20 ? 5 : c == '"' || c == '\\';
    }
    return bytes;
}

static void add(struct codec_rescue *r, const struct codec_rescue_path *path, struct str value,
                bool is_text, const char *reason)
{
    /* Colons, commas and the reason's quotes. */
    size_t bytes = strlen(reason) + 6 + (is_text ? quoted_bytes(value) : value.len);
    if (r->bytes + bytes + 2 * (path->bytes + 2) > CODEC_RESCUE_MAX) {
        r->left_out++;
        return;
    }
    size_t at = r->paths.len;
    AUTO_BUF struct buf text = {0};
    print_path(path, &text);
    json_quote(&r->paths, buf_str(&text));
    bytes += 2 * (r->paths.len - at);
    if (r->bytes + bytes > CODEC_RESCUE_MAX) {
        r->paths.len = at;
        r->left_out++;
        return;
    }
    r->bytes += bytes;
    r->alive_count++;
    *vec_push(&r->entries) = (struct codec_rescue_entry){.path = at,
                                                         .path_bytes = r->paths.len - at,
                                                         .value = value,
                                                         .is_text = is_text,
                                                         .reason = reason};
}

void codec_rescue_add(struct codec_rescue *r, const struct codec_rescue_path *path,
                      struct str value, const char *reason)
{
    add(r, path, value, false, reason);
}

void codec_rescue_add_text(struct codec_rescue *r, const struct codec_rescue_path *path,
                           struct str value, const char *reason)
{
    add(r, path, value, true, reason);
}

void codec_rescue_forget(struct codec_rescue *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        r->alive_count -= r->entries.items[i].reason != NULL;
        r->entries.items[i].reason = NULL;
    }
}

/* Behind the string that begins at `at`, a quote. */
static size_t skip_string(struct str json, size_t at)
{
    for (at++; at < json.len && json.ptr[at] != '"'; at++) {
        at += json.ptr[at] == '\\';
    }
    return at + 1;
}

/* JSON text whose bare NaN, Infinity and -Infinity become strings. */
static void print_without_nan(struct str json, struct buf *out)
{
    size_t copied = 0;
    size_t at = 0;
    while (at < json.len) {
        if (json.ptr[at] == '"') {
            at = skip_string(json, at);
            continue;
        }
        struct str rest = str_skip(json, at);
        size_t len = str_starts(rest, STR("NaN"))         ? 3
                     : str_starts(rest, STR("-Infinity")) ? 9
                     : str_starts(rest, STR("Infinity"))  ? 8
                                                          : 0;
        if (len > 0) {
            buf_add(out, json.ptr + copied, at - copied);
            json_quote(out, str_head(rest, len));
            copied = at + len;
        }
        at += len > 0 ? len : 1;
    }
    buf_add(out, json.ptr + copied, json.len - copied);
}

static void print_value(const struct codec_rescue *r, const struct codec_rescue_entry *e,
                        struct buf *out)
{
    if (e->is_text) {
        json_quote(out, e->value);
    } else if (r->has_bare_nan) {
        print_without_nan(e->value, out);
    } else {
        buf_add_str(out, e->value);
    }
}

bool codec_rescue_print(const struct codec_rescue *r, struct arena *arena, struct str *ret_text)
{
    if (r->alive_count == 0 && r->left_out == 0) {
        return false;
    }
    AUTO_BUF struct buf out = {0};
    buf_add_char(&out, '{');
    vec_foreach (const struct codec_rescue_entry, e, &r->entries) {
        if (e->reason != NULL) {
            buf_add(&out, r->paths.ptr + e->path, e->path_bytes);
            buf_add_char(&out, ':');
            print_value(r, e, &out);
            buf_add_char(&out, ',');
        }
    }
    buf_add_c(&out, "\"_reason\":{");
    const char *comma = "";
    vec_foreach (const struct codec_rescue_entry, e, &r->entries) {
        if (e->reason != NULL) {
            buf_add_c(&out, comma);
            buf_add(&out, r->paths.ptr + e->path, e->path_bytes);
            buf_printf(&out, ":\"%s\"", e->reason);
            comma = ",";
        }
    }
    buf_add_char(&out, '}');
    if (r->left_out > 0) {
        buf_printf(&out, ",\"_truncated\":%" PRIu64, r->left_out);
    }
    buf_add_char(&out, '}');
    *ret_text = arena_str(arena, buf_str(&out));
    return true;
}
