/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/*
 * clock - time as int64_t microseconds
 *
 * Timers use the monotonic clock, stamps the wall clock.
 */
int64_t clock_mono_us(void);
int64_t clock_boot_us(void); /* monotonic, and goes on while the machine sleeps */
int64_t clock_wall_us(void); /* since 1970-01-01 UTC */
int64_t clock_thread_cpu_us(void);
int64_t clock_process_cpu_us(void);
void clock_sleep_us(int64_t us);

/* Simulations have a time of their own: mono, wall and sleep go to `source` (NULL = the
 * system's again). For tests; before other threads are started. */
struct clock_source {
    int64_t (*now_us)(void);
    void (*sleep_us)(int64_t us);
};
void clock_replace(const struct clock_source *source);

/* Civil calendar (proleptic Gregorian), days since 1970-01-01. */
int64_t clock_days_of(int64_t year, unsigned month, unsigned day);
void clock_civil_of(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

/* "2026-11-22T17:40:08.123Z" and with 6 digits; years beyond 9999 get a sign. */
void clock_add_iso_ms(struct buf *out, int64_t wall_us); /* floors towards the past */
void clock_add_iso_us(struct buf *out, int64_t wall_us);
void clock_add_date(struct buf *out, int64_t days); /* YYYY-MM-DD */

/*
 * ISO-8601 as Spark's from_json takes it: "2026-11-22", "2026-11-22T17:40[:08[.123456]]"
 * ('T' or space), optional zone "Z", "+02", "+0200", "+02:00"; digits past µs are cut.
 * Whole string; without a zone it is UTC.  False when malformed or out of range.
 */
bool clock_parse_timestamp(struct str s, int64_t *ret_us, bool *ret_has_zone);
bool clock_parse_date(struct str s, int32_t *ret_days);

#endif
