/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_PLAN_H
#define CODEC_JSON_PLAN_H

#include "codec/codec.h"
#include "codec/rows.h"

/*
 * json_plan - the row type made ready for decoding, and the state of one decoder
 */
#define CODEC_JSON_NO_FIELD UINT32_MAX

/* A field's name as it stands in a message, closing quote included. */
struct codec_json_name {
    char head[16]; /* its first bytes, zero-padded */
    uint32_t len;  /* bytes of the name */
    uint32_t mask; /* a bit for each byte of `head` that counts; 0 = never guess this name */
    const char *quoted;
};

/* How to decode a value of one type. */
struct codec_json_node {
    enum type_kind kind;
    const struct type *type;
    const struct codec_json_node *parent; /* NULL for the row */
    struct str name;                      /* within the parent */
    struct codec_json_node *children;     /* fields; element; key and value */
    size_t child_count;
    /* STRUCT */
    struct codec_json_name *names;
    uint32_t *next;  /* [f + 1]: the field that last came after field f; [0]: the first */
    uint32_t *slots; /* hash of names: field + 1, 0 = free */
    uint32_t slot_mask;
    uint64_t *seen; /* a bit a field: came in the object being decoded */
    size_t seen_words;
    /* ARRAY, MAP */
    uint64_t touched; /* number of the message that last wrote elements */
    struct codec_rows_keys keys;
};

struct codec_json {
    struct codec codec;
    struct arena memory; /* owns the plan */
    struct codec_json_node root;
    size_t node_count;
    size_t list_count;
    uint32_t depth_max;
    bool allow_nan;
    enum codec_epoch timestamp_unit;
    uint64_t hash_seed;
    uint64_t *open_objects; /* for skipping: a bit a level, 1 = object; depth_max bits */
    void *locale;           /* locale_t "C" */
    /* The message being decoded. */
    const char *start;
    const char *end; /* one past its last byte that is not white space, and that is '}' */
    struct arena *arena;
    uint32_t depth;
    bool has_bad_field;
    bool has_unknown;       /* set at the first unknown field, never cleared by the plain decoder */
    struct codec_rows rows; /* room for list_count marks */
    /* What is to be told of values that do not fit; last, to leave the rest as close as it is. */
    uint32_t rescued_field; /* of the row; no member of a message; NO_FIELD = none */
    struct codec_json_rescue *rescue;
    bool notice_unknown;
};

/* Builds j->root for the row type. ERR_CONFIG names the field that cannot be decoded. */
int codec_json_plan_init(struct codec_json *j, const struct type *row_type, struct err *err);
void codec_json_plan_done(struct codec_json *j);

/* Field of that name, CODEC_JSON_NO_FIELD when there is none. */
uint32_t codec_json_plan_find(const struct codec_json_node *node, struct str name);
/* The same with a NULL-able seed for keys chosen by strangers. */
uint64_t codec_json_plan_hash(struct str s, uint64_t seed);

/* "entity[].vehicle.trip_id", empty for the row. */
void codec_json_plan_path(const struct codec_json_node *node, struct buf *out);

#endif
