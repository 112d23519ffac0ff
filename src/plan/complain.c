/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complain - errors with a place, and "did you mean"
 *
 * Lines and columns count from 1; a column is a character (a code point), a tab is one, and the
 * CR of CRLF belongs to the line that it ends.  A byte order mark at the start of a file has no
 * column.
 */
#include "plan/complain.h"

#include <stdarg.h>
#include <stdio.h>

int plan_complain(struct err *err, struct str file, struct plan_place place, const char *fmt, ...)
{
    char text[sizeof(err->msg)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return err_set(err, ERR_CONFIG, "%.*s:%" PRIu32 ":%" PRIu32 ": %s", STR_FMT(file), place.line,
                   place.column, text);
}

struct plan_cursor plan_complain_start(struct str text)
{
    struct plan_cursor cursor = {.text = text, .place = {1, 1}};
    if (str_starts(text, STR("\xEF\xBB\xBF"))) {
        cursor.offset = 3;
    }
    return cursor;
}

struct plan_place plan_complain_at(struct plan_cursor *cursor, size_t offset)
{
    assert(offset <= cursor->text.len);
    for (; cursor->offset < offset; cursor->offset++) {
        unsigned char c = (unsigned char)cursor->text.ptr[cursor->offset];
        if (c == '\n') {
            cursor->place.line++;
            cursor->place.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            cursor->place.column++;
        }
    }
    return cursor->place;
}

struct plan_place plan_complain_in(const struct plan_marks *marks, struct str body, size_t offset)
{
    size_t low = 0;
    size_t high = marks->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (marks->items[middle].offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    if (marks->count == 0) {
        return (struct plan_place){0, 0};
    }
    const struct plan_mark *mark = &marks->items[low];
    if (offset < mark->offset || offset > body.len) {
        return mark->place;
    }
    struct plan_cursor cursor = {.text = body, .offset = mark->offset, .place = mark->place};
    return plan_complain_at(&cursor, offset);
}

struct plan_near plan_complain_near(struct str met)
{
    size_t limit = met.len <= 3 ? 1 : met.len <= 6 ? 2 : 3;
    return (struct plan_near){.met = met, .distance = limit + 1};
}

static struct str upper(struct str s, char *out, size_t cap)
{
    size_t len = s.len < cap ? s.len : cap;
    for (size_t i = 0; i < len; i++) {
        char c = s.ptr[i];
        out[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return str_n(out, len);
}

void plan_complain_offer(struct plan_near *near, struct str candidate)
{
    char a[64];
    char b[64];
    size_t distance = str_distance(upper(near->met, a, sizeof(a)), upper(candidate, b, sizeof(b)));
    if (distance < near->distance && distance < candidate.len) {
        near->distance = distance;
        near->best = candidate;
    }
}

const char *plan_complain_hint(const struct plan_near *near, char out[PLAN_HINT_BYTES])
{
    out[0] = '\0';
    if (near->best.ptr != NULL && near->best.len < PLAN_HINT_BYTES - 20) {
        snprintf(out, PLAN_HINT_BYTES, "; did you mean \"%.*s\"?", STR_FMT(near->best));
    }
    return out;
}

const char *plan_complain_quote(struct str text, char out[PLAN_QUOTE_BYTES])
{
    /* First, for half a secret is not known for one. */
    AUTO_FREE char *masked = str_dup(text);
    log_mask_text(masked);
    text = str_of(masked);
    size_t len = text.len;
    bool cut = len > 40;
    if (cut) {
        len = str_utf8_prefix(str_head(text, 40));
    }
    snprintf(out, PLAN_QUOTE_BYTES, "\"%.*s%s\"", (int)len, text.ptr, cut ? "…" : "");
    for (char *p = out; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ') {
            *p = ' ';
        }
    }
    return out;
}
