/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_INFER_TREE_H
#define CODEC_INFER_TREE_H

#include "codec/infer.h"
#include "codec/json_plan.h"

/*
 * infer_tree - what is known of values so far, a node for each place in a message
 */

/* In an order in which the join of two of one group is the later one. */
enum codec_infer_kind {
    INFER_NOTHING, /* only null, "" or nothing at all */
    INFER_BOOLEAN,
    INFER_BIGINT,
    INFER_DECIMAL, /* an integer beyond int64 */
    INFER_DOUBLE,
    INFER_DATE,
    INFER_TIMESTAMP,
    INFER_STRUCT,
    INFER_MAP,
    INFER_ARRAY,
    INFER_STRING, /* takes everything */
};

struct codec_infer_node {
    struct str name; /* of a field, in the arena */
    const struct codec_infer_node *parent;
    enum codec_infer_kind kind;
    uint8_t digits; /* DECIMAL: of the longest integer */
    /* STRUCT */
    struct codec_infer_node **fields;
    uint32_t field_count;
    uint32_t field_cap;
    uint32_t *slots; /* hash of the names, ASCII case folded: field + 1; 0 = free */
    uint32_t slot_count;
    uint32_t largest; /* members of the largest object */
    /* ARRAY: the elements; MAP: the values */
    struct codec_infer_node *element;
};

#define CODEC_INFER_NOTES_MAX 32

struct codec_infer_tree {
    struct codec_infer_options options; /* presets filled in */
    struct arena arena;
    struct codec_infer_node root;
    uint32_t node_count;
    uint64_t seed;
    struct codec_infer_note notes[CODEC_INFER_NOTES_MAX];
    size_t note_count;
};

struct codec_infer {
    struct codec_infer_tree tree;
    uint64_t sample_count;
    uint64_t bad_count;
    struct codec_json json; /* for scanning */
    uint64_t *open_objects;
};

/* The node takes a value of that kind into account; returns the kind it is then. */
enum codec_infer_kind codec_infer_tree_join(struct codec_infer_tree *t,
                                            struct codec_infer_node *node,
                                            enum codec_infer_kind kind, size_t digits);
/* The field of a STRUCT, made when it is new; a MAP's value.  NULL when the member is left out,
 * which a note tells.  The node may become a MAP by it. */
struct codec_infer_node *codec_infer_tree_member(struct codec_infer_tree *t,
                                                 struct codec_infer_node *node, struct str name);
/* The node of an ARRAY's elements or a MAP's values; NULL when there may be no more nodes. */
struct codec_infer_node *codec_infer_tree_element(struct codec_infer_tree *t,
                                                  struct codec_infer_node *node);
/* Takes all of `other` into account. */
void codec_infer_tree_merge(struct codec_infer_tree *t, struct codec_infer_node *node,
                            const struct codec_infer_node *other);
void codec_infer_tree_note(struct codec_infer_tree *t, const struct codec_infer_node *parent,
                           struct str name, const char *what);

/* A path's next name, between backticks when it could be misread. */
void codec_infer_tree_add_name(struct str name, struct buf *out);

/* infer_json.c: takes a message into account; false when it is bad. */
bool codec_infer_json_add(struct codec_infer *infer, struct str value);

#endif
