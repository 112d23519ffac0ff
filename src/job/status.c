/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - the live line on a terminal
 */
#include "job/status.h"

#include "job/self.h"

#include <stdio.h>
#include <unistd.h>

#define DRAW_US 250000
#define RATE_US 1000000
/* Records older than this are a backlog, or their clock is not ours. */
#define LATENCY_SHOWN_US ((int64_t)24 * 3600 * 1000000)

void status_begin(struct status *s, bool live)
{
    *s = (struct status){.live = live};
}

/* 1234567 as "1,234,567". */
static void add_grouped(struct buf *out, int64_t value)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, value);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') {
            buf_add_char(out, ',');
        }
        buf_add_char(out, digits[i]);
    }
}

static void add_line(struct status *s, struct buf *out, struct str name, size_t index,
                     const struct query_figures *f)
{
    buf_printf(out, "%.*s  %s", STR_FMT(name), job_state_name(f->state));
    if (f->reason[0] != '\0') {
        buf_printf(out, " (%.80s)", f->reason);
    }
    buf_add_c(out, "  ");
    add_grouped(out, (int64_t)s->last[index].rate);
    buf_add_c(out, " msg/s  ");
    add_grouped(out, f->output_rows);
    buf_add_c(out, " rows  lag ");
    if (f->lag < 0) {
        buf_add_char(out, '-');
    } else {
        add_grouped(out, f->lag);
    }
    if (f->latency_us >= 0 && f->latency_us < LATENCY_SHOWN_US) {
        buf_printf(out, "  latency %" PRId64 " ms", f->latency_us / 1000);
    }
    if (f->bad_records > 0) {
        buf_add_c(out, "  bad ");
        add_grouped(out, f->bad_records);
    }
    buf_printf(out, "  version %" PRId64 "  memory %" PRIu64 " MB", f->version,
               self_memory_bytes() >> 20);
}

void status_show(struct status *s, struct str name, size_t index,
                 const struct query_figures *figures)
{
    if (!s->live || index >= STATUS_QUERIES_MAX) {
        return;
    }
    int64_t now = clock_mono_us();
    if (index == 0) {
        /* The first query's turn decides for all whether to draw now. */
        s->drawing = now - s->drawn_us >= DRAW_US;
        s->drawn_us = s->drawing ? now : s->drawn_us;
        s->line = 0;
    }
    if (!s->drawing) {
        return;
    }
    if (now - s->last[index].at_us >= RATE_US) {
        if (s->last[index].at_us != 0) {
            s->last[index].rate = (double)(figures->input_rows - s->last[index].rows) * 1e6 /
                                  (double)(now - s->last[index].at_us);
        }
        s->last[index].rows = figures->input_rows;
        s->last[index].at_us = now;
    }
    AUTO_BUF struct buf text = {0};
    if (s->line == 0 && s->lines > 1) {
        buf_printf(&text, "\033[%zuA", s->lines - 1);
    }
    buf_printf(&text, "%s\r\033[K", s->line == 0 ? "" : "\n");
    add_line(s, &text, name, index, figures);
    s->line++;
    s->lines = s->line > s->lines ? s->line : s->lines;
    log_mask_text(text.ptr);
    (void)fputs(text.ptr, stderr);
    (void)fflush(stderr);
}

void status_end(struct status *s)
{
    if (s->live && s->lines > 0) {
        (void)fputc('\n', stderr);
    }
}
