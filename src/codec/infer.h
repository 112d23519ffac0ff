/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_INFER_H
#define CODEC_INFER_H

#include "base/base.h"
#include "column/column.h"

/*
 * infer - a row type from samples of messages (rules: README.md, "Inference")
 *
 * One thread fills one codec_infer; several may be merged afterwards.  The result does not
 * depend on the order of the samples but for the order of the fields (first seen first) and for
 * which of two names that differ only in case is kept (the first).
 */
struct codec_infer;

struct codec_infer_options {
    bool timestamps;    /* inferTimestamp: strings that are all ISO-8601 are DATE, TIMESTAMP */
    bool allow_nan;     /* as the decoder's */
    uint32_t depth_max; /* levels, the message is one; what lies deeper is STRING; 0 = 32 */
    uint32_t keys_max;  /* an object of more different keys may be a MAP; 0 = 200 */
    uint32_t
        fields_max;     /* an object of more is a MAP, of the row the rest is left out; 0 = 10000 */
    uint32_t total_max; /* fields of all objects together, the rest is left out; 0 = 100000 */
};

/* Something that was left out, by its path. */
struct codec_infer_note {
    struct str path;
    const char *what; /* "differs from another only in case", … */
};

/* ERR_CONFIG for a format that cannot be inferred: today only "json" can. */
int codec_infer_new(struct str format, const struct codec_infer_options *options,
                    struct codec_infer **ret_infer, struct err *err);
void codec_infer_free(struct codec_infer *infer); /* NULL is fine */

/* Takes a message into account; keeps nothing of its memory.  False when it is bad: it is counted
 * and leaves no other trace.  A tombstone (value.ptr == NULL) is passed over. */
bool codec_infer_add(struct codec_infer *infer, struct str value);
/* As if the samples of `other` had come behind those of `infer`; `other` stays as it is. */
void codec_infer_merge(struct codec_infer *infer, const struct codec_infer *other);

uint64_t codec_infer_sample_count(const struct codec_infer *infer); /* bad ones too */
uint64_t codec_infer_bad_count(const struct codec_infer *infer);
/* At most 32; valid until the next add, merge or free. */
const struct codec_infer_note *codec_infer_notes(const struct codec_infer *infer,
                                                 size_t *ret_count);

/* The row type, a STRUCT in `arena`, all nullable; without fields when no sample had any. */
const struct type *codec_infer_type(const struct codec_infer *infer, struct arena *arena);

/*
 * The row type with the types of `hints` (a STRUCT) put in their places: the names of its fields
 * are paths, "a.b", "c.element.d" (of an array), "m.value" (of a map), a name with a point
 * between backticks.  Fields that are not there are appended; a name that is there in another
 * case keeps its spelling.  ERR_CONFIG for what is no path or leads nowhere.
 */
int codec_infer_hint(const struct type *row_type, const struct type *hints, struct arena *arena,
                     const struct type **ret_row_type, struct err *err);

struct codec_infer_paths {
    const struct str *items; /* as hints write them */
    size_t count;
};

/*
 * `have` with the fields that `found` has and it lacks, each at the end of its STRUCT; STRUCTs
 * inside of it, in arrays and in maps too.  What is there keeps its type, and a name that differs
 * from one only in case is not added.  `have` itself and no paths when there is nothing to add.
 */
const struct type *codec_infer_widen(const struct type *have, const struct type *found,
                                     struct arena *arena, struct codec_infer_paths *ret_added);

/* The fields of a row type as columns of a CREATE statement, one a line: "name TYPE,\n…". */
void codec_infer_print_columns(const struct type *row_type, struct buf *out);

#endif
