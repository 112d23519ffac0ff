/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv_record - a record into fields
 *
 * As uniVocity does it with Spark's settings.  A field that begins with the quote is quoted:
 *
 *     " content "  blanks  (separator | end)
 *
 * In the content an escape before a quote or an escape stands for that character, before any
 * other for itself; separators and line ends are characters like others.  Of several quotes in a
 * row that end the field the last one closes it and the others belong to it (where the quote
 * escapes itself, two are one).  When something else follows a closing quote, the field was not
 * meant as a quoted one: it goes, its quotes included, up to the next separator.
 *
 * A field without escapes is borrowed from the record.
 */
#include "codec/csv_record.h"

#include "base/base.h"

static bool is_separator(const struct codec_csv_dialect *d, const char *p, const char *end)
{
    return *p == d->separator.ptr[0] &&
           (d->separator.len == 1 || ((size_t)(end - p) >= d->separator.len &&
                                      memcmp(p, d->separator.ptr, d->separator.len) == 0));
}

/* The next separator from p on, or the end. */
static const char *find_separator(const struct codec_csv_dialect *d, const char *p, const char *end)
{
    while (p < end) {
        p = memchr(p, d->separator.ptr[0], (size_t)(end - p));
        if (p == NULL) {
            return end;
        }
        if (is_separator(d, p, end)) {
            return p;
        }
        p++;
    }
    return end;
}

/* True when the two characters at p are an escape and what it escapes. */
static bool is_escaped(const struct codec_csv_dialect *d, const char *p, const char *end)
{
    if (*p != d->escape || end - p < 2) {
        return false;
    }
    return p[1] == d->quote || (d->escape != d->quote && p[1] == d->escape);
}

/* The quotes from p on that may close the content, NULL when there are none. */
static const char *find_close(const struct codec_csv_dialect *d, const char *p, const char *end,
                              bool *ret_escaped)
{
    while (p < end) {
        if (is_escaped(d, p, end)) {
            *ret_escaped = true;
            p += 2;
        } else if (*p == d->quote) {
            return p;
        } else {
            p++;
        }
    }
    return NULL;
}

/* Over blanks, all control characters included, unless they separate. */
static const char *skip_blanks(const struct codec_csv_dialect *d, const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ' && !is_separator(d, p, end)) {
        p++;
    }
    return p;
}

/* Appends content [p, end) without its escapes. */
static char *unescape(const struct codec_csv_dialect *d, const char *p, const char *end, char *out)
{
    while (p < end) {
        p += is_escaped(d, p, end);
        *out++ = *p++;
    }
    return out;
}

static bool read_quoted(const struct codec_csv_dialect *d, const char **at, const char *end,
                        struct arena *arena, struct codec_csv_field *ret_field)
{
    const char *first = *at + 1;
    bool escaped = false;
    const char *close = find_close(d, first, end, &escaped);
    if (close == NULL) {
        return false;
    }
    const char *behind = close + 1;
    while (d->escape != d->quote && behind < end && *behind == d->quote) {
        behind++;
    }
    const char *next = skip_blanks(d, behind, end);
    bool is_quoted = next == end || is_separator(d, next, end);
    const char *last = behind - 1; /* where the field's text ends */
    if (!is_quoted) {
        next = find_separator(d, next, end);
        first--;
        last = next;
    }
    ret_field->is_quoted = is_quoted;
    ret_field->text = str_n(first, (size_t)(last - first));
    if (escaped) {
        char *text = arena_alloc(arena, ret_field->text.len);
        char *out = text;
        if (!is_quoted) {
            *out++ = *first++;
        }
        out = unescape(d, first, close, out);
        memcpy(out, close, (size_t)(last - close));
        out += last - close;
        ret_field->text = str_n(text, (size_t)(out - text));
    }
    *at = next;
    return true;
}

bool codec_csv_record_next(const struct codec_csv_dialect *d, const char **at, const char *end,
                           struct arena *arena, struct codec_csv_field *ret_field)
{
    if (*at < end && d->quote != '\0' && **at == d->quote) {
        return read_quoted(d, at, end, arena, ret_field);
    }
    const char *first = *at;
    *at = find_separator(d, first, end);
    *ret_field = (struct codec_csv_field){.text = str_n(first, (size_t)(*at - first))};
    return true;
}
