/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_CSV_RECORD_H
#define CODEC_CSV_RECORD_H

#include "base/base.h"

/*
 * csv_record - a record into fields
 */
struct codec_csv_dialect {
    struct str separator; /* not empty */
    char quote;           /* '\0' = there are no quotes */
    char escape;          /* may be the quote */
};

struct codec_csv_field {
    struct str text; /* without quotes and escapes; in the record or the arena */
    bool is_quoted;
};

/*
 * Reads the field at *at, and moves *at behind it: to a separator or the record's end.  False
 * when a quoted field does not end; *at stays then.
 */
bool codec_csv_record_next(const struct codec_csv_dialect *d, const char **at, const char *end,
                           struct arena *arena, struct codec_csv_field *ret_field);

#endif
