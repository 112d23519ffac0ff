/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_RESCUE_H
#define CODEC_RESCUE_H

#include "base/base.h"

/*
 * rescue - the text of a rescued column, put together value by value
 *
 *     {"a.b": 1, "c[2]": "x", "_reason": {"a.b": "unknown", "c[2]": "type"}, "_truncated": 3}
 *
 * At most CODEC_RESCUE_MAX bytes of values, paths and reasons; what would go beyond is left out
 * and counted, the rest stays.
 */
#define CODEC_RESCUE_MAX ((size_t)1 << 20)

/* A step on the way to a value; on the caller's stack, a chain up to the row (NULL). */
struct codec_rescue_path {
    const struct codec_rescue_path *parent;
    bool is_index;
    struct str name; /* of a field or a map's key */
    uint64_t index;  /* in an array */
    size_t bytes;    /* at least so many has the text; set by the two functions below */
};

static inline struct codec_rescue_path rescue_path_name(const struct codec_rescue_path *parent,
                                                        struct str name)
{
    return (struct codec_rescue_path){
        .parent = parent, .name = name, .bytes = (parent != NULL ? parent->bytes : 0) + name.len};
}

static inline struct codec_rescue_path rescue_path_index(const struct codec_rescue_path *parent,
                                                         uint64_t index)
{
    return (struct codec_rescue_path){.parent = parent,
                                      .is_index = true,
                                      .index = index,
                                      .bytes = (parent != NULL ? parent->bytes : 0) + 3};
}

struct codec_rescue_entry {
    size_t path; /* where it begins in `paths`, quoted as JSON */
    size_t path_bytes;
    struct str value;
    bool is_text;       /* not JSON: printed as a string */
    const char *reason; /* NULL = forgotten */
};

/* {0} is empty. */
struct codec_rescue {
    bool has_bare_nan; /* values may have NaN and Infinity without quotes: gives them some */
    struct buf paths;
    VEC(struct codec_rescue_entry) entries;
    size_t alive_count;
    size_t bytes; /* of all entries, forgotten ones too */
    uint64_t left_out;
};

void codec_rescue_done(struct codec_rescue *r);
void codec_rescue_reset(struct codec_rescue *r); /* empty, memory kept */

/* `value` is JSON, or UTF-8 text that becomes a string, and stays until print; `reason` is a
 * constant. */
void codec_rescue_add(struct codec_rescue *r, const struct codec_rescue_path *path,
                      struct str value, const char *reason);
void codec_rescue_add_text(struct codec_rescue *r, const struct codec_rescue_path *path,
                           struct str value, const char *reason);
/* The entries from `from` on, up to `to`, were of a value that does not count any more. */
void codec_rescue_forget(struct codec_rescue *r, size_t from, size_t to);

/* The text, in `arena`; false when there is nothing to tell. */
bool codec_rescue_print(const struct codec_rescue *r, struct arena *arena, struct str *ret_text);

#endif
