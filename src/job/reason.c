/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason - the closed list of why a message became no row
 */
#include "job/reason.h"

const char *const reason_names[REASON_COUNT] = {
    "syntax",  "truncated",  "trailing",    "utf8",   "size",     "depth",   "type",
    "range",   "format",     "required",    "fields", "wire",     "varint",  "length",
    "enum",    "union",      "boolean",     "magic",  "index",    "schema",  "schema_id",
    "unknown", "unresolved", "fingerprint", "sql",    "not_null", "earlier", "other",
};

size_t reason_index(struct str code)
{
    size_t i = 0;
    while (i + 1 < REASON_COUNT && !str_eq_c(code, reason_names[i])) {
        i++;
    }
    return i;
}
