/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_PLAN_H
#define CODEC_PROTOBUF_PLAN_H

#include "codec/codec.h"
#include "codec/protobuf_schema.h"
#include "codec/rows.h"

/*
 * protobuf_plan - a row type and a message made ready for decoding, and the state of one decoder
 */

/* What is done with a field's value. */
enum codec_protobuf_op {
    /* One value, one store. */
    OP_COPY4,    /* float, sfixed32 */
    OP_COPY8,    /* double, sfixed64 */
    OP_VARINT4,  /* int32 as INT */
    OP_VARINT8,  /* int64 as BIGINT */
    OP_UVARINT4, /* uint32 as BIGINT */
    OP_BOOL,
    OP_STRING, /* as STRING */
    OP_BYTES,  /* bytes or string as BINARY */
    OP_SCALAR, /* all other kinds and columns: protobuf_scalar.c */
    /* Messages that become one value; what came in an earlier piece is kept. */
    OP_TIME,    /* Timestamp as TIMESTAMP(_NTZ), Duration as BIGINT µs */
    OP_WRAPPER, /* google.protobuf.Int32Value and its like */
    OP_TEXT,    /* a message as JSON text, written once all its pieces are there */
    OP_MESSAGE, /* as STRUCT */
    OP_LIST,
    OP_MAP,
    OP_CHECK, /* nobody wants it */
};

struct codec_protobuf_node;

/* The pieces of a message that is looked at when all are there. */
struct codec_protobuf_late {
    struct str piece;  /* the only one… */
    struct buf joined; /* …or all of them, when there are more: the same as if merged */
    size_t piece_count;
};

/* A field of a message, for decoding. */
struct codec_protobuf_entry {
    uint32_t tag; /* as it is usually written */
    uint8_t op;
    bool is_closed_enum; /* unknown numbers are unknown fields */
    uint16_t reserved;
    uint32_t column;                  /* child; UINT32_MAX = none */
    uint32_t oneof;                   /* index + 1; 0 = none */
    struct codec_protobuf_node *node; /* NULL = not in the row type */
    const struct codec_protobuf_field *field;
    struct codec_protobuf_late *late; /* TEXT, and messages nobody wants that may lack a field */
};

/* How to decode a value of one column type. */
struct codec_protobuf_node {
    uint8_t op;
    enum type_kind kind;
    const struct type *type;
    const struct codec_protobuf_field *field; /* NULL for the row */
    const struct codec_protobuf_node *parent; /* NULL for the row */
    struct str name;                          /* within the parent */
    struct codec_protobuf_node *children;     /* columns; element; key and value */
    size_t child_count;
    /* MESSAGE, and TIME, WRAPPER, TEXT: the message */
    const struct codec_protobuf_message *message;
    struct codec_protobuf_entry *entries; /* as message->fields, and one that no tag is like */
    uint64_t *seen;                       /* a bit an entry: came in the message being decoded */
    uint64_t *required;                   /* has to come */
    uint64_t *wanted;                     /* has a column */
    uint64_t *finished; /* needs a last look when it came: MESSAGE, TEXT, late checks */
    size_t words;
    const struct codec_protobuf_entry **oneofs; /* which member of each came last */
    bool has_required;                          /* a message in a column below may lack a field */
    /* TIME: what came so far */
    int64_t seconds;
    int32_t nanos;
    /* LIST, MAP */
    uint64_t touched; /* number of the message that last wrote elements */
    struct codec_rows_keys keys;
};

/* A value that had no place in its column. */
struct codec_protobuf_rescued {
    size_t path; /* offsets into rescue_text; each ends where the next begins */
    size_t value;
    size_t end;
    const char *reason;
};

/* A field of a message that is printed: protobuf_text.c. */
struct codec_protobuf_piece {
    const struct codec_protobuf_field *field;
    uint32_t tag;
    uint32_t order;
    const char *p; /* the value, behind its tag */
    const char *end;
};

struct codec_protobuf {
    struct codec codec;
    struct arena memory; /* owns the schema and the plan */
    struct codec_protobuf_schema schema;
    struct codec_protobuf_node root;
    size_t node_count;
    size_t list_count;
    uint32_t depth_max;
    bool emit_default_values;
    bool notice_unknown;
    bool lacks_columns; /* with notice_unknown: the message's description has more than the row */
    enum codec_epoch timestamp_unit;
    size_t rescued_column; /* of the row type; SIZE_MAX = none */
    uint64_t hash_seed;
    uint32_t *groups;      /* for skipping: open groups' numbers; depth_max */
    const char *group_end; /* where the closing tag of the last group that was skipped begins */
    /* The message being decoded. */
    const char *start;
    const char *end;
    struct arena *arena;
    uint32_t depth;
    bool has_bad_field;
    bool is_quiet;          /* faults are not written: a look at bytes that need not be good */
    struct codec_rows rows; /* room for list_count marks */
    bool rescues;           /* this message's rescued data is wanted */
    struct buf rescue_text;
    VEC(struct codec_protobuf_rescued) rescued;
    struct buf text;
    bool text_is_bad; /* a string in it is not UTF-8 */
    VEC(struct codec_protobuf_piece) pieces;
    size_t joined_bytes;
};

/*
 * Builds d->root for the message and the row type.  ERR_CONFIG names the column that the message
 * has not or that its field cannot become.
 */
int codec_protobuf_plan_init(struct codec_protobuf *d, const struct codec_protobuf_message *message,
                             const struct type *row_type, struct str rescued_column,
                             struct err *err);
void codec_protobuf_plan_done(struct codec_protobuf *d);

/* "entity[].vehicle.trip_id", empty for the row. */
void codec_protobuf_plan_path(const struct codec_protobuf_node *node, struct buf *out);

/* The columns that a field of the kind may become, for a person. */
bool codec_protobuf_plan_takes(const struct codec_protobuf_field *field, const struct type *type);

#endif
