/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print - rows as a table, CSV or JSON lines
 *
 * Table: like psql's, widths from the first WINDOW_ROWS rows, so memory is
 * bounded; later rows that are wider stick out.  CSV: RFC 4180 with LF, NULL is
 * nothing and the empty string "".  JSON: an object a line; NaN and infinities,
 * which JSON has not, become strings.
 */
#include "cli/print.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>

#define WINDOW_ROWS  2000
#define WINDOW_BYTES ((size_t)16 << 20)
#define FLUSH_BYTES  ((size_t)64 << 10)

static int flush_out(struct cli_print *p, struct err *err)
{
    struct str text = buf_str(&p->out);
    while (text.len > 0) {
        ssize_t n = write(p->fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EPIPE) {
            return err_set(err, ERR_CANCELED, "nobody reads %s any more", p->target);
        }
        if (n < 0) {
            return err_set_errno(err, errno, "write to %s", p->target);
        }
        text = str_skip(text, (size_t)n);
    }
    buf_reset(&p->out);
    return 0;
}

/* ---- table --------------------------------------------------------------------------------- */

/* Code point at the start of `s` (valid UTF-8) and its length; a stray byte is U+FFFD. */
static size_t decode_point(struct str s, uint32_t *ret_point)
{
    const unsigned char *b = (const unsigned char *)s.ptr;
    size_t len = b[0] < 0x80 ? 1 : b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : b[0] >= 0xC0 ? 2 : 0;
    if (len == 0 || len > s.len) {
        *ret_point = 0xFFFD;
        return 1;
    }
    uint32_t point = len == 1 ? b[0] : b[0] & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (b[i] & 0x3FU);
    }
    *ret_point = point;
    return len;
}

/* How a control character is shown; NULL for others. */
static const char *shown(uint32_t point, char space[8])
{
    switch (point) {
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) {
        snprintf(space, 8, "\\x%02X", point & 0xFF);
        return space;
    }
    return NULL;
}

static size_t point_width(uint32_t point)
{
    char space[8];
    const char *text = shown(point, space);
    if (text != NULL) {
        return strlen(text);
    }
    int width = wcwidth((wchar_t)point);
    return width < 0 ? 1 : (size_t)width;
}

size_t cli_print_width(struct str s)
{
    size_t width = 0;
    while (s.len > 0) {
        uint32_t point;
        s = str_skip(s, decode_point(s, &point));
        width += point_width(point);
    }
    return width;
}

/* The cell as it will stand there: control characters escaped, cut to cell_max. */
static struct str make_cell(struct cli_print *p, struct str cell)
{
    if (cell.ptr == NULL) {
        return STR("NULL");
    }
    AUTO_BUF struct buf text = {0};
    size_t width = 0;
    size_t max = p->cell_max == 0 ? SIZE_MAX : p->cell_max;
    struct str rest = cell;
    while (rest.len > 0) {
        uint32_t point;
        size_t len = decode_point(rest, &point);
        size_t more = point_width(point);
        if (width + more > max - (rest.len > len ? 1 : 0)) {
            buf_add_c(&text, "…");
            break;
        }
        char space[8];
        const char *escape = shown(point, space);
        if (escape != NULL) {
            buf_add_c(&text, escape);
        } else {
            buf_add(&text, rest.ptr, len);
        }
        width += more;
        rest = str_skip(rest, len);
    }
    return arena_str(&p->arena, buf_str(&text));
}

static void add_padded(struct buf *out, struct str text, size_t width, bool right, bool last)
{
    size_t used = cli_print_width(text);
    size_t pad = used < width ? width - used : 0;
    if (right) {
        buf_printf(out, "%*s", (int)pad, "");
    }
    buf_add_str(out, text);
    if (!right && !last) {
        buf_printf(out, "%*s", (int)pad, "");
    }
}

static void add_table_row(struct cli_print *p, const struct str *cells)
{
    for (size_t i = 0; i < p->column_count; i++) {
        buf_add_c(&p->out, i == 0 ? " " : " | ");
        add_padded(&p->out, cells[i], p->widths[i], p->columns[i].right, i + 1 == p->column_count);
    }
    buf_add_char(&p->out, '\n');
}

static int begin_table(struct cli_print *p, struct err *err)
{
    p->begun = true;
    for (size_t i = 0; i < p->column_count; i++) {
        size_t width = cli_print_width(p->columns[i].name);
        p->widths[i] = width > p->widths[i] ? width : p->widths[i];
        buf_add_c(&p->out, i == 0 ? " " : " | ");
        add_padded(&p->out, p->columns[i].name, p->widths[i], p->columns[i].right,
                   i + 1 == p->column_count);
    }
    buf_add_char(&p->out, '\n');
    for (size_t i = 0; i < p->column_count; i++) {
        buf_add_c(&p->out, i == 0 ? "" : "+");
        for (size_t k = 0; k < p->widths[i] + 2; k++) {
            buf_add_char(&p->out, '-');
        }
    }
    buf_add_char(&p->out, '\n');
    for (size_t i = 0; i < p->waiting.count; i++) {
        add_table_row(p, p->waiting.items[i]);
        if (p->out.len >= FLUSH_BYTES) {
            TRY(flush_out(p, err));
        }
    }
    p->waiting.count = 0;
    arena_reset(&p->arena);
    return 0;
}

