/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TOPIC_H
#define SIM_TOPIC_H

#include "plan/plan.h"

/*
 * topic - what was produced, and which row of the table each message is to become
 *
 * The topics of all streams are one struct: partitions of stream i are numbered from
 * i * TOPIC_STREAM_PARTITIONS on, here and in the table.  A message is known by epoch (0; 1 once
 * the topics were deleted and made again), partition and offset: its payload and its row follow
 * from these and from its kind.
 */
#define TOPIC_STREAMS           2
#define TOPIC_STREAM_PARTITIONS 4
#define TOPIC_MESSAGE_BYTES     150 /* maxMessageBytes of an odd generation */
#define TOPIC_PARTITIONS_MAX    (TOPIC_STREAMS * TOPIC_STREAM_PARTITIONS)

enum message_kind {
    MESSAGE_PLAIN,
    MESSAGE_TOMBSTONE, /* no value */
    MESSAGE_BAD,       /* no JSON */
    MESSAGE_BAD_FIELD, /* one field does not fit */
    MESSAGE_POISON,    /* decodes, but the SQL fails on it */
    MESSAGE_STUBBORN,  /* the SQL fails on it even as a row of NULLs */
    MESSAGE_LARGE,     /* more bytes than an odd generation takes */
    MESSAGE_FICKLE,    /* the SQL of an even generation fails on it */
    MESSAGE_GAP,       /* a control record, or compacted: never delivered */
};

/* How often which kind, in parts of 1000; the rest is plain. */
struct topic_mix {
    unsigned tombstone, bad, bad_field, poison, stubborn, large, fickle, gap;
};

struct topic {
    int epoch;
    int counts[TOPIC_STREAMS];                /* of partitions */
    VEC(uint8_t) kinds[TOPIC_PARTITIONS_MAX]; /* by offset, enum message_kind */
};

void topic_done(struct topic *topic);
/* A partition that is not there yet is added by its first message. */
void topic_produce(struct topic *topic, int partition, const struct topic_mix *mix,
                   struct rng *rng);
int64_t topic_end(const struct topic *topic, int partition);
/* MESSAGE_GAP where there is nothing. */
enum message_kind topic_kind(const struct topic *topic, int partition, int64_t offset);

/* The bytes of the value; false = a tombstone. */
bool topic_print_value(const struct topic *topic, int partition, int64_t offset, struct buf *out);

/* What the table is to have of a message. */
enum topic_row {
    TOPIC_ROW,     /* this row */
    TOPIC_NO_ROW,  /* nothing */
    TOPIC_LETTER,  /* nothing, but a dead letter */
    TOPIC_THE_END, /* the query does not go past it */
};
/* TOPIC_ROW: its line is appended to `out`. `generation` is that of the pipeline that reads it:
 * its schema and SQL decide what is bad. */
enum topic_row topic_print_row(const struct topic *topic, int partition, int64_t offset,
                               enum plan_bad_record on_bad_record, int generation, struct buf *out);
/* A row's line, as the simulated COPY writes it. `v` and `s` NULL = SQL NULL. */
void topic_print_line(int64_t partition, int64_t offset, const int64_t *v, struct str s,
                      struct buf *out);

#endif