static int put_table_row(struct cli_print *p, const struct str *cells, struct err *err)
{
    if (!p->begun && (p->waiting.count >= WINDOW_ROWS || p->arena.total_bytes >= WINDOW_BYTES)) {
        TRY(begin_table(p, err));
    }
    struct str *row = arena_new_array(&p->arena, struct str, p->column_count);
    for (size_t i = 0; i < p->column_count; i++) {
        row[i] = make_cell(p, cells[i]);
    }
    if (p->begun) {
        add_table_row(p, row);
        arena_reset(&p->arena);
        return 0;
    }
    for (size_t i = 0; i < p->column_count; i++) {
        size_t width = cli_print_width(row[i]);
        p->widths[i] = width > p->widths[i] ? width : p->widths[i];
    }
    *vec_push(&p->waiting) = row;
    return 0;
}

/* ---- CSV, JSON ----------------------------------------------------------------------------- */

static void add_csv(struct buf *out, struct str cell)
{
    if (cell.ptr == NULL) {
        return;
    }
    bool quote = cell.len == 0 || cell.ptr[0] == ' ' || cell.ptr[cell.len - 1] == ' ';
    for (size_t i = 0; i < cell.len && !quote; i++) {
        char c = cell.ptr[i];
        quote = c == '"' || c == ',' || c == '\n' || c == '\r';
    }
    if (!quote) {
        buf_add_str(out, cell);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.ptr[i] == '"') {
            buf_add_char(out, '"');
        }
        buf_add_char(out, cell.ptr[i]);
    }
    buf_add_char(out, '"');
}

/* DuckDB's JSON text with NaN, Infinity and -Infinity in quotes. */
static void add_json(struct buf *out, struct str text)
{
    bool string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (string && c == '\\' && i + 1 < text.len) {
            buf_add_char(out, c);
            c = text.ptr[++i];
        } else if (c == '"') {
            string = !string;
        } else if (!string) {
            static const char *const words[] = {"NaN", "-NaN", "Infinity", "-Infinity"};
            struct str rest = str_skip(text, i);
            const char *found = NULL;
            for (size_t k = 0; k < ARRAY_COUNT(words); k++) {
                found = str_starts_nocase(rest, str_of(words[k])) ? words[k] : found;
            }
            if (found != NULL) {
                buf_printf(out, "\"%s\"", found);
                i += strlen(found) - 1;
                continue;
            }
        }
        buf_add_char(out, c);
    }
}

static void add_json_row(struct cli_print *p, const struct str *cells)
{
    buf_add_char(&p->out, '{');
    for (size_t i = 0; i < p->column_count; i++) {
        buf_add_c(&p->out, i == 0 ? "" : ",");
        json_quote(&p->out, p->columns[i].name);
        buf_add_char(&p->out, ':');
        if (cells[i].ptr == NULL) {
            buf_add_c(&p->out, "null");
        } else {
            add_json(&p->out, cells[i]);
        }
    }
    buf_add_c(&p->out, "}\n");
}

static void add_csv_row(struct cli_print *p, const struct str *cells)
{
    for (size_t i = 0; i < p->column_count; i++) {
        buf_add_c(&p->out, i == 0 ? "" : ",");
        add_csv(&p->out, cells[i]);
    }
    buf_add_char(&p->out, '\n');
}

/* ---- all ----------------------------------------------------------------------------------- */

int cli_print_begin(struct cli_print *p, struct err *err)
{
    (void)err;
    assert(p->column_count > 0);
    p->widths = mem_new_array(size_t, p->column_count);
    if (p->format == CLI_PRINT_CSV) {
        for (size_t i = 0; i < p->column_count; i++) {
            buf_add_c(&p->out, i == 0 ? "" : ",");
            add_csv(&p->out, p->columns[i].name);
        }
        buf_add_char(&p->out, '\n');
    }
    return 0;
}

int cli_print_row(struct cli_print *p, const struct str *cells, struct err *err)
{
    p->row_count++;
    switch (p->format) {
    case CLI_PRINT_TABLE:
        TRY(put_table_row(p, cells, err));
        break;
    case CLI_PRINT_CSV:
        add_csv_row(p, cells);
        break;
    case CLI_PRINT_JSON:
        add_json_row(p, cells);
        break;
    case CLI_PRINT_PARQUET:
        assert(false); /* a Parquet file is copied, not printed */
        break;
    }
    return p->out.len >= FLUSH_BYTES ? flush_out(p, err) : 0;
}

int cli_print_end(struct cli_print *p, struct err *err)
{
    if (p->format == CLI_PRINT_TABLE) {
        if (!p->begun) {
            TRY(begin_table(p, err));
        }
        if (p->count_line) {
            buf_printf(&p->out, "(%" PRIu64 " row%s)\n", p->row_count,
                       p->row_count == 1 ? "" : "s");
        }
    }
    return flush_out(p, err);
}

void cli_print_done(struct cli_print *p)
{
    buf_done(&p->out);
    arena_done(&p->arena);
    vec_done(&p->waiting);
    mem_free(TAKE(p->widths));
}

int cli_print_rows(struct cli_print *p, struct sql_rows *rows, struct err *err)
{
    AUTO_FREE struct str *cells = mem_new_array(struct str, p->column_count);
    assert(sql_rows_column_count(rows) == p->column_count);
    TRY(cli_print_begin(p, err));
    while (TRY(sql_rows_next(rows, cells, err)) == 1) {
        TRY(cli_print_row(p, cells, err));
    }
    return cli_print_end(p, err);
}
